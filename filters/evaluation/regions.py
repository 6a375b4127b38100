"""Regions: detection as COCO and PASCAL VOC measure it, names, and masks."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from engine import geometry, metrics
from engine.metrics import F1, SIZES
from filters.evaluation.named import Named, crowded, groups_of
from filters.evaluation.objects import Objects
from filters.evaluation.vocabulary import NONE, Vocabulary

SHOWN = 20  # labels that the truth does not know, the commonest first


def measure(found: Objects, truth: Objects, vocabulary: Vocabulary) -> dict[str, Any]:
    """All that is measured of regions, by category and by size too; `found` holds no crowds."""
    real = truth.only(~truth.crowd)
    known = real.category != NONE
    agnostic = metrics.match(found.box, found.score, found.row, real.box, real.row)
    hit = np.zeros(len(real), bool)
    hit[agnostic.truth[agnostic.truth >= 0]] = True
    detection, named, voc = _coco(found, truth), Named.of(found, truth, vocabulary), _voc(found, truth, vocabulary)
    iou = _mask_iou(found, real, agnostic.truth)
    names = _best(found, real)
    by_category = {
        name: {
            "true": int((real.category == number).sum()),
            "ap": detection.by_class.get(number, math.nan),
            "ap50": detection.by_class50.get(number, math.nan),
            "voc07_ap50": voc[number][0],
            "voc12_ap50": voc[number][1],
            **_rates(named.of_category(number)),
            "best_label": metrics.mean(names[real.category == number]),
            "mask_iou": metrics.mean(iou[(real.category == number) & hit]),
        }
        for number, name in enumerate(vocabulary.names)
    }
    by_size = {
        size: {
            "true": int(at.sum()),
            "ap": detection.by_size[size],
            "recall_any_name": metrics.mean(hit[at]),
            "recall": metrics.mean(named.hit[at & known]),
            "best_label": metrics.mean(names[at]),
            "mask_iou": metrics.mean(iou[at & hit]),
        }
        for size, at in real.sizes().items()
    }
    total = named.total()
    return {
        "true": len(real),
        "true_without_name": int((~known).sum()),
        "found": len(found),
        "found_other": int(named.other.sum()),
        "others": dict(_others(found, named.other)),
        "ap": detection.ap,
        "ap50": detection.ap50,
        "ap75": detection.ap75,
        **{f"ap_{size}": detection.by_size[size] for size in SIZES},
        "voc07_ap50": metrics.mean([ap for ap, _ in voc.values()]),
        "voc12_ap50": metrics.mean([ap for _, ap in voc.values()]),
        "recall_any_name": metrics.mean(hit),
        **_rates(total),
        "f1_known": F1(total.right, total.given - int(named.other.sum()), total.found, total.wanted).f1
        if total.wanted
        else math.nan,
        "best_label": metrics.mean(names),
        "mask_iou": metrics.mean(iou[hit]),
        "mask_iou_missed_as_0": metrics.mean(np.where(hit, iou, np.where(real.shaped, 0.0, np.nan))),
        "by_category": by_category,
        "by_size": by_size,
    }


def _rates(f1: F1) -> dict[str, float]:
    """NaN where nothing is true: the truth does not speak of it."""
    if not f1.wanted:
        return dict.fromkeys(("precision", "recall", "f1"), math.nan)
    return {"precision": f1.precision, "recall": f1.recall, "f1": f1.f1}


def _coco(found: Objects, truth: Objects) -> metrics.CocoAp:
    named, true = found.only(found.category != NONE), truth.only(truth.category != NONE)
    return metrics.coco_ap(
        named.box, named.score, named.row, named.category, true.box, true.row, true.category,
        crowd=true.crowd, areas=true.areas,
    )  # fmt: skip


def _voc(found: Objects, truth: Objects, vocabulary: Vocabulary) -> dict[int, tuple[float, float]]:
    """AP at IoU .5 of each category as VOC measured it in 2007 and since 2010; crowds are VOC's difficult objects."""
    true = truth.only(~truth.crowd & (truth.category != NONE))
    named = found.only(found.category != NONE)
    groups = groups_of(named.row, named.category, vocabulary)
    right = metrics.match(
        named.box, named.score, groups, true.box, groups_of(true.row, true.category, vocabulary), second_choice=False
    ).truth
    counts = (right >= 0) | ~crowded(named, groups, truth, vocabulary)
    measured = {}
    for number in range(len(vocabulary)):
        at = (named.category == number) & counts
        positives = int((true.category == number).sum())
        score, hits = named.score[at], right[at] >= 0
        old = metrics.average_precision(score, hits, positives, points=11)
        measured[number] = old, metrics.average_precision(score, hits, positives)
    return measured


def _best(found: Objects, real: Objects) -> np.ndarray:
    """For each true object (m,): 1 if the box that matches it, whatever it is called, has the right name, 0 if not.

    NaN where none matches, or the truth has no name.
    """
    objects = found.only(~found.proposal)
    at = metrics.match(objects.box, objects.score, objects.row, real.box, real.row).truth
    right = np.full(len(real), np.nan)
    right[at[at >= 0]] = objects.name[at >= 0] == real.category[at[at >= 0]]
    right[real.category == NONE] = np.nan
    return right


def _mask_iou(found: Objects, real: Objects, matched: np.ndarray) -> np.ndarray:
    """For each true object (m,) with a mask: its IoU with that of the box that matches it, 0 if there is none.

    NaN where no box matches, or the truth has no mask.
    """
    iou = np.full(len(real), np.nan)
    at = np.flatnonzero(matched >= 0)
    at = at[real.shaped[matched[at]]]
    masks = zip(found.masks(at), real.masks(matched[at]), strict=True)
    iou[matched[at]] = [_overlap(one, other) for one, other in masks]
    return iou


def _overlap(found: geometry.Rle | None, true: geometry.Rle | None) -> float:
    if true is None:
        return math.nan
    if found is None or list(found["size"]) != list(true["size"]):
        return 0.0
    return float(geometry.rle_iou([found], [true])[0, 0])


def _others(found: Objects, other: np.ndarray) -> list[tuple[str, int]]:
    """What those predictions are called that no category fits, and how often."""
    names = found.only(other).called.to_pylist()
    count = Counter((name or "").casefold() for name in names)
    return sorted(count.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
