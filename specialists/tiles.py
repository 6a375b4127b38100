"""Any resolution: an image is looked at whole, and in overlapping tiles where it is larger than a tile.

After Ferret-v2 (You et al., arXiv 2404.07973): the whole image at low resolution and local tiles, merged. What is
large is found in the whole image, what is small in a tile. A tile cuts what lies across its inner borders, so a box
that touches one is a fragment, unless the tile is the only one that saw something there:

- compared are finds of one group (a class, a phrase) from different looks: what one look shows twice is left to NMS;
- whole finds go before fragments; of fragments the larger before the smaller; then higher scores before lower ones;
- of two that overlap by an IoU of more than `SAME`, the later one goes: seen twice where tiles overlap, or in a tile
  and in the whole image;
- a fragment goes where an earlier find, no smaller than it, covers more than `COVERED` of it: it is a piece of that.
  So two halves of one thing both go if any look shows more of it, and both stay if none does.

An object that is not longer than the overlap lies whole in at least one tile, whatever its place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.geometry import box_areas, box_overlaps, quad_areas, quad_overlaps, survivors
from engine.stage import Batch, ChainError

SAME = 0.5  # IoU; ours, as are the next
COVERED = 0.7  # share of a fragment's area
NEAR = 0.01  # of a tile's side: how near a border a box touches it
LEAST_NEAR = 2.0  # px
THIN = 50  # a view that is longer than so many times its breadth is shown broader; YOLOS makes nothing of 1:84
STRETCH = 1.25  # of a tile's side: as long an image is no better seen in two tiles than in one


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


def broad(pixels: np.ndarray) -> np.ndarray:
    """An RGB image (height, width, 3) as a model can be shown it: too thin a one is continued to the right or below.

    Whoever scales the longer side to a model's size would be left with no pixel of the other. Nothing moves; what is
    found beyond the image must be cut off.
    """
    height, width = pixels.shape[:2]
    below, beside = (max(0, -(-max(height, width) // THIN) - side) for side in (height, width))
    return np.pad(pixels, ((0, below), (0, beside), (0, 0)), mode="edge") if below or beside else pixels


def windows(width: int, height: int, tile: int, overlap: float) -> np.ndarray:
    """What to look at in an image of that size: windows x0, y0, x1, y1, int64 (n, 4), in pixels; first all of it.

    Tiles of `tile` x `tile` pixels follow where a side of the image is longer than STRETCH times that, spread evenly,
    each overlapping the next by at least `overlap` of its side; along a side that is not, each is as long as the image.
    `tile` 0 means the whole image alone.
    """
    whole = np.array([[0, 0, width, height]], np.int64)
    if not tile or max(width, height) <= STRETCH * tile:
        return whole
    left, wide = _spread(width, tile, overlap)
    top, high = _spread(height, tile, overlap)
    x, y = (axis.ravel() for axis in np.meshgrid(left, top))
    return np.concatenate([whole, np.stack([x, y, x + wide, y + high], axis=1)])


def _spread(length: int, tile: int, overlap: float) -> tuple[np.ndarray, int]:
    """Where tiles along an axis begin, and how long each is."""
    side = length if length <= STRETCH * tile else tile
    step = max(1, int(side * (1 - overlap)))
    count = 1 + -(-(length - side) // step)
    return np.linspace(0, length - side, count).round().astype(np.int64), side


def cut(boxes: np.ndarray, window: np.ndarray, width: int, height: int) -> np.ndarray:
    """Which boxes (n, 4), in pixels of the image, touch a border of their window (4,) inside the image: bool (n,)."""
    near = np.maximum(LEAST_NEAR, NEAR * np.tile(window[2:] - window[:2], 2))
    inner = np.array([window[0] > 0, window[1] > 0, window[2] < width, window[3] < height])
    touches = (np.abs(boxes - window) <= near) & inner
    return np.asarray(touches.any(axis=1))


def settle(
    shapes: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    fragments: np.ndarray,
    looks: np.ndarray | None = None,
) -> np.ndarray:
    """Which finds stay, of all looks at one image: indices (m,) into boxes (n, 4) or quads (n, 8), ascending.

    scores (n,), groups (n,), fragments bool (n,); looks int (n,) numbers the look that each is from, and without it
    every find is compared with every other. The rule stands above.
    """
    if not len(shapes):
        return np.zeros(0, np.int64)
    boxes = shapes.shape[1] == 4
    areas = box_areas(shapes) if boxes else quad_areas(shapes)
    looks = np.arange(len(shapes)) if looks is None else looks
    pairs = (box_overlaps if boxes else quad_overlaps)(shapes, groups, looks, 0.0)
    place = np.empty(len(shapes), np.int64)
    place[np.lexsort((-scores, np.where(fragments, -areas, 0.0), fragments))] = np.arange(len(shapes))
    swap = place[pairs.first] > place[pairs.second]
    high, low = np.where(swap, pairs.second, pairs.first), np.where(swap, pairs.first, pairs.second)
    piece = fragments[low] & (areas[low] <= areas[high]) & (pairs.inside > COVERED)
    lost = (pairs.iou > SAME) | piece
    return np.flatnonzero(survivors(high[lost], low[lost], len(shapes)))
