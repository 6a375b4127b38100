"""Pictures small enough to lie inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from engine.images import Unusable, decode

SIDE, CROP = 720, 200  # px: the longer side of a picture of the gallery, of a crop
_QUALITY = 72
_MARGIN = 0.35  # of a crop's longer side, around it, so that one sees where it lies
_LINES = (("#000000", 2, 1), ("#22c3e6", 2, 0))  # colour, width, and how far outside: seen on anything


def opened(data: bytes | None) -> Image.Image | None:
    """The upright picture, or None where there is none to see."""
    if data is None:
        return None
    try:
        return Image.fromarray(decode(data))
    except Unusable:
        return None


def thumbnail(picture: Image.Image, side: int = SIDE) -> str:
    """A picture as a data URI, not larger than so many pixels a side."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _uri(small)


def crop(picture: Image.Image, box: Sequence[float]) -> str:
    """What is around a box (4,), in pixels of the picture, with the box drawn, as a data URI."""
    x0, y0, x1, y1 = box
    margin = max(x1 - x0, y1 - y0, 16) * _MARGIN
    window = np.array([x0 - margin, y0 - margin, x1 + margin, y1 + margin])
    window = np.clip(window, 0, [picture.width, picture.height] * 2).round().astype(int)
    window[2:] = np.maximum(window[2:], window[:2] + 1)
    part = picture.crop(tuple(window.tolist()))
    scale = CROP / max(part.size)
    part = part.resize((max(round(part.width * scale), 1), max(round(part.height * scale), 1)))
    at = [(value - window[i % 2]) * scale for i, value in enumerate(box)]
    draw = ImageDraw.Draw(part)
    for colour, width, out in _LINES:
        corners = (at[0] - out, at[1] - out, max(at[2], at[0] + 1) + out, max(at[3], at[1] + 1) + out)
        draw.rectangle(corners, outline=colour, width=width)
    return _uri(part)


def _uri(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
