"""What every lister answers: a row per input, whatever the input lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records

FRAME = pa.struct([("width", pa.int32()), ("height", pa.int32())])
INPUTS = pa.schema(
    [
        ("uri", pa.string()),
        ("source", pa.string()),  # as the user typed it; several joined by ", "
        ("size", pa.int64()),  # in bytes; null where only reading would tell
        ("stamp", pa.string()),  # another one when the content, or what a human said of it, may be another
        ("container", pa.string()),  # the tar or Parquet file that the input lies in
        ("offset", pa.int64()),  # of a tar member's content, in the (decompressed) archive
        ("length", pa.int64()),
        ("row", pa.int64()),  # of a Parquet file
        ("column", pa.string()),
        ("refused", pa.string()),  # why it is quarantined without being opened
        ("detail", pa.string()),  # of the refusal; else what is odd in what the source says of the input
        ("texts", pa.list_(records.TEXT)),  # what the source already says of it
        ("regions", pa.list_(records.REGION)),  # in pixels of `frame`
        ("frame", FRAME),  # the image's size as the source states it
    ]
)
# A lister's answer: `digest` is of the annotations, and becomes a part of the stamp.
LISTED = INPUTS.append(pa.field("digest", pa.string()))

ALT_TEXT = records.Origin("alt_text")


class SourceError(ValueError):
    """A source that cannot be listed; the message says what, where, and how to mend it."""


def writable(text: str) -> str:
    """Text that UTF-8 can hold: bytes of a file name that are not UTF-8 arrive as surrogates, and are escaped."""
    return text.encode(errors="backslashreplace").decode()


@dataclass(frozen=True)
class Spec:
    """A source as it was typed, taken apart."""

    text: str
    kind: str
    location: str  # a local path or a URL
    options: dict[str, str] = field(default_factory=dict)
    follow_links: bool = False

    def error(self, what: str) -> SourceError:
        return SourceError(writable(f"source {self.text!r}: {what}"))


class Found(NamedTuple):
    """What lies at a place, without opening it: its size and stamp, or why it is refused."""

    size: int | None = None
    stamp: str = ""
    refused: str | None = None
    detail: str | None = None


class Rows:
    """Collects inputs as columns, of which most sources fill a few only: there can be millions of rows."""

    def __init__(self, source: str) -> None:
        self._source = writable(source)
        self._uris: list[str] = []
        self._found: list[Found] = []
        self._more: dict[str, dict[int, Any]] = {}

    def add(self, uri: str, found: Found, **more: Any) -> None:
        """One input; `more` names columns of LISTED."""
        for name, value in more.items():
            self._more.setdefault(name, {})[len(self._uris)] = value
        self._uris.append(uri)
        self._found.append(found)

    def table(self, **arrays: pa.Array) -> pa.Table:
        """All rows as LISTED; `arrays` are columns that were made elsewhere."""
        count = len(self._uris)
        given: dict[str, Any] = {"uri": self._uris, "source": [self._source] * count}
        for place, name in enumerate(Found._fields):
            given[name] = [found[place] for found in self._found]
        for name in ("texts", "regions"):
            given[name] = [()] * count
        for name, values in self._more.items():
            blank = given.get(name, [None] * count)
            given[name] = [values.get(row, blank[row]) for row in range(count)]
        given |= arrays
        columns = [_array(given.get(field.name), field.type, count) for field in LISTED]
        return pa.table(columns, schema=LISTED)


def _array(given: Any, type: pa.DataType, count: int) -> pa.Array:
    if given is None:
        return pa.nulls(count, type)
    return given if isinstance(given, pa.Array) else pa.array(given, type)


def alt_text(text: str) -> dict[str, Any]:
    """A caption that came with an image, as an entry of `texts`."""
    return records.text("", "brief", text.strip(), ALT_TEXT)


def merge(listed: Sequence[pa.Table]) -> pa.Table:
    """The listers' answers as INPUTS, each uri once, with what all sources say of it.

    Sorted by uri; what lies in a container stands at the container's uri, in the container's own order.
    """
    table = pa.concat_tables([LISTED.empty_table(), *listed]).combine_chunks()
    if pc.count_distinct(table["uri"]).as_py() < len(table):
        table = _one_row_per_uri(table)
    for column in ("texts", "regions"):
        table = _numbered(table, column)
    return _sorted(_stamped(table)).select(INPUTS.names).replace_schema_metadata(None)


def _one_row_per_uri(table: pa.Table) -> pa.Table:
    # A row that is not refused goes first, and so speaks for its uri.
    keyed = table.append_column("_bad", table["refused"].is_valid())
    order = pc.sort_indices(keyed, [("uri", "ascending"), ("_bad", "ascending")])
    table = table.take(order).combine_chunks()
    uri = records.column_of(table, "uri")
    starts = np.ones(len(table), bool)
    starts[1:] = pc.not_equal(uri[1:], uri[:-1]).to_numpy(zero_copy_only=False)
    group, first = np.cumsum(starts) - 1, np.flatnonzero(starts)
    merged = table.take(pa.array(first))
    for column in ("texts", "regions"):
        rows, items = records.flatten(table, column)
        lists = records.unflatten(group[rows], items, len(first), LISTED.field(column).type)
        merged = _with(merged, column, lists)
    merged = _with(merged, "source", _joined(table["source"], first, ", "))
    merged = _with(merged, "detail", _joined(table["detail"], first, "; "))
    merged = _with(merged, "digest", _joined(table["digest"], first, "+"))
    return _with(merged, "frame", table["frame"].take(pa.array(_first_valid(table["frame"], group, first))))


def _joined(column: pa.ChunkedArray, first: np.ndarray, by: str) -> pa.Array:
    """Each group's different values, as one string; null for none."""
    values = column.to_pylist()
    ends = [*first[1:].tolist(), len(values)]
    groups = (dict.fromkeys(v for v in values[a:b] if v is not None) for a, b in zip(first.tolist(), ends, strict=True))
    return pa.array([by.join(group) if group else None for group in groups], pa.string())


def _first_valid(column: pa.ChunkedArray, group: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Each group's first row whose value is not null, or its first row."""
    rows = first.copy()
    valid = np.flatnonzero(column.is_valid().to_numpy())[::-1]
    rows[group[valid]] = valid
    return rows


def _numbered(table: pa.Table, column: str) -> pa.Table:
    """Ids "model.0", "model.1" .. in each row's order: two sources may have given the same."""
    rows, items = records.flatten(table, column)
    if not len(items):
        return table
    counts = records.lengths(records.column_of(table, column))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    model = pc.struct_field(items.field("origin"), "model")
    names = pc.binary_join_element_wise(model, pc.cast(pa.array(place), pa.string()), ".")
    fields = [names if field.name == "id" else items.field(field.name) for field in items.type]
    items = pa.StructArray.from_arrays(fields, fields=list(items.type))
    return _with(table, column, records.unflatten(rows, items, len(table), LISTED.field(column).type))


def _stamped(table: pa.Table) -> pa.Table:
    both = pc.binary_join_element_wise(table["stamp"], table["digest"], "+", null_handling="skip")
    return _with(table, "stamp", both)


def _sorted(table: pa.Table) -> pa.Table:
    keyed = table.append_column("_place", pc.coalesce(table["container"], table["uri"]))
    keys = [(name, "ascending") for name in ("_place", "row", "offset", "uri")]
    return table.take(pc.sort_indices(keyed, keys)).combine_chunks()


def _with(table: pa.Table, column: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), LISTED.field(column), values)
