"""The three region filters, on small tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.checks import check
from engine.stage import Batch, Chain, ChainError, Outcome, Stage
from filters.regions import RegionNms, RegionScore, RegionSize

MODEL = records.Origin("detector", "r1")
HERE, NEAR, AWAY = (10, 10, 50, 50), (11, 10, 51, 50), (60, 60, 90, 90)


def region(id: str, box: tuple[float, ...] = HERE, **given: Any) -> dict[str, Any]:
    """A detector's region, or a human one (human=True); `labels` as plain texts."""
    kind, human = given.pop("kind", "object"), given.pop("human", False)
    labels = [records.label("phrase", text, MODEL) for text in given.pop("labels", ())]
    return records.region(id, kind, box, records.HUMAN if human else MODEL, labels=labels, **given)


def table(*images: list[dict[str, Any]], size: tuple[int, int] = (100, 100)) -> pa.Table:
    rows = [
        {
            "image_id": f"image{i}", "width": size[0], "height": size[1],
            "texts": [], "regions": regions, "phrases": [], "faults": [],
        }
        for i, regions in enumerate(images)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=records.SCHEMA)


def run(stage: Stage, given: pa.Table) -> Outcome:
    outcome = stage(Batch(given, lambda row: np.zeros((1, 1, 3), np.uint8)))
    check(outcome.table)
    before, left = (len(records.flatten(t, "regions")[0]) for t in (given, outcome.table))
    assert before == left + len(outcome.rejects)
    assert outcome.rejects.schema.equals(records.REJECTS)
    return outcome


def kept(outcome: Outcome) -> list[str]:
    names: list[str] = records.flatten(outcome.table, "regions")[1].field("id").to_pylist()
    return names


def drops(outcome: Outcome, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in outcome.rejects.to_pylist()]


# Score


@pytest.mark.parametrize(
    ("kind", "score", "stays"),
    [
        ("object", 0.29, False),
        ("object", 0.3, True),  # as float32 this is a little more or less than the setting
        ("text", 0.7, True),
        ("text", 0.69, False),
        ("proposal", 0.0, True),
        ("object", None, True),
    ],
)
def test_score_against_the_minimum_of_its_kind(kind: str, score: float | None, stays: bool) -> None:
    stage = RegionScore(object=0.3, text=0.7, proposal=0.0)
    outcome = run(stage, table([region("a", kind=kind, score=score)]))
    assert kept(outcome) == ["a"] * stays
    if not stays:
        ((rule, value, threshold),) = drops(outcome, "rule", "value", "threshold")
        assert (rule, value) == ("region_score", pytest.approx(score))
        assert threshold == pytest.approx(0.3 if kind == "object" else 0.7)


def test_score_leaves_human_regions_alone() -> None:
    assert kept(run(RegionScore(), table([region("a", human=True, score=0.01)]))) == ["a"]


def test_a_dropped_region_leaves_the_phrases_that_named_it() -> None:
    given = table([region("a", score=0.1), region("b", score=0.9)])
    row = given.to_pylist()[0]
    row["texts"] = [records.text("t", "brief", "a cat", MODEL)]
    row["phrases"] = [
        {"id": "p", "text_id": "t", "start": 0, "end": 5, "region_ids": ["a", "b"], "score": None,
         "origin": MODEL.as_dict()}
    ]  # fmt: skip
    outcome = run(RegionScore(), pa.Table.from_pylist([row], schema=records.SCHEMA))
    assert outcome.table["phrases"].to_pylist()[0][0]["region_ids"] == ["b"]
    assert outcome.rejects["region"].to_pylist()[0]["id"] == "a"


# Size

OFF = {"min_side": None, "min_area": None, "max_area": None, "max_aspect": None}


@pytest.mark.parametrize(
    ("setting", "limit", "box", "rule", "value"),
    [
        ("min_side", 4, (0, 0, 3, 50), "region_min_side", 3),
        ("min_side", 4, (0, 0, 4, 50), None, None),
        ("min_area", 0.01, (0, 0, 9, 10), "region_min_area", 0.009),
        ("min_area", 0.01, (0, 0, 10, 10), None, None),
        ("max_area", 0.9, (0, 0, 100, 95), "region_max_area", 0.95),
        ("max_area", 0.9, (0, 0, 100, 90), None, None),
        ("max_aspect", 10, (0, 0, 5, 60), "region_max_aspect", 12),
        ("max_aspect", 10, (0, 0, 60, 6), None, None),
    ],
)
def test_size_rules(setting: str, limit: float, box: Any, rule: str | None, value: float | None) -> None:
    outcome = run(RegionSize(**{**OFF, setting: limit}), table([region("a", box), region("h", box, human=True)]))
    expected = [] if rule is None else [("a", rule, pytest.approx(value), limit)]
    assert drops(outcome, "id", "rule", "value", "threshold") == expected
    assert "h" in kept(outcome)


def test_a_region_that_breaks_two_size_rules_is_counted_once() -> None:
    stage = RegionSize(min_side=4, max_aspect=2)
    assert drops(run(stage, table([region("a", (0, 0, 2, 80))])), "rule") == [("region_min_side",)]


def test_a_text_region_is_measured_along_its_quad() -> None:
    # Its box is a generous square, the line of text in it is 2 pixels high.
    thin = (0, 0, 50, 50, 49, 51, 0, 2)
    regions = [
        region("thin", (0, 0, 50, 51), kind="text", quad=thin),
        region("box only", (0, 0, 50, 51), kind="text"),
        region("object", (0, 0, 50, 51), quad=thin),
    ]
    assert kept(run(RegionSize(**{**OFF, "min_side": 4}), table(regions))) == ["box only", "object"]


# NMS


@pytest.mark.parametrize(
    ("first", "second", "across", "rule"),
    [
        ({"labels": ["cat"]}, {"labels": ["cat"]}, None, "region_nms_class"),
        ({"labels": ["Cat "]}, {"labels": ["cAT"]}, None, "region_nms_class"),
        ({"labels": ["Straße"]}, {"labels": ["STRASSE"]}, None, "region_nms_class"),
        ({}, {}, None, "region_nms_class"),
        ({"labels": ["cat"]}, {"labels": ["dog"]}, None, None),
        ({"labels": ["cat"]}, {}, None, None),
        ({"labels": ["cat"]}, {"labels": ["dog"]}, 0.9, "region_nms_across"),
        ({"labels": ["cat", "pet"], "best": 1}, {"labels": ["dog", "pet"], "best": 1}, None, "region_nms_class"),
        ({"labels": ["cat", "pet"]}, {"labels": ["cat", "dog"], "best": 1}, None, None),
        ({"kind": "proposal"}, {"kind": "object"}, 0.5, None),
        ({}, {"crowd": True}, 0.5, None),
        ({"crowd": True}, {}, 0.5, None),
        ({"human": True}, {"human": True}, 0.5, None),
        ({"kind": "text", "labels": ["stop"]}, {"kind": "text", "labels": ["STOP"]}, None, "region_nms_class"),
        ({"kind": "text", "labels": ["stop"]}, {"kind": "text", "labels": ["shop"]}, 0.9, "region_nms_across"),
    ],
)
def test_who_competes_with_whom(first: Any, second: Any, across: float | None, rule: str | None) -> None:
    regions = [region("a", HERE, score=0.9, **first), region("b", NEAR, score=0.8, **second)]
    outcome = run(RegionNms(iou=0.5, iou_across=across), table(regions))
    threshold = across if rule == "region_nms_across" else 0.5
    expected = [] if rule is None else [("b", rule, pytest.approx(39 / 41), threshold, "a")]
    assert drops(outcome, "id", "rule", "value", "threshold", "detail") == expected


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ({"score": 0.8}, {"score": 0.9}, "b"),
        ({"score": 0.9}, {"score": 0.9}, "a"),
        ({"score": None}, {"score": 0.1}, "b"),
        ({"score": 0.99}, {"human": True}, "b"),
    ],
)
def test_who_wins(first: Any, second: Any, winner: str) -> None:
    assert kept(run(RegionNms(), table([region("a", **first), region("b", **second)]))) == [winner]


def test_text_competes_by_its_quads() -> None:
    # Two lines, side by side on a slope: their boxes are nearly the same, their quads do not touch.
    upper = (0, 40, 40, 0, 44, 4, 4, 44)
    lower = (6, 46, 46, 6, 50, 10, 10, 50)
    regions = [
        region("upper", (0, 0, 44, 44), kind="text", quad=upper, score=0.9),
        region("lower", (6, 6, 50, 50), kind="text", quad=lower, score=0.8),
        region("again", (0, 0, 44, 44), kind="text", quad=upper, score=0.7),
    ]
    outcome = run(RegionNms(iou=0.3), table(regions))
    assert drops(outcome, "id", "detail") == [("again", "upper")]


def test_images_do_not_compete() -> None:
    outcome = run(RegionNms(), table([region("a", score=0.9)], [], [region("a", NEAR, score=0.1)]))
    assert [len(regions) for regions in outcome.table["regions"].to_pylist()] == [1, 0, 1]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_after_nms_only_humans_overlap_and_a_second_pass_drops_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = [
        [
            region(
                f"{i}", tuple((box := rng.integers(0, 20, 2)).tolist() + (box + 30).tolist()),
                kind=str(rng.choice(records.REGION_KINDS)), labels=[str(rng.choice(["cat", "dog"]))],
                score=None if rng.random() < 0.2 else float(rng.random()), human=bool(rng.random() < 0.2),
            )
            for i in range(rng.integers(0, 12))
        ]
        for _ in range(3)
    ]  # fmt: skip
    given = table(*images)
    first = run(RegionNms(), given)
    humans = {(i, r["id"]) for i, row in enumerate(images) for r in row if r["origin"]["model"] == "human"}
    left = {(i, r["id"]) for i, row in enumerate(first.table["regions"].to_pylist()) for r in row}
    assert humans <= left
    assert run(RegionNms(), first.table).table.equals(first.table)


# All three

STAGES = (RegionScore(), RegionSize(), RegionNms())


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
@pytest.mark.parametrize("given", [records.empty(), table([]), table([], [])])
def test_nothing_in_nothing_out(stage: Stage, given: pa.Table) -> None:
    outcome = run(stage, given)
    assert outcome.table.equals(given)
    assert len(outcome.rejects) == 0


def test_a_chain_of_them_is_accepted_and_needs_regions() -> None:
    Chain(STAGES).check(records.ANNOTATIONS)
    with pytest.raises(ChainError, match="reads regions"):
        Chain(STAGES).check({"image"})


@pytest.mark.parametrize(
    ("stage", "given", "message"),
    [
        (RegionScore, {"text": 1.5}, "region_score: text must be a number between 0 and 1, not 1.5"),
        (RegionScore, {"object": None}, "region_score: object must be a number"),
        (RegionScore, {"object": "0.3"}, "not '0.3'"),
        (RegionScore, {"object": True}, "not True"),
        (RegionSize, {"min_side": -1}, "min_side must be a number of at least 0, not -1"),
        (RegionSize, {"min_area": 2}, "min_area must be a number between 0 and 1"),
        (RegionSize, {"max_aspect": 0.5}, "max_aspect must be a number of at least 1"),
        (RegionSize, {"min_area": 0.5, "max_area": 0.1}, "nothing would stay"),
        (RegionNms, {"iou": None}, "region_nms: iou must be a number"),
        (RegionNms, {"iou": float("nan")}, "not nan"),
        (RegionNms, {"iou_across": -0.1}, "iou_across must be a number between 0 and 1, not -0.1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(stage: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ChainError, match=message):
        stage(**given)


def test_phrases_follow_what_stays_in_the_place_once() -> None:
    regions = [
        region("car", (10, 10, 50, 50), labels=["car"], score=0.5),
        region("other car", (12, 10, 50, 50), labels=["car"], score=0.7),  # takes the car, and goes to the truck
        region("truck", (12, 10, 51, 50), labels=["truck"], score=0.9),
        region("tree", AWAY, labels=["tree"], score=0.9),
    ]
    row = table(regions).to_pylist()[0]
    row["texts"] = [records.text("t", "brief", "a car", MODEL)]
    row["phrases"] = [records.phrase("p", "t", (0, 5), MODEL, region_ids=["car", "tree", "other car"])]
    outcome = run(RegionNms(iou=0.5, iou_across=0.9), pa.Table.from_pylist([row], schema=records.SCHEMA))
    assert kept(outcome) == ["truck", "tree"]
    assert outcome.table["phrases"].to_pylist()[0][0]["region_ids"] == ["truck", "tree"]
