"""The regions of one side, written lines apart, as arrays."""

from __future__ import annotations

import copy
from functools import cached_property

import numpy as np
import pyarrow as pa

from engine import geometry, records
from engine.metrics import SIZES
from filters.columns import Regions
from filters.evaluation.vocabulary import NONE, Labels, Vocabulary

TEXT, PROPOSAL = (records.REGION_KINDS.index(kind) for kind in ("text", "proposal"))


class Objects:
    """k regions that are no written lines. Categories are numbers of the vocabulary, or NONE."""

    def __init__(self, table: pa.Table, vocabulary: Vocabulary, frame: np.ndarray) -> None:
        regions = Regions(table)
        chosen = np.flatnonzero(regions.kind != TEXT)
        self.items = regions.items.take(pa.array(chosen))
        self.number = chosen  # among all regions, lines too
        self.row = regions.row[chosen]  # of the image
        self.box = regions.box[chosen].astype(np.float64)  # (k, 4), pixels
        self.score = regions.score[chosen]
        self.crowd = regions.crowd[chosen].astype(bool)
        self.proposal = regions.kind[chosen] == PROPOSAL
        self.frame = frame[self.row]  # (k, 2): height and width of the image
        labels = Labels(self.items)
        number = vocabulary.numbers(labels.text)
        # What it is: its first label that names a category. What it is called: its best label, whatever that names.
        self.category = _pick(number, labels.first(number != NONE))
        self.name = _pick(number, labels.best)
        self.called = labels.text.take(pa.array(labels.best, mask=labels.best == NONE))
        self.shaped = records.shaped(self.items)

    def __len__(self) -> int:
        return len(self.row)

    def only(self, chosen: np.ndarray) -> Objects:
        """Those chosen: bool (k,)."""
        less, at = copy.copy(self), pa.array(np.flatnonzero(chosen))
        for name, value in vars(self).items():
            setattr(less, name, value[chosen] if isinstance(value, np.ndarray) else value.take(at))
        return less

    @cached_property
    def areas(self) -> np.ndarray:
        """Areas (k,) in square pixels: the mask's, or the box's where there is none, as COCO has them."""
        areas = geometry.box_areas(self.box)
        areas[self.shaped] = [
            geometry.rle_area(mask) if mask else area
            for mask, area in zip(self.masks(np.flatnonzero(self.shaped)), areas[self.shaped].tolist(), strict=True)
        ]
        return areas

    def sizes(self) -> dict[str, np.ndarray]:
        """Which are small, medium and large: bool (k,) each."""
        return {size: (self.areas >= low) & (self.areas < high) for size, (low, high) in SIZES.items()}

    def masks(self, at: np.ndarray) -> list[geometry.Rle | None]:
        """The masks of those at (p,); None where there is none, or only polygons in an image of unknown size."""
        some = self.items.take(pa.array(at))
        found: list[geometry.Rle | None] = []
        shapes = zip(some.field("mask").to_pylist(), some.field("polygons").to_pylist(), self.frame[at], strict=True)
        for mask, rings, (height, width) in shapes:
            if mask is None and rings and not np.isnan(height):
                mask = geometry.rings_to_rle(rings, int(height), int(width))
            found.append(mask)
        return found


def _pick(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """values[at], and NONE where at is."""
    picked = np.full(len(at), NONE)
    picked[at != NONE] = values[at[at != NONE]]
    return picked
