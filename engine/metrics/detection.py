"""Average precision: COCO's through pycocotools, PASCAL VOC's of 2007 and of 2012."""

from __future__ import annotations

import contextlib
import io
import math
from typing import NamedTuple

import numpy as np

from engine.geometry import box_areas, xyxy_to_xywh
from engine.metrics.matching import ranked
from engine.metrics.rates import mean

# COCO's sizes, by the area of the mask, or of the box where there is none, in square pixels.
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, float("inf"))}


def average_precision(scores: np.ndarray, right: np.ndarray, positives: int, *, points: int | None = None) -> float:
    """AP of one class from its predictions' scores (n,) and whether each is right, bool (n,).

    `positives` is how many true objects there are; without any the AP is NaN. A NaN score counts as 1. With
    `points=11`, the mean of the interpolated precision at 11 recalls: VOC 2007. Without, the area under the
    interpolated curve: VOC 2012. (Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective",
    IJCV 2015, section 3.)
    """
    if not positives:
        return math.nan
    right = right[ranked(scores)]
    hits = np.cumsum(right)
    recall = hits / positives
    precision = hits / np.arange(1, len(right) + 1)
    # Interpolated: the best precision at this recall or any higher one.
    envelope = np.maximum.accumulate(precision[::-1])[::-1] if len(right) else precision
    if points:
        levels = np.linspace(0, 1, points)
        at = np.searchsorted(recall, levels - 1e-12)
        return float(np.append(envelope, 0.0)[at].mean())
    steps = np.diff(np.concatenate([[0.0], recall]))
    return float((steps * envelope).sum())


class CocoAp(NamedTuple):
    """COCO's average precisions: mean over IoU .50 to .95, at .50, at .75, by object size; NaN where none is."""

    ap: float
    ap50: float
    ap75: float
    by_size: dict[str, float]  # of SIZES
    by_class: dict[int, float]  # of the classes that the truth has
    by_class50: dict[int, float]


def coco_ap(
    boxes: np.ndarray,
    scores: np.ndarray,
    images: np.ndarray,
    classes: np.ndarray,
    truth: np.ndarray,
    truth_images: np.ndarray,
    truth_classes: np.ndarray,
    *,
    crowd: np.ndarray | None = None,
    areas: np.ndarray | None = None,
) -> CocoAp:
    """AP of boxes (n, 4) with scores, image numbers and class numbers (n,) against true boxes (m, 4).

    crowd, bool (m,), are regions around many objects, which count neither way; areas (m,), in square pixels, are the
    true objects' if the boxes' are not. pycocotools' COCOeval: 101 recall points, at most 100 predictions of a class
    in an image. A NaN score counts as 1.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not len(truth):
        return CocoAp(math.nan, math.nan, math.nan, dict.fromkeys(SIZES, math.nan), {}, {})
    names = np.unique(truth_classes).tolist()
    known = np.isin(classes, names)
    gold, guess = COCO(), COCO()
    gold.dataset = {
        "images": [{"id": int(i)} for i in np.union1d(truth_images, images)],
        "categories": [{"id": int(name)} for name in names],
        "annotations": _annotations(truth, truth_images, truth_classes, areas, crowd),
    }
    guess.dataset = gold.dataset | {"annotations": _annotations(boxes[known], images[known], classes[known])}
    for entry, score in zip(guess.dataset["annotations"], scores[known].tolist(), strict=True):
        entry["score"] = 1.0 if math.isnan(score) else score
    with contextlib.redirect_stdout(io.StringIO()):  # it tells its progress
        gold.createIndex()
        guess.createIndex()
        judge = COCOeval(gold, guess, "bbox")
        judge.evaluate()
        judge.accumulate()
    # Precision by IoU threshold, recall, class, area range and number of detections: -1 where there is no truth.
    # Rounded, for it divides by a little more than the number of detections: 1 would come out below 1.
    precision = judge.eval["precision"][..., -1].round(12)
    precision = np.where(precision < 0, np.nan, precision)
    return CocoAp(
        ap=mean(precision[..., 0]),
        ap50=mean(precision[0, ..., 0]),
        ap75=mean(precision[5, ..., 0]),
        by_size={size: mean(precision[..., at]) for at, size in enumerate(SIZES, 1)},
        by_class={name: mean(precision[:, :, at, 0]) for at, name in enumerate(names)},
        by_class50={name: mean(precision[0, :, at, 0]) for at, name in enumerate(names)},
    )


def _annotations(
    boxes: np.ndarray,
    images: np.ndarray,
    classes: np.ndarray,
    areas: np.ndarray | None = None,
    crowd: np.ndarray | None = None,
) -> list[dict[str, object]]:
    """Entries of a COCO json, in Python's own numbers."""
    area = box_areas(boxes) if areas is None else areas
    flags = np.zeros(len(boxes), np.int64) if crowd is None else crowd.astype(np.int64)
    columns = (images.tolist(), classes.tolist(), xyxy_to_xywh(boxes).tolist(), area.tolist(), flags.tolist())
    return [
        {"id": at, "image_id": image, "category_id": name, "bbox": box, "area": size, "iscrowd": flag}
        for at, (image, name, box, size, flag) in enumerate(zip(*columns, strict=True), 1)
    ]
