"""What DVC shows of several steps: label F1 by kind, how the written lines were read, and what the gates said.

Called by dvc.yaml: python -m pipelines.metrics OUT METRICS STEP..., where OUT/figures/STEP.json are files of `fld
evaluate --json`, OUT/STEP the datasets that they measure, and METRICS the folder to write to.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from engine.storage import Folder
from pipelines.gate import GATE

KINDS = ("texts", "regions", "phrases", "mean")
DIGITS = 4  # more would be noise in a diff


def write_metrics(out: Folder, metrics: Folder, steps: Sequence[str]) -> None:
    """Write quality.json, by step and kind, and label_f1.csv, a row for each: step, kind, f1.

    Figures that there is nothing to measure by are left out. Raises FileNotFoundError for a step without figures.
    """
    quality = {step: dict(_figures(out, step)) for step in steps}
    metrics.write_json("quality.json", quality)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("step", "kind", "f1"))
    writer.writerows((step, kind, found[kind]) for step, found in quality.items() for kind in KINDS if kind in found)
    metrics.write("label_f1.csv", file.getvalue().encode())


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
    write_metrics(Folder.at(sys.argv[1]), Folder.at(sys.argv[2]), sys.argv[3:])
