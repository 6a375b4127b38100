"""The named colours of the scenes, and shades of them: RGB in [0, 255]."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rgb(NamedTuple):
    """A colour, 0 to 255 each."""

    red: float
    green: float
    blue: float


# Ours: far enough apart that a colour keeps its name in any light that the scenes have.
NAMED: dict[str, Rgb] = {
    "red": Rgb(206, 42, 44),
    "orange": Rgb(240, 136, 34),
    "yellow": Rgb(246, 208, 52),
    "green": Rgb(62, 150, 70),
    "blue": Rgb(46, 104, 200),
    "purple": Rgb(130, 66, 164),
    "pink": Rgb(242, 138, 176),
    "brown": Rgb(128, 80, 46),
    "black": Rgb(48, 48, 54),
    "white": Rgb(242, 242, 238),
    "gray": Rgb(144, 148, 154),
}
NEUTRAL = ("black", "white", "gray")

# What goes as the second colour of a pattern: it must stand out from the first.
SECOND: dict[str, tuple[str, ...]] = {
    "red": ("white", "yellow"),
    "orange": ("white", "black"),
    "yellow": ("black", "blue", "red"),
    "green": ("white", "yellow"),
    "blue": ("white", "yellow"),
    "purple": ("white", "yellow"),
    "pink": ("white", "purple"),
    "brown": ("white", "yellow"),
    "black": ("white", "yellow", "orange"),
    "white": ("black", "brown", "blue", "red"),
    "gray": ("white", "black", "orange"),
}
SKIN = (Rgb(250, 214, 184), Rgb(236, 188, 152), Rgb(206, 152, 112), Rgb(158, 106, 74), Rgb(112, 74, 52))
HAIR = (Rgb(46, 36, 32), Rgb(92, 60, 36), Rgb(150, 98, 48), Rgb(222, 184, 104), Rgb(168, 72, 36), Rgb(176, 176, 176))


def rgb(code: str) -> Rgb:
    """A colour written as #rrggbb."""
    return Rgb(*bytes.fromhex(code[1:]))


def toned(colour: Rgb, factor: float) -> Rgb:
    """Darker below 1; above it nearer to white, so that black gets lighter too."""
    if factor <= 1:
        return Rgb(*(part * factor for part in colour))
    share = min(factor - 1, 1.0)
    return Rgb(*(part + (255 - part) * share for part in colour))


def mixed(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`share` of b in a."""
    return Rgb(*(x + (y - x) * share for x, y in zip(a, b, strict=True)))


def jittered(colour: Rgb, rng: np.random.Generator, by: float = 9) -> Rgb:
    """A neighbour of the colour, up to `by` away in each part."""
    return Rgb(*np.clip(np.add(colour, rng.uniform(-by, by, 3)), 0, 255).tolist())
