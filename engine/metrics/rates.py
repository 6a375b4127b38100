"""Shares, means and F1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class F1:
    """Of `given` predictions so many are `right`; of the things `wanted` so many are `found`.

    Where each right prediction is of one true thing, `right` and `found` are one number.
    """

    right: int
    given: int
    found: int
    wanted: int

    def __add__(self, other: F1) -> F1:
        return F1(
            self.right + other.right, self.given + other.given, self.found + other.found, self.wanted + other.wanted
        )

    @property
    def precision(self) -> float:
        """The share of the predictions that is right."""
        return share(self.right, self.given)

    @property
    def recall(self) -> float:
        """The share of the true things that was found."""
        return share(self.found, self.wanted)

    @property
    def f1(self) -> float:
        """Their harmonic mean: 0 where one of them is 0 or has nothing to measure, NaN where both have not."""
        if not self.given and not self.wanted:
            return math.nan
        both = [0.0 if math.isnan(rate) else rate for rate in (self.precision, self.recall)]
        return 2 * math.prod(both) / sum(both) if sum(both) else 0.0


def share(part: float, whole: float) -> float:
    """A part of a whole; NaN of nothing."""
    return part / whole if whole else math.nan


def mean(values: Sequence[float] | np.ndarray) -> float:
    """The mean of those that are numbers; NaN of none."""
    array = np.asarray(values, np.float64).ravel()
    left = array[~np.isnan(array)]
    return float(left.mean()) if left.size else math.nan
