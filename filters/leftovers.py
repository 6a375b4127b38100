"""What is left where a description should be: a sentence without its end, a refusal, letters of another encoding.

Neither FLD-5B nor DiHT names such filters; captioners and chat models leave all three behind, and `docs/filters.md`
shows that no other filter sees them. All values are ours. It stands before what cleans texts, which would take the
traces away.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar

import numpy as np

from engine.stage import Batch
from filters.texts import TextFilter, Texts, Verdict

# Words that a description cannot end with. Prepositions can ("a man looks on"), most of them.
_OPEN = frozenset({
    "a", "an", "the", "and", "or", "but", "of", "with", "from", "into", "onto", "between", "its", "their", "my", "your",
    "is", "are", "was", "were", "while", "which", "whose", "because", "than", "very", "as", "for", "at",
})  # fmt: skip
_LAST = re.compile(r"([^\W\d_]+(?:['’-][^\W\d_]+)*)\s*([,;:–—-]?)\s*$")
_STOPS = (".", "!", "?")
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”')
_LONGEST = 60  # characters of what stands last
_UNKNOWN = "\ufffd"


@dataclass(frozen=True)
class TextLeftovers(TextFilter):
    """Drops texts that end in the middle ("text_cut"), refuse ("text_refusal"), or are garbled ("text_encoding").

    A text ends in the middle where its last word calls for another one ("a dog on the") or a comma, a colon or a dash
    stands last. Garbled is what holds the sign for an unknown character, or letters that only another encoding puts
    side by side, as many times as `ftfy` counts them.
    """

    name: ClassVar[str] = "text_leftovers"

    cut: bool = True
    refusal: bool = True
    max_garbled: float | None = 0  # places; None = off

    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        if self.max_garbled is not None:
            verdict.most("text_encoding", texts.measure(garbled), self.max_garbled)
        for rule, find, on in (("text_refusal", refusal, self.refusal), ("text_cut", open_end, self.cut)):
            if on:
                found = [find(text) for text in texts.text]
                has = np.array([what is not None for what in found], np.float64)
                verdict.most(rule, has, 0, found)


def open_end(text: str) -> str | None:
    """What a text ends with that cannot be its end; None for one that is whole."""
    if text.rstrip().endswith(_STOPS):  # by far the most
        return None
    last = _LAST.search(" ".join(text[-_LONGEST:].split()[-2:]))  # a search takes its time by the letter
    if last is None:
        return None
    word, mark = last[1], last[2]
    if mark:
        return mark
    return word if word.lower() in _OPEN else None


def refusal(text: str) -> str | None:
    """The words with which a text refuses; None where it does not, or only quotes a sign that does."""
    plain = text.lower().replace("’", "'")
    hinted = {number: saying for hint, each in _refusals().items() if hint in plain for number, saying in each}
    if not hinted:  # by far the most, and by far the fastest
        return None
    said = _QUOTED.sub(" ", text).replace("’", "'")
    found = [(match.start(), number, match[0]) for number, saying in hinted.items() if (match := saying.search(said))]
    return min(found)[2] if found else None


def garbled(text: str) -> float:
    """In how many places a text is not what was written."""
    if text.isascii():
        return 0
    from ftfy.badness import badness

    return badness(text) + text.count(_UNKNOWN)


@cache
def _refusals() -> dict[str, list[tuple[int, re.Pattern[str]]]]:
    """By words of which a saying has at least one: the sayings, each with its number and as a pattern."""
    lines = (files("filters") / "refusals.txt").read_text(encoding="utf-8").splitlines()
    sayings = [
        [word.split("|") for word in line.split()] for line in lines if line.strip() and not line.startswith("#")
    ]
    found = defaultdict(list)
    for number, saying in enumerate(sayings):
        words = r"\W+".join(f"(?:{'|'.join(map(re.escape, word))})" for word in saying)
        pattern = re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
        for hint in max(saying, key=lambda word: min(map(len, word))):
            found[hint].append((number, pattern))
    return dict(found)
