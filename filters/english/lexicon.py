"""What is known of a word before any treebank is seen, as a small table of vectors.

Source: the tables of the package spacy-lookups-data: Brown clusters, word probabilities and
WordNet's word lists. A word's vector holds its path in the tree of clusters (random signs per
node, so that near clusters have near vectors) and one flag per form that the word lists allow.
Words with the same knowledge share a row.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import spacy_lookups_data
import srsly
from spacy.strings import hash_string  # type: ignore[attr-defined]
from spacy.vectors import Vectors
from spacy.vocab import Vocab

RARE = -17.2  # log probability below which a word is left out
FREQUENT = -12.0
CLUSTER_WIDTH = 48
PATH_LENGTHS = (4, 6, 8, 11, 16)  # bits of a cluster's path, read from its lowest bit
FLAGS = ("noun", "plural", "verb", "third", "gerund", "past", "adj", "adv", "degree", "name", "frequent")


def lookup_table(name: str) -> dict[str, Any]:
    """One English table of spacy-lookups-data, e.g. `lemma_exc`."""
    folder = Path(spacy_lookups_data.__file__).parent / "data"
    table: dict[str, Any] = srsly.read_gzip_json(folder / f"en_{name}.json.gz")
    return table


def add_vectors(vocab: Vocab, seed: int) -> None:
    """Gives the vocabulary the table, looked up by the lower-cased form."""
    random = np.random.default_rng(seed)
    signs = random.choice([-0.5, 0.5], (len(PATH_LENGTHS), 1 << max(PATH_LENGTHS), CLUSTER_WIDTH))
    forms = _word_forms()
    rows: dict[tuple[int, frozenset[str]], int] = {}
    targets: dict[str, int] = {}
    for word, (cluster, flags) in _common_words().items():
        known = (cluster, frozenset(flags | forms.get(word, set())))
        if cluster or known[1]:
            targets[word] = rows.setdefault(known, len(rows))
    data = np.stack([_vector(cluster, flags, signs) for cluster, flags in rows])
    vectors = Vectors(strings=vocab.strings, data=data, name="lexicon", attr="LOWER")
    for word, row in targets.items():
        vectors.add(hash_string(word), row=row)
    vocab.vectors = vectors


def _common_words() -> dict[str, tuple[int, set[str]]]:
    """Lower-cased word: cluster of its commonest spelling, flags of that spelling and its frequency."""
    clusters = lookup_table("lexeme_cluster")
    best: dict[str, tuple[float, str]] = {}
    for word, prob in lookup_table("lexeme_prob").items():
        if prob > max(RARE, best.get(word.lower(), (RARE, ""))[0]) and _is_word(word):
            best[word.lower()] = (prob, word)
    return {
        lower: (
            clusters.get(word, 0),
            ({"name"} if word[0].isupper() else set()) | ({"frequent"} if prob > FREQUENT else set()),
        )
        for lower, (prob, word) in best.items()
    }


def _is_word(text: str) -> bool:
    return len(text) <= 20 and any(character.isalpha() for character in text)


def _word_forms() -> dict[str, set[str]]:
    """Every inflected form of WordNet's lists: what it may be (see FLAGS)."""
    index = lookup_table("lemma_index")
    forms: dict[str, set[str]] = defaultdict(set)
    for pos in ("noun", "verb", "adj", "adv"):
        for word in index[pos]:
            forms[word].add(pos)
    for pos in ("noun", "verb"):
        for word in index[pos]:
            for form, flag in inflections(word, pos).items():
                forms[form].add(flag)
    for pos, flag in (("noun", "plural"), ("verb", "past"), ("adj", "degree")):
        for form, bases in lookup_table("lemma_exc")[pos].items():
            if form not in bases:
                forms[form].add("gerund" if form.endswith("ing") else flag)
    return forms


def inflections(word: str, pos: str) -> dict[str, str]:
    """Regular forms of a noun or a verb, each with its flag."""
    if pos == "noun":
        return {_plural(word): "plural"}
    stem = word[:-1] if word.endswith("e") else word
    past = word[:-1] + "ied" if word.endswith("y") else stem + "ed"
    doubled = stem + stem[-1]
    return {
        _plural(word): "third", stem + "ing": "gerund", past: "past",
        stem + "ed": "past", doubled + "ing": "gerund", doubled + "ed": "past",
    }  # fmt: skip


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def _vector(cluster: int, flags: frozenset[str], signs: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    path = np.zeros(CLUSTER_WIDTH)
    if cluster:
        for level, length in enumerate(PATH_LENGTHS):
            path += signs[level, cluster & ((1 << length) - 1)]
    return np.concatenate([path, [float(flag in flags) for flag in FLAGS]]).astype(np.float32)
