"""The lemmatizer's tables: those of spacy-lookups-data, less what shadows a commoner word.

spaCy's rules take the last candidate that the index knows, so that "rides" gives "rid" and "need"
gives "nee". Every inflected form that the commoner word would have decides here: a rarer candidate
leaves the index, a form that no rule reaches becomes an exception. The treebank's training part
decides for the closed classes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from spacy.lookups import Lookups
from spacy.tokens import Doc

from filters.english.lexicon import RARE, inflections, lookup_table
from filters.english.words import WORDS

Table = dict[str, Any]
# Where the commoner word is the wrong one, and nouns without a singular.
_PREFERRED = {"leaves": "leaf", "cactuses": "cactus", "loaves": "loaf"} | {word: word for word in WORDS["plural_only"]}
OPEN = ("noun", "verb", "adj", "adv")
CLOSED = ("aux", "pron", "det", "part", "num", "adp", "sconj", "cconj")


def lemma_tables(gold: Iterable[Doc]) -> Lookups:
    """The three tables of the rule lemmatizer; `gold` is the treebank's training part."""
    index = {pos: set(lookup_table("lemma_index")[pos]) for pos in OPEN}
    exceptions = {pos: dict(lookup_table("lemma_exc")[pos]) for pos in OPEN}
    rules = lookup_table("lemma_rules")
    probs = lookup_table("lexeme_prob")
    for pos, form, lemma in [*_regular_forms(index, probs), *_seen(gold), *_decided()]:
        candidates = _candidates(form, index.get(pos, set()), rules.get(pos, []))
        if lemma not in candidates:
            if candidates or pos not in ("noun", "adj", "adv") or form in exceptions[pos]:
                exceptions.setdefault(pos, {})[form] = [lemma]
            continue
        exceptions[pos].pop(form, None)
        for shadow in candidates[: candidates.index(lemma)]:
            if probs.get(shadow, RARE) < probs.get(lemma, RARE):
                index[pos].discard(shadow)
    lookups = Lookups()
    lookups.add_table("lemma_rules", rules)
    lookups.add_table("lemma_exc", exceptions)
    lookups.add_table("lemma_index", {pos: sorted(_common(words, probs)) for pos, words in index.items()})
    return lookups


def _candidates(form: str, index: set[str], rules: list[list[str]]) -> list[str]:
    """What spaCy's rules give for a form, best first; unknown words only where no known one is found."""
    found = [form[: len(form) - len(old)] + new for old, new in rules if form.endswith(old)]
    known = [word for word in found if word in index]
    return list(dict.fromkeys(reversed(known))) or [word for word in found if word]


def _regular_forms(index: dict[str, set[str]], probs: Table) -> Iterator[tuple[str, str, str]]:
    """Part of speech, form and lemma; the commonest word last, so that it prevails."""
    for pos in ("noun", "verb"):
        words = [word for word in index[pos] if probs.get(word, -20.0) > RARE]
        for word in sorted(words, key=lambda word: (probs[word], word)):
            for form in inflections(word, pos):
                yield pos, form, word
            if pos == "verb":
                yield pos, word, word


def _decided() -> Iterator[tuple[str, str, str]]:
    return (("noun", form, lemma) for form, lemma in _PREFERRED.items())


def _seen(gold: Iterable[Doc]) -> Iterator[tuple[str, str, str]]:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for doc in gold:
        for token in doc:
            counts[token.pos_.lower(), token.text.lower()][token.lemma_] += 1
    for (pos, form), lemmas in counts.items():
        lemma, count = lemmas.most_common(1)[0]
        if pos in CLOSED or (pos in OPEN and count > 1 and lemma.islower()):
            yield pos, form, lemma


def _common(words: set[str], probs: Table) -> Iterator[str]:
    return (word for word in words if probs.get(word, -20.0) > RARE)
