"""The detector's recipe: boxes lie on what is seen, mosaics show all categories, what it trains the stage can load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from sighted import image, items, png, table, work

from specialists.bundled.recipes import detection, options, views
from specialists.bundled.recipes.mosaics import Mosaic
from specialists.bundled.recipes.pack import Pack, Public, pack
from specialists.bundled.recipes.training import train
from specialists.detection import Detection


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return pack(tmp_path_factory.mktemp("pack"), 8)


def red(box: tuple[int, int, int, int], size: tuple[int, int] = (60, 90)) -> Public:
    """A black image with one red thing."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2], 0] = 255
    return Public(pixels, {"regions": [{"kind": "object", "box": list(box), "labels": [{"text": "car"}]}]})


def seen(pixels: np.ndarray) -> np.ndarray:
    """The box of what is red, in pixels."""
    y, x = np.nonzero(pixels[..., 0] > 110)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_view_keeps_its_box_on_what_is_seen(seed: int) -> None:
    scene = red((30, 20, 60, 50))
    view = views.cut(scene.pixels, np.array([[30.0, 20, 60, 50]]), 96, np.random.default_rng(seed))
    if view.kept[0]:
        assert np.abs(view.boxes[0] * 96 - seen(view.pixels)).max() <= 2.5


def test_a_mosaic_keeps_its_boxes_on_what_is_seen() -> None:
    pack = [red((10, 10, 40, 30)), red((50, 20, 80, 55))]
    view, called = Mosaic(pack, [["car"], ["car"]])(120, np.random.default_rng(3))  # type: ignore[arg-type]
    assert len(called) == len(view.boxes) in (4, 9)
    lit = np.zeros((120, 120), bool)
    for x0, y0, x1, y1 in (view.boxes * 120).round().astype(int):
        lit[y0:y1, x0:x1] = True
    assert ((view.pixels[..., 0] > 110) != lit).mean() < 0.03


def test_a_place_answers_for_the_smallest_thing_that_it_lies_in() -> None:
    places = detection._places(256)
    boxes = np.array([[0.0, 0.0, 1.0, 1.0], [0.4, 0.4, 0.6, 0.6]])
    answers = detection._answering(places, boxes)
    middle = np.abs(places[:, :2] - 0.5).max(1) < 0.03
    assert set(answers[middle & (places[:, 2] < 0.2)]) == {1}
    assert set(answers.tolist()) == {-1, 0, 1}
    assert (detection._answering(places, np.zeros((0, 4))) == -1).all()


def test_what_is_rare_is_seen_more_often() -> None:
    chances = views.chances([["car"], ["car"], ["car", "yak"], []] * 25, threshold=1.0)
    assert chances.sum() == pytest.approx(1)
    assert chances[2] > chances[0] > chances[3] * 0.99


def test_a_few_steps_and_the_stage_loads_what_they_leave(scenes: Pack, tmp_path: Path) -> None:
    torch.manual_seed(0)
    names = views.categories(scenes)
    plan = replace(detection.PLAN, steps=2, batch=2)
    detector, processor = detection.build(names)
    trainee = detection.Trainee(detector, len(names))
    batches = detection.Batches(scenes, names, plan)
    assert all(value.isfinite() for value in detection.loss(trainee, batches(0)).values())
    train(trainee, detection.loss, batches, plan, tmp_path / "work")
    options.save(tmp_path / "out", trainee.detector, processor)
    stage = Detection(weights=str(tmp_path / "out"), min_score=0.0)
    stage.check()
    done = work(stage, table(image(png(scenes[0].pixels)))).table
    labels = [each["labels"][0]["text"] for each in items(done)]
    assert labels
    assert set(labels) <= set(names)


def test_a_run_goes_on_gently_from_a_checkpoint(scenes: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    first = tmp_path / "first"
    options.save(first, *detection.build(views.categories(scenes)))
    folders = [f"--{name}={tmp_path / name}" for name in ("pack", "work", "out")]
    monkeypatch.setattr("sys.argv", ["detection", *folders, "--scenes=8", "--steps=1", f"--begin={first}"])
    detection.main()
    before, after = (load_file(folder / "model.safetensors") for folder in (first, tmp_path / "out"))
    moved = {name: float((after[name].float() - before[name].float()).abs().max()) for name in before}
    learnt = [far for name, far in moved.items() if not name.rpartition(".")[2].startswith(("running", "num"))]
    assert 0 < max(learnt) < 0.01, "one small step away from where it began"
