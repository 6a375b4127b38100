"""The segmenter's recipe: a batch's masks lie on what is seen, and what it trains the stage can load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.geometry import encode_mask
from specialists.bundled.recipes import masks, options, segmentation
from specialists.bundled.recipes.pack import Public, pack
from specialists.bundled.recipes.segmentation_batches import GRID, SIDE, Batches, jittered
from specialists.bundled.recipes.training import train


def reds(size: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> Public:
    """A black image with red things in it, and a written line."""
    pixels, regions = np.zeros((*size, 3), np.uint8), []
    for left, top, right, bottom in boxes:
        mask = np.zeros(size, bool)
        mask[top:bottom, left:right] = True
        pixels[mask, 0] = 255
        regions.append({"kind": "object", "box": [left, top, right, bottom], "mask": encode_mask(mask)})
    return Public(pixels, {"regions": [*regions, {"kind": "text", "box": [0, 0, 9, 9], "mask": None}]})


@pytest.fixture(scope="module")
def processor() -> Any:
    return segmentation.build()[1]


@pytest.mark.parametrize("size", [(300, 400), (500, 260), (192, 192), (90, 100)])
def test_masks_lie_on_what_is_seen(processor: Any, size: tuple[int, int]) -> None:
    height, width = size
    things = [(20, 10, width // 3, height // 2), (width // 2, height // 4, width, height)]
    batches = Batches([reds(size, things)], processor, 8)  # type: ignore[arg-type]
    batch = batches(0)
    red = torch.nn.functional.avg_pool2d(batch["pixels"][:, :1], 2)[:, 0]  # on the masks' grid
    any_red = (red > 0.6).float()  # normalized: black is -2, red 2, and the padding 0
    assert (any_red - batch["dense"][:, 0]).abs().mean() < 0.015  # but for what blurs at the edges
    lefts = {int(mask.sum(0).nonzero()[0]) for mask in batch["masks"].flatten(0, 1)}
    assert len(lefts) == 4  # two things, as they stand and mirrored
    for grid, box in zip(batch["masks"].flatten(0, 1), batch["boxes"].flatten(0, 1), strict=True):
        y, x = (grid > 0.5).nonzero().T
        edges = torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]) * SIDE / GRID
        assert ((edges - box).abs() < 0.17 * (box[2:] - box[:2]).repeat(2) + 3).all()  # two spreads of 0.08


def test_points_know_the_box_of_their_thing(processor: Any) -> None:
    scene = reds((192, 192), [(8, 16, 72, 112), (120, 64, 180, 192)])
    dense = Batches([scene], processor, 1)(0)["dense"][0]  # type: ignore[arg-type]
    down, across = dense[0].nonzero().T
    points = (torch.stack([across, down], 1) + 0.5) * 2
    boxes = dense[1:, down, across].T * 192 + points.repeat(1, 2)
    assert {tuple(box) for box in boxes.round().int().tolist()} in (
        {(8, 16, 72, 112), (120, 64, 180, 192)},
        {(120, 16, 184, 112), (12, 64, 72, 192)},
    )


def test_boxes_are_jittered_by_a_share_of_their_size() -> None:
    boxes = np.tile([[100.0, 50, 120, 350]], (2000, 1))
    off = jittered(boxes, np.random.default_rng(0), 0.05, 0.05) - boxes
    assert np.allclose(off.std(0), 0.96 * 0.05 * np.array([20, 300, 20, 300]), rtol=0.1)  # 0.96: cut at two
    assert (jittered(boxes, np.random.default_rng(0), 0, 0) == boxes).all()


def test_the_loss_is_least_for_the_true_masks() -> None:
    torch.manual_seed(0)
    target = torch.zeros(1, 1, GRID, GRID)
    target[..., 20:40, 30:60] = 1
    shifted, near = target.roll(5, -1), torch.ones_like(target)
    losses = [float(segmentation._crossed(8 * (2 * mask - 1), target, near)) for mask in (target, shifted)]
    assert losses[0] < losses[1]
    assert float(segmentation._apart(shifted, target)) == pytest.approx(1 - (2 * 500 + 1) / 1201, abs=1e-4)
    assert float(segmentation._overlap(shifted > 0, target > 0)) == pytest.approx(500 / 700)


def test_a_few_steps_make_a_checkpoint_that_the_stage_loads(tmp_path: Path) -> None:
    torch.manual_seed(0)
    segmenter, processor = segmentation.build()
    trainee = segmentation.Trainee(segmenter)
    plan = replace(segmentation.PLAN, steps=3, batch=2, warmup=1)
    batches = Batches(pack(tmp_path / "pack", 6), processor, plan.batch)
    before = segmentation.loss(trainee, batches(0))
    train(trainee, segmentation.loss, batches, plan, tmp_path / "work")
    after = segmentation.loss(trainee, batches(0))
    assert all(part.isfinite() for part in after.values())
    assert sum(after.values()) < sum(before.values())
    options.save(tmp_path / "out", trainee.segmenter, processor)
    assert sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) < 1.5e6
    found = masks.measure(str(tmp_path / "out"), "scenes:2?split=held-out&seed=9", 0.0)
    assert len(found) > 2
    assert (found[:, 1] == 1).all()
    assert ((found[:, 0] >= 0) & (found[:, 0] <= 1)).all()
    assert found[:, 0].max() > 0
