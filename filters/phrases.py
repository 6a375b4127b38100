"""The noun phrases of each text, as spans that grounding can look for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from engine import records
from engine.records import Origin
from engine.stage import Batch, ChainError, Outcome
from filters import parsing
from filters.parsing import Reading
from filters.syntax import Extent
from filters.texts import Spans, Texts


@dataclass(frozen=True)
class Phrases(Reading):
    """Writes the noun phrases of each text that has no phrases yet.

    `extent` says how far a phrase reaches: bare ("a man"), full ("a man in a blue shirt"), or one phrase for
    each. Texts that the parser cannot read get none: it cannot know where theirs begin and end.
    """

    name: ClassVar[str] = "phrases"
    reads: ClassVar[frozenset[str]] = frozenset({"texts"})
    writes: ClassVar[frozenset[str]] = frozenset({"phrases"})

    extent: Literal["bare", "full", "both"] = "bare"  # ours: the span that a box fits

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extent not in [extent.value for extent in Extent]:
            raise ChainError(f"{self.name}: extent must be bare, full or both, not {self.extent!r}")

    def __call__(self, batch: Batch) -> Outcome:
        texts = Texts(batch.table)
        known = Spans(batch.table, texts)
        at = np.setdiff1d(np.flatnonzero(self.readable(texts.text)), known.text)
        extent, found = Extent(self.extent), []
        for i, parsed in zip(at.tolist(), parsing.parses(batch, self.pipeline, at), strict=True):
            places = {(start, end) for _, start, end, *_ in parsing.phrases_of(parsed, extent)}
            found += [(i, start, end) for start, end in sorted(places)]
        of, start, end = np.array(found, np.int64).reshape(-1, 3).T
        names = _Names(self.name, known)
        origin = pa.scalar(Origin("syntax", self.revision()).as_dict(), records.ORIGIN)
        given = {
            "id": pa.array([names.next(row) for row in texts.row[of].tolist()], pa.string()),
            "text_id": texts.id.take(pa.array(of)),
            "start": pa.array(start, pa.int32()),
            "end": pa.array(end, pa.int32()),
            "region_ids": pa.array([[]] * len(of), pa.list_(pa.string())),
            "origin": pa.repeat(origin, len(of)),
        }
        fields = list(records.PHRASE)
        columns = [given[field.name] if field.name in given else pa.nulls(len(of), field.type) for field in fields]
        return Outcome(_added(batch.table, texts.row[of], pa.StructArray.from_arrays(columns, fields=fields), known))


def _added(table: pa.Table, rows: np.ndarray, new: pa.StructArray, known: Spans) -> pa.Table:
    """The table with new phrases (p,) behind those that their rows (p,) have."""
    rows = np.concatenate([known.row, rows])
    order = np.argsort(rows, kind="stable")
    items = pa.concat_arrays([known.items, new]).take(pa.array(order))
    lists = records.unflatten(rows[order], items, len(table), records.SCHEMA.field("phrases").type)
    return records.replace(table, "phrases", lists)


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
