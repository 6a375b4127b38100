"""Detection: the objects of an image as labelled boxes, or class-agnostic proposals.

Stands where FLD-5B used a detector for its region-text pairs (arXiv 2311.06242, section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, NamedTuple

import numpy as np

from engine import records
from engine.geometry import clip_boxes
from engine.stage import Batch, ChainError, Outcome
from specialists import tiles
from specialists.checkpoints import contents
from specialists.model import ModelStage

# What transformers calls a class that was given no name.
NAMELESS = ("", "n/a", "__background__", "no object")


class Found(NamedTuple):
    """What one look finds: boxes (n, 4) in pixels of the image, scores (n,), classes (n,), fragments bool (n,)."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    fragments: np.ndarray


@dataclass
class Detection(ModelStage):
    """Objects, each with its category as a phrase label, the highest score first.

    With `proposals`, the same boxes without their categories: regions of kind proposal. A class without a name gives
    an object without a label. Large images can be looked at in tiles too: see `specialists.tiles`.
    """

    name: ClassVar[str] = "detection"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object", "regions.proposal", "regions.labels"})
    auto: ClassVar[str] = "AutoModelForObjectDetection"
    families: ClassVar[frozenset[str]] = frozenset(
        {"d_fine", "deformable_detr", "detr", "rf_detr", "rt_detr", "rt_detr_v2", "yolos"}
    )
    torchvision: ClassVar[frozenset[str]] = frozenset({"rf_detr"})

    min_score: float = 0.05  # ours: curate decides what is good enough
    max_regions: int = 100  # per image; ours
    proposals: bool = False
    tile: int = 0  # px, side of a tile; 0: the whole image alone
    tile_overlap: float = 0.2  # of a tile's side, with its neighbour; ours

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.min_score <= 1 or self.max_regions < 1:
            raise ChainError(f"{self.name}: min_score must be in [0, 1] and max_regions at least 1")
        tiles.require(self.name, self.tile, self.tile_overlap)

    def check(self) -> None:
        settings = contents.read(self.checkpoint.folder / contents.CONFIG, self.name)
        backbone = settings.get("backbone_config") or {}
        if not isinstance(backbone, dict):
            raise ChainError(f"{self.name}: {self.checkpoint.folder}: config.json: backbone_config is no mapping")
        # As transformers has it: a backbone that a config names without its settings comes from timm.
        default = self.checkpoint.family in ("detr", "deformable_detr")
        named = not backbone and settings.get("use_timm_backbone", default)
        if (named or backbone.get("model_type") == "timm_backbone") and find_spec("timm") is None:
            raise ChainError(
                f"{self.name}: {self.checkpoint.name} has a backbone from timm, which is not installed: pip install "
                "timm, or take a revision without it (facebook/detr-resnet-50@no_timm, say)"
            )
        super().check()

    def gives(self) -> frozenset[str]:
        return frozenset({"regions.proposal"} if self.proposals else {"regions.object", "regions.labels"})

    def __call__(self, batch: Batch) -> Outcome:
        views = [view for row in range(len(batch)) for view in tiles.views(batch, row, self.tile, self.tile_overlap)]
        found: list[list[Found]] = [[] for _ in range(len(batch))]
        for view, result in zip(views, self.each(views, self._look), strict=True):
            found[view.row].append(result)
        return Outcome(records.append(batch.table, "regions", [self._regions(parts) for parts in found]))

    def _look(self, views: Sequence[tiles.View]) -> list[Found]:
        """What one forward pass finds in each view."""
        images = [tiles.broad(view.pixels) for view in views]
        # An image may be three pixels high, and must not be taken for three channels.
        inputs = self._processor(images=images, input_data_format="channels_last", return_tensors="pt")
        output = self._model(**self.place(inputs))
        if not (output.logits.isfinite().all() and output.pred_boxes.isfinite().all()):
            raise self.no_numbers("scores or boxes")
        sizes = [image.shape[:2] for image in images]
        results = self._processor.post_process_object_detection(output, threshold=self.min_score, target_sizes=sizes)
        return [self._found(view, result) for view, result in zip(views, results, strict=True)]

    def _found(self, view: tiles.View, result: dict[str, Any]) -> Found:
        boxes, scores, classes = (result[name].float().cpu().numpy() for name in ("boxes", "scores", "labels"))
        height, width = view.pixels.shape[:2]
        boxes = (clip_boxes(boxes, width, height) + np.tile(view.window[:2], 2)).astype(np.float32)
        kept = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
        found = boxes[kept], scores[kept], classes[kept].astype(np.int64)
        return Found(*found, tiles.cut(found[0], view.window, *view.size))

    def _regions(self, parts: Sequence[Found]) -> list[dict[str, Any]]:
        """One image's regions, from all looks at it."""
        found = Found(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        at = np.arange(len(found.boxes))
        if len(parts) > 1:
            groups = np.zeros_like(found.classes) if self.proposals else found.classes
            looks = np.repeat(np.arange(len(parts)), [len(part.boxes) for part in parts])
            at = tiles.settle(found.boxes, found.scores, groups, found.fragments, looks)
        best = at[np.argsort(-found.scores[at], kind="stable")][: self.max_regions]
        return [self._region(place, found, at) for place, at in enumerate(best.tolist())]

    def _region(self, place: int, found: Found, at: int) -> dict[str, Any]:
        score = min(float(found.scores[at]), 1.0)
        category = str(self._model.config.id2label.get(int(found.classes[at]), ""))
        named = not self.proposals and category.casefold() not in NAMELESS
        labels = [records.label("phrase", category, self.origin, score)] if named else []
        return records.region(
            f"{self.name}.{place}", "proposal" if self.proposals else "object", found.boxes[at].tolist(), self.origin,
            score=score, labels=labels, best=0 if named else None,
        )  # fmt: skip
