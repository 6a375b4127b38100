"""What the tasks carry: texts, and texts that belong to a place; and their coordinates in pixels or in bins.

A bin is a thousandth of the image's width (of x) or height (of y): bin = floor(x / (width / 1000)), at most 999,
and stands for its centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine import geometry
from florence.codec.markup import BINS

Coordinates = tuple[float, ...]
Size = tuple[float, float]  # of an image: width, height in pixels


@dataclass(frozen=True)
class Text:
    """A text about the whole image, or about what was asked."""

    text: str


@dataclass(frozen=True)
class Box:
    """A box x0, y0, x1, y1 with its label, which may be empty."""

    text: str
    box: Coordinates


@dataclass(frozen=True)
class Outline:
    """One instance: its polygons x0, y0, x1, y1 .. of at least three points without a closing one; its label."""

    text: str
    polygons: tuple[Coordinates, ...]


@dataclass(frozen=True)
class Quad:
    """A written text in its quad x0, y0 .. x3, y3, clockwise from the top-left corner of the text."""

    text: str
    quad: Coordinates


Item = Text | Box | Outline | Quad


def to_bins(item: Item, size: Size) -> Item:
    """An item in pixels as one in bins, whole numbers from 0 to 999; raises ValueError for what is no number."""
    width, height = (_per_bin(side) for side in size)
    return _moved(item, lambda value, x: _bin(value, width if x else height))


def to_pixels(item: Item, size: Size) -> Item:
    """An item in bins as one in pixels, at the centres of its bins."""
    width, height = (_per_bin(side) for side in size)
    return _moved(item, lambda value, x: (value + 0.5) * (width if x else height))


def canonical(item: Item) -> Item:
    """The item with its box from top left to bottom right, its polygons clockwise from the same first point."""
    match item:
        case Box(box=(x0, y0, x1, y1)):
            return replace(item, box=(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
        case Outline(polygons=polygons):
            return replace(item, polygons=tuple(_clockwise(ring) for ring in polygons))
    return item


def coordinates(item: Item) -> Coordinates:
    """All of an item's coordinates, x and y by turns."""
    match item:
        case Box(box=box):
            return box
        case Quad(quad=quad):
            return quad
        case Outline(polygons=polygons):
            return tuple(value for ring in polygons for value in ring)
    return ()


def _moved(item: Item, move: Callable[[float, bool], float]) -> Item:
    """The item with each coordinate moved by a function of it and of whether it is an x."""

    def each(values: Coordinates) -> Coordinates:
        return tuple(move(value, at % 2 == 0) for at, value in enumerate(values))

    match item:
        case Box(box=box):
            return replace(item, box=each(box))
        case Quad(quad=quad):
            return replace(item, quad=each(quad))
        case Outline(polygons=polygons):
            return replace(item, polygons=tuple(map(each, polygons)))
    return item


def _per_bin(side: float) -> float:
    if not 0 < side < math.inf:
        raise ValueError(f"an image cannot be {side} pixels wide or high")
    return side / BINS


def _bin(value: float, per_bin: float) -> int:
    if math.isnan(value):
        raise ValueError("a coordinate is not a number")
    return math.floor(min(max(value / per_bin, 0), BINS - 1))


def _clockwise(ring: Coordinates) -> Coordinates:
    return tuple(geometry.clockwise(np.asarray(ring)).ravel().tolist())
