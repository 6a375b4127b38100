"""What stands how to what: read off the boxes, the depths and what carries what."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

from specialists.bundled.scenes.thing import Thing

RELATIONS = ("on", "left of", "right of", "behind", "in front of", "above", "below", "next to")
_STANDING = ("ground", "road", "floor", "top", "rails", "water")


class Relation(NamedTuple):
    """Of two things."""

    subject: Thing
    name: str
    object: Thing


def relate(things: Sequence[Thing]) -> list[Relation]:
    """All relations of all pairs, in the order of the things."""
    return [Relation(a, name, b) for a, b in permutations(things, 2) for name in _between(a, b)]


def _between(a: Thing, b: Thing) -> list[str]:
    if a.on is b:
        return ["on"]
    if b.on is a or (a.on is not None and a.on is b.on):
        return _sides(a, b) if b.on is not a else []
    names = _sides(a, b)
    shared = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    narrow = min(a.box[2] - a.box[0], b.box[2] - b.box[0])
    if a.zone in _STANDING and b.zone in _STANDING:
        touch = min(a.box[3], b.box[3]) > max(a.box[1], b.box[1])
        if shared > 0.3 * narrow and touch and abs(a.depth - b.depth) > 0.03:
            names.append("behind" if a.depth < b.depth else "in front of")
        gap = -shared
        if 0 <= gap < 0.5 * narrow and abs(a.depth - b.depth) < 0.05:
            names.append("next to")
    elif shared > 0.4 * narrow:
        if a.box[3] <= b.box[1]:
            names.append("above")
        if a.box[1] >= b.box[3]:
            names.append("below")
    return names


def _sides(a: Thing, b: Thing) -> list[str]:
    if a.box[2] <= b.box[0]:
        return ["left of"]
    return ["right of"] if a.box[0] >= b.box[2] else []
