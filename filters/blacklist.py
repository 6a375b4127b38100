"""Phrases that nothing in an image can be pointed at for: pronouns, vague words, abstract nouns, the image itself.

FLD-5B drops them by a blacklist and does not publish it (Xiao et al., arXiv 2311.06242, section 4.3); the
lists in blacklists/ are ours but for one, which holds what the public Florence-2 processor bans.

A list has one entry a line; lines that begin with # are comments. A single word is banned as the head of a
phrase, by its lemma or as it stands: "feeling" bans "a strong feeling of hope". An entry with a space or in
double quotes is banned as a whole phrase: "a group" bans "the group", and not "a group of people". Case,
spaces, and determiners and possessives in front never matter, and nothing is matched inside a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

import numpy as np

from engine import records
from engine.stage import Batch, ChainError, Outcome, digest
from filters import parsing
from filters.parsing import Parsing
from filters.syntax import Syntax, Word
from filters.texts import Spans, Texts

BUNDLED = ("pronouns", "quantifiers", "abstract", "image", "florence2")
_LEADING = frozenset({
    "a", "an", "the", "this", "that", "these", "those", "my", "your", "his", "her", "its", "our", "their", "whose",
    "some", "any", "each", "every", "either", "neither", "both", "all", "no", "another", "such", "what", "which",
})  # fmt: skip
_EDGE = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True)
class Blacklist(Parsing):
    """Drops phrases by their head ("blacklist_head") or as a whole ("blacklist_phrase").

    Phrases that a person marked stay. Labels of regions are not looked at: they are no annotations of their
    own, and what names a box is judged by its score.
    """

    name: ClassVar[str] = "blacklist"
    reads: ClassVar[frozenset[str]] = frozenset({"texts", "phrases"})
    writes: ClassVar[frozenset[str]] = frozenset({"phrases"})

    lists: tuple[str, ...] = BUNDLED  # of the bundled ones
    own: tuple[str, ...] = ()  # paths of your own lists

    def __post_init__(self) -> None:
        unknown = sorted(set(self.lists) - set(BUNDLED))
        if unknown:
            raise ChainError(
                f"{self.name}: there is no bundled list {unknown[0]!r}; there are {', '.join(BUNDLED)}. "
                "A list of your own is named by its path in `own`"
            )

    def check(self) -> None:
        super().check()
        self._entries()

    def revision(self) -> str:
        return digest([super().revision(), self._entries().revision])[:16]

    def open(self, cpus: int) -> None:
        self._entries()

    def __call__(self, batch: Batch) -> Outcome:
        texts = Texts(batch.table)
        spans = Spans(batch.table, texts)
        entries = self._entries()
        rules, details = np.full(len(spans), "", object), np.full(len(spans), None, object)
        judged = np.flatnonzero(~spans.human)
        needed, number = np.unique(spans.text[judged], return_inverse=True)
        heads = [Heads(parsed) for parsed in parsing.parses(batch, self.pipeline, needed)]
        said = [texts.text[at] for at in needed.tolist()]
        places = (spans.start[judged].tolist(), spans.end[judged].tolist())
        for i, at, start, end in zip(judged.tolist(), number.tolist(), *places, strict=True):
            rule, detail = entries.judge(said[at][start:end], heads[at].of(start, end))
            if rule:
                rules[i], details[i] = rule, detail
        left, rejects = records.drop(
            batch.table, "phrases", rules == "", stage=self.name, rule=rules, value=None, threshold=None,
            detail=details,
        )  # fmt: skip
        return Outcome(left, rejects)

    def _entries(self) -> Entries:
        return read_lists(self.lists, self.own)


@dataclass(frozen=True)
class Entries:
    """What is banned as a head and as a whole, each with the list that says so."""

    heads: Mapping[str, str]
    wholes: Mapping[str, str]
    revision: str

    def judge(self, phrase: str, head: Word | None) -> tuple[str, str | None]:
        """The rule that bans a phrase, with the entry and its list; "" where none does."""
        whole = normalised(phrase)
        for form in (head.lemma.casefold(), head.text.casefold()) if head else (whole,):
            if form in self.heads:
                return "blacklist_head", f"{form} ({self.heads[form]})"
        if whole in self.wholes:
            return "blacklist_phrase", f"{whole} ({self.wholes[whole]})"
        return "", None


class Heads:
    """The words that the spans of one text are about."""

    def __init__(self, parsed: Syntax) -> None:
        self._phrases = parsed.noun_phrases
        # From the last to the first, so that of two phrases in one place the first is found.
        self._at = {(start, end): head for _, start, end, head, _ in reversed(self._phrases)}

    def of(self, start: int, end: int) -> Word | None:
        """Of a span: the head of the noun phrase there, else of the first one inside."""
        if found := self._at.get((start, end)):
            return found
        heads = (phrase.head for phrase in self._phrases)
        return next((head for head in heads if start <= head.start and head.end <= end), None)


@lru_cache(maxsize=1 << 14)
def normalised(phrase: str) -> str:
    """A phrase without case, outer punctuation, double spaces, and determiners and possessives in front."""
    words = _EDGE.sub("", phrase.casefold().replace("’", "'")).removesuffix("'s").split()
    while len(words) > 1 and words[0] in _LEADING:
        del words[0]
    return " ".join(words)


@cache
def read_lists(bundled: tuple[str, ...], own: tuple[str, ...]) -> Entries:
    """The entries of bundled lists by name and of others by path; an entry belongs to the first list that has it."""
    heads: dict[str, str] = {}
    wholes: dict[str, str] = {}
    for name, lines in _lists(bundled, own):
        for entry in filter(None, map(str.strip, lines)):
            if entry.startswith("#"):
                continue
            plain = normalised(entry)
            (wholes if " " in entry or '"' in entry else heads).setdefault(plain, name)
    return Entries(heads, wholes, digest([sorted(heads.items()), sorted(wholes.items())])[:16])


def _lists(bundled: tuple[str, ...], own: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    for name in bundled:
        yield name, (files("filters") / "blacklists" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    for path in map(Path, own):
        try:
            yield path.stem, path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ChainError(f"blacklist: the list {path} cannot be read: {error}") from error
