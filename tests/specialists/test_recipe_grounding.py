"""The recipe of the small grounder: what is asked is true, a batch shows it where it says, what is saved grounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from specialists.bundled.recipes import asking, grounding, options
from specialists.bundled.recipes.grounding_batch import Batches, answering, places, words_of
from specialists.bundled.recipes.grounding_loss import Trainee, loss
from specialists.bundled.recipes.grounding_measure import measure
from specialists.bundled.recipes.pack import Pack, pack
from specialists.bundled.recipes.training import Plan, train
from specialists.bundled.scenes.palette import NAMED

FEW = Plan(steps=4, batch=3, warmup=2, save_every=4)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return pack(tmp_path_factory.mktemp("pack"), 12)


@pytest.fixture(scope="module")
def batches(public: Pack) -> Batches:
    return Batches(public, grounding.tokens_for(words_of(public)), ((128,),), grounding.WINDOW, replace(FEW, batch=6))


def truth(*things: tuple[str, str, str], texts: tuple[tuple[str, dict[str, list[str]]], ...] = ()) -> dict[str, Any]:
    """Things by id, category and colour; texts, with the phrases in them and what each names."""
    labels = [[("phrase", name), ("brief", f"a {colour} {name}")] for _, name, colour in things]
    phrases = [
        {"text_id": str(at), "start": text.index(words), "end": text.index(words) + len(words), "region_ids": ids}
        for at, (text, named) in enumerate(texts)
        for words, ids in named.items()
    ]
    return {
        "regions": [
            {"id": thing[0], "kind": "object", "labels": [{"granularity": g, "text": t} for g, t in called]}
            for thing, called in zip(things, labels, strict=True)
        ],
        "attributes": [{"region_id": id, "name": "colour", "value": colour} for id, _, colour in things],
        "texts": [{"id": str(at), "text": text} for at, (text, _) in enumerate(texts)],
        "phrases": phrases,
    }


CARS = truth(
    ("a", "car", "red"), ("b", "car", "blue"), ("c", "dog", "black"),
    texts=(("Two cars and a black dog on a road.", {"Two cars": ["a", "b"], "a black dog": ["c"]}),
           ("The red car is left of the dog.", {"The red car": ["a"], "the dog": ["c"]})),
)  # fmt: skip


# What is asked


def test_the_phrases_of_the_texts_name_what_the_truth_says() -> None:
    known = asking.scene(CARS).asks
    assert {phrase: set(ask.right) for phrase, ask in known.items()} == {
        "two cars": {"a", "b"}, "a black dog": {"c"}, "the red car": {"a"}, "the dog": {"c"},
    }  # fmt: skip


def test_a_name_asks_for_all_of_a_category_and_a_label_for_its_own_thing() -> None:
    rng = np.random.default_rng(0)
    found = {ask.phrase: ask for _ in range(50) for ask in asking.by_label(CARS, rng)}
    assert found["car"] == asking.Ask("car", frozenset("ab"))
    assert found["a red car"].right == {"a"}
    assert found["a red car"].unclear == {"b"}  # nobody knows what else it may be called
    assert found.keys() == {"car", "a red car", "a blue car", "dog", "a black dog"}


def test_what_a_scene_does_not_have_is_asked_too() -> None:
    strangers = asking.Strangers()
    green = truth(("a", "car", "green"), texts=(("A green car.", {"A green car": ["a"]}),))
    tree = truth(("a", "tree", "green"), texts=(("A tree.", {"A tree": ["a"]}),))
    strangers.learn([CARS, green, tree])
    rng, about = np.random.default_rng(0), asking.scene(CARS)
    found = {ask.phrase for _ in range(300) if (ask := strangers.ask(about, rng))}
    assert {"a green car", "a tree", "on a road"} <= found
    assert not found & {"two cars", "the red car", "the dog", "a black dog"}
    assert all(not strangers_ask.right for _ in range(30) if (strangers_ask := strangers.ask(about, rng)))


def test_strangers_name_nothing_of_a_public_scene(public: Pack) -> None:
    strangers, rng = asking.Strangers(), np.random.default_rng(1)
    strangers.learn(public.truths("texts", "phrases", "regions", "attributes"))
    for at in range(len(public)):
        about = asking.scene(public[at].truth)
        for ask in (strangers.ask(about, rng) for _ in range(30)):
            assert ask is None or ask.phrase not in about.asks


def test_words_of_scenes_are_known_and_others_are_spelt(public: Pack) -> None:
    tokenizer = grounding.tokens_for(words_of(public))
    for at in range(len(public)):
        for phrase in asking.scene(public[at].truth).asks:
            assert tokenizer.unk_token_id not in tokenizer(phrase)["input_ids"]
    assert tokenizer.tokenize("qxq") == ["q", "##x", "##q"]
    assert {mark: tokenizer.convert_tokens_to_ids(mark) for mark in grounding.MARKS} == grounding.MARKS


# Batches


def test_the_middle_of_each_box_answers_for_it() -> None:
    grid = places(256)
    boxes = np.array([[0.1, 0.1, 0.3, 0.2], [0.4, 0.1, 1.0, 0.9], [0.7, 0.7, 0.71, 0.78]])
    chosen = answering(grid, boxes)
    assert set(chosen.tolist()) == {-1, 0, 1, 2}
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        here = grid[chosen == number]
        assert (np.abs(here[:, 0] - (x0 + x1) / 2) <= here[:, 2]).all()
        assert (np.abs(here[:, 1] - (y0 + y1) / 2) <= here[:, 2]).all()
    assert grid[chosen == 1, 2].min() == 32 / 256  # what is large is for the coarse places
    assert (answering(grid, np.zeros((0, 4))) == -1).all()


def test_a_phrase_is_where_the_batch_says_however_the_picture_was_cut(tmp_path: Path) -> None:
    """A picture of one patch for each colour; each phrase names a colour, and its box must show it."""
    names = ["red", "green", "blue", "yellow"]
    pixels = np.zeros((200, 400, 3), np.uint8)
    given = truth(
        *((name, "ball", name) for name in names),
        texts=tuple((f"The {name} ball.", {f"The {name} ball": [name]}) for name in names),
    )
    for at, region in enumerate(given["regions"]):
        region["box"] = [100 * at + 20, 50, 100 * at + 80, 150]
        pixels[50:150, 100 * at + 20 : 100 * at + 80] = NAMED[names[at]]
    tokenizer = grounding.tokens_for(["the", "a", "ball", *names])
    made = Batches(_packed(tmp_path, pixels, given), tokenizer, ((128,),), 64, replace(FEW, steps=12))
    tokens = {made.tokenizer.convert_tokens_to_ids(name): name for name in names}
    told = 0
    for step in range(12):
        batch = made(step)
        images = batch["inputs"]["pixel_values"].numpy().transpose(0, 2, 3, 1)
        for row, thing, token in (batch["right"] == 1).nonzero().tolist():
            name = tokens.get(int(batch["inputs"]["input_ids"][row, token]))
            if name:
                x, y = (batch["boxes"][row, thing, :2] * 128).int().tolist()
                shown = images[row, y, x] * 255
                nearest = min(names, key=lambda one: float(np.abs(np.array(NAMED[one]) - shown).sum()))
                assert nearest == name
                told += 1
    assert told > 30


def _packed(folder: Path, pixels: np.ndarray, given: dict[str, Any]) -> Pack:
    import cv2

    data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    table = pa.Table.from_pylist([{"data": data, **given}])
    with pa.OSFile(str(folder / "one.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return Pack(folder / "one.arrow")


def test_a_batch_is_a_function_of_its_step(batches: Batches) -> None:
    first, again, other = batches(2), batches(2), batches(0)
    assert torch.equal(first["right"], again["right"])
    assert torch.equal(first["inputs"]["pixel_values"], again["inputs"]["pixel_values"])
    assert not torch.equal(first["inputs"]["pixel_values"], other["inputs"]["pixel_values"])


def test_tokens_of_a_phrase_weigh_as_much_as_a_phrase(batches: Batches) -> None:
    batch = batches(0)
    share = batch["share"]
    assert (share[batch["inputs"]["attention_mask"] == 0] == 0).all()
    right = batch["right"]
    assert (right[:, -1] == 0).all()  # where nothing is, no phrase is right
    words = right.max(1).values > 0
    assert (share[words] > 0).all()
    assert set(right.unique().tolist()) <= {-1.0, 0.0, 1.0}


# Training


def test_what_is_trained_is_saved_and_grounds(tmp_path: Path, public: Pack) -> None:
    torch.manual_seed(0)
    model, processor = grounding.build(words_of(public))
    grounding.thawed(model.model.backbone)
    made = Batches(public, processor.tokenizer, ((128,),), grounding.WINDOW, FEW)
    train(Trainee(model), loss, made, FEW, tmp_path / "work")
    line = json.loads((tmp_path / "work" / "log.jsonl").read_text().splitlines()[-1])
    assert all(
        0 <= line[part] < 100 for part in ("kinds", "colours", "places", "places' boxes", "queries 1", "boxes 1")
    )

    kept = grounding.frozen(model)
    batch = made(0)["inputs"]
    with torch.no_grad():
        assert torch.allclose(model(**batch).pred_boxes, kept(**batch).pred_boxes, atol=1e-4)
    options.save(tmp_path / "out", kept, processor)
    assert sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) < 4e6
    figures = measure(tmp_path / "out", "scenes:2?split=held-out&seed=1", least=0.0)
    assert figures["all"]["phrases"] > 4
    assert 0 <= figures["all"]["accuracy"] <= 1


def test_batch_norms_of_the_backbone_learn() -> None:
    model, _ = grounding.build(["a"])
    grounding.thawed(model.model.backbone)
    norms = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert len(norms) > 10
    assert all(parameter.requires_grad for parameter in model.parameters())
