"""Words as nodes of a tree: the closed classes one by one, the open ones from vocabulary.toml, inflected."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SINGULAR_VERB = "Mood=Ind|Number=Sing|Person=3|Tense=Pres|VerbForm=Fin"
PLURAL_VERB = "Mood=Ind|Number=Plur|Person=3|Tense=Pres|VerbForm=Fin"
PASSIVE = "Tense=Past|VerbForm=Part|Voice=Pass"
PROGRESSIVE = "Tense=Pres|VerbForm=Part"
GERUND = "VerbForm=Ger"

_FILE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))
TABLES: dict[str, dict[str, str]] = {name: entry for name, entry in _FILE.items() if isinstance(entry, dict)}
WORDS: dict[str, list[str]] = {
    name: [" ".join(item.split()) for item in entry.split(";")] if ";" in entry else entry.split()
    for name, entry in _FILE.items()
    if isinstance(entry, str)
}
IRREGULAR = {row.split()[0]: tuple(row.split()[1:]) for row in WORDS["irregular"]}


@dataclass
class Node:
    """A word with its dependents to the left and to the right, in order."""

    form: str
    lemma: str
    pos: str
    tag: str
    morph: str = ""
    dep: str = "ROOT"
    left: list[Node] = field(default_factory=list)
    right: list[Node] = field(default_factory=list)
    glued: bool = False  # no space after
    plural: bool = False

    def as_(self, dep: str) -> Node:
        self.dep = dep
        return self

    def words(self) -> list[Node]:
        before = [word for node in self.left for word in node.words()]
        return [*before, self, *(word for node in self.right for word in node.words())]

    def glue_last(self) -> None:
        self.words()[-1].glued = True


def noun(form: str, lemma: str = "", plural: bool = False, dep: str = "ROOT") -> Node:
    tag, number = ("NNS", "Plur") if plural else ("NN", "Sing")
    return Node(form, lemma or form, "NOUN", tag, f"Number={number}", dep, plural=plural)


def adjective(word: str, dep: str = "ROOT") -> Node:
    return Node(word, word, "ADJ", "JJ", "Degree=Pos", dep)


def adverb(word: str) -> Node:
    return Node(word, word, "ADV", "RB", dep="advmod")


def preposition(word: str) -> Node:
    return Node(word, word, "ADP", "IN", dep="case")


def particle(word: str) -> Node:
    return Node(word, word, "ADP", "RP", dep="compound:prt")


def conjunction(word: str) -> Node:
    return Node(word, word, "CCONJ", "CC", dep="cc")


def determiner(word: str, morph: str) -> Node:
    return Node(word, word, "DET", "DT", morph, "det")


def article(word: str) -> Node:
    return determiner(word, f"Definite={'Def' if word == 'the' else 'Ind'}|PronType=Art")


def number(word: str) -> Node:
    return Node(word, word, "NUM", "CD", "NumType=Card", "nummod")


def mark(sign: str) -> Node:
    return Node(sign, sign, "PUNCT", sign, dep="punct")


def pronoun(word: str, tag: str, morph: str, dep: str) -> Node:
    return Node(word, word, "PRON", tag, morph, dep, plural="Number=Plur" in morph)


def be(subject: Node, dep: str) -> Node:
    if subject.plural:
        return Node("are", "be", "AUX", "VBP", PLURAL_VERB, dep)
    return Node("is", "be", "AUX", "VBZ", SINGULAR_VERB, dep)


def can() -> Node:
    return Node("can", "can", "AUX", "MD", "VerbForm=Fin", "aux")


def verb(lemma: str, tag: str, morph: str = "") -> Node:
    third, gerund, participle = IRREGULAR.get(lemma) or _regular(lemma)
    form, usual = {
        "VB": (lemma, "VerbForm=Inf"),
        "VBP": (lemma, PLURAL_VERB),
        "VBZ": (third, SINGULAR_VERB),
        "VBG": (gerund, GERUND),
        "VBN": (participle, PASSIVE),
    }[tag]
    return Node(form, lemma, "VERB", tag, morph or usual)


def plural_of(word: str) -> str:
    if word in TABLES["plurals"]:
        return TABLES["plurals"][word]
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh", "ato", "ngo")) else "s")


def _regular(lemma: str) -> tuple[str, str, str]:
    """Third person, -ing form and participle of a regular verb."""
    stem = lemma[:-1] if lemma.endswith("e") else lemma
    if re.fullmatch("[^aeiou]*[aeiou][^aeiouwxy]|equip", lemma):
        stem += lemma[-1]
    past = lemma[:-1] + "ied" if lemma.endswith("y") and lemma[-2] not in "aeiou" else stem + "ed"
    return plural_of(lemma), stem + "ing", past
