"""The models that ground phrases: what each is asked, and what its numbers mean, in one form for all.

Boxes come back in pixels of the image that was looked at, and a score in [0, 1] for every box with every phrase. The
processors' own post-processing is not used: it makes labels from single tokens above a threshold, so that those of
neighbouring phrases run together and parts of others are lost.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from specialists.grounding.passes import Pass, Query, lines, marks_of, sentences, tokenised


class Sight(NamedTuple):
    """What a model sees in one image, whatever it believes of it; not finite where its numbers are none."""

    boxes: np.ndarray  # (n, 4) x0, y0, x1, y1 in pixels of the image, float32; may reach over its border
    scores: np.ndarray  # (n, k) float32 in [0, 1]: of each box with each phrase of the pass


class Grounder(ABC):
    """One family of models."""

    families: ClassVar[frozenset[str]]

    def __init__(self, model: Any, processor: Any, place: Callable[[Any], Any]) -> None:
        self._model, self._images, self._tokenizer = model, processor.image_processor, processor.tokenizer
        self._place, self._marks = place, marks_of(self._tokenizer)

    def queries(self, phrases: Sequence[str], definitions: Mapping[str, str] | None = None) -> list[Query]:
        """Phrases (k,) as tokens, with definitions of some of them."""
        behind = [(definitions or {}).get(phrase, "") for phrase in phrases]
        return tokenised(self._tokenizer, phrases, behind, self._marks)

    def _prepared(self, images: Sequence[np.ndarray]) -> Any:
        # An image may be three pixels high, and must not be taken for three channels.
        return self._images(images=list(images), input_data_format="channels_last", return_tensors="pt")

    @abstractmethod
    def passes(self, queries: Sequence[Query]) -> list[Pass]:
        """All that has to be asked of an image to hear of each phrase."""

    @abstractmethod
    def look(self, images: Sequence[np.ndarray], passes: Sequence[Pass]) -> list[Sight]:
        """One forward pass over RGB images (height, width, 3) of any sizes, each asked a pass of its own."""


class Dino(Grounder):
    """Grounding DINO (Liu et al., arXiv 2303.05499) and MM-Grounding-DINO: a score for each token of one text.

    A phrase's score is the mean over its tokens, as GLIP (arXiv 2112.03857) and MM-Grounding-DINO
    compute it. With the greatest instead, one shared word would do: "a man in a blue shirt" for any shirt.
    """

    families = frozenset({"grounding-dino", "mm-grounding-dino"})

    def passes(self, queries: Sequence[Query]) -> list[Pass]:
        own = self._tokenizer
        stop = own.convert_tokens_to_ids(".")
        return sentences(queries, self._model.config.max_text_len, own.cls_token_id, stop, own.sep_token_id)

    def look(self, images: Sequence[np.ndarray], passes: Sequence[Pass]) -> list[Sight]:
        inputs = self._prepared(images)
        inputs.update(padded([each.texts[0] for each in passes], self._tokenizer.pad_token_id))
        output = self._model(**self._place(inputs))
        tokens = certainty(output.logits)
        boxes = output.pred_boxes.float().cpu().numpy()
        return [
            Sight(
                corners(box, image.shape[1], image.shape[0]),
                np.stack([score[:, start:end].mean(axis=1) for start, end in each.spans], axis=1),
            )
            for image, each, box, score in zip(images, passes, boxes, tokens, strict=True)
        ]


class Owl(Grounder):
    """OWL-ViT (Minderer et al., arXiv 2205.06230) and OWLv2 (arXiv 2306.09683): a score for each phrase.

    The boxes do not depend on what is asked, so an image is encoded once for any number of phrases.
    """

    families = frozenset({"owlvit", "owlv2"})

    def passes(self, queries: Sequence[Query]) -> list[Pass]:
        own = self._tokenizer
        window = self._model.config.text_config.max_position_embeddings
        return lines(queries, window, own.bos_token_id, own.eos_token_id)

    def look(self, images: Sequence[np.ndarray], passes: Sequence[Pass]) -> list[Sight]:
        inputs = self._place(self._prepared(images))
        grid = self._model.image_embedder(pixel_values=inputs["pixel_values"])[0]
        patches = grid.flatten(1, 2)
        boxes = self._model.box_predictor(patches, grid).float().cpu().numpy()
        texts = list(dict.fromkeys(text for each in passes for text in each.texts))
        place, embeds = {text: i for i, text in enumerate(texts)}, self._embedded(texts)
        sights = []
        for i, (image, each) in enumerate(zip(images, passes, strict=True)):
            asked = embeds[[place[text] for text in each.texts]]
            logits = self._model.class_predictor(patches[i : i + 1], asked[None])[0][0]
            sights.append(Sight(corners(boxes[i], *self._extent(image)), certainty(logits)))
        return sights

    def _embedded(self, texts: Sequence[tuple[int, ...]]) -> Any:
        """A vector (k, width) for each text."""
        core = getattr(self._model, self._model.config.model_type)
        inputs = self._place(padded(texts, self._tokenizer.pad_token_id))
        found = core.text_model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        return core.text_projection(found.pooler_output)

    def _extent(self, image: np.ndarray) -> tuple[int, int]:
        """Width and height, in pixels of the image, of what its normalised boxes refer to."""
        height, width = image.shape[:2]
        # OWLv2 fills the image up to a square, to the right and below; OWL-ViT stretches it.
        side = max(height, width)
        return (side, side) if self._model.config.model_type == "owlv2" else (width, height)


FAMILIES = Dino.families | Owl.families


def grounder(model: Any, processor: Any, place: Callable[[Any], Any]) -> Grounder:
    """The one for a model of these families; `place` puts a processor's tensors where the model is."""
    kind = Dino if model.config.model_type in Dino.families else Owl
    return kind(model, processor, place)


def certainty(logits: Any) -> np.ndarray:
    """Logits as float32 in [0, 1]. NaN where one is infinite, as a precision that overflows makes them, and padding."""
    found: np.ndarray = logits.float().sigmoid().where(logits.isfinite(), float("nan")).cpu().numpy()
    return found


def padded(texts: Sequence[tuple[int, ...]], pad: int) -> Any:
    """Token sequences as input_ids, attention_mask and token_type_ids, each (k, length of the longest)."""
    import torch
    from transformers import BatchFeature

    longest = max(map(len, texts))
    ids = torch.tensor([[*text, *[pad] * (longest - len(text))] for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return BatchFeature({"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)})


def corners(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Normalised boxes centre x, centre y, width, height (n, 4) as x0, y0, x1, y1 (n, 4) in pixels."""
    centre, half = boxes[:, :2], boxes[:, 2:] / 2
    scaled: np.ndarray = np.concatenate([centre - half, centre + half], axis=1) * np.tile((width, height), 2)
    return scaled.astype(np.float32)
