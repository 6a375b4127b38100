"""Do two labels name the same thing? Judged by their words alone: no parse, no dictionary of synonyms.

"dog" names what "a brown dog" and "dog on a sofa" name: a noun phrase without its article and without what
follows its first preposition is its head phrase, and the shorter of two head phrases must be the end of the
longer one. Two that both go on after the head must go on alike. What joins two things names neither ("cat
and dog" is no dog, "man riding a horse" is no horse), but two colours are of one ("a black and white cat"),
and a pair of scissors is scissors. The words cannot tell that a hot dog is no dog; where two boxes agree as
well as merging asks, that is one thing with one exact name and one careless one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

ARTICLES = frozenset({"a", "an", "the"})
# What follows one of these says more about the head; "of" is none, for a cup of tea is more than a cup.
LINKS = frozenset({
    "about", "above", "across", "against", "along", "around", "at", "behind", "below",
    "beneath", "beside", "between", "by", "during", "for", "from", "in", "inside",
    "into", "near", "next", "on", "onto", "outside", "over", "that", "through",
    "to", "under", "up", "upon", "where", "which", "while", "who", "with",
    "without",
})  # fmt: skip
JOINS = frozenset({"and", "or", "of", "&", "+"})
# The eleven basic colour terms of English (Berlin and Kay, 1969), and two spellings of one.
COLOURS = frozenset({
    "black", "white", "red", "green", "yellow", "blue", "brown", "purple", "pink", "orange", "gray", "grey",
})  # fmt: skip
PAIR = ("pair", "of")  # of scissors: one thing

Names = tuple[str, ...]


def agree(same: Callable[[str, str], bool], names: Sequence[str], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which pairs, bool (p,), of names with the numbers first (p,) and second (p,) are the same or without one.

    `same` is asked once for each two different names.
    """
    verdict = first == second
    asking = np.flatnonzero(~verdict)
    low, high = np.minimum(first, second)[asking], np.maximum(first, second)[asking]
    pairs, where = np.unique(low * len(names) + high, return_inverse=True)
    asked = [(names[i], names[j]) for i, j in (divmod(pair, len(names)) for pair in pairs.tolist())]
    verdict[asking] = np.array([not a or not b or same(a, b) for a, b in asked], bool)[where]
    return verdict


def same_text(a: str, b: str) -> bool:
    """Whether two readings are equal but for case, spaces and the width of their letters."""
    return _words(a) == _words(b)


def same_thing(a: str, b: str) -> bool:
    """Whether two labels name the same thing, one perhaps with more words; both in lower case."""
    (head, tail), (other, other_tail) = _parts(a), _parts(b)
    if tail and other_tail and tail != other_tail:
        return False
    short, long = sorted((head, other), key=len)
    more = long[: len(long) - len(short)]
    # "a running dog" is a dog, "a man walking a dog" is none.
    apart = any(_joins(long, at) for at in range(len(more))) or any(word.endswith("ing") for word in more[1:])
    return long == more + short and not apart


def _joins(words: Names, at: int) -> bool:
    """Whether a word joins two things, not two colours of one; there is one behind it."""
    colours = 0 < at < len(words) - 1 and {words[at - 1], words[at + 1]} <= COLOURS
    return words[at] in JOINS and not colours


@lru_cache(maxsize=1 << 14)
def _parts(name: str) -> tuple[Names, Names]:
    """The words of the head phrase, and those behind it."""
    words = tuple(word for word in _words(name.replace("_", " ")) if word not in ARTICLES) or _words(name)
    words = words[2:] if words[:2] == PAIR and len(words) > 2 else words
    cut = next((i for i, word in enumerate(words) if i and word in LINKS), len(words))
    return words[:cut], words[cut:]


def _words(name: str) -> Names:
    return tuple(unicodedata.normalize("NFKC", name).casefold().split())
