"""The recipe of the multitask model's eyes: what a token has to tell is true, and what is saved is begun with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from florence import presets, tokenizer
from specialists.bundled.recipes import eyes
from specialists.bundled.recipes.pack import Pack, pack
from specialists.bundled.recipes.training import Plan, train

FEW = Plan(steps=3, batch=2, warmup=2, save_every=3)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return pack(tmp_path_factory.mktemp("pack"), 8)


def told(*boxes: tuple[float, ...], cells: int = 4) -> dict[str, np.ndarray]:
    """What the cells of a picture tell of boxes in shares, of things 1, 2, … in colours 11, 12, …"""
    names = np.arange(1, len(boxes) + 1)
    made = eyes._told(np.array(boxes, np.float64).reshape(-1, 4), names, names + 10, cells)
    return {name: value.reshape(cells, cells, *value.shape[1:]) for name, value in made.items()}


def test_a_cell_tells_of_the_smallest_box_that_its_middle_is_in() -> None:
    large, small = (0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 1.0, 1.0)
    found = told(large, small)
    assert found["thing"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 2, 2], [1, 1, 2, 2]]
    assert (found["colour"] == found["thing"] + 10).all()
    assert found["box"][0, 0].tolist() == [0, 0, 999, 999]  # the last location token is 999
    assert found["box"][3, 3].tolist() == [500, 500, 999, 999]
    assert np.argwhere(found["centre"]).tolist() == [[2, 2], [3, 3]]  # rows, then columns


def test_a_box_smaller_than_a_cell_is_told_by_the_cell_of_its_middle() -> None:
    found = told((0.01, 0.26, 0.05, 0.3))
    assert np.argwhere(found["thing"]).tolist() == [[1, 0]]
    assert found["centre"][1, 0]


def test_a_picture_of_nothing_tells_of_nothing() -> None:
    found = told()
    assert not found["thing"].any()
    assert not found["centre"].any()


def test_a_batch_is_a_function_of_the_steps_number(public: Pack) -> None:
    first, again, other = (eyes.Lessons(public, 3)(step) for step in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["pixels"], other["pixels"])
    assert first["pixels"].shape == (3, 3, eyes.SHAPE.side, eyes.SHAPE.side)
    assert first["box"].shape == (3, eyes.SHAPE.cells**2, 4)
    boxes = first["box"][first["thing"] > 0]
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert (boxes >= 0).all()
    assert (boxes < eyes.PLACES).all()


def test_a_place_that_is_told_by_a_blur_costs_its_entropy_alone() -> None:
    chances = eyes._blurred(torch.tensor([0.0, 500.0, 999.0]))
    assert torch.allclose(chances.sum(1), torch.ones(3))
    assert chances.argmax(1).tolist() == [0, 500, 999]


def test_what_is_saved_is_what_a_preset_begins_with(public: Pack, tmp_path: Path) -> None:
    learner = eyes.Learner(eyes.build())
    train(learner, eyes.loss, eyes.Lessons(public, FEW.batch), FEW, tmp_path / "work")
    eyes.save(tmp_path / "eyes", learner.model)
    saved = load_file(tmp_path / "eyes" / "model.safetensors")
    assert all(value.dtype == torch.float16 for value in saved.values())
    assert not [name for name in saved if "embed_tokens" in name or "decoder" in name]

    mini = presets.PRESETS["mini"]
    florence = presets.new(mini, tokenizer.train(["a dog on a sofa"], mini.words))
    presets.see_as(florence, tmp_path / "eyes")
    weights = florence.model.state_dict()
    assert all(torch.equal(weights[name], value.float()) for name, value in saved.items())
