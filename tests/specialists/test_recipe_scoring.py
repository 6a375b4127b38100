"""The scorer's recipe: what a batch says of its pairs is true, and what it trains the stage can load."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from specialists.bundled.recipes import claims, options, scoring, scoring_batches, scoring_measure
from specialists.bundled.recipes.claims import COLOURS, PATTERNS, Look, claim, judged
from specialists.bundled.recipes.pack import Pack, pack
from specialists.bundled.recipes.training import train
from specialists.bundled.scenes.catalogue import by_name

NAMES = claims.names()


def look(name: str, colour: str, second: str = "", pattern: str = "plain", size: str = "medium") -> Look:
    return Look(
        NAMES.index(name), COLOURS.index(colour), COLOURS.index(second) if second else -1, PATTERNS.index(pattern), size
    )


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return pack(tmp_path_factory.mktemp("pack"), 8)


@pytest.fixture(scope="module")
def built(scenes: Pack) -> tuple[Any, Any]:
    torch.manual_seed(0)
    return scoring.build(
        [line for index in range(len(scenes)) for line in scoring_batches.words_of(scenes[index].truth)]
    )


CAR, BALL = look("car", "red", "white", "striped"), look("ball", "red", "white")


@pytest.mark.parametrize(
    ("text", "of", "seen", "right"),
    [
        ("car", "car", CAR, 1),
        ("a red car", "car", CAR, 1),
        ("a striped red and white car", "car", CAR, 1),
        ("the red car", "car", CAR, 1),
        ("a blue car", "car", CAR, 0),
        ("a spotted red and white car", "car", CAR, 0),
        ("a striped red and yellow car", "car", CAR, 0),
        ("a red bus", "bus", CAR, 0),
        ("a white car", "car", CAR, -1),
        ("a small red car", "car", CAR, -1),
        ("two red cars", "car", CAR, -1),
        ("two blue cars", "car", CAR, 0),
        ("a shiny red car", "car", look("car", "red", pattern="metallic"), 1),
        ("a red and white ball", "ball", BALL, 1),
        ("a white and red ball", "ball", BALL, -1),
        ("an orange", "orange", look("orange", "orange"), 1),
        ("a small orange", "orange", look("orange", "orange", size="small"), 1),
        ("an orange ball", "ball", BALL, 0),
        ("a man in a checkered gray and black shirt", "man", look("man", "gray", "black", "checkered"), 1),
        ("a wooden table", "table", look("table", "brown", pattern="wooden"), 1),
        ("a wooden table", "table", look("table", "brown"), 0),
        ("two dogs, a black one and a brown one", "dog", look("dog", "brown"), -1),
    ],
)
def test_a_claim_is_judged_by_its_words(text: str, of: str, seen: Look, right: int) -> None:
    said = claim(text, NAMES.index(of), several=text.startswith("two"))
    assert judged([seen], [said]).tolist() == [[right]]


def test_every_label_of_a_scene_is_right_for_its_thing(scenes: Pack) -> None:
    for index in range(len(scenes)):
        truth = scenes[index].truth
        seen = claims.looks(truth)
        for region in truth["regions"]:
            if region["kind"] == "object":
                look = seen[region["id"]]
                said = [claim(label["text"], look.category) for label in region["labels"]]
                assert judged([look], said).tolist() == [[1, 1, 1]], said
        for one, ids in scoring_batches.mentions(truth, seen):
            assert (judged([seen[id] for id in ids], [one]) != 0).all(), one


@given(
    name=st.sampled_from(NAMES),
    colour=st.sampled_from(COLOURS),
    pattern=st.sampled_from(PATTERNS[1:4]),
    seed=st.integers(0, 2**32),
)
def test_what_is_exchanged_is_wrong_and_well_formed(name: str, colour: str, pattern: str, seed: int) -> None:
    one = claim(f"a small {pattern} {colour} and gray {by_name()[name].noun}", NAMES.index(name))
    other = claims.altered(one, np.random.default_rng(seed))
    if other is None:  # what is of one colour cannot be of another
        assert not set(by_name()[name].colours) - {name, colour, "gray"}
        return
    seen = Look(one.category, one.colour, one.second, one.pattern, one.size)
    assert judged([seen], [one]) == 1
    assert judged([seen], [other]) == 0 or {other.colour, other.second} == {one.colour, one.second}
    assert other.text != one.text
    assert len(set(other.text.split()) ^ set(one.text.split())) <= 8
    assert other.text.startswith("a small ")


def test_the_article_goes_with_what_follows() -> None:
    rng = np.random.default_rng(0)
    for text, name in (("a red car", "car"), ("an orange sign", "sign"), ("An airplane with red wings", "airplane")):
        for _ in range(20):
            other = claims.altered(claim(text, NAMES.index(name)), rng)
            assert other is not None
            head, word = other.text.split()[:2]
            assert head.lower() == ("an" if word[0] in "aeiou" else "a"), other.text


def test_a_batch_tells_the_truth(scenes: Pack, built: tuple[Any, Any]) -> None:
    tokenizer = built[1].tokenizer
    batch = scoring_batches.Batches(scenes, tokenizer, 8)(0)
    said = [text.strip() for text in tokenizer.batch_decode(batch["labels"], skip_special_tokens=True)]
    assert len(set(said)) == len(said)
    names = [None if number < 0 else NAMES[number] for number in batch["looks"][:, 0]]
    for name, right, weight in zip(names, batch["label_right"], batch["label_weight"], strict=True):
        of_it = {text for text, fits in zip(said, right & (weight > 0), strict=True) if fits}
        assert (name is None) == (not of_it)
        if name:
            assert name.lower() in of_it
            assert not {other.lower() for other in NAMES if other != name} & of_it
            assert weight[right].sum() == pytest.approx(weight[~right].sum(), rel=0.01)
    own, texts = batch["text_right"], tokenizer.batch_decode(batch["texts"], skip_special_tokens=True)
    assert own.any(1).all()
    assert len(set(texts)) == len(texts) > len(own)
    assert batch["pixels"].shape == (len(batch["looks"]) + 8, 3, scoring_batches.SIDE, scoring_batches.SIDE)
    assert (batch["patches"] > 0).any((1, 2)).all()


def test_the_recipe_trains_what_the_stage_loads(scenes: Pack, built: tuple[Any, Any], tmp_path: Path) -> None:
    model, processor = built
    batches = scoring_batches.Batches(scenes, processor.tokenizer, 4)
    plan = replace(scoring.PLAN, steps=2, save_every=1)
    taught, seen = scoring.Taught(model), list[dict[str, torch.Tensor]]()

    def loss(taught: Any, batch: Any) -> dict[str, torch.Tensor]:
        seen.append({name: part.detach() for name, part in scoring.loss(taught, batch).items()})
        return scoring.loss(taught, batch)

    train(taught, loss, lambda step: scoring.tensors(batches(step)), plan, tmp_path / "work")
    assert len(seen) == 2
    assert all(part.isfinite() and part > 0 for parts in seen for part in parts.values())
    options.save(tmp_path / "made", taught.model, processor)
    assert sum(file.stat().st_size for file in (tmp_path / "made").iterdir()) < 2e6
    figures = scoring_measure.measure(tmp_path / "made", "scenes:2?split=public&seed=3")
    assert 0 <= figures["zero_shot"] < 0.5  # it has learned nothing
    assert figures["chain_first"] > 0.7
    assert all(0 <= figure <= 1 for figure in figures.values())


def test_equal_ones_count_half() -> None:
    assert scoring_measure.auc(np.array([0.5, 0.9]), np.array([0.5, 0.1])) == pytest.approx(0.875)


def test_pairs_weigh_as_much_right_as_wrong() -> None:
    right = np.array([[1, 0, 0, -1], [0, 0, 0, 0]])
    near = np.array([[True, True, False, True], [False, False, True, True]])
    weight = scoring_batches.weights(right, near)
    assert weight == pytest.approx(np.array([[0.25, 0.2, 0.05, 0], [0.025, 0.025, 0.1, 0.1]]))


def test_the_sigmoid_is_settled_where_it_tells_right_from_wrong(scenes: Pack, built: tuple[Any, Any]) -> None:
    batch = scoring.tensors(scoring_batches.Batches(scenes, built[1].tokenizer, 8)(1))
    told = batch["label_told"]
    assert set(told.unique().tolist()) == {-1, 0, 1}
    assert not batch["label_right"][told == 0].any()
    assert batch["label_right"][told == 1].all()
    model = copy.deepcopy(built[0]).float()  # what was saved is in half precision
    before = {name: value.clone() for name, value in model.state_dict().items()}
    scoring.settle(model, [batch])
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"logit_scale", "logit_bias"}
    with torch.no_grad():
        _, cosines = scoring._compared(model, batch)
        said = {
            what: torch.sigmoid(cosine * model.logit_scale.exp() + model.logit_bias) for what, cosine in cosines.items()
        }
    # Of logistic regression: the mean of what is said is the share of right ones, where each side weighs the same.
    sides = [said[what][batch[f"{what}_told"] == side].mean() for what in said for side in (0, 1)]
    assert torch.stack(sides).mean() == pytest.approx(0.5, abs=0.01)
