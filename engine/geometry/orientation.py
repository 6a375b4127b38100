"""From the raw image, as stored, to the upright one, by the EXIF orientation."""

from __future__ import annotations

import numpy as np

from engine.geometry.arrays import floats
from engine.geometry.masks import Rle, decode_rle, encode_mask

ORIENTATIONS = range(1, 9)


def orient(points: np.ndarray, orientation: int, width: float, height: float) -> np.ndarray:
    """Points (n, 2) of the raw image, `width` x `height` pixels as stored, in pixels of the upright image.

    `orientation` is the EXIF tag, 1 to 8; from 5 on the upright image is `height` wide and `width` high.
    """
    _check_orientation(orientation)
    x, y = floats(points, 2).T
    if orientation in (2, 3, 7, 8):
        x = width - x
    if orientation in (3, 4, 6, 7):
        y = height - y
    return np.stack([y, x] if orientation >= 5 else [x, y], axis=1)


def orient_boxes(boxes: np.ndarray, orientation: int, width: float, height: float) -> np.ndarray:
    """Boxes (n, 4) of the raw image, `width` x `height` pixels as stored, as boxes of the upright image."""
    corners = orient(floats(boxes, 4).reshape(-1, 2), orientation, width, height).reshape(-1, 2, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def orient_rle(rle: Rle, orientation: int) -> Rle:
    """A mask of the raw image, as stored, as a mask of the upright image."""
    _check_orientation(orientation)
    mask = decode_rle(rle)
    if orientation in (2, 3, 7, 8):
        mask = mask[:, ::-1]
    if orientation in (3, 4, 6, 7):
        mask = mask[::-1]
    return encode_mask(mask.T if orientation >= 5 else mask)


def _check_orientation(orientation: int) -> None:
    if orientation not in ORIENTATIONS:
        raise ValueError(f"EXIF orientation {orientation!r} is not one of 1 to 8")
