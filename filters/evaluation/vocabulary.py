"""The truth's categories, and which of them a label names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from filters.columns import numbers
from filters.names import ARTICLES, LINKS, same_thing

NONE = -1  # a label that names no category, or no label


class Vocabulary:
    """Categories by number, in alphabetical order; without regard to case."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted({_plain(name) for name in names} - {""})
        self._number = {name: number for number, name in enumerate(self.names)}
        self._known: dict[str, int] = {}
        # Two that name the same thing have the last word of their head in common.
        self._by_last = defaultdict(list)
        for name in self.names:
            self._by_last[_head(name)[-1]].append(name)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, truth: pa.Table) -> Vocabulary:
        """What the truth calls its objects."""
        items = records.flatten(truth, "regions")[1]
        items = items.filter(pc.not_equal(items.field("kind"), "text"))
        labels = Labels(items)
        first = labels.first(np.ones(len(labels.text), bool))
        return cls(pc.unique(labels.text.take(pa.array(first[first >= 0]))).to_pylist())

    def number(self, label: str) -> int:
        """The category that a label names, or NONE.

        The one of the same words; else the longest one that the label only adds words to, which "a red car" does to
        "car"; else the longest one that adds words to it; else the same with its last word in the singular.
        """
        plain = _plain(label)
        if plain not in self._known:
            self._known[plain] = self._look(plain)
        return self._known[plain]

    def numbers(self, labels: pa.Array) -> np.ndarray:
        """The same for labels (n,): int64 (n,)."""
        encoded = pc.fill_null(labels, "").dictionary_encode()
        each = np.array([self.number(label) for label in encoded.dictionary.to_pylist()], np.int64)
        return each[numbers(encoded.indices)]

    def _look(self, label: str) -> int:
        found = self._fitting(label)
        head = _head(label)
        if found == NONE and head and (alone := _singular(head[-1])):
            # "the cars" around one of them: its category is right, its number is not.
            return self._fitting(" ".join((*head[:-1], alone)))
        return found

    def _fitting(self, label: str) -> int:
        if label in self._number:
            return self._number[label]
        head = _head(label)
        fits = [name for name in self._by_last.get(head[-1], ()) if same_thing(label, name)] if head else []
        within = [name for name in fits if len(_head(name)) <= len(head)]
        if not fits:
            return NONE
        return self._number[max(within or fits, key=lambda name: (len(_head(name)), len(name), name))]


@cache
def _singular(word: str) -> str:
    """The singular of a noun in the plural; "" for any other word."""
    return str(_english().singular_noun(word) or "")


@cache
def _english() -> Any:
    import inflect  # here: it takes a third of a second

    return inflect.engine()


class Labels:
    """The labels (m,) of regions (n,)."""

    def __init__(self, regions: pa.StructArray) -> None:
        labels = regions.field("labels")
        count = records.lengths(labels)
        items = labels.flatten()
        self.count = len(regions)
        self.owner = np.repeat(np.arange(len(regions)), count)
        self.text = items.field("text")
        # The category comes first, before what is said of it in more words.
        self._later = numbers(pc.not_equal(items.field("granularity"), "phrase"))
        chosen = np.cumsum(count) - count + numbers(pc.fill_null(regions.field("best"), 0))
        self.best = np.where(count > 0, chosen, NONE)  # the number of each region's best label, or else of its first

    def first(self, usable: np.ndarray) -> np.ndarray:
        """The number (n,) of each region's first usable (m,) label, a category before others; NONE where none is."""
        at = np.flatnonzero(usable)
        at = at[np.lexsort((at, self._later[at], self.owner[at]))]
        regions, place = np.unique(self.owner[at], return_index=True)
        found = np.full(self.count, NONE)
        found[regions] = at[place]
        return found


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _head(name: str) -> list[str]:
    """The words up to the first preposition, without articles, or all where there are no others."""
    words = [word for word in name.split() if word not in ARTICLES] or name.split()
    cut = next((i for i, word in enumerate(words) if i and word in LINKS), len(words))
    return words[:cut]
