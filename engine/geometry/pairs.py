"""Which shapes overlap, and how: pairs of many images in one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import shapely

from engine.geometry.arrays import floats, ratio
from engine.geometry.boxes import box_areas, pair_intersections
from engine.geometry.quads import polygons, quads_to_boxes

# How many pairs of boxes are compared at once: few enough for the arrays to stay in the processor's cache.
PAIRS_AT_ONCE = 1 << 15

# What may be left out without a closer look is judged by a bound this much looser, for rounding's sake.
NEARLY = 1 - 1e-9


class Overlaps(NamedTuple):
    """p pairs of shapes that overlap."""

    first: np.ndarray  # int64 (p,): indices
    second: np.ndarray
    iou: np.ndarray  # float64 (p,), above 0
    inside: np.ndarray  # float64 (p,): intersection over the smaller area
    size: np.ndarray  # float64 (p,): the smaller area over the larger

    def only(self, chosen: np.ndarray) -> Overlaps:
        """Those chosen: bool (p,)."""
        at = np.flatnonzero(chosen)
        return Overlaps(*(part.take(at) for part in self))


def box_overlaps(boxes: np.ndarray, groups: np.ndarray, sources: np.ndarray, iou: float) -> Overlaps:
    """All pairs of boxes (n, 4) of one group but of two sources that have an IoU of at least `iou`; each once.

    groups and sources are int (n,), in any order.
    """
    sides, areas = np.ascontiguousarray(floats(boxes, 4).T), box_areas(boxes)
    found = []
    for i, j in _candidates(sides, groups, sources, share=iou):
        found.append(_measured(i, j, pair_intersections(sides, i, j), areas, iou))
    return _joined(found)


def quad_overlaps(quads: np.ndarray, groups: np.ndarray, sources: np.ndarray, iou: float) -> Overlaps:
    """As `box_overlaps`, for quads (n, 8) as polygons; see `quad_iou` for those out of order."""
    quads = floats(quads, 8)
    shapes, sides = polygons(quads), np.ascontiguousarray(quads_to_boxes(quads).T)
    areas = shapely.area(shapes)
    found = []
    for i, j in _candidates(sides, groups, sources, share=0.0):
        # Polygons are dear: only those whose boxes leave room for enough overlap are intersected.
        most = np.minimum(pair_intersections(sides, i, j), np.minimum(areas[i], areas[j]))
        possible = np.flatnonzero(ratio(most, areas[i] + areas[j] - most) >= iou * NEARLY)
        i, j = i[possible], j[possible]
        # The corners of an intersection are rounded, so that it can come out larger than either shape.
        inter = np.minimum(shapely.area(shapely.intersection(shapes[i], shapes[j])), most[possible])
        found.append(_measured(i, j, inter, areas, iou))
    return _joined(found)


def _candidates(
    sides: np.ndarray, groups: np.ndarray, sources: np.ndarray, share: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    order = np.argsort(groups, kind="stable")
    for a, b in neighbours(sides[:, order], np.asarray(groups)[order], share):
        i, j = order.take(a), order.take(b)
        apart = np.flatnonzero(sources.take(i) != sources.take(j))
        yield i.take(apart), j.take(apart)


def _measured(i: np.ndarray, j: np.ndarray, inter: np.ndarray, areas: np.ndarray, iou: float) -> Overlaps:
    """Pairs (p,) with their intersections' areas (p,), less those that overlap too little."""
    value = ratio(inter, areas.take(i) + areas.take(j) - inter)
    enough = np.flatnonzero((value >= iou) & (value > 0))
    i, j, inter, value = (part.take(enough) for part in (i, j, inter, value))
    a, b = areas.take(i), areas.take(j)
    small, large = np.minimum(a, b), np.maximum(a, b)
    return Overlaps(i, j, value, ratio(inter, small), ratio(small, large))


def _joined(parts: list[Overlaps]) -> Overlaps:
    none = np.zeros(0, np.int64)
    empty = Overlaps(none, none, np.zeros(0), np.zeros(0), np.zeros(0))
    return Overlaps(*(np.concatenate(column) for column in zip(empty, *parts, strict=True)))


def neighbours(sides: np.ndarray, group: np.ndarray, share: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of boxes of one group that may share more than `share` of width and height; each pair once.

    `sides` (4, n) are the boxes' x0, y0, x1, y1; a group's boxes stand together in groups (n,). Boxes that
    share so much still overlap when each is shrunk by that share around its centre. So: a sweep along x over
    the shrunk boxes; in the order of their left sides a box's partners stand directly behind it.
    """
    if not len(group):
        return
    x0, y0, x1, y1 = sides
    slack = 8 * np.spacing(np.abs(sides).max())
    shrink = share * NEARLY / 2
    x0, x1 = x0 + shrink * (x1 - x0) - slack, x1 - shrink * (x1 - x0) + slack
    y0, y1 = y0 + shrink * (y1 - y0) - slack, y1 - shrink * (y1 - y0) + slack
    # Each group gets a stretch of the x axis for itself, so that one sweep serves all.
    stretch = 2 * (x1.max() - x0.min()) + 1
    shift = np.cumsum(np.r_[False, group[1:] != group[:-1]]) * stretch - x0.min()
    order = np.argsort(x0 + shift)
    left, right, top, bottom = (side.take(order) for side in (x0 + shift, x1 + shift, y0, y1))
    right += 4 * np.spacing(left[-1] + stretch)
    behind = np.searchsorted(left, right, side="right") - np.arange(1, len(left) + 1)
    for begin, end in _chunks(behind):
        counts = behind[begin:end]
        first = np.arange(begin + 1, end + 1) - np.cumsum(counts) + counts
        j = np.repeat(first, counts)
        j += np.arange(len(j))
        near = top.take(j) <= np.repeat(bottom[begin:end], counts)
        near &= bottom.take(j) >= np.repeat(top[begin:end], counts)
        at = np.flatnonzero(near)
        yield order.take(np.repeat(np.arange(begin, end), counts).take(at)), order.take(j.take(at))


def _chunks(counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of items, with about PAIRS_AT_ONCE partners (`counts`, (n,)) in each."""
    total = np.cumsum(counts)
    cuts = np.searchsorted(total, np.arange(PAIRS_AT_ONCE, total[-1], PAIRS_AT_ONCE), side="left") + 1
    edges = np.unique(np.r_[0, cuts, len(counts)])
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
