"""Similarities of texts, labels and phrases with their pixels, and the best label of each region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sighted import MODEL, image, items, png, region, table, work
from small import scorers
from small.detectors import rt_detr_v2

from engine import records
from engine.images import decode
from engine.records import HUMAN
from engine.stage import ChainError
from engine.worker import Work, Worker
from specialists.scoring import stage as scoring
from specialists.scoring.stage import Scoring

FAMILIES = ("clip", "siglip", "siglip2")
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: getattr(scorers, family)(tmp_path_factory.mktemp(family)) for family in FAMILIES}


@pytest.fixture(scope="module")
def clip(folders: dict[str, Path]) -> str:
    return str(folders["clip"])


def noise(width: int = 61, height: int = 37, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def painted(width: int, height: int, parts: dict[str, tuple[int, int, int, int]]) -> np.ndarray:
    """A black picture with boxes in these colours."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for colour, (left, top, right, bottom) in parts.items():
        pixels[top:bottom, left:right] = COLOURS[colour]
    return pixels


def label(text: str, granularity: str = "phrase", *, human: bool = False, score: float | None = 0.5) -> dict[str, Any]:
    return records.label(granularity, text, HUMAN if human else MODEL, score)


def text(words: str, id: str = "t", granularity: str = "brief", *, human: bool = False) -> dict[str, Any]:
    return records.text(id, granularity, words, HUMAN if human else MODEL)


def labels(*texts: str) -> list[dict[str, Any]]:
    return [label(each, granularity) for each, granularity in zip(texts, ("phrase", "brief", "chunk"), strict=False)]


def similarities(region: dict[str, Any]) -> list[float | None]:
    return [label["similarity"] for label in region["labels"]]


@contextmanager
def colours(stage: Scoring) -> Iterator[list[int]]:
    """The loaded model made to see the mean colour of a crop, and to read the names of colours; yields pass sizes."""
    import torch

    stage.open(1)
    model, processor, passes = stage._model, stage._processor, []
    mean, std = (torch.tensor(getattr(processor.image_processor, name)) for name in ("image_mean", "image_std"))

    def see(pixel_values: Any) -> Any:
        passes.append(len(pixel_values))
        return SimpleNamespace(pooler_output=pixel_values.mean(dim=(2, 3)) * std + mean)

    def read(input_ids: Any, **rest: Any) -> Any:
        passes.append(-len(input_ids))
        said = processor.tokenizer.batch_decode(input_ids, skip_special_tokens=True)
        named = [[each for word, each in COLOURS.items() if word in text] or [(1, 1, 1)] for text in said]
        return SimpleNamespace(pooler_output=torch.tensor(np.array([np.sum(each, axis=0) for each in named])).float())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "get_image_features", see)
        patch.setattr(model, "get_text_features", read)
        yield passes


# What is measured


@pytest.mark.parametrize("family", FAMILIES)
def test_the_similarity_is_that_of_the_public_model(family: str, folders: dict[str, Path]) -> None:
    import torch

    stage = Scoring(weights=str(folders[family]))
    said = ["a dog", "two cats on it", "x", "12345"]
    # Square, so that nothing would be cut off anyway.
    pictures = [noise(48, 48), painted(48, 48, {"green": (0, 0, 24, 48)}), painted(48, 48, {})]
    texts = [text(words, f"t{i}") for i, words in enumerate(said)]
    done = work(stage, table(*(image(png(pixels), texts=texts) for pixels in pictures)))
    found = np.reshape([each["similarity"] for each in items(done.table, "texts")], (3, 4))
    inputs = stage._processor(
        text=said, images=pictures, padding=True if family == "clip" else "max_length", truncation=True,
        max_length=scorers.WINDOW, return_tensors="pt",
        **({"patch_size": 8, "max_num_patches": 16} if family == "siglip2" else {}),
    )  # fmt: skip
    if family != "clip":
        del inputs["attention_mask"]  # SigLIP was trained without
    with torch.inference_mode():
        logits = stage._model(**inputs).logits_per_image
    expected = (logits / stage._model.logit_scale.exp()).clamp(min=0) if family == "clip" else logits.sigmoid()
    assert np.allclose(found, expected, atol=1e-5)
    assert found.std() > 0.01


def test_a_probability_that_is_all_but_certain(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Scoring(weights=str(folders["siglip"]))
    stage.open(1)
    monkeypatch.setattr(stage._model.logit_scale, "data", stage._model.logit_scale.data + 8)
    found = stage._similarity(np.array([-1, 0, 1], np.float32))
    assert found == pytest.approx([0, 1 / (1 + np.e), 1])


def test_clip_has_no_similarity_below_none(clip: str) -> None:
    stage = Scoring(weights=clip)
    assert stage._similarity(np.array([-0.5, 0, 0.25, 1.0001])).tolist() == [0, 0, 0.25, 1]


# The best label


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_label_that_fits_its_pixels_is_the_best(family: str, orientation: int, folders: dict[str, Path]) -> None:
    parts = {"red": (3, 2, 21, 17), "green": (40, 20, 61, 37), "blue": (40, 0, 61, 11)}
    data = png(painted(61, 37, parts), orientation)
    assert decode(data).shape == (37, 61, 3)
    blue = "blue" if family == "clip" else "Something BLUE"  # SigLIP reads lower case
    regions = [
        region(colour, box, labels=labels("a red thing", "a green thing", blue), best=0)
        for colour, box in parts.items()
    ]
    stage = Scoring(weights=str(folders[family]), margin=0)
    with colours(stage):
        done = work(stage, table(image(data, regions=regions)))
    assert [each["best"] for each in items(done.table)] == [0, 1, 2]
    for each in items(done.table):
        assert max(similarities(each)) == similarities(each)[each["best"]]
        assert [label["score"] for label in each["labels"]] == [0.5, 0.5, 0.5]
    if family == "clip":
        assert similarities(items(done.table)[0]) == pytest.approx([1, 0, 0], abs=1e-3)


def test_texts_see_the_whole_image_and_phrases_the_best_of_their_regions(clip: str) -> None:
    parts = {"red": (0, 0, 20, 30), "green": (20, 0, 40, 30)}
    phrases = [
        records.phrase("both", "t", (2, 5), MODEL, region_ids=["green", "red"]),
        records.phrase("one", "t", (2, 5), MODEL, region_ids=["green"]),
        records.phrase("none", "t", (2, 5), MODEL),
        records.phrase("sign", "t", (2, 5), MODEL, region_ids=["sign"]),
        records.phrase("other", "u", (0, 5), HUMAN, region_ids=["sign", "green"]),
    ]
    regions = [
        *(region(colour, box) for colour, box in parts.items()),
        region("sign", (0, 0, 20, 30), kind="text", labels=[label("red", "ocr")]),
    ]
    texts = [text("a red door"), text("green", "u", human=True)]
    stage = Scoring(weights=clip, margin=0)
    with colours(stage):
        done = work(stage, table(image(png(painted(40, 30, parts)), texts=texts, regions=regions, phrases=phrases)))
    assert [each["similarity"] for each in items(done.table, "texts")] == pytest.approx([2**-0.5] * 2, abs=0.01)
    of_phrases = {each["id"]: each["similarity"] for each in items(done.table, "phrases")}
    assert of_phrases == {
        "both": pytest.approx(1, abs=0.01), "one": pytest.approx(0, abs=0.01), "none": None, "sign": None,
        "other": pytest.approx(1, abs=0.01),
    }  # fmt: skip
    assert items(done.table) == regions
    assert done.books[0].dropped == {}


def test_people_are_measured_and_not_overruled(clip: str) -> None:
    box = (0, 0, 20, 30)
    mixed = [label("green", human=True), label("red"), label("blue", human=True)]
    given = [
        region("all", box, human=True, labels=[label("green", human=True), label("red", human=True)], best=0),
        region("mixed", box, labels=mixed, best=2),
        region("undecided", box, human=True, labels=mixed),
        region("only the box", box, human=True, labels=[label("green"), label("red")], best=0),
        region("bare", box, human=True),
    ]
    stage = Scoring(weights=clip)
    with colours(stage):
        done = work(stage, table(image(png(painted(40, 30, {"red": (0, 0, 40, 30)})), regions=given)))
    assert [each["best"] for each in items(done.table)] == [0, 2, None, 1, None]
    assert all(each is not None for found in items(done.table) for each in similarities(found))
    for old, new in zip(given, items(done.table), strict=True):
        plain = [{**each, "similarity": None} for each in new["labels"]]
        assert {**old, "best": None} == {**new, "best": None, "labels": plain}


def test_what_is_read_is_not_scored(clip: str) -> None:
    given = [
        region("sign", (0, 0, 20, 30), kind="text", labels=[label("stop", "ocr"), label("red")], best=0),
        region("object", (0, 0, 20, 30), labels=[label("stop", "ocr"), label("  "), label("green")], best=0),
        region("proposal", (0, 0, 20, 30), kind="proposal", labels=[label("green"), label("red")]),
    ]
    stage = Scoring(weights=clip)
    with colours(stage):
        done = work(stage, table(image(png(painted(40, 30, {"red": (0, 0, 40, 30)})), regions=given)))
    sign, thing, proposal = items(done.table)
    assert sign == given[0]
    assert similarities(thing) == [None, None, pytest.approx(0, abs=0.01)]
    assert (thing["best"], proposal["best"]) == (2, 1)


def test_of_equals_the_first_is_the_best(clip: str) -> None:
    given = [region("a", (0, 0, 20, 30), labels=labels("green", "red", "red too"), best=0)]
    stage = Scoring(weights=clip)
    with colours(stage):
        done = work(stage, table(image(png(painted(40, 30, {"red": (0, 0, 40, 30)})), regions=given)))
    assert items(done.table)[0]["best"] == 1


def test_a_second_turn_scores_only_what_is_new(clip: str) -> None:
    data = png(painted(40, 30, {"red": (0, 0, 20, 30), "green": (20, 0, 40, 30)}))
    given = [region("a", (0, 0, 20, 30), labels=labels("green", "red")), region("b", (20, 0, 40, 30))]
    stage = Scoring(weights=clip, margin=0)
    with colours(stage) as passes:
        first = work(stage, table(image(data, texts=[text("a red door")], regions=given))).table
        passes.clear()
        again = work(stage.called("scoring@detailed"), first).table
        assert passes == []
        assert again.equals(first)
        # A person's hand in the similarities shows that they are not made anew.
        (row,) = first.to_pylist()
        row["regions"][0]["labels"][1]["similarity"] = 0.125
        row["regions"][0]["labels"].append(label("white", "chunk"))
        row["regions"][1]["labels"].append(label("white", "chunk"))
        second = work(stage, table(row)).table
    assert passes == [2, -1]  # two crops, one text
    found = items(second)
    assert similarities(found[0]) == pytest.approx([0, 0.125, 3**-0.5], abs=0.01)
    assert [each["best"] for each in found] == [2, 0]
    assert items(second, "texts") == items(first, "texts")


# Crops


def test_the_margin_is_looked_at_too(clip: str) -> None:
    data = png(painted(40, 30, {"green": (0, 0, 40, 30), "red": (10, 10, 20, 20)}))
    found = []
    for margin in (0, 1):
        stage = Scoring(weights=clip, margin=margin)
        with colours(stage):
            given = table(image(data, regions=[region("a", (10, 10, 20, 20), labels=labels("red"))]))
            (scored,) = items(work(stage, given).table)
        found += similarities(scored)
    assert found == pytest.approx([1, 1 / 65**0.5], abs=0.01)  # a ninth is red


def test_the_ends_of_a_long_object_are_seen(clip: str) -> None:
    data = png(painted(90, 20, {"red": (0, 0, 90, 20), "green": (30, 0, 60, 20)}))
    stage = Scoring(weights=clip, margin=0)
    with colours(stage):
        given = [region("a", (0, 0, 90, 20), labels=labels("red", "green"))]
        done = work(stage, table(image(data, texts=[text("red")], regions=given)))
    assert items(done.table)[0]["best"] == 0
    assert items(done.table, "texts")[0]["similarity"] == pytest.approx(2 / 5**0.5, abs=0.02)


@pytest.mark.parametrize("family", FAMILIES)
def test_slivers_and_long_texts(family: str, folders: dict[str, Path]) -> None:
    boxes = [(5, 5, 5.2, 5.2), (0, 0, 61, 1), (0, 0, 1, 37), (10, 10, 13, 13), (0, 3, 61, 6), (60.5, 36.5, 61, 37)]
    given = [region(f"r{i}", box, labels=labels("a dog " * 99)) for i, box in enumerate(boxes)]
    done = work(Scoring(weights=str(folders[family]), margin=0), table(image(png(noise()), regions=given)))
    assert all(each["best"] == 0 for each in items(done.table))


def test_each_crop_and_each_text_is_embedded_once(clip: str) -> None:
    phrases = [records.phrase(f"p{i}", "t", (0, 3), MODEL, region_ids=["r0", "r1"]) for i in range(3)]
    regions = [region(f"r{i}", (i, 0, 20, 20), labels=labels("red", "red", "green")) for i in range(3)]
    given = [
        image(png(noise(seed=seed)), texts=[text("red"), text("red", "u")], regions=regions, phrases=phrases)
        for seed in range(2)
    ]
    stage = Scoring(weights=clip, together=100)
    with colours(stage) as passes:
        work(stage, table(*given, image(png(noise(seed=9)))))
    assert passes == [8, -2]


@pytest.mark.parametrize("family", FAMILIES)
def test_cores_and_repetition_do_not_change_the_result(family: str, folders: dict[str, Path]) -> None:
    given = table(
        *(
            image(
                png(noise(seed=seed), 6), texts=[text(f"the {seed}th of many dogs")],
                regions=[region(f"r{i}", (i, 1, 30 + i, 36), labels=labels("dog", f"cat {i}")) for i in range(5)],
            )
            for seed in range(4)
        )
    )  # fmt: skip
    stage = Scoring(weights=str(folders[family]), together=3)
    one = work(stage, given, 1).table
    assert one.equals(work(stage, given, 2).table)
    assert one.equals(work(stage, given, 2).table)
    assert len({tuple(similarities(each)) for each in items(one)}) > 15  # CLIP has many zeros


def test_nothing_to_score(clip: str) -> None:
    given = table(image(png(noise())), image(png(noise(seed=1)), regions=[region("a", (1, 2, 30, 20))]))
    assert work(Scoring(weights=clip), given).table.equals(given)
    assert work(Scoring(weights=clip), table()).table.num_rows == 0


def test_half_precision(clip: str) -> None:
    given = table(image(png(noise()), texts=[text("a dog")]))
    full, half = (
        items(work(Scoring(weights=clip, dtype=dtype), given).table, "texts")[0]["similarity"]
        for dtype in ("float32", "bfloat16")
    )
    assert half == pytest.approx(full, abs=0.05)


def test_embeddings_that_are_no_numbers_are_a_fault(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker([stage := Scoring(weights=clip)], 1)
    monkeypatch.setattr(stage._model.visual_projection.weight, "data", stage._model.visual_projection.weight.data * 0)
    given = table(image(png(noise()), texts=[text("a dog")]))
    done = worker(Work.of(given))
    worker.close()
    assert "no numbers" in done.table["faults"].to_pylist()[0][0]["error"]
    assert done.table["texts"].equals(given["texts"])


# Settings and weights


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"together": 0}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="scoring"):
        Scoring(**wrong)


def test_it_gives_the_choice_of_a_label() -> None:
    assert Scoring().gives() == {"regions.best"}


def test_a_detector_cannot_score(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="rt_detr_v2, which cannot play this role"):
        Scoring(weights=str(rt_detr_v2(tmp_path))).check()


def test_without_a_tokenizer(clip: str, tmp_path: Path) -> None:
    for path in Path(clip).iterdir():
        if "token" not in path.name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ChainError, match="no tokenizer"):
        Scoring(weights=str(tmp_path)).check()


def test_a_tokenizer_that_wants_sentencepiece_says_so(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folders["siglip"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "SiglipTokenizer"}))
    monkeypatch.setattr(scoring, "find_spec", lambda name: None)
    with pytest.raises(ChainError, match="pip install sentencepiece"):
        Scoring(weights=str(tmp_path)).check()
