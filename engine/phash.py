"""A 64-bit perceptual hash: two pictures that look alike have hashes that differ in few bits.

The DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), as in
the pHash library: 32 x 32 gray, the 8 x 8 lowest frequencies without those of row and column zero (the mean
brightness), each against their median. Ours: a pixel of the 32 x 32 is the mean of 4 x 4 pixels spread over
its area, not of 7 x 7 adjacent ones, which costs next to nothing beside the decoding; and the DCT's cosines
are integers, so that no machine rounds a bit its own way.
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

_SIDE = 32
_SAMPLES = 4 * _SIDE
_LOW = 8


def phash(image: Image.Image) -> int:
    """Of an upright RGB picture: an integer of 64 bits, the lowest frequency first (most significant)."""
    few = (min(image.width, _SAMPLES), min(image.height, _SAMPLES))
    samples = image.resize(few, Image.Resampling.NEAREST).convert("L")
    gray = samples.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    dct = _cosines()
    low = dct @ np.asarray(gray, np.int64) @ dct.T
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@functools.cache
def _cosines() -> np.ndarray:
    """Rows 1..8 of the 32-point DCT-II, scaled to integers: int64 (8, 32); products stay below 2**47."""
    k, i = np.arange(1, _LOW + 1)[:, None], np.arange(_SIDE)[None, :]
    basis: np.ndarray = np.rint(np.cos(np.pi * k * (2 * i + 1) / (2 * _SIDE)) * 2**14).astype(np.int64)
    return basis
