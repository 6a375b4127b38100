"""The labels of regions, over all regions of a table: which have one, and more for some of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records


def has_label(regions: pa.StructArray, granularity: str) -> np.ndarray:
    """Which regions (n,) have a label of this granularity: bool (n,)."""
    labels = regions.field("labels")
    owner = np.repeat(np.arange(len(labels)), records.lengths(labels))
    found = pc.equal(labels.flatten().field("granularity"), granularity).to_numpy(zero_copy_only=False)
    has = np.zeros(len(labels), bool)
    has[owner[found]] = True
    return has


def add_labels(table: pa.Table, at: Sequence[int], new: Sequence[dict[str, Any]]) -> pa.Table:
    """The table with new labels (m,) put behind those that the regions `at` (m,) have.

    `at` are numbers over the flattened regions, in any order; a region may get several.
    """
    if not new:
        return table
    labels = records.flatten(table, "regions")[1].field("labels")
    owner = np.concatenate([np.repeat(np.arange(len(labels)), records.lengths(labels)), np.asarray(at, np.int64)])
    order = np.argsort(owner, kind="stable")
    values = pa.concat_arrays([labels.flatten(), pa.array(new, records.LABEL)]).take(pa.array(order))
    return records.amend(table, "regions", labels=records.unflatten(owner[order], values, len(labels), labels.type))
