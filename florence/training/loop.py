"""The loop: phases, and in them steps, until the last one; from the latest checkpoint on."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, cast

from engine.stage import digest
from florence import presets
from florence.data import Batch, Loader
from florence.data.ahead import ahead
from florence.data.blocks import Place
from florence.presets import Florence
from florence.tokenizer import locations
from florence.training import checkpoints, devices, parts
from florence.training.books import Books, Window
from florence.training.curves import Curve
from florence.training.faults import TrainingError, out_of_memory, say_memory, say_not_finite
from florence.training.flops import peak
from florence.training.losses import Blur, pinned
from florence.training.schedule import Stretch, share, stretches
from florence.training.settings import TrainSettings
from florence.training.step import Step
from florence.training.workers import Worker

MODEL = "model"  # OUT/model is what has been learnt, at the end
COUNTED = ("skipped", "cut", "unfit")  # by the loader

Advance = Callable[[dict[str, Any]], None]
Fed = tuple[Batch, dict[str, Any]]


def train(
    curated: Place,
    out: Path,
    settings: TrainSettings,
    worker: Worker | None = None,
    advance: Advance = lambda line: None,
    guard: Callable[[], None] = lambda: None,
) -> None:
    """Go on from the latest checkpoint in `out`, which `begin` has left there, to the last step; leave OUT/model.

    `advance` gets each line of the metrics as it is written; `guard` is called before each checkpoint and may raise to
    prevent it. Raises TrainingError where it cannot go on: after that, the latest checkpoint is of the last step that
    was taken, if this is the only worker.
    """
    worker = worker or Worker()
    with devices.ready(settings, worker) as device:
        training = Training(curated, out, settings, worker, device, advance, guard)
        try:
            training.run()
        finally:
            training.close()


class Training:
    """A run under way: what `train` does."""

    def __init__(
        self, curated: Place, out: Path, settings: TrainSettings, worker: Worker, device: Any, advance: Advance,
        guard: Callable[[], None],
    ) -> None:  # fmt: skip
        self.curated, self.out, self.settings, self.worker, self.device = curated, out, settings, worker, device
        self.advance, self.guard = advance, guard
        checkpoint = checkpoints.latest(out)
        assert checkpoint is not None, "begin() comes first"
        state = checkpoints.state(checkpoint)
        self.books, self.place = Books.read(state["books"]), state["loader"]
        self.florence = presets.load(checkpoint)
        self.model = self.florence.model.to(device)
        self.optimizer = parts.optimizer(self.model, settings)
        checkpoints.load_optimizer(checkpoint, self.optimizer, device)
        bf16 = devices.in_bf16(settings, device)
        self.peak = peak(devices.describe(device), settings.peak_tflops, bf16)
        self.machine = {
            "device": devices.describe(device), "workers": worker.world, "precision": "bf16" if bf16 else "fp32",
            "peak_tflops_per_device": self.peak and self.peak / 1e12,
        }  # fmt: skip
        self.whole = True  # weights, books and place are those of the same step
        blur = Blur(settings.place_blur, locations(self.florence.tokenizer).start) if settings.place_blur else None
        self.step = Step(self.model, self.optimizer, settings, worker, device, bf16, blur)
        self.curve = Curve(out, self.books.step) if worker.rank == 0 else None

    def close(self) -> None:
        """Leave the files that are open."""
        if self.curve:
            self.curve.close()

    def run(self) -> None:
        """All phases that are not done, then the model."""
        for stretch in stretches(self.settings):
            if self.books.step < stretch.end:
                self._phase(stretch)
        if self.worker.rank == 0 and not (self.out / MODEL).exists():
            self.guard()
            self._leave()
        self.worker.wait()

    def _phase(self, stretch: Stretch) -> None:
        phase = self.settings.phases[stretch.number]
        size = int(self.florence.processor.image_processor.size["height"])
        data = self.settings.of_phase(stretch.number, size)
        if data.image_size != size:
            processor = presets.processor(self.florence.tokenizer, data.image_size, presets.stride(self.model))
            self.florence = Florence(self.model, processor)
        loader = Loader(self.curated, self.florence, data, self.worker.rank, self.worker.world)
        if self.books.step > stretch.first:
            loader.load_state(self._share_of(self.place))
        parts.freeze(self.model, phase.frozen)
        with closing(cast(Generator[Fed, None, None], ahead(self._fed(loader), 1))) as fed:
            try:
                self._steps(stretch, iter(lambda: list(islice(fed, phase.accumulate)), []))
            except BaseException as error:
                self._stop(error, stretch, data.image_size)
                raise

    def _fed(self, loader: Loader) -> Generator[Fed, None, None]:
        """Batches, each where a GPU gets it fastest, with the loader's state behind it: made while a step is taken."""
        with closing(cast(Generator[Batch, None, None], iter(loader))) as batches:
            for batch in batches:
                yield pinned(batch) if self.device.type == "cuda" else batch, loader.state()

    def _steps(self, stretch: Stretch, pieces: Iterator[list[Fed]]) -> None:
        phase = self.settings.phases[stretch.number]
        before = {name: self.place.get(name, {}) for name in COUNTED} if self.books.step == stretch.first else {}
        while self.books.step < stretch.end:
            started = time.perf_counter()
            fed = next(pieces)
            batches = [batch for batch, _ in fed]
            waited = time.perf_counter() - started
            rate = phase.learning_rate * share(self.settings, self.books.step)
            sums, norm = self.step(batches, rate, self._seed(), phase.frozen)
            if not (math.isfinite(sums.loss) and math.isfinite(norm)):
                raise TrainingError(say_not_finite(_mean(sums.loss, sums.weight), norm, self.step.broken))
            self.whole = False
            self.optimizer.step()
            devices_peak = self.peak and self.peak * self.worker.world
            self.books.add(sums, norm, time.perf_counter() - started, waited, devices_peak)
            self.place = _summed(fed[-1][1], before)
            last = self.books.step == stretch.end
            if last or self.books.step % self.settings.log_every == 0:
                self._tell(phase.name or str(stretch.number), rate, batches[0].epoch)
            self.whole = True
            if last or self.books.step % self.settings.checkpoint_every == 0:
                self._save({name: self.worker.gather(self.place.get(name, {})) for name in COUNTED})

    def _tell(self, phase: str, rate: float, epoch: int) -> None:
        """Write a line about the steps since the last one."""
        books = self.books
        line = {
            "step": books.step, "phase": phase, "epoch": epoch, "samples": int(books.samples),
            "tokens": int(books.tokens), "learning_rate": rate, **books.window.means(),
        }  # fmt: skip
        books.window = Window()
        if self.curve:
            self.curve.add(line)
        self.advance(line)

    def _save(self, counts: dict[str, dict[str, int]]) -> Path | None:
        """Write a checkpoint, by the first worker."""
        if not self.curve:
            return None
        self.guard()
        self.curve.keep()
        value = {
            "step": self.books.step, "settings": self.settings.identity(), "loader": self.place | counts,
            "books": self.books.as_json(), "machine": self.machine,
        }  # fmt: skip
        return checkpoints.save(self.out, self.florence, self.optimizer, value, self.settings.keep)

    def _stop(self, error: BaseException, stretch: Stretch, image_size: int) -> None:
        """Keep what was learnt, where it is that of a whole step; raise what says how to go on."""
        where = self._save({}) if self.whole and not isinstance(error, OSError) else None
        if isinstance(error, TrainingError):
            self.worker.wait()  # a worker that ends takes the others with it, and the first may still be writing
            words = str(error)
        elif out_of_memory(error):
            samples = self.settings.data.batch_size // self.worker.world
            pieces = self.settings.phases[stretch.number].accumulate
            words = say_memory(stretch.number, pieces, samples // pieces, image_size, error)
        else:
            return
        where = where or checkpoints.latest(self.out)
        raise TrainingError(f"step {self.books.step + 1}: {words}. The latest checkpoint is {where}") from error

    def _seed(self) -> int:
        """Of what this step drops out, another for each worker."""
        return int(digest([self.settings.seed, self.books.step, self.worker.rank])[:15], 16)

    def _share_of(self, place: dict[str, Any]) -> dict[str, Any]:
        """A loader's state for this worker: the first one goes on with all counts."""
        return place if self.worker.rank == 0 else place | {name: {} for name in COUNTED}

    def _leave(self) -> None:
        """Write OUT/model."""
        import torch

        model = copy.deepcopy(self.model).to("cpu", getattr(torch, self.settings.save_as)).eval()
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        with checkpoints.whole(self.out / MODEL) as folder:
            Florence(model, self.florence.processor).save(folder)


def _mean(loss: float, weight: float) -> float:
    return loss / weight if weight else math.nan


def _summed(state: dict[str, Any], before: dict[str, dict[str, int]]) -> dict[str, Any]:
    """A loader's state with the counts of earlier phases added to its own."""
    for name, counts in before.items():
        state[name] = {key: state[name].get(key, 0) + counts.get(key, 0) for key in {**counts, **state[name]}}
    return state
