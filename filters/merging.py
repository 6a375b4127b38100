"""Merging: the same object from several sources becomes one region that keeps all origins and labels.

The paper merges the labels that a source already has with the specialists' (Xiao et al., arXiv 2311.06242,
section 4.1) and gives no rule, so the rules and every default here are ours.

Who can merge: two regions of one image and of different origin (model, revision or round: what one model
says twice is left to NMS), that agree in place and name. Objects and proposals merge with each other, text
with text, by their quads; crowds and two human regions never. Names agree where `names.same_thing` says so,
for text `names.same_text`, or where one of the two has none; a region's name is its best, else its first
label.
- Place: IoU of at least `iou`; at least `iou_other_label`, if that is set, where the names differ.
- A smaller one with `contained` of its area inside the larger: with at least `part_whole` of the larger's area
  it is a cropped duplicate, and merges whatever the IoU, if the names agree. With less it is a part of a
  whole (a torso that was called a person, one carriage of a train), and both stay, whatever the IoU.

Who wins: ranked are human regions first, then objects before proposals, named before nameless ones, higher
scores, earlier regions. From the top, each region that no winner can take becomes one itself; a winner takes
whatever can merge with it, and nothing through another (no chains). One that several winners could take goes
to the one with the highest IoU. So no two that stay can merge, and merging again changes nothing (but with
`average`, since a box that moved has other neighbours).

What the winner becomes: see `filters.union`. The others go to the rejects by the rule "merged", with the IoU,
the least IoU at which these two could have merged, and the winner's id; phrases follow the winner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from engine import geometry, records
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters.columns import Regions, codes, origins, require_between
from filters.names import agree, same_text, same_thing
from filters.union import Merges, redirected, united

TEXT, PROPOSAL = (records.REGION_KINDS.index(kind) for kind in ("text", "proposal"))

# Where all overlap with all, a batch costs the square of an image's regions: a shard of ingest's size, and no more.
MEDIUM = Resources(batch_size=256, pack="regions")


@dataclass(frozen=True)
class RegionMerge(Stage):
    """Makes one region of those that several sources found; None switches a rule off."""

    name: ClassVar[str] = "region_merge"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    iou: float = 0.7  # ours, as is all that follows
    iou_other_label: float | None = None  # at least `iou`; None = other names never merge
    contained: float | None = 0.9  # share of the smaller one's area; None = no duplicate and no part by containment
    part_whole: float = 0.6  # the smaller area over the larger
    cap: float = 0.99  # no agreement makes a score higher; a score that is higher already stays
    average: bool = False  # boxes without mask or polygons become the mean of the group's, weighted by score
    resources: Resources = MEDIUM

    def __post_init__(self) -> None:
        for setting in ("iou", "iou_other_label", "contained", "part_whole", "cap"):
            if getattr(self, setting) is not None or setting not in ("iou_other_label", "contained"):
                require_between(self, setting, 0, 1)
        if self.iou_other_label is not None and self.iou_other_label < self.iou:
            raise ChainError(
                f"{self.name}: iou_other_label {self.iou_other_label} is below iou {self.iou}, "
                "so that other names would merge more easily than equal ones"
            )

    def __call__(self, batch: Batch) -> Outcome:
        regions = Regions(batch.table)
        merges = _settle(regions, *self._mergeable(regions))
        if not len(merges.winner):
            return Outcome(batch.table)
        table = redirected(batch.table, regions, merges)
        items = united(regions, merges, self.cap, self.average)
        lists = records.unflatten(regions.row, items, len(table), records.SCHEMA.field("regions").type)
        return self._without_absorbed(records.replace(table, "regions", lists), regions, merges)

    def _mergeable(self, regions: Regions) -> tuple[geometry.Overlaps, np.ndarray]:
        """The pairs that can merge, and the least IoU (p,) at which each could."""
        origin = codes(*origins(regions.items))
        pairs = overlaps(regions, origin, min(self.iou, self._least_contained()) * geometry.NEARLY)
        if not len(pairs.first):
            return pairs, pairs.iou
        same = same_name(regions, pairs)
        needed = np.where(same, self.iou, np.inf)
        if self.iou_other_label is not None:
            needed[~same & (regions.kind[pairs.first] != TEXT)] = self.iou_other_label
        able = pairs.iou >= needed
        if self.contained is not None:
            inside = pairs.inside >= self.contained
            duplicate = inside & same & (pairs.size >= self.part_whole)
            needed[duplicate & ~able] = self._least_contained()
            able = duplicate | (able & ~(inside & (pairs.size < self.part_whole)))
        able &= ~(regions.human[pairs.first] & regions.human[pairs.second])
        return pairs.only(able), needed[able]

    def _least_contained(self) -> float:
        """The IoU of two of which one has just so much inside the other, and just so much of its size."""
        if self.contained is None:
            return 1.0
        shared = self.contained * self.part_whole
        return shared / (1 + self.part_whole - shared)

    def _without_absorbed(self, table: pa.Table, regions: Regions, merges: Merges) -> Outcome:
        keep = np.ones(len(regions), bool)
        keep[merges.absorbed] = False
        value, threshold, winner = np.zeros(len(regions)), np.zeros(len(regions)), np.zeros(len(regions), np.int64)
        value[merges.absorbed], threshold[merges.absorbed] = merges.iou, merges.threshold
        winner[merges.absorbed] = merges.winner
        return Outcome(
            *records.drop(
                table, "regions", keep, stage=self.name, rule="merged", value=value, threshold=threshold,
                detail=regions.id.take(pa.array(winner)),
            )
        )  # fmt: skip


def overlaps(regions: Regions, origin: np.ndarray, iou: float) -> geometry.Overlaps:
    """Pairs that could merge for their image, kind and origin (n,), with an IoU of at least `iou`."""
    # An image that one model alone has seen is left out before anything is measured.
    lone = origin == origin[np.searchsorted(regions.row, regions.row)]
    chosen = ~regions.crowd & np.isin(regions.row, regions.row[~lone])
    text = regions.kind == TEXT
    parts = []
    for overlaps, shapes, of_kind in (
        (geometry.box_overlaps, regions.box, ~text),
        (geometry.quad_overlaps, regions.quad, text),
    ):
        at = np.flatnonzero(chosen & of_kind)
        pairs = overlaps(shapes[at], regions.row[at], origin[at], iou)
        parts.append(pairs._replace(first=at[pairs.first], second=at[pairs.second]))
    return geometry.Overlaps(*(np.concatenate(both) for both in zip(*parts, strict=True)))


def same_name(regions: Regions, pairs: geometry.Overlaps) -> np.ndarray:
    """Which pairs' names agree: bool (p,)."""
    name, names = regions.classes()
    text = regions.kind[pairs.first] == TEXT
    same = np.zeros(len(text), bool)
    for rule, chosen in ((same_text, text), (same_thing, ~text)):
        same[chosen] = agree(rule, names, name[pairs.first[chosen]], name[pairs.second[chosen]])
    return same


def _settle(regions: Regions, pairs: geometry.Overlaps, needed: np.ndarray) -> Merges:
    """Who absorbs whom, of the pairs that can merge."""
    length = len(regions)
    place = _places(regions, pairs)
    swap = place.take(pairs.first) > place.take(pairs.second)
    high, low = np.where(swap, pairs.second, pairs.first), np.where(swap, pairs.first, pairs.second)
    at = np.flatnonzero(geometry.survivors(high, low, length).take(high))
    # Of the winners that could take one, that with the highest IoU; of equals, that of the highest rank.
    best = np.zeros(length)
    np.maximum.at(best, low[at], pairs.iou[at])
    at = at[pairs.iou[at] == best[low[at]]]
    first = np.full(length, length)
    np.minimum.at(first, low[at], place[high[at]])
    at = at[place[high[at]] == first[low[at]]]
    at = at[np.argsort(high[at] * length + place[low[at]])]
    return Merges(high[at], low[at], pairs.iou[at], needed[at])


def _places(regions: Regions, pairs: geometry.Overlaps) -> np.ndarray:
    """The ranks (n,) of the regions in pairs, 0 the highest; without meaning for the others."""
    concerned = np.zeros(len(regions), bool)
    concerned[pairs.first] = concerned[pairs.second] = True
    at = np.flatnonzero(concerned)
    nameless = records.lengths(regions.field("labels"))[at] == 0
    score = np.nan_to_num(regions.score[at], nan=-1.0)
    order = np.lexsort((-score, nameless, regions.kind[at] == PROPOSAL, ~regions.human[at]))
    places = np.zeros(len(regions), np.int64)
    places[at[order]] = np.arange(len(at))
    return places
