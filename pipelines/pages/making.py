"""The verb: from a dataset to its page, and to the sample as COCO json beside it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.storage import Folder, StorageError
from pipelines.chain import unfinished
from pipelines.pages import coco, pictures, quality, sections
from pipelines.pages.coverage import coverage
from pipelines.pages.gallery import Gallery, frame, rejected
from pipelines.pages.html import Markup, tag
from pipelines.pages.numbers import Figures, Step, figures_of, steps_of
from pipelines.pages.page import render
from pipelines.pages.sample import Seen, sample
from pipelines.pages.sections import Section
from pipelines.pages.tables import table_2, table_3
from pipelines.pages.trouble import trouble
from pipelines.report import Report

PAGE, COCO, PICTURES = "report.html", "report.coco.json", "report.images"
BUDGET = 17 * 1024 * 1024  # bytes of pictures and their annotations: the whole page stays under 20 MB


@dataclass(frozen=True)
class Options:
    """What the page shows. Prices are of an hour, in any currency; `before` is an earlier state of the same images."""

    images: int = 48
    cpu_hour: float = 0.0
    gpu_hour: float = 0.0
    figures: Sequence[Path] = ()
    before: str | None = None


def report(out: Folder, options: Options) -> Report:
    """Write OUT/report.html, and the sample as OUT/report.coco.json with its pictures.

    Raises StorageError where OUT, or what the options name, is not what it should be.
    """
    started = time.time()
    steps = steps_of(out)
    if not steps[-1].ledgers:
        raise StorageError(
            f"{steps[-1].folder.url} has no finished shard: run `fld {steps[-1].command}` to its end first"
        )
    figures = quality.load_figures(out, [step.name for step in steps], options.figures)
    before = _before(Folder.at(options.before), steps[-1]) if options.before else None
    gallery, shown = _gallery(out, steps, before, options.images)
    parts = _sections(steps, figures, gallery, options)
    title = f"{_title(steps)}"
    lacks = [words for words in (unfinished(step.folder) for step in steps) if words]
    page = render(title, " ".join([_subtitle(steps[-1]), *(f"{words}." for words in lacks)]), parts, gallery.data())
    mark = out.write(PAGE, page.encode(errors="backslashreplace"))
    out.write_json(COCO, coco.coco(shown))
    made = Report("report")
    made.data = {
        "page": f"{out.url}/{PAGE}",
        "bytes": mark.size,
        "images": len(gallery.images),
        "seconds": time.time() - started,
    }
    made.lines = [
        f"{steps[-1].images:,} images, {len(gallery.images):,} of them shown, in {time.time() - started:.1f} s",
        f"open  {out.url}/{PAGE} ({mark.size / 1e6:.1f} MB)",
        f"or    {out.url}/{COCO}, COCO json of the sample, with {PICTURES}/",
    ]
    if lacks:
        made.data["unfinished"] = lacks
        made.lines += lacks
    return made


def _before(folder: Folder, last: Step) -> Step:
    """The last step of an earlier state; raises StorageError where it is one of other images."""
    step = steps_of(folder)[-1]
    if None not in (ours := last.about.get("dataset"), theirs := step.about.get("dataset")) and ours != theirs:
        raise StorageError(f"{step.folder.url} was made from other images than {last.folder.url}: nothing to compare")
    return step


def _gallery(out: Folder, steps: list[Step], before: Step | None, most: int) -> tuple[Gallery, list[Seen]]:
    gallery, shown = Gallery(BUDGET), list[Seen]()
    for some, rejects in sample(steps, before, most):
        for seen in some:
            picture = pictures.opened(seen.data)
            if gallery.add(seen, picture):
                seen.data = None  # the next shard needs the room
                shown.append(seen)
                if picture is not None:
                    coco.write_picture(out / PICTURES, seen, picture)
        for one in rejects:
            gallery.add_rejected(one)
    return gallery, shown


def _sections(
    steps: list[Step], figures: dict[str, dict[str, Any]], gallery: Gallery, options: Options
) -> list[Section]:
    last = steps[-1]
    numbers = figures_of(last)
    found = [
        Section("overview", "Overview", "What came out", sections.overview(steps)),
        Section("drops", "Drops", "What was added and dropped", sections.waterfall(steps)),
        Section("trouble", "Trouble", "Quarantine and faults", trouble(steps)),
    ]
    if figures:
        found.append(Section("quality", "Quality", "Label quality", quality.quality(figures)))
    found += [
        Section("gallery", "Gallery", "Gallery", frame(gallery)),
        Section("rejected", "Rejected", "Rejected, by reason", rejected(gallery, _dropped(steps))),
        Section("amounts", "FLD-5B", "Beside FLD-5B", _beside(last, numbers)),
        Section("shapes", "Shapes", "Where boxes lie", [_note(numbers), *sections.shapes(numbers)]),
        Section("names", "Categories", "Categories and their long tail", sections.categories(numbers)),
        Section("origins", "Scores", "Scores and origins", sections.scores(numbers)),
        Section("time", "Time", "Time and cost", sections.time(steps, options.cpu_hour, options.gpu_hour)),
    ]
    return [section for section in found if section.parts]


def _beside(last: Step, numbers: Figures) -> list[Markup]:
    spoken, texts = coverage(last)
    parts = [
        _note(numbers),
        tag("p", "A word is letters or digits of any script; the paper does not say what its tokens are."),
        table_2(numbers),
    ]
    if texts:
        say = (
            f"Of {texts:,} texts, by the parser of the text filters. Complexity is a word's degree in the dependency "
            "tree; how the paper tells parts of speech is unpublished, so its figures are a band and no target."
        )
        parts += [tag("p", say), table_3(spoken)]
    return parts


def _note(numbers: Figures) -> Markup:
    if not numbers.sampled:
        return Markup("")
    return tag("p", f"Measured on {numbers.images:,} images: the other ledgers hold no statistics.", class_="quiet")


def _dropped(steps: list[Step]) -> dict[tuple[str, str, str], int]:
    return {
        (stage["name"], rule, kind): count
        for step in steps
        for stage in step.books["stages"]
        for kind, rules in stage["dropped"].items()
        for rule, count in rules.items()
    }


def _title(steps: list[Step]) -> str:
    folder = steps[-1].folder.url.rpartition("/")[0] if len(steps) > 1 else steps[-1].folder.url
    return folder.rpartition("/")[2] or "Dataset"


def _subtitle(last: Step) -> str:
    now = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    shards = len(last.ledgers)
    count = f"{last.images:,} image{'s' * (last.images != 1)} in {shards:,} shard{'s' * (shards != 1)}"
    return f"{count}, as fld {last.command} left them. {now}."
