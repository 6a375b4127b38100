"""The recipes of the small captioners: their batches say what is true, and what they save writes in the stages."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.stage import Batch
from specialists.bundled.recipes import captioner, captioning, crop_captioning, examples, naming
from specialists.bundled.recipes.options import save
from specialists.bundled.recipes.pack import Pack, Public, pack
from specialists.bundled.recipes.training import Plan, train
from specialists.bundled.recipes.views import category, objects
from specialists.bundled.scenes.scene import draw
from specialists.bundled.scenes.truth import record_table
from specialists.captioning import Captioning
from specialists.captioning.captioners import Florence2

FEW = Plan(steps=3, batch=3, warmup=2, save_every=3)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return pack(tmp_path_factory.mktemp("pack"), 8)


@pytest.fixture(scope="module")
def whole(public: Pack) -> tuple[Any, Any]:
    return captioning.build(public)


@pytest.fixture(scope="module")
def crops(public: Pack) -> tuple[Any, Any]:
    return crop_captioning.build(public)


def thing(name: str, brief: str, chunk: str, box: tuple[float, ...] = (0, 0, 1, 1), id: str = "t") -> dict[str, Any]:
    texts = {"phrase": name, "brief": brief, "chunk": chunk}
    x0, y0, x1, y1 = box
    return {
        "id": id, "kind": "object", "box": list(box), "polygons": [[x0, y0, x1, y0, x1, y1, x0, y1]],
        "labels": [{"granularity": granularity, "text": text} for granularity, text in texts.items()],
    }  # fmt: skip


def texts_of(processor: Any, batch: dict[str, torch.Tensor]) -> list[str]:
    texts: list[str] = processor.tokenizer.batch_decode(batch["written"], skip_special_tokens=True)
    return texts


def names_in(cells: torch.Tensor) -> set[str]:
    return {examples.THINGS[at] for at in cells.sum(0).nonzero().flatten().tolist()} - {""}


# What is to be said


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('A red sign that reads "BUS STOP" and a cow in a meadow.', "A red sign and a cow in a meadow."),
        ('A cup with the words "TO GO". It is night.', "A cup. It is night."),
        ("There is a dog. The dog is to the left of the red cat. The sky is pale.", "There is a dog. The sky is pale."),
        ("Left of the dog is a cat. The dog is on the sofa.", "Left of the dog is a cat."),
        ("The water is clear and blue.", "The water is clear and blue."),
    ],
)
def test_what_can_only_be_guessed_is_not_to_be_learnt(said: str, kept: str) -> None:
    assert examples.told({"texts": [{"granularity": "detailed", "text": said}]}, "detailed") == kept


@pytest.mark.parametrize(
    ("side", "kept"),
    [(10, 'A red sign that reads "GO" by a road.'), (60, "A red sign and two cats by a road.")],
)
def test_a_second_mention_is_kept_where_it_can_be_seen(side: int, kept: str) -> None:
    text = 'A red sign that reads "GO" and two cats by a road.'
    spans = {"two cats": ["b", "c"], "A red sign": ["a"], "GO": ["a.0"]}
    phrases = [{"text_id": "x", "start": text.index(words), "end": text.index(words) + len(words), "region_ids": ids}
               for words, ids in spans.items()]  # fmt: skip
    sign = thing("sign", "a red sign", "a red sign", (0, 0, 90, 90), "a")
    cats = [
        thing("cat", "a black cat", "a black cat", (at, 0, at + side, side), id) for at, id in ((0, "b"), (99, "c"))
    ]
    truth = {"texts": [{"id": "x", "granularity": "brief", "text": text}], "phrases": phrases, "regions": [sign, *cats]}
    said = examples.plainly_told(Public(np.zeros((200, 400, 3), np.uint8), truth))
    assert said == examples.told({"texts": [{"granularity": "brief", "text": kept}]}, "brief")


@pytest.mark.parametrize(
    ("name", "brief", "chunk", "phrase"),
    [
        ("car", "a red car", "a small shiny red car", "a red car"),
        ("man", "a man", "a man in a striped blue and white shirt", "a man in a striped blue and white shirt"),
        ("potted plant", "a potted plant", "a little potted plant in a red pot", "a potted plant in a red pot"),
        ("tree", "a tree", "a big tree", "a tree"),
        ("elephant", "an elephant", "a small elephant", "an elephant"),
    ],
)
def test_a_crop_is_called_with_its_colour_and_without_its_size(name: str, brief: str, chunk: str, phrase: str) -> None:
    assert examples.named(thing(name, brief, chunk)) == phrase


# What is to be seen


def test_cells_show_what_lies_in_them() -> None:
    left = thing("car", "a red car", "a red car", (0, 0, 200, 200), "a")
    right = thing("tree", "a tree", "a tree", (300, 0, 400, 100), "b")
    rows = [{"region_id": id, "name": name, "value": value} for id, name, value in
            [("a", "colour", "red"), ("a", "second colour", "white"), ("b", "colour", "green")]]  # fmt: skip
    scene = Public(np.full((200, 400, 3), 99, np.uint8), {"regions": [left, right], "attributes": rows})
    things, colours = examples.shown(scene, 12)
    assert np.allclose(things.sum(2), 1)
    assert things[:, :, examples.THINGS.index("car")].mean() == pytest.approx(1 / 2, abs=0.03)
    assert things[:, :, examples.THINGS.index("tree")].mean() == pytest.approx(1 / 8, abs=0.03)
    assert things[0, -1].argmax() == examples.THINGS.index("tree")
    assert things[-1, -1].argmax() == 0
    assert colours[5, 2].argmax() == examples.COLOURS.index("red")
    things, _ = examples.shown(scene, 3, (100, 0, 400, 150))
    assert things[0].argmax(1).tolist() == [examples.THINGS.index("car"), 0, examples.THINGS.index("tree")]
    assert things[2, 2].argmax() == 0


def test_the_window_of_a_crop_has_the_middle_of_the_thing_in_it_and_stays_in_the_picture() -> None:
    rng = np.random.default_rng(0)
    for box in ([0.0, 0.0, 400.0, 200.0], [100.0, 50.0, 180.0, 90.0], [396.0, 194.0, 400.0, 200.0]):
        for _ in range(50):
            left, top, right, bottom = examples.around(box, (200, 400, 3), rng)
            assert 0 <= left <= (box[0] + box[2]) / 2 <= right <= 400
            assert 0 <= top <= (box[1] + box[3]) / 2 <= bottom <= 200
            assert min(right - left, bottom - top) >= 8


def test_a_batch_of_scenes_says_what_is_true_of_each(public: Pack, whole: tuple[Any, Any]) -> None:
    batch = captioning.Lessons(public, whole[1], 5)(1)
    truths = [public[index].truth for index in (3, 4, 5)]
    assert texts_of(whole[1], batch) == [examples.plainly_told(public[index]) for index in (3, 4, 5)]
    assert batch["of"].tolist() == [0, 1, 2]
    for truth, cells in zip(truths, batch["things"][:3], strict=True):
        assert names_in(cells) <= {category(one) for one in objects(truth)}


def test_mosaics_show_things_of_the_scenes_of_their_batch(public: Pack, whole: tuple[Any, Any]) -> None:
    batch = captioning.Lessons(public, whole[1], 5)(1)
    there = {category(one) for index in (3, 4, 5) for one in objects(public[index].truth)}
    assert len(batch["pixels"]) == 5
    for cells in batch["things"][3:]:
        assert names_in(cells) <= there
        assert cells[:, 1:].sum() > batch["things"][:3, :, 1:].sum((1, 2)).max()  # fuller than a scene is


def test_a_batch_of_crops_says_what_is_true_of_each(public: Pack, crops: tuple[Any, Any]) -> None:
    batch = crop_captioning.Lessons(public, crops[1], 12)(0)
    rows = [(examples.named(one), category(one), examples.colours(public[at].truth)[one["id"]])
            for at in range(3) for one in objects(public[at].truth)]  # fmt: skip
    seen = [
        (text, examples.THINGS[int(names.argmax())], examples.COLOURS[int(colours.argmax())])
        for text, names, colours in zip(texts_of(crops[1], batch), batch["things"], batch["colours"], strict=True)
    ]
    assert 3 <= len(seen) <= 12
    assert set(seen) <= set(rows)


def test_a_batch_is_a_function_of_its_step(public: Pack, crops: tuple[Any, Any]) -> None:
    lessons = crop_captioning.Lessons(public, crops[1], 4)
    first, again, other = lessons(1), lessons(1), lessons(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["pixels"], other["pixels"])


# What is learnt


def test_what_a_text_costs_is_what_the_model_itself_says(public: Pack, whole: tuple[Any, Any]) -> None:
    model, processor = whole
    pixels = public[0].pixels
    inputs = processor(images=[pixels], text=[Florence2.prompts["brief"]], return_tensors="pt")
    text = torch.tensor(processor.tokenizer(["A red car on a road."]).input_ids)
    seen = torch.from_numpy(examples.picture(pixels, captioning.SHAPE.side).copy()).permute(2, 0, 1)[None]
    asked = torch.tensor([captioner.asking(processor, Florence2.prompts["brief"])])
    with torch.inference_mode():
        images = model.eval().get_image_features(captioner.normal(seen)).pooler_output
        ours = captioner.written(model, images, asked, text)
        theirs = model(**inputs, labels=text).logits
    assert torch.allclose(captioner.normal(seen), inputs["pixel_values"], atol=1e-4)
    assert torch.allclose(ours, theirs, atol=1e-3)


def test_padding_does_not_change_what_a_text_costs(public: Pack, whole: tuple[Any, Any]) -> None:
    learner = captioner.Learner(whole[0], captioner.telling(whole[1].tokenizer)).eval()
    batch = captioning.Lessons(public, whole[1], 4)(0)
    longer = {name: torch.nn.functional.pad(batch[name], (0, 3), value=captioner.PAD) for name in ("asked", "written")}
    with torch.inference_mode():
        assert torch.allclose(
            captioner.loss(learner, batch)["texts"], captioner.loss(learner, batch | longer)["texts"], atol=1e-4
        )


def test_names_of_things_and_colours_tell_more_than_other_words(whole: tuple[Any, Any]) -> None:
    weights, tokenizer = captioner.telling(whole[1].tokenizer), whole[1].tokenizer
    more, same = tokenizer(" red women", add_special_tokens=False), tokenizer(" and in the", add_special_tokens=False)
    assert (weights[more.input_ids] == captioner.TELLING).all()
    assert (weights[same.input_ids] == 1).all()


@pytest.mark.parametrize("recipe", [captioning, crop_captioning])
def test_a_few_steps_save_a_checkpoint_that_the_stage_takes(recipe: Any, public: Pack, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, processor = recipe.build(public)
    lessons = recipe.Lessons(public, processor, FEW.batch)
    learner = captioner.Learner(model, captioner.telling(processor.tokenizer))
    train(learner, captioner.loss, lessons, FEW, tmp_path / "work")
    save(tmp_path / "out", model, processor)
    log = json.loads((tmp_path / "work" / "log.jsonl").read_text())
    assert all(math.isfinite(value) for value in log.values())
    scene, truth = draw("held-out", 3, 0)
    if recipe is crop_captioning:
        found = naming.measure(str(tmp_path / "out"), [(scene, truth)])
        assert [one.true[0] for one in found] == [category(one) for one in objects(truth.row())]
    else:
        stage = Captioning(weights=str(tmp_path / "out"), granularities=("brief", "detailed"))
        stage.check()
        stage.open(1)
        table = record_table([replace(truth, texts=[], phrases=[])])
        said = stage(Batch(table, lambda row: public[row].pixels)).table["texts"].to_pylist()[0]
        assert {text["granularity"] for text in said} <= {"brief", "detailed"}


def test_both_checkpoints_together_stay_small(whole: tuple[Any, Any], crops: tuple[Any, Any]) -> None:
    parameters = sum(each.numel() for model, _ in (whole, crops) for each in model.parameters())
    assert 2 * parameters < 3.4e6  # bytes in half precision; the tokenizers take the rest


# Measuring


@pytest.mark.parametrize(
    ("phrase", "category", "colour"),
    [
        ("a red car", "car", "red"),
        ("a man in a striped blue and white shirt", "man", "blue"),
        ("a green pair of scissors", "scissors", "green"),
        ("a tree", "tree", ""),
        ("a potted plant in a red pot", "potted plant", "red"),
        ("something", "", ""),
    ],
)
def test_a_phrase_is_understood_by_its_head_and_its_first_colour(phrase: str, category: str, colour: str) -> None:
    assert naming.understood(phrase) == (category, colour)


def test_figures_are_shares_of_things_and_colours_of_those_that_have_one() -> None:
    right, no_colour = naming.Named(("car", "red"), ("car", "red")), naming.Named(("tree", ""), ("bush", ""))
    wrong = naming.Named(("dog", "black"), ("dog", "brown"))
    said = naming.figures([right, no_colour, wrong])
    assert (said["things"], said["category"], said["colour"], said["both"]) == (3, 0.667, 0.5, 0.5)
    assert said["wrong"] == {"tree called bush": 1}
