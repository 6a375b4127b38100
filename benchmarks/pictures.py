"""Pictures from nothing: as large as photos, as small as thumbnails, or with text to read; each file another one."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_TEXT = (
    "harbour seven window orange ticket market quiet river station closed paper lantern Tuesday copper garden "
    "bridge 1984 museum salt corner winter open bakery signal north letter silver engine platform coffee"
)
_SIZES = ((640, 480), (600, 600), (480, 560), (800, 720), (512, 512), (720, 800))


def photos(folder: Path, count: int) -> None:
    """`count` JPEGs of 1024 x 768 and about 200 kB: a few pictures, each file with a tail of its own.

    What follows a JPEG's end mark is not decoded, but makes it another file with another checksum.
    """
    folder.mkdir(parents=True)
    few = [_saved(_photo(seed), "JPEG", quality=90) for seed in range(16)]
    for index, data in zip(range(count), itertools.cycle(few)):
        (folder / f"{index:07d}.jpg").write_bytes(data + index.to_bytes(8, "little"))


def _photo(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).resize((1024, 768), Image.Resampling.BICUBIC)
    grain = Image.fromarray(rng.integers(0, 256, (768, 1024, 3), np.uint8)).filter(ImageFilter.GaussianBlur(1))
    return Image.blend(coarse, grain, 0.3)


def thumbnails(folder: Path, count: int) -> None:
    """`count` JPEGs of 256 x 256 and about 27 kB, 1000 to a folder; made as `photos` are."""
    few = [_photo(seed).resize((256, 256)) for seed in range(16)]
    encoded = [_saved(picture, "JPEG", quality=90) for picture in few]
    for index, data in zip(range(count), itertools.cycle(encoded)):
        if index % 1000 == 0:
            (folder / f"{index // 1000:04d}").mkdir(parents=True)
        (folder / f"{index // 1000:04d}/{index:07d}.jpg").write_bytes(data + index.to_bytes(8, "little"))


def pages(count: int) -> list[bytes]:
    """`count` PNGs of several sizes with lines of text, for OCR."""
    return [_page(seed) for seed in range(count)]


def _page(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    size = _SIZES[seed % len(_SIZES)]
    page = Image.new("RGB", size, tuple(int(v) for v in rng.integers(200, 256, 3)))
    draw, top = ImageDraw.Draw(page), 20
    for _ in range(int(rng.integers(2, 5))):
        height = int(rng.integers(18, 40))
        words = " ".join(rng.choice(_TEXT.split(), max(2, size[0] // (height * 5))))
        draw.text(
            (20, top), words, fill=tuple(int(v) for v in rng.integers(0, 90, 3)), font=ImageFont.load_default(height)
        )
        top += 2 * height + int(rng.integers(0, 60))
    return _saved(page, "PNG")


def _saved(image: Image.Image, format: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
