"""Any picture that Pillow decodes, as RGB the right way up. These rules are ours:

- what is transparent lies on white;
- 16 bits become 8 by their high byte, as Pillow does it for colour (its own gray conversion clips at 255);
- a 32-bit integer picture within 0..65535 counts as 16 bits, any other is stretched from its least to its
  greatest value;
- a float picture within 0..1 is scaled by 255, one within 0..255 is rounded, any other is stretched; NaN is
  black, infinities take the least and the greatest value;
- colour profiles are not applied; CMYK becomes RGB by its plain formula.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TIFF_PHOTOMETRIC, _TIFF_BITS = 262, 258


def orientation(image: Image.Image) -> int:
    """How a loaded picture lies, 1..8 as EXIF numbers it; 1 where nothing readable says so."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - the EXIF parser raises anything on garbage, and the picture is fine
        return 1
    return value if isinstance(value, int) and value in _TURN else 1


def upright(image: Image.Image, lies: int) -> Image.Image:
    """A loaded picture of orientation `lies` as mode RGB, the right way up."""
    turn = _TURN.get(lies)
    picture = rgb(image)
    return picture if turn is None else picture.transpose(turn)


def rgb(image: Image.Image) -> Image.Image:
    """A loaded picture as mode RGB, by the rules above."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_gray8(image)).convert("RGB")
    if image.mode == "LAB":
        return _from_lab(image)
    if _is_transparent(image):
        return _on_white(image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_transparent(image: Image.Image) -> bool:
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:
        return False  # a 16-bit colour key, which the high bytes that are left can no longer match
    return bool(image.has_transparency_data)


def _on_white(image: Image.Image) -> Image.Image:
    if image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # only an in-place conversion returns nothing
    return converted


def _gray8(image: Image.Image) -> np.ndarray:
    """A gray picture of more than 8 bits as uint8 (height, width)."""
    values = np.asarray(image)
    if image.mode == "F":
        return _float8(values)
    if image.mode == "I":
        if values.min() < 0 or values.max() > 65535:
            return _stretched(values.astype(np.float64))
        return (values >> 8).astype(np.uint8)
    gray = (values >> _shift(image)).astype(np.uint8)
    if _tiff_tag(image, _TIFF_PHOTOMETRIC, 1) == 0:  # white is zero, which Pillow heeds up to 8 bits only
        gray = 255 - gray
    key = image.info.get("transparency")
    return np.where(values == key, np.uint8(255), gray) if isinstance(key, int) else gray


def _shift(image: Image.Image) -> int:
    bits = _tiff_tag(image, _TIFF_BITS, 16)
    bits = bits[0] if isinstance(bits, tuple) else bits
    return int(bits) - 8 if 8 <= bits <= 16 else 8


def _tiff_tag(image: Image.Image, tag: int, default: Any) -> Any:
    return getattr(image, "tag_v2", {}).get(tag, default)


def _float8(values: np.ndarray) -> np.ndarray:
    finite = values[np.isfinite(values)].astype(np.float64)
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    filled = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    plain = low >= 0 and high <= 255
    gray = np.rint(filled * (255 if high <= 1 else 1)).astype(np.uint8) if plain else _stretched(filled)
    return np.where(np.isnan(values), np.uint8(0), gray)


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    if high == low:
        return np.zeros(values.shape, np.uint8)
    gray: np.ndarray = np.rint((values - low) / (high - low) * 255).astype(np.uint8)
    return gray
