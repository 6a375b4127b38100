"""What one worker gets for one step, and how it is put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from florence.data.picking import Pick
from florence.data.pictures import Look

IGNORED = -100  # a label that counts nothing in the loss


@dataclass(frozen=True)
class Batch:
    """A worker's part of a step: b samples about m images; all tensors on the CPU.

    Images are pixels as the model takes them, ids are padded behind. A prompt has the image's tokens in front, as
    Florence2Processor places them; labels are <s>, target, </s>.
    """

    images: Any  # float32 (m, 3, size, size)
    image_of: Any  # int64 (b,): which image each sample is about
    input_ids: Any  # int64 (b, p)
    attention_mask: Any  # int64 (b, p): 0 where there is padding
    labels: Any  # int64 (b, t): -100 where there is padding
    tasks: list[str]  # (b,)
    image_ids: list[str]  # (m,)
    weights: Any  # float32 (b,): how much a sample counts in the loss
    epoch: int  # of the first sample
    step: int  # counted over all epochs, from 0


@dataclass(frozen=True)
class Page:
    """One image and some samples about it, ready to be put beside others."""

    image_id: str
    planes: np.ndarray  # RGB, uint8 (3, size, size)
    picks: Sequence[Pick]


@dataclass(frozen=True)
class Binder:
    """Puts pages together. `image` is the id of the image token, of which `image_tokens` stand before a prompt."""

    look: Look
    image: int
    image_tokens: int
    pad: int
    pad_to: int

    def bind(self, pages: Sequence[Page], epoch: int, step: int) -> Batch:
        """A batch of these pages, in their order."""
        import torch

        picks = [pick for page in pages for pick in page.picks]
        before = [self.image] * self.image_tokens
        input_ids, there = self._padded([before + pick.prompt for pick in picks], self.pad)
        labels, _ = self._padded([pick.target for pick in picks], IGNORED)
        image_of = np.repeat(np.arange(len(pages)), [len(page.picks) for page in pages])
        return Batch(
            torch.from_numpy(self.look.normalised([page.planes for page in pages])), torch.from_numpy(image_of),
            torch.from_numpy(input_ids), torch.from_numpy(there), torch.from_numpy(labels),
            [pick.task for pick in picks], [page.image_id for page in pages],
            torch.tensor([pick.weight for pick in picks], dtype=torch.float32), epoch, step,
        )  # fmt: skip

    def _padded(self, rows: Iterable[Sequence[int]], filling: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids as int64 (b, longest), and 1 where there are some, 0 where there is filling."""
        rows = list(rows)
        longest = max(map(len, rows))
        shape = (len(rows), -(-longest // self.pad_to) * self.pad_to)
        ids, there = np.full(shape, filling, np.int64), np.zeros(shape, np.int64)
        for at, row in enumerate(rows):
            ids[at, : len(row)], there[at, : len(row)] = row, 1
        return ids, there
