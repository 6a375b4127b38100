"""Captioning: texts about the image, and a brief one about each of its regions.

FLD-5B's brief, detailed and more detailed texts, and the second candidate for a region's label, which is a brief
text from captioning its crop (Xiao et al., arXiv 2311.06242, section 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.labels import add_labels, has_label
from engine.stage import Batch, ChainError, Outcome
from specialists.captioning.captioners import AUTO, FAMILIES, Caption, Captioner, family
from specialists.model import ModelStage

Granularity = Literal["brief", "detailed", "more_detailed"]
# At most so many; ours, some three times the mean lengths of FLD-5B's texts (8, 32 and 71 tokens).
TOKENS = {"brief": 32, "detailed": 96, "more_detailed": 224}
SLIVER = 20  # a crop that is longer than this many times its breadth gets broader; ours


@dataclass
class _Captions(ModelStage):
    """What both stages share: how the model is asked, and how it writes."""

    auto: ClassVar[str] = AUTO
    families: ClassVar[frozenset[str]] = frozenset(FAMILIES)  # and every chat model
    parts: ClassVar[tuple[str, ...]] = ("image processor", "tokenizer")
    asks: ClassVar[Mapping[str, str]]  # prompts for chat models, by granularity

    prompts: dict[str, str] = field(default_factory=dict)  # in place of ours or the family's
    num_beams: int = 1  # 1: greedy
    max_new_tokens: dict[str, int] = field(default_factory=dict)  # in place of TOKENS
    _captioners: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting, known in (("prompts", self.wanted()), ("max_new_tokens", records.GRANULARITIES)):
            for name in getattr(self, setting):
                if name not in known:
                    raise ChainError(f"{self.name}: {setting}: {name!r} is none of {', '.join(known)}")
        self.max_new_tokens = {**TOKENS, **self.max_new_tokens}
        if self.num_beams < 1 or min(self.max_new_tokens.values()) < 1:
            raise ChainError(f"{self.name}: num_beams and max_new_tokens must be at least 1")

    def wanted(self) -> Sequence[str]:
        """The granularities that it writes."""
        return ("brief",)

    def check(self) -> None:
        prompts = self._prompts(family(self.checkpoint, self.name))
        self.checkpoint.require(self.name, frozenset({self.checkpoint.family}), *self.parts)
        lacking = [granularity for granularity in self.wanted() if granularity not in prompts]
        if lacking:
            raise ChainError(
                f"{self.name}: {self.checkpoint.name} is a checkpoint of {self.checkpoint.family}, which writes "
                f"{', '.join(prompts)} texts, and no {' and no '.join(lacking)} ones. Take another checkpoint for "
                "them, or leave them to the large model or the aggregator"
            )
        self.check_loads()

    def open(self, cpus: int) -> None:
        super().open(cpus)
        kind = family(self.checkpoint, self.name)
        first = kind(self._model, self._processor, self._prompts(kind))
        self._captioners = SimpleQueue()
        self._captioners.put(first)
        for _ in range(1, cpus if self._device() == "cpu" else 1):
            self._captioners.put(first.replica())

    def write(self, images: Sequence[np.ndarray], granularity: str) -> list[Caption]:
        """A caption for each RGB image (height, width, 3); an empty text where the model had nothing to say."""
        tokens = self.max_new_tokens[granularity]

        def forward(group: Sequence[np.ndarray]) -> list[Caption]:
            captioner: Captioner = self._captioners.get()
            try:
                return captioner(group, granularity, tokens, self.num_beams)
            finally:
                self._captioners.put(captioner)

        return self.each(images, forward)

    def _prompts(self, kind: type[Captioner]) -> dict[str, str]:
        own = self.asks if kind.prompts is None else kind.prompts
        return {granularity: self.prompts.get(granularity, ask) for granularity, ask in own.items()}


@dataclass
class Captioning(_Captions):
    """Texts about the image, one of each granularity that the settings ask for."""

    name: ClassVar[str] = "captioning"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset(f"texts.{granularity}" for granularity in records.GRANULARITIES)
    asks: ClassVar[Mapping[str, str]] = {  # ours
        "brief": "Describe this image in one short sentence.",
        "detailed": "Describe what is shown in this image in two or three sentences.",
        "more_detailed": "Describe what is shown in this image in one detailed paragraph: the objects, what they "
        "look like, what they do, and where they are.",
    }

    granularities: tuple[Granularity, ...] = ("brief",)

    def __post_init__(self) -> None:
        super().__post_init__()
        asked = set(self.granularities)
        if not asked or len(asked) < len(self.granularities) or not asked <= {*records.GRANULARITIES}:
            raise ChainError(
                f"{self.name}: granularities must be some of {', '.join(records.GRANULARITIES)}, each once, "
                f"not {list(self.granularities)}"
            )

    def wanted(self) -> Sequence[str]:
        return self.granularities

    def gives(self) -> frozenset[str]:
        return frozenset(f"texts.{granularity}" for granularity in self.granularities)

    def __call__(self, batch: Batch) -> Outcome:
        new: list[list[dict[str, Any]]] = [[] for _ in range(len(batch))]
        taken = [{text["id"] for text in texts} for texts in batch.table["texts"].to_pylist()]  # another's may stand
        for granularity in self.granularities:
            left = self._unwritten(batch.table, granularity)
            captions = self.write([batch.pixels(row) for row in left], granularity)
            for row, (text, score) in zip(left, captions, strict=True):
                if text:
                    name = records.new_id(f"{self.name}.{granularity}", taken[row])
                    new[row].append(records.text(name, granularity, text, self.origin, score))
        return Outcome(records.append(batch.table, "texts", new))

    def _unwritten(self, table: pa.Table, granularity: str) -> list[int]:
        """The rows without a text of this granularity by this checkpoint."""
        rows, texts = records.flatten(table, "texts")
        said = [(text["granularity"], text["origin"]) for text in texts.to_pylist()]
        wanted = (granularity, self.origin.as_dict())
        ours = {row for row, text in zip(rows.tolist(), said, strict=True) if text == wanted}
        return [row for row in range(len(table)) if row not in ours]


@dataclass
class CropCaptioning(_Captions):
    """A brief label for each object and proposal that has none, from its crop with some of what is around it."""

    name: ClassVar[str] = "crop_captioning"
    reads: ClassVar[frozenset[str]] = frozenset({"image", "regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.labels", "regions.briefs"})
    asks: ClassVar[Mapping[str, str]] = {"brief": "Describe the main object in this image in one short phrase."}  # ours

    margin: float = 0.1  # of the region's sides, on each side; ours
    min_side: int = 16  # px; what is smaller is shown with more around it; ours
    max_regions: int = 100  # per image, the highest scores; what people drew has none and comes first; ours

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin < 0 or self.min_side < 1 or self.max_regions < 1:
            raise ChainError(f"{self.name}: margin must be at least 0, min_side and max_regions at least 1")

    def __call__(self, batch: Batch) -> Outcome:
        rows, regions = records.flatten(batch.table, "regions")
        at = _unlabelled(rows, regions, self.max_regions)
        boxes = regions.field("box").take(pa.array(at)).flatten().to_numpy().reshape(-1, 4)
        crops = [self._crop(batch.pixels(row), box) for row, box in zip(rows[at].tolist(), boxes.tolist(), strict=True)]
        captions = list(zip(at.tolist(), self.write(crops, "brief"), strict=True))
        labels = [records.label("brief", text, self.origin, score) for _, (text, score) in captions if text]
        return Outcome(add_labels(batch.table, [region for region, (text, _) in captions if text], labels))

    def _crop(self, pixels: np.ndarray, box: Sequence[float]) -> np.ndarray:
        """The part of an image (height, width, 3) that a box, x0 y0 x1 y1 in its pixels, and its margin touch."""
        height, width = pixels.shape[:2]
        x0, y0, x1, y1 = box
        least = max(self.min_side, math.ceil(max(x1 - x0, y1 - y0) * (1 + 2 * self.margin) / SLIVER))
        left, right = _reach(x0, x1, width, self.margin, least)
        top, bottom = _reach(y0, y1, height, self.margin, least)
        return pixels[top:bottom, left:right]


def _reach(low: float, high: float, length: int, margin: float, least: int) -> tuple[int, int]:
    """The pixels of an axis from low to high with their margin, and at least so many where there are as many."""
    around = margin * (high - low)
    start, end = max(0, math.floor(low - around)), min(length, math.ceil(high + around))
    lacking = least - (end - start)
    if lacking > 0:
        start = max(0, min(start - lacking // 2, length - least))
        end = min(length, start + least)
    return start, end


def _unlabelled(rows: np.ndarray, regions: pa.StructArray, most: int) -> np.ndarray:
    """Of the `most` best objects and proposals of each row, those without a brief label: numbers (m,), ascending."""
    score = np.nan_to_num(regions.field("score").to_numpy(zero_copy_only=False).astype(float), nan=np.inf)
    named = pc.not_equal(regions.field("kind"), "text").to_numpy(zero_copy_only=False)
    best = np.lexsort((-score, rows))
    best = best[named[best]]
    place = np.arange(len(best)) - np.searchsorted(rows[best], rows[best])
    best = np.sort(best[place < most])
    left: np.ndarray = best[~has_label(regions, "brief")[best]]
    return left
