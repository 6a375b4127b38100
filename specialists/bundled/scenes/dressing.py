"""How things look, by chance: colours, pattern, pose, and what signs say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specialists.bundled.scenes import palette, writing
from specialists.bundled.scenes.catalogue import Category
from specialists.bundled.scenes.palette import NAMED, Rgb, jittered, rgb
from specialists.bundled.scenes.pen import Look
from specialists.bundled.scenes.thing import Outfit

_ROOFS = ("#9c4a3a", "#6b4a3c", "#5a6470", "#a8643c", "#7c3f3f")
_TROUSERS = ("blue", "gray", "black", "brown", "green")
_RESTLESS = ("running", "grazing")  # not inside


def dress(category: Category, zone: str, light: str, rng: np.random.Generator, *, outlined: bool = False) -> Outfit:
    """An outfit for a thing in a zone, in a light by name."""
    colour = pick(category.colours, rng)
    second = "white" if category.name in ("airplane", "truck") else pick(palette.SECOND[colour], rng)
    pattern, pose = pick(category.patterns, rng), pick(_poses(category, zone), rng)
    if pattern == "wooden":
        colour = "brown"
    main = jittered(NAMED[colour], rng)
    look = Look(
        main, _other(category, second, rng), pattern, pose, outlined,
        extras=_extras(category, main, rng), traits=_traits(category, colour, light, rng),
    )  # fmt: skip
    lines, font = writing.inscription(rng) if category.name == "sign" else ((), "")
    return Outfit(look, colour, second, lines, font)


def pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    """One of them by chance."""
    return choices[int(rng.integers(len(choices)))]


def _other(category: Category, second: str, rng: np.random.Generator) -> Rgb:
    """The second colour; roofs and trousers have some of their own, of which nothing is said."""
    if category.name in ("house", "church", "windmill"):
        return rgb(pick(_ROOFS, rng))
    return jittered(NAMED[pick(_TROUSERS, rng) if category.family == "person" else second], rng)


def _extras(category: Category, main: Rgb, rng: np.random.Generator) -> dict[str, Rgb]:
    hair, skin = (tones[int(rng.integers(len(tones)))] for tones in (palette.HAIR, palette.SKIN))
    if category.name == "horse":
        hair = palette.toned(main, 0.45)
    return {"skin": skin, "blush": palette.mixed(skin, rgb("#e06a5a"), 0.3), "hair": hair}


def _traits(category: Category, colour: str, light: str, rng: np.random.Generator) -> frozenset[str]:
    """Small things that nothing is said of."""
    said = {
        "bearded": 0.25, "pointed ears": 0.3, "wooden post": 0.4, "framed": 0.5,
        "lit": float(light in ("night", "evening")), "dark heart": float(colour in ("yellow", "white", "orange")),
    }  # fmt: skip
    return frozenset(trait for trait, share in said.items() if rng.random() < share)


def _poses(category: Category, zone: str) -> tuple[str, ...]:
    if category.name == "bird":
        return ("flying",) if zone == "sky" else ("standing",)
    if category.name == "sign":
        return ("poster",) if zone == "wall" else ("post", "two posts")
    if category.name == "cat" and zone == "surface":
        return ("sitting", "lying")
    if zone == "floor":
        return tuple(pose for pose in category.poses if pose not in _RESTLESS) or category.poses
    return category.poses
