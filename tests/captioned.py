"""Tables of texts and phrases, and what a stage made of them: what the tests of text filters share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from engine import records
from engine.checks import check
from engine.memory import Memory
from engine.stage import Batch, Outcome, Stage
from engine.worker import Work, Worker

MODEL = records.Origin("captioner", "r1")

# Any text that Arrow can hold: whole Unicode without lone surrogates.
ALPHABET = {"codec": "utf-8"}


def text(words: str, id: str = "t", granularity: str = "brief", *, human: bool = False, **given: Any) -> dict[str, Any]:
    """A captioner's text, or a person's."""
    return records.text(id, granularity, words, records.HUMAN if human else MODEL, **given)


def phrase(id: str, text_id: str, start: int, end: int, *, human: bool = False) -> dict[str, Any]:
    """A model's phrase, or a person's."""
    origin = (records.HUMAN if human else MODEL).as_dict()
    return {
        "id": id, "text_id": text_id, "start": start, "end": end, "region_ids": [], "score": None, "origin": origin,
    }  # fmt: skip


def image(
    *texts: dict[str, Any] | str, phrases: Sequence[dict[str, Any]] = (), written: Sequence[str] = ()
) -> dict[str, Any]:
    """One image's record with texts (a plain string is a brief one), phrases, and words that OCR read."""
    made = [text(each, f"t{i}") if isinstance(each, str) else each for i, each in enumerate(texts)]
    regions = [
        records.region(f"r{i}", "text", [0, 0, 9, 9], MODEL, labels=[records.label("ocr", line, MODEL)])
        for i, line in enumerate(written)
    ]
    return {
        "image_id": "i", "width": 100, "height": 100, "texts": made, "regions": regions, "phrases": list(phrases),
        "faults": [],
    }  # fmt: skip


def table(*images: dict[str, Any]) -> pa.Table:
    rows = [{**image, "image_id": f"image{i}"} for i, image in enumerate(images)]
    return pa.Table.from_pylist(rows, schema=records.SCHEMA)


def run(stage: Stage, given: pa.Table, memory: Memory | None = None) -> Outcome:
    """What a stage makes of a table, which must keep the record's contract and its words."""
    outcome = stage(Batch(given, lambda row: np.zeros((1, 1, 3), np.uint8), memory or Memory()))
    check(outcome.table)
    assert outcome.rejects.schema.equals(records.REJECTS)
    return outcome


def work(stages: Sequence[Stage], given: pa.Table, memory: Memory | None = None) -> Work:
    """What a worker makes of it: its books must balance, and no image may have a fault."""
    worker = Worker(stages, 1)
    done = worker(Work.of(given), memory=memory)
    worker.close()
    assert not any(done.table["faults"].to_pylist())
    check(done.table)
    return done


def texts(given: pa.Table) -> list[str]:
    found: list[str] = records.flatten(given, "texts")[1].field("text").to_pylist()
    return found


def spans(given: pa.Table) -> list[str]:
    """What each phrase says."""
    said = []
    for row in given.to_pylist():
        by_id = {each["id"]: each["text"] for each in row["texts"]}
        said += [by_id[each["text_id"]][each["start"] : each["end"]] for each in row["phrases"]]
    return said


def rules(outcome: Outcome | Work) -> list[str]:
    found: list[str] = outcome.rejects["rule"].to_pylist()
    return found
