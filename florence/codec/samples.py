"""One record to all samples that its annotations allow.

Which annotation serves which task is ours, after the three kinds of FLD-5B (Xiao et al., arXiv 2311.06242, section
4): a region's category phrase is its name, its brief text its description. Crowds and blank texts serve none. A
sample's score is the mean of the scores of what is in it; what has none, as a person's, does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from engine import geometry
from florence.codec.items import Box, Item, Outline, Quad, Size, Text
from florence.codec.markup import BINS
from florence.codec.prompts import prompt
from florence.codec.tasks import Task
from florence.codec.writing import arranged, encode

CAPTIONS = {
    "brief": Task.CAPTION,
    "detailed": Task.DETAILED_CAPTION,
    "more_detailed": Task.MORE_DETAILED_CAPTION,
}

Row = Mapping[str, Any]
Score = float | None
Draft = tuple[Task, Sequence[Item], Sequence[Item], Iterable[Score]]  # task, asked, answered, scores


@dataclass(frozen=True)
class Sample:
    """What the model is given and is to write; `cut` is how many items a budget left out."""

    task: Task
    prompt: str
    target: str
    score: Score
    cut: int = 0


def samples(record: Row, count: Callable[[str], int] | None = None, budget: int | None = None) -> list[Sample]:
    """A record, one row as a dict, as its samples, always in the same order.

    With `count`, the tokens of a string, and a `budget`, targets are cut as `encode` does it; a sample is left out
    whose prompt does not fit, or of whose answer nothing does.
    """
    size = (float(record["width"]), float(record["height"]))
    made = []
    for task, ask, answer, scores in drafts(record, size):
        words = prompt(task, ask, size)
        if count is not None and budget is not None and count(words) > budget:
            continue
        target = encode(task, answer, size, count, budget)
        if target.kept:
            made.append(Sample(task, words, target.text, mean(scores), target.cut))
    return made


def drafts(record: Row, size: Size) -> Iterator[Draft]:
    """What a record's annotations allow, not written yet, always in the same order; `size` is its image's, in px."""
    regions = [region for region in record["regions"] or () if not region["crowd"]]
    texts = [text for text in record["texts"] or () if text["text"].strip()]
    phrases = _phrases(record["phrases"] or (), texts, regions)
    shapes = {region["id"]: shape for region in regions if (shape := _shape(region, size))}
    yield from _captions(texts)
    yield from _detections(regions)
    yield from _groundings(texts, phrases)
    yield from _expressions(phrases, shapes)
    yield from _regions(regions, shapes)
    yield from _readings([region for region in regions if region["kind"] == "text"], size)


def _captions(texts: Sequence[Row]) -> Iterator[Draft]:
    for text in texts:
        yield CAPTIONS[text["granularity"]], (), [Text(text["text"])], [text["score"]]


def _detections(regions: Sequence[Row]) -> Iterator[Draft]:
    """All objects by their names, by their descriptions, and without; and by the names as a vocabulary."""
    places = [region for region in regions if region["kind"] != "text"]
    named = _labelled(places, "phrase")
    boxes = [Box(label["text"], tuple(region["box"])) for region, label in named]
    scores = [region["score"] for region, _ in named]
    if boxes:
        yield Task.OD, (), boxes, scores
    if described := _labelled(places, "brief"):
        answer = [Box(label["text"], tuple(region["box"])) for region, label in described]
        yield Task.DENSE_REGION_CAPTION, (), answer, [region["score"] for region, _ in described]
    if places:
        answer = [Box("", tuple(region["box"])) for region in places]
        yield Task.REGION_PROPOSAL, (), answer, [region["score"] for region in places]
    if boxes:
        names = dict.fromkeys(sorted(box.text for box in boxes))
        yield Task.OPEN_VOCABULARY_DETECTION, [Text(name) for name in names], boxes, scores


def _groundings(texts: Sequence[Row], phrases: Sequence[tuple[Row, str, list[Row]]]) -> Iterator[Draft]:
    """Each text with its phrases' boxes, in the order of the text."""
    for text in texts:
        of_text = [phrase for phrase in phrases if phrase[0]["text_id"] == text["id"]]
        of_text.sort(key=lambda phrase: (phrase[0]["start"], phrase[0]["end"]))
        answer = [Box(said, tuple(region["box"])) for _, said, named in of_text for region in named]
        if answer:
            scores = [phrase["score"] for phrase, _, _ in of_text]
            yield Task.CAPTION_TO_PHRASE_GROUNDING, [Text(text["text"])], answer, scores


def _expressions(
    phrases: Sequence[tuple[Row, str, list[Row]]], shapes: Mapping[str, tuple[Any, ...]]
) -> Iterator[Draft]:
    """Each expression once, with all that its phrases name: as boxes, and as outlines where all have one."""
    for said in dict.fromkeys(said for _, said, _ in phrases):
        same = [phrase for phrase in phrases if phrase[1] == said]
        regions = {region["id"]: region for _, _, named in same for region in named}
        scores = [phrase["score"] for phrase, _, _ in same]
        boxes = [Box(said, tuple(region["box"])) for region in regions.values()]
        yield Task.OPEN_VOCABULARY_DETECTION, [Text(said)], boxes, scores
        if all(id in shapes for id in regions):
            outlines = [Outline("", shapes[id]) for id in regions]
            yield Task.REFERRING_EXPRESSION_SEGMENTATION, [Text(said)], outlines, scores


def _regions(regions: Sequence[Row], shapes: Mapping[str, tuple[Any, ...]]) -> Iterator[Draft]:
    """Each region's shape, name, description and writing."""
    for region in regions:
        if region["kind"] != "text" and region["id"] in shapes:
            outline = [Outline("", shapes[region["id"]])]
            yield Task.REGION_TO_SEGMENTATION, [_box(region)], outline, [region["score"]]
    for task, granularity in (
        (Task.REGION_TO_CATEGORY, "phrase"),
        (Task.REGION_TO_DESCRIPTION, "brief"),
        (Task.REGION_TO_OCR, "ocr"),
    ):
        for region, label in _labelled(regions, granularity):
            yield task, [_box(region)], [Text(label["text"])], [region["score"], label["score"]]


def _readings(regions: Sequence[Row], size: Size) -> Iterator[Draft]:
    """All that is written, line by line from the top; and each line with its quad."""
    lines = _labelled(regions, "ocr")
    quads: list[Item] = [Quad(label["text"], _quad(region)) for region, label in lines]
    if quads:
        scores = [label["score"] for _, label in lines]
        # A newline between the lines is ours: the paper does not say.
        page = "\n".join(quad.text for quad in arranged(Task.OCR_WITH_REGION, quads))
        yield Task.OCR, (), [Text(page)], scores
        yield Task.OCR_WITH_REGION, (), quads, scores


def _labelled(regions: Iterable[Row], granularity: str) -> list[tuple[Row, Row]]:
    """The regions that have a label of this granularity, with it: the chosen one, else the first."""
    found = []
    for region in regions:
        labels = region["labels"] or ()
        best = labels[region["best"] : region["best"] + 1] if region["best"] is not None else ()
        for label in chain(best, labels):
            if label["granularity"] == granularity and label["text"].strip():
                found.append((region, label))
                break
    return found


def _phrases(phrases: Iterable[Row], texts: Iterable[Row], regions: Iterable[Row]) -> list[tuple[Row, str, list[Row]]]:
    """Each phrase that names a region, what it says, and its regions."""
    said = {text["id"]: text["text"] for text in texts}
    known = {region["id"]: region for region in regions}
    found = []
    for phrase in phrases:
        words = said.get(phrase["text_id"], "")[phrase["start"] : phrase["end"]]
        named = [known[id] for id in phrase["region_ids"] or () if id in known]
        if words.strip() and named:
            found.append((phrase, words, named))
    return found


def _shape(region: Row, size: Size) -> tuple[tuple[float, ...], ...]:
    """A region's polygons, or its mask's, no finer than a bin; none where it has neither."""
    if region["polygons"]:
        rings = [tuple(ring) for ring in region["polygons"]]
    elif region["mask"]:
        rings = [tuple(ring.ravel().tolist()) for ring in geometry.rle_to_rings(region["mask"], max(size) / BINS)]
    else:
        rings = []
    return tuple(ring for ring in rings if len(ring) >= 6 and len(ring) % 2 == 0)


def _box(region: Row) -> Box:
    return Box("", tuple(region["box"]))


def _quad(region: Row) -> tuple[float, ...]:
    """A region's quad, or its box as one."""
    if region["quad"]:
        return tuple(region["quad"])
    x0, y0, x1, y1 = region["box"]
    return x0, y0, x1, y0, x1, y1, x0, y1


def mean(scores: Iterable[Score]) -> Score:
    """A sample's score, of those of what is in it."""
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None
