"""Answers held against the truth: the figures of each task, as docs/evaluation.md defines them where it does.

Shares in [0, 1], but for CIDEr (0 to 10) and character errors (0 is perfect, and 1 can be exceeded).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.tasks.asking import Answered, Exam
from benchmarks.tasks.places import Boxes, around
from benchmarks.tasks.recording import recorded
from engine import metrics
from engine.geometry import Rle, rings_to_rle, rle_iou
from engine.metrics import F1
from filters.evaluation import COLUMNS, evaluate
from filters.evaluation.vocabulary import NONE, Vocabulary
from florence.codec import Item, Outline, Size, Task
from florence.codec.samples import CAPTIONS
from specialists.grounding.passes import plain
from specialists.multitask.grounding import DETERMINERS

Figures = Mapping[str, float | None]


def judge(exam: Exam) -> dict[Task, dict[str, float | None]]:
    """The figures of every task, in the order of the tasks; None where there is nothing to measure."""
    vocabulary = Vocabulary.of(exam.truth)
    found = _as_evaluate(exam)
    for task, measure in _MEASURES.items():
        found[task] = measure(exam.of(task), vocabulary)
    absent = exam.of(Task.OPEN_VOCABULARY_DETECTION, absent=True)
    found[Task.OPEN_VOCABULARY_DETECTION] = {
        **found[Task.OPEN_VOCABULARY_DETECTION], "absent_found": metrics.mean([_sees(each) for each in absent]),
    }  # fmt: skip
    return {task: {name: _number(value) for name, value in found[task].items()} for task in Task}


def _as_evaluate(exam: Exam) -> dict[Task, Figures]:
    """Captions, objects and written lines as `fld evaluate` measures them."""
    whole = evaluate([recorded(exam)], exam.truth.select(COLUMNS))
    texts = whole["texts"]["by_granularity"]
    told = [(task, texts[granularity], ("precision", "recall", "cider")) for granularity, task in CAPTIONS.items()]
    given: list[tuple[Task, Figures, tuple[str, ...]]] = [
        *told,
        (Task.OD, whole["regions"], ("ap50", "ap")),
        (Task.OCR_WITH_REGION, whole["lines"], ("f1_found", "f1_read", "character_errors")),
    ]
    return {task: {name: figures[name] for name in names} for task, figures, names in given}


def _described(answered: Sequence[Answered], vocabulary: Vocabulary) -> Figures:
    """Boxes whatever they are called; and of those that match, whether they are called right."""
    found, true = (side(answered, vocabulary) for side in (Boxes.found, Boxes.true))
    mine, its = found.matched(true)
    right = _right(found.category[mine], true.category[its])
    return {"ap50_any_name": found.ap50(true, named=False), "label_right": metrics.mean(right)}


def _proposed(answered: Sequence[Answered], vocabulary: Vocabulary) -> Figures:
    found, true = (side(answered, vocabulary) for side in (Boxes.found, Boxes.true))
    matched = len(found.matched(true)[0])
    f1 = F1(matched, len(found), matched, len(true))
    return {"recall": f1.recall, "precision": f1.precision}


def _looked_for(answered: Sequence[Answered], vocabulary: Vocabulary) -> Figures:
    found, true = (side(answered, vocabulary) for side in (Boxes.found, Boxes.true))
    return {"ap50": found.ap50(true, named=True)}


def _sees(given: Answered) -> bool:
    """Whether a category was found that is not there."""
    return any(_bare(each.item.text) == given.question.absent for each in given.answer.items)


def _grounded(answered: Sequence[Answered], vocabulary: Vocabulary) -> Figures:
    """The best box of each phrase of each text; what a text says twice is one phrase, of all that it names."""
    phrases = [pair for each in answered for pair in _phrases(each)]
    verdict = metrics.ground(
        *_flat([found for found, _ in phrases]), *_flat([true for _, true in phrases]), len(phrases)
    )
    return {"accuracy": verdict.rates()["accuracy"], "phrases": len(phrases)}


def _phrases(given: Answered) -> Iterator[tuple[list[Item], list[Item]]]:
    """The boxes that a model gave each phrase of a text, the best first, and the true ones.

    A label is a phrase's that says the same but for case, white space and a determiner in front (docs/predict.md).
    """
    found, true = defaultdict[str, list[Item]](list), defaultdict[str, list[Item]](list)
    for each in sorted(given.answer.items, key=lambda each: -each.believed):
        found[_bare(each.item.text)].append(each.item)
    for item in given.question.true:
        true[_bare(item.text)].append(item)
    yield from ((found[phrase], items) for phrase, items in true.items())


def _flat(lists: Sequence[Sequence[Item]]) -> tuple[np.ndarray, np.ndarray]:
    """The boxes (k, 4) of items in lists (n,), and which list each is of (k,)."""
    boxes = np.array([around(item) for each in lists for item in each], np.float64).reshape(-1, 4)
    return boxes, np.repeat(np.arange(len(lists)), [len(each) for each in lists])


def _outlined(answered: Sequence[Answered], vocabulary: Vocabulary) -> Figures:
    """All outlines of an answer together against the true ones together."""
    return {"mask_iou": metrics.mean([_mask_iou(each) for each in answered])}


def _mask_iou(given: Answered) -> float:
    found = [each.item for each in given.answer.items]
    return float(rle_iou([_mask(found, given.question.size)], [_mask(given.question.true, given.question.size)])[0, 0])


def _mask(items: Sequence[Item], size: Size) -> Rle:
    rings = [ring for item in items if isinstance(item, Outline) for ring in item.polygons]
    return rings_to_rle(rings, int(size[1]), int(size[0]))


def _categorised(answered: Sequence[Answered], vocabulary: Vocabulary) -> Figures:
    """Whether a region is called, or described as, what it is: by the words that evaluation takes for a category."""
    said, true = (np.array([vocabulary.number(text) for text in texts], np.int64) for texts in _texts(answered))
    return {"right": metrics.mean(_right(said, true))}


def _read(answered: Sequence[Answered], vocabulary: Vocabulary) -> Figures:
    said, true = _texts(answered)
    same = [metrics.plain(one) == metrics.plain(other) for one, other in zip(said, true, strict=True)]
    errors = metrics.character_errors(list(zip(true, said, strict=True)))
    return {"character_errors": errors, "read_whole": metrics.mean(same)}


def _texts(answered: Sequence[Answered]) -> tuple[list[str], list[str]]:
    """What was said and what is true, of tasks that are answered with a text."""
    return [each.answer.text for each in answered], [each.question.true[0].text for each in answered]


def _right(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """1 where the right category (n,) was said and 0 where not; NaN where the truth's own words name none."""
    verdict: np.ndarray = np.where(true == NONE, math.nan, said == true)
    return verdict


def _bare(phrase: str) -> str:
    first, _, rest = plain(phrase).partition(" ")
    return rest if first in DETERMINERS and rest else plain(phrase)


def _number(value: float | None) -> float | None:
    """The same for JSON, which has no NaN."""
    return None if value is None or math.isnan(value) else value


_MEASURES: dict[Task, Callable[[Sequence[Answered], Vocabulary], Figures]] = {
    Task.DENSE_REGION_CAPTION: _described,
    Task.REGION_PROPOSAL: _proposed,
    Task.CAPTION_TO_PHRASE_GROUNDING: _grounded,
    Task.REFERRING_EXPRESSION_SEGMENTATION: _outlined,
    Task.REGION_TO_SEGMENTATION: _outlined,
    Task.OPEN_VOCABULARY_DETECTION: _looked_for,
    Task.REGION_TO_CATEGORY: _categorised,
    Task.REGION_TO_DESCRIPTION: _categorised,
    Task.REGION_TO_OCR: _read,
    Task.OCR: _read,
}
