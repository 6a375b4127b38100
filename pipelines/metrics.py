"""What DVC, and `make demo` at its end, show of several steps: label F1 by kind, how the written lines were read, and
what the gates said.

Called so: python -m pipelines.metrics OUT METRICS STEP..., where OUT/figures/STEP.json are files of `fld
evaluate --json`, OUT/STEP the datasets that they measure, and METRICS the folder to write to.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.storage import Folder
from pipelines.gate import GATE

KINDS = ("texts", "regions", "phrases", "mean")
DIGITS = 4  # more would be noise in a diff


def write_metrics(out: Folder, metrics: Folder, steps: Sequence[str]) -> dict[str, dict[str, float]]:
    """Write quality.json, by step and kind, and label_f1.csv, a row for each: step, kind, f1; the former is given back.

    Figures that there is nothing to measure by are left out. Raises FileNotFoundError for a step without figures.
    """
    quality = {step: dict(_figures(out, step)) for step in steps}
    metrics.write_json("quality.json", quality)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("step", "kind", "f1"))
    writer.writerows((step, kind, found[kind]) for step, found in quality.items() for kind in KINDS if kind in found)
    metrics.write("label_f1.csv", file.getvalue().encode())
    return quality


def table(quality: Mapping[str, Mapping[str, float]]) -> Table:
    """Label F1 by step and kind; of the error, 1 - mean, what each step took away from that of the step it began with.

    A step that its gate refused is marked, and the next one is set against what stood before it.
    """
    made = Table("label F1", box=None, title="Label quality by step", title_justify="left")
    for name in (*KINDS[:-1], "lines read", "mean", "error"):
        made.add_column(name, justify="right")
    standing: float | None = None
    for step, found in quality.items():
        refused, mean = found.get("accepted") == 0, found.get("mean")
        numbers = (found.get(name) for name in (*KINDS[:-1], "lines", "mean"))
        made.add_row(
            f"{step}, refused" if refused else step,
            *("" if number is None else f"{number:.3f}" for number in numbers),
            "" if mean is None or standing is None or standing == 1 else f"{(standing - mean) / (1 - standing):+.0%}",
        )
        standing = standing if refused else mean
    return made


def _figures(out: Folder, step: str) -> Iterator[tuple[str, float]]:
    found: dict[str, Any] = out.read_json(f"figures/{step}.json")
    if found is None:
        raise FileNotFoundError(f"{out.url}/figures/{step}.json: write it with `fld evaluate {out.url}/{step} TRUTH`")
    values = {**{kind: found["label_f1"][kind] for kind in KINDS}, "lines": found["lines"]["f1_read"]}
    yield from ((name, round(value, DIGITS)) for name, value in values.items() if value is not None)
    gate = out.read_json(f"{step}/{GATE}")
    if gate is not None:
        yield "accepted", int(gate["accepted"])


if __name__ == "__main__":
    measured = write_metrics(Folder.at(sys.argv[1]), Folder.at(sys.argv[2]), sys.argv[3:])
    Console(width=max(Console().width, 100)).print(table(measured))
