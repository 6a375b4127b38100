"""Written lines: are they found, and are they read?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from engine import metrics
from engine.geometry import quad_overlaps
from engine.metrics import F1
from filters.columns import Regions
from filters.evaluation.objects import TEXT
from filters.evaluation.vocabulary import NONE, Labels


class _Lines:
    """k written lines of one side."""

    def __init__(self, table: pa.Table) -> None:
        regions = Regions(table)
        at = np.flatnonzero(regions.kind == TEXT)
        labels = Labels(regions.items.take(pa.array(at)))
        self.row, self.quad, self.score = regions.row[at], regions.quad[at].astype(np.float64), regions.score[at]
        texts = labels.text.take(pa.array(labels.best, mask=labels.best == NONE)).to_pylist()
        self.text = [metrics.plain(text or "") for text in texts]


def measure(found: pa.Table, truth: pa.Table) -> dict[str, Any]:
    """Character error rate and F1 of lines matched by their quads; NaN where the truth has no lines."""
    read, true = _Lines(found), _Lines(truth)
    count = {"true": len(true.text), "found": len(read.text)}
    if not true.text:
        return count | dict.fromkeys(("character_errors", "f1_found", "f1_read"), math.nan)
    at = metrics.match(read.quad, read.score, read.row, true.quad, true.row, overlaps=quad_overlaps).truth.tolist()
    pairs = [(true.text[target] if target >= 0 else "", text) for target, text in zip(at, read.text, strict=True)]
    pairs += [(true.text[target], "") for target in sorted({*range(len(true.text))} - {*at})]
    matched = sum(target >= 0 for target in at)
    right = sum(target >= 0 and true.text[target] == text for target, text in zip(at, read.text, strict=True))
    return count | {
        "character_errors": metrics.character_errors(pairs),
        "f1_found": F1(matched, len(at), matched, len(true.text)).f1,
        "f1_read": F1(right, len(at), right, len(true.text)).f1,
    }
