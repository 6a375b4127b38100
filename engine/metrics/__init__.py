"""How good annotations are, measured against truth: pure functions on arrays and words.

Boxes are x0, y0, x1, y1 in pixels; shares and scores lie in [0, 1] unless a docstring says otherwise. A share of
nothing is NaN: it says that there was nothing to measure, which 0 and 1 would not.
"""

from engine.metrics.captions import bleu, cider
from engine.metrics.detection import SIZES, CocoAp, average_precision, coco_ap
from engine.metrics.grounding import Grounded, ground
from engine.metrics.lines import character_errors, plain
from engine.metrics.matching import OVERLAP, Matches, inside, match, pairs, ranked
from engine.metrics.rates import F1, mean, share

__all__ = [
    "OVERLAP",
    "SIZES",
    "F1",
    "CocoAp",
    "Grounded",
    "Matches",
    "average_precision",
    "bleu",
    "character_errors",
    "cider",
    "coco_ap",
    "ground",
    "inside",
    "match",
    "mean",
    "pairs",
    "plain",
    "ranked",
    "share",
]
