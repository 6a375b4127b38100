"""python -m benchmarks [SUBJECT ..]: measures all subjects, or those named; prints a table and a line of JSON each.

`python -m benchmarks quality --help` is another one, of label quality, with options of its own, and so is
`python -m benchmarks tasks --help`, of how good a multitask model is at its tasks.

Ends with 1 if a target was missed. Other work on the machine moves the seconds; the ratios much less.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.figure import Figure, Options

SUBJECTS = (
    "nms",
    "text",
    "noop",
    "decode",
    "curate",
    "scenes",
    "specialists",
    "loader",
    "train",
    "predict",
    "runners",
    "memory",
    "incremental",
)


def main() -> int:
    """Measure, print, and say whether all targets are met."""
    if sys.argv[1:2] in (["quality"], ["tasks"]):
        return int(importlib.import_module(f"benchmarks.{sys.argv[1]}.command").main(sys.argv[2:]))
    subjects, options, place = _arguments()
    figures: list[Figure] = []
    for subject in subjects:
        module = importlib.import_module(f"benchmarks.{subject}")
        print(f"{subject}: {(module.__doc__ or '').partition(chr(10))[0]}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="fld-bench-", dir=place) as folder:
            for figure in module.measure(Options(Path(folder), *options)):
                print(json.dumps(figure.as_json()), flush=True)
                figures.append(figure)
    print(f"\n{'':44}{'ours':>14}{'floor':>14}{'ratio':>9}{'target':>9}")
    for figure in figures:
        print(_line(figure))
    return int(any(figure.verdict == "MISSED" for figure in figures))


def _arguments() -> tuple[list[str], tuple[int, int, int], str | None]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition(":")[2])
    parser.add_argument("subject", nargs="*", choices=[*SUBJECTS, []], help=", ".join(SUBJECTS))
    parser.add_argument("--images", type=int, default=Options.images, help="of `incremental`")
    parser.add_argument("--photos", type=int, default=Options.photos, help="of `memory`: this many and 10 times")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--folder", help="with room for some GB; default: where temporary files go")
    given = parser.parse_args()
    return given.subject or list(SUBJECTS), (given.images, given.photos, given.rounds), given.folder


def _line(figure: Figure) -> str:
    sign = "" if figure.target is None else f"{'<=' if figure.at_most else '>='} {figure.target:g}"
    amounts = "".join(f"{amount:>11.3f} {figure.unit:<2}" for amount in (figure.ours, figure.floor))
    return f"{figure.name:<44}{amounts}{figure.ratio:>9.3f}{sign:>9} {figure.verdict}"


if __name__ == "__main__":
    sys.exit(main())
