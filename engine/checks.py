"""Does a table keep the record's contract? Vectorised, since every stage's output passes here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.records import (
    ANNOTATIONS,
    GRANULARITIES,
    LABEL_GRANULARITIES,
    REGION_KINDS,
    SCHEMA,
    RecordError,
    column_of,
    flatten,
    ids,
    keys,
    lengths,
)


def check(table: pa.Table, columns: Iterable[str] = (*ANNOTATIONS, "faults")) -> None:
    """Raise RecordError, naming the first image and annotation that breaks the contract, if any does."""
    if not table.schema.equals(SCHEMA):
        raise RecordError(f"the table's schema is not the record's: {_first_difference(table.schema)}")
    for column in columns:
        lists = column_of(table, column)
        if lists.null_count:
            raise RecordError(f"image {_image(table, _first(lists.is_null()))}: {column} is null, not empty")
    size = np.stack([_numpy(table, "width"), _numpy(table, "height")], axis=1).astype(np.float32)
    if "texts" in columns:
        _check_texts(table)
    if "regions" in columns:
        _check_regions(table, size)
    if set(columns) & set(ANNOTATIONS):
        _check_phrases(table)


def _check_texts(table: pa.Table) -> None:
    rows, items = flatten(table, "texts")
    bad = _Bad(table, "texts", rows, items)
    bad.unless_in("granularity", GRANULARITIES)
    bad.if_any(items.field("text").is_null(), "has no text")
    bad.scores(items.field("score"))
    bad.scores(items.field("similarity"))
    bad.unless_unique()


def _check_regions(table: pa.Table, size: np.ndarray) -> None:
    rows, items = flatten(table, "regions")
    bad = _Bad(table, "regions", rows, items)
    bad.unless_in("kind", REGION_KINDS)
    bad.if_any(items.field("box").is_null(), "has no box")
    box = items.field("box").flatten().to_numpy(zero_copy_only=False).reshape(-1, 4)
    limit = np.tile(size[rows], 2)
    # "not inside" rather than "outside": a NaN is neither, and must not pass.
    bad.if_any(~((box >= 0) & (box <= limit)).all(axis=1), "has a box that is not inside the image")
    bad.if_any(~(box[:, :2] < box[:, 2:]).all(axis=1), "has a box without area")
    quads = items.field("quad")
    has = quads.is_valid().to_numpy(zero_copy_only=False)
    quad = quads.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, 8)
    outside = np.zeros(len(items), bool)
    outside[has] = ~((quad >= 0) & (quad <= np.tile(size[rows[has]], 4))).all(axis=1)
    bad.if_any(outside, "has a quad that is not inside the image")
    bad.scores(items.field("score"))
    labels = items.field("labels")
    bad.if_any(labels.is_null(), "has null labels, not empty ones")
    bad.if_any(items.field("support").is_null(), "has null support, not an empty one")
    count, best = lengths(labels), pc.fill_null(items.field("best"), 0).to_numpy(zero_copy_only=False)
    chosen = items.field("best").is_valid().to_numpy(zero_copy_only=False)
    bad.if_any(chosen & ((best < 0) | (best >= count)), "has a best label that it does not have")
    flat = labels.flatten()
    owner = np.repeat(np.arange(len(items)), count)
    inner = _Bad(table, "regions", rows[owner], items.take(pa.array(owner)), flat)
    inner.unless_in("granularity", LABEL_GRANULARITIES)
    inner.if_any(flat.field("text").is_null(), "has a label without text")
    inner.scores(flat.field("score"))
    inner.scores(flat.field("similarity"))
    bad.unless_unique()


def _check_phrases(table: pa.Table) -> None:
    rows, items = flatten(table, "phrases")
    if not len(items):
        return
    bad = _Bad(table, "phrases", rows, items)
    text_rows, texts = flatten(table, "texts")
    at = pc.index_in(keys(rows, items.field("text_id")), value_set=keys(text_rows, texts.field("id")))
    bad.if_any(at.is_null(), "points at a text that the record does not have")
    length = pc.utf8_length(texts.field("text").take(at)).to_numpy(zero_copy_only=False)
    start, end = (items.field(name).to_numpy(zero_copy_only=False) for name in ("start", "end"))
    bad.if_any(~((start >= 0) & (start < end) & (end <= length)), "has a span that is not inside its text")
    refs = items.field("region_ids")
    bad.if_any(refs.is_null(), "has null region_ids, not empty ones")
    owner = np.repeat(np.arange(len(items)), lengths(refs))
    known = pc.is_in(keys(rows[owner], refs.flatten()), value_set=ids(table, "regions"))
    inner = _Bad(table, "phrases", rows[owner], items.take(pa.array(owner)))
    inner.if_any(pc.invert(known), "points at a region that the record does not have")
    bad.scores(items.field("score"))
    bad.scores(items.field("similarity"))
    bad.unless_unique()


@dataclass
class _Bad:
    """Finds the first bad item of a flattened column and says whose it is."""

    table: pa.Table
    column: str
    rows: np.ndarray
    items: pa.StructArray
    inner: pa.StructArray | None = None

    def if_any(self, bad: Any, what: str) -> None:
        first = _first(bad)
        if first is not None:
            name = self.items.field("id")[first].as_py()
            image = _image(self.table, int(self.rows[first]))
            raise RecordError(f"image {image}: {self.column} {name!r} {what}")

    def unless_in(self, field: str, allowed: tuple[str, ...]) -> None:
        values = (self.inner if self.inner is not None else self.items).field(field)
        known = pc.is_in(values, value_set=pa.array(allowed))
        self.if_any(pc.invert(known), f"has a {field} not in {allowed}")

    def scores(self, scores: pa.Array) -> None:
        values = scores.to_numpy(zero_copy_only=False)
        given = scores.is_valid().to_numpy(zero_copy_only=False)
        self.if_any(given & ~((values >= 0) & (values <= 1)), "has a score outside [0, 1]")

    def unless_unique(self) -> None:
        self.if_any(self.items.field("id").is_null(), "has no id")
        names = keys(self.rows, self.items.field("id"))
        if pc.count_distinct(names).as_py() != len(names):
            seen = pc.index_in(names, value_set=names).to_numpy(zero_copy_only=False)
            self.if_any(seen != np.arange(len(names)), "has an id that another one has")


def _first(bad: Any) -> int | None:
    mask = bad if isinstance(bad, np.ndarray) else bad.to_numpy(zero_copy_only=False)
    return int(np.argmax(mask)) if mask.any() else None


def _image(table: pa.Table, row: int | None) -> str:
    return str(table["image_id"][row or 0].as_py())


def _numpy(table: pa.Table, column: str) -> np.ndarray:
    values: np.ndarray = column_of(table, column).to_numpy(zero_copy_only=False)
    return values


def _first_difference(schema: pa.Schema) -> str:
    for field in SCHEMA:
        if field.name not in schema.names:
            return f"column {field.name} is missing"
        if not schema.field(field.name).type.equals(field.type):
            return f"column {field.name} is {schema.field(field.name).type}, not {field.type}"
    return f"columns {schema.names} are not {SCHEMA.names}, in this order"
