"""Confidence on texts and phrases: what the maker believed, and what an image-text model found.

FLD-5B sets "a confidence threshold on phrases and on boxes" (Xiao et al., arXiv 2311.06242, section 4.2)
and gives no value, so every default is ours and lets most pass; boxes are judged by `region_score`. A
similarity means something else with each model (see `scoring`), so it has no default. Without a score or a
similarity there is nothing to judge, and human annotations are not doubted.
"""

# ruff: noqa: RUF009  (limits() makes a field of a dataclass, not a default)

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine import records
from engine.stage import Batch, Outcome, Resources, Stage
from filters.columns import numbers, require_between
from filters.texts import TEXT, Limits, TextFilter, Texts, Verdict, human, limits


@dataclass(frozen=True)
class TextScore(TextFilter):
    """Drops texts whose score ("text_score") or similarity to the image ("text_similarity") is too low."""

    name: ClassVar[str] = "text_score"

    min_score: Limits = limits(0.1, 0.1, 0.1, high=1)  # ours
    min_similarity: Limits = limits(None, None, None, high=1)

    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        similarity = numbers(texts.items.field("similarity"))
        verdict.least("text_score", texts.score, _float32(texts.limit(self.min_score)))
        verdict.least("text_similarity", similarity, _float32(texts.limit(self.min_similarity)))


@dataclass(frozen=True)
class PhraseScore(Stage):
    """Drops phrases by their score ("phrase_score") or their similarity to their regions ("phrase_similarity").

    With `ungrounded`, also those that no region is named by ("phrase_ungrounded").
    """

    name: ClassVar[str] = "phrase_score"
    reads: ClassVar[frozenset[str]] = frozenset({"phrases"})
    writes: ClassVar[frozenset[str]] = frozenset({"phrases"})

    min_score: float | None = 0.1  # ours; None = off, as for the next
    min_similarity: float | None = None
    ungrounded: bool = False
    resources: Resources = TEXT

    def __post_init__(self) -> None:
        for rule in ("min_score", "min_similarity"):
            if getattr(self, rule) is not None:
                require_between(self, rule, 0, 1)

    def __call__(self, batch: Batch) -> Outcome:
        _, phrases = records.flatten(batch.table, "phrases")
        verdict = Verdict(human(phrases))
        for rule, minimum in (("score", self.min_score), ("similarity", self.min_similarity)):
            if minimum is not None:
                verdict.least(f"phrase_{rule}", numbers(phrases.field(rule)), np.float32(minimum))
        if self.ungrounded:
            verdict.least("phrase_ungrounded", records.lengths(phrases.field("region_ids")), 1)
        return verdict.outcome(batch.table, "phrases", self.name)


def _float32(limit: np.ndarray) -> np.ndarray:
    """Scores are float32: a minimum of 0.7 must not drop the score that a model meant as 0.7."""
    return limit.astype(np.float32)
