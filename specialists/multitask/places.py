"""The multitask model as detector of objects, and as reader of what is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from engine import records
from engine.stage import Batch, ChainError, Outcome
from florence.codec import Box, Quad, Task
from florence.predict import Answer, Scored
from specialists.captioning.captioners import clean
from specialists.multitask.asking import Multitask, has_area, require_some


@dataclass
class MultitaskDetection(Multitask):
    """Objects with their category or their description, and class-agnostic proposals: what the settings ask for."""

    name: ClassVar[str] = "multitask_detection"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset(
        {"regions.object", "regions.proposal", "regions.labels", "regions.briefs"}
    )

    tasks: tuple[Literal["OD", "DENSE_REGION_CAPTION", "REGION_PROPOSAL"], ...] = ("OD",)
    min_score: float = 0.0  # ours: curate decides what is good enough
    max_regions: int = 100  # per image and task; ours

    def __post_init__(self) -> None:
        super().__post_init__()
        require_some(self.name, "tasks", self.tasks, list(_FOUND))
        if not 0 <= self.min_score <= 1 or self.max_regions < 1:
            raise ChainError(f"{self.name}: min_score must be in [0, 1] and max_regions at least 1")

    def gives(self) -> frozenset[str]:
        return frozenset(part for task in self.tasks for part in _FOUND[task].gives)

    def __call__(self, batch: Batch) -> Outcome:
        answers = self.ask(batch, [[(Task(task), ()) for task in self.tasks]] * len(batch))
        return Outcome(records.append(batch.table, "regions", list(map(self._regions, answers, self._ids(batch)))))

    def _regions(self, answers: Sequence[Answer], ids: Iterator[str]) -> list[dict[str, Any]]:
        """One image's regions, the best first."""
        made = []
        for task, answer in zip(self.tasks, answers, strict=True):
            good = [each for each in answer.items if each.believed >= self.min_score and has_area(each.item)]
            best = sorted(good, key=lambda each: -each.believed)[: self.max_regions]
            made += [self._region(each, _FOUND[task], ids) for each in best]
        return made

    def _region(self, found: Scored, kind: _Found, ids: Iterator[str]) -> dict[str, Any]:
        assert isinstance(found.item, Box)
        text = clean(found.item.text)
        labels = [records.label(kind.label, text, self.origin, found.label_score)] if kind.label and text else []
        return records.region(
            next(ids), kind.kind, found.item.box, self.origin, score=found.score, labels=labels,
            best=0 if labels else None,
        )  # fmt: skip


class _Found(NamedTuple):
    """What a task's boxes are: the kind of region, their labels' granularity, the parts of the record."""

    kind: str
    label: str
    gives: tuple[str, ...]


_FOUND = {
    "OD": _Found("object", "phrase", ("regions.object", "regions.labels")),
    "DENSE_REGION_CAPTION": _Found("object", "brief", ("regions.object", "regions.labels", "regions.briefs")),
    "REGION_PROPOSAL": _Found("proposal", "", ("regions.proposal",)),
}


@dataclass
class MultitaskOcr(Multitask):
    """Every written line as a text region with its quad, in the order in which the model reads them."""

    name: ClassVar[str] = "multitask_ocr"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.text"})

    min_score: float = 0.0  # of a line's letters; ours

    def __call__(self, batch: Batch) -> Outcome:
        answers = self.ask(batch, [[(Task.OCR_WITH_REGION, ())]] * len(batch))
        new = [
            [line for each in here[0].items if (line := self._line(each, ids))]
            for here, ids in zip(answers, self._ids(batch), strict=True)
        ]
        return Outcome(records.append(batch.table, "regions", new))

    def _line(self, found: Scored, ids: Iterator[str]) -> dict[str, Any] | None:
        assert isinstance(found.item, Quad)
        quad, text = np.array(found.item.quad, np.float32), clean(found.item.text)
        box = [*quad.reshape(4, 2).min(axis=0).tolist(), *quad.reshape(4, 2).max(axis=0).tolist()]
        if not text or (found.label_score or 0) < self.min_score or not has_area(Box("", tuple(box))):
            return None
        label = records.label("ocr", text, self.origin, found.label_score)
        return records.region(
            next(ids), "text", box, self.origin, score=found.score, labels=[label], best=0, quad=quad.tolist()
        )
