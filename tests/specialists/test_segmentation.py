"""A mask for each box, on the right pixels of the upright image."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sighted import image, items, png, region, table, work
from small import segmenters
from small.detectors import rt_detr_v2

from engine.geometry import Rle, decode_rle, encode_mask, rings_to_rle, rle_iou
from engine.images import decode
from engine.stage import Chain, ChainError
from specialists import model
from specialists.segmentation.stage import Segmentation

FAMILIES = ("sam", "sam_hq", "sam2", "sam3")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return segmenters.sam(tmp_path_factory.mktemp("sam"))


def noise(width: int = 61, height: int = 37, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
    return (left, top, right, bottom)


@contextmanager
def red(stage: Segmentation) -> Iterator[None]:
    """The loaded model made to see what is red inside a box: its best mask is that, the other two the whole square."""
    from torch import ones, stack, tensor
    from torch.nn.functional import avg_pool2d
    from transformers.models.sam.modeling_sam import SamImageSegmentationOutput

    stage.open(1)
    model = stage._model

    def see(image_embeddings: Any, input_boxes: Any, multimask_output: bool) -> Any:
        # Halfway between black and red, as the image processor gives them; the padding is not red either.
        redness = image_embeddings[0] - 0.1
        middle = np.arange(32) * 4 + 2
        masks = []
        for left, top, right, bottom in input_boxes[0].tolist():
            across, down = (middle > left - 4) & (middle < right + 4), (middle > top - 4) & (middle < bottom + 4)
            inside = tensor(down[:, None] & across[None])
            masks.append(stack([ones(32, 32), redness.where(inside, -ones(32, 32)), ones(32, 32)]))
        scores = tensor([[[0.3, 0.9, 0.6]] * len(masks)])
        return SamImageSegmentationOutput(iou_scores=scores, pred_masks=stack(masks)[None])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "get_image_embeddings", lambda pixels: avg_pool2d(pixels[:, 0], 4))
        patch.setattr(model, "forward", see)
        yield


# Geometry


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        ((61, 37), [box(5, 3, 26, 20), box(40, 11, 61, 37)]),
        ((37, 61), [box(5, 3, 26, 20), box(9, 40, 37, 52)]),
        ((401, 17), [box(30, 0, 120, 17), box(310, 0, 401, 17)]),
        ((17, 401), [box(0, 30, 17, 120)]),
        ((1001, 751), [box(100, 50, 300, 350), box(600, 400, 1001, 751)]),
    ],
)
def test_masks_lie_on_their_objects(
    weights: Path, orientation: int, size: tuple[int, int], boxes: list[tuple[float, ...]]
) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, right, bottom in np.array(boxes, int):
        pixels[top:bottom, left:right, 0] = 255
    data = png(pixels, orientation)
    assert (decode(data) == pixels).all()
    stage = Segmentation(weights=str(weights))
    with red(stage):
        done = work(stage, table(image(data, regions=[region(f"r{i}", box) for i, box in enumerate(boxes)])))
    blur = max(size) / 128 * 2  # what half a logit spans
    for found, (left, top, right, bottom) in zip(items(done.table), np.array(boxes, int), strict=True):
        mask = decode_rle(found["mask"])
        assert mask.shape == pixels.shape[:2]
        y, x = np.nonzero(mask)
        edges = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert np.allclose(edges, (left, top, right, bottom), atol=blur)
        assert mask[top:bottom, left:right].mean() > 0.8
        assert found["box"] == [left, top, right, bottom]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_mask_is_that_of_the_public_processor(family: str, tmp_path: Path) -> None:
    if family in ("sam2", "sam3"):
        pytest.importorskip("torchvision")
    stage = Segmentation(weights=str(getattr(segmenters, family)(tmp_path)), together=2, boxes=3)
    pictures = [png(noise(61, 37), 6), png(noise(30, 90, 1))]
    boxes = [[box(i, 2 * i, 20 + i, 30 - i) for i in range(5)], [box(2, 10, 25, 80)]]
    regions = [[region(f"r{i}", box) for i, box in enumerate(given)] for given in boxes]
    done = work(stage, table(*(image(data, regions=given) for data, given in zip(pictures, regions, strict=True))))
    for row, data, asked in zip(done.table["regions"].to_pylist(), pictures, boxes, strict=True):
        logits = reference(stage, decode(data), asked)
        assert ((logits > 0).any(axis=(1, 2)) & (logits <= 0).any(axis=(1, 2))).all()
        for found, expected in zip(row, logits, strict=True):
            sure = abs(expected) > 1e-3 * abs(expected).max()
            assert (decode_rle(found["mask"]) == (expected > 0))[sure].all()


def reference(stage: Segmentation, pixels: np.ndarray, boxes: list[tuple[float, ...]]) -> np.ndarray:
    """Logits (n, height, width) of the best masks, with nothing but the public processor and the whole model."""
    import torch

    processor, model = stage._processor, stage._model
    given = processor(images=[np.array(pixels)], input_boxes=[[list(box) for box in boxes]], return_tensors="pt")
    with torch.inference_mode():
        output = model(pixel_values=given["pixel_values"], input_boxes=given["input_boxes"].float())
    sizes = [given[name].tolist() for name in ("original_sizes", "reshaped_input_sizes") if name in given]
    (masks,) = processor.post_process_masks(output.pred_masks, *sizes, binarize=False)
    best = output.iou_scores[0].argmax(dim=-1)
    chosen: np.ndarray = masks[torch.arange(len(boxes)), best].numpy()
    return chosen


def test_polygons_are_the_mask_within_the_tolerance(weights: Path) -> None:
    given = table(image(png(noise(301, 203)), regions=[region(f"r{i}", box(i, i, 200 + i, 150)) for i in range(6)]))
    exact = items(work(Segmentation(weights=str(weights), tolerance=0), given).table)
    coarse = items(work(Segmentation(weights=str(weights), tolerance=0.02), given).table)
    for one, other in zip(exact, coarse, strict=True):
        assert one["mask"] == other["mask"]
        mask = decode_rle(one["mask"])
        filled = rasterised(one["polygons"], mask)
        assert filled[mask].all()  # only holes are filled
        assert len(one["polygons"]) == len(other["polygons"])
        assert sum(map(len, other["polygons"])) < sum(map(len, one["polygons"]))
        edge = sum(np.abs(np.diff(np.reshape(ring + ring[:2], (-1, 2)), axis=0)).sum() for ring in one["polygons"])
        assert (filled ^ rasterised(other["polygons"], mask)).sum() <= 2 * (0.02 * 301 + 1) * edge
        for ring in other["polygons"]:
            assert (np.reshape(ring, (-1, 2)) >= 0).all()
            assert (np.reshape(ring, (-1, 2)) <= (301, 203)).all()


def rasterised(polygons: list[list[float]], like: np.ndarray) -> np.ndarray:
    return decode_rle(rings_to_rle(polygons, *like.shape))


# Which regions


def mask(size: tuple[int, int] = (37, 61)) -> Rle:
    return encode_mask(np.ones(size, bool))


def test_only_objects_without_a_shape_get_a_mask(weights: Path) -> None:
    given = [
        region("model", box(1, 2, 30, 20)),
        region("person", box(1, 2, 30, 20), human=True),
        region("crowd", box(1, 2, 30, 20), human=True, crowd=True),
        region("no crowd", box(1, 2, 30, 20), human=True, crowd=False),
        region("written", box(1, 2, 30, 20), kind="text"),
        region("proposal", box(1, 2, 30, 20), kind="proposal"),
        region("masked", box(1, 2, 30, 20), mask=mask()),
        region("outlined", box(1, 2, 30, 20), human=True, polygons=[[1, 1, 9, 1, 9, 9]]),
    ]
    before = table(image(png(noise()), regions=given))
    done = work(Segmentation(weights=str(weights)), before)
    changed = [
        new["id"] for old, new in zip(items(before), items(done.table), strict=True) if (old["mask"] != new["mask"])
    ]
    assert changed == ["model", "person", "no crowd"]
    for old, new in zip(items(before), items(done.table), strict=True):
        if old["id"] not in changed:
            assert old == new
        assert {**old, "mask": None, "polygons": None} == {**new, "mask": None, "polygons": None}
    assert done.books[0].added["masks"] == 3
    assert done.books[0].after["masks"] == 5
    only = work(Segmentation(weights=str(weights), kinds=("proposal",)), before)
    assert only.books[0].added["masks"] == 1


def test_a_second_turn_finds_nothing_to_do(weights: Path) -> None:
    stage = Segmentation(weights=str(weights))
    done = work(stage, table(image(png(noise()), regions=[region("a", box(1, 2, 30, 20))])))
    again = work(stage.called("segmentation@detailed"), done.table)
    assert again.table.equals(done.table)
    assert not again.books[0].added.get("masks")


def test_an_empty_mask_is_no_mask_and_no_fault(weights: Path) -> None:
    stage = Segmentation(weights=str(weights))
    given = table(image(png(np.zeros((37, 61, 3), np.uint8)), regions=[region("a", box(1, 2, 30, 20))]))
    with red(stage):
        done = work(stage, given)
    assert done.table.equals(given)


def test_images_without_regions(weights: Path) -> None:
    given = table(image(png(noise())), image(png(noise(seed=1)), regions=[region("a", box(1, 2, 30, 20))]))
    done = work(Segmentation(weights=str(weights)), given)
    assert [len(regions) for regions in done.table["regions"].to_pylist()] == [0, 1]
    assert work(Segmentation(weights=str(weights)), table()).table.num_rows == 0


# Numbers


def test_cores_and_repetition_do_not_change_the_result(weights: Path) -> None:
    boxes = [box(i, 1, 30 + i, 36) for i in range(7)]
    given = table(
        *(image(png(noise(seed=s)), regions=[region(f"r{i}", b) for i, b in enumerate(boxes)]) for s in range(6))
    )
    stage = Segmentation(weights=str(weights), boxes=2)
    one = work(stage, given, 1)
    assert one.books[0].added["masks"] > 6
    assert one.table.equals(work(stage, given, 2).table)
    assert one.table.equals(work(stage, given, 2).table)


def test_how_many_boxes_run_together_hardly_matters(weights: Path) -> None:
    given = table(image(png(noise()), regions=[region(f"r{i}", box(i, 1, 30 + i, 36)) for i in range(7)]))
    few, many = (items(work(Segmentation(weights=str(weights), boxes=n), given).table) for n in (2, 32))
    for one, other in zip(few, many, strict=True):
        assert rle_iou([one["mask"]], [other["mask"]])[0, 0] > 0.99


def test_the_image_is_embedded_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Segmentation(weights=str(weights), boxes=1)
    stage.open(1)
    seen = []
    embed = stage._model.get_image_embeddings
    monkeypatch.setattr(stage._model, "get_image_embeddings", lambda pixels: seen.append(len(pixels)) or embed(pixels))
    given = [image(png(noise(seed=s)), regions=[region(f"r{i}", box(1, 1, 30, 36)) for i in range(3)]) for s in (0, 1)]
    work(stage, table(*given, image(png(noise(seed=2)))))
    assert seen == [2]


def test_half_precision_makes_masks_too(weights: Path) -> None:
    given = table(image(png(noise()), regions=[region("a", box(1, 2, 30, 20))]))
    (found,) = items(work(Segmentation(weights=str(weights), dtype="bfloat16"), given).table)
    assert found["mask"]


# Settings and weights


@pytest.mark.parametrize("wrong", [{"kinds": ["thing"]}, {"tolerance": -1}, {"boxes": 0}, {"together": 0}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="segmentation"):
        Segmentation(**wrong)


def test_a_detector_cannot_segment(tmp_path: Path) -> None:
    stage = Segmentation(weights=str(rt_detr_v2(tmp_path)))
    with pytest.raises(ChainError, match="rt_detr_v2, which cannot play this role"):
        Chain((stage,)).check({"image", "regions"})


def test_what_wants_torchvision_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam2_video"}))
    (tmp_path / "preprocessor_config.json").write_text("{}")
    save_file({"a": np.zeros(1)}, tmp_path / "model.safetensors")
    monkeypatch.setattr(model, "find_spec", lambda name: None)
    with pytest.raises(ChainError, match=r"pip install 'fld-engine\[torchvision\]'"):
        Segmentation(weights=str(tmp_path)).check()


def test_without_a_processor(weights: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((weights / name).read_bytes())
    with pytest.raises(ChainError, match="no image processor"):
        Segmentation(weights=str(tmp_path)).check()


def test_it_gives_masks_and_no_region() -> None:
    assert Segmentation().gives() == {"regions.masks"}


@pytest.mark.parametrize("part", ["iou_prediction_head", "output_hypernetworks_mlps"])
def test_numbers_that_are_none_are_a_fault_and_not_an_empty_mask(
    weights: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    real = model.load_model

    def overflowing(*arguments: Any) -> Any:
        made = copy.deepcopy(real(*arguments))
        for name, weight in made.named_parameters():
            if part in name:
                weight.data.fill_(float("nan"))
        return made

    monkeypatch.setattr(model, "load_model", overflowing)
    given = table(image(png(noise()), regions=[region("a", box(1, 2, 30, 20))]))
    with pytest.raises(AssertionError, match=f"{weights.name} gives masks that are no numbers'"):
        work(Segmentation(weights=str(weights)), given)


@pytest.mark.parametrize("size", [(4200, 16), (16, 4200)])
def test_a_very_thin_image_gets_its_masks(weights: Path, size: tuple[int, int]) -> None:
    along = np.array([800, 0, 2400, 16]) if size[0] > size[1] else np.array([0, 800, 16, 2400])
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[along[1] : along[3], along[0] : along[2], 0] = 255
    stage = Segmentation(weights=str(weights))
    with red(stage):
        done = work(stage, table(image(png(pixels), regions=[region("a", along.tolist())])))
    (found,) = items(done.table)
    mask = decode_rle(found["mask"])
    assert mask.shape == pixels.shape[:2]
    assert mask[along[1] : along[3], along[0] : along[2]].mean() > 0.8
    assert mask.sum() < 1.2 * (pixels[..., 0] > 0).sum()
