"""Scoring: how well each text, label and phrase fits the pixels that it is about, and each region's best label.

Plays Florence-1's part in FLD-5B: of a region's category, of the brief text of its crop and of that text's noun
chunks, the one that is most similar to the region's crop becomes its label (Xiao et al., arXiv 2311.06242,
section 4.2). Every candidate keeps its similarity, so that curate can choose anew. What is measured:

- CLIP: the cosine of the two embeddings, 0 where it is below. CLIPScore (Hessel et al., arXiv 2104.08718)
  without its factor of 2.5 and its prefix.
- SigLIP (Zhai et al., arXiv 2303.15343): sigmoid(scale * cosine + bias), the model's own probability that the
  two belong together.

So a threshold goes with the model that it was set for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from engine.stage import Batch, ChainError, Outcome, Resources
from specialists.model import ModelStage
from specialists.scoring.asking import Asked


@dataclass
class Scoring(ModelStage):
    """Scores what has no similarity yet, a person's annotations too; then chooses among all labels of a region.

    A region with a label by a person keeps its choice. Text regions and what OCR read are not scored. A phrase's
    similarity is that of the best of its regions. A text that is longer than the model's window is cut off there.
    """

    name: ClassVar[str] = "scoring"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"texts", "regions.best", "phrases"})
    auto: ClassVar[str] = "AutoModelForZeroShotImageClassification"
    families: ClassVar[frozenset[str]] = frozenset({"clip", "siglip", "siglip2"})
    parts: ClassVar[tuple[str, ...]] = ("image processor", "tokenizer")

    margin: float = 0.1  # around a region's box, on each side, as a share of that side; ours
    together: int = 16  # crops, or texts, in one forward pass; ours
    resources: Resources = field(default_factory=lambda: Resources(batch_size=16))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.margin <= 10:
            raise ChainError(f"{self.name}: margin must be in [0, 10]")

    def gives(self) -> frozenset[str]:
        return frozenset({"regions.best"})

    def check(self) -> None:
        super().check()
        path = self.checkpoint.folder / "tokenizer_config.json"
        named = json.loads(path.read_text(encoding="utf-8")).get("tokenizer_class") if path.is_file() else None
        if named == "SiglipTokenizer" and find_spec("sentencepiece") is None:
            raise ChainError(
                f"{self.name}: the tokenizer of {self.checkpoint.name} wants sentencepiece: pip install sentencepiece "
                "protobuf, or take a checkpoint of SigLIP 2"
            )

    def open(self, cpus: int) -> None:
        super().open(cpus)
        self._tokens(["a"])  # a tokenizer keeps how it pads and cuts: set here, before several threads share it

    def __call__(self, batch: Batch) -> Outcome:
        asked = Asked(batch.table)
        if not len(asked):
            return Outcome(asked.chosen(batch.table))
        crops = [_crop(batch.pixels(row), box, self.margin) for row, box in asked.views]
        images = np.stack(self.each(crops, self._see))
        texts = np.stack(self.each(asked.phrasings, self._read))
        cosine = np.einsum("nd,nd->n", images[asked.view], texts[asked.phrasing])
        if not np.isfinite(cosine).all():
            raise ValueError(f"{self.checkpoint.name} gives embeddings that are no numbers")
        return Outcome(asked.answered(batch.table, self._similarity(cosine)))

    def _see(self, crops: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Unit vectors (d,) of RGB crops, each (height, width, 3)."""
        prepare = self._processor.image_processor
        whole: dict[str, Any] = {}
        if getattr(prepare, "do_center_crop", False):
            # The ends of a long object would be cut off. ViLD (arXiv 2104.13921) scales crops so too.
            height, width = prepare.crop_size["height"], prepare.crop_size["width"]
            whole = {"do_center_crop": False, "size": {"height": height, "width": width}}
        # A crop may be three pixels high, and must not be taken for three channels.
        inputs = prepare(images=list(crops), input_data_format="channels_last", return_tensors="pt", **whole)
        return _units(self._model.get_image_features(**self.place(inputs)))

    def _read(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Unit vectors (d,) of texts."""
        return _units(self._model.get_text_features(**self._tokens(texts).to(self._model.device)))

    def _tokens(self, texts: Sequence[str]) -> Any:
        """What the text tower takes: longer texts are cut at its window."""
        window = self._model.config.text_config.max_position_embeddings
        tokenize, cut = self._processor.tokenizer, {"truncation": True, "max_length": window, "return_tensors": "pt"}
        if self.checkpoint.family == "clip":
            return tokenize(list(texts), padding=True, **cut)
        # Trained on lower case, which not every public tokenizer sees to, padded to the full and without a mask.
        tokens = tokenize([text.lower() for text in texts], padding="max_length", **cut)
        return type(tokens)({"input_ids": tokens["input_ids"]})

    def _similarity(self, cosine: np.ndarray) -> np.ndarray:
        """In [0, 1] (n,), of cosines (n,)."""
        if self.checkpoint.family == "clip":
            return np.clip(cosine, 0, 1)
        scale, bias = (float(self._model.get_parameter(name)) for name in ("logit_scale", "logit_bias"))
        # As exponents of what is never above 0, so that nothing overflows.
        logit = np.exp(scale) * cosine.astype(np.float64) + bias
        small = np.exp(-np.abs(logit))
        return np.where(logit < 0, small, 1) / (1 + small)


def _crop(pixels: np.ndarray, box: np.ndarray | None, margin: float) -> np.ndarray:
    """The part of an image (height, width, 3) inside a box (4,) with a margin; all of it without a box."""
    if box is None:
        return pixels
    around = margin * np.tile(box[2:] - box[:2], 2) * (-1, -1, 1, 1)
    left, top, right, bottom = box.astype(np.float64) + around
    rows = slice(max(int(np.floor(top)), 0), int(np.ceil(bottom)))
    return pixels[rows, max(int(np.floor(left)), 0) : int(np.ceil(right))]


def _units(output: Any) -> list[np.ndarray]:
    """The pooled features, each float32 (d,) of length 1."""
    features = output.pooler_output.float()
    return list((features / features.norm(dim=-1, keepdim=True)).cpu().numpy())
