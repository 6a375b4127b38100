"""From logits to pixels: as the public processor does it, and only where it matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.geometry import decode_rle
from specialists.segmentation.enlarging import Frame


def smooth(seed: int, count: int = 4, level: float = 0.0) -> Any:
    """Logits (count, 32, 32) with hills and valleys."""
    import torch
    from torch.nn.functional import interpolate

    coarse = torch.randn((count, 1, 7, 7), generator=torch.Generator().manual_seed(seed))
    return interpolate(coarse, (32, 32), mode="bicubic")[:, 0] - level


def frame(height: int, width: int, padded: bool, square: int = 128) -> Frame:
    """As SAM scales an image, or as its successors do."""
    scale = square / max(height, width)
    filled = (int(height * scale + 0.5), int(width * scale + 0.5))
    return (
        Frame((height, width), filled, (square, square)) if padded else Frame((height, width), (square, square), None)
    )


def reference(frame: Frame, logits: Any) -> np.ndarray:
    """What the public processor's `post_process_masks` does before it looks where the logits are above 0."""
    from torch.nn.functional import interpolate

    logits = logits[None]
    if frame.padded:
        logits = interpolate(logits, frame.padded, mode="bilinear")[..., : frame.filled[0], : frame.filled[1]]
    enlarged: np.ndarray = interpolate(logits, frame.image, mode="bilinear")[0].numpy()
    return enlarged


@given(st.integers(8, 150), st.integers(8, 150), st.booleans(), st.integers(0, 9), st.sampled_from([-9, -1, 0, 1.5, 9]))
@settings(deadline=None, max_examples=30)
def test_as_the_public_processor(height: int, width: int, padded: bool, seed: int, level: float) -> None:
    where, logits = frame(height, width, padded), smooth(seed, level=level)
    for shape, expected in zip(where.shapes(logits, 0), reference(where, logits), strict=True):
        mask = decode_rle(shape.mask) if shape else np.zeros((height, width), bool)
        sure = abs(expected) > 1e-5
        assert (mask == (expected > 0))[sure].all()
        assert (shape is not None) == mask.any()


def test_a_wide_image_is_computed_in_strips() -> None:
    where, logits = frame(40, 2001, True), smooth(3)
    for shape, expected in zip(where.shapes(logits, 0), reference(where, logits), strict=True):
        assert shape
        assert (decode_rle(shape.mask) == (expected > 0))[abs(expected) > 1e-5].all()


@pytest.mark.parametrize("padded", [True, False])
def test_of_an_image_that_was_shown_broader_its_own_part_is_left(padded: bool) -> None:
    broad, logits = frame(30, 600, padded), smooth(4)
    thin = Frame((9, 600), broad.filled, broad.padded, broad.image)
    for part, whole in zip(thin.shapes(logits, 0), broad.shapes(logits, 0), strict=True):
        assert whole
        mask = decode_rle(whole.mask)[:9]
        assert (part is not None) == mask.any()
        assert part is None or (decode_rle(part.mask) == mask).all()
    assert (thin.prompts(np.ones((1, 4))) == broad.prompts(np.ones((1, 4)))).all()


@pytest.mark.parametrize("padded", [True, False])
def test_prompts_lie_where_the_image_lies(padded: bool) -> None:
    # 61 x 37 pixels become 128 x 78, or are stretched to 128 x 128.
    (left, top, right, bottom) = frame(37, 61, padded).prompts(np.array([[6.1, 3.7, 61, 37]]))[0]
    assert (left, right) == (pytest.approx(12.8), 128)
    assert (top, bottom) == pytest.approx((7.8, 78) if padded else (12.8, 128))
