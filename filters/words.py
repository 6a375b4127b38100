"""What can be told of a text from its words alone, without a parse: their number, loops, likeness, script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import eq

# Scripts that put no spaces between words; each of their characters counts as one.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}\U00020000-\U0003ffff]|[^\W_{_UNSPACED}]+(?:['’-][^\W_{_UNSPACED}]+)*")
_SENTENCE = re.compile(r"[.!?。！？\n]+")
_LATIN = re.compile(r"[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿⱠ-Ɀ\ua720-\ua7ffＡ-Ｚａ-ｚ]")
LONGEST_LOOP = 12  # words
NGRAM = 4  # words
SHORTEST_SENTENCE = 3  # words; "Yes." and "Two dogs." recur without harm


@cache
def stop_words() -> frozenset[str]:
    """spaCy's words that say nothing of their own."""
    from spacy.lang.en.stop_words import STOP_WORDS

    return frozenset(STOP_WORDS)


@lru_cache(maxsize=1 << 13)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, without regard to case; punctuation is none."""
    return tuple(_WORD.findall(text.casefold()))


def speaks(text: str) -> bool:
    """Whether a text has a letter or digit."""
    return any(map(str.isalnum, text))


def letter_share(text: str) -> float:
    """Letters, with the marks that belong to them, among all that is not space."""
    solid = "".join(text.split())
    return _letters(solid) / len(solid) if solid else 0.0


def foreign_share(text: str) -> float:
    """Letters of other scripts than Latin among all letters."""
    if text.isascii():
        return 0.0
    letters = [character for character in text if character.isalpha()]
    return 1 - len(_LATIN.findall("".join(letters))) / len(letters) if letters else 0.0


def loop(found: Sequence[str]) -> tuple[int, str]:
    """How often words at once say again what they just said, and the words that do.

    "on a mat on a mat" says "on a mat" once more; of a single word the first repetition is emphasis ("a very,
    very long train") and does not count. A loop cut short counts by its complete turns.
    """
    best, what = 0, ""
    # A loop of four words or more says runs of four again, which few texts do.
    reach = LONGEST_LOOP if repeated_share(found) else NGRAM - 1
    for period in range(1, min(reach, len(found) // 2) + 1):
        same = bytes(map(eq, found, found[period:]))
        if b"\1" * max(period, 2) not in same:
            continue
        longest = max(map(len, same.split(b"\0")))
        turns = longest - 1 if period == 1 else longest // period
        if turns > best:
            start = same.index(b"\1" * longest)
            best, what = turns, " ".join(found[start : start + period])
    return best, what


def repeated_sentences(text: str) -> int:
    """How many sentences say what an earlier one said, word for word."""
    sentences = [words(sentence) for sentence in _SENTENCE.split(text)]
    counted = [sentence for sentence in sentences if len(sentence) >= SHORTEST_SENTENCE]
    return len(counted) - len(set(counted))


def repeated_share(found: Sequence[str]) -> float:
    """Runs of four words that came before in the text, among all of its runs of four."""
    grams = list(zip(*(found[offset:] for offset in range(NGRAM)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def commonest(found: Sequence[str]) -> tuple[int, str]:
    """The word that a text uses most often, articles and their like apart."""
    counts = Counter(word for word in found if word not in stop_words())
    return max(((count, word) for word, count in counts.items()), default=(0, ""), key=lambda pair: pair[0])


@dataclass(frozen=True)
class Written:
    """The words that are written in an image."""

    words: frozenset[str]
    joined: str

    @classmethod
    def of(cls, texts: Iterable[str]) -> Written:
        """From what OCR read."""
        found = dict.fromkeys(word for text in texts for word in words(text))
        return cls(frozenset(found), " ".join(found))

    def has(self, word: str, shortest: int) -> bool:
        """Whether a word is written; OCR loses spaces, so that long words are looked for inside others too."""
        return word in self.words or (len(word) >= shortest and word in self.joined)


def copied_share(found: Sequence[str], written: Written, shortest: int) -> float:
    """The words of a text that copy what is written in the image, among all of its words.

    A copy is a run of written words with at least `shortest` characters, those of articles and their like not
    counted: nearly every page of print has them.
    """
    if not found or not written.words:
        return 0.0
    copied = run = weight = 0
    for word in [*found, ""]:
        if word and written.has(word, shortest):
            run += 1
            weight += 0 if word in stop_words() else len(word)
        else:
            copied += run if weight >= shortest else 0
            run = weight = 0
    return copied / len(found)


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Words that two texts share, among all that either has; two texts without words are alike."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _letters(text: str) -> int:
    if text.isascii():
        return sum(map(str.isalpha, text))
    return sum(unicodedata.category(character)[0] in "LM" for character in text)
