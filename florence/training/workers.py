"""Several workers that learn as one: each has a part of every step, and their sums are of the whole.

All speak by torch.distributed, whose process group whoever starts them has made. One worker alone needs none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Worker:
    """One of `world` workers, of which `local` share this machine. `device` auto is the settings'."""

    rank: int = 0
    world: int = 1
    local: int = 1
    device: str = "auto"

    def total(self, values: Any, device: Any) -> Any:
        """The sum over all workers of a float64 tensor, on the CPU."""
        if self.world == 1:
            return values
        import torch.distributed as group

        values = values.to(device)
        group.all_reduce(values)
        return values.cpu()

    def gather(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The sum over all workers of some counts."""
        if self.world == 1:
            return dict(counts)
        import torch.distributed as group

        all_counts: list[Any] = [None] * self.world
        group.all_gather_object(all_counts, dict(counts))
        return dict(sum((Counter(each) for each in all_counts), Counter()))

    def wait(self) -> None:
        """Until all workers are here."""
        if self.world > 1:
            import torch.distributed as group

            group.barrier()


class Gradients:
    """Sums the gradients over all workers, each as soon as it is there, while the backward pass goes on.

    The order in which they come is that of the model, so it is the same everywhere.
    """

    def __init__(self, parameters: Iterable[Any], worker: Worker) -> None:
        self.last_piece = True  # only then is a step's gradient whole
        self._sent: list[Any] = []
        if worker.world > 1:
            for parameter in parameters:
                parameter.register_post_accumulate_grad_hook(self._send)

    def _send(self, parameter: Any) -> None:
        import torch.distributed as group

        if self.last_piece:
            self._sent.append(group.all_reduce(parameter.grad, async_op=True))

    def wait(self) -> None:
        """Until all are summed."""
        for sent in self._sent:
            sent.wait()
        self._sent.clear()
