"""Polygon rings and COCO run-length masks.

A ring is an outline without a closing point, (k, 2) or flat (2k,), in pixels. A mask is run-length code as
the record stores it: {"size": [height, width], "counts": compressed bytes}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco

from engine.geometry.arrays import floats, signed_areas
from engine.geometry.boxes import xywh_to_xyxy
from engine.geometry.outlines import outlines

Rle = dict[str, Any]


def ring_area(ring: np.ndarray) -> float:
    """Area of a ring (k, 2) or (2k,) without a closing point, whichever way round."""
    return float(abs(signed_areas(floats(ring, 2)[None])[0]))


def clockwise(ring: np.ndarray) -> np.ndarray:
    """A ring (k, 2) or (2k,) as (k, 2), clockwise as one sees it, with the same first point."""
    points = np.asarray(ring).reshape(-1, 2)
    if signed_areas(points.astype(np.float64)[None])[0] >= 0:
        return points
    return np.roll(points[::-1], 1, axis=0)


def rings_to_rle(rings: Sequence[Any], height: int, width: int) -> Rle:
    """The mask that rings, each (k, 2) or (2k,) in pixels of the image, cover together."""
    # pycocotools takes a list of four numbers for a box, so a ring of two points must not reach it.
    flat = [np.asarray(ring, np.float64).ravel().tolist() for ring in rings if np.size(ring) >= 6]
    if not flat:
        return encode_mask(np.zeros((height, width), bool))
    return _rle(coco.merge(coco.frPyObjects(flat, height, width)))


def rle_to_rings(rle: Rle, tolerance: float = 0.0) -> list[np.ndarray]:
    """The outlines of a mask: clockwise rings (k, 2) along pixel edges, largest area first.

    `tolerance` is how far, in pixels, a simplified ring may stray. A record's polygons have no holes, so the
    holes of the mask are filled; parts that touch at a corner only are parts of their own.
    """
    return outlines(decode_rle(rle), tolerance)


def compress_rle(rle: Rle) -> Rle:
    """COCO run-length code as the record stores it; counts in runs (uncompressed), str or bytes."""
    height, width = (int(side) for side in rle["size"])
    counts = rle["counts"]
    if isinstance(counts, str):
        counts = counts.encode()
    if not isinstance(counts, bytes):
        counts = [int(count) for count in counts]
        if min(counts, default=0) < 0 or sum(counts) != height * width:
            raise ValueError(f"the runs of a mask of {height} x {width} pixels add up to {sum(counts)}")
        return _rle(coco.frPyObjects({"size": [height, width], "counts": counts}, height, width))
    return {"size": [height, width], "counts": counts}


def encode_mask(mask: np.ndarray) -> Rle:
    """A mask (height, width), true where the object is, as run-length code."""
    return _rle(coco.encode(np.asfortranarray(mask, np.uint8)))


def encode_window(window: np.ndarray, left: int, top: int, height: int, width: int) -> Rle:
    """The same for a mask of an image of height x width that covers pixels of a window (h, w) only.

    `left` and `top` are the window's place in pixels of the image. Costs what the window does, not the image.
    """
    column, row = np.nonzero(np.diff(np.pad(window.T, ((0, 0), (1, 1))).astype(np.int8), axis=1))
    edges = (column + left) * height + top + row
    # A run that ends where the next column's begins goes on.
    joined = np.flatnonzero(edges[1:-1:2] == edges[2::2])
    edges = np.delete(edges, np.r_[2 * joined + 1, 2 * joined + 2])
    runs = np.diff(edges, prepend=0, append=height * width)
    counts = (runs if runs[-1] else runs[:-1]).tolist()
    return _rle(coco.frPyObjects({"size": [height, width], "counts": counts}, height, width))


def decode_rle(rle: Rle) -> np.ndarray:
    """The mask as bool (height, width)."""
    mask: np.ndarray = coco.decode(rle).astype(bool)
    return mask


def rle_area(rle: Rle) -> int:
    """How many pixels the mask covers."""
    return int(coco.area(rle))


def rle_box(rle: Rle) -> np.ndarray:
    """The smallest box (4,) around the mask; zeros for an empty one."""
    box: np.ndarray = xywh_to_xyxy(coco.toBbox(rle))[0]
    return box


def rle_iou(a: Sequence[Rle], b: Sequence[Rle]) -> np.ndarray:
    """Intersection over union (n, m) of n masks with m masks, all of one height and width."""
    if not a or not b:
        return np.zeros((len(a), len(b)))
    # Two empty masks overlap nothing, like two boxes without area.
    iou: np.ndarray = np.nan_to_num(coco.iou(list(a), list(b), [0] * len(b)))
    return iou


def _rle(rle: Rle) -> Rle:
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"]}
