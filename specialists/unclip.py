"""Lines as tight as their letters: a part of the margin taken back that a text detector puts around what it finds.

DB (Liao et al., arXiv 1911.08947, section 3.5) finds a line's shrunken core and offsets it by area x ratio / perimeter.
The ratio is chosen for the reader, which wants air around its letters; a quad in a dataset wants none.
"""

from __future__ import annotations

import numpy as np


def tighten(quads: np.ndarray, given: float, wanted: float) -> np.ndarray:
    """Quads (n, 4, 2) in px, offset by the ratio `given`, as if it had been `wanted`; any quad counts as a rectangle.

    Of a core of w x h px an offset d = r w h / (2 (w + h)) made w' = w + 2 d and h' = h + 2 d: d is the smaller root
    of (4 r + 8) d² - 2 (r + 1) (w' + h') d + r w' h' = 0.
    """
    along, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    wide, high = np.linalg.norm(along, axis=1), np.linalg.norm(down, axis=1)
    a, b, c = 4 * given + 8, (given + 1) * (wide + high), given * wide * high
    offset = (b - np.sqrt(np.maximum(b**2 - a * c, 0))) / a
    inset = offset - _offset(wide - 2 * offset, high - 2 * offset, wanted)
    across = inset[:, None] * along / np.maximum(wide, 1e-9)[:, None]
    within = inset[:, None] * down / np.maximum(high, 1e-9)[:, None]
    moves = np.stack([across + within, within - across, -across - within, across - within], axis=1)
    return (quads + moves).astype(np.float32)


def _offset(wide: np.ndarray, high: np.ndarray, ratio: float) -> np.ndarray:
    around: np.ndarray = ratio * wide * high / np.maximum(2 * (wide + high), 1e-9)
    return around
