"""Nouns with what stands before them: determiners, owners, adjectives, participles."""

from __future__ import annotations

from filters.english.captions.chance import Chance
from filters.english.words import (
    PASSIVE,
    TABLES,
    WORDS,
    Node,
    adjective,
    adverb,
    article,
    conjunction,
    determiner,
    mark,
    noun,
    number,
    plural_of,
    preposition,
    pronoun,
)

POSSESSIVES = [
    ("his", "Gender=Masc|Number=Sing"), ("her", "Gender=Fem|Number=Sing"), ("its", "Gender=Neut|Number=Sing"),
    ("their", "Number=Plur"),
]  # fmt: skip


class Heads(Chance):
    """Noun phrases that end with their noun."""

    def head(self, word: str, many: bool = False, modified: float = 0.42) -> Node:
        """Determiner, adjectives, compound and noun."""
        *first, last = word.split()
        mass = word in WORDS["mass"] + WORDS["mass_outdoors"] + WORDS["times"]
        plural = word in WORDS["pairs"] or (not mass and (many or self.maybe(0.3)))
        form = plural_of(last) if plural and word not in WORDS["pairs"] else last
        node = noun(form, "people" if form == "people" else last, plural)
        node.left = [noun(part, dep="compound") for part in first]
        if not first and self.maybe(0.06):
            node.left = [noun(self.choose(WORDS["materials"]), dep="compound")]
        if self.maybe(modified):
            node.left = [*self.modifiers(), *node.left]
        if self.maybe(0.04):
            node.left.insert(0, self.owner())
        elif first_word := self.determiner(plural, mass or many):
            node.left.insert(0, first_word)
            if first_word.form == "a" and node.words()[1].form[0] in "aeiou":
                first_word.form = "an"
        return node

    def owner(self) -> Node:
        owner = self.head(self.choose(WORDS["people"]), modified=0.2)
        owner.glue_last()
        owner.right.append(Node("'" if owner.form.endswith("s") else "'s", "'s", "PART", "POS", dep="case"))
        return owner.as_("nmod:poss")

    def determiner(self, plural: bool, bare: bool) -> Node | None:
        if self.maybe(0.6 if bare else 0.12):
            return None
        if self.maybe(0.3):
            return article("the")
        if self.maybe(0.12):
            word, features = self.choose(POSSESSIVES)
            return pronoun(word, "PRP$", f"Case=Gen|{features}|Person=3|Poss=Yes|PronType=Prs", "nmod:poss")
        some = determiner("some", "PronType=Ind")
        if not plural:
            rare = (0.05, lambda: number("one")), (0.05, lambda: determiner("another", "PronType=Ind"))
            return some if bare else self.pick((0.9, lambda: article("a")), *rare)
        return self.pick(
            (0.4, lambda: number(self.choose(WORDS["numbers"]))),
            (0.06, lambda: adjective("few", "amod")),
            (0.22, lambda: adjective(self.choose(("many", "several", "many", "several", "various", "other")), "amod")),
            (0.2, lambda: some),
            (0.12, lambda: None),
        )

    def modifiers(self) -> list[Node]:
        return self.pick(
            (8, lambda: [self.adjective().as_("amod")]),
            (3, lambda: [self.adjective().as_("amod"), self.adjective().as_("amod")]),
            (2, lambda: [self.color_pair()]),
            (3, lambda: [self.participial()]),
            (1, lambda: [self.adjective().as_("amod"), self.participial()]),
            (1, lambda: [self.hyphenated()]),
            (0.7, self.comma_pair),
        )

    def adjective(self) -> Node:
        rare = self.maybe(0.15)
        node = adjective(
            self.choose(WORDS["colors"] if self.maybe(0.35) else self.rare_adjectives if rare else WORDS["adjectives"])
        )
        if self.maybe(0.06):
            degree = self.choose(("very", "light", "dark", "brightly", "partially", "extremely"))
            node.left.append(adjective(degree, "amod") if degree in ("light", "dark") else adverb(degree))
        return node

    def comma_pair(self) -> list[Node]:
        first, second = self.adjective().as_("amod"), self.adjective().as_("amod")
        first.glue_last()
        return [first, mark(","), second]

    def color_pair(self) -> Node:
        first, second = (self.choose(WORDS["colors"]) for _ in range(2))
        node, other = adjective(first, "amod"), adjective(second, "conj")
        other.left.append(conjunction("and"))
        node.right.append(other)
        return node

    def participial(self) -> Node:
        lemma, form = self.choose(list(TABLES["participial"].items()))
        tag, morph = ("VBG", "VerbForm=Ger") if form.endswith("ing") else ("VBN", PASSIVE)
        return Node(form, lemma, "VERB", tag, morph, "amod")

    def hyphenated(self) -> Node:
        first, last = self.choose(WORDS["hyphenated"]).split()
        word = adverb(first) if first.endswith("ly") or first == "well" else adjective(first, "amod")
        if first in ("snow", "tree"):
            word = noun(first, dep="compound")
        hyphen = Node("-", "-", "PUNCT", "HYPH", dep="punct", glued=True)
        word.glued = True
        node = adjective(last, "amod")
        node.left = [word, hyphen]
        return node

    def outfit(self) -> Node:
        return self.head(self.choose(WORDS["pairs" if self.maybe(0.25) else "clothes"]), modified=0.7)

    def time(self) -> Node:
        node = noun(self.choose(WORDS["times"]))
        node.left = [preposition("at")]
        return node

    def name(self) -> Node:
        *rest, last = (Node(word, word, "PROPN", "NNP", "Number=Sing") for word in self.choose(WORDS["names"]).split())
        last.left = [word.as_("compound") for word in rest]
        return last

    def each_other(self) -> Node:
        return Node("each", "each", "DET", "DT", "PronType=Rcp", right=[adjective("other", "fixed")])
