"""The same object from several sources, on small tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.stage import Batch, ChainError, Outcome
from engine.worker import audit
from filters.merging import RegionMerge

A, B, C = (records.Origin(name, "r1") for name in ("a", "b", "c"))
BOX, NEAR, AWAY = (10, 10, 50, 50), (11, 10, 51, 50), (60, 60, 90, 90)  # IoU of the first two: 0.951
MASK = {"size": [100, 100], "counts": b"PPYo1"}


def region(id: str, box: Any = BOX, origin: records.Origin = A, *labels: str, **given: Any) -> dict[str, Any]:
    kind = given.pop("kind", "object")
    named = [records.label("phrase", text, origin) for text in labels]
    return records.region(id, kind, box, origin, labels=named, **given)


def table(*images: list[dict[str, Any]], phrases: Any = ()) -> pa.Table:
    rows = [
        {
            "image_id": f"image{i}", "width": 100, "height": 100, "regions": regions, "faults": [],
            "texts": [records.text("t", "brief", "a brown dog", A)],
            "phrases": [
                {"id": f"p{k}", "text_id": "t", "start": 0, "end": 5, "region_ids": ids, "score": None,
                 "origin": A.as_dict()} for k, ids in enumerate(phrases)
            ],
        }
        for i, regions in enumerate(images)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=records.SCHEMA)


def run(given: pa.Table, stage: RegionMerge | None = None) -> Outcome:
    stage = stage or RegionMerge()
    outcome = stage(Batch(given, lambda row: np.zeros((1, 1, 3), np.uint8)))
    audit(stage, given, outcome)
    return outcome


def merge(*regions: dict[str, Any], **settings: Any) -> dict[str, dict[str, Any]]:
    """What stays, by id."""
    return {r["id"]: r for r in run(table(list(regions)), RegionMerge(**settings)).table["regions"][0].as_py()}


# Who merges


@pytest.mark.parametrize(
    ("one", "other", "stay"),
    [
        (region("x", BOX, A, "dog", score=0.9), region("y", NEAR, B, "dog", score=0.8), "x"),
        (region("x", BOX, A, "dog", score=0.7), region("y", NEAR, B, "dog", score=0.8), "y"),
        (region("x", BOX, A, "dog", score=0.8), region("y", NEAR, B, "dog", score=0.8), "x"),
        (region("x", BOX, A, "dog"), region("y", NEAR, B, "dog", score=0.1), "y"),
        (region("x", BOX, A, "Dog"), region("y", NEAR, B, "a brown dog"), "x"),
        (region("x", BOX, A, "dog"), region("y", NEAR, B, "cat"), "xy"),
        (region("x", BOX, A, score=0.9), region("y", NEAR, B, "cat", score=0.1), "y"),
        (region("x", BOX, A, "dog"), region("y", AWAY, B, "dog"), "xy"),
        (region("x", BOX, A, "dog"), region("y", NEAR, A, "dog"), "xy"),
        (region("x", BOX, A, "dog"), region("y", NEAR, records.Origin("a", "r1", 1), "dog"), "x"),
        (region("x", BOX, A, "dog", score=0.9), region("y", NEAR, records.HUMAN, "dog"), "y"),
        (region("x", BOX, records.HUMAN), region("y", NEAR, records.Origin("human", "2"), "dog"), "xy"),
        (region("x", BOX, A, "dog", crowd=True), region("y", NEAR, B, "dog"), "xy"),
        (region("x", BOX, A, kind="proposal", score=0.9), region("y", NEAR, B, "dog", score=0.2), "y"),
        (region("x", BOX, A, kind="proposal"), region("y", NEAR, B, kind="proposal"), "x"),
        (region("x", BOX, A, "exit", kind="text"), region("y", NEAR, B, "EXIT", kind="text"), "x"),
        (region("x", BOX, A, "exit", kind="text"), region("y", NEAR, B, "no exit", kind="text"), "xy"),
        (region("x", BOX, A, "exit", kind="text"), region("y", NEAR, B, "exit"), "xy"),
    ],
)
def test_two_regions_on_one_place(one: dict[str, Any], other: dict[str, Any], stay: str) -> None:
    assert "".join(merge(one, other)) == stay
    assert set(merge(other, one)) == set(stay) or one["score"] == other["score"]


def test_other_names_merge_only_where_they_are_told_to() -> None:
    pair = region("x", BOX, A, "dog"), region("y", NEAR, B, "cat")
    assert set(merge(*pair, iou_other_label=0.96)) == {"x", "y"}
    assert set(merge(*pair, iou_other_label=0.95)) == {"x"}
    texts = region("x", BOX, A, "dog", kind="text"), region("y", BOX, B, "cat", kind="text")
    assert set(merge(*texts, iou_other_label=0.7)) == {"x", "y"}


def test_texts_are_compared_by_their_quads() -> None:
    steep, flat = (10, 10, 20, 10, 50, 50, 40, 50), (40, 10, 50, 10, 20, 50, 10, 50)
    texts = region("x", BOX, A, "exit", kind="text", quad=steep), region("y", BOX, B, "exit", kind="text", quad=flat)
    assert set(merge(*texts)) == {"x", "y"}


@pytest.mark.parametrize(
    ("small", "given", "stay"),
    [
        ((0, 0, 100, 65), {}, "x"),  # IoU 0.65 is below 0.7, but it is a cropped duplicate
        ((0, 0, 100, 60), {}, "x"),
        ((0, 0, 100, 59), {}, "xy"),  # a part of a whole
        ((0, 0, 100, 59), {"part_whole": 0.5}, "x"),
        ((0, 0, 100, 65), {"contained": None}, "xy"),
        ((0, 0, 100, 59), {"iou": 0.5}, "xy"),  # a part stays whatever the IoU
        ((0, 0, 100, 59), {"iou": 0.5, "contained": None}, "x"),
    ],
)
def test_a_box_inside_another_is_a_duplicate_or_a_part(small: Any, given: dict[str, Any], stay: str) -> None:
    whole = region("x", (0, 0, 100, 100), A, "train", score=0.9)
    assert "".join(merge(whole, region("y", small, B, "train", score=0.8), **given)) == stay
    assert set(merge(whole, region("y", small, B, "cat", score=0.8), **given)) == {"x", "y"}


def test_nothing_is_absorbed_through_another() -> None:
    first, second, third = ((x, 0, x + 40, 40) for x in (0, 6, 12))  # IoU 0.74 from one to the next, 0.54 over two
    left = merge(
        region("x", first, A, "dog", score=0.9), region("y", second, B, "dog", score=0.8),
        region("z", third, C, "dog", score=0.7),
    )  # fmt: skip
    assert set(left) == {"x", "z"}
    assert [entry["id"] for entry in left["x"]["support"]] == ["y"]


def test_one_that_two_could_take_goes_to_the_nearer() -> None:
    one, other = region("x", (0, 0, 40, 40), records.HUMAN), region("y", (8, 0, 48, 40), records.HUMAN)
    left = merge(one, other, region("z", (6, 0, 46, 40), A, "dog", score=0.9))
    assert [len(left[name]["support"]) for name in "xy"] == [0, 1]


def test_duplicates_of_one_model_beside_another_model() -> None:
    left = merge(
        region("x", BOX, A, "dog", score=0.9), region("y", NEAR, B, "dog", score=0.8),
        region("z", BOX, B, "dog", score=0.7), region("w", NEAR, A, "dog", score=0.6),
    )  # fmt: skip
    assert set(left) == {"x", "w"}  # w is left to NMS
    assert left["x"]["score"] == pytest.approx(1 - 0.1 * 0.2)  # b witnesses once


# What becomes of them


def test_a_human_region_keeps_all_but_its_labels_and_support() -> None:
    human = region("h", BOX, records.HUMAN, "dog", best=0, kind="proposal")
    left = merge(region("x", NEAR, A, "brown dog", score=0.9, best=0, mask=MASK), human)["h"]
    assert [label["text"] for label in left["labels"]] == ["dog", "brown dog"]
    assert left["support"] == [{"id": "x", "score": pytest.approx(0.9), "origin": A.as_dict()}]
    assert {**left, "labels": human["labels"], "support": []} == {**human, "box": list(BOX)}


@pytest.mark.parametrize(
    ("scores", "cap", "score"),
    [
        ((0.6, 0.7), 0.99, 0.88),
        ((0.6, 0.7, 0.5), 0.99, 0.94),
        ((0.9, 0.95), 0.99, 0.99),
        ((0.995, 0.5), 0.99, 0.995),
        ((0.6, None), 0.99, 0.6),
        ((None, None), 0.99, None),
    ],
)
def test_agreement_raises_the_score(scores: Any, cap: float, score: float | None) -> None:
    found = [region(o.model, BOX, o, "dog", score=s) for o, s in zip((A, B, C), scores, strict=False)]
    (left,) = merge(*found, cap=cap).values()
    assert left["score"] == (None if score is None else pytest.approx(score))


@pytest.mark.parametrize("origin", [B, records.Origin("b", "r2")])
def test_a_model_that_witnessed_in_an_earlier_merge_does_not_count_twice(origin: records.Origin) -> None:
    (first,) = merge(region("x", BOX, A, "dog", score=0.6), region("y", NEAR, B, "dog", score=0.5)).values()
    assert first["score"] == pytest.approx(0.8)
    (same,) = merge(first, region("z", NEAR, origin, "dog", score=0.5)).values()
    assert same["score"] == pytest.approx(0.8)
    (more,) = merge(first, region("z", NEAR, C, "dog", score=0.5)).values()
    assert more["score"] == pytest.approx(0.9)


def test_a_models_own_earlier_revision_is_no_second_witness() -> None:
    again = region("y", NEAR, records.Origin("a", "r2"), "dog", score=0.5)
    (first,) = merge(region("x", BOX, A, "dog", score=0.6), again).values()
    assert first["score"] == pytest.approx(0.6)
    (more,) = merge(first, region("z", NEAR, C, "dog", score=0.5)).values()
    assert more["score"] == pytest.approx(0.8)


def test_an_absorbed_regions_own_support_follows_it() -> None:
    (first,) = merge(region("x", BOX, A, "dog", score=0.6), region("y", NEAR, B, "dog", score=0.5)).values()
    (left,) = merge(first, region("z", NEAR, C, "dog", score=0.9)).values()
    assert [(entry["id"], entry["origin"]["model"]) for entry in left["support"]] == [("x", "a"), ("y", "b")]
    assert left["score"] == pytest.approx(1 - 0.4 * 0.5 * 0.1)


def test_labels_are_a_union_and_best_stays() -> None:
    shared = records.label("chunk", "pet", C, 0.3)
    one, other = region("x", BOX, A, "animal", "dog", best=1, score=0.9), region("y", NEAR, B, "dog", score=0.8)
    one["labels"].append(shared)
    other["labels"].append({**shared, "score": 0.5})
    (left,) = merge(one, other).values()
    texts = [(label["text"], label["origin"]["model"]) for label in left["labels"]]
    assert texts == [("animal", "a"), ("dog", "a"), ("pet", "c"), ("dog", "b")]
    assert left["best"] == 1


def test_a_winner_without_labels_takes_over_the_choice() -> None:
    left = merge(region("h", BOX, records.HUMAN), region("y", NEAR, B, "animal", "dog", best=1))["h"]
    assert (left["labels"][left["best"]]["text"], len(left["labels"])) == ("dog", 2)


def test_phrases_follow_the_winner_once() -> None:
    pair = [region("x", BOX, A, "dog", score=0.9), region("y", NEAR, B, "dog"), region("z", AWAY, B, "cat")]
    outcome = run(table(pair, pair, phrases=[["z", "y"], ["y", "x"], ["z"], []]))
    for phrases in outcome.table["phrases"].to_pylist():
        assert [phrase["region_ids"] for phrase in phrases] == [["z", "x"], ["x"], ["z"], []]


def test_the_rejects_say_who_took_it_and_why() -> None:
    found = [region("x", BOX, A, "dog", score=0.9), region("y", NEAR, B, "dog", score=0.8, mask=MASK)]
    (reject,) = run(table(found)).rejects.to_pylist()
    assert (reject["id"], reject["stage"], reject["rule"], reject["detail"]) == ("y", "region_merge", "merged", "x")
    assert (reject["value"], reject["threshold"]) == (pytest.approx(39 / 41), 0.7)
    assert reject["region"] == run(table([found[1]])).table["regions"][0].as_py()[0]  # as it came


def test_boxes_are_averaged_where_told_to_and_no_mask_stands_in_the_way() -> None:
    one, other = region("x", BOX, A, "dog", score=0.75), region("y", NEAR, B, "dog", score=0.25)
    assert merge(one, other)["x"]["box"] == list(BOX)
    assert merge(one, other, average=True)["x"]["box"] == [10.25, 10, 50.25, 50]
    assert merge({**one, "mask": MASK}, other, average=True)["x"]["box"] == list(BOX)
    assert merge(region("h", BOX, records.HUMAN), other, average=True)["h"]["box"] == list(BOX)
    assert merge({**one, "score": None}, {**other, "score": None}, average=True)["x"]["box"] == list(BOX)


# Any


@st.composite
def images(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    origins = [A, B, C, records.HUMAN, records.Origin("a", "r2")]
    return [[_any_region(rng, f"{k}", origins) for k in range(rng.integers(0, 14))] for _ in range(3)]


def _any_region(rng: np.random.Generator, id: str, origins: list[records.Origin]) -> dict[str, Any]:
    x, y = rng.integers(0, 10, 2)
    origin = origins[rng.integers(len(origins))]
    names = rng.choice(["dog", "brown dog", "cat"], rng.integers(0, 3)).tolist()
    return region(
        id, (x, y, x + rng.integers(20, 40), y + 30), origin, *names,
        kind=str(rng.choice(records.REGION_KINDS, p=[0.6, 0.2, 0.2])), best=0 if names else None,
        score=None if origin is records.HUMAN or rng.random() < 0.2 else float(np.float32(rng.random())),
        crowd=bool(rng.random() < 0.1),
    )  # fmt: skip


STAGES = [RegionMerge(), RegionMerge(iou=0.4, iou_other_label=0.8, part_whole=0.3, cap=0.9)]
both = pytest.mark.parametrize("stage", STAGES, ids=["default", "loose"])
ANY = settings(max_examples=60, deadline=None)


@both
@ANY
@given(images())
def test_what_holds_for_any_merge(stage: RegionMerge, rows: list[list[dict[str, Any]]]) -> None:
    given = table(*rows, phrases=[])
    outcome = run(given, stage)  # audits the books
    came = [{r["id"]: r for r in row} for row in given["regions"].to_pylist()]
    left = [{r["id"]: r for r in row} for row in outcome.table["regions"].to_pylist()]
    for before, after in zip(came, left, strict=True):
        for id, winner in after.items():
            same = ("id", "kind", "box", "quad", "mask", "polygons", "crowd", "origin")
            assert [winner[field] for field in same] == [before[id][field] for field in same]
            assert winner["labels"][: len(before[id]["labels"])] == before[id]["labels"]
            assert 0 <= (winner["score"] or 0) <= 1
            assert (winner["score"] or 0) >= (before[id]["score"] or 0)
        for id, human in before.items():
            if human["origin"]["model"] == "human":
                assert (after[id]["score"], after[id]["id"]) == (None, id)
    for reject in outcome.rejects.to_pylist():
        winner = left[int(reject["image_id"][-1])][reject["detail"]]
        assert reject["id"] in [entry["id"] for entry in winner["support"]]
        assert {_key(label) for label in reject["region"]["labels"]} <= {_key(label) for label in winner["labels"]}
        assert reject["value"] >= reject["threshold"] - 1e-9


def _key(label: dict[str, Any]) -> tuple[Any, ...]:
    return label["granularity"], label["text"], *label["origin"].values()


@both
@ANY
@given(images())
def test_merging_twice_changes_nothing_more(stage: RegionMerge, rows: list[list[dict[str, Any]]]) -> None:
    once = run(table(*rows), stage).table
    twice = run(once, stage)
    assert twice.table is once
    assert len(twice.rejects) == 0


@both
@ANY
@given(images())
def test_an_image_is_merged_as_if_it_were_alone(stage: RegionMerge, rows: list[list[dict[str, Any]]]) -> None:
    together = run(table(*rows), stage).table["regions"].to_pylist()
    backwards = run(table(*rows[::-1]), stage).table["regions"].to_pylist()
    alone = [run(table(row), stage).table["regions"][0].as_py() for row in rows]
    assert together == backwards[::-1] == alone


@pytest.mark.parametrize("empty", [records.empty(), table([]), table([], [region("x")])])
def test_nothing_to_merge_leaves_the_table_untouched(empty: pa.Table) -> None:
    outcome = run(empty)
    assert outcome.table is empty
    assert len(outcome.rejects) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"iou": None}, "region_merge: iou must be a number between 0 and 1, not None"),
        ({"cap": 2}, "cap must be"),
        ({"contained": -1}, "contained must be"),
        ({"iou_other_label": 0.5}, "iou_other_label 0.5 is below iou 0.7"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ChainError, match=message):
        RegionMerge(**given)
