"""How often an image comes in an epoch, so that rare categories are seen often enough.

The repeat factor of LVIS (Gupta et al., arXiv 1908.03195, section 5.3): of a category that a share f of the images
have, max(1, sqrt(threshold / f)); of an image, that of its rarest category. Categories are the labels of granularity
`phrase`. Ours is the limit: names that are free text are rare without end.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.local import cores
from engine.storage import Folder
from florence.data.blocks import Blocks, opened
from florence.data.settings import DataSettings

_NAMES = "regions.list.element.labels"  # not the masks, which are most of a region


def factors(blocks: Blocks, settings: DataSettings) -> dict[str, float]:
    """The repeat factor of each category that has one above 1. Reads the names of all regions, and nothing else."""
    if not settings.repeat_threshold:
        return {}
    images: Counter[str] = Counter()
    with ThreadPoolExecutor(cores()) as readers:
        for counts in readers.map(lambda place: _counts(*place), blocks.shards()):
            images.update(counts)
    wanted = {name: math.sqrt(settings.repeat_threshold * blocks.images / count) for name, count in images.items()}
    return {name: min(factor, settings.repeat_limit) for name, factor in wanted.items() if factor > 1}


def factor(row: Mapping[str, Any], factors: Mapping[str, float]) -> float:
    """Of a record, a row as a dict: that of its rarest category."""
    if not factors:
        return 1.0
    labels = (label for region in row["regions"] for label in region["labels"] if label["granularity"] == "phrase")
    return max((factors.get(label["text"], 1.0) for label in labels), default=1.0)


def _counts(folder: Folder, name: str) -> dict[str, int]:
    """How many images of a shard have each category."""
    with opened(folder, name) as file:
        column = file.read(columns=[_NAMES], use_threads=False)["regions"].combine_chunks()
    regions = column.flatten()
    row = np.repeat(np.arange(len(column)), records.lengths(column))
    lists = regions.field("labels")
    labels, owner = lists.flatten(), np.repeat(row, records.lengths(lists))
    named = pc.equal(labels.field("granularity"), "phrase")
    pairs = pa.table({"row": pa.array(owner), "name": labels.field("text")}).filter(named)
    once = pairs.group_by(["row", "name"]).aggregate([])
    found = pc.value_counts(once["name"].combine_chunks())
    return {item["values"]: item["counts"] for item in found.to_pylist()}
