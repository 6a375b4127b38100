"""From scores of boxes with phrases to regions: what is believed, what is seen twice, and which phrases fit one box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.geometry import nms

# A model without NMS of its own gives a phrase every box it has: more than this many, the best, are not compared. Ours.
CANDIDATES = 300
# Two boxes of different phrases whose IoU is above this are one region. Ours.
SAME = 0.9


class Sightings(NamedTuple):
    """Boxes with the phrase that each was seen for: n pairs of one image."""

    boxes: np.ndarray  # (n, 4) x0, y0, x1, y1 in pixels, float32
    scores: np.ndarray  # (n,) float32
    phrases: np.ndarray  # (n,) int64: number of the phrase

    def only(self, at: np.ndarray) -> Sightings:
        """Those at indices or where true (m,)."""
        return Sightings(self.boxes[at], self.scores[at], self.phrases[at])


class Seen(NamedTuple):
    """One region, with the phrases that it fits."""

    box: tuple[float, ...]  # x0, y0, x1, y1 in pixels
    score: float
    phrases: dict[int, float]  # the score by the phrase's number, the best first


NOTHING = Sightings(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def believed(boxes: np.ndarray, scores: np.ndarray, numbers: Sequence[int], least: float) -> Sightings:
    """The pairs of boxes (n, 4) and phrases (k,) whose score (n, k) is at least `least`, CANDIDATES for each phrase."""
    box, column = np.nonzero(scores >= least)
    pairs = Sightings(boxes[box], scores[box, column], np.asarray(numbers, np.int64)[column])
    return _foremost(pairs, CANDIDATES)


def together(sightings: Sequence[Sightings]) -> Sightings:
    """Several passes' as one."""
    return Sightings(*(np.concatenate(parts) for parts in zip(NOTHING, *sightings, strict=True)))


def inside(sightings: Sightings, window: np.ndarray) -> Sightings:
    """From pixels of a window (4,) to those of its image, cut off at the window; what has no area there is gone."""
    low, high = np.tile(window[:2], 2), np.tile(window[2:], 2)
    # Area is a question of float32: what is thinner than its steps so far from the origin has none.
    boxes = np.clip(sightings.boxes + low, low, high).astype(np.float32)
    return sightings._replace(boxes=boxes).only(np.all(boxes[:, 2:] > boxes[:, :2], axis=1))


def best(sightings: Sightings, iou: float, most: int) -> Sightings:
    """Each phrase's boxes without those that overlap a better one of it by more than `iou`, `most` at most."""
    return _foremost(sightings.only(nms(*sightings, iou=iou).keep), most)


def regions(sightings: Sightings, least: float) -> list[Seen]:
    """One region for each box, the best first, if its best phrase has a score of at least `least`."""
    # Several passes see a thing in nearly, not quite, the same place.
    same = nms(sightings.boxes, sightings.scores, np.zeros(len(sightings.scores), np.int64), SAME)
    owner = np.where(same.keep, np.arange(len(same.keep)), same.winner)
    fits: dict[int, dict[int, float]] = {}
    for at in np.lexsort((sightings.phrases, -sightings.scores)).tolist():
        phrases = fits.setdefault(int(owner[at]), {})
        phrases.setdefault(int(sightings.phrases[at]), float(sightings.scores[at]))
    return [
        Seen(tuple(sightings.boxes[at].tolist()), score, phrases)
        for at, phrases in fits.items()
        if (score := float(sightings.scores[at])) >= least
    ]


def _foremost(sightings: Sightings, most: int) -> Sightings:
    """The `most` best of each phrase, phrase by phrase."""
    order = np.lexsort((-sightings.scores, sightings.phrases))
    phrases = sightings.phrases[order]
    place = np.arange(len(order)) - np.searchsorted(phrases, phrases)
    return sightings.only(order[place < most])
