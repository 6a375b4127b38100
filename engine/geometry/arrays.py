"""What the rest of the package shares."""

from __future__ import annotations

import numpy as np


def floats(array: np.ndarray, width: int) -> np.ndarray:
    """Numbers in any shape as float64 (n, width)."""
    return np.asarray(array, np.float64).reshape(-1, width)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where the whole is nothing."""
    quotient: np.ndarray = np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)
    return quotient


def signed_areas(rings: np.ndarray) -> np.ndarray:
    """Areas (n,) of rings (n, k, 2); above 0 where clockwise, since y points down."""
    # Far from the origin the products would lose the small differences that make the area.
    x, y = np.moveaxis(rings - rings[:, :1], 2, 0)
    areas: np.ndarray = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1) / 2
    return areas
