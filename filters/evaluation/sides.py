"""Predictions and truth of the same images, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from filters.columns import numbers
from filters.texts import human

# What is read of a record. The rest, the pixels above all, nobody needs.
COLUMNS = ("image_id", "width", "height", "uri", *records.ANNOTATIONS)


@dataclass(frozen=True)
class Sides:
    """n images, by id; an image without predictions has empty ones."""

    found: pa.Table
    truth: pa.Table
    frame: np.ndarray  # float64 (n, 2): height and width in pixels, NaN where neither side says
    counts: dict[str, Any]


def align(found: Iterable[pa.Table], truth: pa.Table) -> Sides:
    """Match images by id, and where that fails by uri, if both are of one size.

    What has no match in the truth is counted and let go; annotations come in the order of their ids, so that nothing
    depends on the order in which they were written.
    """
    truth = truth.take(pc.sort_indices(truth["image_id"]))
    parts, total = [records.empty().select(COLUMNS)], 0
    for table in found:
        total += len(table)
        known = [pc.is_in(table[name], value_set=truth[name].combine_chunks()) for name in ("image_id", "uri")]
        parts.append(table.filter(pc.or_(*known)).select(COLUMNS))
    near = pa.concat_tables(parts).combine_chunks()
    at, by_uri = _partners(near, truth)
    matched = near.take(pa.array(at, mask=at < 0))
    sizes = [[_floats(table, side) for side in ("height", "width")] for table in (truth, matched)]
    frame = np.array([np.where(np.isnan(true), other, true) for true, other in zip(*sizes, strict=True)]).T
    have = int((at >= 0).sum())
    counts = {
        "true": len(truth),
        "matched": have,
        "matched_by_uri": by_uri,
        "missed": len(truth) - have,
        "not_in_truth": total - have,
        "human": {kind: int(human(records.flatten(matched, kind)[1]).sum()) for kind in records.ANNOTATIONS},
    }
    return Sides(_in_order(matched), _in_order(truth), frame.reshape(-1, 2), counts)


def human_only(table: pa.Table) -> pa.Table:
    """The table with what people said and drew, and nothing else: no model's label of a human box either."""
    for column in records.ANNOTATIONS:
        rows, items = records.flatten(table, column)
        keep = human(items)
        kept = items.filter(pa.array(keep))
        if column == "regions":
            kept = _human_labels(kept)
        type = records.SCHEMA.field(column).type
        table = records.replace(table, column, records.unflatten(rows[keep], kept, len(table), type))
    return table


def _human_labels(regions: pa.StructArray) -> pa.StructArray:
    labels = regions.field("labels")
    owner = np.repeat(np.arange(len(labels)), records.lengths(labels))
    keep = human(labels.flatten())
    left = records.unflatten(owner[keep], labels.flatten().filter(pa.array(keep)), len(labels), labels.type)
    lost = np.zeros(len(labels), bool)
    lost[owner[~keep]] = True
    # Where one goes, the number of the best may be another's: the first is as good.
    best = pc.if_else(pa.array(lost), pa.scalar(None, pa.int32()), regions.field("best"))
    return records.amended(regions, labels=left, best=best)


def _partners(found: pa.Table, truth: pa.Table) -> tuple[np.ndarray, int]:
    """The row of `found` for each of the truth, int64 (n,), -1 for none; and how many their uri alone tells."""
    at = _index(truth, found, "image_id")
    sizes = [np.stack([_floats(table, side) for side in ("width", "height")], axis=1) for table in (truth, found)]
    by_uri = _index(truth, found, "uri")
    fits = (by_uri >= 0) & (at < 0) & ~np.isin(by_uri, at)
    fits[fits] = (sizes[0][fits] == sizes[1][by_uri[fits]]).all(axis=1)
    at[fits] = by_uri[fits]
    return at, int(fits.sum())


def _index(table: pa.Table, other: pa.Table, column: str) -> np.ndarray:
    values = records.column_of(table, column)
    place = pc.index_in(values, value_set=records.column_of(other, column), skip_nulls=True)
    found: np.ndarray = numbers(pc.fill_null(place, -1)).astype(np.int64)
    return found


def _floats(table: pa.Table, column: str) -> np.ndarray:
    return numbers(records.column_of(table, column)).astype(np.float64)


def _in_order(table: pa.Table) -> pa.Table:
    """The annotations of each image by their ids."""
    for column in records.ANNOTATIONS:
        rows, items = records.flatten(table, column)
        keys = pa.table([pa.array(rows), items.field("id")], names=["row", "id"])
        order = pc.sort_indices(keys, [("row", "ascending"), ("id", "ascending")])
        type = records.SCHEMA.field(column).type
        lists = records.unflatten(rows[numbers(order)], items.take(order), len(table), type)
        table = table.set_column(table.schema.get_field_index(column), records.SCHEMA.field(column), lists)
    return table
