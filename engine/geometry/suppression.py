"""Greedy non-maximum suppression of many images and classes in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely

from engine.geometry.arrays import floats, ratio
from engine.geometry.boxes import box_areas, pair_intersections
from engine.geometry.pairs import NEARLY, neighbours
from engine.geometry.quads import polygon_iou, polygons, quads_to_boxes

# Comparing each group's leader goes on while it rids us of this share of the boxes.
WORTHWHILE = 1 / 32

Overlap = Callable[[np.ndarray, np.ndarray], np.ndarray]
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


class Suppression(NamedTuple):
    """The verdict on n boxes or quads."""

    keep: np.ndarray  # bool (n,)
    winner: np.ndarray  # int64 (n,): index of the one that suppressed it, -1 where kept
    overlap: np.ndarray  # float64 (n,): IoU with that one, 0 where kept


def nms(
    boxes: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    iou: float,
    priority: np.ndarray | None = None,
) -> Suppression:
    """Suppress boxes (n, 4), finite, each in pixels of its own image, that overlap a better one.

    scores are (n,), and NaN ranks last; groups are int (n,), an image and class each, in any order. Of two
    boxes of a group whose IoU is above `iou` the one that ranks lower goes, unless the other is itself
    suppressed. Higher scores rank higher, then lower indices. Those with priority (bool (n,)) rank above all
    others and are never suppressed. The winner is the highest-ranking of those kept that overlap the loser.
    """
    ranked = _ranked(scores, groups, priority)
    boxes = floats(boxes, 4)[ranked]
    sides, areas = np.ascontiguousarray(boxes.T), box_areas(boxes)

    def overlaps(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        inter = pair_intersections(sides, i, j)
        return ratio(inter, areas.take(i) + areas.take(j) - inter)

    # Above `iou`, the intersection is longer than that share of either box's side.
    return _Contest(ranked, groups, priority, sides, overlaps, iou, share=iou).verdict()


def nms_quads(
    quads: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    iou: float,
    priority: np.ndarray | None = None,
) -> Suppression:
    """As `nms`, for quads (n, 8) and their overlap as polygons; see `quad_iou` for those out of order."""
    ranked = _ranked(scores, groups, priority)
    quads = floats(quads, 8)[ranked]
    sides, shapes = np.ascontiguousarray(quads_to_boxes(quads).T), polygons(quads)
    areas = shapely.area(shapes)

    def overlaps(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        # Polygons are dear: only those whose boxes leave room for enough overlap are intersected.
        most = np.minimum(pair_intersections(sides, i, j), np.minimum(areas[i], areas[j]))
        possible = np.flatnonzero(ratio(most, areas[i] + areas[j] - most) > iou * NEARLY)
        values = np.zeros(len(i))
        values[possible] = polygon_iou(shapes[i[possible]], shapes[j[possible]])
        return values

    return _Contest(ranked, groups, priority, sides, overlaps, iou, share=0.0).verdict()


def _ranked(scores: np.ndarray, groups: np.ndarray, priority: np.ndarray | None) -> np.ndarray:
    """Indices int64 (n,): group by group, and within each from the highest rank to the lowest."""
    ranked = _sorted(np.arange(len(scores)), _descending(np.asarray(scores, np.float64)))
    if priority is not None:
        ranked = _sorted(ranked, (~np.asarray(priority, bool)).astype(np.uint64))
    groups = np.asarray(groups, np.int64)
    return _sorted(ranked, (groups - groups.min(initial=0)).view(np.uint64))


def _descending(scores: np.ndarray) -> np.ndarray:
    """Whole numbers uint64 (n,) that ascend where scores float64 (n,) descend; NaN comes last."""
    # The bits of a float sort as whole numbers do, but for those below zero, which sort the other way round.
    bits = (np.where(np.isnan(scores), -np.inf, scores) + 0.0).view(np.int64)
    return (~(bits ^ (bits >> 63 | np.int64(-(1 << 63))))).view(np.uint64)


def _sorted(order: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Indices (n,) in the ascending order of their keys, uint64 (n,); of equal keys as they came."""
    # numpy's one sort in linear time is the stable one of 16 bits: four of these beat its sort of floats.
    for shift in range(0, int(keys.max(initial=0)).bit_length(), 16):
        digits = (keys >> np.uint64(shift)).astype(np.uint16)
        order = order.take(np.argsort(digits.take(order), kind="stable"))
    return order


@dataclass(frozen=True)
class _Contest:
    """n items to judge, all groups in lockstep. Inside, an item's index is its place in `ranked`.

    `sides` (4, n) are x0, y0, x1, y1 of the boxes around the items, and `overlaps` gives the IoU (p,) of items
    at (p,) with items at (p,), both in ranked order. Two whose IoU is above `iou` share more than `share` of
    either box's width and height.
    """

    ranked: np.ndarray
    groups: np.ndarray
    priority: np.ndarray | None
    sides: np.ndarray
    overlaps: Overlap
    iou: float
    share: float

    def verdict(self) -> Suppression:
        """In the caller's order."""
        length = len(self.ranked)
        verdict = Suppression(np.ones(length, bool), np.full(length, -1), np.zeros(length))
        for high, low, value in self._losses():
            loser = self.ranked[low]
            verdict.keep[loser] = False
            verdict.winner[loser] = self.ranked[high]
            verdict.overlap[loser] = value
        return verdict

    def _losses(self) -> Iterator[Pairs]:
        """(winners, losers, IoU), each (p,), until all are judged.

        First each group's leader, the highest in rank that is still open, against the rest of its group:
        cheap where boxes crowd around few objects. Once leaders find few losers, the rest by a sweep.
        """
        group = np.asarray(self.groups)[self.ranked]
        safe = np.zeros(len(group), bool) if self.priority is None else np.asarray(self.priority, bool)[self.ranked]
        left, (x0, _, x1, _) = np.arange(len(group)), self.sides
        starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]][: len(group)])
        worthwhile = True
        while worthwhile and len(left):
            size = np.diff(starts, append=len(left))
            wide = np.minimum(x1, np.repeat(x1[starts], size)) - np.maximum(x0, np.repeat(x0[starts], size))
            near = np.flatnonzero(wide > self.share * NEARLY * (x1 - x0))
            high, low = np.repeat(left[starts], size).take(near), left.take(near)
            value = self.overlaps(high, low)
            lost = np.flatnonzero((value > self.iou) & ~safe.take(low) & (high != low))
            yield high.take(lost), low.take(lost), value.take(lost)
            worthwhile = len(lost) > WORTHWHILE * len(left)
            still_open = np.ones(len(left), bool)
            still_open[near[lost]] = still_open[starts] = False
            size = np.add.reduceat(still_open, starts, dtype=np.int64)
            starts = (np.cumsum(size) - size)[size > 0]
            at = np.flatnonzero(still_open)
            left, x0, x1 = left.take(at), x0.take(at), x1.take(at)
        pairs = neighbours(self.sides[:, left], group[left], self.share)
        found = [self._above(left[i], left[j]) for i, j in pairs]
        if found:
            high, low, value = (np.concatenate(part) for part in zip(*found, strict=True))
            exposed = ~safe[low]
            yield _decisive(high[exposed], low[exposed], value[exposed], len(group))

    def _above(self, i: np.ndarray, j: np.ndarray) -> Pairs:
        """Of pairs (p,) those that overlap too much: the higher in rank, the lower, their IoU."""
        value = self.overlaps(i, j)
        above = np.flatnonzero(value > self.iou)
        i, j = i[above], j[above]
        return np.minimum(i, j), np.maximum(i, j), value[above]


def _decisive(high: np.ndarray, low: np.ndarray, value: np.ndarray, length: int) -> Pairs:
    """Of all pairs (p,) that overlap too much, high ranking above low, the one that decides for each loser."""
    won = np.flatnonzero(survivors(high, low, length)[high])
    high, low, value = high[won], low[won], value[won]
    best = np.full(length, length)
    np.minimum.at(best, low, high)
    decisive = best[low] == high
    return high[decisive], low[decisive], value[decisive]


def survivors(high: np.ndarray, low: np.ndarray, length: int) -> np.ndarray:
    """Which of `length` items stay, bool (length,), when no two of a pair may: greedy from the highest rank.

    In each pair, high (p,) and low (p,), the first ranks above the second, all by one ranking. In every round
    those that no open pair threatens are sure to stay, and rid us of their partners, whose pairs are closed.
    """
    keep, a, b = np.ones(length, bool), high, low
    while len(a):
        threatened = np.zeros(length, bool)
        threatened[b] = True
        keep[b[~threatened[a]]] = False
        still = np.flatnonzero(keep[a] & keep[b])
        a, b = a[still], b[still]
    return keep
