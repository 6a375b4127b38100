"""What was written, read by the codec, with a score for each thing in it.

A score is the geometric mean of the probabilities that the model gave the tokens, of all of its vocabulary: of a box
its four locations, of a quad eight, of an outline all of them; of a label or a text its own tokens. So it is what the
model believes, not what the grammar made of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from florence import tokenizer as tokens
from florence.codec import FORMS, Item, Size, Task, Text, decode, escape
from florence.codec.items import coordinates
from florence.codec.markup import scan
from florence.predict.greedy import Written

What = Literal["place", "label", "text"]
Mended = Callable[[What, float], float]  # what a score of a place, label or text is worth


@dataclass(frozen=True)
class Scored:
    """An item in pixels of the image, and how much the model believes in its place and in its label.

    Both in [0, 1]. A text about the whole image, or about what was asked, has no place, and a box no label, where the
    task has none: None.
    """

    item: Item
    score: float | None
    label_score: float | None

    @property
    def believed(self) -> float:
        """The score of the place; of a text, that of the text."""
        return float((self.label_score if self.score is None else self.score) or 0.0)


@dataclass(frozen=True)
class Answer:
    """All items of one answer, in the order in which they were written, and what was not used.

    `cut` are tokens behind the last whole item, where the room for tokens ended; `doubles` items that were written
    before, the same in all; `invalid` what the codec could not read, nothing unless the tokens were not written under
    the grammar.
    """

    task: Task
    items: tuple[Scored, ...]
    cut: int = 0
    doubles: int = 0
    invalid: int = 0

    @property
    def text(self) -> str:
        """What a task says that is answered with a text alone."""
        return "".join(each.item.text for each in self.items)


def as_it_is(what: What, score: float) -> float:
    """A score that was not calibrated."""
    return score


def answer(task: Task, written: Written, tokenizer: Any, size: Size, mended: Mended = as_it_is) -> Answer:
    """What was written for a task, about an image of this size (width, height)."""
    runs = list(_runs(tokenizer, written))
    found = decode(task, "".join(text for text, _, _ in runs), size)
    items = tuple(_scored(FORMS[task].answers == (Text,), found.items, runs, mended))
    once = {each.item: each for each in reversed(items)}
    kept = tuple(each for each in items if once[each.item] is each)
    if kept and isinstance(kept[0].item, Text) and not kept[0].item.text:
        kept = ()
    return Answer(task, kept, written.cut, len(items) - len(once), found.invalid)


def _runs(tokenizer: Any, written: Written) -> Iterator[tuple[str, bool, list[float]]]:
    """Pieces of text, or runs of markers, as the codec reads them: whether it is of places, and its locations' logs."""
    places = tokens.locations(tokenizer)
    marked = {*places, *tokenizer.all_special_ids}
    pairs = zip(written.tokens, written.logs, strict=True)
    for of_places, run in groupby(pairs, key=lambda pair: pair[0] in marked):
        ids, logs = zip(*run, strict=True)
        text = tokens.decode(tokenizer, ids)
        if of_places:
            yield text, True, [log for id, log in zip(ids, logs, strict=True) if id in places]
        else:
            yield _plain(text), False, list(logs)


def _plain(text: str) -> str:
    """Text in which words happen to spell a marker, as text that does not."""
    return "".join(escape(piece.text) if piece.marker else piece.text for piece in scan(text))


def _scored(
    whole: bool, items: Sequence[Item], runs: Sequence[tuple[str, bool, list[float]]], mended: Mended
) -> Iterator[Scored]:
    """Each item with its scores: places are used up in the order in which they were written."""
    if whole:
        logs = [log for _, of_places, logs in runs if not of_places for log in logs]
        yield from (Scored(item, None, mended("text", _mean(logs))) for item in items)
        return
    label: list[float] | None = None
    places: list[tuple[float, list[float] | None]] = []
    for _, of_places, logs in runs:
        if of_places:
            places += [(log, label) for log in logs]
        else:
            label = logs
    at = 0
    for item in items:
        mine = places[at : at + len(coordinates(item))]
        at += len(mine)
        named = mine[0][1]
        believed = mended("place", _mean([log for log, _ in mine]))
        yield Scored(item, believed, None if named is None else mended("label", _mean(named)))


def _mean(logs: Sequence[float]) -> float:
    """The geometric mean of probabilities, of their logarithms."""
    return min(1.0, math.exp(sum(logs) / len(logs))) if logs else 0.0
