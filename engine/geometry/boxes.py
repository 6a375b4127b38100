"""Boxes x0, y0, x1, y1, shape (n, 4), in pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.geometry.arrays import floats, ratio


def xywh_to_xyxy(boxes: np.ndarray) -> np.ndarray:
    """COCO boxes x, y, width, height (n, 4) as x0, y0, x1, y1 (n, 4), in pixels of the same image."""
    boxes = floats(boxes, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_xywh(boxes: np.ndarray) -> np.ndarray:
    """Boxes x0, y0, x1, y1 (n, 4) as COCO's x, y, width, height (n, 4), in pixels of the same image."""
    boxes = floats(boxes, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def clip_boxes(boxes: np.ndarray, width: Any, height: Any) -> np.ndarray:
    """Boxes (n, 4) cut off at the image's border; width and height in pixels, scalars or (n,).

    A box that lies outside the image comes back without area, on the border.
    """
    limit = np.stack(np.broadcast_arrays(width, height, width, height), axis=-1)
    clipped: np.ndarray = np.clip(floats(boxes, 4), 0.0, limit)
    return clipped


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Areas (n,) of boxes (n, 4); 0 for a box that is inside out."""
    boxes = floats(boxes, 4)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    areas: np.ndarray = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    return areas


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union (n, m) of boxes (n, 4) with boxes (m, 4); 0 where neither has area."""
    inter = box_intersections(a, b)
    return ratio(inter, box_areas(a)[:, None] + box_areas(b)[None] - inter)


def box_ios(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over the smaller area (n, m) of boxes (n, 4) with boxes (m, 4): 1 for one inside another."""
    return ratio(box_intersections(a, b), np.minimum(box_areas(a)[:, None], box_areas(b)[None]))


def box_intersections(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection areas (n, m) of boxes (n, 4) with boxes (m, 4)."""
    a, b = floats(a, 4)[:, None], floats(b, 4)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    areas: np.ndarray = np.prod(np.maximum(sides, 0.0), axis=-1)
    return areas


def pair_intersections(sides: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Intersection areas (p,) of the boxes at i (p,) with those at j (p,).

    `sides` (4, n) are the boxes' x0, y0, x1, y1: gathered side by side they cost a quarter of (n, 4).
    """
    x0, y0, x1, y1 = sides
    width = np.minimum(x1.take(i), x1.take(j)) - np.maximum(x0.take(i), x0.take(j))
    height = np.minimum(y1.take(i), y1.take(j)) - np.maximum(y0.take(i), y0.take(j))
    areas: np.ndarray = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    return areas
