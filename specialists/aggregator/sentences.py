"""A scene in sentences: what there is, where it is, how things lie to each other, what is written.

Every sentence says only what a region shows, and knows which regions it speaks of. Which of several ways to say a
thing is taken depends on a key, the image's: varied over images, always the same for one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice, repeat

from specialists.aggregator.naming import ADJECTIVES
from specialists.aggregator.nouns import listed, spelled
from specialists.aggregator.positions import place, relation, share, third
from specialists.aggregator.scene import Group, Line, Scene, Thing

# On these a line in their box is written; on anything else it may as well be before it or behind it.
SIGNS = frozenset({
    "banner", "billboard", "blackboard", "board", "label", "menu", "page", "placard", "poster", "screen",
    "sign", "signboard", "whiteboard", "license plate", "number plate",
})  # fmt: skip
ON_SIGN = 0.8  # of a line's box
LONGEST_LINE = 60  # characters; longer ones are left to the OCR regions
MOST = {"detailed": (5, 2, 1, 1), "more_detailed": (8, 4, 3, 4)}  # groups named, placed, related, and lines

Sources = tuple[Thing | Line, ...]


@dataclass(frozen=True)
class Sentence:
    """A sentence, and the regions that support it."""

    text: str
    sources: Sources


class Voice:
    """Chooses among ways to say the same: by a key where it begins, then each way in turn."""

    def __init__(self, key: str) -> None:
        self._start = hashlib.sha256(key.encode()).digest()
        self._turns: Counter[str] = Counter()

    def pick(self, what: str, ways: Sequence[str]) -> str:
        """One of the ways to say `what`."""
        at = self._start[sum(what.encode()) % len(self._start)] + self._turns[what]
        self._turns[what] += 1
        return ways[at % len(ways)]


def describe(scene: Scene, granularity: str, key: str) -> list[Sentence]:
    """The sentences of a detailed or more detailed text; none where nothing is known."""
    voice = Voice(f"{granularity}\0{key}")
    named, placed, related, lines = MOST[granularity]
    groups = scene.groups
    brief = granularity == "detailed"
    begin = chain(_enumeration(groups[:named], voice), _places(groups[:placed], voice, together=brief))
    relations, sizes = _relations(groups[:named], related, voice), _sizes(groups[:named], voice)
    writing = _writing(scene, lines, voice)
    if brief:
        return [*begin, *islice(chain(writing, relations, sizes), 1)]
    return [*begin, *_attributes(groups[:named]), *relations, *sizes, *writing]


def _enumeration(groups: Sequence[Group], voice: Voice) -> Iterator[Sentence]:
    """ "A brown dog and two cats can be seen." """
    if groups:
        many = len(groups) > 1 or groups[0].noun.is_plural(groups[0].number, definite=False)
        be = "are" if many else "is"
        verb = voice.pick("seen", ("can be seen", f"{be} shown", f"{be} pictured"))
        names = listed([group.noun.indefinite(group.number, group.attribute) for group in groups])
        yield _sentence(f"{names} {verb}", *(group.things for group in groups))


def _places(groups: Sequence[Group], voice: Voice, *, together: bool) -> Iterator[Sentence]:
    clauses = [(_placed(group, voice), group) for group in groups]
    if together and clauses:
        text = ", and ".join(clause for clause, _ in clauses)
        yield _sentence(text, *(group.things for _, group in clauses))
    else:
        yield from (_sentence(clause, group.things) for clause, group in clauses)


def _placed(group: Group, voice: Voice) -> str:
    """ "the dog is on the left", "one of the cats is on the left and the other in the middle"."""
    things = group.things
    name, many = group.noun.definite(group.number), group.noun.is_plural(group.number, definite=True)
    thirds = {third(thing.box) for thing in things}
    apart = len(thirds) > 1
    if group.number == 2 and apart:
        return f"one of {name} is {_where(things[0], voice)} and the other is {_where(things[1], voice)}"
    be = "are" if many else "is"
    if {column for _, column in thirds} == {0, 1, 2}:
        return f"{name} {be} spread across the image"
    verb = voice.pick("be", (be, "can be found", "can be seen"))
    return f"{name} {verb} {'in different places' if apart else _where(things[0], voice)}"


def _where(of: Thing | Line, voice: Voice) -> str:
    ways = place(of.box)
    return voice.pick(ways[0], ways)


def _attributes(groups: Sequence[Group]) -> Iterator[Sentence]:
    """What some of several are: "one of the dogs is brown and two are black"."""
    for group in groups:
        found: dict[str, list[Thing]] = {}
        for thing in group.things:
            if thing.attribute in ADJECTIVES:
                found.setdefault(thing.attribute, []).append(thing)
        if found and group.number and not group.attribute:
            said = [
                f"{spelled(len(things))}{of} {'is' if len(things) == 1 else 'are'} {attribute}"
                for (attribute, things), of in zip(found.items(), _of(group), strict=False)
            ]
            yield _sentence(listed(said), *(tuple(things) for things in found.values()))


def _of(group: Group) -> Iterator[str]:
    """What they are some of, said once."""
    return chain([f" of {group.noun.definite(group.number)}"], repeat(""))


def _relations(groups: Sequence[Group], most: int, voice: Voice) -> Iterator[Sentence]:
    """ "The dog is to the left of the sofa." Of things that there is one of: any other could be meant."""
    single = [group for group in groups if group.number == 1]
    pairs = [(one, other) for one, other in combinations(single, 2) if _related(one, other)]
    for one, other in pairs[:most]:
        be = "are" if one.noun.is_plural(1, definite=True) else "is"
        verb = voice.pick("lie", (be, "can be seen"))
        text = f"{one.noun.definite(1)} {verb} {_related(one, other)} {other.noun.definite(1)}"
        yield _sentence(text, one.things, other.things)


def _related(one: Group, other: Group) -> str:
    return relation(one.things[0].box, other.things[0].box)


def _sizes(groups: Sequence[Group], voice: Voice) -> Iterator[Sentence]:
    """How much of the image the largest single thing takes up, and which looks smallest."""
    single = sorted((group for group in groups if group.number == 1), key=lambda group: -group.things[0].box.area)
    if single:
        largest, smallest = single[0], single[-1]
        many = largest.noun.is_plural(1, definite=True)
        verb = voice.pick("size", ("take up", "cover") if many else ("takes up", "covers"))
        yield _sentence(f"{largest.noun.definite(1)} {verb} {share(largest.things[0].box)}", largest.things)
        if smallest.things[0].box.area < 0.5 * largest.things[0].box.area:
            verb = "appear" if smallest.noun.is_plural(1, definite=True) else "appears"
            text = f"{smallest.noun.definite(1)} {verb} smaller than {largest.noun.definite(1)}"
            yield _sentence(text, smallest.things, largest.things)


def _writing(scene: Scene, most: int, voice: Voice) -> Iterator[Sentence]:
    """Written lines, the tallest ones, each text once: 'The sign reads "EXIT".'"""
    readable = [line for line in scene.lines if len(line.text) <= LONGEST_LINE]
    once = {line.text: line for line in sorted(readable, key=lambda line: line.box.bottom - line.box.top)}
    tallest = sorted(once.values(), key=lambda line: line.box.top - line.box.bottom)[:most]
    for line in (line for line in readable if line in tallest):
        sign = _sign_of(line, scene.groups)
        if sign:
            group, thing = sign
            name = group.noun.definite(group.number)
            if group.number not in (1, None):
                name = f"one of {name}"
            yield _sentence(f'{name} {"read" if group.number is None else "reads"} "{line.text}"', (line, thing))
        else:
            verb = voice.pick("read", ("can be read", "is written"))
            yield _sentence(f'the text "{line.text}" {verb} {_where(line, voice)}', (line,))


def _sign_of(line: Line, groups: Sequence[Group]) -> tuple[Group, Thing] | None:
    """The smallest sign or the like on which a line is."""
    found = [
        (thing.box.area, group, thing)
        for group in groups
        if {group.noun.name, group.noun.name.split()[-1]} & SIGNS
        for thing in group.things
        if line.box.share_in(thing.box) >= ON_SIGN
    ]
    return min(found, key=lambda each: each[0])[1:] if found else None


def _sentence(text: str, *sources: Sources) -> Sentence:
    return Sentence(f"{text[0].upper()}{text[1:]}.", tuple(chain(*sources)))
