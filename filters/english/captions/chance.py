"""Drawing: words from the lists, and ways to go on."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from filters.english.lexicon import lookup_table
from filters.english.words import WORDS

Weighted = tuple[float, str]  # a weight and the name of a word list


class Chance:
    """What every phrase is drawn with."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rare_nouns = unambiguous("noun")
        self.rare_adjectives = unambiguous("adj")

    def noun_of(self, kinds: list[Weighted]) -> str:
        if self.maybe(0.1):
            return self.rng.choice(self.rare_nouns)
        lists = [WORDS[name] for _, name in kinds]
        return self.rng.choice(self.rng.choices(lists, [weight for weight, _ in kinds])[0])

    def maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def choose(self, options: Any) -> Any:
        return self.rng.choice(options)

    def pick(self, *options: tuple[float, Callable[[], Any]]) -> Any:
        return self.rng.choices([make for _, make in options], [weight for weight, _ in options])[0]()


def unambiguous(pos: str) -> list[str]:
    """Fairly common words that WordNet lists under one part of speech only."""
    index, probs = lookup_table("lemma_index"), lookup_table("lexeme_prob")
    others = {word for other in index if other != pos for word in index[other]}
    words = set(index[pos]) - others - set(lookup_table("lemma_exc")["verb"])
    return sorted(w for w in words if len(w) > 3 and w.isalpha() and w[-1] != "s" and -14 < probs.get(w, -20) < -9)
