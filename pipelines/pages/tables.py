"""Tables: of anything, and FLD-5B's two with ours beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.records import GRANULARITIES
from pipelines.pages.html import Markup, tag
from pipelines.pages.numbers import Figures
from pipelines.pages.published import TABLE_2, TABLE_3, Published

NOTHING = "–"
TYPES = {"text": "Text", "region": "Region and text", "triplet": "Text, phrase and region"}


def number(value: float | None, digits: int = 0) -> str:
    """1,234 or 1,234.50; a dash for None."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """12.3 %, more digits where there are next to none."""
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{share:.2%}"


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, words: Sequence[int] = (0,), class_: str = ""
) -> Markup:
    """A table with a caption; the columns in `words` are read, the others are figures, to the right."""
    head = [tag("th", name, scope="col", class_=None if i in words else "figure") for i, name in enumerate(heads)]
    body = [tag("tr", [_cell(i, cell, i in words) for i, cell in enumerate(row)]) for row in rows]
    whole = tag("table", tag("caption", caption), tag("thead", tag("tr", head)), tag("tbody", body))
    # Focusable, so that one can scroll it sideways by keyboard on a narrow screen.
    return tag("div", whole, class_=f"scroll {class_}".strip(), tabindex=0, role="region", aria_label=caption)


def _cell(at: int, cell: Any, words: bool) -> Markup:
    if at == 0:
        return tag("th", cell, scope="row")
    return tag("td", cell, class_=None if words else "figure")


def table_2(figures: Figures) -> Markup:
    """FLD-5B's Table 2, each of ours above the paper's figure."""
    amounts = figures.of("amounts")
    rows, before = [], ""
    for paper in TABLE_2:
        key = f"{paper.type}.{paper.text}."
        ours = {name.removeprefix(key): count for name, count in amounts.items() if name.startswith(key)}
        if paper.annotations is None and not ours.get("annotations"):
            continue
        head = TYPES[paper.type] if paper.type != before else ""
        before = paper.type
        rows.append([head, paper.text.replace("_", " "), *_compared(_ours(paper.type, ours), paper)])
    heads = ("", "text", "image annotations", "words", "regions", "regions each", "words of a region")
    return table("Amounts: ours, and below them FLD-5B's", heads, rows, words=(0, 1), class_="compared full")


def _ours(type: str, counts: dict[str, int]) -> list[tuple[float | None, int]]:
    """Our figures of a row of Table 2, with their digits."""
    annotations, regions = counts.get("annotations", 0), counts.get("regions")
    labels = counts.get("regions" if type == "triplet" else "labels", 0)
    region_words = counts.get("region_words" if type == "triplet" else "words")
    return [
        (annotations, 0),
        (_mean(counts.get("words"), annotations) if type != "region" else None, 2),
        (regions if type != "text" else None, 0),
        (_mean(regions, annotations) if type != "text" else None, 2),
        (_mean(region_words, labels) if type != "text" else None, 2),
    ]


def _compared(ours: list[tuple[float | None, int]], paper: Published) -> list[Markup]:
    """Cells with ours above the paper's; empty where the table has no figure of that sort."""
    millions = {0, 2}
    cells = []
    for at, ((value, digits), theirs) in enumerate(zip(ours, paper[2:], strict=True)):
        said = f"{theirs:,.0f}M" if theirs and at in millions else number(theirs, 2)
        both = [tag("span", number(value, digits)), tag("span", said, class_="paper")]
        cells.append(tag("div", both if value is not None or theirs is not None else ""))
    return cells


def _mean(total: float | None, count: int) -> float | None:
    return total / count if total is not None and count else None


def table_3(coverage: dict[str, dict[str, float | None]]) -> Markup:
    """FLD-5B's Table 3: what a text of each granularity holds, by `coverage[granularity][row]`."""
    rows = []
    for name, theirs in TABLE_3.items():
        cells = [
            tag("div", tag("span", number(coverage[kind].get(name), 2)), tag("span", number(value, 2), class_="paper"))
            for kind, value in zip(GRANULARITIES, theirs, strict=True)
        ]
        rows.append([name, *cells])
    heads = ("in a text", *(kind.replace("_", " ") for kind in GRANULARITIES))
    return table("What texts speak of: ours, and below them FLD-5B's", heads, rows, class_="compared")
