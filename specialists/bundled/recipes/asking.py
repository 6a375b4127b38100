"""What a scene is asked while grounding is trained: its own phrases, names of its things, and what it does not have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specialists.bundled.recipes import views
from specialists.bundled.scenes.palette import NAMED
from specialists.grounding.passes import plain

WRITTEN = "written"  # the category of a line of writing, which is no category of things


@dataclass(frozen=True)
class Ask:
    """A phrase, the regions that it names, and those of which nobody can say whether it names them."""

    phrase: str
    right: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scene:
    """Of a truth, what asking needs."""

    asks: dict[str, Ask]  # by phrase: those of its texts
    categories: dict[str, str]  # of each region, by its id
    colour: dict[str, str]  # of a thing, or of the part that has one, by its id
    colours: dict[str, set[str]]  # of all things of a category, the second ones too
    between: list[str]  # what its texts say between the phrases


def scene(truth: dict[str, Any]) -> Scene:
    """The phrases of a truth's texts, and what its things are."""
    said = {text["id"]: text["text"] for text in truth["texts"]}
    named: defaultdict[str, set[str]] = defaultdict(set)
    for phrase in truth["phrases"]:
        named[plain(said[phrase["text_id"]][phrase["start"] : phrase["end"]])] |= set(phrase["region_ids"])
    lines = {region["id"]: WRITTEN for region in truth["regions"] if region["kind"] != "object"}
    categories = {thing["id"]: views.category(thing) for thing in views.objects(truth)} | lines
    tinted = [each for each in truth["attributes"] if each["name"].endswith("colour")]
    colours: defaultdict[str, set[str]] = defaultdict(set)
    for each in tinted:
        colours[categories[each["region_id"]]].add(each["value"])
    colour = {each["region_id"]: each["value"] for each in tinted if each["name"] != "second colour"}
    asks = {phrase: Ask(phrase, frozenset(ids)) for phrase, ids in named.items()}
    return Scene(asks, categories, colour, colours, _between(truth, said))


def _between(truth: dict[str, Any], said: dict[str, str]) -> list[str]:
    ends: defaultdict[str, list[int]] = defaultdict(lambda: [0])
    for phrase in truth["phrases"]:
        ends[phrase["text_id"]] += [phrase["start"], phrase["end"]]
    parts = [
        plain(text[start:end])
        for name, text in said.items()
        for start, end in zip(ends[name][::2], [*ends[name][1::2], len(text)], strict=True)
    ]
    return [part for part in parts if len(part.split()) > 1]


def by_label(truth: dict[str, Any], rng: np.random.Generator) -> list[Ask]:
    """One thing by its category, or by its label with a colour or more in it."""
    things = views.objects(truth)
    if not things:
        return []
    thing = things[int(rng.integers(len(things)))]
    kin = frozenset(other["id"] for other in things if views.category(other) == views.category(thing))
    label = thing["labels"][int(rng.integers(len(thing["labels"])))]
    if label["granularity"] == "phrase":
        return [Ask(plain(label["text"]), kin)]
    same = frozenset(o["id"] for o in things if o["id"] in kin and label["text"] in [n["text"] for n in o["labels"]])
    return [Ask(plain(label["text"]), same, kin - same)]


@dataclass
class Strangers:
    """Phrases of many scenes, to ask those that have no such thing."""

    _phrases: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _sorted: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, truths: Iterable[dict[str, Any]]) -> None:
        """Take the phrases of these scenes."""
        for truth in truths:
            known = scene(truth)
            for ask in known.asks.values():
                if ask.right:
                    self._phrases[known.categories[min(ask.right)]].add(ask.phrase)
        self._sorted = {category: sorted(phrases) for category, phrases in sorted(self._phrases.items())}

    def ask(self, about: Scene, rng: np.random.Generator) -> Ask | None:
        """A phrase of what a scene does not have: another category, a colour, or what is no thing at all."""
        kind = rng.random()
        here = sorted(set(about.categories.values()) - {WRITTEN})
        if kind < 0.2 and about.between:
            words = _one(about.between, rng).strip(".").split()
            start = int(rng.integers(max(1, len(words) - 2)))
            return Ask(" ".join(words[start : start + int(rng.integers(1, 4))]).strip(".,"))
        if kind < 0.5 and here:
            category = _one(here, rng)
            phrase = _one(self._sorted[category], rng) if category in self._sorted else ""
            own = set(phrase.replace(",", "").split()) & set(NAMED)
            there = about.colours[category] | {category}  # an orange is no colour
            return Ask(phrase) if own and not own & there else None
        category = _one(list(self._sorted), rng)
        return None if category in about.categories.values() else Ask(_one(self._sorted[category], rng))


def _one(choices: list[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def asks(truth: dict[str, Any], strangers: Strangers, rng: np.random.Generator) -> list[Ask]:
    """What to ask of a scene: some of its own phrases, a thing by its name, up to four strangers, in any order.

    Sometimes few and sometimes many, so that no score leans on what else is asked.
    """
    about = scene(truth)
    own = list(about.asks.values())
    chosen = {own[at].phrase: own[at] for at in rng.permutation(len(own))[: int(rng.integers(1, 9))].tolist()}
    more = [strangers.ask(about, rng) for _ in range(int(rng.integers(5)))]
    for ask in (*by_label(truth, rng), *(each for each in more if each)):
        if ask.phrase and ask.phrase not in about.asks:
            chosen.setdefault(ask.phrase, ask)
    found = list(chosen.values())
    return [found[at] for at in rng.permutation(len(found)).tolist()]
