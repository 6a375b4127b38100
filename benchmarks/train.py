"""`fld train` against a bare loop on ready tensors: at least 0.95; against transformers' own Trainer: at least 1.5.

The bare loop is forward, backward, clip and AdamW's step on batches that lie in memory, by the same loss on the same
device and as many threads: what it lacks is reading, choosing and putting together, counting, metrics and checkpoints'
watch. Seconds are a wall clock's, of a short run's second half; with one thread of torch, another core reads ahead.

The Trainer (`pip install accelerate`) has the same batches in memory, each sample with an image of its own, as usual.
On a GPU `base` learns too, at 768 px in bfloat16 from random weights, and its model FLOP utilisation is measured (at
least 0.45 on an H200).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, Options, compare
from benchmarks.loader import shards, told
from florence import presets
from florence.data import Batch, DataSettings, Loader
from florence.presets import Florence
from florence.training import Phase, TrainSettings, begin, checkpoints, parts, summary, train
from florence.training.losses import pinned, sample_losses

Floor = Callable[[Florence, Sequence[Batch], TrainSettings], float]  # seconds

IMAGES = 128
SMALL = TrainSettings(
    (Phase(24, 1e-4, 192),), DataSettings(batch_size=24, tasks_per_image=6, max_target=192, threads=1),
    dropout=0.0, threads=1, log_every=12, checkpoint_every=1000, device="cpu",
)  # fmt: skip
LARGE = TrainSettings(
    (Phase(60, 1e-4, 768),), DataSettings(batch_size=32), precision="bf16", log_every=30, checkpoint_every=1000,
    device="cuda",
)  # fmt: skip


def measure(options: Options) -> Iterator[Figure]:
    """Seconds of half a run's steps."""
    import torch

    torch.set_num_threads(1)
    curated = shards(options.folder / "curated", told(IMAGES))
    runs = [("mini", SMALL), ("tiny", SMALL), *([("base", LARGE)] if torch.cuda.is_available() else [])]
    for name, settings in runs:
        what = f"{settings.log_every} steps of {name} at {settings.phases[0].image_size} px, {settings.device}"
        yield _against(_bare, 0.95, what, name, curated, options, settings)
        if find_spec("accelerate"):
            yield _against(_plain, 1.5, f"the same {name} against the Trainer", name, curated, options, settings)
        if settings.device == "cuda":
            yield _utilisation(curated, options.folder / "used", settings)


def _against(
    floor: Floor, target: float, name: str, start: str, curated: Path, options: Options, settings: TrainSettings
) -> Figure:
    """`fld train` beside a floor that is given the model and the batches of its second half."""
    folder, rounds = options.folder / f"{start}-{target}", iter(range(options.rounds))
    florence, batches = _ready(curated, folder / "ready", settings, start)

    def ours() -> float:
        return _trained(curated, folder / str(next(rounds)), settings, start)

    return compare(name, ours, lambda: floor(florence, batches, settings), options.rounds, target)


def _utilisation(curated: Path, out: Path, settings: TrainSettings) -> Figure:
    _trained(curated, out, settings, "base")
    used = float(summary(out)["model_flop_utilisation"] or 0.0)
    return Figure("base at 768 px, model FLOP utilisation", used, 1.0, used, 0.45, unit="")


def _trained(curated: Path, out: Path, settings: TrainSettings, start: str) -> float:
    """Seconds from the middle of a run to its end."""
    seen: list[float] = []
    begin(curated, out, settings, start)
    train(curated, out, settings, advance=lambda line: seen.append(time.perf_counter()))
    return seen[-1] - seen[0]


def _ready(curated: Path, out: Path, settings: TrainSettings, start: str) -> tuple[Florence, list[Batch]]:
    """The model that a run begins with, and the batches of its second half."""
    begin(curated, out, settings, start)
    florence = presets.load(checkpoints.latest(out) or out)
    size = settings.phases[0].image_size or 0
    processor = presets.processor(florence.tokenizer, size, presets.stride(florence.model))
    florence = Florence(florence.model.to(settings.device), processor)
    with closing(iter(Loader(curated, florence, settings.of_phase(0, size)))) as batches:  # type: ignore[type-var]
        made = list(islice(batches, settings.steps))[settings.log_every :]
    return florence, [pinned(batch) for batch in made] if settings.device == "cuda" else made


def _bare(florence: Florence, batches: Sequence[Batch], settings: TrainSettings) -> float:
    import torch

    model, device = florence.model.train(), torch.device(settings.device)
    optimizer = parts.optimizer(model, settings)
    started = 0.0
    for at, batch in enumerate([batches[0], *batches]):
        if at == 1:  # the first one makes what stays
            _wait(device)
            started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            losses = sample_losses(model, batch, device)
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
    _wait(device)
    return time.perf_counter() - started


def _plain(florence: Florence, batches: Sequence[Batch], settings: TrainSettings) -> float:
    """Seconds of the same steps by the Trainer, all that it reports or saves turned off."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Clock(TrainerCallback):  # type: ignore[misc]
        begun = ended = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            _wait(torch.device(settings.device))
            self.ended = time.perf_counter()
            self.begun = self.begun or self.ended

    steps, clock = [batches[0], *batches], Clock()
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(), per_device_train_batch_size=1, max_steps=len(steps),
        bf16=settings.precision == "bf16",
        use_cpu=settings.device == "cpu", report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
        max_grad_norm=settings.clip, remove_unused_columns=False, optim="adamw_torch_fused",
    )  # fmt: skip
    trainer = Trainer(
        florence.model, arguments, train_dataset=_Rows(steps), data_collator=lambda rows: rows[0], callbacks=[clock]
    )
    trainer.train()
    return clock.ended - clock.begun


class _Rows:
    """Batches as the model's own forward takes them: an image for each sample."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, at: int) -> dict[str, Any]:
        batch = self._batches[at]
        return {
            "pixel_values": batch.images[batch.image_of], "input_ids": batch.input_ids,
            "attention_mask": batch.attention_mask, "labels": batch.labels,
        }  # fmt: skip


def _wait(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
