"""The noun phrases of each text, as spans that grounding can look for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from engine import records
from engine.records import Origin
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters import parsing
from filters.columns import require_between
from filters.syntax import Extent
from filters.texts import TEXT, Spans, Texts
from filters.words import foreign_share


@dataclass(frozen=True)
class Phrases(Stage):
    """Writes the noun phrases of each text that has no phrases yet.

    `extent` says how far a phrase reaches: bare ("a man"), full ("a man in a blue shirt"), or one phrase for
    each. Texts whose letters are mostly of another script than Latin get none: the English parser cannot know
    where theirs begin and end.
    """

    name: ClassVar[str] = "phrases"
    reads: ClassVar[frozenset[str]] = frozenset({"texts"})
    writes: ClassVar[frozenset[str]] = frozenset({"phrases"})

    extent: Literal["bare", "full", "both"] = "bare"  # ours: the span that a box fits
    max_foreign: float | None = 0.3  # share of letters that are not Latin; ours; None = no limit
    pipeline: str = ""  # the bundled English one, else a spaCy package or a path
    resources: Resources = TEXT

    def __post_init__(self) -> None:
        if self.extent not in [extent.value for extent in Extent]:
            raise ChainError(f"{self.name}: extent must be bare, full or both, not {self.extent!r}")
        if self.max_foreign is not None:
            require_between(self, "max_foreign", 0, 1)

    def check(self) -> None:
        parsing.locate(self.pipeline)

    def revision(self) -> str:
        return parsing.revision(self.pipeline)

    def __call__(self, batch: Batch) -> Outcome:
        texts = Texts(batch.table)
        spans = Spans(batch.table, texts)
        at = np.setdiff1d(np.flatnonzero([self._reads(text) for text in texts.text]), spans.text)
        names = _Names(self.name, spans)
        origin, extent = Origin("syntax", self.revision()).as_dict(), Extent(self.extent)
        new: list[list[dict[str, Any]]] = [[] for _ in range(len(batch))]
        for i, parsed in zip(at.tolist(), parsing.parses(batch, self.pipeline, at), strict=True):
            row, text_id = int(texts.row[i]), texts.id[i].as_py()
            for start, end in sorted({(phrase.start, phrase.end) for phrase in parsing.phrases_of(parsed, extent)}):
                new[row].append(
                    {
                        "id": names.next(row), "text_id": text_id, "start": start, "end": end, "region_ids": [],
                        "score": None, "origin": origin,
                    }
                )  # fmt: skip
        return Outcome(records.append(batch.table, "phrases", new))

    def _reads(self, text: str) -> bool:
        return self.max_foreign is None or foreign_share(text) <= self.max_foreign


class _Names:
    """Ids of new phrases, numbered by image, past those that an image has already."""

    def __init__(self, name: str, spans: Spans) -> None:
        self._name = name
        self._taken = set(zip(spans.row.tolist(), spans.items.field("id").to_pylist(), strict=True))
        self._next: defaultdict[int, int] = defaultdict(int)

    def next(self, row: int) -> str:
        """One for a phrase of this image."""
        name = f"{self._name}.{self._next[row]}"
        self._next[row] += 1
        return self.next(row) if (row, name) in self._taken else name
