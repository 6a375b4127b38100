"""Quads x0, y0 .. x3, y3, shape (n, 8), in pixels: what text stands in."""

from __future__ import annotations

import numpy as np
import shapely

from engine.geometry.arrays import floats, ratio, signed_areas
from engine.geometry.boxes import box_intersections


def boxes_to_quads(boxes: np.ndarray) -> np.ndarray:
    """The corners (n, 8) of boxes (n, 4), clockwise from the top left."""
    return np.asarray(boxes).reshape(-1, 4)[:, [0, 1, 2, 1, 2, 3, 0, 3]]


def quads_to_boxes(quads: np.ndarray) -> np.ndarray:
    """The smallest boxes (n, 4) around quads (n, 8)."""
    corners = np.asarray(quads).reshape(-1, 4, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def quad_areas(quads: np.ndarray) -> np.ndarray:
    """Areas (n,) of quads (n, 8), whichever way round; without meaning for one that crosses itself."""
    areas: np.ndarray = np.abs(signed_areas(floats(quads, 8).reshape(-1, 4, 2)))
    return areas


def quads_are_convex(quads: np.ndarray) -> np.ndarray:
    """Which quads (n, 8) are convex, have area and do not cross themselves: bool (n,)."""
    corners = floats(quads, 8).reshape(-1, 4, 2)
    edges = np.roll(corners, -1, axis=1) - corners
    following = np.roll(edges, -1, axis=1)
    turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    same_way = (turns >= 0).all(axis=1) | (turns <= 0).all(axis=1)
    convex: np.ndarray = same_way & (quad_areas(quads) > 0)
    return convex


def order_quads(quads: np.ndarray) -> np.ndarray:
    """Quads (n, 8) with corners in any order as quads (n, 8), clockwise from the top left of the text.

    The corners alone decide, so that every order of the same four gives the same quad: clockwise around
    their centre, beginning where the text's top edge does. The top edge is the one that, with the edge
    opposite, points most nearly to the right: right for text that is tilted by less than 45 degrees. At 45
    degrees the higher corner begins. A reader that knows the reading direction better must not call this.
    A quad that is not convex, or without area, still comes back with its own four corners.
    """
    given = np.asarray(quads).reshape(-1, 4, 2)
    by_height = np.lexsort((given[..., 0], given[..., 1]), axis=1)
    given = np.take_along_axis(given, by_height[..., None], axis=1)
    offset = given - given.mean(axis=1, keepdims=True, dtype=np.float64)
    around = np.argsort(np.arctan2(offset[..., 1], offset[..., 0]), axis=1, kind="stable")
    around = _roll(around, np.argmin(around, axis=1))
    ring = np.take_along_axis(given, around[..., None], axis=1)
    edges = np.roll(ring, -1, axis=1).astype(np.float64) - ring
    along = edges - np.roll(edges, -2, axis=1)
    rightness = ratio(along[..., 0], np.hypot(along[..., 0], along[..., 1]))
    around = _roll(around, np.argmax(rightness.round(9), axis=1))
    return np.take_along_axis(given, around[..., None], axis=1).reshape(-1, 8)


def _roll(rings: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Rings (n, 4) that begin at their element start (n,)."""
    return np.take_along_axis(rings, (start[:, None] + np.arange(4)) % 4, axis=1)


def quad_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union (n, m) of quads (n, 8) with quads (m, 8), as polygons.

    A quad that crosses or touches itself stands for its convex hull: its corners came in a wrong order. One
    without area overlaps nothing.
    """
    a, b = floats(a, 8), floats(b, 8)
    i, j = np.nonzero(box_intersections(quads_to_boxes(a), quads_to_boxes(b)) > 0)
    iou = np.zeros((len(a), len(b)))
    iou[i, j] = polygon_iou(polygons(a)[i], polygons(b)[j])
    return iou


def polygons(quads: np.ndarray) -> np.ndarray:
    """Quads (n, 8) as shapely polygons (n,), all valid."""
    shapes: np.ndarray = shapely.polygons(quads.reshape(-1, 4, 2))
    crossed = ~shapely.is_valid(shapes)
    shapes[crossed] = shapely.convex_hull(shapes[crossed])
    return shapes


def polygon_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union (p,) of shapely polygons (p,) with polygons (p,), one by one."""
    inter = shapely.area(shapely.intersection(a, b))
    union = shapely.area(a) + shapely.area(b) - inter
    # The corners of an intersection are rounded, so that it can come out larger than the union.
    iou: np.ndarray = np.minimum(ratio(inter, union), 1.0)
    return iou
