"""The categories: how each is drawn, how large, where it may be, in which colours, patterns and poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from specialists.bundled.scenes.pen import Pen

_DRAWINGS = "specialists.bundled.scenes.drawings"
_HEAD = 3.0  # ours: how flat the long tail's head is


@dataclass(frozen=True)
class Category:
    """One kind of thing, as catalogue.yaml says it; the meaning of each field stands there."""

    name: str
    draw: Callable[[Pen], None]
    family: str
    aspect: float
    height: float
    where: tuple[str, ...]
    colours: tuple[str, ...]
    patterns: tuple[str, ...] = ("plain",)
    poses: tuple[str, ...] = ("",)
    plural: str = ""
    of: str = ""
    surface: tuple[float, float, float] | None = None
    carries: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    two_toned: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        """Its name for one of them, in a sentence."""
        return "pair of scissors" if self.name == "scissors" else self.name

    @property
    def plurals(self) -> str:
        """Its name for several of them."""
        return self.plural or self.name + "s"


@cache
def categories() -> tuple[Category, ...]:
    """All categories, the most frequent first."""
    import yaml

    said = yaml.safe_load((Path(__file__).parent / "catalogue.yaml").read_text(encoding="utf-8"))
    return tuple(_category(name, fields) for name, fields in said["categories"].items())


def _category(name: str, fields: dict[str, Any]) -> Category:
    module, _, function = fields.pop("draw").partition(".")
    draw = getattr(import_module(f"{_DRAWINGS}.{module}"), function)
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Category(name, draw, **given)


@cache
def by_name() -> dict[str, Category]:
    """Every category under its name."""
    return {category.name: category for category in categories()}


@cache
def frequencies() -> np.ndarray:
    """How often each category is asked for where all of them fit (n,): Zipf's law, flattened at its head."""
    weights = 1 / (np.arange(len(categories())) + _HEAD)
    return weights / weights.sum()
