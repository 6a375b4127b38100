"""Generated scenes: what one costs to draw, encode and tell the truth of.

The floor is what was asked for: 100 images/s on two cores at normal difficulty, which leaves a core 20 ms for each.
A core's own time is measured, with a process on every core, so that other work on the machine moves it less.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from benchmarks.figure import Figure, Options
from engine.local import cores
from specialists.bundled.scenes.scene import draw
from specialists.bundled.scenes.seeds import DIFFICULTIES

IMAGES = 200
ASKED_MS = 20.0


def measure(options: Options) -> Iterator[Figure]:
    """Milliseconds an image at each difficulty, the median of the rounds; only normal has a target."""
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("forkserver"), initializer=_alone) as pool:
        for difficulty in DIFFICULTIES:
            costs = [_cost(pool, difficulty) for _ in range(options.rounds)]
            name, target = f"{IMAGES} {difficulty} scenes, {cores()} processes", 1.0 if difficulty == "normal" else None
            ratios = tuple(ASKED_MS / cost for cost in costs)
            middle = statistics.median(costs)
            yield Figure(name, middle, ASKED_MS, ASKED_MS / middle, target, unit="ms", ratios=ratios)


def _cost(pool: ProcessPoolExecutor, difficulty: str) -> float:
    spent = pool.map(_draw, range(IMAGES), [difficulty] * IMAGES, chunksize=10)
    return 1000 * sum(spent) / IMAGES


def _alone() -> None:
    """One thread per process, as there is a process per core; fonts and the catalogue are read once."""
    import cv2

    cv2.setNumThreads(1)
    for index in range(8):
        draw("public", 1, index)


def _draw(index: int, difficulty: str) -> float:
    """Draw one scene; the seconds of processor that it took."""
    start = time.process_time()
    draw("public", 0, index, difficulty)
    return time.process_time() - start
