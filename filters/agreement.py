"""Refinement: what the multitask model says of an image against what stands there, and which of the two stays.

FLD-5B "integrates the updated annotations with the original ones" and gives no rule (Xiao et al., arXiv 2311.06242,
section 4.3); the rules and every default here are ours. A table holds both: the annotations of an earlier round stand,
those of `round` were predicted. Human ones are never changed, moved or dropped. Every change is a row of the rejects:

| rule | what goes | because |
|---|---|---|
| `agreed` | the predicted one | it says what stands, whose score it raises and whose box it moves |
| `replaced` | the standing one | a surer prediction of the same place, span or text says otherwise |
| `outvoted` | the predicted one | what stands in its place is as sure |
| `missed` | the standing one | little believed, and the model sees nothing there |
| `unsure` | the predicted one | nothing stands there, and it is little believed |

What no rule names stays: a prediction that is sure is added, and what stands unseen but well believed is let stand, for
the model may be the one that errs. In an image where the model predicted nothing of a kind, nothing of it is missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters.columns import Regions, numbers, require_between
from filters.merging import MEDIUM, TEXT, overlaps, same_name
from filters.texts import Verdict, human
from filters.union import Merges, redirected, united


@dataclass(frozen=True)
class Agreement(Stage):
    """What the three filters share: this one, and those of `filters.rewriting`."""

    round: int = 1  # whose annotations are the predicted ones
    margin: float = 0.1  # by how much a prediction must be surer than what it replaces

    def __post_init__(self) -> None:
        if self.round < 1:
            raise ChainError(f"{self.name}: round must be at least 1, for 0 are the specialists; not {self.round}")
        for setting in self.shares():
            require_between(self, setting, 0, 1)

    def shares(self) -> tuple[str, ...]:
        return ("margin",)

    def predicted(self, items: pa.StructArray) -> np.ndarray:
        """Which annotations (n,) are this round's: bool (n,)."""
        found = pc.equal(pc.struct_field(items, ["origin", "round"]), self.round)
        return numbers(pc.fill_null(found, False)) & ~human(items)


@dataclass(frozen=True)
class RegionAgreement(Agreement):
    """Aligns regions one to one by IoU, those of the same name first; lines by their quads and what they say.

    How sure a region is: for its place its score, for its name the similarity of its chosen label where both have
    one, else the score. One that nobody scored is sure.
    """

    name: ClassVar[str] = "region_agreement"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    iou: float = 0.5  # of two of the same name
    iou_other: float = 0.7  # of two of different names
    doubt: float = 0.35  # what stands goes below it if the model misses it
    sure: float = 0.5  # what stands alone is added from it
    cap: float = 0.99  # no agreement makes a score higher
    resources: Resources = MEDIUM

    def shares(self) -> tuple[str, ...]:
        return ("margin", "iou", "iou_other", "doubt", "sure", "cap")

    def __call__(self, batch: Batch) -> Outcome:
        regions = Regions(batch.table)
        predicted = self.predicted(regions.items)
        if not predicted.any():
            return Outcome(batch.table)
        old, new, iou, same = self._aligned(regions, predicted)
        verdict = Verdict(regions.human)
        place = np.where(np.isnan(regions.score), 1.0, regions.score)
        self._judge_names(regions, verdict, old[~same], new[~same], place)
        self._judge_alone(regions, verdict, predicted, np.r_[old, new], place)
        agreed = np.flatnonzero(same)
        agreed = agreed[np.lexsort((new[agreed], old[agreed]))]
        merges = Merges(old[agreed], new[agreed], iou[agreed], np.full(len(agreed), self.iou))
        value = np.zeros(len(regions))
        value[merges.absorbed] = merges.iou
        verdict.drop(merges.absorbed, "agreed", value, self.iou, _named(regions, merges.absorbed, merges.winner))
        return self._settled(batch.table, regions, verdict, merges, (old[~same], new[~same]))

    def _aligned(self, regions: Regions, predicted: np.ndarray) -> tuple[np.ndarray, ...]:
        """Pairs of a standing and a predicted one, each in one pair only: both (p,), their IoU, and of one name."""
        pairs = overlaps(regions, predicted.astype(np.int64), min(self.iou, self.iou_other))
        same = same_name(regions, pairs)
        able = np.flatnonzero(pairs.iou >= np.where(same, self.iou, self.iou_other))
        order = able[np.lexsort((-pairs.iou[able], ~same[able]))]
        free, chosen = np.ones(len(regions), bool), []
        for at, one, other in zip(
            order.tolist(), pairs.first[order].tolist(), pairs.second[order].tolist(), strict=True
        ):
            if free[one] and free[other]:
                free[one] = free[other] = False
                chosen.append(at)
        at = np.array(chosen, np.int64)
        swap = predicted[pairs.first[at]]
        old = np.where(swap, pairs.second[at], pairs.first[at])
        new = np.where(swap, pairs.first[at], pairs.second[at])
        return old, new, pairs.iou[at], same[at]

    def _judge_names(
        self, regions: Regions, verdict: Verdict, old: np.ndarray, new: np.ndarray, place: np.ndarray
    ) -> None:
        """One place, two names: the surer one stays."""
        similarity = _similarities(regions)
        both = ~np.isnan(similarity[old]) & ~np.isnan(similarity[new])
        before, after = (np.where(both, similarity[at], place[at]) for at in (old, new))
        wins = (after >= before + self.margin) & ~regions.human[old]
        value, threshold = np.zeros(len(regions)), np.zeros(len(regions))
        for goes, stays, at, sure, than in (
            (old, new, wins, before, after - self.margin),
            (new, old, ~wins, after, before + self.margin),
        ):
            value[goes[at]], threshold[goes[at]] = sure[at], than[at]
            rule = "replaced" if goes is old else "outvoted"
            verdict.drop(goes[at], rule, value, threshold, _named(regions, goes[at], stays[at]))

    def _judge_alone(
        self, regions: Regions, verdict: Verdict, predicted: np.ndarray, paired: np.ndarray, place: np.ndarray
    ) -> None:
        alone = np.ones(len(regions), bool)
        alone[paired] = False
        line = regions.kind == TEXT
        asked = np.zeros((regions.row.max(initial=-1) + 1, 2), bool)  # of which kinds the model said anything
        asked[regions.row[predicted], line[predicted].astype(np.int64)] = True
        seen = asked[regions.row, line.astype(np.int64)]
        unseen = alone & ~predicted & seen & (place < np.float32(self.doubt))
        verdict.drop(np.flatnonzero(unseen & ~regions.crowd.astype(bool)), "missed", place, self.doubt)
        verdict.drop(np.flatnonzero(alone & predicted & (place < np.float32(self.sure))), "unsure", place, self.sure)

    def _settled(
        self, table: pa.Table, regions: Regions, verdict: Verdict, merges: Merges, others: tuple[np.ndarray, np.ndarray]
    ) -> Outcome:
        """The agreed ones united, phrases pointed at what stays, the rest gone."""
        old, new = others
        replaced, outvoted = verdict.dropped[old], verdict.dropped[new]
        winner = np.r_[merges.winner, new[replaced], old[outvoted]]
        absorbed = np.r_[merges.absorbed, old[replaced], new[outvoted]]
        nothing = np.zeros(len(winner))
        table = redirected(table, regions, Merges(winner, absorbed, nothing, nothing))
        items = united(regions, merges, self.cap, average=True, shaped=True)
        lists = records.unflatten(regions.row, items, len(table), records.SCHEMA.field("regions").type)
        return verdict.outcome(records.replace(table, "regions", lists), "regions", self.name)


def _named(regions: Regions, goes: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """For each that goes the id of the one that stays in its place, over all (n,)."""
    detail = np.full(len(regions), None, object)
    detail[goes] = regions.id.take(pa.array(stays)).to_pylist()
    return detail


def _similarities(regions: Regions) -> np.ndarray:
    """Of the chosen label of each region: float64 (n,), NaN where there is none."""
    labels = regions.field("labels")
    count = records.lengths(labels)
    best = numbers(regions.field("best")).astype(np.float64)
    at = np.cumsum(count) - count + np.nan_to_num(best).astype(np.int64)
    lacking = pa.array(at, mask=(count == 0) | np.isnan(best))
    return numbers(labels.flatten().field("similarity").take(lacking)).astype(np.float64)
