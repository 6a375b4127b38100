"""What a model is asked about scenes, task by task, and what the right answers are: both out of the scenes' truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from engine.images import decode
from florence.codec import Item, Size, Task, Text, drafts
from florence.predict import Answer, Ask
from specialists.bundled.scenes.catalogue import categories
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import Truth, record_table

TOGETHER = 8  # images that are asked about at once; ours


class Model(Protocol):
    """What answers: florence.predict.Predictor, or another of its interface."""

    def __call__(self, images: Sequence[np.ndarray], asks: Sequence[Ask]) -> list[Answer]:
        """An answer to each question."""
        ...


class Question(NamedTuple):
    """What is asked about an image, by its number among all, with its size (width, height), and the right answer.

    `absent` is a category that is asked for among others and is not there; "" for none.
    """

    ask: Ask
    size: Size
    true: tuple[Item, ...]
    absent: str = ""


class Answered(NamedTuple):
    """A question, and what the model said."""

    question: Question
    answer: Answer


@dataclass(frozen=True)
class Exam:
    """All that was asked and answered; `truth` has a record for each image, by their numbers."""

    truth: pa.Table
    answered: list[Answered]

    def of(self, task: Task, absent: bool = False) -> list[Answered]:
        """The answers of a task: to questions about what is there, or to those with a category that is not."""
        return [
            each for each in self.answered if each.question.ask.task is task and bool(each.question.absent) == absent
        ]


def examine(model: Model, source: str, most: int | None = None, say: Callable[[str], None] = print) -> Exam:
    """Ask a model all that the truth of the first `most` scenes of a source allows.

    `say` gets a line of progress for every few images. Raises SourceError where no scenes are named.
    """
    answered: list[Answered] = []
    truths: list[Truth] = []
    drawn = islice(scenes(source), most)
    while some := list(islice(drawn, TOGETHER)):
        first = len(truths)
        truths += [truth for _, truth in some]
        asked = [each for at in range(first, len(truths)) for each in questions(truths[at], at)]
        asks = [replace(each.ask, image=each.ask.image - first) for each in asked]
        answered += map(Answered, asked, model([decode(scene.data) for scene, _ in some], asks))
        say(f"{len(truths):,} images, {len(answered):,} answers")
    return Exam(record_table(truths), answered)


def questions(truth: Truth, number: int) -> Iterator[Question]:
    """All questions about the image of this number: those that training asks, and one for what is not there.

    Of OPEN_VOCABULARY_DETECTION for its categories only, all together: phrases are asked for by grounding.
    """
    size, vocabularies = (float(truth.width), float(truth.height)), 0
    for task, about, true, _ in drafts(record_table([truth]).to_pylist()[0], size):
        if task is Task.OPEN_VOCABULARY_DETECTION:
            vocabularies += 1
            if vocabularies > 1:  # the first has the categories
                continue
            absent = _absent({item.text for item in about}, number)
            names = sorted([*(item.text for item in about), absent])
            yield Question(Ask(number, task, tuple(map(Text, names))), size, tuple(true), absent)
        yield Question(Ask(number, task, tuple(about)), size, tuple(true))


def _absent(there: set[str], number: int) -> str:
    """A category that an image does not have, another one for each image."""
    others = [category.name for category in categories() if category.name not in there]
    return others[number % len(others)]
