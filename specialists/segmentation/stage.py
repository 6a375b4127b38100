"""Segmentation: a mask for each region's box, as COCO run-length code and as polygons.

Segment Anything (Kirillov et al., arXiv 2304.02643) and its kin, prompted with the box: of the masks that it
offers, the one whose overlap with the truth it believes to be the highest. FLD-5B uses SAM in the same place,
for a mask of each box of a phrase (Xiao et al., arXiv 2311.06242, section 4.2); here every object gets one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from engine import records
from engine.stage import Batch, ChainError, Outcome
from specialists import tiles
from specialists.model import ModelStage
from specialists.segmentation.enlarging import Frame, Shape


@dataclass
class Segmentation(ModelStage):
    """A mask for each region of these kinds that has neither mask nor polygons, human ones too: their box stays.

    A crowd region gets none, since its box stands around many things. An empty mask is not written.
    """

    name: ClassVar[str] = "segmentation"
    reads: ClassVar[frozenset[str]] = frozenset({"image", "regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.masks"})
    auto: ClassVar[str] = "AutoModelForMaskGeneration"
    families: ClassVar[frozenset[str]] = frozenset({"sam", "sam_hq", "sam2", "sam2_video", "sam3_tracker"})
    torchvision: ClassVar[frozenset[str]] = frozenset({"sam2", "sam2_video", "sam3_tracker"})

    kinds: tuple[str, ...] = ("object",)  # ours: a proposal that nobody named is rarely worth its mask
    # How far an outline may be simplified, as a share of the image's longer side, but a pixel at least; 0 = not at
    # all. Ours: what one location token of Florence-2 spans.
    tolerance: float = 0.001
    boxes: int = 32  # in one pass of the mask decoder; ours

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kinds = tuple(self.kinds)
        unknown = sorted(set(self.kinds) - set(records.REGION_KINDS))
        if unknown:
            raise ChainError(f"{self.name}: there is no kind {unknown[0]!r}; there are {records.REGION_KINDS}")
        if not 0 <= self.tolerance < 1 or self.boxes < 1:
            raise ChainError(f"{self.name}: tolerance must be in [0, 1) and boxes at least 1")

    def __call__(self, batch: Batch) -> Outcome:
        rows, regions = records.flatten(batch.table, "regions")
        at = np.flatnonzero(self._wanted(regions))
        boxes = regions.field("box").flatten().to_numpy().reshape(-1, 4)[at]
        images = np.unique(rows[at]).tolist()
        asked = [(batch.pixels(row), boxes[rows[at] == row]) for row in images]
        shapes = [shape for found in self.each(asked, self._segment) for shape in found]
        if not any(shapes):
            return Outcome(batch.table)
        masks = [shape and shape.mask for shape in shapes]
        polygons = [shape and [ring.ravel().astype(np.float32) for ring in shape.rings] for shape in shapes]
        return Outcome(
            records.amend(
                batch.table, "regions", mask=_put(regions.field("mask"), at, masks),
                polygons=_put(regions.field("polygons"), at, polygons),
            )
        )  # fmt: skip

    def _wanted(self, regions: pa.StructArray) -> np.ndarray:
        """Which regions (n,) get a mask."""
        kind, crowd = (np.asarray(regions.field(name).to_pylist(), object) for name in ("kind", "crowd"))
        return np.isin(kind, self.kinds) & (crowd != True) & ~records.shaped(regions)  # noqa: E712  (null is not True)

    def _segment(self, asked: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[list[Shape | None]]:
        """A shape for each box: of upright RGB images (height, width, 3), each with boxes (n, 4) in its pixels."""
        images = [np.array(tiles.broad(image)) for image, _ in asked]  # torch warns of what it may not write to
        prepare = self._processor.image_processor
        inputs = prepare(images=images, input_data_format="channels_last", return_tensors="pt")
        embeddings = self._model.get_image_embeddings(self.place(inputs)["pixel_values"])
        square = tuple(inputs["pixel_values"].shape[-2:])
        # SAM keeps an image's proportions and pads it to the square, its successors stretch it.
        filled, padded = [square] * len(asked), None
        if "reshaped_input_sizes" in inputs:
            filled, padded = [tuple(size) for size in inputs["reshaped_input_sizes"].tolist()], square
        return [
            self._shapes(_one(embeddings, place), boxes, Frame(image.shape[:2], filled[place], padded, shown.shape[:2]))
            for place, ((image, boxes), shown) in enumerate(zip(asked, images, strict=True))
        ]

    def _shapes(self, embeddings: Any, boxes: np.ndarray, frame: Frame) -> list[Shape | None]:
        """The image is embedded once: only the light mask decoder runs for every chunk of boxes."""
        found: list[Shape | None] = []
        for start in range(0, len(boxes), self.boxes):
            logits = self._decode(embeddings, frame.prompts(boxes[start : start + self.boxes]))
            found += frame.shapes(logits, self.tolerance)
        return found

    def _decode(self, embeddings: Any, prompts: np.ndarray) -> Any:
        """The logits (n, h, w) of the best mask for each box (n, 4), which is in pixels of the square."""
        import torch

        known = {"image_embeddings": embeddings}
        if self.checkpoint.family == "sam_hq":
            known = {"image_embeddings": embeddings[0], "intermediate_embeddings": embeddings[1]}
        boxes = torch.tensor(prompts[None], dtype=torch.float32, device=self._model.device)
        output = self._model(**known, input_boxes=boxes, multimask_output=True)
        best = output.iou_scores[0].argmax(dim=-1)
        logits = output.pred_masks[0, torch.arange(len(prompts), device=best.device), best].float()
        if not (output.iou_scores.isfinite().all() and logits.isfinite().all()):
            raise self.no_numbers("masks")
        return logits


def _one(embeddings: Any, place: int) -> Any:
    """One image's part of what the vision encoder made of several: tensors, alone or nested in lists."""
    if isinstance(embeddings, (list, tuple)):
        return [_one(part, place) for part in embeddings]
    return embeddings[place : place + 1]


def _put(old: pa.Array, at: np.ndarray, new: Sequence[Any]) -> pa.Array:
    """An array (n,) with its items at (m,) exchanged."""
    source = np.arange(len(old))
    source[at] = len(old) + np.arange(len(new))
    return pa.concat_arrays([old, pa.array(new, old.type)]).take(pa.array(source))
