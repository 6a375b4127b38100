"""The boxes of answers, and those that are true, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.tasks.asking import Answered
from engine import metrics
from filters.evaluation.vocabulary import Vocabulary
from florence.codec import Item
from florence.codec.items import coordinates


class Boxes:
    """k boxes: image, corners in pixels (k, 4), score, category by a vocabulary (NONE for no label that it knows)."""

    def __init__(self, items: Iterable[tuple[int, Item, float]], vocabulary: Vocabulary) -> None:
        given = list(items)
        self.image = np.array([image for image, _, _ in given], np.int64)
        self.box = np.array([around(item) for _, item, _ in given], np.float64).reshape(-1, 4)
        self.score = np.array([score for _, _, score in given], np.float64)
        self.category = np.array([vocabulary.number(item.text) for _, item, _ in given], np.int64)

    def __len__(self) -> int:
        return len(self.image)

    @classmethod
    def found(cls, answered: Sequence[Answered], vocabulary: Vocabulary) -> Boxes:
        """What a model said."""
        items = ((one.question.ask.image, each.item, each.believed) for one in answered for each in one.answer.items)
        return cls(items, vocabulary)

    @classmethod
    def true(cls, answered: Sequence[Answered], vocabulary: Vocabulary) -> Boxes:
        """What it should have said."""
        return cls(((one.question.ask.image, item, 1.0) for one in answered for item in one.question.true), vocabulary)

    def matched(self, true: Boxes) -> tuple[np.ndarray, np.ndarray]:
        """The numbers (m,) of those at IoU 0.5 with a true one of their image, whatever they are called, and whose."""
        target = metrics.match(self.box, self.score, self.image, true.box, true.image).truth
        at = np.flatnonzero(target >= 0)
        return at, target[at]

    def ap50(self, true: Boxes, named: bool) -> float:
        """COCO's AP at IoU 0.5: the mean over categories, or of all boxes together."""
        of, its = (each.category if named else np.zeros(len(each), np.int64) for each in (self, true))
        return metrics.coco_ap(self.box, self.score, self.image, of, true.box, true.image, its).ap50


def around(item: Item) -> tuple[float, float, float, float]:
    """The box around an item that has a place, in its own unit."""
    flat = coordinates(item)
    x, y = flat[::2], flat[1::2]
    return min(x), min(y), max(x), max(y)
