"""How often a model is right: what it says of images whose annotations it was not trained on, beside those.

Only boxes and their labels are compared: a box is right that is a true object's at an IoU of 0.5, each object's once,
and a label that is one of that object's names. Texts have no truth that a word could be held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from engine.images import Unusable, decode
from engine.metrics.matching import match
from florence.codec import Box, Task
from florence.data.blocks import Blocks
from florence.predict.calibration import Calibration, fit
from florence.predict.predictor import Ask, Predictor

TOGETHER = 8  # images that are asked about at once; ours

Row = Mapping[str, Any]


@dataclass
class Agreement:
    """Scores, and whether what had them was right: of boxes, and of the labels of those that were."""

    places: list[tuple[float, bool]] = field(default_factory=list)
    labels: list[tuple[float, bool]] = field(default_factory=list)
    images: int = 0

    def add(self, predictor: Predictor, rows: Sequence[tuple[np.ndarray, Row]]) -> None:
        """Ask about some images, upright RGB (height, width, 3), and hold the answers against their records."""
        asks = [Ask(at, Task.OD) for at in range(len(rows))]
        for answer, (_, row) in zip(predictor([pixels for pixels, _ in rows], asks), rows, strict=True):
            self.images += 1
            found = [each for each in answer.items if isinstance(each.item, Box)]
            truth = [region for region in row["regions"] if region["kind"] == "object" and not region["crowd"]]
            boxes = np.array([each.item.box for each in found if isinstance(each.item, Box)]).reshape(-1, 4)
            scores = np.array([each.believed for each in found])
            there = np.array([region["box"] for region in truth], float).reshape(-1, 4)
            one = np.zeros(len(boxes), np.int64), np.zeros(len(there), np.int64)
            for each, at in zip(found, match(boxes, scores, one[0], there, one[1]).truth.tolist(), strict=True):
                self.places.append((each.believed, at >= 0))
                if at >= 0 and (names := _names(truth[at])):
                    self.labels.append((float(each.label_score or 0), _plain(each.item.text) in names))

    def calibration(self) -> Calibration:
        """The curves for which there are samples enough."""
        places, labels = (fit(*zip(*pairs, strict=True)) if pairs else None for pairs in (self.places, self.labels))
        return Calibration({**({"place": places} if places else {}), **({"label": labels} if labels else {})})


def agreement(predictor: Predictor, dataset: str, most: int | None = None) -> Agreement:
    """Of a predictor that is not calibrated with the first `most` images of a curated dataset that can be used.

    Raises StorageError or ChainError where the dataset or its pixels cannot be read.
    """
    found, usable = Agreement(), islice(_usable(dataset), most)
    while rows := list(islice(usable, TOGETHER)):
        found.add(predictor, rows)
    return found


def _usable(dataset: str) -> Iterator[tuple[np.ndarray, Row]]:
    blocks = Blocks(dataset)
    for block in blocks.blocks:
        for row in blocks.read(block).to_pylist():
            try:
                yield decode(row["image"]["bytes"]), row
            except (Unusable, TypeError):  # what training passes over, too
                continue


def _names(region: Row) -> set[str]:
    return {_plain(label["text"]) for label in region["labels"] if label["granularity"] == "phrase"}


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
