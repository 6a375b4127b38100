"""Which phrases of a batch are still to be grounded, each asked once for an image, and what they get."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from engine import records
from specialists.grounding.passes import plain

Key = tuple[int, str]  # row, and what is asked


@dataclass
class Answer:
    """What is known of one phrase of an image: the regions that it names, and the best score it had with any box."""

    region_ids: list[str] = field(default_factory=list)
    score: float | None = None

    def add(self, region_ids: Iterable[str], score: float | None) -> None:
        """What else is known of it."""
        self.region_ids += [name for name in region_ids if name not in self.region_ids]
        self.score = max((each for each in (self.score, score) if each is not None), default=None)


class Phrasebook:
    """The phrases column of a table. Phrases of an image that differ in case or white space only are one.

    Grounded is what names a region, and what has a score: it was asked for, and no box was good enough. A phrase
    that equals a grounded one shares its regions, those that a person drew too, so that nothing is found twice.
    What a person said is left alone, but that a phrase of theirs without regions gets some.
    """

    def __init__(self, table: pa.Table) -> None:
        self._length = len(table)
        rows, items = records.flatten(table, "phrases")
        self._refs: list[list[str]] = items.field("region_ids").to_pylist()
        self._scores: list[float | None] = items.field("score").to_pylist()
        self._human = [origin["model"] == records.HUMAN.model for origin in items.field("origin").to_pylist()]
        self._keys: list[Key] = []
        self._forms: defaultdict[Key, dict[str, None]] = defaultdict(dict)
        self._known: defaultdict[Key, Answer] = defaultdict(Answer)
        for at, (row, span) in enumerate(zip(rows.tolist(), _spans(table), strict=True)):
            key = row, plain(span)
            self._keys.append(key)
            self._forms[key][span] = None
            if self._grounded(at):
                self._known[key].add(self._refs[at], self._scores[at])

    def asked(self) -> list[list[str]]:
        """What a model must be asked about each row's image, in the order of the phrases."""
        asked: list[list[str]] = [[] for _ in range(self._length)]
        for row, phrase in self._forms:
            if (row, phrase) not in self._known:
                asked[row].append(phrase)
        return asked

    def forms(self, row: int, asked: str) -> list[str]:
        """The exact characters with which a row's texts say it, each way once."""
        return list(self._forms[row, asked])

    def tell(self, row: int, asked: str, region_ids: Iterable[str], score: float | None) -> None:
        """What came of asking."""
        self._known[row, asked].add(region_ids, score)

    def written(self, table: pa.Table) -> pa.Table:
        """The table, whose phrases are those that this was made of, with the answers in them."""
        new = {
            at: self._known[key] for at, key in enumerate(self._keys) if not self._grounded(at) and key in self._known
        }
        if not new:
            return table
        refs, scores = list(self._refs), list(self._scores)
        for at, answer in new.items():
            refs[at], scores[at] = answer.region_ids, None if self._human[at] else answer.score
        type = records.PHRASE.field("region_ids").type
        return records.amend(table, "phrases", region_ids=pa.array(refs, type), score=pa.array(scores, pa.float32()))

    def _grounded(self, at: int) -> bool:
        return bool(self._refs[at]) or self._scores[at] is not None


def _spans(table: pa.Table) -> list[str]:
    """The exact characters of each phrase."""
    text_rows, texts = records.flatten(table, "texts")
    said = dict(zip(_named(text_rows.tolist(), texts.field("id")), texts.field("text").to_pylist(), strict=True))
    rows, phrases = records.flatten(table, "phrases")
    start, end = (phrases.field(name).to_pylist() for name in ("start", "end"))
    owners = _named(rows.tolist(), phrases.field("text_id"))
    return [said[owner][first:last] for owner, first, last in zip(owners, start, end, strict=True)]


def _named(rows: list[int], ids: pa.Array) -> list[Key]:
    return list(zip(rows, ids.to_pylist(), strict=True))
