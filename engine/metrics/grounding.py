"""Phrases and their boxes: how often the right one is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.metrics.matching import OVERLAP, pairs
from engine.metrics.rates import mean


class Grounded(NamedTuple):
    """The verdict on n phrases, and on their m true boxes."""

    first: np.ndarray  # float64 (n,): the place of the first right box, the best being 0; infinite where none is
    pointing: np.ndarray  # bool (n,): the centre of the best box lies in a true one
    hit: np.ndarray  # bool (m,): one of its phrase's boxes is this one

    def rates(self, chosen: np.ndarray | None = None, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
        """Shares of the phrases, or of those chosen (bool (n,)).

        recall@k: one of the first k boxes is right; accuracy is recall@1. pointing: the pointing game (Zhang et al.,
        arXiv 1608.00507), with a box's centre for the point.
        """
        at = np.ones(len(self.first), bool) if chosen is None else chosen
        rates = {f"recall@{k}": mean(self.first[at] < k) for k in ks}
        return {"accuracy": mean(self.first[at] < 1), **rates, "pointing": mean(self.pointing[at])}


def ground(
    boxes: np.ndarray,
    phrase: np.ndarray,
    truth: np.ndarray,
    truth_phrase: np.ndarray,
    count: int,
    iou: float = OVERLAP,
) -> Grounded:
    """Compare the boxes (k, 4) of `count` phrases with the true boxes (m, 4) of the same.

    phrase (k,) and truth_phrase (m,) are the numbers of their phrases, and ascend; a phrase's boxes come with the best
    first. A box is right that has an IoU of at least `iou` with any true one (Plummer et al., "Flickr30k Entities",
    IJCV 2017, any-box protocol). A phrase without a true box has no right one.
    """
    box, target, _ = pairs(boxes, phrase, truth, truth_phrase, iou)
    place = np.arange(len(phrase)) - np.searchsorted(phrase, phrase)
    first = np.full(count, np.inf)
    np.minimum.at(first, phrase[box], place[box])
    hit = np.zeros(len(truth), bool)
    hit[target] = True
    centre = np.full((count, 2), np.nan)
    best = place == 0
    centre[phrase[best]] = (boxes[best, :2] + boxes[best, 2:]) / 2
    asked = centre[truth_phrase]
    into = ((truth[:, :2] <= asked) & (asked <= truth[:, 2:])).all(axis=1)
    pointing = np.zeros(count, bool)
    pointing[truth_phrase[into]] = True
    return Grounded(first, pointing, hit)
