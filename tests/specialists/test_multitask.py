"""The multitask model in each role of a profile: a small one that knows a picture by heart, and ones of garbage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import predicted
import pytest
import sighted
from small import captioners

from engine import records
from engine.geometry import rle_area, rle_box
from engine.stage import ChainError, Stage
from engine.worker import Work, Worker
from florence.codec import Task
from florence.predict import Calibration
from florence.predict.calibration import Curve
from specialists.multitask import (
    MultitaskCaptioning,
    MultitaskCropCaptioning,
    MultitaskDetection,
    MultitaskGrounding,
    MultitaskOcr,
    MultitaskSegmentation,
)

PNG = sighted.png(predicted.PICTURE)
THIN = sighted.png(np.full((16, 190, 3), 200, np.uint8))
ALL = records.GRANULARITIES
BIN = (0.077, 0.05)  # of the picture
TEXT = records.text("t", "brief", predicted.SAYINGS[0], sighted.MODEL)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("taught")
    predicted.taught().save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def garbage(tmp_path_factory: pytest.TempPathFactory) -> str:
    import torch

    folder, florence = tmp_path_factory.mktemp("garbage"), predicted.small(3)
    torch.manual_seed(0)
    for parameter in florence.model.parameters():
        parameter.data += torch.randn_like(parameter)
    florence.save(folder)
    return str(folder)


def phrase(id: str, start: int, end: int) -> dict[str, Any]:
    return records.phrase(id, "t", (start, end), sighted.MODEL)


def said(region: dict[str, Any]) -> list[tuple[str, str]]:
    return [(label["granularity"], label["text"]) for label in region["labels"]]


def close(box: Any, wanted: Any) -> bool:
    """Whether a box is where it should be, up to half a bin."""
    return bool((np.abs(np.array(box) - wanted) <= np.tile(BIN, len(wanted) // 2)).all())


def test_captioning_writes_one_text_of_each_granularity(weights: str) -> None:
    stage = MultitaskCaptioning(weights, granularities=ALL)
    done = sighted.work(stage, sighted.table(sighted.image(PNG))).table
    texts = sighted.items(done, "texts")
    assert [(text["granularity"], text["text"]) for text in texts] == list(zip(ALL, predicted.SAYINGS, strict=False))
    assert all(text["score"] > 0.5 and text["origin"]["model"] == Path(weights).name for text in texts)
    assert sighted.items(sighted.work(stage, done).table, "texts") == texts  # which are there already


def test_a_later_round_writes_beside_what_an_earlier_one_left(weights: str) -> None:
    table = sighted.table(sighted.image(PNG))
    for number in (1, 2, 3):
        stage = MultitaskCaptioning(weights, granularities=("brief",), round=number)
        table = sighted.work(stage, table).table
    texts = sighted.items(table, "texts")
    assert [text["id"] for text in texts] == [f"multitask_captioning.brief{end}" for end in ("", ".1", ".2")]
    assert [text["origin"]["round"] for text in texts] == [1, 2, 3]


def test_detection_finds_objects_descriptions_and_proposals(weights: str) -> None:
    stage = MultitaskDetection(weights, tasks=("OD", "DENSE_REGION_CAPTION", "REGION_PROPOSAL"))
    regions = sighted.items(sighted.work(stage, sighted.table(sighted.image(PNG))).table)
    assert sorted(said(region) for region in regions) == [
        [], [], [("brief", "a cat sits")], [("brief", "a dog runs")],
        [("phrase", "cat")], [("phrase", "cat")], [("phrase", "dog")],
    ]  # fmt: skip
    for region in regions:
        known = [box for box in predicted.KNOWN[Task.OD] if close(region["box"], box.box)]  # type: ignore[union-attr]
        assert len(known) == 1
        assert region["kind"] == ("object" if region["labels"] else "proposal")
        assert 0.5 < region["score"] <= 1
    assert len({region["id"] for region in regions}) == 7


def test_scores_and_numbers_of_regions_are_bounded(weights: str) -> None:
    given = sighted.table(sighted.image(PNG))
    assert len(sighted.items(sighted.work(MultitaskDetection(weights, max_regions=2), given).table)) == 2
    assert sighted.items(sighted.work(MultitaskDetection(weights, min_score=1.0), given).table) == []


def test_regions_get_ids_of_their_own(weights: str) -> None:
    old = sighted.region("multitask_detection.1", (0, 0, 5, 5))
    done = sighted.work(MultitaskDetection(weights), sighted.table(sighted.image(PNG, regions=[old]))).table
    assert len({region["id"] for region in sighted.items(done)}) == 4


def test_grounding_ties_boxes_to_the_phrases_of_a_text(weights: str) -> None:
    """One phrase as the model names it, one without its determiner."""
    image = sighted.image(PNG, texts=[TEXT], phrases=[phrase("p", 0, 5), phrase("q", 12, 15)])
    done = sighted.work(MultitaskGrounding(weights, again=False), sighted.table(image)).table
    regions = {region["id"]: region for region in sighted.items(done)}
    found = sighted.items(done, "phrases")
    assert [[said(regions[id]) for id in each["region_ids"]] for each in found] == [
        [[("phrase", "a cat")]], [[("phrase", "dog")]],
    ]  # fmt: skip
    for each, box in zip(found, predicted.KNOWN[Task.CAPTION_TO_PHRASE_GROUNDING], strict=True):
        assert close(regions[each["region_ids"][0]]["box"], box.box)  # type: ignore[union-attr]
        assert each["score"] == regions[each["region_ids"][0]]["score"]


def test_what_no_box_was_found_for_is_looked_for_by_itself(weights: str) -> None:
    image = sighted.image(PNG, texts=[TEXT], phrases=[phrase("p", 6, 9)])
    given = sighted.table(image)
    done = sighted.work(MultitaskGrounding(weights, again=False), given).table
    assert [(each["region_ids"], each["score"]) for each in sighted.items(done, "phrases")] == [([], 0.0)]
    done = sighted.work(MultitaskGrounding(weights), given).table
    assert all(said(region) == [("phrase", "and")] for region in sighted.items(done))
    assert len(sighted.items(done)) == len(sighted.items(done, "phrases")[0]["region_ids"]) > 0


def test_ocr_reads_lines_with_their_quads(weights: str) -> None:
    (line,) = sighted.items(sighted.work(MultitaskOcr(weights), sighted.table(sighted.image(PNG))).table)
    assert (line["kind"], said(line)) == ("text", [("ocr", "low tide")])
    assert close(line["quad"], predicted.KNOWN[Task.OCR_WITH_REGION][0].quad)  # type: ignore[union-attr]
    assert close(line["box"], (5, 30, 30, 36))


def test_segmentation_gives_a_region_what_the_model_outlines(weights: str) -> None:
    given = [
        sighted.region("a", predicted.BOX.box), sighted.region("b", predicted.BOX.box, kind="proposal"),
        sighted.region("c", predicted.BOX.box, crowd=True),
    ]  # fmt: skip
    done = sighted.work(MultitaskSegmentation(weights), sighted.table(sighted.image(PNG, regions=given))).table
    masked, *others = sighted.items(done)
    assert [each["mask"] for each in others] == [None, None]
    assert len(masked["polygons"]) == 2
    assert masked["mask"]["size"] == [50, 77]
    assert rle_area(masked["mask"]) > 300
    assert close(rle_box(masked["mask"]), (8, 5, 60, 40)) or rle_box(masked["mask"])[2] <= 61


def test_labels_of_regions_come_from_their_boxes(weights: str) -> None:
    stage = MultitaskCropCaptioning(weights, tasks=("REGION_TO_DESCRIPTION", "REGION_TO_CATEGORY", "REGION_TO_OCR"))
    named = [records.label("phrase", "tom", sighted.MODEL)]
    given = [
        sighted.region("a", predicted.BOX.box), sighted.region("b", predicted.BOX.box, labels=named),
        sighted.region("c", predicted.BOX.box, kind="text"),
    ]  # fmt: skip
    done = sighted.work(stage, sighted.table(sighted.image(PNG, regions=given))).table
    assert [said(region) for region in sighted.items(done)] == [
        [("brief", "a cat sits"), ("phrase", "cat")], [("phrase", "tom"), ("brief", "a cat sits")], [("ocr", "low")],
    ]  # fmt: skip


def test_the_best_regions_are_asked_about_and_those_that_people_drew(weights: str) -> None:
    given = [
        sighted.region(name, predicted.BOX.box, score=score, human=score is None)
        for name, score in (("a", 0.2), ("b", 0.9), ("c", None))
    ]
    done = sighted.work(
        MultitaskCropCaptioning(weights, max_regions=2), sighted.table(sighted.image(PNG, regions=given))
    ).table
    assert [bool(region["labels"]) for region in sighted.items(done)] == [False, True, True]


def every_role(weights: str) -> Iterator[Stage]:
    yield MultitaskOcr(weights, max_new_tokens=dict.fromkeys(Task, 40))
    yield MultitaskDetection(weights, max_new_tokens=dict.fromkeys(Task, 40))
    yield MultitaskCaptioning(weights, granularities=ALL, max_new_tokens=dict.fromkeys(Task, 20))
    yield MultitaskGrounding(weights, max_new_tokens=dict.fromkeys(Task, 40))
    yield MultitaskSegmentation(weights, max_new_tokens=dict.fromkeys(Task, 40))
    yield MultitaskCropCaptioning(weights, max_new_tokens=dict.fromkeys(Task, 10))


def test_stages_of_a_worker_look_at_an_image_once(weights: str) -> None:
    stages = list(every_role(weights))
    worker = Worker(stages, 1)
    looks: list[int] = []
    tower = stages[0]._model.model.vision_tower  # type: ignore[attr-defined]
    handle = tower.register_forward_hook(lambda *given: looks.append(1))
    given = sighted.table(sighted.image(sighted.png(predicted.PICTURE[::-1])), sighted.image(THIN))
    done = worker(Work.of(given))
    handle.remove()
    worker.close()
    assert len(looks) == 2
    assert not any(done.table["faults"].to_pylist())


@pytest.mark.parametrize("beams", [1, 2])
def test_garbage_makes_valid_records_without_a_fault(garbage: str, beams: int) -> None:
    regions = [sighted.region("a", (0, 0, 190, 16)), sighted.region("b", (1, 0, 1.001, 0.01), kind="text")]
    images = [
        sighted.image(THIN, texts=[TEXT], phrases=[phrase("p", 0, 5)], regions=regions), sighted.image(PNG),
    ]  # fmt: skip
    for stage in every_role(garbage):
        stage.num_beams = beams  # type: ignore[attr-defined]
        sighted.work(stage, sighted.table(*images))  # which checks


def test_numbers_that_are_none_are_a_fault(tmp_path: Path) -> None:
    florence = predicted.small()
    florence.model.lm_head.weight.data[:] = float("nan")
    florence.save(tmp_path)
    worker = Worker([MultitaskCaptioning(str(tmp_path))], 1)
    done = worker(Work.of(sighted.table(sighted.image(PNG)))).table
    worker.close()
    (fault,) = done["faults"].to_pylist()[0]
    assert "scores that are no numbers" in fault["error"]


def test_the_same_records_whatever_the_number_of_cores(weights: str) -> None:
    given = sighted.table(*(sighted.image(sighted.png(predicted.PICTURE[at:])) for at in range(5)))
    made = [sighted.work(MultitaskDetection(weights, together=2), given, cpus).table for cpus in (1, 2)]
    assert made[0].equals(made[1])


def test_a_calibration_beside_the_checkpoint_is_used_and_is_part_of_its_revision(weights: str, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "copy")
    before, given = MultitaskCaptioning(str(folder)).revision(), sighted.table(sighted.image(PNG))
    Calibration({"text": Curve((0.0, 1.0), (0.25, 0.25), 20, 0.2, 0.1)}).save(folder)
    stage = MultitaskCaptioning(str(folder))
    assert stage.revision() != before
    assert [text["score"] for text in sighted.items(sighted.work(stage, given).table, "texts")] == [0.25]


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (MultitaskCaptioning, {"granularities": ()}, "granularities must be some of"),
        (MultitaskDetection, {"tasks": ("OD", "OD")}, "each once"),
        (MultitaskDetection, {"min_score": 2}, "min_score"),
        (MultitaskCropCaptioning, {"tasks": ()}, "tasks must be some of"),
        (MultitaskSegmentation, {"max_regions": 0}, "max_regions"),
        (MultitaskOcr, {"num_beams": 0}, "num_beams"),
        (MultitaskOcr, {"max_new_tokens": {"READ": 4}}, "'READ' is none of"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ChainError, match=words):
        kind("w", **settings)


def test_checkpoints_that_cannot_play_are_refused_before_a_run(tmp_path: Path) -> None:
    other = captioners.florence2(tmp_path / "other")  # one whose tokenizer has no markers
    with pytest.raises(ChainError, match="its tokenizer has no"):
        MultitaskOcr(str(other)).check()
    blip = captioners.blip(tmp_path / "blip")
    with pytest.raises(ChainError, match="takes florence2"):
        MultitaskOcr(str(blip)).check()


def test_a_checkpoint_of_ours_passes_its_check(weights: str) -> None:
    for stage in every_role(weights):
        stage.check()
        assert stage.gives() <= stage.writes
