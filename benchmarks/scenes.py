"""Generated scenes: how many a second all cores draw, encode and tell the truth of.

The floor is what was asked for, 100 images/s on two cores at normal difficulty.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from benchmarks.figure import Figure, Options
from engine.local import cores
from specialists.bundled.scenes.scene import draw
from specialists.bundled.scenes.seeds import DIFFICULTIES

IMAGES = 400
ASKED = 100.0  # images/s


def measure(options: Options) -> Iterator[Figure]:
    """Images a second, the best of the rounds, at each difficulty; only normal has a target."""
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("forkserver"), initializer=_alone) as pool:
        for difficulty in DIFFICULTIES:
            list(pool.map(_draw, range(16), [difficulty] * 16))  # fonts and catalogue are read once
            rates = [_rate(pool, difficulty) for _ in range(max(1, options.rounds // 2))]
            target = 1.0 if difficulty == "normal" else None
            name = f"{IMAGES} {difficulty} scenes, {cores()} processes"
            ratios = tuple(rate / ASKED for rate in rates)
            yield Figure(name, max(rates), ASKED, max(ratios), target, unit="/s", ratios=ratios)


def _rate(pool: ProcessPoolExecutor, difficulty: str) -> float:
    start = time.perf_counter()
    for _ in pool.map(_draw, range(IMAGES), [difficulty] * IMAGES, chunksize=10):
        continue
    return IMAGES / (time.perf_counter() - start)


def _alone() -> None:
    """One thread per process: there is a process per core."""
    import cv2

    cv2.setNumThreads(1)


def _draw(index: int, difficulty: str) -> int:
    scene, truth = draw("public", 0, index, difficulty)
    return len(scene.data) + len(truth.regions)
