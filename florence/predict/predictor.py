"""The model asked about images: each is seen once, however much is asked, and many answers are written at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from florence.codec import Item, Size, Task, prompt
from florence.predict.answers import Answer, answer
from florence.predict.beams import search
from florence.predict.calibration import Calibration
from florence.predict.decoder import Decoder
from florence.predict.grammar import Grammar
from florence.predict.greedy import Manner, Written, greedy
from florence.presets import Florence

ROWS = 32  # answers that are written at once: some 2 GB for base's longest. Ours
LONGEST = 1000  # tokens of an answer, as far as the model has room for them
# Of the tasks that are answered with less. Ours, some three times the mean lengths of FLD-5B's texts.
TOKENS = {
    Task.CAPTION: 32, Task.DETAILED_CAPTION: 96, Task.MORE_DETAILED_CAPTION: 224, Task.REGION_TO_CATEGORY: 16,
    Task.REGION_TO_DESCRIPTION: 32, Task.REGION_TO_OCR: 64,
}  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """What is asked about an image, by its place among those given: a task, and the texts or the box it is about.

    A box is in pixels of the image.
    """

    image: int
    task: Task
    about: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What the model made of an image: its tokens (n, d), and its size in pixels (width, height)."""

    tokens: Any
    size: Size


@dataclass(frozen=True)
class _Row:
    number: int  # of the ask
    prompt: list[int]
    budget: int


class Predictor:
    """A model and its processor, ready to be asked. Several threads may use it at once."""

    def __init__(
        self,
        florence: Florence,
        beams: int = 1,
        tokens: Mapping[Task, int] | None = None,
        rows: int = ROWS,
        calibration: Calibration | None = None,
    ) -> None:
        self._model, self._processor = florence.model.eval(), florence.processor
        self._tokenizer = florence.tokenizer
        self._decoder = Decoder(self._model)
        self._grammar = Grammar.of(self._tokenizer, self._model.lm_head.out_features, self._model.device)
        self._manner = Manner.of(self._model, beams)
        self._budgets = TOKENS | dict(tokens or {})
        self._rows = rows
        self._mended = calibration or Calibration()

    def __call__(self, images: Sequence[np.ndarray], asks: Sequence[Ask]) -> list[Answer]:
        """An answer to each question about upright RGB images (height, width, 3).

        Raises NoNumbersError where the model's scores are none; ValueError where a task is asked for what it does not
        answer.
        """
        wanted = sorted({ask.image for ask in asks})
        seen = dict(zip(wanted, self.see([images[at] for at in wanted]), strict=True))
        return self.answers([seen.get(at) for at in range(len(images))], asks)

    def see(self, images: Sequence[np.ndarray]) -> list[Seen]:
        """What the model sees in each image, by itself: the same whichever others there are."""
        return [self._see(image) for image in images]

    def _see(self, image: np.ndarray) -> Seen:
        import torch

        # An image may be three pixels high, and must not be taken for three channels.
        inputs = self._processor.image_processor(
            images=[np.array(image)], input_data_format="channels_last", return_tensors="pt"
        )
        with torch.inference_mode():
            pixels = inputs["pixel_values"].to(self._model.device, self._model.dtype)
            tokens = self._model.get_image_features(pixels).pooler_output[0]
        return Seen(tokens, (float(image.shape[1]), float(image.shape[0])))

    def answers(self, seen: Sequence[Seen | None], asks: Sequence[Ask]) -> list[Answer]:
        """As a call, about images that have been seen; None may stand for one that nothing is asked about."""
        return [
            answer(ask.task, written, self._tokenizer, _there(seen[ask.image]).size, self._mended)
            for ask, written in zip(asks, self.write(seen, asks), strict=True)
        ]

    def write(self, seen: Sequence[Seen | None], asks: Sequence[Ask]) -> list[Written]:
        """The tokens of each answer."""
        import torch

        about = [_there(seen[ask.image]) for ask in asks]
        rows = [self._row(number, ask, each.size) for number, (ask, each) in enumerate(zip(asks, about, strict=True))]
        # Alike lengths together: less padding, and few rows that wait for a long one.
        rows.sort(key=lambda row: (row.budget, len(row.prompt), row.number))
        written: dict[int, Written] = {}

        def write(part: Sequence[_Row]) -> None:
            with torch.inference_mode():
                done = self._write([about[row.number] for row in part], [asks[row.number].task for row in part], part)
            written.update(zip((row.number for row in part), done, strict=True))

        self._in_parts(write, rows)
        return [written[number] for number in range(len(asks))]

    def _row(self, number: int, ask: Ask, size: Size) -> _Row:
        ids = self._tokenizer(prompt(ask.task, ask.about, size)).input_ids
        most = min(self._budgets.get(ask.task, LONGEST), self._decoder.room - 2)
        return _Row(number, ids, most)

    def _in_parts(self, work: Callable[[Sequence[_Row]], None], rows: Sequence[_Row]) -> None:
        """Some rows at a time; when memory runs out, half as many from then on."""
        at = 0
        while at < len(rows):
            part = rows[at : at + self._rows]
            try:
                work(part)
            except Exception as error:
                if len(part) == 1 or not _out_of_memory(error):
                    raise
                self._rows = max(1, len(part) // 2)
                continue
            at += len(part)

    def _write(self, seen: Sequence[Seen], tasks: Sequence[Task], rows: Sequence[_Row]) -> list[Written]:
        states, mask = self._encoded(seen, rows)
        beams = self._manner.beams
        cache = self._decoder.begin(states, mask, beams)
        way = greedy if beams == 1 else search
        return way(self._decoder, self._grammar, cache, tasks, [row.budget for row in rows], self._manner)

    def _encoded(self, seen: Sequence[Seen], rows: Sequence[_Row]) -> tuple[Any, Any]:
        """The encoder's states (b, n, d) of an image's tokens and a prompt's behind them, and which count (b, n)."""
        import torch

        room = self._decoder.room - len(seen[0].tokens)
        prompts = [fitted(row.prompt, room) for row in rows]
        longest = max(map(len, prompts))
        pad = self._tokenizer.pad_token_id
        ids = torch.tensor([each + [pad] * (longest - len(each)) for each in prompts], device=self._model.device)
        images = torch.stack([each.tokens for each in seen])
        words = self._model.get_input_embeddings()(ids)
        mask = torch.cat([ids.new_ones(images.shape[:2]), (ids != pad).long()], dim=1)
        encoder = self._model.model.language_model.encoder
        states = encoder(inputs_embeds=torch.cat([images.to(words.dtype), words], dim=1), attention_mask=mask)
        return states.last_hidden_state, mask


def fitted(prompt: list[int], room: int) -> list[int]:
    """A prompt's tokens, without those before its end for which there is no room."""
    return prompt if len(prompt) <= room else [*prompt[: room - 1], prompt[-1]]


def _there(seen: Seen | None) -> Seen:
    assert seen is not None  # only images that nothing is asked about are not seen
    return seen


def _out_of_memory(error: Exception) -> bool:
    """Torch's own error for a GPU, and what it says of a CPU."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in words or "not enough memory" in words
