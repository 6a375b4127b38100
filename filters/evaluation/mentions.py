"""Which of the truth's categories a text names, by the shared parse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.memory import Memory
from filters import parsing
from filters.evaluation.vocabulary import NONE, Vocabulary
from filters.syntax import Extent, Syntax, Word


class Mention(NamedTuple):
    """An object that a text names: the category, or NONE; the word that it is about, with its span."""

    category: int
    word: Word


class Reader:
    """Reads texts, each once."""

    def __init__(self, vocabulary: Vocabulary, memory: Memory) -> None:
        self.vocabulary = vocabulary
        self._memory = memory
        self._read: dict[str, list[Mention]] = {}

    def read(self, texts: Iterable[str]) -> None:
        """Read what was not read yet: many at once, which is faster. Without a vocabulary nothing is."""
        new = sorted({*texts} - {*self._read}) if len(self.vocabulary) else []
        parsed = parsing.parse(new, self._memory, "")
        self._read |= {text: self._mentions(syntax) for text, syntax in zip(new, parsed, strict=True)}

    def mentions(self, text: str) -> list[Mention]:
        """The objects that a text names, in its order."""
        return self._read.get(text, [])

    def named(self, texts: Iterable[str]) -> set[int]:
        """The categories that some texts name."""
        return {mention.category for text in texts for mention in self.mentions(text)} - {NONE}

    def phrase(self, text: str, start: int, end: int) -> int:
        """The category that the characters from `start` to `end` of a text name, or NONE."""
        inside = (m for m in self.mentions(text) if start <= m.word.start and m.word.end <= end)
        head = next(inside, None)
        return head.category if head else self.vocabulary.number(text[start:end])

    def _mentions(self, parsed: Syntax) -> list[Mention]:
        phrases = {phrase.head: phrase for phrase in parsing.phrases_of(parsed, Extent.BARE)}
        found = []
        for word in sorted(parsed.objects, key=lambda word: word.start):
            phrase = phrases.get(word)
            before = phrase.text[: word.start - phrase.start] if phrase else ""
            # As it stands, for "skis" is a category's name; else in the singular.
            names = (self.vocabulary.number(f"{before}{form}") for form in (word.text, word.lemma))
            found.append(Mention(next((number for number in names if number != NONE), NONE), word))
        return found
