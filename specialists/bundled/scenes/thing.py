"""A thing of a scene: first planned, then drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specialists.bundled.scenes.catalogue import Category
from specialists.bundled.scenes.pen import Frame, Look


@dataclass(frozen=True)
class Outfit:
    """How a thing looks, with the names of its colours, and what is written on it, line by line, in which font."""

    look: Look
    colour: str
    second: str
    lines: tuple[str, ...] = ()
    font: str = ""


@dataclass(eq=False)
class Thing:
    """One object as it is planned, and once it is drawn what is to be seen of it."""

    category: Category
    outfit: Outfit
    frame: Frame
    depth: float  # y of where it stands, share of the height: what is nearer is drawn later
    zone: str
    on: Thing | None = None
    size: str = "medium"  # small, medium or large for its kind: how tall it is drawn beside the usual
    id: str = ""
    visible: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))  # mask of the window at `corner`
    corner: tuple[int, int] = (0, 0)  # left, top
    box: tuple[int, int, int, int] = (0, 0, 0, 0)  # of the visible part, px
    shown: float = 1.0  # share that is not covered
    quads: list[np.ndarray] = field(default_factory=list)  # (4, 2) per line, px

    @property
    def look(self) -> Look:
        """What it is drawn with."""
        return self.outfit.look

    @property
    def colour(self) -> str:
        """Its colour's name, or that of the part that has one."""
        return self.outfit.colour

    @property
    def second(self) -> str:
        """Its second colour's name."""
        return self.outfit.second

    @property
    def lines(self) -> tuple[str, ...]:
        """What is written on it."""
        return self.outfit.lines
