"""Text filters: length, syntax, loops, what only repeats the image's own writing, and what was said before.

The judgement by syntax follows FLD-5B (Xiao et al., arXiv 2311.06242, section 4.2), which drops texts with
too many objects and keeps those with a minimum action and object complexity, and its ancestor, the CAT filter
of DiHT (arXiv 2301.02280): complexity, action, text spotting. The papers give no values, so every default
here is ours, by granularity: brief, detailed, more detailed. A limit of None is off. Human texts pass all
filters, as human regions do.
"""

# ruff: noqa: RUF009  (limits() makes a field of a dataclass, not a default)

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.stage import Batch
from filters import parsing
from filters.columns import numbers, require_between
from filters.parsing import Reading
from filters.syntax import Syntax, Word
from filters.texts import Limits, TextFilter, Texts, Verdict, limits
from filters.words import (
    Written,
    commonest,
    copied_share,
    likeness,
    loop,
    repeated_sentences,
    repeated_share,
    words,
)


@dataclass(frozen=True)
class TextLength(TextFilter):
    """Drops texts of too few or too many words; where a script has no spaces, each character is a word."""

    name: ClassVar[str] = "text_length"

    min_words: Limits = limits(3, 8, 20)  # ours, as are the next
    max_words: Limits = limits(40, 120, 300)

    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        count = texts.measure(lambda text: len(words(text)))
        verdict.least("text_min_words", count, texts.limit(self.min_words))
        verdict.most("text_max_words", count, texts.limit(self.max_words))


@dataclass(frozen=True)
class TextSyntax(Reading, TextFilter):
    """Drops texts that name too much, tie too little together, or in which nothing happens.

    Objects are the nouns and names that a parse finds. The complexity of an object or action is its degree in
    the dependency tree taken as undirected; a text's is that of its most complex one. A text without an
    object has an object complexity of 0; of a text without an action only `min_actions` judges. A text whose
    letters are mostly of another script than Latin is not judged: the English parser cannot know.
    """

    name: ClassVar[str] = "text_syntax"

    max_objects: Limits = limits(10, 40, 80)  # ours, as are the next; three times the means of FLD-5B's table 3
    min_object_degree: Limits = limits(1, 2, 2)
    min_actions: Limits = limits(None, 1, 1)
    min_action_degree: Limits = limits(1, 2, 2)

    def __post_init__(self) -> None:
        Reading.__post_init__(self)
        TextFilter.__post_init__(self)

    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        judged = np.flatnonzero(~texts.human & self.readable(texts.text))
        measured = np.full((len(texts), 4), np.nan)
        measured[judged] = [_measures(parsed) for parsed in parsing.parses(batch, self.pipeline, judged)] or 0
        objects, object_degree, actions, action_degree = measured.T
        verdict.most("text_objects", objects, texts.limit(self.max_objects))
        verdict.least("text_object_degree", object_degree, texts.limit(self.min_object_degree))
        verdict.least("text_actions", actions, texts.limit(self.min_actions))
        verdict.least("text_action_degree", action_degree, texts.limit(self.min_action_degree))


def _measures(parsed: Syntax) -> tuple[float, float, float, float]:
    """Objects, object complexity, actions, action complexity (NaN without an action)."""
    things = (*parsed.objects, *parsed.proper_nouns)
    return len(things), _degree(things, 0), len(parsed.actions), _degree(parsed.actions, np.nan)


def _degree(found: Iterable[Word], otherwise: float) -> float:
    return max([word.degree for word in found], default=otherwise)


@dataclass(frozen=True)
class TextRepetition(TextFilter):
    """Drops texts that go round in circles, as captioners do."""

    name: ClassVar[str] = "text_repetition"

    max_loops: Limits = limits(0, 0, 0)  # times that words at once repeat those before them; ours, as are the next
    max_sentences: Limits = limits(0, 0, 0)  # sentences that say what an earlier one said
    max_word: Limits = limits(3, 6, 10)  # times that one word occurs, articles and their like apart
    max_share: Limits = limits(0.3, 0.3, 0.3, high=1)  # of runs of four words that came before

    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        found = [words(text) for text in texts.text]
        share = [repeated_share(each) for each in found]
        for rule, measured, maximum in (
            ("text_loop", map(loop, texts.text, found, share), self.max_loops),
            ("text_word", map(commonest, found), self.max_word),
        ):
            counts, what = zip(*measured, strict=True) if found else ((), ())
            verdict.most(rule, np.array(counts, np.float64), texts.limit(maximum), what)
        verdict.most("text_sentences", texts.measure(repeated_sentences), texts.limit(self.max_sentences))
        verdict.most("text_repeated", np.array(share, np.float64), texts.limit(self.max_share))


@dataclass(frozen=True)
class TextOcr(TextFilter):
    """Drops texts that mostly repeat what is written in the image, where OCR has read it: DiHT's text spotting."""

    name: ClassVar[str] = "text_ocr"
    reads: ClassVar[frozenset[str]] = frozenset({"texts", "regions.text"})

    max_share: Limits = limits(0.5, 0.5, 0.5, high=1)  # of the text's words; ours
    min_match: int = 5  # characters; as secondary sources give DiHT's

    def __post_init__(self) -> None:
        super().__post_init__()
        require_between(self, "min_match", 1, np.inf)

    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        written = _written(batch.table)
        share = np.zeros(len(texts))
        for i, row in enumerate(texts.row.tolist()):
            if row in written:
                share[i] = copied_share(words(texts.text[i]), written[row], self.min_match)
        verdict.most("text_ocr", share, texts.limit(self.max_share))


def _written(table: pa.Table) -> dict[int, Written]:
    """What OCR read on each image that has text, by the image's row."""
    rows, regions = records.flatten(table, "regions")
    chosen = pc.equal(regions.field("kind"), "text")
    regions, rows = regions.filter(chosen), rows[numbers(chosen)]
    labels = regions.field("labels")
    owner, flat = np.repeat(rows, records.lengths(labels)), labels.flatten()
    read = pc.equal(flat.field("granularity"), "ocr")
    lines: dict[int, list[str]] = {}
    for row, line in zip(owner[numbers(read)].tolist(), flat.field("text").filter(read).to_pylist(), strict=True):
        lines.setdefault(row, []).append(line)
    return {row: Written.of(each) for row, each in lines.items()}


@dataclass(frozen=True)
class TextDuplicates(TextFilter):
    """Drops a text that says nearly what a better text of the same image and granularity says.

    Alike are texts of nearly the same set of words: shared words among all that either has. A human text
    ranks first and never goes; then a higher score is better than a lower one, any score than none, an
    earlier text than a later one.
    """

    name: ClassVar[str] = "text_duplicates"

    max_likeness: Limits = limits(0.8, 0.8, 0.8, high=1)  # ours

    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        most = texts.limit(self.max_likeness)
        found, better = np.zeros(len(texts)), np.full(len(texts), None, object)
        rank = np.lexsort((np.nan_to_num(-texts.score, nan=np.inf), ~texts.human, texts.granularity, texts.row))
        group = texts.row * len(records.GRANULARITIES) + texts.granularity
        kept: list[tuple[str, frozenset[str]]] = []
        place = -1
        for i in rank.tolist():
            if group[i] != place:
                kept, place = [], group[i]
            said = frozenset(words(texts.text[i])) or frozenset(texts.text[i])
            alike = [(likeness(said, other), id) for id, other in kept]
            found[i], better[i] = max(alike, key=lambda pair: pair[0], default=(0.0, None))
            if texts.human[i] or not found[i] > most[i]:
                kept.append((texts.id[i].as_py(), said))
        verdict.most("text_duplicate", found, most, better)
