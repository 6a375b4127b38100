"""What a run leaves to look at: metrics.jsonl, a line every few steps; plots/ for DVC; the figures of its summary.

A line holds nothing that another run of the same settings would not write: no times. A run that goes on cuts off what
was written after its checkpoint, so the curve is that of a run that was never stopped.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.storage import Folder
from florence.training import checkpoints
from florence.training.books import Books

METRICS, LOSS, BY_TASK = "metrics.jsonl", "plots/loss.csv", "plots/tasks.csv"
LAST = 10  # lines that the summary's losses are the mean of; ours


class Curve:
    """OUT/metrics.jsonl, written on from a step."""

    def __init__(self, out: Path, step: int) -> None:
        self._folder = Folder.at(out)
        kept = [line for line in lines(out) if line["step"] <= step]
        self._folder.write(METRICS, "".join(_text(line) for line in kept).encode())
        self._file = (out / METRICS).open("a", encoding="utf-8")

    def add(self, line: dict[str, Any]) -> None:
        """Write a line; it can be read at once."""
        self._file.write(_text(line))
        self._file.flush()

    def keep(self) -> None:
        """Make what was written durable, and draw it."""
        os.fsync(self._file.fileno())
        draw(self._folder)

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def lines(out: Path, after: int = 0) -> list[dict[str, Any]]:
    """The lines of the metrics of steps after one, up to a line that a killed run left unfinished."""
    try:
        text = (out / METRICS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in found if line["step"] > after]


def draw(out: Folder) -> None:
    """Write the plots: loss.csv with step, loss and learning_rate, tasks.csv with step, task and loss."""
    found = lines(Path(out.root))
    names = ("step", "loss", "learning_rate")
    out.write(LOSS, _csv(names, ([line[name] for name in names] for line in found)))
    by_task = ([line["step"], task, of["loss"]] for line in found for task, of in line["tasks"].items())
    out.write(BY_TASK, _csv(("step", "task", "loss"), by_task))


def summary(out: Path) -> dict[str, Any]:
    """The figures of the run in a folder: of all its steps, over all the times that it was gone on with."""
    checkpoint = checkpoints.latest(out)
    if checkpoint is None:
        return {}
    state = checkpoints.state(checkpoint)
    books = Books.read(state["books"])
    found = [line for line in lines(out) if line["step"] <= books.step]
    seconds = books.seconds or None
    return {
        "steps": books.step,
        "samples": int(books.samples),
        "images": int(books.images),
        "tokens": int(books.tokens),
        "seconds": books.seconds,
        "seconds_waiting_for_data": books.waited,
        "samples_per_second": books.samples / seconds if seconds else None,
        "tokens_per_second": books.tokens / seconds if seconds else None,
        "model_gflops_per_second": books.flops / seconds / 1e9 if seconds else None,
        "model_flop_utilisation": books.flops / books.possible if books.possible else None,
        **_losses(found),
        **{name: state["loader"].get(name, {}) for name in ("skipped", "cut", "unfit")},
        "machine": state["machine"],
        "checkpoint": f"{checkpoints.FOLDER}/{checkpoint.name}",
    }


def _losses(found: list[dict[str, Any]]) -> dict[str, Any]:
    sums: dict[str, list[float]] = {}
    for line in found[-LAST:]:
        for task, of in line["tasks"].items():
            before = sums.setdefault(task, [0.0, 0.0])
            before[0], before[1] = before[0] + of["loss"] * of["tokens"], before[1] + of["tokens"]
    last = [line["loss"] for line in found[-LAST:]]
    return {
        "first_loss": found[0]["loss"] if found else None,
        "loss": sum(last) / len(last) if last else None,
        "loss_by_task": {task: loss / tokens for task, (loss, tokens) in sorted(sums.items())},
    }


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"


def _csv(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return file.getvalue().encode()
