"""Noun phrases with what follows the noun, several of them, and places."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from filters.english.captions.chance import Weighted
from filters.english.captions.heads import Heads
from filters.english.words import WORDS, Node, adjective, article, conjunction, mark, noun, preposition, pronoun, verb

ANYTHING: list[Weighted] = [
    (2, "people"), (2, "animals"), (2, "vehicles"), (2, "things"), (2, "furniture"), (2, "foods"), (2, "outdoors"),
    (1.5, "places"), (2.5, "compounds"), (0.5, "clothes"),
]  # fmt: skip
PLACES: list[Weighted] = [(4, "places"), (2, "outdoors"), (2, "furniture"), (1, "vehicles"), (1, "compounds")]
REGIONS = [
    ("in", "background"), ("in", "background"), ("in", "foreground"), ("in", "distance"), ("on", "left"),
    ("on", "right"), ("in", "center"), ("in", "middle"), ("to", "left"), ("to", "right"), ("at", "top"),
    ("at", "bottom"), ("on", "side"), ("in", "front"), ("on", "ground"), ("in", "air"), ("in", "corner"),
]  # fmt: skip
NEVER_DIVIDED = ("background", "foreground", "distance", "air", "ground")


class Phrases(Heads, ABC):
    """Whole noun phrases."""

    def np(self, kinds: list[Weighted], plain: bool = False, light: bool = False) -> Node:
        return self.np_of(self.noun_of(kinds), plain, light)

    def np_of(self, word: str, plain: bool = False, light: bool = False) -> Node:
        """`plain`: nothing after the noun; `light`: seldom anything."""
        if self.maybe(0.06):
            return self.add_of(self.head(self.choose(WORDS["groups"]), modified=0.2), self.head(word, many=True))
        head = self.head(word)
        if plain:
            return head
        draw = self.rng.random()
        for chance, extend in (
            (0.06 if light else 0.2, self.with_pp),
            (0.06 if light else 0.15, self.dressed if word in WORDS["people"] else self.with_part),
            (0.02 if light else 0.1, self.with_participle),
            (0.02 if light else 0.05, self.with_passive),
            (0.01 if light else 0.04, self.with_relative),
        ):
            if draw < chance:
                return extend(head)
            draw -= chance
        return head

    def with_pp(self, head: Node) -> Node:
        draw = self.rng.random()
        if draw < 0.2:
            return self.add_of(head, self.np(ANYTHING, plain=True))
        if draw < 0.25:
            return self.full_of(head)
        head.right.append(self.place().as_("nmod"))
        return head

    def with_part(self, head: Node) -> Node:
        """a cup with a handle; a table with plates, cups and a vase on it"""
        inside: list[Weighted] = [(1, "parts"), (1, "furniture"), (1, "foods")]
        part = self.pick(
            (3, lambda: self.np([(1, "parts")], plain=True)),
            (2, lambda: self.coordinate(lambda: self.np(inside, plain=True))),
            (1, lambda: self.np(ANYTHING, plain=True)),
        )
        part.left.insert(0, preposition("with"))
        if self.maybe(0.15):
            it = pronoun("it", "PRP", "Case=Acc|Gender=Neut|Number=Sing|Person=3|PronType=Prs", "nmod")
            it.left.append(preposition(self.choose(("on", "in", "behind"))))
            part.right.append(it)
        head.right.append(part.as_("nmod"))
        return head

    def dressed(self, head: Node) -> Node:
        clothes = self.coordinate(self.outfit) if self.maybe(0.2) else self.outfit()
        if self.maybe(0.3):
            wearing = verb("wear", "VBG").as_("acl")
            wearing.right.append(clothes.as_("obj"))
            head.right.append(wearing)
        else:
            clothes.left.insert(0, preposition(self.choose(("in", "in", "with"))))
            head.right.append(clothes.as_("nmod"))
        return head

    def full_of(self, head: Node) -> Node:
        contents = self.head(self.noun_of(ANYTHING), many=True, modified=0.3)
        contents.left.insert(0, preposition("of"))
        full = adjective("full", "amod")
        full.right.append(contents.as_("obl"))
        head.right.append(full)
        return head

    def add_of(self, head: Node, contents: Node) -> Node:
        contents.left.insert(0, preposition("of"))
        head.right.append(contents.as_("nmod"))
        return head

    def coordinate(self, make: Callable[[], Node]) -> Node:
        """A and B; A, B and C; A, B, and C"""
        first = make()
        count = self.choose((1, 1, 1, 2, 2, 3))
        serial = self.maybe(0.4)
        for index in range(count):
            last = index == count - 1
            other = make().as_("conj")
            if last:
                other.left.insert(0, conjunction("or" if self.maybe(0.05) else "and"))
            if not last or (serial and count > 1):
                first.glue_last()
                other.left.insert(0, mark(","))
            first.right.append(other)
        first.plural = first.plural or first.pos == "NOUN"
        return first

    def place(self) -> Node:
        """A prepositional phrase, as its noun with the preposition for a dependent."""
        if self.maybe(0.08):
            return self.region()
        words = self.choose(WORDS["prepositions"] if self.maybe(0.5) else WORDS["static"]).split()
        target = self.name() if self.maybe(0.06) else self.np(PLACES, light=True)
        if len(words) < 3:
            target.left[:0] = [preposition(word) for word in words]
            return target
        top = noun(next(word for word in words[1:] if word != "the"))
        top.left = [preposition(words[0]), *(article("the") for word in words if word == "the")]
        return self.add_of(top, target)

    def region(self) -> Node:
        """in the background; on the left side of the table"""
        word, name = self.choose(REGIONS)
        node = noun(name)
        node.left = [preposition(word), article("the")]
        if name in ("side", "corner"):
            node.left.append(adjective(self.choose(("left", "right", "other")), "amod"))
        if name not in NEVER_DIVIDED and self.maybe(0.4):
            self.add_of(node, self.np(ANYTHING, plain=True))
        return node

    # What verbs make, which need noun phrases themselves

    @abstractmethod
    def with_participle(self, head: Node) -> Node: ...

    @abstractmethod
    def with_passive(self, head: Node) -> Node: ...

    @abstractmethod
    def with_relative(self, head: Node) -> Node: ...
