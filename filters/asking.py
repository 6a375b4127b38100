"""Refinement asks again: the phrases that stand are put once more, for the model of a later round to ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from engine import records
from engine.records import Origin
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters.texts import TEXT


@dataclass(frozen=True)
class PhrasesAgain(Stage):
    """Appends to each text's phrases, with `round` in their origin, those of earlier rounds without their regions.

    A span is put once; where this round has put it already, it is not put again. `phrase_agreement` decides between
    what stands and what is found for it now.
    """

    name: ClassVar[str] = "phrases_again"
    reads: ClassVar[frozenset[str]] = frozenset({"texts", "phrases"})
    writes: ClassVar[frozenset[str]] = frozenset({"phrases"})

    round: int = 1
    resources: Resources = TEXT

    def __post_init__(self) -> None:
        if self.round < 1:
            raise ChainError(f"{self.name}: round must be at least 1, for 0 are the specialists; not {self.round}")

    def __call__(self, batch: Batch) -> Outcome:
        rows, items = records.flatten(batch.table, "phrases")
        new: list[list[dict[str, Any]]] = [[] for _ in range(len(batch))]
        put = set[tuple[int, str, int, int]]()
        plain = list(zip(rows.tolist(), items.to_pylist(), strict=True))
        put |= {_span(row, each) for row, each in plain if (each["origin"]["round"] or 0) == self.round}
        taken = {(row, each["id"]) for row, each in plain}
        for row, each in plain:
            if _span(row, each) in put:
                continue
            put.add(_span(row, each))
            name = f"{self.name}.{self.round}.{len(new[row])}"
            assert (row, name) not in taken, "ids of a round are made here alone"
            origin = Origin(self.name, "", self.round)
            new[row].append(records.phrase(name, each["text_id"], (each["start"], each["end"]), origin))
        return Outcome(records.append(batch.table, "phrases", new))


def _span(row: int, phrase: dict[str, Any]) -> tuple[int, str, int, int]:
    return row, phrase["text_id"], phrase["start"], phrase["end"]
