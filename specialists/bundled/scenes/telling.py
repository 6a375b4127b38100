"""Texts at three granularities, from a small grammar, each mention of a thing tied to what it names.

What is said is taken from what was found visible: nothing else can be named.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specialists.bundled.scenes import nouns, wording
from specialists.bundled.scenes.backdrops.zones import Place
from specialists.bundled.scenes.relations import Relation
from specialists.bundled.scenes.thing import Thing
from specialists.bundled.scenes.told import Told

# All ours. Words that a text is to have, groups of things that it names at most.
WORDS = {"brief": 8, "detailed": 30, "more_detailed": 70}
_NAMED = {"brief": 2, "detailed": 4, "more_detailed": 9}
_ORDER = {"sky": 2, "water": 1, "wall": 1}  # what stands at the front is told first, what flies last


class Teller:
    """Writes the texts of one scene, `width` px wide."""

    def __init__(
        self, place: Place, things: Sequence[Thing], relations: Sequence[Relation], width: int, rng: np.random.Generator
    ) -> None:
        self.place, self.things, self.relations, self.width, self.rng = place, things, relations, width, rng
        groups: dict[str, list[Thing]] = {}
        for thing in things:
            groups.setdefault(thing.category.name, []).append(thing)
        self.groups = sorted(groups.values(), key=_prominence)

    def all(self) -> list[Told]:
        """A text of each granularity."""
        return [self.brief(), self.long("detailed"), self.long("more_detailed")]

    def brief(self) -> Told:
        """One sentence without a verb: the main things and the place."""
        told = Told("brief")
        groups = self.groups[: 1 if self.rng.random() < 0.4 else _NAMED["brief"]]
        if not groups:
            told.say("An empty place", self._pick(wording.LIGHT[self.place.light.name]))
            told.stop()
            return told
        self._mention(told, groups[0], full=len(groups) == 1)
        if len(groups) == 1:
            told.say(_action(groups[0]).replace("standing", ""))
        for group in groups[1:]:
            told.say(self._pick(("and", "and", "with")))
            self._mention(told, group, full=False)
        self._place(told, groups)
        told.stop()
        return told

    def long(self, granularity: str) -> Told:
        """Several sentences: the main things, the others, how they stand to each other, the light, the background."""
        told = Told(granularity)
        aim, groups = WORDS[granularity], self.groups[: _NAMED[granularity]]
        self._open(told, groups[:2])
        known = [thing for group in groups[:2] for thing in group]
        said: set[frozenset[int]] = set()
        for group in groups[2:]:
            if told.words >= 0.6 * aim and granularity == "detailed":
                break
            self._bring_in(told, group, known, said)
            known += group
        while told.words < 0.75 * aim and self._relate(told, known, said):
            continue
        remarks = [*wording.SKY[self.place.light.name], *wording.BEHIND[self.place.name]]
        for at in self.rng.permutation(len(remarks)).tolist():
            if told.words >= 0.85 * aim:
                break
            told.say(remarks[at][:-1])
            told.stop()
        return told

    def _open(self, told: Told, groups: list[list[Thing]]) -> None:
        """What is there, what it does, where, and in which light."""
        light = self._pick(wording.LIGHT[self.place.light.name])
        if not groups:
            told.say("The place is empty", light)
            told.stop()
            return
        first = self.rng.random() < 0.4 and light != ""
        told.say(f"{light}," if first else "")
        action, be = _action(groups[0]), _be(groups[0])
        way = int(self.rng.integers(3))
        told.say(f"there {be}" if not action and way == 0 else "")
        self._mention(told, groups[0], full=True)
        told.say(f"{be} {action}" if action else ("", f"{be} seen", "can be seen")[way])
        self._place(told, groups[:1])
        for group in groups[1:]:
            told.say(self._pick(("together with", "along with", "with")))
            self._mention(told, group, full=True)
        told.say("" if first else light)
        told.stop()

    def _bring_in(self, told: Told, group: list[Thing], known: list[Thing], said: set[frozenset[int]]) -> None:
        """More things, by how one stands to a known thing or where in the picture it is."""
        link = self._link(group[0], known) if len(group) == 1 else None
        if link:
            said.add(frozenset((id(link.subject), id(link.object))))
            other = nouns.definite(link.object, self.things) or ""
            how = self._pick(wording.SIDE[link.name])
            if self.rng.random() < 0.5:
                told.say(how)
                told.name(other, [link.object.id])
                told.say(self._pick(("is", "there is", "one can see")))
                self._mention(told, group, full=True)
            else:
                self._mention(told, group, full=True)
                told.say("is", how)
                told.name(other, [link.object.id])
        elif len(group) == 1:
            told.say(self._pick(wording.AT[self._third(group[0])]), self._pick(("there is", "one can see", "is")))
            self._mention(told, group, full=True)
        else:
            told.say(self._pick(("there are also", "one can also see", "the scene also has")))
            self._mention(told, group, full=True)
        told.stop()

    def _relate(self, told: Told, known: list[Thing], said: set[frozenset[int]]) -> bool:
        """A sentence about two known things; False where none is left to be said."""
        here = {id(thing) for thing in known}
        for at in self.rng.permutation(len(self.relations)).tolist():
            a, name, b = self.relations[at]
            pair = frozenset((id(a), id(b)))
            subject, object = nouns.definite(a, self.things), nouns.definite(b, self.things)
            if pair <= here and pair not in said and subject and object:
                said.add(pair)
                told.name(subject, [a.id])
                told.say("is", self._pick(wording.SIDE[name]))
                told.name(object, [b.id])
                told.stop()
                return True
        return False

    def _link(self, thing: Thing, known: list[Thing]) -> Relation | None:
        """How a new thing stands to one that is known and has a name of its own."""
        here = {id(other) for other in known}
        fits = [r for r in self.relations if r.subject is thing and id(r.object) in here]
        fits = [r for r in fits if nouns.definite(r.object, self.things)]
        return fits[int(self.rng.integers(len(fits)))] if fits else None

    def _mention(self, told: Told, group: list[Thing], *, full: bool) -> None:
        told.name(nouns.several(group, self.rng, full=full), [thing.id for thing in group])
        lines = group[0].lines if len(group) == 1 else ()
        if lines:
            told.say(self._pick(wording.READS))
            told.quote(" ".join(lines), [f"{group[0].id}.{row}" for row in range(len(lines))])

    def _place(self, told: Told, groups: list[list[Thing]]) -> None:
        """Where all of these are."""
        zones = {thing.zone for group in groups for thing in group}
        carrier = groups[0][0].on
        if carrier is not None and len(groups) == 1 and len(groups[0]) == 1:
            told.say("on")
            told.name(nouns.article(carrier.category.noun), [carrier.id])
            return
        alone = wording.ZONES.get((self.place.name, *zones)) or wording.ZONES.get(("", *zones))
        told.say(self._pick(alone or wording.PLACES[self.place.name]))

    def _third(self, thing: Thing) -> str:
        middle = (thing.box[0] + thing.box[2]) / 2 / self.width
        return "left" if middle < 0.38 else "right" if middle > 0.62 else "middle"

    def _pick(self, choices: Sequence[str]) -> str:
        return choices[int(self.rng.integers(len(choices)))]


def _prominence(group: list[Thing]) -> tuple[int, int]:
    return _ORDER.get(group[0].zone, 0), -sum(int(thing.visible.sum()) for thing in group)


def _be(group: list[Thing]) -> str:
    return "is" if len(group) == 1 else "are"


def _action(group: list[Thing]) -> str:
    """What all of them do, as a participle; nothing where they do this and that."""
    doings = {wording.DOES_ALWAYS.get(t.category.name, wording.DOES.get(t.look.pose, "")) for t in group}
    return doings.pop() if len(doings) == 1 else ""
