"""`fld run` with nothing new on 100,000 annotated images: under 5 s, and under 1 % of the first run.

A folder of files, which is the worst case: there is one to look at per image. The first run is shorter than any
real one: pictures of 256 x 256, and a specialist without a model. Whole processes are timed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.figure import Figure, Options
from benchmarks.pictures import thumbnails
from benchmarks.stages import fld


def measure(options: Options) -> Iterator[Figure]:
    """Seconds of the runs with nothing new, against 5 s and against the first run."""
    source, out = options.folder / "thumbnails", options.folder / "out"
    thumbnails(source, options.images)
    command, environment = fld(options.folder)
    whole = [sys.executable, *command, "run", str(source), str(out), "--params", str(options.folder / "params.yaml")]

    def run() -> float:
        started = time.perf_counter()
        subprocess.run(whole, check=True, env=environment, cwd=options.folder, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    first = run()
    again = statistics.median(run() for _ in range(options.rounds))
    count = f"{options.images:,} images"
    yield Figure(f"nothing new on {count}, against 5 s", again, 5.0, again / 5.0, 1.0, at_most=True)
    yield Figure(f"nothing new on {count}, against first run", again, first, again / first, 0.01, at_most=True)
