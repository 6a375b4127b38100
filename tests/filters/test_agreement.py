"""What stands against what was predicted: each rule, people's annotations, and that nothing is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.checks import check
from engine.stage import Batch, ChainError, Outcome, Stage
from engine.worker import audit
from filters.agreement import RegionAgreement
from filters.rewriting import PhraseAgreement, TextAgreement

DETECTOR, FLORENCE = records.Origin("detector", "r1", 0), records.Origin("florence", "r1", 1)
HERE, NEAR, AWAY = (10, 10, 50, 50), (12, 10, 52, 50), (60, 60, 90, 90)


def region(id: str, origin: records.Origin, box: Any = HERE, name: str = "dog", **given: Any) -> dict[str, Any]:
    similarity = given.pop("similarity", None)
    label = {**records.label("phrase", name, origin), "similarity": similarity}
    return records.region(id, given.pop("kind", "object"), box, origin, labels=[label], best=0, **given)


def table(
    regions: list[dict[str, Any]] | None = None,
    texts: list[dict[str, Any]] | None = None,
    phrases: list[dict[str, Any]] | None = None,
) -> pa.Table:
    row = {
        "image_id": "i", "width": 100, "height": 100, "texts": texts or [], "regions": regions or [],
        "phrases": phrases or [], "faults": [],
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=records.SCHEMA)


def run(stage: Stage, before: pa.Table) -> Outcome:
    outcome = stage(Batch(before, lambda row: np.zeros((1, 1, 3), np.uint8)))
    check(outcome.table)
    audit(stage, before, outcome).balance()
    return outcome


def left(outcome: Outcome, kind: str = "regions") -> list[str]:
    names: list[str] = records.flatten(outcome.table, kind)[1].field("id").to_pylist()
    return names


def rules(outcome: Outcome) -> dict[str, str]:
    return {row["id"]: row["rule"] for row in outcome.rejects.to_pylist()}


def test_two_that_agree_become_one_that_is_surer_and_in_the_middle() -> None:
    before = table([region("old", DETECTOR, HERE, score=0.6), region("new", FLORENCE, NEAR, score=0.6)])
    outcome = run(RegionAgreement(), before)
    (row,) = records.flatten(outcome.table, "regions")[1].to_pylist()
    assert row["id"] == "old"
    assert row["score"] == pytest.approx(0.84)
    assert row["box"] == [11, 10, 51, 50]
    assert [support["origin"]["round"] for support in row["support"]] == [1]
    assert rules(outcome) == {"new": "agreed"}


@pytest.mark.parametrize(
    ("old", "new", "stays", "rule"),
    [
        ({"score": 0.4}, {"score": 0.6}, "new", "replaced"),
        ({"score": 0.6}, {"score": 0.65}, "old", "outvoted"),
        ({"score": 0.9, "similarity": 0.2}, {"score": 0.6, "similarity": 0.5}, "new", "replaced"),
        ({"score": 0.2, "similarity": 0.8}, {"score": 0.9, "similarity": 0.8}, "old", "outvoted"),
        ({"score": None}, {"score": 0.9}, "old", "outvoted"),
    ],
)
def test_of_two_names_for_one_place_the_surer_stays(old: Any, new: Any, stays: str, rule: str) -> None:
    text = records.text("t", "brief", "A dog.", DETECTOR)
    pointed = records.phrase("p", "t", (0, 5), DETECTOR, region_ids=["old"])
    regions = [region("old", DETECTOR, HERE, "dog", **old), region("new", FLORENCE, NEAR, "cat", **new)]
    outcome = run(RegionAgreement(), table(regions, [text], [pointed]))
    assert left(outcome) == [stays]
    assert list(rules(outcome).values()) == [rule]
    assert records.flatten(outcome.table, "phrases")[1].to_pylist()[0]["region_ids"] == [stays]


def test_what_stands_alone_is_added_doubted_or_let_stand() -> None:
    regions = [
        region("believed", DETECTOR, (0, 0, 20, 20), score=0.5),
        region("doubted", DETECTOR, (30, 0, 50, 20), score=0.2),
        region("added", FLORENCE, (60, 0, 80, 20), score=0.7),
        region("guessed", FLORENCE, (0, 60, 20, 80), score=0.3),
        region("line", DETECTOR, (60, 60, 80, 80), "OPEN", kind="text", score=0.1),
    ]
    outcome = run(RegionAgreement(), table(regions))
    assert left(outcome) == ["believed", "added", "line"]
    assert rules(outcome) == {"doubted": "missed", "guessed": "unsure"}


def test_what_a_person_drew_is_neither_moved_nor_named_anew() -> None:
    mine = region("mine", records.HUMAN, HERE, "dog")
    for name in ("dog", "cat"):
        outcome = run(RegionAgreement(), table([mine, region("new", FLORENCE, NEAR, name, score=0.99)]))
        (row,) = records.flatten(outcome.table, "regions")[1].to_pylist()
        assert (row["box"], row["score"], row["labels"][0]["text"]) == ([*HERE], None, "dog")


SCORES = st.none() | st.floats(0, 1, width=32)
BOXES = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(5, 50), st.integers(5, 50)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
REGIONS = st.lists(
    st.tuples(
        st.sampled_from([DETECTOR, FLORENCE, records.HUMAN]), BOXES, st.sampled_from(["dog", "cat", "hot dog"]), SCORES
    ),
    max_size=8,
)


@given(REGIONS)
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_and_no_two_that_stay_are_the_same(drawn: list[Any]) -> None:
    regions = [
        region(f"r{i}", origin, box, name, score=None if origin is records.HUMAN else score)
        for i, (origin, box, name, score) in enumerate(drawn)
    ]
    before = table(regions)
    outcome = run(RegionAgreement(), before)
    assert sorted([*left(outcome), *rules(outcome)]) == sorted(row["id"] for row in regions)
    human = {row["id"]: row for row in before["regions"][0].as_py() if row["origin"]["model"] == "human"}
    for row in outcome.table["regions"][0].as_py():
        if row["id"] in human:
            assert {**row, "labels": [], "support": []} == {**human[row["id"]], "labels": [], "support": []}


def text(id: str, origin: records.Origin, words: str, similarity: float | None, **given: Any) -> dict[str, Any]:
    return {**records.text(id, given.pop("granularity", "brief"), words, origin, **given), "similarity": similarity}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (("A dog.", 0.5), ("A cat.", 0.6), {"old": "replaced"}),
        (("A dog.", 0.5), ("A cat.", 0.51), {"new": "outvoted"}),
        (("A dog.", None), ("A cat.", 0.9), {"new": "outvoted"}),
        (("A dog.", 0.5), ("A dog.", 0.5), {"new": "agreed"}),
    ],
)
def test_of_two_texts_the_scorer_chooses(old: Any, new: Any, expected: dict[str, str]) -> None:
    outcome = run(TextAgreement(), table(texts=[text("old", DETECTOR, *old), text("new", FLORENCE, *new)]))
    assert rules(outcome) == expected


def test_a_text_where_there_was_none_is_added_if_it_is_believed() -> None:
    texts = [
        text("old", DETECTOR, "A dog.", 0.5),
        text("long", FLORENCE, "A dog sits.", 0.4, granularity="detailed", score=0.6),
        text("longer", FLORENCE, "A dog sits there.", 0.4, granularity="more_detailed", score=0.1),
    ]
    assert rules(run(TextAgreement(), table(texts=texts))) == {"longer": "unsure"}
    mine = text("mine", records.HUMAN, "A dog.", None)
    assert rules(run(TextAgreement(), table(texts=[mine, text("new", FLORENCE, "A cat.", 1.0)]))) == {"new": "outvoted"}


@pytest.mark.parametrize(
    ("old", "new", "expected", "score"),
    [
        ((["a"], 0.5), (["a"], 0.8), {"new": "agreed"}, 0.8),
        ((["a"], 0.5), (["b"], 0.8), {"old": "replaced"}, 0.8),
        ((["a"], 0.5), (["b"], 0.55), {"new": "outvoted"}, 0.5),
        (([], None), (["b"], 0.2), {"old": "replaced"}, 0.2),
        ((["a"], 0.5), ([], 0.9), {"new": "unsure"}, 0.5),
    ],
)
def test_phrases_of_one_span(old: Any, new: Any, expected: dict[str, str], score: float) -> None:
    regions = [region("a", DETECTOR, HERE), region("b", FLORENCE, AWAY)]
    phrases = [
        records.phrase(id, "t", (0, 5), origin, region_ids=ids, score=sure)
        for id, origin, (ids, sure) in (("old", DETECTOR, old), ("new", FLORENCE, new))
    ]
    outcome = run(PhraseAgreement(), table(regions, [text("t", DETECTOR, "A dog.", None)], phrases))
    assert rules(outcome) == expected
    (row,) = records.flatten(outcome.table, "phrases")[1].to_pylist()
    assert row["score"] == pytest.approx(score)


@pytest.mark.parametrize("settings", [{"round": 0}, {"margin": 2}, {"iou": -1}, {"sure": None}])
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match=f"region_agreement: {next(iter(settings))} must be"):
        RegionAgreement(**settings)
