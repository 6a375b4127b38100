"""Grounding: boxes tied to the exact characters of their phrases, on the right pixels, by every family."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sighted
from hypothesis import given, settings
from hypothesis import strategies as st
from small import grounders
from small.detectors import rt_detr

from engine import records
from engine.records import HUMAN
from engine.stage import Chain, ChainError
from specialists import model
from specialists.grounding.passes import Query, lines, sentences
from specialists.grounding.stages import CategoryGrounding, Grounding

FAMILIES = (grounders.grounding_dino, grounders.mm_grounding_dino, grounders.owlv2, grounders.owlvit)
BOX = (20, 11, 61, 47)  # of the red thing, in upright pixels
TEXT = "A man in a blue shirt, who walks a dog; a cat and A Dog."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {made.__name__: made(tmp_path_factory.mktemp(made.__name__)) for made in FAMILIES}


@pytest.fixture(params=[made.__name__ for made in FAMILIES])
def weights(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Path:
    return folders[request.param]


def stage(weights: Path, **more: Any) -> Grounding:
    return Grounding(weights=str(weights), **{"min_score": 0.0, "min_phrase_score": 0.0, "max_boxes": 3, **more})


def said(*phrases: str, text: str = TEXT, human: bool = False) -> dict[str, Any]:
    """A text and its phrases, each at its first place in it."""
    origin = HUMAN if human else sighted.MODEL
    spans = [(text.index(phrase), text.index(phrase) + len(phrase)) for phrase in phrases]
    return {
        "texts": [records.text("t", "brief", text, origin)],
        "phrases": [records.phrase(f"p{i}", "t", span, origin) for i, span in enumerate(spans)],
    }


def picture(width: int, height: int, box: tuple[int, ...] = BOX, orientation: int = 1, **more: Any) -> dict[str, Any]:
    """A grey picture with a red thing, stored turned as its EXIF orientation says."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = (255, 0, 0)
    return sighted.image(sighted.png(pixels, orientation), **more)


def labels(row: dict[str, Any]) -> dict[str, list[str]]:
    return {region["id"]: [label["text"] for label in region["labels"]] for region in row["regions"]}


def test_each_region_is_tied_to_the_exact_characters_of_its_phrases(weights: Path) -> None:
    phrases = ("A man", "A man in a blue shirt", "a blue shirt", "a dog", "A Dog", "a cat")
    given = sighted.table(picture(97, 61, **said(*phrases)), picture(40, 90), picture(60, 60, **said("a cat")))
    done = sighted.work(stage(weights, together=2), given)
    first, nothing, last = done.table.to_pylist()
    called = labels(first)
    for phrase in first["phrases"]:
        exact = TEXT[phrase["start"] : phrase["end"]]
        assert 0 < len(phrase["region_ids"]) <= 3
        assert all(exact in called[name] for name in phrase["region_ids"])
        regions = [region for region in first["regions"] if region["id"] in phrase["region_ids"]]
        scores = [label["score"] for r in regions for label in r["labels"] if label["text"] == exact]
        assert phrase["score"] == max(scores)
    assert {name for names in called.values() for name in names} == set(phrases)
    assert nothing["regions"] == []
    assert {name for names in labels(last).values() for name in names} == {"a cat"}
    for region in first["regions"]:
        assert region["score"] == region["labels"][0]["score"] == max(label["score"] for label in region["labels"])
        assert (region["kind"], region["best"]) == ("object", 0)


def test_what_differs_in_case_only_is_asked_once_and_shares_its_regions(weights: Path) -> None:
    done = sighted.work(stage(weights), sighted.table(picture(97, 61, **said("a dog", "A Dog"))))
    one, other = done.table.to_pylist()[0]["phrases"]
    assert one["region_ids"] == other["region_ids"]


def test_a_second_turn_looks_only_for_what_is_new(weights: Path) -> None:
    done = sighted.work(stage(weights), sighted.table(picture(97, 61, **said("a dog"))))
    again = stage(weights).called("grounding@detailed")
    assert sighted.work(again, done.table).table.equals(done.table)
    more = records.append(done.table, "phrases", [[records.phrase("new", "t", (0, 5), sighted.MODEL)]])
    row = sighted.work(again, more).table.to_pylist()[0]
    assert all(name.startswith("grounding@detailed.") for name in row["phrases"][1]["region_ids"])
    assert row["phrases"][0] == done.table.to_pylist()[0]["phrases"][0]


def test_what_a_person_tied_together_is_left_alone(weights: Path) -> None:
    given = said("a dog", "a cat", human=True)
    given["phrases"][0]["region_ids"] = ["r"]
    given["regions"] = [sighted.region("r", (1, 1, 20, 20), human=True)]
    row = sighted.work(stage(weights), sighted.table(picture(97, 61, **given))).table.to_pylist()[0]
    assert row["phrases"][0] == {**given["phrases"][0], "similarity": None}
    assert row["phrases"][1]["region_ids"]
    assert row["phrases"][1]["score"] is None


def test_odd_phrases_and_more_of_them_than_a_window_takes(weights: Path) -> None:
    odd = ["Café", "l'ø", "Mr. Hill's shop?", "a  dog", "a man " * 30, "...", "🐕 dog", "a dog [SEP] <|endoftext|> cat"]
    many = [
        f"a {colour} {thing}" for colour in ("red", "blue", "small") for thing in ("dog", "cat", "hat", "shirt")
    ] * 5
    text = "; ".join([*odd, *many])
    starts = np.cumsum([0, *(len(each) + 2 for each in (*odd, *many))])
    phrases = [
        records.phrase(f"p{i}", "t", (int(start), int(start) + len(each)), sighted.MODEL)
        for i, (start, each) in enumerate(zip(starts, (*odd, *many), strict=False))
    ]
    given = {"texts": [records.text("t", "detailed", text, sighted.MODEL)], "phrases": phrases}
    row = sighted.work(stage(weights), sighted.table(picture(97, 61, **given))).table.to_pylist()[0]
    called = labels(row)
    for phrase in row["phrases"]:
        exact = text[phrase["start"] : phrase["end"]]
        assert all(exact in called[name] for name in phrase["region_ids"])
    asked = [p for p in row["phrases"] if text[p["start"] : p["end"]] in many]
    assert all(phrase["region_ids"] for phrase in asked)


def test_the_same_bytes_whatever_the_number_of_cores(weights: Path) -> None:
    given = sighted.table(*(picture(60 + 7 * i, 70 - 5 * i, **said("a dog", "A man")) for i in range(5)))
    one, two = (sighted.work(stage(weights, together=2), given, cpus).table for cpus in (1, 2))
    assert one.equals(two)


def test_scores_are_those_that_the_model_gives_when_it_is_asked_the_usual_way(weights: Path) -> None:
    import torch

    phrases, asking = ["a man in a blue shirt", "a man", "a blueish hat"], stage(weights)
    asking.open(1)
    processor, ground = asking._processor, asking._grounder
    image = np.random.default_rng(0).integers(0, 255, (61, 97, 3)).astype(np.uint8)
    dino = "dino" in asking.checkpoint.family
    text, padding = (". ".join(phrases) + ".", {}) if dino else ([phrases], {"padding": "max_length", "max_length": 16})
    with torch.inference_mode():
        (sight,) = ground.look([image], ground.passes(ground.queries(phrases)))
        inputs = processor(images=image, text=text, return_tensors="pt", **padding)
        scores = asking._model(**inputs).logits[0].sigmoid().numpy()
    if dino:
        offsets = processor.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        starts = np.cumsum([0, *(len(phrase) + 2 for phrase in phrases)])
        own = [
            [at for at, (a, b) in enumerate(offsets) if start <= a < b <= start + len(phrase)]
            for start, phrase in zip(starts, phrases, strict=False)
        ]
        scores = np.stack([scores[:, at].mean(axis=1) for at in own], axis=1)
    assert np.allclose(sight.scores, scores, atol=1e-5)


def red_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models whose first box lies around what is red in what they see, and is the only one that fits any phrase."""
    real = model.load_model

    def load(*arguments: Any) -> Any:
        made = copy.deepcopy(real(*arguments))
        (_dino if "dino" in made.config.model_type else _owl)(made)
        return made

    monkeypatch.setattr(model, "load_model", load)


def _red(seen: Any, height: int, width: int) -> list[float]:
    """Centre and size of what is red in a tensor (3, ..), as shares of a height and width."""
    import torch

    y, x = torch.nonzero(seen[0] - seen[1] > 0.8, as_tuple=True)
    if len(x) < 10:  # too small to be seen
        return [0.0] * 4
    x0, x1, y0, y1 = (float(v) for v in (x.min(), x.max() + 1, y.min(), y.max() + 1))
    return [(x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height]


def _dino(made: Any) -> None:
    import torch

    forward = made.forward

    def look(pixel_values: Any, pixel_mask: Any, **more: Any) -> Any:
        output = forward(pixel_values=pixel_values, pixel_mask=pixel_mask, **more)
        output.logits, output.pred_boxes = torch.full_like(output.logits, -20.0), torch.zeros_like(output.pred_boxes)
        output.logits[:, 0] = 20.0
        for i, seen in enumerate(pixel_values):
            size = int(pixel_mask[i][:, 0].sum()), int(pixel_mask[i][0].sum())
            output.pred_boxes[i, 0] = torch.tensor(_red(seen, *size))
        return output

    made.forward = look


def _owl(made: Any) -> None:
    import torch

    embed, seen = made.image_embedder, []

    def look(pixel_values: Any, **more: Any) -> Any:
        seen.append(pixel_values)
        return embed(pixel_values=pixel_values, **more)

    def boxes(patches: Any, grid: Any) -> Any:
        found = torch.zeros(*patches.shape[:2], 4)
        found[:, 0] = torch.tensor([_red(one, *one.shape[1:]) for one in seen[-1]])
        return found

    def classes(patches: Any, asked: Any) -> Any:
        logits = torch.full((len(patches), patches.shape[1], asked.shape[1]), -20.0)
        logits[:, 0] = 20.0
        return logits, None

    made.image_embedder, made.box_predictor, made.class_predictor = look, boxes, classes


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_boxes_lie_on_the_right_pixels_of_odd_and_turned_images(
    weights: Path, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    red_finder(monkeypatch)
    sizes = ((97, 61), (70, 151))
    given = sighted.table(*(picture(*size, BOX, orientation, **said("a dog", "a cat")) for size in sizes))
    done = sighted.work(stage(weights, min_score=0.5, min_phrase_score=0.5, together=1), given)
    for (width, height), row in zip(sizes, done.table.to_pylist(), strict=True):
        (region,) = row["regions"]
        # The models look at some 64 pixels: a side of a box may be off by one of theirs and a half.
        assert np.abs(np.array(region["box"]) - BOX).max() <= 1.5 * max(width, height) / 64
        assert [label["text"] for label in region["labels"]] == ["a dog", "a cat"]
        assert [phrase["region_ids"] for phrase in row["phrases"]] == [[region["id"]]] * 2


def test_what_is_too_small_for_the_whole_image_is_found_in_a_tile_once(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    red_finder(monkeypatch)
    small = (400, 300, 424, 320)
    given = sighted.table(picture(640, 480, small, **said("a dog")))
    tiled = stage(folders["grounding_dino"], min_score=0.5, min_phrase_score=0.5, tile=128)
    (region,) = sighted.items(sighted.work(tiled, given).table)
    # A tile is shown at half its size; what is grey beside the red mixes with it where it is scaled down.
    assert np.abs(np.array(region["box"]) - small).max() <= 5.5


def test_boxes_too_thin_to_be_told_far_from_the_origin_are_no_faults_in_tiles(folders: dict[str, Path]) -> None:
    # With these random weights OWL-ViT's boxes are 1e-30 pixels wide, at the left of every tile.
    given = sighted.table(picture(400, 300, **said("a dog", "a cat")))
    done = sighted.work(stage(folders["owlvit"], tile=128, max_boxes=20), given)
    assert all(region["box"][0] < region["box"][2] for region in sighted.items(done.table))


def test_categories_are_found_with_their_names_as_labels(weights: Path) -> None:
    categories = ["dog", "Cat", "red hat", "man in a blue shirt"]
    asking = CategoryGrounding(
        weights=str(weights), categories=categories, definitions={"dog": "a small animal"}, min_score=0.0,
        min_phrase_score=0.0, max_boxes=2,
    )  # fmt: skip
    row = sighted.work(asking, sighted.table(picture(97, 61))).table.to_pylist()[0]
    assert {name for names in labels(row).values() for name in names} == set(categories)
    assert asking.settings()["categories"] == tuple(categories)


def test_a_definition_changes_what_is_asked_and_not_what_it_is_called(weights: Path) -> None:
    given = sighted.table(picture(97, 61))
    plain = {"weights": str(weights), "categories": ["dog"], "min_score": 0.0, "min_phrase_score": 0.0}
    one = sighted.items(sighted.work(CategoryGrounding(**plain), given).table)
    other = sighted.items(sighted.work(CategoryGrounding(**plain, definitions={"dog": "a small animal"}), given).table)
    assert {r["labels"][0]["text"] for r in (*one, *other)} == {"dog"}
    assert [r["score"] for r in one] != [r["score"] for r in other]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"categories": []}, "a list of names"),
        ({"categories": ["dog", "Dog "]}, "stands there twice"),
        ({"categories": ["dog"], "definitions": {"cat": "x"}}, "none of the categories"),
        ({"categories": ["dog"], "min_score": 2}, "min_score"),
        ({"categories": ["dog"], "max_boxes": 0}, "max_boxes"),
        ({"categories": ["dog"], "tile": 3}, "tile"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ChainError, match=words):
        CategoryGrounding(weights="x", **settings)


def test_a_detector_cannot_ground(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="rt_detr, which cannot play this role"):
        Chain((stage(rt_detr(tmp_path)),)).check({"image", "texts", "phrases"})


QUERIES = st.lists(st.lists(st.integers(200, 300), max_size=40), max_size=30)


@settings(max_examples=60)
@given(QUERIES, st.integers(8, 60))
def test_every_phrase_is_asked_once_within_the_window_and_its_span_is_its_own(
    tokens: list[list[int]], window: int
) -> None:
    queries = [Query(tuple(each), len(each)) for each in tokens]
    asked = sentences(queries, window, 101, 1012, 102)
    numbers = [number for each in asked for number in each.numbers]
    assert numbers == [number for number, each in enumerate(tokens) if each]
    for each in asked:
        (text,) = each.texts
        assert len(text) <= window
        assert (text[0], text[-1], text[-2]) == (101, 102, 1012)
        for number, (start, end) in zip(each.numbers, each.spans, strict=True):
            assert list(text[start:end]) == tokens[number][: window - 3]
            assert text[end] == 1012


@given(QUERIES, st.integers(4, 60))
def test_lines_hold_one_phrase_each(tokens: list[list[int]], window: int) -> None:
    asked = lines([Query(tuple(each), len(each)) for each in tokens], window, 1, 2)
    texts = [text for each in asked for text in each.texts]
    assert texts == [(1, *each[: window - 2], 2) for each in tokens if each]


def test_every_checkpoint_of_a_family_is_made_by_a_function_of_its_name(folders: dict[str, Path]) -> None:
    made: dict[str, Callable[[Path], Path]] = {each.__name__: each for each in FAMILIES}
    assert {stage(folder).checkpoint.family.replace("-", "_") for folder in folders.values()} == set(made)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_a_fault_and_not_nothing(
    weights: Path, monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    real = model.load_model

    def overflowing(*arguments: Any) -> Any:
        made = copy.deepcopy(real(*arguments))
        for name, weight in made.named_parameters():
            if "text_projection" in name or "encoder_output_bbox_embed" in name:
                weight.data.fill_(number)
        return made

    monkeypatch.setattr(model, "load_model", overflowing)
    given = sighted.table(picture(97, 61, **said("a dog", "a cat")))
    with pytest.raises(AssertionError, match=f"{weights.name} gives scores or boxes that are no numbers'"):
        sighted.work(stage(weights), given)
    with pytest.raises(AssertionError, match="no numbers in bfloat16, which may be too narrow for it: take dtype"):
        sighted.work(stage(weights, dtype="bfloat16"), given)


def test_a_very_thin_image_is_looked_at_as_any_other(weights: Path) -> None:
    for width, height in ((3400, 16), (16, 3400)):
        given = sighted.table(picture(width, height, (1, 2, 15, 15), **said("a dog")))
        for region in sighted.items(sighted.work(stage(weights), given).table):
            assert 0 <= region["box"][0] < region["box"][2] <= width
            assert 0 <= region["box"][1] < region["box"][3] <= height


def test_a_category_of_unknown_words_is_refused_before_the_run(folders: dict[str, Path]) -> None:
    weights = str(folders["grounding_dino"])
    CategoryGrounding(weights=weights, categories=("dog",)).check()
    with pytest.raises(ChainError, match=r"the vocabulary of .* has no word of 'xylophone'"):
        CategoryGrounding(weights=weights, categories=("dog", "xylophone")).check()


def test_a_processor_that_cannot_be_loaded_is_refused_before_the_run(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(folders["grounding_dino"], tmp_path / "copy")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ChainError, match="has no processor that can be loaded"):
        CategoryGrounding(weights=str(folder), categories=("dog",)).check()
