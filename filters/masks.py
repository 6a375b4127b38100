"""Masks that disagree with their boxes: the shape goes, the region stays.

A segmenter that is given a box may paint something else, or next to nothing. FLD-5B names no such filter, so
both thresholds are ours. A record does not say who drew a shape: one in a box that a person drew may be a
person's too, and so is never judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pycocotools import mask as coco

from engine import records
from engine.geometry import box_areas, xywh_to_xyxy
from engine.geometry.arrays import ratio
from engine.geometry.boxes import pair_intersections
from engine.stage import Batch, Outcome, Resources, Stage
from filters.columns import Regions, numbers, require_between
from filters.regions import LIGHT


@dataclass(frozen=True)
class RegionMask(Stage):
    """Drops shapes that do not fit their box; None switches a rule off. Those of human regions stay.

    "mask_box": the IoU of the box around the shape with the region's own is too small. "mask_area": the shape
    is too small a share of the region's box. A mask decides where there is one, else the polygons do.
    """

    name: ClassVar[str] = "region_mask"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.masks"})

    min_iou: float | None = 0.5  # in [0, 1]; ours
    min_area: float | None = 0.05  # share of the box's area, in [0, 1]; ours: a mast across its box is as thin
    resources: Resources = LIGHT

    def __post_init__(self) -> None:
        for rule in ("min_iou", "min_area"):
            if getattr(self, rule) is not None:
                require_between(self, rule, 0, 1)

    def gives(self) -> frozenset[str]:
        return frozenset()

    def __call__(self, batch: Batch) -> Outcome:
        regions = Regions(batch.table)
        at = np.flatnonzero(records.shaped(regions.items) & ~regions.human)
        boxes = regions.box[at].astype(np.float64)
        around, area = _extents(regions.items.take(pa.array(at)))
        rule, value = np.full(len(regions), "", object), np.full(len(regions), np.nan)
        threshold = np.full(len(regions), np.nan)
        # The first rule that a shape breaks is the one recorded, so the last is judged first.
        for name, measured, least in (
            ("mask_area", ratio(area, box_areas(boxes)), self.min_area),
            ("mask_box", _iou(around, boxes), self.min_iou),
        ):
            if least is not None:
                low = measured < least
                rule[at[low]], value[at[low]], threshold[at[low]] = name, measured[low], least
        return Outcome(
            *records.drop_masks(
                batch.table, rule == "", stage=self.name, rule=rule, value=value, threshold=threshold
            )
        )  # fmt: skip


def _extents(regions: pa.StructArray) -> tuple[np.ndarray, np.ndarray]:
    """The boxes (n, 4) around the shapes of n regions, in pixels, and their areas (n,), in square pixels."""
    boxes, areas = np.zeros((len(regions), 4)), np.zeros(len(regions))
    masks = regions.field("mask")
    masked = numbers(masks.is_valid())
    if masked.any():
        # Run lengths tell both: no mask is decoded.
        codes = masks.drop_null().to_pylist()
        boxes[masked], areas[masked] = xywh_to_xyxy(coco.toBbox(codes)), coco.area(codes)
    if not masked.all():
        boxes[~masked], areas[~masked] = _of_polygons(regions.field("polygons").filter(pa.array(~masked)))
    return boxes, areas


def _of_polygons(polygons: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """The boxes (n, 4) around n lists of rings, and their areas (n,); parts that overlap count twice."""
    boxes, areas = np.zeros((len(polygons), 4)), np.zeros(len(polygons))
    rings = polygons.flatten()
    owner = np.repeat(np.arange(len(polygons)), records.lengths(polygons))
    count = records.lengths(rings) // 2
    points = numbers(rings.flatten()).astype(np.float64).reshape(-1, 2)
    ring = np.repeat(np.arange(len(rings)), count)
    start = np.cumsum(count) - count
    following = np.arange(1, len(points) + 1)
    following[(start + count - 1)[count > 0]] = start[count > 0]
    # Far from the origin the products would lose the small differences that make the area.
    x, y = (points - points[start[ring]]).T
    twice = np.bincount(ring, x * y[following] - x[following] * y, len(rings))
    areas += np.bincount(owner, np.abs(twice) / 2, len(polygons))
    of_point = owner[ring]
    boxes[:, :2] = np.inf
    np.minimum.at(boxes[:, :2], of_point, points)
    np.maximum.at(boxes[:, 2:], of_point, points)
    return np.where(np.isfinite(boxes), boxes, 0), areas


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union (n,) of boxes (n, 4) with boxes (n, 4), one by one."""
    both = np.arange(len(a))
    inter = pair_intersections(np.concatenate([a, b]).T, both, both + len(a))
    return ratio(inter, box_areas(a) + box_areas(b) - inter)
