"""What the winner of a merge becomes: the union of what was said about one object.

- Its id, kind, origin and geometry stay; a mask or polygons stay with the box that they belong to, and those
  of an absorbed region go with it to the rejects. A mean of boxes only moves a box that stands alone.
- Score: the noisy-or of independent witnesses, 1 - product of (1 - score), with one witness per model: its
  highest score. Two models of 0.6 and 0.7 make 0.88. Never above the cap, never below what it was. A human
  region keeps the score it has, null as a rule. A score that came from an earlier merge is first taken apart
  again with the help of `support`, so that a model that witnessed then does not count twice.
- Labels: the winner's, then those of the absorbed by their rank, each with its score and origin; one of the
  same granularity, text and origin as another region's before it is left out. `best` stays; a winner without
  any label takes over the choice of the first that brings some.
- Support: the id, score and origin of each absorbed region, followed by its own support.
- A phrase that pointed at an absorbed region points at the winner, once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from filters.columns import Regions, codes, numbers, origins


class Merges(NamedTuple):
    """m merges, sorted by winner and, for each, by the rank of what it absorbs; indices into n regions."""

    winner: np.ndarray  # int64 (m,)
    absorbed: np.ndarray  # int64 (m,), each once and never a winner
    iou: np.ndarray  # float64 (m,)
    threshold: np.ndarray  # float64 (m,)


def united(regions: Regions, merges: Merges, cap: float, average: bool, shaped: bool = False) -> pa.StructArray:
    """The regions (n,), with all that the absorbed said added to the winners; the absorbed as they were.

    With `shaped`, the boxes of winners that have a mask are averaged too.
    """
    labels, best = _labels(regions, merges)
    changed = {"labels": labels, "best": best, "support": _support(regions, merges)}
    score = _scores(regions, merges, cap)
    changed["score"] = pa.array(score, pa.float32(), mask=np.isnan(score))
    if average:
        box = pa.array(_mean_boxes(regions, merges, shaped).ravel(), pa.float32())
        changed["box"] = pa.FixedSizeListArray.from_arrays(box, type=records.REGION.field("box").type)
    return records.amended(regions.items, **changed)


def redirected(table: pa.Table, regions: Regions, merges: Merges) -> pa.Table:
    """The table with the winners' ids in the phrases for those of the absorbed, none twice."""
    rows, phrases = records.flatten(table, "phrases")
    if not len(phrases):
        return table
    refs = phrases.field("region_ids")
    owner, ids = np.repeat(np.arange(len(refs)), records.lengths(refs)), refs.flatten()
    absorbed = records.keys(regions.row[merges.absorbed], regions.id.take(pa.array(merges.absorbed)))
    at = pc.index_in(records.keys(rows[owner], ids), value_set=absorbed)
    if at.null_count == len(at):
        return table
    ids = pc.coalesce(regions.id.take(pa.array(merges.winner)).take(at), ids)
    touched = np.zeros(len(refs), bool)
    touched[owner[numbers(at.is_valid())]] = True
    keep = ~touched[owner] | _firsts(owner, codes(ids))
    left = records.unflatten(owner[keep], ids.filter(pa.array(keep)), len(refs), refs.type)
    return records.amend(table, "phrases", region_ids=left)


def _firsts(owner: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Which items (n,) are the first of their owner with that code: bool (n,)."""
    firsts = np.zeros(len(owner), bool)
    firsts[np.unique(owner * (code.max(initial=0) + 1) + code, return_index=True)[1]] = True
    return firsts


def _arranged(regions: Regions, merges: Merges) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each region followed by what it absorbs: owners and sources, indices (n + m,), and each one's merge or -1."""
    owner = np.r_[np.arange(len(regions)), merges.winner]
    order = np.argsort(owner, kind="stable")
    merge = np.r_[np.full(len(regions), -1), np.arange(len(merges.winner))]
    source = np.r_[np.arange(len(regions)), merges.absorbed]
    return owner[order], source[order], merge[order]


def _spans(start: np.ndarray, count: np.ndarray) -> np.ndarray:
    """start, start + 1 .. for `count` numbers, for each of (n,): one behind the other."""
    before = np.cumsum(count) - count
    return np.arange(count.sum()) + np.repeat(start - before, count)


def _labels(regions: Regions, merges: Merges) -> tuple[pa.ListArray, pa.Array]:
    """The labels (n lists) and the best ones (n,)."""
    lists = regions.field("labels")
    count, flat = records.lengths(lists), lists.flatten()
    owner, source, _ = _arranged(regions, merges)
    at = _spans((np.cumsum(count) - count)[source], count[source])
    owner, source = np.repeat(owner, count[source]), np.repeat(source, count[source])
    keep = np.ones(len(at), bool)
    shared = np.zeros(len(regions), bool)
    shared[merges.winner] = True
    some = np.flatnonzero(shared[owner])
    keep[some] = _news(owner[some], source[some], flat.take(pa.array(at[some])))
    items = flat.take(pa.array(at[keep]))
    return records.unflatten(owner[keep], items, len(regions), lists.type), _best(regions, merges, count)


def _news(owner: np.ndarray, source: np.ndarray, labels: pa.StructArray) -> np.ndarray:
    """Which labels (n,) no source before had for the same owner: bool (n,)."""
    code = codes(labels.field("granularity"), labels.field("text"), *origins(labels))
    dense = np.unique(code, return_inverse=True)[1]
    key = owner * (dense.max(initial=0) + 1) + dense
    _, first, same = np.unique(key, return_index=True, return_inverse=True)
    news: np.ndarray = source[first[same]] == source
    return news


def _best(regions: Regions, merges: Merges, count: np.ndarray) -> pa.Array:
    chooser = np.arange(len(regions))
    lending = np.flatnonzero((count[merges.winner] == 0) & (count[merges.absorbed] > 0))
    winner, first = np.unique(merges.winner[lending], return_index=True)
    chooser[winner] = merges.absorbed[lending[first]]
    return regions.field("best").take(pa.array(chooser))


def _support(regions: Regions, merges: Merges) -> pa.ListArray:
    lists = regions.field("support")
    count, flat = records.lengths(lists), lists.flatten()
    fields, absorbed = list(records.SUPPORT), pa.array(merges.absorbed)
    entries = pa.StructArray.from_arrays([regions.field(field.name).take(absorbed) for field in fields], fields=fields)
    owner, source, merge = _arranged(regions, merges)
    start = np.stack([len(flat) + merge, (np.cumsum(count) - count)[source]], axis=1)
    each = np.stack([merge >= 0, count[source]], axis=1).astype(np.int64)
    items = pa.concat_arrays([flat, entries]).take(pa.array(_spans(start.ravel(), each.ravel())))
    return records.unflatten(np.repeat(owner, each.sum(axis=1)), items, len(regions), lists.type)


def _scores(regions: Regions, merges: Merges, cap: float) -> np.ndarray:
    """Scores float32 (n,), NaN where null."""
    free = ~regions.human[merges.winner]
    winners = np.unique(merges.winner[free])
    member, owner = np.r_[winners, merges.absorbed[free]], np.r_[winners, merges.winner[free]]
    lists = regions.field("support").take(pa.array(member))
    past = lists.flatten()
    of = np.repeat(np.arange(len(member)), records.lengths(lists))
    models = [pc.struct_field(items, ["origin", "model"]) for items in (regions.items.take(pa.array(member)), past)]
    model = codes(pa.concat_arrays(models))
    said = numbers(past.field("score")).astype(np.float64)
    alone = _alone(regions.score[member], model[: len(member)], of, model[len(member) :], said)
    doubt = _doubts(np.r_[owner, owner[of]], model, np.r_[alone, said], len(regions))
    scores: np.ndarray = regions.score.copy()
    raised = np.minimum(1 - doubt[winners], cap).astype(np.float32)
    scores[winners] = np.fmax(scores[winners], raised)
    return scores


def _alone(score: np.ndarray, model: np.ndarray, of: np.ndarray, others: np.ndarray, said: np.ndarray) -> np.ndarray:
    """What members (k,) of merges, with these scores and models, said before others (q,) agreed with them.

    The others are their support: of members (q,), by models (q,), with scores said (q,).
    """
    foreign = others != model[of]
    doubt = _doubts(of[foreign], others[foreign], said[foreign], len(score))
    pooled = score.astype(np.float64)
    alone = np.where(doubt == 0, 0.0, pooled)  # where another was certain there is no telling
    shared = np.flatnonzero(doubt > 0)
    alone[shared] = np.clip(1 - (1 - pooled[shared]) / doubt[shared], 0, 1)
    return alone


def _doubts(owner: np.ndarray, model: np.ndarray, score: np.ndarray, length: int) -> np.ndarray:
    """For each of `length` owners the product of 1 - score over its models, each with its highest: float64.

    NaN for an owner without any score.
    """
    given = np.flatnonzero(~np.isnan(score))
    owner, score = owner[given], score[given]
    key = owner * (model.max(initial=0) + 1) + model[given]
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    # One model after the other as they come, not by their numbers: a product must not depend on other images.
    first = order[starts]
    highest = np.maximum.reduceat(score[order], starts) if len(starts) else score
    coming = np.argsort(first)
    doubts = np.full(length, np.nan)
    doubts[owner] = 1.0
    np.multiply.at(doubts, owner[first[coming]], 1 - highest[coming])
    return doubts


def _mean_boxes(regions: Regions, merges: Merges, shaped: bool) -> np.ndarray:
    """Boxes (n, 4), those of winners that stand alone as the mean of their group, weighted by score."""
    bound = regions.human | regions.has_quad
    for shape in () if shaped else ("mask", "polygons"):
        bound |= numbers(regions.field(shape).is_valid())
    weight = np.nan_to_num(regions.score.astype(np.float64))
    total, mean = weight.copy(), regions.box * weight[:, None]
    np.add.at(total, merges.winner, weight[merges.absorbed])
    np.add.at(mean, merges.winner, mean[merges.absorbed])
    moved = np.zeros(len(regions), bool)
    moved[merges.winner] = True
    moved &= ~bound & (total > 0)
    boxes = regions.box.copy()
    boxes[moved] = mean[moved] / total[moved, None]
    return boxes
