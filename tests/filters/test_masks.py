"""Masks against their boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import geometry, records
from engine.checks import check
from engine.stage import Batch, ChainError, Outcome
from engine.worker import Work, Worker
from filters.masks import RegionMask

MODEL = records.Origin("segmenter", "r1")
SIZE = (80, 100)  # height, width
BOX = (10, 20, 50, 60)


def mask(left: int, top: int, right: int, bottom: int, every: int = 1) -> geometry.Rle:
    """A mask of these pixels, or of every so manieth column of them, the last one included."""
    pixels = np.zeros(SIZE, bool)
    pixels[top:bottom, np.r_[left:right:every, right - 1]] = True
    return geometry.encode_mask(pixels)


def ring(left: float, top: float, right: float, bottom: float) -> list[float]:
    return [left, top, right, top, right, bottom, left, bottom]


def region(id: str = "r", box: tuple[float, ...] = BOX, *, human: bool = False, **shape: Any) -> dict[str, Any]:
    return records.region(id, "object", list(box), records.HUMAN if human else MODEL, **shape)


def table(*images: list[dict[str, Any]]) -> pa.Table:
    rows = [
        {
            "image_id": f"image{i}", "width": SIZE[1], "height": SIZE[0],
            "texts": [], "regions": regions, "phrases": [], "faults": [],
        }
        for i, regions in enumerate(images)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=records.SCHEMA)


def run(stage: RegionMask, given: pa.Table) -> Outcome:
    outcome = stage(Batch(given, lambda row: np.zeros((1, 1, 3), np.uint8)))
    check(outcome.table)
    assert outcome.rejects.schema.equals(records.REJECTS)
    return outcome


def rules(outcome: Outcome) -> list[tuple[str, str, float]]:
    return [(row["rule"], row["id"], pytest.approx(row["value"])) for row in outcome.rejects.to_pylist()]


@pytest.mark.parametrize(
    ("shape", "rule", "value"),
    [
        ({"mask": mask(10, 20, 50, 60)}, None, 1),
        ({"mask": mask(10, 20, 50, 40)}, None, 0.5),
        ({"mask": mask(10, 20, 50, 39)}, "mask_box", 19 / 40),
        ({"mask": mask(0, 0, 100, 80)}, "mask_box", 0.2),
        ({"mask": mask(60, 20, 100, 60)}, "mask_box", 0),
        ({"mask": geometry.encode_mask(np.zeros(SIZE, bool))}, "mask_box", 0),
        ({"mask": mask(10, 20, 50, 60, every=40)}, None, 0.05),
        ({"mask": mask(10, 20, 50, 21)} | {"polygons": [ring(10, 20, 50, 60)]}, "mask_box", 1 / 40),  # the mask decides
        ({"polygons": [ring(10, 20, 50, 60)]}, None, 1),
        ({"polygons": [ring(10, 20, 50, 24), ring(10, 50, 50, 60)]}, None, 1),
        ({"polygons": [[10, 20, 50, 60, 50, 59]]}, "mask_area", 20 / 1600),
        ({"polygons": [ring(0, 0, 100, 80)]}, "mask_box", 0.2),
        ({"polygons": []}, "mask_box", 0),
        ({}, None, 0),
    ],
)
def test_shapes_against_their_box(shape: dict[str, Any], rule: str | None, value: float) -> None:
    outcome = run(RegionMask(), table([region(**shape)]))
    assert rules(outcome) == ([(rule, "r", pytest.approx(value))] if rule else [])
    (left,) = records.flatten(outcome.table, "regions")[1].to_pylist()
    assert bool(left["mask"] or left["polygons"]) == (not rule and bool(shape))


def test_a_mast_across_its_box_is_too_thin() -> None:
    thin = np.zeros(SIZE, bool)
    thin[np.arange(20, 60), np.arange(10, 50)] = True
    (found,) = run(RegionMask(), table([region(mask=geometry.encode_mask(thin))])).rejects.to_pylist()
    assert (found["kind"], found["rule"], found["value"], found["threshold"]) == ("masks", "mask_area", 1 / 40, 0.05)
    assert found["region"]["mask"]["size"] == list(SIZE)
    assert not rules(run(RegionMask(min_area=None), table([region(mask=geometry.encode_mask(thin))])))


def test_rules_can_be_off() -> None:
    bad = table([region(mask=mask(60, 20, 64, 24))])
    assert [rule for rule, *_ in rules(run(RegionMask(min_iou=None), bad))] == ["mask_area"]
    assert not rules(run(RegionMask(min_iou=None, min_area=None), bad))
    assert not rules(run(RegionMask(min_iou=0, min_area=0), bad))


def test_the_region_stays_as_it_is() -> None:
    label = records.label("phrase", "dog", MODEL, 0.5)
    before = region(score=0.5, labels=[label], best=0, mask=mask(60, 20, 64, 24), polygons=[ring(60, 20, 64, 24)])
    outcome = run(RegionMask(), table([before]))
    assert outcome.table["regions"].to_pylist() == [[{**before, "mask": None, "polygons": None}]]


def test_what_a_person_drew_stays() -> None:
    given = table([region(human=True, mask=mask(60, 20, 64, 24))])
    outcome = run(RegionMask(), given)
    assert not len(outcome.rejects)
    assert outcome.table.equals(given)


def test_many_images_and_balanced_books() -> None:
    good, bad = mask(10, 20, 50, 60), mask(60, 20, 64, 24)
    given = table(
        [region("a", mask=good), region("b", mask=bad), region("c")],
        [],
        [region("a", mask=bad, human=True), region("b", polygons=[ring(60, 20, 64, 24)]), region("c", mask=good)],
    )
    worker = Worker([RegionMask()], 1)
    done = worker(Work.of(given))
    worker.close()
    assert list(zip(done.rejects["image_id"].to_pylist(), done.rejects["id"].to_pylist(), strict=True)) == [
        ("image0", "b"), ("image2", "b"),
    ]  # fmt: skip
    (books,) = done.books
    assert (books.before["masks"], books.dropped["masks"], books.after["masks"]) == (5, {"mask_box": 2}, 3)
    assert books.after["regions"] == 6
    assert len(run(RegionMask(), table()).table) == 0


@pytest.mark.parametrize("wrong", [{"min_iou": 2}, {"min_area": -1}, {"min_area": "a"}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="region_mask: min_"):
        RegionMask(**wrong)


BOXES = st.tuples(st.integers(0, 98), st.integers(0, 78), st.integers(1, 99), st.integers(1, 79)).map(
    lambda each: (each[0], each[1], min(each[0] + each[2], 100), min(each[1] + each[3], 80))
)


@given(st.lists(st.tuples(BOXES, BOXES), max_size=5))
@settings(deadline=None, max_examples=40)
def test_polygons_and_masks_of_one_shape_are_judged_alike(pairs: list[tuple[Any, Any]]) -> None:
    masks = [region(f"r{i}", box, mask=mask(*drawn)) for i, (box, drawn) in enumerate(pairs)]
    rings = [region(f"r{i}", box, polygons=[ring(*drawn)]) for i, (box, drawn) in enumerate(pairs)]
    stage = RegionMask(min_iou=0.3, min_area=0.5)
    assert rules(run(stage, table(masks))) == rules(run(stage, table(rings)))


@given(st.lists(BOXES, min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_the_iou_is_that_of_the_boxes(drawn: list[Any]) -> None:
    regions = [region(f"r{i}", BOX, mask=mask(*each)) for i, each in enumerate(drawn)]
    found = {
        row["id"]: row["value"] for row in run(RegionMask(min_iou=1, min_area=None), table(regions)).rejects.to_pylist()
    }
    for i, each in enumerate(drawn):
        iou = geometry.box_iou(np.array([each]), np.array([BOX]))[0, 0]
        assert found.get(f"r{i}", 1.0) == pytest.approx(iou)
