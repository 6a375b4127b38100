"""One step: a gradient from all pieces of all workers, then an update, taken only where all of it is finite."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from florence.data.batches import IGNORED, Batch
from florence.training import parts
from florence.training.books import COUNTS, TASKS, WIDTH, Sums
from florence.training.flops import Work
from florence.training.losses import Blur, sample_losses
from florence.training.settings import TrainSettings
from florence.training.workers import Gradients, Worker


class Step:
    """Called, it makes a step's gradient, and the weights stay as they were: for the optimizer to take the step.

    `broken` names the samples, of this worker, whose loss was not finite.
    """

    def __init__(
        self, model: Any, optimizer: Any, settings: TrainSettings, worker: Worker, device: Any, bf16: bool,
        blur: Blur | None = None,
    ) -> None:  # fmt: skip
        self.model, self.optimizer, self.worker, self.device, self.bf16 = model, optimizer, worker, device, bf16
        self.clip, self.blur = settings.clip, blur
        self.gradients = Gradients(model.parameters(), worker)
        self.work = Work(model.config)
        self.broken: list[str] = []

    def __call__(self, batches: Sequence[Batch], rate: float, seed: int, frozen: Collection[str]) -> tuple[Sums, float]:
        """The sums of the step over all workers, and the norm of its gradient before it is clipped.

        The loss is the mean over all tokens of all pieces of all workers, each weighted as its sample is, so that it
        is the same however a step is divided.
        """
        import torch

        self.optimizer.zero_grad(set_to_none=True)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(seed)
        tokens = [(batch.labels != IGNORED).sum(dim=1).double() for batch in batches]
        weight = sum((batch.weights.double() * count).sum() for batch, count in zip(batches, tokens, strict=True))
        whole = float(self.worker.total(torch.as_tensor(weight), self.device)) or 1.0
        losses = []
        for number, batch in enumerate(batches):
            self.gradients.last_piece = number == len(batches) - 1
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                each = sample_losses(self.model, batch, self.device, self.blur)
            ((each * batch.weights.to(self.device)).sum() / whole).backward()
            losses.append(each.detach())
        self.gradients.wait()
        norm = torch.nn.utils.clip_grad_norm_(parts.learning(self.model), self.clip)
        known = [loss.double().cpu() for loss in losses]
        self.broken = _broken(batches, known)
        sums = sum(
            self._sums(batch, loss, count, frozen) for batch, loss, count in zip(batches, known, tokens, strict=True)
        )
        return Sums.read(self.worker.total(sums, self.device).tolist()), float(norm)

    def _sums(self, batch: Batch, losses: Any, targets: Any, frozen: Collection[str]) -> Any:
        """A piece's, as Sums reads them: float64 (WIDTH,)."""
        import torch

        inputs = batch.attention_mask.sum(dim=1).double()
        of_image = float((batch.input_ids == self.model.config.image_token_id).sum())
        size, images = int(batch.images.shape[-1]), len(batch.images)
        weights = batch.weights.double()
        counts = {
            "samples": float(len(losses)), "images": float(images),
            "tokens": float(inputs.sum() + targets.sum()) - of_image,
            "flops": self.work.of(size, images, inputs, targets, frozen),
        }  # fmt: skip
        made = torch.zeros(WIDTH, dtype=torch.float64)
        made[0], made[1] = (losses * weights).sum(), (targets * weights).sum()
        made[2 : 2 + len(COUNTS)] = torch.tensor([counts[name] for name in COUNTS], dtype=torch.float64)
        task = torch.tensor([TASKS.index(name) for name in batch.tasks])
        pairs = made[2 + len(COUNTS) :].view(-1, 2)
        pairs.index_add_(0, task, torch.stack([losses, targets], dim=1))
        return made


def _broken(batches: Sequence[Batch], losses: Sequence[Any]) -> list[str]:
    found = []
    for batch, loss in zip(batches, losses, strict=True):
        for at in (~loss.isfinite()).nonzero()[:, 0].tolist():
            found.append(f"{batch.tasks[at]} of image {batch.image_ids[int(batch.image_of[at])][:12]}")
    return found
