"""All measures of one set of predictions against one set of truths."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from engine import metrics
from engine.memory import Memory
from filters.evaluation import lines, phrases, regions, texts
from filters.evaluation.mentions import Reader
from filters.evaluation.objects import Objects
from filters.evaluation.sides import align
from filters.evaluation.vocabulary import Vocabulary


def evaluate(found: Iterable[pa.Table], truth: pa.Table, memory: Memory | None = None) -> dict[str, Any]:
    """Every figure, by kind of annotation; None where there was nothing to measure.

    `found` are records in pieces of any size, without pixels, of which those that the truth does not have are counted
    and let go; `truth` are records that say what is there, each image once. A `memory` spares the parse of texts.
    """
    images = align(found, truth)
    vocabulary = Vocabulary.of(images.truth)
    predicted, true = (Objects(table, vocabulary, images.frame) for table in (images.found, images.truth))
    # A region around many objects is nobody's prediction of one.
    predicted = predicted.only(~predicted.crowd)
    reader = Reader(vocabulary, memory or Memory())
    measures = {
        "regions": regions.measure(predicted, true, vocabulary),
        "texts": texts.measure(images.found, images.truth, true, reader),
        "phrases": phrases.measure(images.found, images.truth, true, reader),
        "lines": lines.measure(images.found, images.truth),
    }
    f1 = {kind: measures[kind]["f1"] for kind in ("texts", "regions", "phrases")}
    label_f1 = {**f1, "mean": metrics.mean(list(f1.values()))}
    result: dict[str, Any] = _plain({"images": images.counts, "label_f1": label_f1, **measures})
    return result


def _plain(value: Any) -> Any:
    """The same for JSON, which has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    return value
