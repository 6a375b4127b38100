"""Looking for phrases in images: what both stages that ground share, from phrases to regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar, NamedTuple

import numpy as np

from engine import records
from engine.stage import Batch, ChainError
from specialists import tiles
from specialists.grounding import sightings
from specialists.grounding.grounders import FAMILIES, Grounder, Sight, grounder
from specialists.grounding.passes import Pass, Query
from specialists.grounding.sightings import Seen, Sightings
from specialists.model import ModelStage

Regions = list[dict[str, Any]]


class Look(NamedTuple):
    """What one forward pass does to one image, or to a tile of it."""

    view: tiles.View
    asked: Pass


class Found(NamedTuple):
    """What an image has of the k phrases that it was asked for."""

    seen: list[Seen]
    scores: list[float | None]  # (k,): the best that each had with any box; None for one that cannot be asked


class _Part(NamedTuple):
    """What is believed of one look, in pixels of the image."""

    window: tuple[int, ...]  # x0, y0, x1, y1: what was looked at
    pairs: Sightings
    scores: dict[int, float]  # the best of each phrase that was asked for, by its number
    fragments: np.ndarray  # bool (n,): which boxes are cut off by a tile's border


@dataclass
class Looking(ModelStage):
    """A stage that asks a grounding model for phrases."""

    auto: ClassVar[str] = "AutoModelForZeroShotObjectDetection"
    families: ClassVar[frozenset[str]] = FAMILIES
    parts: ClassVar[tuple[str, ...]] = ("image processor", "tokenizer")

    min_score: float = 0.1  # of a box with the best of its phrases; ours: curate decides what is good enough
    min_phrase_score: float = 0.1  # of a box with any phrase that becomes a label of it; ours
    max_boxes: int = 20  # of one phrase in an image; ours
    nms_iou: float = 0.7  # of two boxes of one phrase that overlap more the better one stays; ours
    tile: int = 0  # px, side of a tile; 0: the whole image alone
    tile_overlap: float = 0.2  # of a tile's side, with its neighbour; ours
    _grounder: Grounder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting in ("min_score", "min_phrase_score", "nms_iou"):
            if not 0 <= getattr(self, setting) <= 1:
                raise ChainError(f"{self.name}: {setting} must be in [0, 1], not {getattr(self, setting)}")
        if self.max_boxes < 1:
            raise ChainError(f"{self.name}: max_boxes must be at least 1, not {self.max_boxes}")
        tiles.require(self.name, self.tile, self.tile_overlap)

    def open(self, cpus: int) -> None:
        super().open(cpus)
        self._grounder = grounder(self._model, self._processor, self.place)

    def _found(self, batch: Batch, queries: Sequence[Sequence[Query]]) -> list[Found]:
        """What each image has of what it is asked for."""
        looks = [
            Look(view, asked)
            for row, each in enumerate(queries)
            if (passes := self._grounder.passes(each))
            for view in tiles.views(batch, row, self.tile, self.tile_overlap)
            for asked in passes
        ]
        # Neighbours are padded to one size, which costs time and shifts Grounding DINO's scores: alike go together.
        looks.sort(key=lambda look: look.view.pixels.shape[1] / look.view.pixels.shape[0])
        parts: list[list[_Part]] = [[] for _ in queries]
        for look, result in zip(looks, self.each(looks, self._look), strict=True):
            parts[look.view.row].append(result)
        return [self._settled(part, len(each)) for part, each in zip(parts, queries, strict=True)]

    def _look(self, looks: Sequence[Look]) -> list[_Part]:
        images = [tiles.broad(look.view.pixels) for look in looks]
        sights = self._grounder.look(images, [look.asked for look in looks])
        if not all(np.isfinite(sight.boxes).all() and np.isfinite(sight.scores).all() for sight in sights):
            raise self.no_numbers("scores or boxes")
        return [self._part(look, sight) for look, sight in zip(looks, sights, strict=True)]

    def _part(self, look: Look, sight: Sight) -> _Part:
        view, asked = look
        pairs = sightings.believed(sight.boxes, sight.scores, asked.numbers, self.min_phrase_score)
        pairs = sightings.best(sightings.inside(pairs, view.window), self.nms_iou, self.max_boxes)
        scores = dict(zip(asked.numbers, sight.scores.max(axis=0).tolist(), strict=True))
        return _Part(tuple(view.window.tolist()), pairs, scores, tiles.cut(pairs.boxes, view.window, *view.size))

    def _settled(self, parts: Sequence[_Part], phrases: int) -> Found:
        """Of one image, from all looks at it, for so many phrases."""
        pairs = sightings.together([part.pairs for part in parts])
        windows = list(dict.fromkeys(part.window for part in parts))
        if len(windows) > 1:
            fragments = np.concatenate([part.fragments for part in parts])
            looks = np.repeat([windows.index(part.window) for part in parts], [len(part.fragments) for part in parts])
            pairs = pairs.only(tiles.settle(pairs.boxes, pairs.scores, pairs.phrases, fragments, looks))
            pairs = sightings.best(pairs, self.nms_iou, self.max_boxes)
        scores: list[float | None] = [
            max((part.scores[number] for part in parts if number in part.scores), default=None)
            for number in range(phrases)
        ]
        return Found(sightings.regions(pairs, self.min_score), scores)

    def _regions(
        self, seen: Sequence[Seen], names: Sequence[Sequence[str]], ids: Iterator[str]
    ) -> list[dict[str, Any]]:
        """Regions to be written; `names` (k,) are what each phrase is called as a label, one way or several."""
        return [
            records.region(
                next(ids), "object", each.box, self.origin, score=each.score, best=0,
                labels=[
                    records.label("phrase", name, self.origin, score)
                    for number, score in each.phrases.items() for name in names[number]
                ],
            )
            for each in seen
        ]  # fmt: skip

    def _ids(self, batch: Batch) -> list[Iterator[str]]:
        """New ids for each image's regions."""
        rows, regions = records.flatten(batch.table, "regions")
        taken = set(zip(rows.tolist(), regions.field("id").to_pylist(), strict=True))

        def free(row: int) -> Iterator[str]:
            return (name for name in map(f"{self.name}.{{}}".format, count()) if (row, name) not in taken)

        return [free(row) for row in range(len(batch))]
