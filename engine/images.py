"""Bytes to upright RGB pixels, or the reason why not."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from engine import content, pixels
from engine.phash import phash

_PILLOW_MODULES = r"PIL\."


@dataclass(frozen=True)
class Limits:
    """What counts as a usable picture. All defaults are ours: no paper gives any.

    `max_pixels` is width x height; `min_side` the shorter side's least length in pixels; `max_bytes` the
    encoded file's greatest size.
    """

    max_pixels: int = 100_000_000
    min_side: int = 16
    max_bytes: int = 256 * 1024 * 1024


class Unusable(ValueError):
    """A file that gives no picture. `reason` is a short stable code:

    empty, too_large, not_an_image, other_file (no image, and its name never said so), format_not_allowed,
    truncated, bomb, too_small, undecodable; from the sources also unreadable, permission_denied, missing,
    not_a_file, points_outside.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Probe:
    """A picture that decodes: its upright size in pixels, perceptual hash (64 bits) and EXIF orientation.

    The orientation (1..8) is the stored picture's; from 5 on its width and height are exchanged.
    """

    width: int
    height: int
    phash: int
    orientation: int


def probe(data: bytes, limits: Limits, name: str, *, claimed: bool | None = None) -> Probe:
    """Decode a picture in full, once. Raises Unusable.

    `name` (a file name, path or URL) only decides whether bytes that are no image are `not_an_image` or
    `other_file`; `claimed` overrules it where something else said that this is an image.
    """
    check_bytes(len(data), limits, name, claimed=claimed)
    picture, turned = _upright(data, _claimed(name, claimed), limits)
    return Probe(picture.width, picture.height, phash(picture), turned)


def decode(data: bytes) -> np.ndarray:
    """The upright picture: uint8 (height, width, 3) RGB, contiguous, read-only. Raises Unusable.

    No limits: it is for bytes that `probe` has let pass.
    """
    picture, _ = _upright(data, True, None)
    array = np.ascontiguousarray(np.asarray(picture))
    array.flags.writeable = False
    return array


def check_bytes(size: int, limits: Limits, name: str, *, claimed: bool | None = None) -> None:
    """Raise Unusable where a file's size alone says enough: it need not be read."""
    if 0 < size <= limits.max_bytes:
        return
    reason = "empty" if size == 0 else "too_large"
    what = "no bytes at all" if size == 0 else f"{size} bytes, more than max_bytes = {limits.max_bytes}"
    if not _claimed(name, claimed):
        raise Unusable("other_file", f"not named as an image; {what}")
    raise Unusable(reason, what)


def _upright(data: bytes, claimed: bool, limits: Limits | None) -> tuple[Image.Image, int]:
    """The upright RGB picture and the orientation that it had; whatever a decoder raises becomes Unusable."""
    kind = content.kind(data)
    if kind not in content.PICTURES:
        raise _not_a_picture(kind, claimed)
    settle_pillow()
    try:
        image = Image.open(io.BytesIO(data), formats=[content.PICTURES[kind]])
        if limits:
            _check_size(image, limits)
        # Pillow turns a TIFF itself when it loads it, and forgets how it lay; of a PNG, asking for EXIF data
        # loads the picture, whose failure must not be taken for that of its EXIF data.
        stored = pixels.orientation(image) if kind == "tiff" else None
        image.load()
        lies = pixels.orientation(image)
        return pixels.upright(image, lies), stored or lies
    except Unusable:
        raise
    except Exception as error:  # a decoder fed with garbage raises anything, SyntaxError included
        raise _broken(kind, data, error) from error


def _broken(kind: str, data: bytes, error: Exception) -> Unusable:
    said = str(error) or type(error).__name__
    cut = "truncated" in said.lower() or content.is_cut_short(data)
    if isinstance(error, UnidentifiedImageError):  # says where the bytes lay in memory, which is no use
        said = "its header cannot be read"
    return Unusable("truncated" if cut else "undecodable", f"{kind}: {said}")


def settle_pillow() -> None:
    """Set Pillow's process-wide switches to what decoding here relies on.

    Each is a plain, idempotent assignment, so threads need no lock. The bomb check is ours, by the header.
    Pillow warns about odd metadata; catch_warnings would swap the filters of all threads, so one filter for
    Pillow's modules is put first instead, again whenever someone has put another before it.
    """
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    first = warnings.filters[0] if warnings.filters else None
    if first is None or getattr(first[3], "pattern", None) != _PILLOW_MODULES:
        warnings.filterwarnings("ignore", module=_PILLOW_MODULES)


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise Unusable("bomb", f"{width} x {height} pixels, more than max_pixels = {limits.max_pixels}")
    if min(width, height) < limits.min_side:
        raise Unusable("too_small", f"{width} x {height} pixels, a side below min_side = {limits.min_side}")


def _claimed(name: str, claimed: bool | None) -> bool:
    return content.claims_image(name) if claimed is None else claimed


def _not_a_picture(kind: str, claimed: bool) -> Unusable:
    if kind in content.REFUSED and (claimed or kind != "pdf"):
        return Unusable("format_not_allowed", f"{kind}: not among {', '.join(content.PICTURES)}")
    if claimed:
        return Unusable("not_an_image", f"the content looks like {kind}")
    return Unusable("other_file", f"neither content ({kind}) nor name says image")
