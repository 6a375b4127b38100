"""Refinement of texts and phrases, by the rules of `filters.agreement`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from engine import records
from engine.stage import Batch, Outcome, Resources
from filters.agreement import Agreement
from filters.columns import numbers
from filters.texts import TEXT, Texts, Verdict, human


@dataclass(frozen=True)
class TextAgreement(Agreement):
    """Of the texts of one image and granularity: what stands against what was written anew, by the scorer.

    The more similar to the image stays, a new one only if it is so by the margin; without both similarities what
    stands stays. A granularity that had none gets the new text, if its score is `sure`.
    """

    name: ClassVar[str] = "text_agreement"
    reads: ClassVar[frozenset[str]] = frozenset({"texts"})
    writes: ClassVar[frozenset[str]] = frozenset({"texts"})

    margin: float = 0.02
    sure: float = 0.3
    resources: Resources = TEXT

    def shares(self) -> tuple[str, ...]:
        return ("margin", "sure")

    def __call__(self, batch: Batch) -> Outcome:
        texts = Texts(batch.table)
        predicted = self.predicted(texts.items)
        if not predicted.any():
            return Outcome(batch.table)
        verdict = Verdict(texts.human)
        similarity = numbers(texts.items.field("similarity")).astype(np.float64)
        ids = texts.id.to_pylist()
        place = texts.row * len(records.GRANULARITIES) + texts.granularity
        standing = _best(place, np.where(texts.human, np.inf, np.nan_to_num(similarity, nan=-1.0)), ~predicted)
        said = {(place[at], texts.text[at]) for at in np.flatnonzero(~predicted).tolist()}
        for at in np.flatnonzero(predicted).tolist():
            before = standing.get(int(place[at]))
            rule, value, threshold = self._ruled(texts, similarity, at, before, (place[at], texts.text[at]) in said)
            goes = before if rule == "replaced" else at
            if rule and goes is not None:
                detail = ids[at if goes == before else before] if before is not None else None
                verdict.drop(np.array([goes]), rule, np.full(len(texts), value), threshold, {goes: detail})
        return verdict.outcome(batch.table, "texts", self.name)

    def _ruled(
        self, texts: Texts, similarity: np.ndarray, at: int, before: int | None, repeated: bool
    ) -> tuple[str, float, float]:
        """The rule that a new text, or the one that stands in its place, goes by; "" where both may stay."""
        if before is None:
            score = float(np.nan_to_num(texts.score[at], nan=1.0))
            return ("unsure", score, self.sure) if score < np.float32(self.sure) else ("", 0, 0)
        if repeated:
            return "agreed", 1.0, 1.0
        new, old = float(similarity[at]), float(similarity[before])
        if not texts.human[before] and new >= old + self.margin:
            return "replaced", old, new - self.margin
        return "outvoted", new, old + self.margin


@dataclass(frozen=True)
class PhraseAgreement(Agreement):
    """Of the phrases of one span: do both point at the same regions? Runs behind `region_agreement`, which united them.

    They agree where they share a region; what stands then stays, with the higher of both scores. Where they do not,
    or nothing was pointed at, the surer one stays.
    """

    name: ClassVar[str] = "phrase_agreement"
    reads: ClassVar[frozenset[str]] = frozenset({"phrases"})
    writes: ClassVar[frozenset[str]] = frozenset({"phrases"})

    sure: float = 0.4  # a new phrase with its regions is added from it
    resources: Resources = TEXT

    def shares(self) -> tuple[str, ...]:
        return ("margin", "sure")

    def __call__(self, batch: Batch) -> Outcome:
        rows, items = records.flatten(batch.table, "phrases")
        predicted = self.predicted(items)
        if not predicted.any():
            return Outcome(batch.table)
        plain = items.to_pylist()
        span = [
            (row, each["text_id"], each["start"], each["end"]) for row, each in zip(rows.tolist(), plain, strict=True)
        ]
        standing = {span[at]: at for at in reversed(np.flatnonzero(~predicted).tolist())}
        by_person, score = human(items), numbers(items.field("score")).astype(np.float64)
        verdict, raised = Verdict(by_person), score.copy()
        for at in np.flatnonzero(predicted).tolist():
            before = standing.get(span[at])
            rule, value, threshold = self._ruled(plain, by_person, at, before)
            goes = before if rule == "replaced" else at
            if rule and goes is not None:
                detail = None if before is None else plain[at if goes == before else before]["id"]
                verdict.drop(np.array([goes]), rule, np.full(len(rows), value), threshold, {goes: detail})
            if rule == "agreed" and before is not None and not by_person[before]:
                raised[before] = np.fmax(raised[before], score[at])
        table = records.amend(batch.table, "phrases", score=pa.array(raised, pa.float32(), mask=np.isnan(raised)))
        return verdict.outcome(table, "phrases", self.name)

    def _ruled(
        self, plain: list[dict[str, Any]], by_person: np.ndarray, at: int, before: int | None
    ) -> tuple[str, float, float]:
        new = plain[at]
        sure = 1.0 if new["score"] is None else new["score"]
        if before is None:
            return ("unsure", sure, self.sure) if sure < np.float32(self.sure) or not new["region_ids"] else ("", 0, 0)
        old = plain[before]
        shared = len(set(new["region_ids"]) & set(old["region_ids"]))
        if shared or not new["region_ids"]:
            return "agreed" if shared else "unsure", float(shared), 1.0
        was = (1.0 if old["score"] is None else old["score"]) if old["region_ids"] else 0.0
        if not by_person[before] and sure >= was + self.margin:
            return "replaced", was, sure - self.margin
        return "outvoted", sure, was + self.margin


def _best(place: np.ndarray, value: np.ndarray, among: np.ndarray) -> dict[int, int]:
    """For each place the number of the one with the greatest value, the first of equals."""
    best: dict[int, int] = {}
    for at in np.flatnonzero(among).tolist():
        held = best.get(int(place[at]))
        if held is None or value[at] > value[held]:
            best[int(place[at])] = at
    return best
