"""Thresholds on what texts and phrases are believed to be worth."""

from __future__ import annotations

from typing import Any

import pytest
from captioned import image, phrase, rules, run, table, text, texts, work

from engine import records
from engine.stage import ChainError
from filters.scores import PhraseScore, TextScore

WORDS = "a dog on a mat"


def scored(id: str = "t", granularity: str = "brief", *, human: bool = False, **given: Any) -> dict[str, Any]:
    similarity = given.pop("similarity", None)
    return {**text(WORDS, id, granularity, human=human, **given), "similarity": similarity}


def named(id: str = "p", *, human: bool = False, **given: Any) -> dict[str, Any]:
    return {**phrase(id, "t0", 0, 5, human=human), **given}


@pytest.mark.parametrize(
    ("given", "setting", "rule"),
    [
        ({"score": 0.1}, {}, None),
        ({"score": 0.0}, {}, "text_score"),
        ({"score": 0.7}, {"min_score": 0.7}, None),  # as float32 this is a little more or less than the setting
        ({"score": 0.69}, {"min_score": 0.7}, "text_score"),
        ({"score": None}, {"min_score": 1}, None),
        ({"score": 0.0}, {"min_score": None}, None),
        ({"score": 0.0}, {"min_score": {"brief": None}}, None),
        ({"score": 0.0}, {"min_score": {"detailed": None}}, "text_score"),
        ({"similarity": 0.0}, {}, None),
        ({"similarity": 0.2}, {"min_similarity": 0.2}, None),
        ({"similarity": 0.19}, {"min_similarity": 0.2}, "text_similarity"),
        ({"similarity": None}, {"min_similarity": 1}, None),
        ({"similarity": 0.19}, {"min_similarity": {"more_detailed": 0.2}}, None),
        ({"similarity": 0.19, "granularity": "more_detailed"}, {"min_similarity": {"more_detailed": 0.2}},
         "text_similarity"),
        ({"similarity": 0.0, "score": 0.0}, {"min_similarity": 0.2}, "text_score"),
        ({"similarity": 0.0, "score": 0.0, "human": True}, {"min_similarity": 0.2}, None),
    ],
)  # fmt: skip
def test_texts(given: dict[str, Any], setting: dict[str, Any], rule: str | None) -> None:
    outcome = run(TextScore(**setting), table(image(scored(**given))))
    assert rules(outcome) == ([rule] if rule else [])
    assert texts(outcome.table) == [WORDS] * (not rule)


@pytest.mark.parametrize(
    ("given", "setting", "rule"),
    [
        ({"score": 0.1}, {}, None),
        ({"score": 0.05}, {}, "phrase_score"),
        ({"score": 0.7}, {"min_score": 0.7}, None),
        ({"score": None}, {"min_score": 1}, None),
        ({"score": 0.0}, {"min_score": None}, None),
        ({"similarity": 0.0}, {}, None),
        ({"similarity": 0.1}, {"min_similarity": 0.2}, "phrase_similarity"),
        ({"similarity": None}, {"min_similarity": 0.2}, None),
        ({"region_ids": []}, {"ungrounded": True}, "phrase_ungrounded"),
        ({"region_ids": ["r0"]}, {"ungrounded": True}, None),
        ({"region_ids": [], "human": True, "score": 0.0, "similarity": 0.0},
         {"ungrounded": True, "min_score": 1, "min_similarity": 1}, None),
    ],
)  # fmt: skip
def test_phrases(given: dict[str, Any], setting: dict[str, Any], rule: str | None) -> None:
    outcome = run(PhraseScore(**setting), table(image(WORDS, phrases=[named(**given)], written=["x"])))
    assert rules(outcome) == ([rule] if rule else [])
    assert len(records.flatten(outcome.table, "phrases")[0]) == (not rule)
    assert texts(outcome.table) == [WORDS]


def test_a_drop_says_what_it_was_measured_against() -> None:
    (reject,) = run(TextScore(min_similarity=0.25), table(image(scored(similarity=0.125)))).rejects.to_pylist()
    assert (reject["id"], reject["value"], reject["threshold"]) == ("t", 0.125, 0.25)
    given = table(image(WORDS, phrases=[named(score=0.0)]))
    (reject,) = run(PhraseScore(min_score=0.25), given).rejects.to_pylist()
    assert (reject["kind"], reject["id"], reject["value"], reject["threshold"]) == ("phrases", "p", 0, 0.25)


def test_a_text_takes_its_phrases_along() -> None:
    given = table(image({**scored(score=0.0), "id": "t0"}, phrases=[named(score=1.0)]), image(WORDS))
    done = work([TextScore(), PhraseScore(ungrounded=True)], given)
    assert rules(done) == ["text_score", "text_dropped"]
    assert done.books[0].dropped == {"texts": {"text_score": 1}, "phrases": {"text_dropped": 1}}


def test_nothing_to_judge() -> None:
    for stage in (TextScore(), PhraseScore(ungrounded=True, min_similarity=0.5)):
        assert len(run(stage, table()).table) == 0
        assert len(run(stage, table(image(), image())).table) == 2


@pytest.mark.parametrize(
    "wrong", [{"min_score": 2}, {"min_score": {"short": 0.1}}, {"min_similarity": {"brief": -1}}, {"min_score": True}]
)
def test_text_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="text_score: min_"):
        TextScore(**wrong)


@pytest.mark.parametrize("wrong", [{"min_score": 2}, {"min_similarity": "much"}])
def test_phrase_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="phrase_score: min_"):
        PhraseScore(**wrong)
