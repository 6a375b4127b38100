"""The page's sections but for the gallery, in their order; each is markup that reads without any script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine import records
from engine.statistics import AREA, ASPECT, CENTRE, GROUNDED
from pipelines.pages import charts
from pipelines.pages.html import Markup, tag
from pipelines.pages.numbers import Fall, Figures, Step, falls, spent
from pipelines.pages.tables import NOTHING, number, percent, table

OFTEN = 24  # categories shown by name
KINDS = {"object": "objects", "text": "written lines", "proposal": "proposals", GROUNDED: "named by a phrase"}


@dataclass(frozen=True)
class Section:
    """A part of the page; `short` is its name in the menu."""

    id: str
    short: str
    title: str
    parts: Sequence[Markup]


def overview(steps: Sequence[Step]) -> list[Markup]:
    """Headline numbers, and that the books balance."""
    last = steps[-1].books
    tiles = [("images", number(last["images"]))]
    for kind in records.BOOKED:
        if count := sum(last["annotations"][kind].values()):
            tiles.append((kind, number(count)))
    added, dropped = _turnover(steps)
    if added:
        tiles.append(("of all annotations dropped", percent(dropped / added)))
    if faults := sum(sum(step.books["faults"].values()) for step in steps[-1:]):
        tiles.append(("faults", number(faults)))
    parts = [tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in tiles], class_="tiles")]
    first = steps[0].books
    if "inputs" in first:
        parts.append(
            tag(
                "p", f"{first['inputs']:,} inputs = {first['images']:,} images + {first.get('duplicates', 0):,} "
                f"duplicates + {first.get('quarantined', 0):,} quarantined.",
            )
        )  # fmt: skip
    return [*parts, _kinds(last)]


def _turnover(steps: Sequence[Step]) -> tuple[int, int]:
    """How many annotations there ever were, and how many of them were dropped."""
    added = dropped = 0
    for kind in records.ANNOTATIONS:
        came, each, _ = falls(steps, kind)
        added += came + sum(fall.count for fall in each if fall.count > 0)
        dropped -= sum(fall.count for fall in each if fall.count < 0)
    return added, dropped


def _kinds(books: dict[str, Any]) -> Markup:
    groups = {group: counts for group, counts in books["annotations"].items() if counts and group != "human"}
    images = max(books["images"], 1)
    rows = [
        [group if at == 0 else "", kind.replace("_", " "), number(count), number(count / images, 2)]
        for group, counts in groups.items()
        for at, (kind, count) in enumerate(counts.items())
    ]
    return table("What is there", ("", "kind", "count", "per image"), rows, words=(0, 1))


def waterfall(steps: Sequence[Step]) -> list[Markup]:
    """Each kind of annotation from where it came in to what is left, a bar a rule."""
    parts = []
    for kind in records.BOOKED:
        came, each, left = falls(steps, kind)
        if each or came:
            parts.append(_waterfall(kind, came, each, left))
    return parts or [tag("p", "No stage has added or dropped an annotation yet.")]


def _waterfall(kind: str, came: int, each: Sequence[Fall], left: int) -> Markup:
    level, top, rows = came, came, []
    for fall in each:
        level += fall.count
        top = max(top, level)
    top, level = max(top, 1), came
    if came:
        rows.append(["came in with the images", "", number(came), charts.bar(came / top)])
    for fall in each:
        start = min(level, level + fall.count)
        class_ = "bar gain" if fall.count > 0 else "bar loss"
        what = tag(
            "span",
            fall.rule or fall.stage,
            tag("span", f" {fall.stage}", class_="quiet") if fall.rule not in ("", fall.stage) else "",
        )
        bar = charts.bar(max(abs(fall.count) / top, 0.004), start / top, class_)
        rows.append([what, fall.step, f"{'+' if fall.count > 0 else '−'}{abs(fall.count):,}", bar])
        level += fall.count
    rows.append(["left", "", number(left), charts.bar(left / top)])
    return table(
        kind.capitalize(), ("added by, dropped by", "step", "count", ""), rows, words=(0, 1, 3), class_="falls"
    )


def shapes(figures: Figures) -> list[Markup]:
    """Figure 5: box area, aspect ratio and centre, by kind of region."""
    kinds = [kind for kind in KINDS if figures.of(f"area:{kind}")]
    if not kinds:
        return [tag("p", "There are no regions.")]
    octaves = [(i * 8, f"1/{2 ** int(-AREA[i * 8]):,}") for i in range(4)]
    area = charts.histogram(
        {kind: figures.of(f"area:{kind}") for kind in kinds}, len(AREA) - 1, [*octaves, (32, "all of it")],
        f"Share of regions by box area as a share of the image, {_spoken(figures, 'area', kinds)}",
    )  # fmt: skip
    ratios = [(i * 8, name) for i, name in enumerate(("1:16", "1:4", "1:1", "4:1", "16:1"))]
    aspect = charts.histogram(
        {kind: figures.of(f"aspect:{kind}") for kind in kinds}, len(ASPECT) - 1, ratios,
        f"Share of regions by width to height, {_spoken(figures, 'aspect', kinds)}",
    )  # fmt: skip
    maps = [
        tag(
            "figure",
            charts.heat(figures.of(f"centre:{kind}"), CENTRE, f"Where the centres of boxes lie: {KINDS[kind]}"),
            tag("figcaption", f"centres, {KINDS[kind]}"),
        )
        for kind in kinds
    ]
    legend = tag("p", [tag("span", KINDS[kind], class_=f"key kind-{kind}") for kind in kinds], class_="legend")
    wide = [_figure(area, "Box area, share of the image (log)"), _figure(aspect, "Width to height (log)")]
    return [legend, tag("div", wide, class_="pair"), tag("div", maps, class_="maps")]


def _figure(chart: Markup, caption: str) -> Markup:
    return tag("figure", chart, tag("figcaption", caption))


def _spoken(figures: Figures, group: str, kinds: Sequence[str]) -> str:
    """Where the middle of each histogram lies, for who cannot see it."""
    edges = AREA if group == "area" else ASPECT
    middles = []
    for kind in kinds:
        counts = sorted((int(at), count) for at, count in figures.of(f"{group}:{kind}").items())
        half, seen = sum(count for _, count in counts) / 2, 0
        for at, count in counts:
            seen += count
            if seen >= half:
                middles.append(f"{KINDS[kind]}: median {2 ** edges[at]:.3g}")
                break
    return "; ".join(middles)


def categories(figures: Figures) -> list[Markup]:
    """What objects are called, the commonest by name and the rest as a curve."""
    names = sorted(figures.of("names").items(), key=lambda item: (-item[1], item[0]))
    if not names:
        return [tag("p", "No object has a name.")]
    total, most = sum(count for _, count in names), names[0][1]
    once = sum(count == 1 for _, count in names)
    rows = [[name, charts.bar(count / most), number(count), percent(count / total)] for name, count in names[:OFTEN]]
    head = sum(count for _, count in names[: max(len(names) // 10, 1)])
    say = (
        f"{len(names):,} names for {total:,} objects; {once:,} names come once. "
        f"The commonest tenth of the names has {percent(head / total)} of the objects."
    )
    curve = charts.tail(
        [count for _, count in names], f"How often each name comes, by rank: from {most:,} to {names[-1][1]:,}"
    )
    parts = [
        table(
            f"The {min(OFTEN, len(names))} commonest",
            ("name", "", "objects", "share"),
            rows,
            words=(0, 1),
            class_="full",
        ),
        tag("div", _figure(curve, "Objects of a name, by its rank (both log)")),
    ]
    return [tag("p", say), tag("div", parts, class_="pair uneven")]


def scores(figures: Figures) -> list[Markup]:
    """How sure their makers are of annotations."""
    kinds = {kind: figures.of(f"score:{kind}") for kind in records.ANNOTATIONS if figures.of(f"score:{kind}")}
    if not kinds:
        return []
    ticks = [(0.0, "0"), (5.0, "0.25"), (10.0, "0.5"), (15.0, "0.75"), (20.0, "1")]
    chart = charts.histogram(kinds, 20, ticks, f"Share of annotations by score: {', '.join(kinds)}")
    legend = tag("p", [tag("span", kind, class_=f"key kind-{kind}") for kind in kinds], class_="legend")
    rows = [
        [model, kind, turn, number(count)]
        for (kind, turn, model), count in sorted(
            ((name.split(" ", 2), count) for name, count in figures.of("origins").items()), key=lambda row: row[0]
        )
    ]
    origins = table("Who made them", ("model", "kind", "round", "count"), rows, words=(0, 1))
    return [tag("div", tag("div", legend, _figure(chart, "Scores of what is left")), origins, class_="pair")]


def time(steps: Sequence[Step], cpu_hour: float, gpu_hour: float) -> list[Markup]:
    """Seconds, images/s, and the price of 1,000 images by stage."""
    rows, total, each, priced = [], 0.0, spent(steps), bool(cpu_hour or gpu_hour)
    longest = max((one.seconds / max(one.images, 1) for one in each), default=0) or 1
    for one in each:
        price = one.price(cpu_hour, gpu_hour)
        total += price
        rate = one.images / one.seconds if one.seconds else None
        rows.append(
            [
                one.stage or one.step, one.step, number(one.images), number(one.seconds, 1 if one.seconds >= 1 else 2),
                number(rate, 1 if rate and rate < 1000 else 0),
                charts.bar(one.seconds / max(one.images, 1) / longest), f"{one.cpus:g}", f"{one.gpus:g}",
                _price(price) if priced else NOTHING,
            ]
        )  # fmt: skip
    say = (
        f"At {cpu_hour:g} per CPU-hour and {gpu_hour:g} per GPU-hour, 1,000 images cost {_price(total)}."
        if priced
        else "Give --cpu-hour and --gpu-hour to see what 1,000 images cost."
    )
    heads = ("stage", "step", "images", "seconds", "images/s", "time an image", "CPUs", "GPUs", "cost of 1,000")
    body = table("Seconds of one worker, summed over shards", heads, rows, words=(0, 1, 5), class_="full")
    return [tag("p", say), body]


def _price(value: float) -> str:
    """Three digits that say something."""
    return f"{value:,.2f}" if value >= 10 else f"{value:.3g}" if value >= 0.001 else "< 0.001"
