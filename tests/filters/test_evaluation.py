"""Evaluation: each figure against a case worked out by hand, and what holds of any annotations."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.checks import check
from engine.records import HUMAN, Origin
from filters.evaluation import COLUMNS, evaluate, human_only
from filters.evaluation.vocabulary import NONE, Vocabulary

MODEL = Origin("model", "1")
FAR = (300.0, 300.0, 340.0, 340.0)

Box = tuple[float, float, float, float]


def thing(
    id: str, box: Box, *names: str, score: float | None = None, kind: str = "object", best: int | None = 0, **more: Any
) -> dict[str, Any]:
    """An object; its first name is its category, the others say more."""
    labels = [records.label("brief" if at else "phrase", name, MODEL) for at, name in enumerate(names)]
    return records.region(id, kind, box, MODEL, score=score, labels=labels, best=best if names else None, **more)


def line(id: str, box: Box, text: str) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    label = records.label("ocr", text, MODEL)
    return records.region(id, "text", box, MODEL, labels=[label], best=0, quad=[x0, y0, x1, y0, x1, y1, x0, y1])


def text(words: str, id: str = "t", granularity: str = "brief", score: float | None = None) -> dict[str, Any]:
    return records.text(id, granularity, words, MODEL, score)


def phrase(of: dict[str, Any], words: str, *regions: str) -> dict[str, Any]:
    """The first place of some words in a text, and what they point at."""
    start = of["text"].index(words)
    return records.phrase(f"{of['id']}.{start}", of["id"], (start, start + len(words)), MODEL, region_ids=regions)


def image(
    *regions: dict[str, Any],
    texts: Sequence[dict[str, Any]] = (),
    phrases: Sequence[dict[str, Any]] = (),
    id: str = "a",
) -> dict[str, Any]:
    return {
        "image_id": id, "width": 400, "height": 400, "uri": f"/photos/{id}.jpg", "source": "s", "faults": [],
        "texts": list(texts), "regions": list(regions), "phrases": list(phrases),
    }  # fmt: skip


def table(*images: dict[str, Any]) -> pa.Table:
    made = pa.Table.from_pylist(list(images), schema=records.SCHEMA)
    check(made)
    return made.select(COLUMNS)


def measured(found: Sequence[dict[str, Any]], true: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return evaluate([table(*found)], table(*true))


def of(kind: str, found: dict[str, Any], true: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = measured([found], [true])[kind]
    return result


# Which images


def test_images_are_matched_by_id_else_by_uri_and_the_rest_is_counted() -> None:
    car = thing("r", (0, 0, 40, 40), "car")
    true = [image(car, id=name) for name in "abc"]
    again = image(car, id="other bytes") | {"uri": "/photos/b.jpg"}
    smaller = image(car, id="smaller") | {"uri": "/photos/c.jpg", "width": 200}
    result = measured([again, image(car, id="a"), image(car, id="d"), smaller], true)
    counts = {"true": 3, "matched": 2, "matched_by_uri": 1, "missed": 1, "not_in_truth": 2}
    assert result["images"] == counts | {"human": {"texts": 0, "regions": 0, "phrases": 0}}
    assert result["regions"]["recall"] == pytest.approx(2 / 3)
    assert result["regions"]["found"] == 2


def test_human_annotations_among_the_predictions_are_counted() -> None:
    drawn = records.region("h", "object", [0, 0, 40, 40], HUMAN, labels=[records.label("phrase", "car", HUMAN)])
    assert measured([image(drawn)], [image(drawn)])["images"]["human"]["regions"] == 1


def test_of_a_dataset_only_what_people_said_is_true() -> None:
    labels = [records.label("brief", "a fine dog", MODEL), records.label("phrase", "dog", HUMAN)]
    drawn = records.region("h", "object", [0, 0, 40, 40], HUMAN, labels=labels, best=0)
    said = records.text("t", "brief", "A dog.", HUMAN)
    given = table(image(thing("r", FAR, "cat"), drawn, texts=[text("A cat.", "m"), said]))
    (left,) = human_only(given).to_pylist()
    assert [each["id"] for each in left["texts"] + left["regions"]] == ["t", "h"]
    assert ([each["text"] for each in left["regions"][0]["labels"]], left["regions"][0]["best"]) == (["dog"], None)


# Names


@pytest.mark.parametrize(
    ("label", "category"),
    [
        ("car", "car"), ("Car", "car"), ("a red car", "car"), ("car on a road", "car"),
        ("traffic_light", "traffic light"),
        ("a police car", "police car"), ("an old police car", "police car"),  # both fit: the longest
        ("light", "traffic light"),  # less than the category says, and no other fits
        ("dog", "hot dog"), ("a hot dog", "hot dog"), ("car and dog", None), ("cartoon", None), ("the", None),
        ("the cars", "car"), ("two hot dogs", "hot dog"), ("police cars", "police car"), ("glass", None), ("", None),
    ],
)  # fmt: skip
def test_which_category_a_label_names(label: str, category: str | None) -> None:
    vocabulary = Vocabulary(["Car", "police car", "traffic light", "hot dog", "teddy bear", ""])
    number = vocabulary.number(label)
    assert (vocabulary.names[number] if number != NONE else None) == category


# Regions


def test_label_f1_of_regions_by_hand() -> None:
    true = image(thing("1", (0, 0, 100, 100), "car"), thing("2", (200, 0, 240, 40), "dog"), thing("3", FAR, "cat"))
    found = image(
        thing("1", (0, 0, 100, 80), "a red car", score=0.9),  # right
        thing("2", (200, 0, 240, 40), "cat", score=0.8),  # the dog's box
        thing("3", (0, 200, 50, 250), "sky", score=0.7),  # nothing that the truth knows
        thing("4", (0, 0, 100, 100), "car", score=0.5),  # the car again
    )
    result = of("regions", found, true)
    assert (result["precision"], result["recall"]) == (1 / 4, 1 / 3)
    assert result["f1"] == pytest.approx(2 / 7)
    assert result["f1_known"] == pytest.approx(2 / 6)
    assert (result["found_other"], result["others"]) == (1, {"sky": 1})
    assert result["recall_any_name"] == pytest.approx(2 / 3)
    assert result["best_label"] == 1 / 2
    # The car: right at .5 to .8, which are 7 of 10 thresholds; at the rest the second, which comes after a wrong one.
    assert result["by_category"]["car"]["ap"] == pytest.approx((7 + 3 / 2) / 10)
    assert (result["ap50"], result["voc07_ap50"], result["voc12_ap50"]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert result["by_category"]["cat"]["precision"] == 0
    assert result["by_size"]["large"]["recall"] == 1
    assert result["by_size"]["medium"] | {"mask_iou": None} == {
        "true": 2, "ap": 0, "recall_any_name": 0.5, "recall": 0, "best_label": 0, "mask_iou": None,
    }  # fmt: skip


def test_voc_in_2007_and_since() -> None:
    true = image(*(thing(str(at), (at * 50, 0, at * 50 + 40, 40), "car") for at in range(4)))
    boxes = [(0, 0, 40, 40), (0, 100, 40, 140), (50, 0, 90, 40)]
    found = image(*(thing(str(at), box, "car", score=0.9 - at / 10) for at, box in enumerate(boxes)))
    result = of("regions", found, true)
    assert result["voc12_ap50"] == pytest.approx(1 / 4 + 2 / 3 / 4)
    assert result["voc07_ap50"] == pytest.approx((3 + 3 * 2 / 3) / 11)


def test_detection_asks_for_the_category_and_the_f1_for_the_best_label() -> None:
    true = image(thing("1", (0, 0, 40, 40), "dog"), thing("2", FAR, "cat"))
    found = image(thing("1", (0, 0, 40, 40), "dog", "a cat on a sofa", best=1), thing("2", FAR, "cat", "a cat", best=1))
    result = of("regions", found, true)
    assert (result["ap"], result["f1"], result["best_label"]) == (1, 0.5, 0.5)


def test_proposals_are_looked_for_only_where_no_name_is_asked() -> None:
    true = image(thing("1", (0, 0, 40, 40), "dog"))
    result = of("regions", image(thing("1", (0, 0, 40, 40), kind="proposal")), true)
    assert (result["recall_any_name"], result["recall"], result["precision"]) == (1, 0, None)


def test_crowds_and_what_the_truth_has_no_name_for_excuse() -> None:
    car = thing("1", (0, 0, 40, 40), "car")
    true = image(car, thing("2", (100, 100, 300, 300), "car", crowd=True), thing("3", FAR))
    result = of("regions", image(car, thing("2", (150, 150, 180, 180), "car"), thing("3", FAR, "dog")), true)
    assert (result["precision"], result["f1"], result["voc12_ap50"], result["ap"]) == (1, 1, 1, 1)
    assert (result["true"], result["true_without_name"]) == (2, 1)
    # A crowd of cars excuses no dog.
    assert of("regions", image(car, thing("2", (150, 150, 180, 180), "dog")), true)["precision"] == 0.5


def test_masks_by_hand() -> None:
    square, half = [[0.0, 0, 20, 0, 20, 20, 0, 20]], [[0.0, 0, 20, 0, 20, 10, 0, 10]]
    true = image(
        thing("1", (0, 0, 20, 20), "car", polygons=square),
        thing("2", FAR, "dog", polygons=[[300.0, 300, 340, 300, 340, 340, 300, 340]]),
        thing("3", (100, 100, 120, 120), "cat"),
    )
    result = of("regions", image(thing("1", (0, 0, 20, 20), "car", polygons=half)), true)
    assert (result["mask_iou"], result["mask_iou_missed_as_0"]) == (0.5, 0.25)
    assert of("regions", image(thing("1", (0, 0, 20, 20), "car")), true)["mask_iou"] == 0
    bare = image(thing("1", (0, 0, 20, 20), "car"))
    assert of("regions", bare, bare)["mask_iou"] is None


# Lines


def test_lines_by_hand() -> None:
    true = image(line("1", (0, 0, 40, 10), "STOP"), line("2", (0, 50, 40, 60), "EXIT"), line("3", FAR, "cafe"))
    found = image(
        line("1", (0, 0, 40, 10), "STOP"), line("2", (0, 50, 40, 60), "EXlT"), line("3", (0, 90, 9, 99), "ab")
    )  # fmt: skip
    result = of("lines", found, true)
    assert result["character_errors"] == pytest.approx((1 + 4 + 2) / 12)
    assert (result["f1_found"], result["f1_read"]) == pytest.approx((2 / 3, 1 / 3))


# Texts


def test_objects_named_by_hand() -> None:
    true = [
        image(thing("1", (0, 0, 40, 40), "car"), thing("2", FAR, "dog"), texts=[text("A red car and a dog.")]),
        image(thing("1", FAR, "cat"), id="b", texts=[text("A cat.")]),
    ]
    found = [image(texts=[text("A car near two cats on the grass.")])]
    result = measured(found, true)["texts"]
    brief = result["by_granularity"]["brief"]
    # Named: car, cat; there: the car. True texts name car and dog here, the cat in the image that was missed.
    assert (result["precision"], result["recall"]) == (1 / 2, 1 / 3)
    assert result["f1"] == pytest.approx(2 * (1 / 6) / (5 / 6))
    assert (brief["named_unknown"], brief["unknown"]) == (1, {"grass": 1})
    assert (brief["texts_with_wrong_object"], brief["coverage"]) == (1, 1 / 3)
    assert (brief["true"], brief["found"], brief["compared"]) == (2, 1, 1)
    assert result["by_category"]["cat"] == {"precision": 0, "recall": 0}
    assert result["by_granularity"]["detailed"]["recall"] is None


def test_what_a_true_text_names_is_there() -> None:
    true = [image(thing("1", FAR, "cat"), texts=[text("A cat and a dog.")]), image(thing("1", FAR, "dog"), id="b")]
    assert measured([image(texts=[text("A dog.")])], true)["texts"]["precision"] == 1


def test_cider_and_bleu_take_the_best_text_of_each_image() -> None:
    true = [image(texts=[text("a red car near the trees")]), image(texts=[text("two dogs run on a beach")], id="b")]
    found = [
        image(texts=[text("nothing of it", "1", score=0.1), text("a red car near the trees", "2", score=0.9)]),
        image(texts=[text("two dogs run on a beach")], id="b"),
    ]
    brief = measured(found, true)["texts"]["by_granularity"]["brief"]
    assert (brief["cider"], brief["bleu"]) == pytest.approx((10, 1))


# Phrases


def test_phrases_by_hand() -> None:
    words = text("A car, a dog and a cat under the sky near a tree.")
    true = image(thing("1", (0, 0, 40, 40), "car"), thing("2", (100, 0, 140, 40), "dog"), thing("3", FAR, "tree"))
    cat = image(thing("1", FAR, "cat"), id="b")
    found = image(
        thing("1", (0, 0, 40, 40), score=0.5), thing("2", (200, 200, 240, 240), score=0.9),
        texts=[words],
        phrases=[
            phrase(words, "A car", "1"),  # right
            phrase(words, "a dog", "2", "1"),  # wrong
            phrase(words, "a cat"),  # the text's mistake: not there, not found
            phrase(words, "the sky", "2"),  # unknown
            phrase(words, "a tree"),  # there, not found
        ],
    )  # fmt: skip
    result = measured([found], [true, cat])["phrases"]
    assert (result["found"], result["judged"], result["named_unknown"], result["without_region"]) == (5, 3, 1, 1)
    assert (result["accuracy"], result["pointing"], result["precision"]) == pytest.approx((1 / 3, 1 / 3, 1 / 2))
    assert (result["recall"], result["f1"]) == (None, None)  # the truth has no phrases
    assert result["by_category"]["car"]["accuracy"] == 1


def test_the_truths_own_phrase_decides_what_the_same_words_point_at() -> None:
    words = text("Two cars on the left one.")
    cars = [thing("1", (0, 0, 40, 40), "car"), thing("2", (100, 0, 140, 40), "car")]
    true = image(*cars, texts=[words], phrases=[phrase(words, "Two cars", "1"), phrase(words, "the left one", "2")])
    found = image(*cars, texts=[words], phrases=[phrase(words, "Two cars", "2"), phrase(words, "the left one", "2")])
    result = of("phrases", found, true)
    assert (result["accuracy"], result["named_unknown"]) == (0.5, 0)
    assert (result["precision"], result["recall"], result["f1"]) == (0.5, 0.5, 0.5)


def test_a_phrase_may_have_its_box_later() -> None:
    words = text("A car.")
    true = image(thing("1", (0, 0, 40, 40), "car"))
    far = [thing(f"{at}", FAR, score=0.9) for at in range(2, 5)]
    found = image(
        thing("1", (0, 0, 40, 40), score=0.1), *far, texts=[words], phrases=[phrase(words, "A car", "1", "2", "3", "4")]
    )
    result = of("phrases", found, true)
    assert (result["recall@1"], result["recall@5"], result["recall@10"]) == (0, 1, 1)


# Whatever the annotations


def test_what_the_truth_does_not_speak_of_is_not_measured() -> None:
    full = image(thing("1", FAR, "car"), line("2", (0, 0, 9, 9), "x"), texts=[text("A car.")])
    regions_only = measured([full], [image(thing("1", FAR, "car"))])
    assert regions_only["label_f1"] == {"texts": None, "regions": 1, "phrases": None, "mean": 1}
    assert regions_only["lines"] == {"true": 0, "found": 1, "character_errors": None, "f1_found": None, "f1_read": None}
    assert regions_only["texts"]["by_granularity"]["brief"]["cider"] is None
    texts_only = measured([full], [image(texts=[text("A car.")])])
    assert [texts_only["regions"][name] for name in ("ap", "voc12_ap50", "f1", "recall_any_name")] == [None] * 4
    assert texts_only["label_f1"]["texts"] is None  # without objects nobody knows what counts as one
    assert texts_only["texts"]["by_granularity"]["brief"]["bleu"] is not None
    nothing = measured([image()], [full])
    assert nothing["label_f1"] == {"texts": 0, "regions": 0, "phrases": None, "mean": 0}
    assert nothing["lines"]["character_errors"] == 1


NAMES = ["car", "dog", "tree", "traffic light", "police car"]
sides = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(4, 12), st.integers(4, 12))
objects = st.lists(st.tuples(sides, st.sampled_from(NAMES)), min_size=1, max_size=5, unique_by=lambda one: one[0])


def scene(id: str, things: list[tuple[tuple[int, int, int, int], str]]) -> dict[str, Any]:
    """An image with masks, a line, texts that name some of its objects, and phrases that point at them."""
    regions, phrases = [line("line", (0, 380, 90, 395), f"No {len(things)}")], []
    texts = [text(f"There is a {things[0][1]} in the rain.", "brief")]
    texts.append(text(" ".join(f"We see a {name}." for _, name in things), "more", "more_detailed"))
    for at, ((x, y, width, height), name) in enumerate(things):
        box = (float(x), float(y), float(x + width), float(y + height))
        ring = [box[0], box[1], box[2], box[1], box[2], box[3], box[0], box[3]]
        regions.append(thing(f"r{at}", box, name, polygons=[ring]))
        start = sum(len(f"We see a {n}. ") for _, n in things[:at]) + len("We see ")
        phrases.append(
            records.phrase(f"p{at}", "more", (start, start + len(f"a {name}")), MODEL, region_ids=[f"r{at}"])
        )
    return image(*regions, texts=texts, phrases=phrases, id=id)


def shares(result: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """All figures that are neither counts nor what is absent."""
    for key, value in result.items():
        if isinstance(value, dict):
            yield from shares(value, f"{path}/{key}")
        elif isinstance(value, float):
            yield f"{path}/{key}", value


@settings(max_examples=20)
@given(st.lists(objects, min_size=1, max_size=3))
def test_perfect_predictions_are_perfect(images: list[Any]) -> None:
    true = [scene(str(at), things) for at, things in enumerate(images)]
    found = dict(shares(measured(true, true)))
    perfect = {path: value for path, value in found.items() if not path.endswith(("cider", "coverage"))}
    wanted = {path: 0 if path.endswith(("character_errors", "wrong_object")) else 1 for path in perfect}
    assert perfect == pytest.approx(wanted)
    assert len(perfect) > 40


@settings(max_examples=20)
@given(st.lists(objects, min_size=1, max_size=3), st.lists(objects, min_size=1, max_size=3), st.randoms())
def test_the_order_changes_nothing_and_all_shares_are_shares(
    ours: list[Any], theirs: list[Any], chance: random.Random
) -> None:
    found, true = ([scene(str(at), things) for at, things in enumerate(side)] for side in (ours, theirs))
    result = measured(found, true)
    for name, value in shares(result):
        assert 0 <= value <= 1 or name.endswith(("cider", "character_errors"))

    def shuffled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kinds = records.ANNOTATIONS
        rows = [row | {kind: chance.sample(row[kind], len(row[kind])) for kind in kinds} for row in rows]
        return chance.sample(rows, len(rows))

    pieces = [table(row) for row in shuffled(found)]
    assert evaluate(pieces, table(*shuffled(true))) == result
