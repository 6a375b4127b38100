"""What a label claims of a thing, whether that is true, and claims that are nearly true and wrong.

The labels of generated scenes come from a small grammar (specialists/bundled/scenes/nouns.py), so that what one of
them says is known: with the truth of a thing, every label of a batch is right, wrong or undecided for it. Undecided
is what a crop alone cannot show, or what may be said either way: how large a thing is beside its kind, how many there
are, and the second of two colours without the first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from specialists.bundled.scenes.catalogue import Category, by_name
from specialists.bundled.scenes.palette import NAMED

COLOURS = tuple(NAMED)
PATTERNS = ("plain", "striped", "spotted", "checkered", "wooden", "metallic")
WORD_OF = {"metallic": "shiny"}
_PATTERN_WORDS = tuple(WORD_OF.get(pattern, pattern) for pattern in PATTERNS)
_SIZES = {"small": "small", "little": "small", "large": "large", "big": "large"}
_COLOUR = re.compile(rf"\b({'|'.join(COLOURS)})\b")
_NONE = -1


@dataclass(frozen=True)
class Look:
    """How a thing looks, by numbers: into the names of the categories, COLOURS and PATTERNS; -1 is none."""

    category: int
    colour: int
    second: int
    pattern: int
    size: str


@dataclass(frozen=True)
class Claim:
    """What a text says of a thing; -1 and "" where it says nothing. `several` if it is about more than one."""

    text: str
    category: int
    colour: int = _NONE
    second: int = _NONE
    pattern: int = _NONE
    size: str = ""
    several: bool = False


@cache
def names() -> tuple[str, ...]:
    """The categories, in the catalogue's order."""
    return tuple(by_name())


def looks(truth: dict[str, Any]) -> dict[str, Look]:
    """The looks of the things of a scene, under the ids of their regions."""
    said: dict[str, dict[str, str]] = {}
    for row in truth["attributes"]:
        said.setdefault(row["region_id"], {})[row["name"].rpartition(" colour")[0] or row["name"]] = row["value"]
    found = {}
    for region in truth["regions"]:
        if region["kind"] == "object":
            name, of = region["labels"][0]["text"], said[region["id"]]
            colour = next(v for k, v in of.items() if v in NAMED and k != "second")
            second = COLOURS.index(of["second"]) if "second" in of else _NONE
            pattern = PATTERNS.index(of["pattern"])
            found[region["id"]] = Look(names().index(name), COLOURS.index(colour), second, pattern, of["size"])
    return found


def claim(text: str, category: int, several: bool = False) -> Claim:
    """What a noun phrase for things of a category says of them."""
    words = text.lower().replace(names()[category], "").replace(",", "").split()  # an orange may be no colour
    size = next((_SIZES[word] for word in words if word in _SIZES), "")
    if "one" in words:  # "two dogs, a black one and a brown one"
        return Claim(text, category, size=size, several=several)
    colours = [COLOURS.index(word) for word in words if word in COLOURS]
    pattern = next((_PATTERN_WORDS.index(word) for word in words if word in _PATTERN_WORDS), _NONE)
    first, second = (*colours, _NONE, _NONE)[:2]
    return Claim(text, category, first, second, pattern, size, several)


def judged(seen: Sequence[Look], said: Sequence[Claim]) -> np.ndarray:
    """Whether each claim (m) is true of each thing (n): 1 right, 0 wrong, -1 undecided; int8 (n, m)."""

    def column(of: str) -> np.ndarray:
        return np.array([getattr(look, of) for look in seen])[:, None]

    def row(of: str) -> np.ndarray:
        return np.array([getattr(one, of) for one in said])[None]

    def unlike(one: str, *others: str) -> np.ndarray:
        differs = np.logical_and.reduce([row(one) != column(other) for other in others])
        return (row(one) != _NONE) & differs

    category = row("category") != column("category")
    wrong = category | unlike("pattern", "pattern")
    wrong |= unlike("colour", "colour", "second") | unlike("second", "colour", "second")
    sized = (row("size") != "") & (row("size") != column("size"))
    undecided = unlike("colour", "colour") | unlike("second", "second") | sized | row("several")
    return np.where(wrong, 0, np.where(undecided, -1, 1)).astype(np.int8)


def kin(seen: Sequence[Look], said: Sequence[Claim]) -> np.ndarray:
    """Which claims (m) are about the category of a thing (n), or about one of its family: bool (n, m)."""
    families = [*(by_name()[name].family for name in names()), ""]  # -1 is none
    of = np.array([families[look.category] for look in seen])[:, None]
    found: np.ndarray = (of != "") & (of == np.array([families[one.category] for one in said])[None])
    return found


def altered(one: Claim, rng: np.random.Generator) -> Claim | None:
    """The claim with its category, colour or pattern exchanged for another that is as likely; None if it has none."""
    ways = ["category"] + ["colour"] * 2 * (one.colour != _NONE) + ["pattern"] * (one.pattern > 0)
    way = ways[int(rng.integers(len(ways)))]
    if way == "category":
        return recategorised(one, rng)
    if way == "colour":
        return recoloured(one, rng)
    old = _PATTERN_WORDS[one.pattern]
    others = [word for word in _PATTERN_WORDS[1:4] if word != old]
    return claim(_exchanged(one.text, old, _pick(others, rng)), one.category, one.several)


def recoloured(one: Claim, rng: np.random.Generator) -> Claim | None:
    """Another colour that the category comes in."""
    said = _COLOUR.findall(one.text)
    choices = [colour for colour in _category(one).colours if colour not in said]
    if not said or not choices:
        return None
    return claim(_exchanged(one.text, _pick(said, rng), _pick(choices, rng)), one.category, one.several)


def recategorised(one: Claim, rng: np.random.Generator) -> Claim | None:
    """Another category, more often than not one of its kin, of which the same can be said."""
    old = _category(one)
    fit = [other for other in by_name().values() if other is not old and bool(other.of) == bool(old.of)]
    kin = [other for other in fit if other.family == old.family]
    pool = kin if kin and rng.random() < 0.6 else fit
    new = pool[int(rng.integers(len(pool)))]
    for said in sorted((old.plurals, old.noun, old.name, *old.also), key=len, reverse=True):
        if re.search(rf"\b{re.escape(said)}\b", one.text):
            noun = new.plurals if one.several else new.name if said == old.name else new.noun
            return claim(_exchanged(one.text, said, noun), names().index(new.name), one.several)
    return None


def _category(one: Claim) -> Category:
    return by_name()[names()[one.category]]


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _exchanged(text: str, old: str, new: str) -> str:
    """The text with the last of the old words exchanged, and the article before them put right."""
    last = list(re.finditer(rf"\b{re.escape(old)}\b", text))[-1]
    head, tail = text[: last.start()], text[last.end() :]
    article = re.search(r"\b(an?) $", head, re.IGNORECASE)
    if article:
        right = article[1][0] + ("n" if new[0] in "aeiou" else "")
        head = f"{head[: article.start()]}{right} "
    return head + new + tail
