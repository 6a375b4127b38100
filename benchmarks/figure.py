"""What every subject answers: figures, each against a floor that was measured beside it."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """How much is measured, and where there is room for files."""

    folder: Path
    images: int = 100_000  # of `incremental`
    photos: int = 512  # of `memory`, the smaller of its two sets
    rounds: int = 5


@dataclass(frozen=True)
class Figure:
    """Ours against a floor. `ratio` is held against `target`: at least that, or at most where so said."""

    name: str
    ours: float
    floor: float
    ratio: float
    target: float | None = None
    at_most: bool = False
    unit: str = "s"
    ratios: tuple[float, ...] = ()  # of the rounds that `ratio` is the median of: how much to trust it

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.target is None:
            return ""
        return "ok" if (self.ratio <= self.target if self.at_most else self.ratio >= self.target) else "MISSED"

    def as_json(self) -> dict[str, Any]:
        """For a line of JSON."""
        return {
            "name": self.name,
            f"ours_{self.unit}": round(self.ours, 4),
            f"floor_{self.unit}": round(self.floor, 4),
            "ratio": round(self.ratio, 4),
            "target": None if self.target is None else f"{'<=' if self.at_most else '>='} {self.target:g}",
            "verdict": self.verdict,
            "ratios": [round(ratio, 3) for ratio in self.ratios],
        }


def compare(
    name: str, ours: Callable[[], Any], floor: Callable[[], Any], rounds: int, target: float | None = None
) -> Figure:
    """How fast ours is beside the floor: 1 is as fast. Either may return the seconds that count of its run.

    In turns, so that whatever else the machine does slows both alike; the ratio is the median of the pairs'.
    """
    pairs = [(seconds(ours), seconds(floor)) for _ in range(rounds)]
    return from_pairs(name, pairs, target)


def from_pairs(name: str, pairs: list[tuple[float, float]], target: float | None = None) -> Figure:
    """A figure from (our seconds, the floor's seconds) of several rounds."""
    ours_s, floor_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = tuple(theirs / mine for mine, theirs in pairs)
    return Figure(name, ours_s, floor_s, statistics.median(ratios), target, ratios=ratios)


def seconds(function: Callable[[], Any]) -> float:
    """That a call takes, or that it says to have taken."""
    gc.collect()
    start = time.perf_counter()
    said = function()
    return said if isinstance(said, float) else time.perf_counter() - start
