"""Splits, difficulties and the number that a scene is drawn from.

The three splits are ranges of numbers that do not meet: public scenes train the bundled specialists, as public
datasets trained those of FLD-5B (arXiv 2311.06242, section 4.2), pool scenes are annotated, held-out ones measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GENERATION = 1  # another one when the same number gives another picture
SPLITS = ("public", "pool", "held-out")
SEEDS, IMAGES = 2**24, 2**32  # how many seeds a split has, and images a seed


@dataclass(frozen=True)
class Difficulty:
    """How crowded, how hidden and how bad an image is. All ours."""

    objects: tuple[int, int]  # fewest and most that are asked for
    least_visible: float  # share of an object that others may not cover
    scale: tuple[float, float]  # of a thing beside its usual size
    blur: tuple[float, float]  # sigma, px
    noise: tuple[float, float]  # deviation, of 255
    quality: tuple[int, int]  # JPEG
    exposure: float  # light and contrast, up to so much off


DIFFICULTIES: dict[str, Difficulty] = {
    "easy": Difficulty((2, 4), 0.8, (0.9, 1.3), (0, 0.3), (0, 1), (90, 96), 0.03),
    "normal": Difficulty((3, 8), 0.4, (0.7, 1.25), (0, 0.7), (0, 6), (70, 95), 0.1),
    "hard": Difficulty((7, 14), 0.25, (0.5, 1.15), (0.3, 1.4), (3, 14), (28, 75), 0.22),
}


def number(split: str, seed: int, index: int) -> int:
    """The number of a scene, below 2**58: no two scenes share one, whatever their splits."""
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: one of {', '.join(SPLITS)}")
    if not (0 <= seed < SEEDS and 0 <= index < IMAGES):
        raise ValueError(f"seed {seed} must be in [0, {SEEDS}) and index {index} in [0, {IMAGES})")
    return (SPLITS.index(split) * SEEDS + seed) * IMAGES + index


def numbers(split: str) -> range:
    """All numbers of a split."""
    first = number(split, 0, 0)
    return range(first, first + SEEDS * IMAGES)


def generator(split: str, seed: int, index: int, difficulty: str) -> np.random.Generator:
    """Chance for one scene, the same on every machine."""
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"difficulty {difficulty!r}: one of {', '.join(DIFFICULTIES)}")
    key = [number(split, seed, index), tuple(DIFFICULTIES).index(difficulty), GENERATION]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
