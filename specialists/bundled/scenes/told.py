"""A text while it is written, with the spans of what it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """Characters start to end, exclusive, of a text, and the ids of the regions that they name."""

    start: int
    end: int
    ids: tuple[str, ...]


@dataclass
class Told:
    """Words are joined by single spaces; a sentence is begun by whatever comes first and ended by `stop`."""

    granularity: str
    text: str = ""
    spans: list[Span] = field(default_factory=list)
    _sentence: int = 0

    def say(self, *words: str) -> None:
        """Words that name nothing; what is empty is left out."""
        for word in words:
            if word:
                self._add(word)

    def name(self, words: str, ids: Sequence[str]) -> None:
        """Words that name regions."""
        start = self._add(words)
        self.spans.append(Span(start, start + len(words), tuple(ids)))

    def quote(self, words: str, ids: Sequence[str]) -> None:
        """Words that stand written in the picture, in quotation marks that are no part of the span."""
        start = self._add(f'"{words}"') + 1
        self.spans.append(Span(start, start + len(words), tuple(ids)))

    def stop(self) -> None:
        """End the sentence, with a full stop and a capital at its head."""
        at = self._sentence
        self.text = self.text[:at] + self.text[at : at + 1].upper() + self.text[at + 1 :] + "."
        self._sentence = len(self.text) + 1

    @property
    def words(self) -> int:
        """How many there are so far."""
        return len(self.text.split())

    def _add(self, words: str) -> int:
        """Put the words behind a space; where they begin."""
        start = len(self.text) + bool(self.text)
        self.text = f"{self.text} {words}" if self.text else words
        return start
