"""Any resolution: an image is looked at whole, and in overlapping tiles where it is larger than a tile.

After Ferret-v2 (You et al., arXiv 2404.07973): the whole image at low resolution and local tiles, merged. What is
large is found in the whole image, what is small in a tile. A tile cuts what lies across its inner borders, so a box
that touches one is a fragment, unless the tile is the only one that saw something there:

- whole finds go before fragments, and higher scores before lower ones;
- of two finds of one group (a class, a phrase) that overlap by an IoU of more than `SAME`, the later one goes: seen
  twice where tiles overlap, or in a tile and in the whole image;
- a fragment goes where an earlier find of its group covers more than `COVERED` of it: it is a piece of that.

An object that is not longer than the overlap lies whole in at least one tile, whatever its place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely

from engine.geometry import box_areas, box_iou
from engine.geometry.boxes import box_intersections
from engine.stage import Batch, ChainError

SAME = 0.5  # IoU; ours, as are the next
COVERED = 0.7  # share of a fragment's area
NEAR = 0.01  # of a tile's side: how near a border a box touches it
LEAST_NEAR = 2.0  # px


class View(NamedTuple):
    """What a model looks at: an image of a batch, or a window of one."""

    row: int
    pixels: np.ndarray  # RGB (height, width, 3), of the window
    window: np.ndarray  # x0, y0, x1, y1 in pixels of the image
    size: tuple[int, int]  # width and height of the image


def require(who: str, tile: int, overlap: float) -> None:
    """Raise ChainError, naming the stage `who`, for settings that make no sense."""
    if tile and tile < 32:
        raise ChainError(f"{who}: tile must be 0, for the whole image alone, or at least 32 pixels, not {tile}")
    if not 0 <= overlap <= 0.9:
        raise ChainError(f"{who}: tile_overlap must be in [0, 0.9], not {overlap}")


def views(batch: Batch, row: int, tile: int, overlap: float) -> list[View]:
    """All that is to be looked at of one image."""
    pixels = batch.pixels(row)
    height, width = pixels.shape[:2]
    return [
        View(row, pixels[window[1] : window[3], window[0] : window[2]], window, (width, height))
        for window in windows(width, height, tile, overlap)
    ]


def windows(width: int, height: int, tile: int, overlap: float) -> np.ndarray:
    """What to look at in an image of that size: windows x0, y0, x1, y1, int64 (n, 4), in pixels; first all of it.

    Tiles of at most `tile` x `tile` pixels follow where a side of the image is longer than that, spread evenly, each
    overlapping the next by at least `overlap` of its side. `tile` 0 means the whole image alone.
    """
    whole = np.array([[0, 0, width, height]], np.int64)
    if not tile or max(width, height) <= tile:
        return whole
    left, wide = _spread(width, tile, overlap)
    top, high = _spread(height, tile, overlap)
    x, y = (axis.ravel() for axis in np.meshgrid(left, top))
    return np.concatenate([whole, np.stack([x, y, x + wide, y + high], axis=1)])


def _spread(length: int, tile: int, overlap: float) -> tuple[np.ndarray, int]:
    """Where tiles along an axis begin, and how long each is."""
    side = min(tile, length)
    step = max(1, int(side * (1 - overlap)))
    count = 1 + -(-(length - side) // step)
    return np.linspace(0, length - side, count).round().astype(np.int64), side


def cut(boxes: np.ndarray, window: np.ndarray, width: int, height: int) -> np.ndarray:
    """Which boxes (n, 4), in pixels of the image, touch a border of their window (4,) inside the image: bool (n,)."""
    near = np.maximum(LEAST_NEAR, NEAR * np.tile(window[2:] - window[:2], 2))
    inner = np.array([window[0] > 0, window[1] > 0, window[2] < width, window[3] < height])
    touches = (np.abs(boxes - window) <= near) & inner
    return np.asarray(touches.any(axis=1))


def settle(shapes: np.ndarray, scores: np.ndarray, groups: np.ndarray, fragments: np.ndarray) -> np.ndarray:
    """Which finds stay, of all windows of one image: indices (m,) into boxes (n, 4) or quads (n, 8), ascending.

    scores (n,), groups (n,), fragments bool (n,). The rule stands above.
    """
    order = np.lexsort((-scores, fragments))
    iou, covered = _overlaps(shapes[order])
    lost_to = (groups[order][:, None] == groups[order][None]) & (
        (iou > SAME) | (fragments[order][:, None] & (covered > COVERED))
    )
    stays = np.ones(len(order), bool)
    for place in range(len(order)):
        stays[place] = not (lost_to[place, :place] & stays[:place]).any()
    return np.sort(order[stays])


def _overlaps(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """IoU (n, n), and the share of each one's area that each other one covers (n, n)."""
    if shapes.shape[1] == 4:
        shared = box_intersections(shapes, shapes)
        return box_iou(shapes, shapes), shared / np.maximum(box_areas(shapes), 1e-9)[:, None]
    outlines = shapely.convex_hull(shapely.polygons(shapes.reshape(-1, 4, 2).astype(np.float64)))
    area = shapely.area(outlines)
    shared = np.zeros((len(shapes), len(shapes)))
    one, other = shapely.STRtree(outlines).query(outlines, "intersects")
    shared[one, other] = shapely.area(shapely.intersection(outlines[one], outlines[other]))
    return shared / np.maximum(area[:, None] + area[None] - shared, 1e-9), shared / np.maximum(area, 1e-9)[:, None]
