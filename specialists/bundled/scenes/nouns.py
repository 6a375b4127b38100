"""Noun phrases for the things of a scene: what may be said of each, and how."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specialists.bundled.scenes.thing import Thing

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SIZES = {"small": ("small", "little"), "large": ("large", "big"), "medium": ("",)}
_COLOURLESS = (
    "pizza",
    "tree",
    "bush",
    "palm tree",
    "cactus",
    "banana",
    "orange",
    "elephant",
)  # nobody says it of these
_WORN = ("shirt", "dress", "top")


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    return f"{'an' if phrase[0].lower() in 'aeiou' else 'a'} {phrase}"


def listed(parts: Sequence[str]) -> str:
    """One, two or several, as in "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def part_of(thing: Thing) -> str:
    """The part that the colour is of, or nothing: it is of all of the thing."""
    if thing.category.name == "woman" and thing.look.pose == "skirt":
        return "top"
    return thing.category.of


def two_toned(thing: Thing) -> bool:
    """Whether it shows its second colour as much as its first, without a pattern."""
    return thing.look.pattern == "plain" and thing.look.pose in thing.category.two_toned


def colouring(thing: Thing, *, pattern: bool) -> str:
    """Its colour as an adjective, with its pattern if wanted: "striped red and white"."""
    kind = thing.look.pattern if pattern else "plain"
    if kind == "wooden":
        return "wooden"
    colour = thing.colour
    if two_toned(thing) or kind in ("checkered", "striped"):
        colour = f"{thing.colour} and {thing.second}"
    word = {"plain": "", "metallic": "shiny "}.get(kind, f"{kind} ")
    return word + colour


def name_of(thing: Thing, rng: np.random.Generator) -> str:
    """Its noun, at times one of its other names."""
    names = thing.category.also
    return names[int(rng.integers(len(names)))] if names and rng.random() < 0.25 else thing.category.noun


def phrase(thing: Thing, rng: np.random.Generator, *, full: bool, noun: str = "") -> str:
    """A noun phrase without its article: "small red car", "man in a striped blue shirt"."""
    noun = noun or name_of(thing, rng)
    size = _SIZES[thing.size][int(rng.integers(len(_SIZES[thing.size])))] if full else ""
    if thing.category.family == "person":
        size = ""
    colour = "" if thing.category.name in _COLOURLESS else colouring(thing, pattern=full)
    part = part_of(thing)
    if not part or not colour:
        return " ".join(word for word in (size, colour, noun) if word)
    if not full and rng.random() < 0.5:
        return noun
    covered = f"{colour} {part}" if part in ("icing", "wings", "handles") else article(f"{colour} {part}")
    return f"{size} {noun}".strip() + (f" in {covered}" if part in _WORN or part == "pot" else f" with {covered}")


def several(things: Sequence[Thing], rng: np.random.Generator, *, full: bool) -> str:
    """A noun phrase for things of one category: "two brown dogs", or one with its article."""
    first = things[0]
    if len(things) == 1:
        return article(phrase(first, rng, full=full))
    count = NUMBERS[len(things)] if len(things) < len(NUMBERS) else str(len(things))
    colours = [colouring(thing, pattern=full) for thing in things]
    each = not part_of(first) and first.category.name not in _COLOURLESS
    if full and each and len(set(colours)) == len(things) == 2 and rng.random() < 0.6:
        return f"{count} {first.category.plurals}, {article(colours[0])} one and {article(colours[1])} one"
    alike = len({colouring(thing, pattern=True) for thing in things}) == 1
    if alike and each:
        return f"{count} {colours[0]} {first.category.plurals}"
    return f"{count} {first.category.plurals}"


def definite(thing: Thing, things: Sequence[Thing]) -> str | None:
    """What the thing is called once it is known: "the dog", "the brown dog"; None where that names others too."""
    rivals = [other for other in things if other.category is thing.category and other is not thing]
    if not rivals:
        return f"the {thing.category.noun}"
    plain = not part_of(thing) and thing.category.name not in _COLOURLESS and not two_toned(thing)
    if (
        plain
        and thing.look.pattern in ("plain", "spotted", "metallic")
        and all(r.colour != thing.colour for r in rivals)
    ):
        return f"the {thing.colour} {thing.category.noun}"
    return None
