"""The shape of one COCO annotation, checked as a whole before any of it reaches the columns."""

from __future__ import annotations

import math
import reprlib
from array import array
from typing import Any, NamedTuple

import numpy as np

from engine import geometry
from engine.sources.coco_json import Malformed
from engine.sources.upright import fills

_SIDE = 2**31  # what a mask's size is stored in


class Shape(NamedTuple):
    """A region's coordinates as float32, which is how the record has them."""

    box: array[float]  # xyxy
    rings: list[array[float]] | None
    mask: dict[str, Any] | None
    no_rings: list[str]  # what was left out of the rings


def shape_of(one: dict[str, Any]) -> Shape:
    """The box, polygons or mask of an annotation. Raises one of coco_json.FAULTS where they are none."""
    given = one.get("segmentation") or None
    if given is None:
        return Shape(_box(one.get("bbox"), None, None), None, None, [])
    if isinstance(given, dict):
        mask = _mask(given)
        return Shape(_box(one.get("bbox"), None, mask), None, mask, [])
    if not isinstance(given, list):
        raise Malformed(f"its segmentation is {reprlib.repr(given)}")
    rings, no_rings = _rings(given if isinstance(given[0], list) else [given])
    return Shape(_box(one.get("bbox"), rings, None), rings or None, None, no_rings)


def _rings(given: list[Any]) -> tuple[list[array[float]], list[str]]:
    """The outlines among the lists of numbers, and what the others are."""
    rings, others = [], []
    for numbers in given:
        ring = _numbers(numbers, "segmentation")
        if len(ring) % 2 or len(ring) < 6:
            others.append(f"{len(ring)} numbers")
        else:
            rings.append(ring)
    return rings, others


def _mask(given: dict[str, Any]) -> dict[str, Any]:
    mask = geometry.compress_rle(given)
    if not all(0 < side < _SIDE for side in mask["size"]):
        raise Malformed(f"its mask has the size {reprlib.repr(mask['size'])}")
    return mask


def _box(given: Any, rings: list[array[float]] | None, mask: dict[str, Any] | None) -> array[float]:
    """The box that the annotation has, or the one around its rings or mask."""
    if given:
        if not isinstance(given, list) or len(given) != 4:
            raise Malformed(f"its bbox is {reprlib.repr(given)}, not four numbers")
        x, y, width, height = _numbers(given, "bbox", "d")
        return _numbers([x, y, x + width, y + height], "bbox")
    if rings:
        points = np.concatenate([np.asarray(ring) for ring in rings]).reshape(-1, 2)
        return array("f", [*points.min(axis=0), *points.max(axis=0)])
    if mask:
        if not fills(mask, *mask["size"][::-1]):  # it has no box until it is decoded
            raise Malformed("it has no bbox, and the runs of its mask do not fill the mask's size")
        return array("f", geometry.rle_box(mask))
    raise Malformed("it has neither a caption, nor a bbox, nor a segmentation")


def _numbers(given: Any, name: str, kind: str = "f") -> array[float]:
    """A list of finite numbers; float32 turns what is too great for it into infinity."""
    try:
        numbers: array[float] = array(kind, given)
    except (TypeError, OverflowError) as error:
        raise Malformed(f"its {name} is {reprlib.repr(given)}: {error}") from error
    if not math.isfinite(sum(numbers)):
        raise Malformed(f"its {name} has a coordinate that is NaN or infinite")
    return numbers
