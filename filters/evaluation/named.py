"""Which regions are the right box by the right name: what the label F1 of regions counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine import metrics
from engine.metrics import F1
from filters.evaluation.objects import Objects
from filters.evaluation.vocabulary import NONE, Vocabulary

IN_CROWD = 0.5  # of a box, from where on a crowd excuses it; ours, after COCO's IoU for crowds


@dataclass(frozen=True)
class Named:
    """The label F1: a region is right if its box is at IoU .5 and it is called by the right name."""

    name: np.ndarray  # int64 (k,): of the predictions that count: neither proposals nor excused
    right: np.ndarray  # bool (k,)
    other: np.ndarray  # bool (all predictions,): those that count and are called by no category
    category: np.ndarray  # int64 (m,): of the true objects, NONE for those without a name
    hit: np.ndarray  # bool (m,)

    @classmethod
    def of(cls, found: Objects, truth: Objects, vocabulary: Vocabulary) -> Named:
        real = truth.only(~truth.crowd)
        groups = groups_of(found.row, found.name, vocabulary)
        usable = np.flatnonzero((found.name != NONE) & ~found.proposal)
        known = np.flatnonzero(real.category != NONE)
        true_groups = groups_of(real.row, real.category, vocabulary)[known]
        matched = metrics.match(
            found.box[usable], found.score[usable], groups[usable], real.box[known], true_groups
        ).truth
        right = np.zeros(len(found), bool)
        right[usable] = matched >= 0
        hit = np.zeros(len(real), bool)
        hit[known[matched[matched >= 0]]] = True
        # Nobody can say what should stand there.
        unnamed = np.zeros(len(found), bool)
        nameless = real.only(real.category == NONE)
        unnamed[metrics.pairs(found.box, found.row, nameless.box, nameless.row)[0]] = True
        counts = ~found.proposal & (right | ~(unnamed | crowded(found, groups, truth, vocabulary)))
        return cls(found.name[counts], right[counts], counts & (found.name == NONE), real.category, hit)

    def total(self) -> F1:
        right = int(self.right.sum())
        return F1(right, len(self.right), right, int((self.category != NONE).sum()))

    def of_category(self, number: int) -> F1:
        right = int(self.right[self.name == number].sum())
        return F1(right, int((self.name == number).sum()), right, int((self.category == number).sum()))


def crowded(found: Objects, groups: np.ndarray, truth: Objects, vocabulary: Vocabulary) -> np.ndarray:
    """Which predictions (k,) with groups (k,) lie in a crowd of their category: bool (k,)."""
    crowds = truth.only(truth.crowd & (truth.category != NONE))
    share = metrics.inside(found.box, groups, crowds.box, groups_of(crowds.row, crowds.category, vocabulary))
    inside: np.ndarray = share >= IN_CROWD
    return inside


def groups_of(rows: np.ndarray, categories: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """A number (k,) for each image and category, NONE being one."""
    numbers: np.ndarray = rows * (len(vocabulary) + 1) + categories + 1
    return numbers
