"""Pixels as the model takes them: those of its processor."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from curated import SMALL, model, picture
from PIL import Image

from engine.images import Unusable, decode
from florence import presets
from florence.data.pictures import Look
from florence.data.views import View
from florence.presets import Florence


@pytest.fixture(scope="module")
def florence() -> Florence:
    return model()


def ours(florence: Florence, data: bytes, size: tuple[int, int], side: int = 64) -> np.ndarray:
    look = Look.of(florence.processor, side)
    return look.normalised([look.planes(data, size, View((0, 0, *size), False))])


def theirs(florence: Florence, data: bytes, side: int = 64) -> Any:
    images = presets.processor(florence.tokenizer, side).image_processor
    return images([decode(data)], return_tensors="np", input_data_format="channels_last").pixel_values


@pytest.mark.parametrize(
    ("size", "format"), [((80, 60), "PNG"), ((40, 200), "WEBP"), ((127, 127), "JPEG"), ((31, 33), "JPEG")]
)
def test_pixels_are_the_processors(florence: Florence, size: tuple[int, int], format: str) -> None:
    data = picture(1, size, format, quality=90)
    assert np.allclose(ours(florence, data, size), theirs(florence, data), atol=1e-5)


@pytest.mark.parametrize(("size", "noise"), [((128, 128), 0), ((128, 128), 20), ((300, 200), 0), ((1300, 1100), 20)])
def test_a_large_jpeg_decoded_small_is_nearly_the_same(florence: Florence, size: tuple[int, int], noise: int) -> None:
    rng = np.random.default_rng(0)
    grain = rng.integers(-noise, noise + 1, (size[1], size[0], 1))
    smooth = np.asarray(Image.open(io.BytesIO(picture(2, size))), np.int16)
    file = io.BytesIO()
    Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    seen, full = ours(florence, file.getvalue(), size), theirs(florence, file.getvalue())
    difference = np.abs(seen - full) * np.array(presets.DEVIATION).reshape(3, 1, 1) * 255
    assert difference.mean() < (2.5 if noise else 1)
    assert difference.max() < 16


@pytest.mark.parametrize("lies", range(1, 9))
def test_a_jpeg_that_lies_on_its_side_is_upright(florence: Florence, lies: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = lies
    data = picture(3, (320, 200), "JPEG", quality=95, exif=exif)
    size = (320, 200) if lies < 5 else (200, 320)
    assert np.abs(ours(florence, data, size) - theirs(florence, data)).mean() < 1.5 / 255 / 0.22


def test_a_window_is_what_cutting_it_out_first_gives(florence: Florence) -> None:
    data, window = picture(4, (160, 120)), (13, 20, 150, 111)
    look = Look.of(florence.processor, 64)
    cut = Image.open(io.BytesIO(data)).crop(window).resize((64, 64), Image.Resampling.BICUBIC)
    seen = look.planes(data, (160, 120), View(window, False))
    # Apart from the seam, where a window sees what lies outside and a cut-out does not.
    difference = np.abs(seen.astype(int) - np.asarray(cut).transpose(2, 0, 1))
    assert difference[:, 3:-3, 3:-3].max() <= 1
    assert np.array_equal(look.planes(data, (160, 120), View(window, True)), seen[:, :, ::-1])


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_what_cannot_be_shown_says_why(florence: Florence, format: str) -> None:
    data = picture(5, (200, 200), format)
    for broken, size, reason in (
        (data[: len(data) // 2], (200, 200), "truncated"),
        (data, (200, 100), "wrong_size"),
        (b"no picture", (200, 200), "not_an_image"),
        (data[:20] + b"\0" * 400, (200, 200), "truncated|undecodable"),
    ):
        with pytest.raises(Unusable) as found:
            ours(florence, broken, size)
        assert found.value.reason in reason.split("|")


def test_the_size_is_not_the_processors_own(florence: Florence) -> None:
    data = picture(6, (90, 90))
    assert SMALL.image_size == 64
    assert np.allclose(ours(florence, data, (90, 90), 96), theirs(florence, data, 96), atol=1e-5)
