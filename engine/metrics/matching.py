"""Which prediction is which true object: greedy matching by score."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engine.geometry import Overlaps, box_areas, box_overlaps

OVERLAP = 0.5  # of a box that counts as right: PASCAL VOC's, and what all of the field took over

FindOverlaps = Callable[[np.ndarray, np.ndarray, np.ndarray, float], Overlaps]


class Matches(NamedTuple):
    """For each of n predictions: the number of its true object or -1, and the IoU that its best one has.

    The IoU is 0 where none reaches what was asked for; the best one may be another's match.
    """

    truth: np.ndarray  # int64 (n,)
    iou: np.ndarray  # float64 (n,)


def match(
    boxes: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    truth: np.ndarray,
    truth_groups: np.ndarray,
    iou: float = OVERLAP,
    *,
    second_choice: bool = True,
    overlaps: FindOverlaps = box_overlaps,
) -> Matches:
    """Match boxes (n, 4) with true boxes (m, 4) of the same group (an image, or an image and a class), int.

    By descending score, earlier ones first among equals (NaN counts as 1), each prediction takes the free true box
    with the highest IoU, if that is at least `iou`, which is above 0: COCO's way. Without `second_choice` it looks
    at the true box with the highest IoU only, free or not: the way of PASCAL VOC (Everingham et al., IJCV 2010).
    With `overlaps=quad_overlaps` boxes are quads (n, 8).
    """
    prediction, target, value = pairs(boxes, groups, truth, truth_groups, iou, overlaps)
    rank = np.empty(len(boxes), np.int64)
    rank[ranked(scores)] = np.arange(len(boxes))
    order = np.lexsort((target, -value, rank[prediction]))
    prediction, target, value = prediction[order], target[order], value[order]
    _, first = np.unique(rank[prediction], return_index=True)
    found, best = np.full(len(boxes), -1), np.zeros(len(boxes))
    best[prediction[first]] = value[first]
    if not second_choice:
        prediction, target = prediction[first], target[first]
    taken: set[int] = set()
    for each, wanted in zip(prediction.tolist(), target.tolist(), strict=True):
        if found[each] < 0 and wanted not in taken:
            taken.add(wanted)
            found[each] = wanted
    return Matches(found, best)


def pairs(
    boxes: np.ndarray,
    groups: np.ndarray,
    truth: np.ndarray,
    truth_groups: np.ndarray,
    iou: float = OVERLAP,
    overlaps: FindOverlaps = box_overlaps,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All p pairs of a box and a true box of one group with at least this IoU: both numbers and the IoU, (p,)."""
    both = np.concatenate([boxes, truth]).astype(np.float64)
    side = np.repeat([0, 1], [len(boxes), len(truth)])
    found = overlaps(both, np.concatenate([groups, truth_groups]), side, iou)
    low, high = np.minimum(found.first, found.second), np.maximum(found.first, found.second)
    return low, high - len(boxes), found.iou


def inside(boxes: np.ndarray, groups: np.ndarray, around: np.ndarray, around_groups: np.ndarray) -> np.ndarray:
    """The largest share (n,) of each box (n, 4) that lies in one of the boxes (m, 4) of its group.

    What COCO measures for a region around a crowd, whose many objects one box is not to be compared with.
    """
    box, region, value = pairs(boxes, groups, around, around_groups, 0.0)
    areas, others = box_areas(boxes), box_areas(around)
    share = np.zeros(len(boxes))
    # IoU = i / (a + b - i), solved for the intersection i.
    common = value / (1 + value) * (areas[box] + others[region])
    np.maximum.at(share, box, common / areas[box])
    return share


def ranked(scores: np.ndarray) -> np.ndarray:
    """Indices (n,) from the highest score to the lowest, earlier ones first among equals; NaN counts as 1.

    What nobody scored, a human annotation for one, is meant to be there.
    """
    order: np.ndarray = np.argsort(-np.nan_to_num(np.asarray(scores, np.float64), nan=1.0), kind="stable")
    return order
