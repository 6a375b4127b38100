"""How the multitask model is loaded, asked and remembered: what all the roles that it plays share.

What the model saw of an image is kept for a while: stages that share a worker look at each image once. Scores are what
the model gave its tokens; where a calibration stands beside the checkpoint, they say how often they are right.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count
from threading import Lock
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from engine import records
from engine.stage import Batch, ChainError
from florence import tokenizer
from florence.codec import Box, Item, Task
from florence.predict import Answer, Ask, Calibration, NoNumbersError, Predictor, Seen
from florence.predict.predictor import ROWS
from florence.presets import Florence
from specialists.captioning.captioners import AUTO, clean
from specialists.checkpoints import hub
from specialists.checkpoints.proofs import once
from specialists.model import ModelStage, load_processor

Wish = tuple[Task, tuple[Item, ...]]  # a task, and what it is asked about
REMEMBERED = 32  # images whose tokens are kept: as many as stages of a worker share at a time. Ours

_seen: WeakKeyDictionary[Any, OrderedDict[str, Seen]] = WeakKeyDictionary()  # by model, by image_id
_seen_lock = Lock()


@dataclass
class Multitask(ModelStage):
    """What all roles share: how the model is loaded and asked."""

    auto: ClassVar[str] = AUTO
    families: ClassVar[frozenset[str]] = frozenset({"florence2"})
    parts: ClassVar[tuple[str, ...]] = ("image processor", "tokenizer")

    num_beams: int = 1  # 1: greedy
    max_new_tokens: dict[str, int] = field(default_factory=dict)  # by task, in place of the predictor's
    rows: int = ROWS  # answers that are written at once
    calibrated: bool = True  # where there is a calibration beside the checkpoint
    _predictor: Predictor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [name for name in self.max_new_tokens if name not in list(Task)]
        if unknown:
            raise ChainError(f"{self.name}: max_new_tokens: {unknown[0]!r} is none of {', '.join(Task)}")
        if min(self.num_beams, self.rows, *self.max_new_tokens.values()) < 1:
            raise ChainError(f"{self.name}: num_beams, rows and max_new_tokens must be at least 1")

    def check(self) -> None:
        super().check()
        once(self._check_words, "markers", self.checkpoint.revision, version("transformers"))
        Calibration.of(self.checkpoint.folder)

    def _check_words(self) -> None:
        hub.stay_offline()
        try:
            words = load_processor(self.checkpoint).tokenizer
        except Exception as error:
            raise ChainError(f"{self.name}: {self.weights} has no processor that can be loaded: {error}") from error
        tokenizer.check(words, f"{self.name}: {self.weights}")

    def open(self, cpus: int) -> None:
        super().open(cpus)
        tokens = {Task(name): most for name, most in self.max_new_tokens.items()}
        known = Calibration.of(self.checkpoint.folder) if self.calibrated else None
        florence = Florence(self._model, self._processor)
        self._predictor = Predictor(florence, self.num_beams, tokens, self.rows, known)

    def ask(self, batch: Batch, wishes: Sequence[Sequence[Wish]]) -> list[list[Answer]]:
        """The answers to what each row's image is asked."""
        names = batch.table["image_id"].to_pylist()

        def forward(rows: Sequence[int]) -> list[list[Answer]]:
            seen = [self._see(names[row], batch, row) for row in rows]
            asks = [Ask(at, *wish) for at, row in enumerate(rows) for wish in wishes[row]]
            answers = iter(self._predictor.answers(seen, asks))
            return [[next(answers) for _ in wishes[row]] for row in rows]

        asked = [row for row, wish in enumerate(wishes) if wish]
        try:
            found = dict(zip(asked, self.each(asked, forward), strict=True))
        except NoNumbersError as error:
            raise self.no_numbers("scores") from error
        return [found.get(row, []) for row in range(len(wishes))]

    def _see(self, image_id: str, batch: Batch, row: int) -> Seen:
        """What the model sees in an image; looked up where another stage has asked for it."""
        with _seen_lock:
            known = _seen.setdefault(self._model, OrderedDict())
            if image_id in known:
                known.move_to_end(image_id)
                return known[image_id]
        made = self._predictor.see([batch.pixels(row)])[0]
        with _seen_lock:
            known[image_id] = made
            while len(known) > REMEMBERED:
                known.popitem(last=False)
        return made

    def _ids(self, batch: Batch) -> list[Iterator[str]]:
        """New ids for each image's regions."""
        rows, regions = records.flatten(batch.table, "regions")
        taken = set(zip(rows.tolist(), regions.field("id").to_pylist(), strict=True))

        def free(row: int) -> Iterator[str]:
            return (name for name in map(f"{self.name}.{{}}".format, count()) if (row, name) not in taken)

        return [free(row) for row in range(len(batch))]


def said(answer: Answer) -> tuple[str, float | None]:
    """A text and its score; empty where the model had nothing to say."""
    return (clean(answer.text), answer.items[0].label_score) if answer.items else ("", None)


def has_area(item: Item) -> bool:
    """Whether it is a box with an area, in the precision of a record."""
    x0, y0, x1, y1 = np.array(item.box, np.float32).tolist() if isinstance(item, Box) else (0, 0, 0, 0)
    return bool(x0 < x1 and y0 < y1)


def require_some(who: str, setting: str, given: Sequence[str], known: Collection[str]) -> None:
    """Raise ChainError unless a setting names some of what there is, each once."""
    if not given or len(set(given)) < len(given) or not set(given) <= set(known):
        raise ChainError(f"{who}: {setting} must be some of {', '.join(known)}, each once, not {list(given)}")
