"""The multitask model as grounder of the phrases of texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa

from engine import records
from engine.stage import Batch, Outcome
from florence.codec import Box, Task, Text
from florence.predict import Answer, Scored
from specialists.captioning.captioners import clean
from specialists.grounding.passes import plain
from specialists.grounding.phrasebook import Phrasebook
from specialists.multitask.asking import Multitask, has_area

# What a phrase may begin with, and a label for it lack.
DETERMINERS = frozenset({"a", "an", "the", "this", "that", "these", "those", "some", "his", "her", "its", "their"})
Places = dict[tuple[float, ...], dict[str, Scored]]  # by box: the phrases that it was found for


@dataclass
class MultitaskGrounding(Multitask):
    """Boxes for each phrase that names no region yet, as regions whose labels are the phrases that they fit.

    Each text is asked for as a whole; a label that equals a phrase, but for a determiner in front, is of it. With
    `again`, what then lacks a box is looked for by itself, as an open vocabulary.
    """

    name: ClassVar[str] = "multitask_grounding"
    reads: ClassVar[frozenset[str]] = frozenset({"image", "texts", "phrases"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object", "regions.labels", "phrases.regions"})

    again: bool = True
    min_score: float = 0.0  # ours

    def __call__(self, batch: Batch) -> Outcome:
        book = Phrasebook(batch.table)
        asked = book.asked()
        found = self._of_texts(batch, asked)
        if self.again:
            self._one_by_one(batch, asked, found)
        new = []
        for row, (places, ids) in enumerate(zip(found, self._ids(batch), strict=True)):
            named: dict[str, dict[str, float]] = {phrase: {} for phrase in asked[row]}
            new.append([self._region(place, next(ids), partial(book.forms, row), named) for place in places.items()])
            for phrase, regions in named.items():
                # 0: asked for in vain, and not to be asked for again.
                book.tell(row, phrase, regions, max(regions.values(), default=0.0))
        return Outcome(book.written(records.append(batch.table, "regions", new)))

    def _of_texts(self, batch: Batch, asked: Sequence[Sequence[str]]) -> list[Places]:
        """Each row's places, from its texts that have any of the phrases that are asked for."""
        texts = [_texts_with(row, wanted) for row, wanted in zip(_told(batch.table), asked, strict=True)]
        answers = self.ask(
            batch, [[(Task.CAPTION_TO_PHRASE_GROUNDING, (Text(each),)) for each in row] for row in texts]
        )
        found: list[Places] = []
        for wanted, given in zip(asked, answers, strict=True):
            names = {_bare(phrase): phrase for phrase in reversed(wanted)} | {phrase: phrase for phrase in wanted}
            found.append({})
            for each in self._good(given):
                said = plain(clean(each.item.text))
                if phrase := names.get(said, names.get(_bare(said))):
                    _put(found[-1], each, phrase)
        return found

    def _one_by_one(self, batch: Batch, asked: Sequence[Sequence[str]], found: Sequence[Places]) -> None:
        """Look for what has no place yet, and add what is found."""
        missing = [
            [phrase for phrase in wanted if not any(phrase in phrases for phrases in places.values())]
            for wanted, places in zip(asked, found, strict=True)
        ]
        wishes = [[(Task.OPEN_VOCABULARY_DETECTION, (Text(phrase),)) for phrase in row] for row in missing]
        for places, phrases, answers in zip(found, missing, self.ask(batch, wishes), strict=True):
            for phrase, answer in zip(phrases, answers, strict=True):
                for each in self._good([answer]):
                    _put(places, each, phrase)

    def _good(self, answers: Iterable[Answer]) -> Iterator[Scored]:
        for answer in answers:
            yield from (each for each in answer.items if each.believed >= self.min_score and has_area(each.item))

    def _region(
        self,
        place: tuple[tuple[float, ...], dict[str, Scored]],
        id: str,
        forms: Callable[[str], list[str]],
        named: Mapping[str, dict[str, float]],
    ) -> dict[str, Any]:
        """A place as a region, with the phrases that name it as labels; it is put among those that each names."""
        box, phrases = place
        best = sorted(phrases.items(), key=lambda each: -each[1].believed)
        for phrase, found in best:
            named[phrase][id] = found.believed
        labels = [
            records.label("phrase", form, self.origin, found.label_score)
            for phrase, found in best for form in forms(phrase)
        ]  # fmt: skip
        return records.region(id, "object", box, self.origin, score=best[0][1].score, labels=labels, best=0)


def _put(places: Places, found: Scored, phrase: str) -> None:
    assert isinstance(found.item, Box)
    same = places.setdefault(found.item.box, {})
    if phrase not in same or same[phrase].believed < found.believed:
        same[phrase] = found


def _told(table: pa.Table) -> Iterator[dict[str, Any]]:
    yield from table.select(["texts", "phrases"]).to_pylist()


def _texts_with(row: Mapping[str, Any], phrases: Collection[str]) -> list[str]:
    """The texts of a row, each once, in which any of the phrases stands."""
    said = {text["id"]: text["text"] for text in row["texts"]}
    spans = ((each["text_id"], said[each["text_id"]][each["start"] : each["end"]]) for each in row["phrases"])
    return list(dict.fromkeys(said[id] for id, span in spans if plain(span) in phrases))


def _bare(phrase: str) -> str:
    """A phrase without the determiner in front of it."""
    first, _, rest = phrase.partition(" ")
    return rest if first in DETERMINERS and rest else phrase
