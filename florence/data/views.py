"""One image seen anew: mirrored, or without some of its margin, with all that is said of it still true.

A view keeps every region whole: a crop takes margin alone, so that no text, count or phrase loses what it names, as far
as a region shows it. None is taken where a text says a place in the image. An image with writing is never mirrored, and
the texts of one that is have left and right exchanged; where that cannot be done for sure, it is not mirrored either.
Ours, all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import geometry
from florence.codec import BINS
from florence.data.settings import DataSettings
from florence.data.sides import mirrored

Row = Mapping[str, Any]
Window = tuple[int, int, int, int]  # x0, y0, x1, y1 in whole pixels of the upright image

# A crop moves what is in a corner, but not what is left of something.
_PLACED = re.compile(
    r"\b(?:(?:left|right)(?! of\b)|top|bottom|upper|lower|cent(?:er|re)|middle|corner|edge|border|frame|side|"
    r"foreground|background|distance|close[- ]?up)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class View:
    """A window of an image, and whether it is mirrored after that."""

    window: Window
    mirror: bool


def view(row: Row, settings: DataSettings, numbers: Sequence[float]) -> tuple[View, Row]:
    """A view of a record, decided by six numbers from 0 to 1, and the record of what is seen in it."""
    whole = (0, 0, int(row["width"]), int(row["height"]))
    window = _window(row, whole, settings.crop_margin, numbers[2:6]) if numbers[0] < settings.crop else whole
    turned = _turned(row) if numbers[1] < settings.mirror else None
    seen = View(window, turned is not None)
    return seen, row if seen == View(whole, False) else _placed(turned or row, seen)


def _window(
    row: Row, whole: tuple[int, int, int, int], most: float, cuts: Sequence[float]
) -> tuple[int, int, int, int]:
    """The image without parts of the margin around all regions; the whole where nothing is known of what is in it."""
    if not row["regions"] or any(_PLACED.search(text) for text in _texts(row)):
        return whole
    boxes = np.array([region["box"] for region in row["regions"]])
    low, high = np.floor(boxes[:, :2].min(axis=0)), np.ceil(boxes[:, 2:].max(axis=0))
    x0, y0 = (int(most * cut * side) for cut, side in zip(cuts[:2], low, strict=True))
    x1, y1 = (
        end - int(most * cut * max(end - side, 0)) for cut, end, side in zip(cuts[2:], whole[2:], high, strict=True)
    )
    return x0, y0, x1, y1


def _turned(row: Row) -> dict[str, Any] | None:
    """The record with the texts of its mirrored image, or None where it has none."""
    if any(_written(region) for region in row["regions"]):
        return None
    texts: list[Row] = []
    spans: dict[str, list[int]] = {}
    for text in row["texts"]:
        of_text = [phrase for phrase in row["phrases"] if phrase["text_id"] == text["id"]]
        made = mirrored(text["text"], [place for phrase in of_text for place in (phrase["start"], phrase["end"])])
        if made is None:
            return None
        texts.append({**text, "text": made[0]})
        spans |= {phrase["id"]: made[1][2 * at : 2 * at + 2] for at, phrase in enumerate(of_text)}
    regions = []
    for region in row["regions"]:
        named = [mirrored(label["text"]) for label in region["labels"]]
        if None in named:
            return None
        labels = [{**label, "text": made[0]} for label, made in zip(region["labels"], named, strict=True) if made]
        regions.append({**region, "labels": labels})
    phrases = [{**phrase, "start": spans[phrase["id"]][0], "end": spans[phrase["id"]][1]} for phrase in row["phrases"]]
    return {**row, "texts": texts, "regions": regions, "phrases": phrases}


def _written(region: Row) -> bool:
    return region["kind"] == "text" or any(label["granularity"] == "ocr" for label in region["labels"])


def _placed(row: Row, seen: View) -> dict[str, Any]:
    """The record with the size of what is seen, and its regions where they are there."""
    x0, y0, x1, y1 = seen.window
    regions = [_moved(region, row, seen) for region in row["regions"]]
    return {**row, "width": x1 - x0, "height": y1 - y0, "regions": regions}


def _moved(region: Row, row: Row, seen: View) -> dict[str, Any]:
    polygons = region["polygons"]
    if not polygons and region["mask"]:
        # As the codec would: no finer than a bin.
        tolerance = max(row["width"], row["height"]) / BINS
        polygons = [ring.ravel().tolist() for ring in geometry.rle_to_rings(region["mask"], tolerance)]
    box = _points(region["box"], seen)
    if seen.mirror:
        box = [box[2], box[1], box[0], box[3]]
    return {
        **region, "box": box, "mask": None,
        "quad": region["quad"] and _points(region["quad"], seen),
        "polygons": polygons and [_points(ring, seen) for ring in polygons],
    }  # fmt: skip


def _points(values: Sequence[float], seen: View) -> list[float]:
    """Coordinates x, y by turns in pixels of the image, as those of what is seen."""
    x0, y0, x1, _ = seen.window
    if seen.mirror:
        return [x1 - value if at % 2 == 0 else value - y0 for at, value in enumerate(values)]
    return [value - (x0 if at % 2 == 0 else y0) for at, value in enumerate(values)]


def _texts(row: Row) -> list[str]:
    labels = [label["text"] for region in row["regions"] for label in region["labels"]]
    return [text["text"] for text in row["texts"]] + labels
