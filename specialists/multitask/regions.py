"""The multitask model asked about regions: a mask for each, and labels by its box in the whole image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa

from engine import records
from engine.geometry import rings_to_rle, rle_area
from engine.labels import add_labels
from engine.stage import Batch, ChainError, Outcome
from florence.codec import Box, Outline, Task
from florence.predict import Answer
from specialists.multitask.asking import Multitask, require_some, said


@dataclass
class _OnRegions(Multitask):
    """What asks about regions: the best of each image, human ones first, which have no score."""

    max_regions: int = 100  # per image; ours

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_regions < 1:
            raise ChainError(f"{self.name}: max_regions must be at least 1")

    def tasks_of(self, region: Mapping[str, Any]) -> Sequence[Task]:
        """What is asked about a region."""
        raise NotImplementedError

    def answered(self, batch: Batch) -> Iterator[tuple[int, int, Answer]]:
        """The number of each region that was asked about, over all of them, its row, and the answer."""
        first, wishes, numbers = 0, [], []
        for regions in batch.table["regions"].to_pylist():
            score = [np.inf if region["score"] is None else region["score"] for region in regions]
            best = sorted(np.argsort(-np.array(score), kind="stable")[: self.max_regions].tolist())
            asked = [(first + at, task, regions[at]["box"]) for at in best for task in self.tasks_of(regions[at])]
            wishes.append([(task, (Box("", tuple(box)),)) for _, task, box in asked])
            numbers.append([number for number, _, _ in asked])
            first += len(regions)
        for row, answers in enumerate(self.ask(batch, wishes)):
            yield from ((number, row, each) for number, each in zip(numbers[row], answers, strict=True))


@dataclass
class MultitaskSegmentation(_OnRegions):
    """A mask for each region of these kinds that has none, and its outline: what the model says is in its box."""

    name: ClassVar[str] = "multitask_segmentation"
    reads: ClassVar[frozenset[str]] = frozenset({"image", "regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.masks"})

    kinds: tuple[Literal["object", "text", "proposal"], ...] = ("object",)  # ours

    def tasks_of(self, region: Mapping[str, Any]) -> Sequence[Task]:
        shaped = region["mask"] is not None or region["polygons"] is not None
        wanted = region["kind"] in self.kinds and not region["crowd"] and not shaped
        return (Task.REGION_TO_SEGMENTATION,) if wanted else ()

    def __call__(self, batch: Batch) -> Outcome:
        _, regions = records.flatten(batch.table, "regions")
        masks, polygons = (regions.field(name).to_pylist() for name in ("mask", "polygons"))
        sizes = list(zip(*(batch.table[name].to_pylist() for name in ("height", "width")), strict=True))
        found = False
        for number, row, answer in self.answered(batch):
            rings = [ring for each in answer.items if isinstance(each.item, Outline) for ring in each.item.polygons]
            mask = rings_to_rle(rings, *sizes[row])
            if rle_area(mask):
                masks[number], polygons[number], found = mask, [list(ring) for ring in rings], True
        if not found:
            return Outcome(batch.table)
        mask_type, polygons_type = (regions.field(name).type for name in ("mask", "polygons"))
        made = {"mask": pa.array(masks, mask_type), "polygons": pa.array(polygons, polygons_type)}
        return Outcome(records.amend(batch.table, "regions", **made))


@dataclass
class MultitaskCropCaptioning(_OnRegions):
    """Labels for each region that lacks them, by its box in the whole image: description, category, writing."""

    name: ClassVar[str] = "multitask_crop_captioning"
    reads: ClassVar[frozenset[str]] = frozenset({"image", "regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.labels", "regions.briefs"})

    tasks: tuple[Literal["REGION_TO_DESCRIPTION", "REGION_TO_CATEGORY", "REGION_TO_OCR"], ...] = (
        "REGION_TO_DESCRIPTION",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require_some(self.name, "tasks", self.tasks, list(_TOLD))

    def gives(self) -> frozenset[str]:
        brief = {"regions.briefs"} if "REGION_TO_DESCRIPTION" in self.tasks else set()
        return frozenset({"regions.labels", *brief})

    def tasks_of(self, region: Mapping[str, Any]) -> Sequence[Task]:
        has = {label["granularity"] for label in region["labels"]}
        return [Task(task) for task in self.tasks if region["kind"] in _TOLD[task][1] and _TOLD[task][0] not in has]

    def __call__(self, batch: Batch) -> Outcome:
        at, labels = [], []
        for number, _, answer in self.answered(batch):
            text, score = said(answer)
            if text:
                at.append(number)
                labels.append(records.label(_TOLD[answer.task][0], text, self.origin, score))
        return Outcome(add_labels(batch.table, at, labels))


# The granularity of what each task says of a region, and the kinds of regions that it is asked about.
_TOLD = {
    "REGION_TO_DESCRIPTION": ("brief", ("object", "proposal")),
    "REGION_TO_CATEGORY": ("phrase", ("object", "proposal")),
    "REGION_TO_OCR": ("ocr", ("text",)),
}
