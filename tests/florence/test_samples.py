"""A record's samples: every task that its annotations allow, and none that they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine import geometry, records
from engine.checks import check
from florence.codec import Sample, Task, samples

MODEL = records.Origin("model")
CAT_BOX = [100.0, 100, 200, 200]
RING = [100.0, 100, 200, 100, 200, 200]


def label(granularity: str, text: str, score: float | None = None) -> dict[str, Any]:
    return records.label(granularity, text, MODEL, score)


def region(id: str, box: list[float], *labels: dict[str, Any], kind: str = "object", **given: Any) -> dict[str, Any]:
    return records.region(id, kind, box, MODEL, labels=labels, **given)


def record(**given: Any) -> dict[str, Any]:
    """A row of 1000 x 1000 pixels, so that a pixel is a bin, as Arrow gives it back."""
    row = {"image_id": "i", "width": 1000, "height": 1000, "texts": [], "regions": [], "phrases": [], "faults": []}
    table = pa.Table.from_pylist([{**row, **given}], schema=records.SCHEMA)
    check(table)
    (back,) = table.to_pylist()
    return back


def everything() -> dict[str, Any]:
    return record(
        texts=[
            records.text("t0", "brief", "A cat and a dog", MODEL, 0.5),
            records.text("t1", "detailed", "A cat sits.", MODEL),
            records.text("t2", "more_detailed", "A cat sits. A dog runs.", MODEL),
        ],
        regions=[
            region("dog", [0, 0, 50, 50], label("phrase", "dog", 0.5), label("brief", "a dog runs"), score=0.7),
            region("cat", CAT_BOX, label("brief", "a cat"), label("phrase", "cat"), score=0.9, polygons=[RING]),
            region("?", [5, 5, 6, 6], kind="proposal"),
            region("low", [0, 900, 99, 950], label("ocr", "low", 0.4), kind="text"),
            region("top", [0, 10, 99, 20], label("ocr", "top"), kind="text", quad=[0, 10, 99, 12, 99, 20, 0, 18]),
        ],
        phrases=[
            records.phrase("p1", "t0", (10, 15), MODEL, region_ids=["dog"], score=0.25),
            records.phrase("p0", "t0", (0, 5), MODEL, region_ids=["cat"], score=0.75),
            records.phrase("p2", "t0", (0, 15), MODEL),  # names no region
        ],
    )  # fmt: skip


def of(made: list[Sample], task: Task) -> list[tuple[str, str, float | None]]:
    return [(each.prompt, each.target, each.score) for each in made if each.task == task]


def near(*scores: float) -> Any:
    return pytest.approx(sum(scores) / len(scores))


CAT, DOG, UNKNOWN = (
    "<loc_100><loc_100><loc_200><loc_200>",
    "<loc_0><loc_0><loc_50><loc_50>",
    "<loc_5><loc_5><loc_6><loc_6>",
)
TOP = "<loc_0><loc_10><loc_99><loc_12><loc_99><loc_20><loc_0><loc_18>"
LOW = "<loc_0><loc_900><loc_99><loc_900><loc_99><loc_950><loc_0><loc_950>"
SHAPE = "<loc_100><loc_100><loc_200><loc_100><loc_200><loc_200>"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (Task.CAPTION, [("What does the image describe?", "A cat and a dog", 0.5)]),
        (Task.DETAILED_CAPTION, [("Describe in detail what is shown in the image.", "A cat sits.", None)]),
        (
            Task.MORE_DETAILED_CAPTION,
            [("Describe with a paragraph what is shown in the image.", "A cat sits. A dog runs.", None)],
        ),
        (Task.OD, [("Locate the objects with category name in the image.", f"cat{CAT}dog{DOG}", near(0.7, 0.9))]),
        (
            Task.DENSE_REGION_CAPTION,
            [
                (
                    "Locate the objects in the image, with their descriptions.",
                    f"a cat{CAT}a dog runs{DOG}",
                    near(0.7, 0.9),
                )
            ],
        ),
        (Task.REGION_PROPOSAL, [("Locate the region proposals in the image.", CAT + DOG + UNKNOWN, near(0.7, 0.9))]),
        (
            Task.CAPTION_TO_PHRASE_GROUNDING,
            [("Locate the phrases in the caption: A cat and a dog", f"A cat{CAT}a dog{DOG}", near(0.25, 0.75))],
        ),
        (Task.REFERRING_EXPRESSION_SEGMENTATION, [("Locate A cat in the image with mask", SHAPE, 0.75)]),
        (Task.REGION_TO_SEGMENTATION, [(f"What is the polygon mask of region {CAT}", SHAPE, near(0.9))]),
        (
            Task.OPEN_VOCABULARY_DETECTION,
            [
                ("Locate cat<and>dog in the image.", f"cat{CAT}dog{DOG}", near(0.7, 0.9)),
                ("Locate a dog in the image.", f"a dog{DOG}", 0.25),
                ("Locate A cat in the image.", f"A cat{CAT}", 0.75),
            ],
        ),
        (
            Task.REGION_TO_CATEGORY,
            [(f"What is the region {DOG}?", "dog", near(0.7, 0.5)), (f"What is the region {CAT}?", "cat", near(0.9))],
        ),
        (
            Task.REGION_TO_DESCRIPTION,
            [
                (f"What does the region {DOG} describe?", "a dog runs", near(0.7)),
                (f"What does the region {CAT} describe?", "a cat", near(0.9)),
            ],
        ),
        (
            Task.REGION_TO_OCR,
            [
                ("What text is in the region <loc_0><loc_900><loc_99><loc_950>?", "low", near(0.4)),
                ("What text is in the region <loc_0><loc_10><loc_99><loc_20>?", "top", None),
            ],
        ),
        (Task.OCR, [("What is the text in the image?", "top\nlow", near(0.4))]),
        (Task.OCR_WITH_REGION, [("What is the text in the image, with regions?", f"top{TOP}low{LOW}", near(0.4))]),
    ],
)
def test_every_task_has_its_samples(task: Task, expected: list[Any]) -> None:
    assert of(samples(everything()), task) == expected


def test_a_record_without_annotations_has_none() -> None:
    assert samples(record()) == []


def test_crowds_and_blanks_serve_no_task() -> None:
    crowd = region("c", [0, 0, 9, 9], label("phrase", "cats"), crowd=True, polygons=[RING])
    blank = records.text("t", "brief", " \n", MODEL)
    phrase = records.phrase("p", "t", (0, 1), MODEL, region_ids=["c"])
    assert samples(record(texts=[blank], regions=[crowd], phrases=[phrase])) == []


def test_the_chosen_label_names_a_region_where_it_is_of_the_kind() -> None:
    labels = (label("phrase", "cat"), label("brief", "a cat"), label("phrase", "kitten"))
    for best, name in ((None, "cat"), (1, "cat"), (2, "kitten")):
        made = samples(record(regions=[region("r", [0, 0, 9, 9], *labels, best=best)]))
        assert [target for _, target, _ in of(made, Task.REGION_TO_CATEGORY)] == [name]


def test_an_expression_stands_for_all_that_it_names_and_needs_all_their_shapes() -> None:
    texts = [records.text("t0", "brief", "two cats", MODEL), records.text("t1", "detailed", "two cats sit", MODEL)]
    phrases = [
        records.phrase("p0", "t0", (0, 8), MODEL, region_ids=["a"]),
        records.phrase("p1", "t1", (0, 8), MODEL, region_ids=["a", "b"]),
    ]
    shaped = region("a", [100, 100, 200, 200], polygons=[RING])
    for other, count in ((region("b", [0, 0, 9, 9]), 0), (region("b", [0, 0, 9, 9], polygons=[[0, 0, 9, 0, 9, 9]]), 1)):
        made = samples(record(texts=texts, regions=[shaped, other], phrases=phrases))
        assert len(of(made, Task.REFERRING_EXPRESSION_SEGMENTATION)) == count
        (asked,) = of(made, Task.OPEN_VOCABULARY_DETECTION)
        assert asked[1] == f"two cats{CAT}two cats<loc_0><loc_0><loc_9><loc_9>"


def test_a_mask_becomes_an_outline() -> None:
    mask = np.zeros((1000, 1000), bool)
    mask[100:200, 100:200] = True
    made = samples(record(regions=[region("r", [100, 100, 200, 200], mask=geometry.encode_mask(mask))]))
    ((_, target, _),) = of(made, Task.REGION_TO_SEGMENTATION)
    assert target == "<loc_100><loc_100><loc_200><loc_100><loc_200><loc_200><loc_100><loc_200>"


def test_a_budget_cuts_items_and_leaves_out_what_does_not_fit_at_all() -> None:
    def count(text: str) -> int:
        return text.count("<loc_") + len(text.split())

    made = samples(everything(), count, 8)
    assert all(count(each.target) <= 8 and count(each.prompt) <= 8 for each in made)
    ((cut, target),) = [(each.cut, each.target) for each in made if each.task == Task.OPEN_VOCABULARY_DETECTION][:1]
    assert (cut, target) == (1, f"cat{CAT}")
    assert not of(made, Task.OCR_WITH_REGION)  # its prompt has nine words
    dear = samples(everything(), lambda text: len(text.split()) + 9 * text.count("<loc_"), 9)
    assert {each.task for each in dear} == {Task.CAPTION, Task.DETAILED_CAPTION, Task.OCR}
    assert len(samples(everything(), count, 1000)) == len(samples(everything()))


def test_the_same_record_gives_the_same_samples() -> None:
    assert samples(everything()) == samples(everything())


@pytest.mark.parametrize("task", Task)
def test_the_page_about_the_codec_shows_what_it_writes(task: Task) -> None:
    page = (Path(__file__).parents[2] / "docs" / "codec.md").read_text(encoding="utf-8")
    prompt, target, _ = of(samples(everything()), task)[0]
    line = f"| {task} | `{prompt}` | `{target}` |".replace("\n", "⏎")
    assert line in page
