"""Scores: the means of the right tokens' probabilities; and what calibration makes of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import predicted
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stage import ChainError
from florence import tokenizer
from florence.codec import Box, Outline, Quad, Task, to_bins, write
from florence.predict import Ask, Calibration, Predictor
from florence.predict.answers import answer
from florence.predict.calibration import FILE, Curve, error, fit, isotonic
from florence.predict.greedy import Written

SIZE = (1000, 1000)


@pytest.fixture(scope="module")
def words() -> Any:
    return tokenizer.train(["a dog on a mat"], tokenizer.LEAST)


def said(words: Any, *parts: tuple[str, float]) -> Written:
    """Texts or markers, each token of a part with this probability."""
    tokens: list[int] = []
    logs: list[float] = []
    for text, probability in parts:
        ids = words(text, add_special_tokens=False).input_ids
        tokens += ids
        logs += [math.log(probability)] * len(ids)
    return Written(tokens, logs)


def test_a_box_has_its_places_scores_and_its_labels(words: Any) -> None:
    written = said(
        words, ("cat", 0.8), ("<loc_1>", 0.5), ("<loc_2>", 0.5), ("<loc_3>", 0.125), ("<loc_4>", 0.125),
        ("<loc_5><loc_6><loc_7><loc_8>", 0.9), ("d", 0.2), ("og", 0.8), ("<loc_1><loc_2><loc_3><loc_4>", 1.0),
    )  # fmt: skip
    found = answer(Task.OD, written, words, SIZE).items
    assert [each.item for each in found] == [
        Box("cat", (1.5, 2.5, 3.5, 4.5)), Box("cat", (5.5, 6.5, 7.5, 8.5)), Box("dog", (1.5, 2.5, 3.5, 4.5)),
    ]  # fmt: skip
    assert [each.score for each in found] == pytest.approx([0.25, 0.9, 1.0])
    label = (0.2 * 0.8 * 0.8) ** (1 / 3)
    assert [each.label_score for each in found] == pytest.approx([0.8, 0.8, label])


def test_outlines_quads_and_texts_have_theirs(words: Any) -> None:
    ring = "<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6>"
    written = said(words, ("<poly>", 0.1), (ring, 0.5), ("<sep>", 0.1), (ring, 0.125), ("</poly>", 0.1))
    found = answer(Task.REGION_TO_SEGMENTATION, written, words, SIZE).items
    assert isinstance(found[0].item, Outline)
    assert (found[0].score, found[0].label_score) == (pytest.approx(0.25), None)
    quad = said(words, ("a b", 0.4), ("<loc_1>" * 4, 0.9), ("<loc_2>" * 4, 0.1))
    found = answer(Task.OCR_WITH_REGION, quad, words, SIZE).items
    assert isinstance(found[0].item, Quad)
    assert (found[0].score, found[0].label_score) == (pytest.approx(0.3), pytest.approx(0.4))
    found = answer(Task.CAPTION, said(words, ("a", 0.9), ("b", 0.1)), words, SIZE).items
    assert (found[0].score, found[0].label_score) == (None, pytest.approx(0.3))
    assert found[0].believed == pytest.approx(0.3)


def test_boxes_without_labels_have_no_labels_score(words: Any) -> None:
    found = answer(Task.REGION_PROPOSAL, said(words, ("<loc_1><loc_2><loc_3><loc_4>", 0.5)), words, SIZE).items
    assert [(each.score, each.label_score) for each in found] == [(pytest.approx(0.5), None)]


def test_words_that_spell_a_marker_are_words(words: Any) -> None:
    spelt = [token for letter in "<loc_5>" for token in words(letter, add_special_tokens=False).input_ids]
    places = words("<loc_1><loc_2><loc_3><loc_4>", add_special_tokens=False).input_ids
    written = Written([*spelt, *places], [-1.0] * 11)
    found = answer(Task.OD, written, words, SIZE)
    assert (found.invalid, [each.item.text for each in found.items]) == (0, ["<loc_5>"])
    assert answer(Task.CAPTION, Written(spelt, [-1.0] * 7), words, SIZE).text == "<loc_5>"


def test_nothing_said_is_no_text(words: Any) -> None:
    assert answer(Task.CAPTION, Written([], []), words, SIZE).items == ()


@pytest.mark.parametrize("task", [Task.CAPTION, Task.REGION_PROPOSAL])
def test_scores_are_those_of_the_models_own_forward_pass(task: Task) -> None:
    """Of what was written, looked at once more, all at a time."""
    import torch

    florence = predicted.taught()
    found = Predictor(florence)([predicted.PICTURE], [Ask(0, task)])[0].items
    target = write(task, [to_bins(each.item, predicted.SIZE) for each in found])  # in the model's own order
    labels = torch.tensor([florence.tokenizer(target).input_ids])
    with torch.inference_mode():
        logits = florence.model(**predicted.inputs(florence, predicted.PICTURE, task), labels=labels).logits[0]
    logs = logits.log_softmax(1).gather(1, labels[0, :, None])[1:-1, 0]
    parts = logs[None] if task is Task.CAPTION else logs.view(-1, 4)
    assert [each.believed for each in found] == pytest.approx(parts.mean(1).exp().tolist(), rel=1e-3)


def test_calibration_pools_neighbours_that_stand_in_the_wrong_order() -> None:
    scores, rates = isotonic(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert scores.tolist() == pytest.approx([0.1, 0.25, 0.4])
    assert rates.tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_the_expected_calibration_error_is_the_gap_of_each_bin() -> None:
    # Half of the samples are at 0.9 and right in one of two cases; the others are right as often as they say.
    assert error(np.array([0.9, 0.9, 0.5, 0.5]), np.array([1.0, 0.0, 1.0, 0.0])) == pytest.approx(0.4 / 2)


@given(st.integers(0, 2**32 - 1), st.integers(20, 60))
def test_a_curve_rises_and_stays_within_bounds(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    scores, right = rng.random(count).round(1), rng.random(count) < 0.5
    curve = fit(scores.tolist(), right.tolist())
    assert curve is not None
    values = [curve(score) for score in np.linspace(0, 1, 21)]
    assert values == sorted(values)
    assert 0 <= values[0] <= values[-1] <= 1
    assert curve.samples == count


def test_calibration_of_a_boaster_lessens_the_error_on_what_it_was_not_fitted_to() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.5, 1, 400)
    right = rng.uniform(0, 1, 400) < scores**4
    curve = fit(scores.tolist(), right.tolist())
    assert curve is not None
    assert curve.error_after < curve.error_before / 3


def test_of_too_few_samples_nothing_is_learnt() -> None:
    assert fit([0.5] * 19, [True] * 19) is None


def test_calibration_is_kept_beside_a_checkpoint(tmp_path: Path, words: Any) -> None:
    curve = Curve((0.0, 1.0), (0.0, 0.5), 20, 0.2, 0.1)
    Calibration({"place": curve}).save(tmp_path)
    kept = Calibration.of(tmp_path)
    assert kept == Calibration({"place": curve})
    written = said(words, ("cat", 0.8), ("<loc_1><loc_2><loc_3><loc_4>", 0.8))
    found = answer(Task.OD, written, words, SIZE, kept).items[0]
    assert (found.score, found.label_score) == (pytest.approx(0.4), pytest.approx(0.8))
    assert Calibration.of(tmp_path / "nowhere") == Calibration()


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"place": {}}',
        '{"place": {"scores": [], "rates": [], "samples": 1, "error_before": 0, "error_after": 0}}',
        '{"place": {"scores": [0, 1], "rates": [1, 0], "samples": 1, "error_before": 0, "error_after": 0}}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_calibration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ChainError, match=FILE):
        Calibration.of(tmp_path)
