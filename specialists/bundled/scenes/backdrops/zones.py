"""What a painted backdrop tells of itself: its light, and where what kind of thing may be."""

from __future__ import annotations

from dataclasses import dataclass

FARM = ("cow", "sheep", "pig", "chicken", "elephant")  # odd where no field is


@dataclass(frozen=True)
class Light:
    """The light by name, and what each colour part of an object is multiplied by."""

    name: str
    tint: tuple[float, float, float]


@dataclass(frozen=True)
class Zone:
    """Where things of a kind have their lowest point: from y0 to y1, shares of the image's height."""

    kinds: tuple[str, ...]  # ground, road, water, sky .. floor, wall, top (of a table that fills the picture)
    y0: float
    y1: float


@dataclass(frozen=True)
class Place:
    """A painted backdrop. `close` is how much nearer its things are than outdoors."""

    name: str
    light: Light
    horizon: float  # share of the height
    zones: tuple[Zone, ...]
    close: float = 1.0
    excludes: tuple[str, ...] = ()  # categories that would be odd here


def above(horizon: float) -> Zone:
    """The sky over a horizon."""
    return Zone(("sky",), 0.06, horizon * 0.78)
