"""From what a model believes to how often it is right: scores calibrated on annotations that it was not trained on.

Isotonic regression (Zadrozny and Elkan, KDD 2002) by pooling neighbours that stand in the wrong order: no assumption
but that a higher score is not worse. How far off scores are is the expected calibration error (Guo et al., arXiv
1706.04599), over 15 bins of equal width as there; after calibration it is measured on halves that took no part in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.stage import ChainError
from florence.predict.answers import What

FILE = "calibration.json"  # beside the checkpoint's own files
BINS = 15
LEAST = 20  # samples: of fewer nothing is learnt. Ours


@dataclass(frozen=True)
class Curve:
    """A rising curve from a score to how often what has it is right: straight between its corners (m,)."""

    scores: tuple[float, ...]
    rates: tuple[float, ...]
    samples: int
    error_before: float  # expected calibration errors
    error_after: float

    def __call__(self, score: float) -> float:
        return float(np.interp(score, self.scores, self.rates))


@dataclass(frozen=True)
class Calibration:
    """The curves that there are; a score without one stays as it is."""

    curves: Mapping[What, Curve] = field(default_factory=dict)

    def __call__(self, what: What, score: float) -> float:
        return self.curves[what](score) if what in self.curves else score

    def save(self, folder: Path) -> None:
        """Write it beside a checkpoint."""
        text = json.dumps({what: asdict(curve) for what, curve in self.curves.items()}, indent=1)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def of(cls, folder: Path) -> Calibration:
        """That of a checkpoint's folder; none where there is no file, ChainError where it cannot be read."""
        path = folder / FILE
        if not path.is_file():
            return cls()
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
            return cls({what: _curve(curve) for what, curve in made.items()})
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise ChainError(f"{path} holds no calibration ({error}): fit it anew, or remove it") from error


def fit(scores: Sequence[float], right: Sequence[bool]) -> Curve | None:
    """A curve for scores (n,) of which it is known whether they were right; None where they are too few."""
    given, hits = np.asarray(scores, float), np.asarray(right, float)
    if len(given) < LEAST:
        return None
    halves = np.arange(len(given)) % 2
    after = np.empty_like(given)
    for half in (0, 1):
        after[halves == half] = np.interp(given[halves == half], *isotonic(given[halves != half], hits[halves != half]))
    corners, rates = (tuple(values.tolist()) for values in isotonic(given, hits))
    return Curve(corners, rates, len(given), error(given, hits), error(after, hits))


def isotonic(scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean score and the rate (m,) of each pool: neighbours by score are pooled until the rates rise.

    `right` (n,) is 1 or 0. Both ascend.
    """
    pools: list[tuple[float, float, float]] = []  # samples, sum of scores, sum of hits
    for score in np.unique(scores):
        same = scores == score
        pools.append((float(same.sum()), float(scores[same].sum()), float(right[same].sum())))
        while len(pools) > 1 and pools[-2][2] * pools[-1][0] >= pools[-1][2] * pools[-2][0]:
            last, before = pools.pop(), pools.pop()
            pools.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    count, total, hits = np.array(pools).T
    return total / count, hits / count


def error(scores: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error of scores (n,): how far each bin's mean is from its rate, by its samples."""
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    gaps = [abs(scores[bins == at].sum() - right[bins == at].sum()) for at in np.unique(bins)]
    return float(sum(gaps) / len(scores))


def _curve(made: Mapping[str, Any]) -> Curve:
    curve = Curve(**{**made, "scores": tuple(made["scores"]), "rates": tuple(made["rates"])})
    for values in (curve.scores, curve.rates):
        if not values or list(values) != sorted(values) or not 0 <= values[0] <= values[-1] <= 1:
            raise ValueError("scores and rates must rise from 0 to 1")
    if len(curve.scores) != len(curve.rates):
        raise ValueError("there must be a rate for each score")
    return curve
