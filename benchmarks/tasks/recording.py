"""Answers as records, so that they are measured as `fld evaluate` measures them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from benchmarks.tasks.asking import Answered, Exam
from benchmarks.tasks.places import around
from engine import records
from filters.evaluation import COLUMNS
from florence.codec import Item, Quad, Task
from florence.codec.samples import CAPTIONS
from florence.predict import Scored

ORIGIN = records.Origin("tasks")
_GRANULARITY = {task: granularity for granularity, task in CAPTIONS.items()}


def recorded(exam: Exam) -> pa.Table:
    """Each image with its captions, its objects and its written lines, as the model gave them."""
    rows = exam.truth.select(["image_id", "width", "height"]).to_pylist()
    rows = [{**row, "texts": [], "regions": [], "phrases": []} for row in rows]
    for each in exam.answered:
        row = rows[each.question.ask.image]
        row["texts"] += _texts(each)
        row["regions"] += _regions(each)
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in COLUMNS} for row in rows],
        schema=pa.schema([records.SCHEMA.field(name) for name in COLUMNS]),
    )


def _texts(given: Answered) -> Iterator[dict[str, Any]]:
    task, text = given.answer.task, given.answer.text
    if task in _GRANULARITY and text.strip():
        yield records.text(task, _GRANULARITY[task], text, ORIGIN, given.answer.items[0].label_score)


def _regions(given: Answered) -> Iterator[dict[str, Any]]:
    """Ids in the order of the answer, so that of equal scores the first counts first."""
    kind = {Task.OD: ("object", "phrase"), Task.OCR_WITH_REGION: ("text", "ocr")}.get(given.answer.task)
    for at, each in enumerate(given.answer.items if kind else ()):
        assert kind
        yield _region(f"{kind[0]}.{at:04}", *kind, each)


def _region(id: str, kind: str, granularity: str, found: Scored) -> dict[str, Any]:
    item: Item = found.item
    labels = [records.label(granularity, item.text, ORIGIN, found.label_score)]
    quad = item.quad if isinstance(item, Quad) else None
    return records.region(id, kind, around(item), ORIGIN, score=found.score, labels=labels, best=0, quad=quad)
