"""The command that measures a multitask model task by task: what is right counts as right, and what is not does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import predicted
import pytest

from benchmarks.tasks.command import main, measure
from engine.images import decode
from florence.codec import Box, Item, Outline, Quad, Task, Text
from florence.predict import Answer, Ask, Scored
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import Truth

SCENES = "scenes:5?split=held-out&seed=2"
LEVELS = {"CAPTION": "brief", "DETAILED_CAPTION": "detailed", "MORE_DETAILED_CAPTION": "more_detailed"}
ERRORS, TEN = "character_errors", "cider"  # perfect at 0, and at 10
Change = Callable[[Item], Item | None]


@cache
def known() -> dict[bytes, Truth]:
    return {decode(scene.data).tobytes(): truth for scene, truth in scenes(SCENES)}


class Knowing:
    """Answers as the truth has it, straight from its regions; `change` makes something else of an item, or drops it."""

    def __init__(self, change: Change = lambda item: item) -> None:
        self._change = change

    def __call__(self, images: Sequence[np.ndarray], asks: Sequence[Ask]) -> list[Answer]:
        return [self._answer(known()[images[ask.image].tobytes()], ask) for ask in asks]

    def _answer(self, truth: Truth, ask: Ask) -> Answer:
        items = [made for item in knows(truth, ask) if (made := self._change(item))]
        place = [None if isinstance(item, Text) else 0.9 for item in items]
        return Answer(ask.task, tuple(Scored(item, score, 0.8) for item, score in zip(items, place, strict=True)))


def knows(truth: Truth, ask: Ask) -> Iterator[Item]:
    """What is true of an image, of what is asked."""
    things = [region for region in truth.regions if region["kind"] != "text"]
    lines = [region for region in truth.regions if region["kind"] == "text"]
    texts = [each.text for each in ask.about]
    match ask.task:
        case "CAPTION" | "DETAILED_CAPTION" | "MORE_DETAILED_CAPTION":
            yield from (Text(each["text"]) for each in truth.texts if each["granularity"] == LEVELS[ask.task])
        case "OD" | "DENSE_REGION_CAPTION" | "REGION_PROPOSAL":
            level = {"OD": "phrase", "DENSE_REGION_CAPTION": "brief"}.get(ask.task, "")
            yield from (Box(named(each, level), tuple(each["box"])) for each in things)
        case "OPEN_VOCABULARY_DETECTION":
            assert len(set(texts)) == len(texts)
            yield from (Box(name, tuple(each["box"])) for each in things if (name := named(each, "phrase")) in texts)
        case "CAPTION_TO_PHRASE_GROUNDING":
            yield from (
                Box(said, tuple(each["box"])) for text, said, of in phrases(truth) if text in texts for each in of
            )
        case "REFERRING_EXPRESSION_SEGMENTATION":
            wanted = {each["id"]: each for _, said, of in phrases(truth) if said in texts for each in of}
            yield from map(outline, wanted.values())
        case "REGION_TO_SEGMENTATION":
            yield outline(at(things, ask))
        case "REGION_TO_CATEGORY":
            yield Text(named(at(things, ask), "phrase"))
        case "REGION_TO_DESCRIPTION":
            yield Text(named(at(things, ask), "brief"))
        case "REGION_TO_OCR":
            yield Text(named(at(lines, ask), "ocr"))
        case "OCR":
            top = sorted(lines, key=lambda each: (min(each["quad"][1::2]), min(each["quad"][::2])))
            yield Text("\n".join(named(each, "ocr") for each in top))
        case "OCR_WITH_REGION":
            yield from (Quad(named(each, "ocr"), tuple(each["quad"])) for each in lines)


def named(region: dict[str, Any], level: str) -> str:
    return next((label["text"] for label in region["labels"] if label["granularity"] == level), "")


def phrases(truth: Truth) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """The text, the words and the regions of each phrase."""
    texts = {each["id"]: each["text"] for each in truth.texts}
    regions = {each["id"]: each for each in truth.regions}
    for each in truth.phrases:
        text = texts[each["text_id"]]
        yield text, text[each["start"] : each["end"]], [regions[id] for id in each["region_ids"]]


def outline(region: dict[str, Any]) -> Outline:
    return Outline("", tuple(map(tuple, region["polygons"])))


def at(regions: Sequence[dict[str, Any]], ask: Ask) -> dict[str, Any]:
    """The region whose box is asked about, in the record's float32."""
    (box,) = ask.about
    assert isinstance(box, Box)
    return min(regions, key=lambda each: float(np.abs(np.subtract(each["box"], box.box)).max()))


@cache
def figures(change: Change | None = None) -> dict[str, dict[str, float]]:
    result = measure(Knowing(change) if change else Knowing(), SCENES)
    return {task: row["figures"] for task, row in result["tasks"].items()}


def test_what_is_true_is_right_in_every_task() -> None:
    found = figures()
    assert list(found) == list(Task)
    for task, row in found.items():
        perfect = {name: {ERRORS: 0.0, TEN: 10.0, "absent_found": 0.0}.get(name, 1.0) for name in row}
        assert {**row, "phrases": 1.0} == pytest.approx({**perfect, "phrases": 1.0}), task
    assert found["CAPTION_TO_PHRASE_GROUNDING"]["phrases"] > len(known())


def moved(item: Item) -> Item:
    """Out of reach of what is there."""
    return scaled(item, 0.01)


def narrow(item: Item) -> Item:
    """Seven tenths as wide."""
    return scaled(item, 0.7, keeps=True)


def scaled(item: Item, by: float, keeps: bool = False) -> Item:
    """With all x nearer to the left side, of the item or of the image."""

    def each(values: tuple[float, ...]) -> tuple[float, ...]:
        left = min(values[::2]) if keeps else 0.0
        return tuple(left + (value - left) * by if at % 2 == 0 else value for at, value in enumerate(values))

    match item:
        case Box(box=box):
            return replace(item, box=each(box))
        case Quad(quad=quad):
            return replace(item, quad=each(quad))
        case Outline(polygons=polygons):
            return replace(item, polygons=tuple(map(each, polygons)))
    return item


def misnamed(item: Item) -> Item:
    return replace(item, text="a xylophone") if not isinstance(item, Outline) else item


def wordy(item: Item) -> Item:
    return replace(item, text=f"a shiny {item.text}") if isinstance(item, Text) else item


def dumb(item: Item) -> Item | None:
    return None


def test_a_place_that_is_wrong_is_right_in_no_task_of_places() -> None:
    found = figures(moved)
    for task in ("OD", "DENSE_REGION_CAPTION", "REGION_PROPOSAL", "CAPTION_TO_PHRASE_GROUNDING", "OCR_WITH_REGION"):
        assert next(iter(found[task].values())) == 0, task
    assert found["OPEN_VOCABULARY_DETECTION"]["ap50"] == 0
    assert found["REGION_TO_SEGMENTATION"]["mask_iou"] < 0.05
    assert found["REFERRING_EXPRESSION_SEGMENTATION"]["mask_iou"] < 0.05
    assert found["OCR_WITH_REGION"][ERRORS] == 2  # each line left out, and one put in that is not there
    assert (found["CAPTION"]["precision"], found["REGION_TO_CATEGORY"]["right"], found["OCR"][ERRORS]) == (1, 1, 0)


def test_a_place_that_is_nearly_right_counts_as_far_as_it_is() -> None:
    found = figures(narrow)
    assert found["OD"]["ap50"] == found["OPEN_VOCABULARY_DETECTION"]["ap50"] == 1
    assert found["OD"]["ap"] == pytest.approx(0.5, abs=0.11)  # right up to an IoU of .65 or .70, of .50 to .95
    assert 0.3 < found["REGION_TO_SEGMENTATION"]["mask_iou"] < 0.7


def test_a_name_that_is_wrong_is_right_in_no_task_of_names() -> None:
    found = figures(misnamed)
    assert found["DENSE_REGION_CAPTION"] == {"ap50_any_name": 1, "label_right": 0}
    assert found["REGION_PROPOSAL"] == {"recall": 1, "precision": 1}
    for task in ("OD", "OPEN_VOCABULARY_DETECTION", "CAPTION_TO_PHRASE_GROUNDING", "REGION_TO_CATEGORY"):
        assert next(iter(found[task].values())) == 0, task
    assert found["REGION_TO_DESCRIPTION"]["right"] == 0
    assert found["CAPTION"]["recall"] == found["CAPTION"]["cider"] == 0
    assert found["REGION_TO_OCR"][ERRORS] > 0.5
    assert (found["OCR_WITH_REGION"]["f1_found"], found["OCR_WITH_REGION"]["f1_read"]) == (1, 0)


def test_more_words_leave_a_category_what_it_is() -> None:
    found = figures(wordy)
    assert found["REGION_TO_CATEGORY"]["right"] == 1
    assert found["REGION_TO_OCR"] == {ERRORS: pytest.approx(found["REGION_TO_OCR"][ERRORS]), "read_whole": 0}


def test_silence_is_wrong_and_is_counted() -> None:
    rows = measure(Knowing(dumb), SCENES)["tasks"]
    assert all(row["empty"] == row["asked"] > 0 for row in rows.values())
    assert all(row["figures"].get(ERRORS, 1) == 1 for row in rows.values())
    assert rows["OD"]["figures"]["ap50"] == rows["REGION_TO_SEGMENTATION"]["figures"]["mask_iou"] == 0


def test_what_boxes_all_that_it_is_asked_for_finds_what_is_not_there() -> None:
    class Eager(Knowing):
        def _answer(self, truth: Truth, ask: Ask) -> Answer:
            answer = super()._answer(truth, ask)
            if ask.task != "OPEN_VOCABULARY_DETECTION":
                return answer
            said = {each.item.text for each in answer.items}
            more = [each.text for each in ask.about if each.text not in said]
            return replace(answer, items=(*answer.items, *(Scored(Box(name, (1, 1, 9, 9)), 0.1, 0.1) for name in more)))

    found = measure(Eager(), SCENES)["tasks"]["OPEN_VOCABULARY_DETECTION"]["figures"]
    assert found == {"ap50": 1, "absent_found": 1}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_that_knows_nothing_has_figures_near_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predicted.small(3).save(tmp_path / "model")
    file = tmp_path / "figures" / "model.json"
    given = [str(tmp_path / "model"), SCENES, "--images", "1", "--json", str(file)]
    assert main(given) == 0
    out = capsys.readouterr().out
    assert all(f"| {task} |" in out for task in Task)
    result = json.loads(file.read_text(encoding="utf-8"))
    assert (result["images"], list(result["tasks"])) == (1, list(Task))
    for task, row in result["tasks"].items():
        good = [value for name, value in row["figures"].items() if name not in (ERRORS, "phrases", "precision")]
        assert all(value is None or value < 0.2 for value in good), task
        assert row["invalid"] == 0
    assert result["tasks"]["OCR"]["asked"] == 0  # nothing is written in the first one
    assert result["tasks"]["OCR"]["figures"] == {ERRORS: None, "read_whole": None}


def test_what_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), SCENES]) == 2
    assert "model.safetensors" in capsys.readouterr().err
    predicted.small(3).save(tmp_path)
    assert main([str(tmp_path), "scenes:2?split=nowhere"]) == 2
    assert "held-out" in capsys.readouterr().err
