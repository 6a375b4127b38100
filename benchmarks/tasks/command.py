"""python -m benchmarks tasks MODEL SCENES: how good a multitask model is at each of its 15 tasks.

MODEL is a checkpoint, as `fld train` and save_pretrained leave it, or bundled:NAME; SCENES are generated ones that it
was not trained on, as 'scenes:300?split=held-out&seed=1'. One question at a time, greedily; scores as the model gives
them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.arguments import positive
from benchmarks.tasks.asking import Exam, Model, examine
from benchmarks.tasks.judging import judge
from engine.sources import SourceError
from engine.stage import ChainError
from florence.codec import Task

# Of the answers to a task, those that the room for tokens cut off, that said a thing twice, that were no use in part.
COUNTS = ("cut", "doubles", "invalid")


def main(argv: Sequence[str]) -> int:
    """Measure, print a table, write the same as JSON. 2, and a message, where something cannot be used."""
    from florence import presets
    from florence.predict import NoNumbersError, Predictor
    from pipelines.train import unpacked

    given = _parser().parse_args(argv)
    try:
        predictor = Predictor(presets.load(unpacked(given.model, "tasks")))
        result = measure(predictor, given.scenes, given.images, about=given.model)
        print("\n".join(table(result)), flush=True)
        if given.json:
            given.json.parent.mkdir(parents=True, exist_ok=True)
            given.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except (SourceError, ChainError, NoNumbersError, OSError) as error:
        print(f"tasks: {error}", file=sys.stderr)
        return 2
    return 0


def measure(model: Model, scenes: str, most: int | None = None, about: str = "") -> dict[str, Any]:
    """The figures of all tasks, and what was asked, as plain data.

    Raises SourceError where no scenes are named.
    """
    exam = examine(model, scenes, most, lambda line: print(f"tasks: {line}", file=sys.stderr, flush=True))
    figures = judge(exam)
    return {
        "model": about,
        "scenes": scenes,
        "images": len(exam.truth),
        "tasks": {str(task): {**_counts(exam, task), "figures": figures[task]} for task in Task},
    }


def _counts(exam: Exam, task: Task) -> dict[str, int]:
    """Numbers of answers: all, those that say nothing, and those of COUNTS."""
    answers = [answer for _, answer in (*exam.of(task), *exam.of(task, absent=True))]
    counts = {name: sum(bool(getattr(answer, name)) for answer in answers) for name in COUNTS}
    return {"asked": len(answers), "empty": sum(not answer.items for answer in answers), **counts}


def table(result: Mapping[str, Any]) -> Iterator[str]:
    """The figures as a table of Markdown; "-" stands where there was nothing to measure."""
    yield f"{result['model']}: {result['images']:,} images of `{result['scenes']}`"
    yield ""
    yield from _row("task", "asked", "figures", "empty", *COUNTS)
    yield from _row("---", "---:", "---", *["---:"] * (len(COUNTS) + 1))
    for task, row in result["tasks"].items():
        figures = ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in row["figures"].items())
        yield from _row(task, f"{row['asked']:,}", figures, *(f"{row[name]:,}" for name in ("empty", *COUNTS)))


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


def _said(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks tasks", description=(__doc__ or "").partition(": ")[2])
    add = parser.add_argument
    add("model", metavar="MODEL", help="a checkpoint's folder, or its id on a hub")
    add("scenes", metavar="SCENES", help="as scenes:300?split=held-out&seed=1")
    add("--images", type=positive, metavar="N", help="only the first N of them")
    add("--json", type=Path, metavar="FILE", help="for all of it")
    return parser
