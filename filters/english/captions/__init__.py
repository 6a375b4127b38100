"""Generates captions with their Universal Dependencies trees, as the treebank would annotate them.

A treebank of letters, reviews and news has few bare noun phrases, few participles after a noun and
hardly any text in lower case without a full stop; captions are made of these. The grammar is small:
noun phrases with modifiers on either side, clauses with and without an auxiliary, and the frames
that captioners use ("There is ...", "The image shows ..."). What it says makes no sense, so that
only the form of a text can be learnt from it.
"""

from __future__ import annotations

import random

from spacy.tokens import Doc
from spacy.vocab import Vocab

from filters.english.captions.grammar import Grammar
from filters.english.treebank import to_doc


def caption_docs(vocab: Vocab, count: int, seed: int) -> list[Doc]:
    """Generates `count` texts of one to four sentences; the same seed gives the same texts."""
    grammar = Grammar(random.Random(seed))
    return [to_doc(vocab, grammar.text()) for _ in range(count)]
