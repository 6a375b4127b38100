"""Detection: every family through its real classes, boxes on the right pixels, tiles, proposals, clear errors."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sighted
from small import detectors
from small.captioners import blip

from engine.stage import Chain, ChainError, Resources
from specialists import detection, model
from specialists.detection import Detection

FAMILIES = (
    *(detectors.rt_detr, detectors.rt_detr_v2, detectors.d_fine),
    *(detectors.detr, detectors.deformable_detr, detectors.yolos),
)
BOX = (20, 11, 61, 47)  # of the red thing, in upright pixels


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda made: made.__name__)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Callable[[Path], Path] = request.param
    return made(tmp_path_factory.mktemp(made.__name__))


@pytest.fixture(scope="module")
def rt_detr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detectors.rt_detr(tmp_path_factory.mktemp("rt_detr"))


def stage(weights: Path, **given: Any) -> Detection:
    return Detection(weights=str(weights), **{"min_score": 0.0, **given})


def picture(width: int, height: int, *boxes: tuple[int, int, int, int], orientation: int = 1) -> dict[str, Any]:
    """A grey picture with red things at these boxes, stored turned as its EXIF orientation says."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = (255, 0, 0)
    return sighted.image(sighted.png(pixels, orientation))


def red_finder(monkeypatch: pytest.MonkeyPatch, kind: int = 1) -> None:
    """Detectors that give one box of class `kind`, around what is red in what they see; none where nothing is."""
    real = model.load_model

    def load(*arguments: Any) -> Any:
        made = copy.deepcopy(real(*arguments))
        forward = made.forward

        def look(pixel_values: Any, pixel_mask: Any = None, **more: Any) -> Any:
            import torch

            mask = {} if pixel_mask is None else {"pixel_mask": pixel_mask}
            output = forward(pixel_values=pixel_values, **mask, **more)
            logits, boxes = torch.full_like(output.logits, -20.0), torch.zeros_like(output.pred_boxes)
            if logits.shape[-1] > 3:
                logits[..., -1] = 20.0  # "no object", where a family has it
            for i, seen in enumerate(pixel_values):
                height, width = seen.shape[1:]
                if pixel_mask is not None:
                    height, width = int(pixel_mask[i][:, 0].sum()), int(pixel_mask[i][0].sum())
                y, x = torch.nonzero(seen[0] - seen[1] > 0.5, as_tuple=True)
                if len(x) >= 10:  # less is too small to be seen
                    x0, x1, y0, y1 = x.min(), x.max() + 1, y.min(), y.max() + 1
                    centre = [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]
                    boxes[i, 0] = torch.tensor(centre)
                    logits[i, 0] = -20.0
                    logits[i, 0, kind] = 20.0
            output.logits, output.pred_boxes = logits, boxes
            return output

        made.forward = look
        return made

    monkeypatch.setattr(model, "load_model", load)


def boxes(done: Any) -> list[list[list[float]]]:
    return [[region["box"] for region in row] for row in done.table["regions"].to_pylist()]


def test_every_family_gives_valid_regions_the_best_first(weights: Path) -> None:
    given = sighted.table(picture(97, 61, BOX), picture(40, 90), picture(64, 16))
    done = sighted.work(stage(weights), given)
    for row in done.table["regions"].to_pylist():
        assert row
        assert [region["score"] for region in row] == sorted((region["score"] for region in row), reverse=True)
        for region in row:
            names = [label["text"] for label in region["labels"]]
            assert names in (["cat"], ["dog"], [])
            assert region["best"] == (0 if names else None)
            assert (region["kind"], region["origin"]["revision"]) == ("object", stage(weights).revision())


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_boxes_lie_on_the_right_pixels_of_odd_and_turned_images(
    weights: Path, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    red_finder(monkeypatch)
    given = sighted.table(
        picture(97, 61, BOX, orientation=orientation), picture(70, 151, BOX, orientation=orientation), picture(30, 40)
    )
    first, second, nothing = boxes(sighted.work(stage(weights, min_score=0.5, together=3), given))
    # The models look at some 64 pixels: a side of a box may be off by one of theirs.
    assert np.abs(np.array(first) - BOX).max() <= 97 / 64 + 0.1
    assert np.abs(np.array(second) - BOX).max() <= 151 / 64 + 0.1
    assert nothing == []


def test_the_same_bytes_whatever_the_number_of_cores(weights: Path) -> None:
    given = sighted.table(*(picture(60 + 7 * i, 50 + 5 * i, BOX) for i in range(5)))
    one, two = (sighted.work(stage(weights, together=2), given, cpus).table for cpus in (1, 2))
    assert one.equals(two)


def test_a_class_without_a_name_gives_no_label(rt_detr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    red_finder(monkeypatch, kind=2)
    (region,) = sighted.items(sighted.work(stage(rt_detr, min_score=0.5), sighted.table(picture(64, 64, BOX))).table)
    assert (region["labels"], region["best"]) == ([], None)


def test_proposals_are_the_boxes_without_their_categories(rt_detr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    red_finder(monkeypatch)
    proposing = stage(rt_detr, min_score=0.5, proposals=True)
    (region,) = sighted.items(sighted.work(proposing, sighted.table(picture(64, 64, BOX))).table)
    assert (region["kind"], region["labels"], region["best"]) == ("proposal", [], None)
    assert proposing.gives() == {"regions.proposal"}


def test_the_least_score_and_the_most_regions_hold(rt_detr: Path) -> None:
    given = sighted.table(picture(64, 64, BOX))
    every = sighted.items(sighted.work(stage(rt_detr), given).table)
    least = every[5]["score"]
    assert all(r["score"] >= least for r in sighted.items(sighted.work(stage(rt_detr, min_score=least), given).table))
    few = sighted.items(sighted.work(stage(rt_detr, max_regions=3), given).table)
    assert [region["box"] for region in few] == [region["box"] for region in every[:3]]


def test_what_is_too_small_for_the_whole_image_is_found_in_a_tile(
    rt_detr: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    red_finder(monkeypatch)
    small = (400, 300, 424, 320)
    given = sighted.table(picture(640, 480, small), picture(60, 60, BOX))
    (found,), (untiled,) = boxes(sighted.work(stage(rt_detr, min_score=0.5, tile=128), given))
    # A tile is shown at half its size, the whole image at a tenth.
    assert np.abs(np.array(found) - small).max() <= 2.1
    assert np.abs(np.array(untiled) - BOX).max() <= 1.1


def test_what_a_tile_cuts_off_loses_against_the_whole(rt_detr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    red_finder(monkeypatch)
    large = (100, 90, 520, 400)
    (found,) = boxes(sighted.work(stage(rt_detr, min_score=0.5, tile=200), sighted.table(picture(640, 480, large))))
    assert len(found) == 1
    assert np.abs(np.array(found[0]) - large).max() <= 10.1  # the whole image is shown at a tenth of its size


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"min_score": 1.5}, "min_score"),
        ({"max_regions": 0}, "max_regions"),
        ({"tile": 5}, "tile must be 0"),
        ({"tile_overlap": 1.0}, "tile_overlap"),
        ({"together": 0}, "together"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ChainError, match=words):
        Detection(weights="x", **settings)


def test_a_checkpoint_of_another_role_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="a checkpoint of blip, which cannot play this role"):
        Chain((stage(blip(tmp_path)),)).check({"image"})


def test_a_family_that_wants_torchvision_says_so(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=r"pip install 'fld-engine\[torchvision\]', or take one of d_fine"):
        stage(detectors.rf_detr(tmp_path)).check()


@pytest.mark.parametrize(
    "changed",
    [
        {"backbone_config": {"model_type": "timm_backbone", "backbone": "resnet50"}},
        {"backbone_config": None, "backbone": "resnet50", "use_timm_backbone": True},
        {"backbone_config": None, "backbone": "resnet50", "use_timm_backbone": None},
    ],
)
def test_a_backbone_from_timm_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    monkeypatch.setattr(detection, "find_spec", lambda name: None)
    config = detectors.detr(tmp_path) / "config.json"
    stage(tmp_path).check()
    settings = {**json.loads(config.read_text()), **changed}
    config.write_text(json.dumps({name: value for name, value in settings.items() if value is not None}))
    with pytest.raises(ChainError, match=r"pip install timm, or take a revision without it"):
        stage(tmp_path).check()


def test_overlapping_objects_are_the_same_ones_with_tiles_and_without(rt_detr: Path) -> None:
    pair = np.array([[100, 90, 420, 400], [180, 90, 500, 400]], float)  # their IoU is 0.6

    class Two(Detection):
        """Sees two things in the whole image, and nothing in a tile."""

        def _look(self, views: Any) -> Any:
            counts = [2 * (view.window.tolist() == [0, 0, 640, 480]) for view in views]
            return [detection.Found(pair[:n], np.ones(n), np.ones(n, int), np.zeros(n, bool)) for n in counts]

    given = sighted.table(picture(640, 480))
    for tile in (0, 200):
        assert boxes(sighted.work(Two(weights=str(rt_detr), tile=tile), given)) == [pair.tolist()]


def test_resources_are_not_in_the_settings(rt_detr: Path) -> None:
    assert "resources" not in stage(rt_detr, resources=Resources(gpus=1)).settings()


@pytest.mark.parametrize("device", ["gpu", "cuda:7"])
def test_a_device_that_is_not_there_is_refused_before_the_run(rt_detr: Path, device: str) -> None:
    with pytest.raises(ChainError, match=f"device '{device}' cannot be used here"):
        stage(rt_detr, device=device).check()


def test_scores_that_are_no_numbers_are_a_fault_and_not_nothing(rt_detr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = model.load_model

    def broken(*arguments: Any) -> Any:
        made = copy.deepcopy(real(*arguments))
        for name, weight in made.named_parameters():
            if "class_embed" in name:
                weight.data.fill_(float("nan"))
        return made

    monkeypatch.setattr(model, "load_model", broken)
    with pytest.raises(AssertionError, match="no numbers"):
        sighted.work(stage(rt_detr), sighted.table(picture(64, 64, BOX)))


def test_a_very_thin_image_is_looked_at_as_any_other(weights: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "copy")
    processor = folder / "preprocessor_config.json"
    settings = json.loads(processor.read_text())
    if weights.name.startswith("yolos"):  # as large as the public ones: it rounds to whole patches of 16 px
        processor.write_text(json.dumps(settings | {"size": {"shortest_edge": 800, "longest_edge": 1333}}))
    for width, height in ((3400, 16), (16, 3400)):
        (found,) = boxes(sighted.work(stage(folder), sighted.table(picture(width, height))))
        for left, top, right, bottom in found:
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
