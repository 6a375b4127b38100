"""What an image shows, drawn from the lists of scenes.toml."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PRONOUNS = {
    "m": ("he", "his", "him"), "f": ("she", "her", "her"), "i": ("it", "its", "it"), "p": ("they", "their", "them"),
}  # fmt: skip


@cache
def lists() -> dict[str, dict[str, list[str]]]:
    """scenes.toml: for each kind of scene, and for signs, its lists."""
    text = (files("benchmarks.corpus") / "scenes.toml").read_text(encoding="utf-8")
    return {
        kind: {name: [entry.strip() for entry in entries.split(";")] for name, entries in parts.items()}
        for kind, parts in tomllib.loads(text).items()
    }


@dataclass(frozen=True)
class Actor:
    """Someone, and what they do: `present` "waits for the bus", `doing` "waiting for the bus"."""

    gender: str
    phrase: str
    present: str
    doing: str

    @property
    def are(self) -> str:
        return "are" if self.gender == "p" else "is"

    @property
    def they(self) -> str:
        return PRONOUNS[self.gender][0]


@dataclass(frozen=True)
class Scene:
    """What one image shows; `signs` are written in it."""

    kind: str
    actors: tuple[Actor, ...]
    things: tuple[tuple[str, str], ...]  # a thing, and where or how it is
    facts: tuple[str, ...]
    places: tuple[str, ...]
    signs: tuple[str, ...]
    name: str
    time: str

    @classmethod
    def draw(cls, rng: random.Random) -> Scene:
        """A scene of any kind."""
        signs = lists()["signs"]
        kind = rng.choice([kind for kind in lists() if kind != "signs"])
        has = lists()[kind]
        actors = zip(rng.sample(has["who"], 3), rng.sample(has["doing"], 3), strict=True)
        things = [thing.split(" | ") for thing in rng.sample(has["things"], 5)]
        return cls(
            kind=kind,
            actors=tuple(_actor(who, doing) for who, doing in actors),
            things=tuple((thing, state) for thing, state in things),
            facts=tuple(rng.sample(has["facts"], 4)),
            places=tuple(rng.sample(has["places"], 3)),
            signs=tuple(rng.sample(signs["read"], rng.choice((0, 1, 1, 2)))),
            name=rng.choice(signs["names"]),
            time=rng.choice(signs["times"]),
        )


def _actor(who: str, doing: str) -> Actor:
    gender, _, phrase = who.partition(" ")
    plural, singular, gerund, rest = doing.split(" ", 3)
    owner = PRONOUNS[gender][1]
    rest = rest.replace("their", owner).replace("its", owner)
    return Actor(gender, phrase, f"{plural if gender == 'p' else singular} {rest}", f"{gerund} {rest}")
