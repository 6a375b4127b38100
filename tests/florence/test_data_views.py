"""Views of an image: what is said of it stays true, and its places stay on its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from curated import MODEL, picture, region, row, text
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine import geometry, records
from florence.codec import Box, Outline, Task, decode, samples
from florence.data.pictures import Look
from florence.data.settings import DataSettings
from florence.data.views import View, view
from florence.presets import BICUBIC

SIZE = (200, 120)
ALWAYS = DataSettings(mirror=1, crop=1, crop_margin=1)
LOOK = Look(400, BICUBIC, 1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

numbers = st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6)
whole = st.integers(10, 100)


def seen(given: dict[str, Any], chances: list[float], chosen: DataSettings = ALWAYS) -> tuple[View, dict[str, Any]]:
    found, record = view(given, chosen, chances)
    return found, dict(record)


@given(whole, st.integers(10, 50), st.integers(12, 90), st.integers(12, 60), numbers, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_region_stays_on_its_pixels(x: int, y: int, w: int, h: int, chances: list[float], masked: bool) -> None:
    """A white block in a black image: its box and its shape are where the model sees white."""
    import io

    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[y : y + h, x : x + w] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    mask = geometry.encode_mask(pixels[..., 0] > 0) if masked else None
    ring = [x, y, x + w, y, x + w, y + h, x, y + h]
    block = region("r", [x, y, x + w, y + h], "block", mask=mask, polygons=None if masked else [ring])
    found, record = seen(row(file.getvalue(), SIZE, regions=[block]), chances)
    planes = LOOK.planes(file.getvalue(), SIZE, found)
    white = planes[0] > 127
    across, down = np.flatnonzero(white.any(axis=0)), np.flatnonzero(white.any(axis=1))
    size = (400.0, 400.0)
    (box,) = decode(Task.OD, next(s.target for s in samples(record) if s.task == Task.OD), size).items
    assert isinstance(box, Box)
    assert np.allclose(box.box, [across[0], down[0], across[-1] + 1, down[-1] + 1], atol=1.5)
    target = next(s.target for s in samples(record) if s.task == Task.REGION_TO_SEGMENTATION)
    (shape,) = decode(Task.REGION_TO_SEGMENTATION, target, size).items
    assert isinstance(shape, Outline)
    drawn = geometry.decode_rle(geometry.rings_to_rle([np.array(ring) for ring in shape.polygons], 400, 400))
    assert (drawn != white).mean() < 0.03


@given(numbers)
def test_a_crop_cuts_no_region(chances: list[float]) -> None:
    regions = [region("a", [50, 30, 90, 60], "a"), region("b", [80.5, 40, 120.25, 100], "b")]
    (x0, y0, x1, y1), record = seen(row(b"", SIZE, regions=regions), chances)[0].window, None
    assert 0 <= x0 <= 50
    assert 0 <= y0 <= 30
    assert 120.25 <= x1 <= 200
    assert 100 <= y1 <= 120
    assert record is None


def test_how_much_a_crop_takes() -> None:
    cat = row(b"", SIZE, regions=[region("a", [50, 30, 90, 60], "a")])
    half = DataSettings(crop=1, crop_margin=0.5, mirror=0)
    assert seen(cat, [0, 0, 1, 1, 1, 1], half)[0].window == (25, 15, 145, 90)
    assert seen(cat, [0, 0, 0, 0, 0, 0], half)[0].window == (0, 0, 200, 120)
    assert seen(cat, [0.4, 0, 1, 1, 1, 1], DataSettings(crop=0.4, mirror=0))[0].window == (0, 0, 200, 120)


@pytest.mark.parametrize(
    ("given", "cropped"),
    [
        ({"texts": [text("t", "A cat left of a dog")]}, True),
        ({"texts": [text("t", "A cat in the corner")]}, False),
        ({"texts": [text("t", "A cat on the left")]}, False),
        ({"regions": []}, False),
    ],
)
def test_where_nothing_is_cropped(given: dict[str, Any], cropped: bool) -> None:
    made = row(b"", SIZE, **{"regions": [region("a", [50, 30, 90, 60], "a")], **given})
    assert (seen(made, [0, 1, 1, 1, 1, 1])[0].window != (0, 0, *SIZE)) == cropped


def test_a_mirrored_image_has_its_texts_and_phrases_mirrored() -> None:
    words = "A dog left of a red cat"
    made = row(
        b"", SIZE, texts=[text("t", words)],
        regions=[region("a", [100, 0, 200, 50], "cat", "cat on the right"), region("b", [0, 0, 50, 50], "dog")],
        phrases=[records.phrase("p", "t", (14, 23), MODEL, region_ids=["a"])],
    )  # fmt: skip
    _, record = seen(made, [1, 0, 0, 0, 0, 0])
    targets = {sample.task: (sample.prompt, sample.target) for sample in samples(record)}
    assert targets[Task.CAPTION][1] == "A dog right of a red cat"
    assert targets[Task.CAPTION_TO_PHRASE_GROUNDING] == (
        "Locate the phrases in the caption: A dog right of a red cat", "a red cat<loc_0><loc_0><loc_500><loc_416>"
    )  # fmt: skip
    assert record["regions"][0]["labels"][1]["text"] == "cat on the left"
    assert made["texts"][0]["text"] == words


@pytest.mark.parametrize(
    "given",
    [
        {"texts": [text("t", "He left")]},
        {"regions": [records.region("r", "text", [0, 0, 9, 9], MODEL)]},
        {"regions": [records.region("r", "object", [0, 0, 9, 9], MODEL, labels=[records.label("ocr", "a", MODEL)])]},
        {"regions": [region("r", [0, 0, 9, 9], "the right size")]},
    ],
)
def test_what_is_never_mirrored(given: dict[str, Any]) -> None:
    made = row(b"", SIZE, **given)
    found, record = seen(made, [1, 0, 0, 0, 0, 0])
    assert found == View((0, 0, *SIZE), False)
    assert record == made


@given(numbers)
def test_a_view_has_as_many_samples(chances: list[float]) -> None:
    ring = [60, 40, 80, 40, 80, 50]
    made = row(
        picture(0, SIZE), SIZE, texts=[text("t", "on the left a cat left of a cat")],
        regions=[region("a", [60, 40, 80, 50], "cat", polygons=[ring]), region("b", [0, 0, 50, 50], "dog")],
        phrases=[records.phrase("p", "t", (12, 17), MODEL, region_ids=["a"])],
    )  # fmt: skip
    _, record = seen(made, chances)
    assert [sample.task for sample in samples(record)] == [sample.task for sample in samples(made)]


def test_quads_move_with_a_crop() -> None:
    quad = [60, 40, 80, 40, 80, 50, 60, 50]
    label = [records.label("ocr", "stop", MODEL)]
    made = row(b"", SIZE, regions=[records.region("r", "text", [60, 40, 80, 50], MODEL, labels=label, quad=quad)])
    found, record = seen(made, [0, 0, 0.5, 0.5, 0.5, 0.5])
    assert found == View((30, 20, 140, 85), False)
    assert record["regions"][0]["quad"] == [30, 20, 50, 20, 50, 30, 30, 30]
