"""One parse per text, shared by all that judges it: what a text names, and how it ties it together.

Objects, attributes and actions, with their degrees in the dependency tree taken as undirected, follow
the text filter of Florence-2 (arXiv 2311.06242, section 4) and its ancestor, the CAT filter of DiHT
(arXiv 2301.02280). Noun phrases feed grounding. The papers publish no rules of syntax: these are ours.

Both label schemes of spaCy's English pipelines are understood: Universal Dependencies and ClearNLP.
Spans are half-open ranges of characters of the text as it was given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:  # spaCy takes a second to import, which a run without new texts need not spend
    from spacy.language import Language
    from spacy.tokens import Doc

LONGEST_TEXT = 10_000  # characters; what follows is not read
LONGEST_WORD = 100  # characters; longer runs are no words, and tokenizers slow down on them


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Dependents that belong to a noun phrase: before its head, behind it as part of a name, and behind it.
_BEFORE = _set("det det:predet predet preconj cc:preconj amod nummod quantmod compound nn flat poss nmod:poss")
_BEFORE |= _set("nmod nmod:desc nmod:unmarked")
_NAME = _set("flat fixed compound compound:prt prt goeswith nummod nmod:desc")
_BEHIND = _NAME | _set("nmod nmod:unmarked prep acl acl:relcl relcl amod advmod advcl:relcl")
# A noun in one of these relations is part of another phrase, never the head of its own.
_INNER = _set("compound nn flat fixed goeswith amod nummod quantmod case cc mark det predet det:predet advmod prt")
_INNER |= _set("compound:prt punct aux cop")
_NOMINAL = _set("nsubj nsubj:pass nsubj:outer nsubjpass obj dobj iobj dative pobj obl obl:agent nmod attr")
_NO_ATTRIBUTE = _NOMINAL | _set("fixed case det advmod cc mark compound discourse")
_NO_ACTION = _set("amod aux auxpass aux:pass cop case compound mark fixed det cc punct")
_NO_PHRASE = _set("nmod:poss poss expl det WDT WP WP$ EX PRP$")  # pronouns, by relation and by tag
_HEADS = _set("NOUN PROPN PRON DET NUM ADJ")  # parts of speech that can head a noun phrase
_COMPLEX_PREPOSITIONS = _set("front top back spite lieu addition")  # "in front of"
_QUANTITIES = _set("many several few much more most less other such same own various numerous")
_PLAIN = re.compile(r"[!-~]{1,100}(?: [!-~]{1,100})*")
_WORD = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
_JOINERS = "\u200c\u200d"  # format characters that are part of words and of emoji
_HYPHENS = "-\u2010\u2011"
_UNSIGNED = 1 << 64


class Extent(Enum):
    """How far a noun phrase reaches: "a man", "a man in a blue shirt", or one phrase for each."""

    BARE = "bare"
    FULL = "full"
    BOTH = "both"


class Word(NamedTuple):
    """A word and its place; `degree` counts the edges of the tree that touch it, punctuation's not."""

    text: str
    lemma: str
    start: int
    end: int
    degree: int


class NounPhrase(NamedTuple):
    """A noun phrase and the word that it is about; `bare` where nothing that follows the head is in it."""

    text: str
    start: int
    end: int
    head: Word
    bare: bool


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the parse of one text says; each tuple in the order of the heads; `length` in tokens."""

    length: int
    objects: tuple[Word, ...]
    attributes: tuple[Word, ...]
    actions: tuple[Word, ...]
    proper_nouns: tuple[Word, ...]
    noun_phrases: tuple[NounPhrase, ...]


def analyse(
    nlp: Language, texts: Iterable[str], extent: Extent = Extent.BARE, batch_size: int = 256
) -> Iterator[Syntax]:
    """Parses the texts in batches and yields one `Syntax` for each, in their order."""
    cleaned = ((clean, (text, places)) for text in texts for clean, places in (readable(text),))
    for doc, (text, places) in nlp.pipe(cleaned, as_tuples=True, batch_size=batch_size):
        yield read(doc, text, places, extent)


def readable(text: str) -> tuple[str, list[int] | None]:
    """The text as parsers like it, and the place of each of its characters in the original.

    Runs of spaces become one, and control characters, invisible ones and overlong words go. None
    stands for places that did not move.
    """
    text = text[:LONGEST_TEXT]
    if _PLAIN.fullmatch(text):
        return text, None
    characters: list[str] = []
    places: list[int] = []
    for word in _WORD.finditer(text):
        visible = [
            (place, character)
            for place, character in enumerate(word[0], word.start())
            if unicodedata.category(character) not in ("Cf", "Cs") or character in _JOINERS
        ]
        if visible and len(visible) <= LONGEST_WORD:
            characters += [character for _, character in visible] + [" "]
            places += [place for place, _ in visible] + [word.end()]
    return "".join(characters[:-1]), places


def read(doc: Doc, text: str, places: list[int] | None = None, extent: Extent = Extent.BARE) -> Syntax:
    """Reads a parsed document; `places` maps its characters to those of `text` (see `readable`)."""
    tree = _Tree(doc, text, places)
    heads = [index for index, pos in enumerate(tree.pos) if pos in _HEADS and tree.is_head(index)]
    others = [index for index, pos in enumerate(tree.pos) if pos in ("ADJ", "VERB")]
    return Syntax(
        length=len(doc),
        objects=tuple(tree.word(index) for index in heads if tree.pos[index] == "NOUN"),
        attributes=tuple(tree.word(index, hyphenated=True) for index in others if tree.is_attribute(index)),
        actions=tuple(tree.word(index) for index in others if tree.is_action(index)),
        proper_nouns=tuple(tree.word(index) for index in heads if tree.pos[index] == "PROPN"),
        noun_phrases=tuple(phrase for index in heads for phrase in tree.phrases(index, extent)),
    )


class _Tree:
    """The document as lists of token attributes, which Python reads faster than tokens."""

    def __init__(self, doc: Doc, text: str, places: list[int] | None) -> None:
        self.doc, self.text = doc, text
        self.strings = strings = doc.vocab.strings
        rows = doc.to_array(["POS", "DEP", "TAG", "LEMMA", "HEAD", "IDX", "LENGTH"]).reshape(-1, 7)
        columns = cast("list[list[int]]", rows.T.tolist())
        pos, dep, self.tags, self.lemmas, steps, starts, lengths = columns
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        self.starts = starts if places is None else [places[start] for start in starts]
        self.ends = ends if places is None else [places[end - 1] + 1 for end in ends]
        self.pos = [strings[key] if key else "" for key in pos]
        self.dep = [strings[key] for key in dep]
        self.silent = [d == "punct" or p in ("PUNCT", "SPACE") for d, p in zip(self.dep, self.pos, strict=True)]
        # A step to the left is a negative number, which the array holds as an unsigned one.
        self.head = [(index + step) % _UNSIGNED for index, step in enumerate(steps)]
        self.words: dict[int, Word] = {}
        self.children: list[list[int]] = [[] for _ in steps]
        self.degree = [0] * len(steps)
        for index, above in enumerate(self.head):
            if above != index:
                self.children[above].append(index)
                if not self.silent[index]:
                    self.degree[index] += 1
                    self.degree[above] += 1

    def is_head(self, index: int) -> bool:
        """Whether a noun phrase is about this word."""
        pos, dep = self.pos[index], self.dep[index]
        if pos in ("NOUN", "PROPN"):
            named = self.relation(index) not in _INNER and not self.is_complex_preposition(index)
            return named and self.is_word(index)
        if pos == "PRON":
            kinds = self.doc[index].morph.get("PronType", [])
            unfit = {dep, self.strings[self.tags[index]]} & _NO_PHRASE or {"Rel", "Int"} & set(kinds)
            return not unfit and self.is_word(index)
        counted = pos in ("DET", "NUM") or (pos == "ADJ" and any(self.dep[c] == "det" for c in self.children[index]))
        return counted and dep in _NOMINAL and self.is_word(index)

    def is_attribute(self, index: int) -> bool:
        if self.pos[index] == "VERB":
            return self.dep[index] == "amod" and index < self.head[index]
        return (
            self.dep[index] not in _NO_ATTRIBUTE
            and self.lemma(index) not in _QUANTITIES
            and not self.is_hyphen(index + 1)
            and self.is_word(index)
        )

    def is_action(self, index: int) -> bool:
        return self.pos[index] == "VERB" and self.dep[index] not in _NO_ACTION and self.lemma(index) != "be"

    def is_word(self, index: int) -> bool:
        token = self.doc[index]
        text = token.text
        return text.isalpha() or (any(map(str.isalnum, text)) and not (token.like_url or token.like_email))

    def is_complex_preposition(self, index: int) -> bool:
        """Whether it is the noun of "in front of", which names no thing."""
        governed = self.dep[index] == "pobj" or any(self.dep[child] == "case" for child in self.children[index])
        return governed and self.lemma(index) in _COMPLEX_PREPOSITIONS and self.first(index) == index

    def is_hyphen(self, index: int) -> bool:
        """Whether this token ties its neighbours together: "long-haired" is three tokens."""
        if not 0 < index < len(self.pos) - 1 or not self.silent[index] or self.doc[index].text not in _HYPHENS:
            return False
        return self.ends[index - 1] == self.starts[index] and self.ends[index] == self.starts[index + 1]

    def relation(self, index: int) -> str:
        """The word's relation; a conjunct's is that of the first one, whose part it shares."""
        while self.dep[index] == "conj" and self.head[index] != index:
            index = self.head[index]
        return self.dep[index]

    def phrases(self, index: int, extent: Extent) -> Iterator[NounPhrase]:
        first, end = self.first(index), self.end(index, _NAME)
        full = end if extent is Extent.BARE else max(end, self.end(index, _BEHIND))
        for last in sorted({end, full}) if extent is Extent.BOTH else [full]:
            start, stop = self.starts[first], self.ends[last - 1]
            yield NounPhrase(self.text[start:stop], start, stop, self.word(index), bare=last == end)

    def first(self, index: int) -> int:
        """The phrase's first token: its modifiers go back until something else intervenes."""
        first = index
        for child in reversed(self.children[index]):
            if child < index and not self.silent[child]:
                if self.dep[child] not in _BEFORE:
                    break
                first = self.edge(child, 0)
        return first

    def end(self, index: int, relations: frozenset[str]) -> int:
        """The token after the phrase: a conjunct, and what follows it, is no part of it."""
        end = index + 1
        for child in self.children[index]:
            if child > index and not self.silent[child]:
                if self.dep[child] not in relations:
                    break
                end = self.edge(child, -1) + 1
        while self.silent[end - 1] and end > index + 1:
            end -= 1
        return end

    def edge(self, index: int, side: int) -> int:
        """The first (side 0) or last (side -1) token of all that depends on a word, itself included."""
        while self.children[index] and (self.children[index][side] < index) == (side == 0):
            index = self.children[index][side]
        return index

    def lemma(self, index: int) -> str:
        key = self.lemmas[index]
        return (self.strings[key] if key else self.doc[index].text).lower()

    def word(self, index: int, hyphenated: bool = False) -> Word:
        if index in self.words:
            return self.words[index]
        first = index
        while hyphenated and self.is_hyphen(first - 1):
            first -= 2
        start, end = self.starts[first], self.ends[index]
        lemma = self.doc[index].text if self.pos[index] == "PROPN" else self.lemma(index)
        self.words[index] = Word(self.text[start:end], lemma, start, end, self.degree[index])
        return self.words[index]
