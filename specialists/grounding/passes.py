"""How phrases become passes of a model's text window, and which tokens of a pass are whose.

A pass is composed from the tokens of its phrases, each tokenised by itself, so that nothing has to be searched for
afterwards: "phrase one. phrase two." gives the same tokens (BERT and CLIP split words before they split tokens), but
a full stop inside a phrase ("Mr. Hill's shop") would part it for Grounding DINO, whose phrases see their own tokens
only. Tokens that a model takes for marks of its own are left out, and so are unknown ones, which say nothing. What
is asked is lower case, as these models were trained; labels are not made from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Query:
    """A phrase as tokens. The first `named` are its own, those behind them its definition's."""

    tokens: tuple[int, ...]
    named: int


@dataclass(frozen=True)
class Pass:
    """What is asked of an image at once: the phrases by their numbers (k,), and the texts that ask for them.

    `spans` (k,) are the start and end, exclusive, of each phrase's own tokens, where they stand in one text.
    """

    numbers: tuple[int, ...]
    texts: tuple[tuple[int, ...], ...]
    spans: tuple[tuple[int, int], ...] = ()


def plain(phrase: str) -> str:
    """What is asked for a phrase. Equal for phrases that differ in case or white space only."""
    return " ".join(phrase.split()).lower()


def tokenised(tokenizer: Any, phrases: Sequence[str], definitions: Sequence[str], marks: frozenset[int]) -> list[Query]:
    """Each phrase (k,) with its definition (k,), "" where it has none, as tokens without `marks`."""
    if not phrases:
        return []

    def tokens(texts: Sequence[str]) -> list[list[int]]:
        found = tokenizer([plain(text) for text in texts], add_special_tokens=False)["input_ids"]
        return [[token for token in each if token not in marks] for each in found]

    # DetCLIP's order (arXiv 2209.09407): the name, then what it means.
    behind = tokens([f", {meaning}" if meaning else "" for meaning in definitions])
    return [Query((*own, *more), len(own)) for own, more in zip(tokens(phrases), behind, strict=True)]


def marks_of(tokenizer: Any) -> frozenset[int]:
    """The tokens that no phrase may bring along: a tokenizer's special ones, and those that part phrases."""
    return frozenset(tokenizer.all_special_ids) | set(tokenizer.convert_tokens_to_ids([".", "?"]))


def sentences(queries: Sequence[Query], window: int, start: int, stop: int, end: int) -> list[Pass]:
    """As few passes as the phrases' order allows, each one text: start, phrase, stop, phrase, stop, .., end.

    None is longer than `window` tokens. A phrase that is longer alone keeps its first tokens: what is so long
    has its head noun in front ("a man in a blue shirt who .."). One without tokens is not asked.
    """
    passes: list[Pass] = []
    numbers: list[int] = []
    text: list[int] = [start]
    spans: list[tuple[int, int]] = []
    for number, query in enumerate(queries):
        tokens = query.tokens[: window - 3]
        if not query.named:
            continue
        if len(text) + len(tokens) + 2 > window:
            passes.append(Pass(tuple(numbers), ((*text, end),), tuple(spans)))
            numbers, text, spans = [], [start], []
        numbers.append(number)
        spans.append((len(text), len(text) + min(query.named, len(tokens))))
        text += [*tokens, stop]
    return [*passes, Pass(tuple(numbers), ((*text, end),), tuple(spans))] if numbers else passes


def lines(queries: Sequence[Query], window: int, start: int, end: int) -> list[Pass]:
    """One pass in which each phrase is a text of its own: start, phrase, end. As for `sentences` otherwise."""
    asked = [number for number, query in enumerate(queries) if query.named]
    texts = tuple((start, *queries[number].tokens[: window - 2], end) for number in asked)
    return [Pass(tuple(asked), texts)] if asked else []
