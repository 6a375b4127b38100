"""Metrics: each against a case worked out by hand, and against the reference where there is one."""

from __future__ import annotations

import contextlib
import io
import math

import jiwer
import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engine.geometry import box_iou, boxes_to_quads, quad_overlaps
from engine.metrics import (
    F1,
    average_precision,
    bleu,
    character_errors,
    cider,
    coco_ap,
    ground,
    inside,
    match,
    mean,
    pairs,
    ranked,
    share,
)

NONE = np.zeros((0, 4))
NO = np.zeros(0, np.int64)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 4)


def zeros(count: int) -> np.ndarray:
    return np.zeros(count, np.int64)


# Matching


def test_a_prediction_takes_the_free_true_box_with_the_highest_overlap() -> None:
    truth = boxes((0, 0, 10, 10), (0, 0, 10, 8))
    # The better scored one takes the first box; the other, which would like it too, has to take the second.
    found = match(boxes((0, 0, 10, 9.8), (0, 0, 10, 9.6)), np.array([0.5, 0.9]), zeros(2), truth, zeros(2))
    assert found.truth.tolist() == [1, 0]
    assert found.iou == pytest.approx([0.98, 0.96])


def test_voc_gives_no_second_choice() -> None:
    truth = boxes((0, 0, 10, 10), (0, 0, 10, 8))
    given = boxes((0, 0, 10, 9.8), (0, 0, 10, 9.6)), np.array([0.5, 0.9]), zeros(2), truth, zeros(2)
    assert match(*given, second_choice=False).truth.tolist() == [-1, 0]


def test_only_boxes_of_one_group_match_and_only_from_the_threshold_on() -> None:
    truth = boxes((0, 0, 10, 10))
    assert match(truth, np.ones(1), zeros(1), truth, zeros(1) + 1).truth.tolist() == [-1]
    half = boxes((0, 0, 10, 5))
    assert match(half, np.ones(1), zeros(1), truth, zeros(1)).truth.tolist() == [0]
    assert match(half, np.ones(1), zeros(1), truth, zeros(1), 0.51).truth.tolist() == [-1]
    assert match(NONE, np.zeros(0), NO, truth, zeros(1)).truth.tolist() == []
    assert match(truth, np.ones(1), zeros(1), NONE, NO).truth.tolist() == [-1]


def test_what_nobody_scored_comes_first() -> None:
    assert ranked(np.array([0.2, np.nan, 0.9, 1.0])).tolist() == [1, 3, 2, 0]


def test_quads_match_as_polygons() -> None:
    diamond = np.array([[5.0, 0, 10, 5, 5, 10, 0, 5]])
    square = boxes_to_quads(boxes((0, 0, 10, 10)))  # twice its area
    for iou, found in ((0.5, 0), (0.51, -1)):
        assert match(diamond, np.ones(1), zeros(1), square, zeros(1), iou, overlaps=quad_overlaps).truth == [found]


def test_the_share_of_a_box_inside_a_crowd() -> None:
    crowd = boxes((0, 0, 100, 100))
    found = inside(boxes((90, 0, 110, 10), (20, 20, 30, 30), (200, 0, 210, 10)), zeros(3), crowd, zeros(1))
    assert found == pytest.approx([0.5, 1, 0])


numbers = st.integers(0, 6).map(float)
box = st.tuples(numbers, numbers, st.integers(1, 6), st.integers(1, 6)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
several = st.lists(st.tuples(box, st.integers(0, 2), st.sampled_from([0.1, 0.5, 0.9])), max_size=12)


@given(several, several)
def test_matching_is_the_textbooks_loop(one: list[tuple], other: list[tuple]) -> None:
    found, truth = boxes(*(b for b, _, _ in one)), boxes(*(b for b, _, _ in other))
    groups, true_groups = (np.array([g for _, g, _ in side], np.int64) for side in (one, other))
    scores = np.array([s for _, _, s in one])
    overlap = box_iou(found, truth)
    expected, taken = [-1] * len(one), set()
    for i in sorted(range(len(one)), key=lambda i: (-scores[i], i)):
        free = [j for j in range(len(other)) if j not in taken and groups[i] == true_groups[j] and overlap[i, j] >= 0.5]
        if free:
            expected[i] = max(free, key=lambda j: (overlap[i, j], -j))
            taken.add(expected[i])
    assert match(found, scores, groups, truth, true_groups).truth.tolist() == expected
    first, second, _ = pairs(found, groups, truth, true_groups)
    every = {(i, j) for i in range(len(one)) for j in range(len(other)) if groups[i] == true_groups[j]}
    assert {*zip(first.tolist(), second.tolist(), strict=True)} == {p for p in every if overlap[p] >= 0.5}


# Average precision


def test_average_precision_of_voc_by_hand() -> None:
    # right, wrong, right of 4 true ones: precision 1 at recall 1/4, 2/3 at 2/4, none beyond
    scores, right = np.array([0.9, 0.8, 0.7]), np.array([True, False, True])
    assert average_precision(scores, right, 4) == pytest.approx(1 / 4 + 2 / 3 / 4)
    # recalls 0, .1, .2 have precision 1; .3, .4, .5 have 2/3; the five above have none
    assert average_precision(scores, right, 4, points=11) == pytest.approx((3 + 3 * 2 / 3) / 11)


@pytest.mark.parametrize("points", [None, 11])
def test_average_precision_at_the_edges(points: int | None) -> None:
    none = np.zeros(0), np.zeros(0, bool)
    assert math.isnan(average_precision(*none, 0, points=points))
    assert average_precision(*none, 3, points=points) == 0
    assert average_precision(np.array([0.3]), np.array([True]), 1, points=points) == 1
    assert average_precision(np.array([0.3]), np.array([False]), 1, points=points) == 0


def test_a_worse_score_for_the_wrong_one_is_better() -> None:
    right = np.array([True, False])
    assert average_precision(np.array([0.9, 0.1]), right, 1) == 1
    assert average_precision(np.array([0.1, 0.9]), right, 1) == 0.5


def test_coco_ap_by_hand() -> None:
    # IoU 0.9 and 0.6: right at 9 and at 3 of the ten thresholds
    truth = boxes((0, 0, 100, 100), (0, 0, 20, 20))
    found = boxes((0, 0, 100, 90), (0, 0, 20, 12))
    ap = coco_ap(found, np.array([0.9, 0.9]), zeros(2), np.array([3, 5]), truth, zeros(2), np.array([3, 5]))
    assert ap.by_class == pytest.approx({3: 0.9, 5: 0.3})
    assert (ap.ap, ap.ap50, ap.ap75) == pytest.approx((0.6, 1, 0.5))
    assert ap.by_class50 == pytest.approx({3: 1, 5: 1})
    assert ap.by_size["small"] == pytest.approx(0.3)
    assert math.isnan(ap.by_size["medium"])
    assert ap.by_size["large"] == pytest.approx(0.9)


def test_crowds_and_unknown_classes_count_neither_way() -> None:
    truth, crowd = boxes((0, 0, 40, 40), (100, 0, 300, 200)), np.array([False, True])
    found = boxes((0, 0, 40, 40), (150, 50, 200, 100), (0, 0, 10, 10))
    given = found, np.array([0.5, 0.9, 0.9]), zeros(3), np.array([0, 0, 7]), truth, zeros(2), zeros(2)
    assert coco_ap(*given, crowd=crowd).ap == 1
    assert coco_ap(*given).ap < 1


def test_the_masks_area_makes_the_size_where_it_is_given() -> None:
    truth = boxes((0, 0, 40, 40))
    ap = coco_ap(truth, np.ones(1), zeros(1), zeros(1), truth, zeros(1), zeros(1), areas=np.array([900.0]))
    assert (ap.by_size["small"], math.isnan(ap.by_size["medium"])) == (1, True)


def test_without_truth_there_is_no_average_precision() -> None:
    ap = coco_ap(boxes((0, 0, 1, 1)), np.ones(1), zeros(1), zeros(1), NONE, NO, NO)
    assert math.isnan(ap.ap)
    assert ap.by_class == {}


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_what_pycocotools_gives_at_many_recalls(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = np.stack([np.arange(60) % 6 * 50.0, np.arange(60) // 6 % 5 * 50.0], axis=1)
    truth = np.concatenate([corner, corner + 40], axis=1)
    images = np.arange(60) // 30
    found = (truth + rng.normal(0, 6, truth.shape))[rng.permutation(60)[:50]]
    where = rng.integers(0, 2, 50)
    scores = rng.permutation(50) / 50
    right = match(found, scores, where, truth, images).truth >= 0
    judge = coco_judge(found, scores, where, truth, images)
    assert 0 < right.sum() < 50
    assert average_precision(scores, right, 60) == pytest.approx(judge, abs=2e-4)


def coco_judge(
    found: np.ndarray, scores: np.ndarray, where: np.ndarray, truth: np.ndarray, images: np.ndarray
) -> float:
    """AP of one class at IoU .5, by 10,001 recalls, from entries made here."""

    def entries(rows: np.ndarray, of: np.ndarray) -> list[dict[str, object]]:
        made = []
        for at, (x0, y0, x1, y1) in enumerate(rows.tolist()):
            made.append(
                {"id": at + 1, "image_id": int(of[at]), "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0],
                 "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}
            )  # fmt: skip
        return made

    with contextlib.redirect_stdout(io.StringIO()):
        gold, guess = COCO(), COCO()
        gold.dataset = {
            "images": [{"id": 0}, {"id": 1}],
            "categories": [{"id": 1}],
            "annotations": entries(truth, images),
        }
        guess.dataset = gold.dataset | {
            "annotations": [e | {"score": s} for e, s in zip(entries(found, where), scores.tolist(), strict=True)]
        }
        gold.createIndex()
        guess.createIndex()
        judge = COCOeval(gold, guess, "bbox")
        judge.params.iouThrs, judge.params.recThrs = np.array([0.5]), np.linspace(0, 1, 10_001)
        judge.evaluate()
        judge.accumulate()
    return float(judge.eval["precision"][0, :, 0, 0, -1].mean())


# Phrases


def test_grounding_by_hand() -> None:
    far = (90.0, 90.0, 99.0, 99.0)
    found = boxes(
        (0, 0, 10, 10),  # phrase 0: right at once
        far, far, (0, 0, 10, 6),  # phrase 1: right with the third
        (2, 2, 8, 8),  # phrase 2: too small, but it points into the true one
        (0, 0, 10, 10),  # phrase 3: names what is not there
    )  # fmt: skip
    truth = boxes((0, 0, 10, 10), (50, 50, 60, 60), (0, 0, 10, 10), (0, 0, 10, 10), (0, 0, 10, 10))
    grounded = ground(found, np.array([0, 1, 1, 1, 2, 3]), truth, np.array([0, 0, 1, 2, 4]), 5)
    assert grounded.first.tolist() == [0, 2, math.inf, math.inf, math.inf]
    assert grounded.pointing.tolist() == [True, False, True, False, False]
    assert grounded.hit.tolist() == [True, False, True, False, False]
    assert grounded.rates() == {
        "accuracy": 0.2, "recall@1": 0.2, "recall@5": 0.4, "recall@10": 0.4, "pointing": 0.4,
    }  # fmt: skip
    assert grounded.rates(np.array([True, False, False, False, False]))["accuracy"] == 1
    assert math.isnan(grounded.rates(np.zeros(5, bool))["accuracy"])


# Lines


@pytest.mark.parametrize(
    ("lines", "rate"),
    [
        ([("STOP", "STOP")], 0),
        ([("STOP", "STEP")], 1 / 4),
        ([("STOP", "stop")], 1),
        ([("STOP", "")], 1),
        ([("", "STOP"), ("EXIT", "EXIT")], 1),
        ([("ab", "abcdef")], 2),
        ([(" a  b ", "a b")], 0),
    ],
)
def test_character_errors(lines: list[tuple[str, str]], rate: float) -> None:
    assert character_errors(lines) == pytest.approx(rate)


def test_no_true_line_no_character_errors() -> None:
    assert math.isnan(character_errors([]))
    assert math.isnan(character_errors([("", "ghost")]))


words = st.text("ab c", min_size=1, max_size=12).filter(str.strip)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_character_errors_are_jiwers(lines: list[tuple[str, str]]) -> None:
    true, read = ([" ".join(pair[side].split()) for pair in lines] for side in (0, 1))
    assert character_errors(lines) == pytest.approx(jiwer.cer(true, read))


# Texts


def test_bleu_by_hand() -> None:
    # 1-grams 5/6, 2-grams 3/5, 3-grams 2/4, 4-grams 1/3; case and full stops do not count
    expected = (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert bleu(["A cat runs on the grass."], [["a dog runs on the grass"]]) == pytest.approx(expected)
    # Of four words for five: the brevity penalty.
    assert bleu(["a dog on the"], [["a dog on the grass"]]) == pytest.approx(math.exp(1 - 5 / 4))
    assert bleu(["A dog, on the grass!"], [["nothing like it here", "a dog on the grass"]]) == pytest.approx(1)
    assert bleu(["cat"], [["a dog on the grass"]]) == 0
    assert math.isnan(bleu([], []))


def test_bleu_is_sacrebleus() -> None:
    found = ["a red car near a tree in the rain", "two dogs run over the green field"]
    truth = [
        ["a red car near a big tree in the rain", "a car in the rain near a tree"],
        ["two brown dogs run over the field"],
    ]
    streams = [[truth[0][0], truth[1][0]], [truth[0][1], None]]
    reference = sacrebleu.corpus_bleu(found, streams, smooth_method="none", tokenize="none")  # type: ignore[arg-type]
    assert bleu(found, truth) == pytest.approx(reference.score / 100)


def test_cider_by_hand() -> None:
    # Two documents without a word in common: every n-gram has the idf ln 2, so that a text equal to its only true one
    # has the cosine 1 for each n.
    truth = [["a red car near trees"], ["two dogs sleeping on sofas"]]
    assert cider(["a red car near trees", "two dogs sleeping on sofas"], truth) == pytest.approx(10)
    # The first: 4 of 5 words, 3 of 4 pairs, 2 of 3, 1 of 2, all of one weight and length; the second shares nothing.
    expected = 10 * np.mean([4 / 5, 3 / 4, 2 / 3, 1 / 2]) / 2
    assert cider(["a red car near houses", "nothing"], truth) == pytest.approx(expected)
    # Two words fewer are two pairs fewer.
    short = 10 * np.mean([math.sqrt(3 / 5), math.sqrt(2 / 4), math.sqrt(1 / 3), 0]) * math.exp(-4 / 72) / 2
    assert cider(["a red car", "nothing"], truth) == pytest.approx(short)
    assert math.isnan(cider([], []))


def test_cider_is_the_coco_evaluations() -> None:
    # By CiderScorer of pycocoevalcap 1.2, which brings 100 MB of Java along for its other metrics.
    found = ["a dog runs on the mat", "the red car", "a cat sits near the tree near the car"]
    truth = [
        ["a dog runs on a mat", "the dog sits on the mat"],
        ["a red car near the tree", "the red car", "a car"],
        ["the cat sits near a tree"],
    ]
    assert cider(found, truth) == pytest.approx(3.8391832903001695, abs=1e-9)


# Shares


def test_f1() -> None:
    f1 = F1(3, 4, 3, 6)
    assert (f1.precision, f1.recall, f1.f1) == (0.75, 0.5, pytest.approx(0.6))
    assert F1(1, 1, 0, 5) + F1(2, 3, 3, 1) == f1
    assert F1(0, 0, 0, 5).f1 == 0
    assert F1(0, 5, 0, 0).f1 == 0
    assert math.isnan(F1(0, 0, 0, 0).f1)
    assert math.isnan(share(0, 0))
    assert mean([1.0, math.nan, 0.0]) == 0.5
    assert math.isnan(mean([]))


@settings(max_examples=25)
@given(several, several)
def test_bounds(one: list[tuple], other: list[tuple]) -> None:
    found, truth = boxes(*(b for b, _, _ in one)), boxes(*(b for b, _, _ in other))
    groups, true_groups = (np.array([g for _, g, _ in side], np.int64) for side in (one, other))
    ap = coco_ap(
        found, np.array([s for _, _, s in one]), groups, zeros(len(one)), truth, true_groups, zeros(len(other))
    )
    assert math.isnan(ap.ap) if not other else 0 <= ap.ap <= ap.ap50 + 1e-9 <= 1 + 1e-9
