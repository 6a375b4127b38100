"""Encoded images to the pixels of a view, at the model's size.

A JPEG that is at least twice as large as the model's image is decoded at a half, quarter or eighth, never below the
model's size: in half the time or less. It is not quite what full decoding and bicubic resizing give: by a mean of less
than 1 of 255 levels for a photo, of 2.5 where there is strong noise. All else is exactly what Florence2Processor gives.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from engine import pixels
from engine.content import kind
from engine.images import Unusable, decode, settle_pillow
from florence.data.views import View


@dataclass(frozen=True)
class Look:
    """How the model sees: square images of `size` px, resampled as Pillow numbers it, then normalised by channel."""

    size: int
    resample: int
    scale: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, processor: Any, size: int) -> Look:
        """That of a Florence2Processor, at another size than its own perhaps."""
        images = processor.image_processor
        return cls(
            size, int(images.resample), float(images.rescale_factor), tuple(images.image_mean), tuple(images.image_std)
        )

    def planes(self, data: bytes, size: tuple[int, int], view: View) -> np.ndarray:
        """A view of an encoded image of this upright size (width, height): RGB planes, uint8 (3, size, size).

        Raises Unusable where it cannot be decoded or has another size.
        """
        picture, full = _reduced(data, self.size, view) if kind(data) == "jpeg" else _whole(data)
        if full != size:
            raise Unusable("wrong_size", f"{full[0]} x {full[1]} pixels, not the record's {size[0]} x {size[1]}")
        shrunk = (picture.width / size[0], picture.height / size[1])
        window = tuple(side * shrunk[at % 2] for at, side in enumerate(view.window))
        seen = np.asarray(picture.resize((self.size, self.size), Image.Resampling(self.resample), box=window))  # type: ignore[arg-type]
        return np.ascontiguousarray((seen[:, ::-1] if view.mirror else seen).transpose(2, 0, 1))

    def normalised(self, seen: Sequence[np.ndarray]) -> np.ndarray:
        """Planes of m images as the model takes them: float32 (m, 3, size, size)."""
        deviation = np.array(self.deviation).reshape(3, 1, 1)
        factor = (self.scale / deviation).astype(np.float32)
        shift = (np.array(self.mean).reshape(3, 1, 1) / deviation).astype(np.float32)
        images = np.empty((len(seen), 3, self.size, self.size), np.float32)
        for planes, image in zip(seen, images, strict=True):
            np.multiply(planes, factor, out=image)
            image -= shift
        return images


def _whole(data: bytes) -> tuple[Image.Image, tuple[int, int]]:
    picture = Image.fromarray(decode(data))
    return picture, picture.size


def _reduced(data: bytes, side: int, view: View) -> tuple[Image.Image, tuple[int, int]]:
    """A JPEG upright, decoded as small as the window still has `side` pixels each way, and its full upright size."""
    settle_pillow()
    try:
        image = Image.open(io.BytesIO(data), formats=["JPEG"])
        width, height = image.size
        x0, y0, x1, y1 = view.window
        lies = pixels.orientation(image)
        across, down = (x1 - x0, y1 - y0) if lies < 5 else (y1 - y0, x1 - x0)
        image.draft(None, (-(-side * width // max(across, 1)), -(-side * height // max(down, 1))))
        image.load()
        return pixels.upright(image, lies), (width, height) if lies < 5 else (height, width)
    except Exception as error:  # a decoder fed with garbage raises anything
        decode(data)  # says why, with a reason; where it finds nothing wrong, the fault was not the image's
        raise Unusable("undecodable", f"jpeg: {error}") from error
