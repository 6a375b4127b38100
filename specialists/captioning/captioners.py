"""Families of models that write a text about an image, behind one interface: how each wants to be asked.

Florence-2 knows three tasks by their tokens (Xiao et al., arXiv 2311.06242), BLIP writes brief captions alone
(Li et al., arXiv 2201.12086), and a chat model does what its prompt says.
"""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from engine.stage import ChainError
from specialists.checkpoints.weights import Checkpoint

AUTO = "AutoModelForImageTextToText"
TEMPLATES = ("chat_template.jinja", "chat_template.json")


class Caption(NamedTuple):
    """A text, and the geometric mean of the probabilities that the model gave its tokens, in [0, 1]."""

    text: str
    score: float


class Captioner(ABC):
    """A model with its processor, in use by one thread at a time: tokenizers and some models keep state."""

    # What asks for each granularity; None: the family has no words of its own for it.
    prompts: ClassVar[Mapping[str, str] | None]

    def __init__(self, model: Any, processor: Any, prompts: Mapping[str, str]) -> None:
        self.model, self.processor = model, processor
        self.asks = {granularity: self.phrased(prompt) for granularity, prompt in prompts.items()}
        self._special = processor.tokenizer.all_special_ids

    def phrased(self, prompt: str) -> str:
        """A prompt as the processor gets it."""
        return prompt

    @abstractmethod
    def inputs(self, images: Sequence[np.ndarray], ask: str) -> Any:
        """The processor's tensors for RGB images (height, width, 3) that are all asked the same."""

    @abstractmethod
    def unwritten(self, inputs: Any) -> int:
        """How many tokens stand before those that the model writes."""

    def replica(self) -> Captioner:
        """Another one with the same weights in memory, for another thread."""
        shared = {id(tensor): tensor for tensor in chain(self.model.parameters(), self.model.buffers())}
        other = copy.copy(self)
        other.model, other.processor = copy.deepcopy(self.model, shared), copy.deepcopy(self.processor)
        return other

    def __call__(self, images: Sequence[np.ndarray], granularity: str, tokens: int, beams: int) -> list[Caption]:
        """A caption for each RGB image (height, width, 3), of at most so many tokens; its text may be empty."""
        inputs = self.inputs(images, self.asks[granularity]).to(self.model.device, self.model.dtype)
        output = self.model.generate(
            **inputs, do_sample=False, num_beams=beams, num_return_sequences=1, max_new_tokens=tokens,
            return_dict_in_generate=True, output_logits=True,
        )  # fmt: skip
        written = output.sequences[:, self.unwritten(inputs) :]
        texts = self.processor.tokenizer.batch_decode(written, skip_special_tokens=True)
        return list(map(Caption, map(clean, texts), probabilities(output, written, self._special)))


class Florence2(Captioner):
    """Florence-2, asked by task tokens."""

    prompts: ClassVar = {
        "brief": "<CAPTION>",
        "detailed": "<DETAILED_CAPTION>",
        "more_detailed": "<MORE_DETAILED_CAPTION>",
    }

    def inputs(self, images: Sequence[np.ndarray], ask: str) -> Any:
        return self.processor(images=list(images), text=[ask] * len(images), **_TENSORS)

    def unwritten(self, inputs: Any) -> int:
        return 1  # the decoder's start token


class Blip(Captioner):
    """BLIP, asked by nothing; a prompt is the beginning of the sentence that it goes on with."""

    prompts: ClassVar = {"brief": ""}

    def inputs(self, images: Sequence[np.ndarray], ask: str) -> Any:
        text = {"text": [ask] * len(images)} if ask else {}
        return self.processor(images=list(images), **text, **_TENSORS)

    def unwritten(self, inputs: Any) -> int:
        # Of a prompt BLIP cuts off the token that ends it.
        return inputs["input_ids"].shape[1] - 1 if "input_ids" in inputs else 1


class Chat(Captioner):
    """Any model with a chat template, asked in words."""

    prompts: ClassVar = None

    def phrased(self, prompt: str) -> str:
        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]
        template = None if self.processor.chat_template else self.processor.tokenizer.chat_template
        return str(self.processor.apply_chat_template(messages, template, add_generation_prompt=True, tokenize=False))

    def inputs(self, images: Sequence[np.ndarray], ask: str) -> Any:
        begins = self.processor.tokenizer.bos_token
        return self.processor(
            images=[[image] for image in images], text=[ask] * len(images), padding=True, padding_side="left",
            add_special_tokens=not (begins and ask.startswith(begins)), **_TENSORS,
        )  # fmt: skip

    def unwritten(self, inputs: Any) -> int:
        length: int = inputs["input_ids"].shape[1]
        return length


# A picture of three rows is no picture of three channels.
_TENSORS = {"return_tensors": "pt", "input_data_format": "channels_last"}
FAMILIES: dict[str, type[Captioner]] = {"florence2": Florence2, "blip": Blip}


def family(checkpoint: Checkpoint, who: str) -> type[Captioner]:
    """How a checkpoint is asked; raises ChainError, naming the stage `who`, where it cannot write about images."""
    name = checkpoint.family
    if name in FAMILIES:
        return FAMILIES[name]
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as CHATTING

    if name not in CHATTING or not _has_template(checkpoint.folder):
        lacks = "and its folder has no chat template" if name in CHATTING else "which cannot play this role"
        raise ChainError(
            f"{who}: {checkpoint.name} is a checkpoint of {name or 'no known architecture'}, {lacks}. {who} takes "
            f"{', '.join(sorted(FAMILIES))}, and chat models that see images and bring their {TEMPLATES[0]}"
        )
    if _wants_videos(name):
        raise ChainError(
            f"{who}: {checkpoint.name} is a checkpoint of {name}, whose processor wants a reader of videos, which "
            "there is none of. Take another family, or serve it behind an endpoint and use the stage large_model"
        )
    return Chat


def _has_template(folder: Path) -> bool:
    inside = [folder / name for name in ("tokenizer_config.json", "processor_config.json")]
    return any((folder / name).is_file() for name in TEMPLATES) or any(
        file.is_file() and '"chat_template"' in file.read_text(encoding="utf-8") for file in inside
    )


def _wants_videos(name: str) -> bool:
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    processor = getattr(transformers, PROCESSOR_MAPPING_NAMES.get(name) or "", None)
    return processor is not None and "video_processor" in inspect.signature(processor.__init__).parameters


def clean(text: str) -> str:
    """One line, without the remains of a character that was cut off in the middle."""
    return " ".join(text.replace("\ufffd", "").split())


def probabilities(output: Any, written: Any, special: Sequence[int]) -> list[float]:
    """For each row of written tokens (n, t), exp of the mean log-probability of those that are no special tokens.

    The model's own, before rules such as "no run of three words twice" forbid or force a token.
    """
    import torch

    beams = getattr(output, "beam_indices", None)
    rows = torch.arange(len(written), device=written.device)
    total = torch.zeros(len(written), device=written.device)
    counted = ~torch.isin(written, torch.tensor(special, device=written.device))
    for step, tokens in enumerate(written.T):
        chosen = rows if beams is None else beams[:, step].clamp(min=0)
        logits = output.logits[step][chosen].float()
        logs = logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(1)
        total += torch.where(counted[:, step], logs, 0)
    means: list[float] = (total / counted.sum(1).clamp(min=1)).exp().clamp(max=1).tolist()
    return means
