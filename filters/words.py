"""What can be told of a text from its words alone, without a parse: their number, loops, likeness, script."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import distribution
from itertools import accumulate, chain, pairwise
from operator import eq
from pathlib import Path
from runpy import run_path

# Scripts that put no spaces between words; each of their characters counts as one.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"[{_UNSPACED}\U00020000-\U0003ffff]|[^\W_{_UNSPACED}]+(?:['’-][^\W_{_UNSPACED}]+)*"
_STOPS = ".!?。！？\n"
_TOKEN = re.compile(rf"{_WORD}|[{_STOPS}]+")
# Each ASCII character as itself, if it is part of a word, or a full stop for any stop, or else a space.
_PLAIN = "".join(sign if sign.isalnum() else "." if sign in _STOPS else " " for sign in map(chr, range(128)))
_ASCII_LETTERS = string.ascii_letters.encode()
_LATIN = re.compile(r"[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿⱠ-Ɀ\ua720-\ua7ffＡ-Ｚａ-ｚ]")
LONGEST_LOOP = 12  # words
NGRAM = 4  # words
SHORTEST_SENTENCE = 3  # words; "Yes." and "Two dogs." recur without harm


@cache
def stop_words() -> frozenset[str]:
    """spaCy's words that say nothing of their own."""
    # Read from their file: to import spaCy for them would take longer than judging a thousand images.
    file = Path(str(distribution("spacy").locate_file("spacy"))) / "lang" / "en" / "stop_words.py"
    return frozenset(run_path(str(file))["STOP_WORDS"])


def words(text: str) -> tuple[str, ...]:
    """The words of a text, without regard to case; punctuation is none."""
    return _read(text)[0]


@lru_cache(maxsize=1 << 13)
def _read(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The words of a text, and how many of them stand before each of its stops and its end."""
    if text.isascii() and "'" not in text and "-" not in text:  # most are, and split in a fourth of the time
        parts = [part.split() for part in text.lower().translate(_PLAIN).split(".")]
        return tuple(chain.from_iterable(parts)), tuple(accumulate(map(len, parts)))
    found = _TOKEN.findall(text.casefold())
    stops = [at for at, token in enumerate(found) if token[0] in _STOPS]
    ends = tuple(at - before for before, at in enumerate([*stops, len(found)]))
    return tuple(token for token in found if token[0] not in _STOPS) if stops else tuple(found), ends


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


def loop(text: str, found: Sequence[str], repeated: float) -> tuple[int, str]:
    """How often words at once say again what they just said, and the words that do.

    `found` are the text's words, `repeated` is its share of repeated runs of four words.

    "on a mat on a mat" says "on a mat" once more; of a single word the first repetition is emphasis ("a very,
    very long train") and does not count. A loop cut short counts by its complete turns. Where only the later
    words begin a sentence, they go on and not round: "from hand to hand. To the left ..."
    """
    best, what = 0, ""
    # A loop of four words or more says runs of four again, which few texts do.
    reach = LONGEST_LOOP if repeated else NGRAM - 1
    for period in range(1, min(reach, len(found) // 2) + 1):
        same = bytes(map(eq, found, found[period:]))
        if b"\1" * max(period, 2) not in same:
            continue
        same = _unbroken(same, period, _read(text)[1])
        longest = max(map(len, same.split(b"\0")))
        turns = longest - 1 if period == 1 else longest // period
        if turns > best:
            start = same.index(b"\1" * longest)
            best, what = turns, " ".join(found[start : start + period])
    return best, what


def _unbroken(same: bytes, period: int, starts: tuple[int, ...]) -> bytes:
    """Which words are those of a turn before, but for one that begins a sentence where the one before did not."""
    begins = {0, *starts}
    return bytes(equal and (at + period not in begins or at in begins) for at, equal in enumerate(same))


def repeated_sentences(text: str) -> int:
    """How many sentences say what an earlier one said, word for word."""
    found, ends = _read(text)
    counted = [found[start:end] for start, end in pairwise((0, *ends)) if end - start >= SHORTEST_SENTENCE]
    return len(counted) - len(set(counted))


def repeated_share(found: Sequence[str]) -> float:
    """Runs of four words that came before in the text, among all of its runs of four."""
    grams = list(zip(*(found[offset:] for offset in range(NGRAM)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def commonest(found: Sequence[str]) -> tuple[int, str]:
    """The word that a text uses most often, articles and their like apart."""
    stop, best, what = stop_words(), 0, ""
    for word, count in Counter(found).items():
        if count > best and word not in stop:
            best, what = count, word
    return best, what


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

    def among(self, found: Iterable[str], shortest: int) -> set[str]:
        """Which words are written; OCR loses spaces, so that long words are looked for inside others too."""
        return {word for word in {*found} if word in self.words or (len(word) >= shortest and word in self.joined)}


def copied_share(found: Sequence[str], written: Written, shortest: int) -> float:
    """The words of a text that copy what is written in the image, among all of its words.

    A copy is a run of written words with at least `shortest` characters, those of articles and their like not
    counted: nearly every page of print has them.
    """
    if not found or not written.words:
        return 0.0
    stop, known = stop_words(), written.among(found, shortest)
    if not known:
        return 0.0
    copied = run = weight = 0
    for word in [*found, ""]:
        if word in known:
            run += 1
            weight += 0 if word in stop else len(word)
        else:
            copied += run if weight >= shortest else 0
            run = weight = 0
    return copied / len(found)


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Words that two texts share, among all that either has; two texts without words are alike."""
    return len(one & other) / len(one | other) if one or other else 1.0


def _letters(text: str) -> int:
    if text.isascii():
        return len(text) - len(text.encode().translate(None, _ASCII_LETTERS))
    return sum(unicodedata.category(character)[0] in "LM" for character in text)
