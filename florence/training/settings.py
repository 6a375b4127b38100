"""What a training does: phases, one after the other, and what holds for all of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.stage import ChainError
from florence.data import DataSettings

PARTS = ("vision", "projector", "words", "encoder", "decoder")
PRECISIONS = ("auto", "bf16", "fp32")
DTYPES = ("float32", "float16", "bfloat16")
# What decides how fast it goes and what is kept of it, not what comes out: another value goes on with the same run.
FREE = ("checkpoint_every", "keep", "threads", "peak_tflops", "device")
FREE_OF_DATA = ("threads", "prefetch")


@dataclass(frozen=True)
class Phase:
    """One stretch of a training.

    `learning_rate` is what the whole training's curve is a share of; `image_size` in px, None for that of the phase
    before, or the model's own. `tasks` are the weights of this phase, None for those of `data`. `frozen` parts (of
    vision, projector, words, encoder, decoder) do not learn. A step is taken in `accumulate` pieces, which saves memory
    and changes nothing else but rounding and what is dropped out.
    """

    steps: int
    learning_rate: float
    image_size: int | None = None
    tasks: Mapping[str, float] | None = None
    frozen: tuple[str, ...] = ()
    accumulate: int = 1
    name: str = ""

    def __post_init__(self) -> None:
        _must(self.steps >= 1, f"steps is {self.steps}: at least 1")
        _must(0 < self.learning_rate < math.inf, f"learning_rate is {self.learning_rate}: a number above 0")
        _must(self.accumulate >= 1, f"accumulate is {self.accumulate}: at least 1")
        unknown = sorted(set(self.frozen) - set(PARTS))
        _must(not unknown, f"frozen: there is no part {unknown and unknown[0]!r}; there are {', '.join(PARTS)}")
        _must(set(self.frozen) != set(PARTS), "frozen: all parts are, so nothing would learn")


@dataclass(frozen=True)
class TrainSettings:
    """A curriculum. Raises ChainError, naming the key, for what makes no sense. Unnamed values are ours.

    `data.batch_size` are the samples of a step, of all workers together; `data.image_size` is a phase's, and not used.
    The learning rate rises for `warmup` steps and falls as a cosine to `final` of itself at the last step.
    `clip` is the largest norm of a step's gradient; `dropout` (of the texts' layers) and `drop_path` (of the vision
    encoder's) are the model's own where None. `precision` auto is bf16 on a GPU that has it, else fp32.

    `save_as` is the type of the numbers in OUT/model; checkpoints are float32. A line is written to the metrics every
    `log_every` steps, a checkpoint every `checkpoint_every` and at the end of a phase; the last `keep` of them stay.
    `threads` are torch's (0: all cores there are for this worker); another number rounds otherwise. `peak_tflops` are
    one device's, where florence.training.flops does not know them. `vision` is a checkpoint's folder, from which a
    preset's image encoder begins, as the paper's does with UniCL's; no other start takes it. `place_blur`, in bins, is
    the deviation of the bell around a location token that is taught in its stead (0: the token alone, as the paper's).
    `seed` is of the first weights and of what is dropped out; `data.seed` of the order.
    """

    phases: tuple[Phase, ...]
    data: DataSettings = field(default_factory=DataSettings)
    warmup: int = 0
    final: float = 0.0
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    dropout: float | None = None
    drop_path: float | None = None
    precision: str = "auto"
    device: str = "auto"
    save_as: str = "float16"
    log_every: int = 10
    checkpoint_every: int = 500
    keep: int = 2
    threads: int = 0
    peak_tflops: float | None = None
    vision: str | None = None
    place_blur: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _must(bool(self.phases), "phases: there is none, so nothing would be trained")
        _must(0 <= self.warmup <= self.steps, f"warmup is {self.warmup}: from 0 to the {self.steps} steps there are")
        for name in ("log_every", "checkpoint_every", "keep"):
            _must(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}: at least 1")
        for name in ("threads", "seed", "weight_decay", "place_blur"):
            _must(0 <= getattr(self, name) < math.inf, f"{name} is {getattr(self, name)}: at least 0")
        _must(0 <= self.final <= 1, f"final is {self.final}: from 0 to 1")
        for name in ("dropout", "drop_path"):
            value = getattr(self, name)
            _must(value is None or 0 <= value < 1, f"{name} is {value}: from 0 to below 1")
        _must(0 < self.clip < math.inf, f"clip is {self.clip}: a number above 0")
        _must(self.peak_tflops is None or self.peak_tflops > 0, f"peak_tflops is {self.peak_tflops}: above 0")
        _must(all(0 <= beta < 1 for beta in self.betas), f"betas are {self.betas}: each from 0 to below 1")
        _must(self.precision in PRECISIONS, f"precision is {self.precision!r}: one of {', '.join(PRECISIONS)}")
        _must(self.save_as in DTYPES, f"save_as is {self.save_as!r}: one of {', '.join(DTYPES)}")
        for number in range(len(self.phases)):
            self.of_phase(number, self.data.image_size)

    @property
    def steps(self) -> int:
        """Of all phases."""
        return sum(phase.steps for phase in self.phases)

    def of_phase(self, number: int, image_size: int) -> DataSettings:
        """What a phase reads, a piece of a step at a time, in an order of its own; `image_size` is the model's."""
        phase, data = self.phases[number], self.data
        _must(
            data.batch_size % phase.accumulate == 0,
            f"phases[{number}].accumulate is {phase.accumulate}: data.batch_size, {data.batch_size}, is no multiple",
        )
        try:
            return replace(
                data, image_size=phase.image_size or image_size, batch_size=data.batch_size // phase.accumulate,
                tasks=data.tasks if phase.tasks is None else phase.tasks, seed=data.seed + number,
            )  # fmt: skip
        except ChainError as error:
            raise ChainError(f"phases[{number}]: {error}") from error

    def identity(self) -> dict[str, Any]:
        """What decides the numbers, as JSON holds it: a run is only gone on with where this is the same."""
        whole = {name: value for name, value in dataclasses.asdict(self).items() if name not in FREE}
        whole["data"] = {name: value for name, value in whole["data"].items() if name not in FREE_OF_DATA}
        whole["phases"] = [
            {name: _plain(value) for name, value in phase.items() if name != "accumulate"} for phase in whole["phases"]
        ]
        return {name: _plain(value) for name, value in whole.items()}


def defaults(start: str) -> TrainSettings:
    """The settings of a training from this preset, or, for any other name, of one that goes on from a checkpoint.

    base and large: Xiao et al., arXiv 2311.06242, appendix: 3 billion samples at 384 px, then 0.5 and 0.1 billion at
    768; batches of 2048 and 3072; at most 1e-4 and 1e-5; 5,000 steps of warm-up. The others are ours, small enough for
    one machine.
    """
    if start == "base":
        return _paper(2048, 1e-4, 3e9, 0.5e9)
    if start == "large":
        return _paper(3072, 1e-5, 3e9, 0.1e9)
    if start == "mini":
        return TrainSettings((Phase(20000, 1e-3, 192),), DataSettings(batch_size=32, max_target=256), warmup=500)
    if start == "tiny":
        coarse, fine = Phase(8000, 5e-4, 256, name="coarse"), Phase(2000, 5e-4, 384, name="fine")
        return TrainSettings((coarse, fine), DataSettings(batch_size=32), warmup=500)
    return TrainSettings((Phase(2000, 2e-5),), DataSettings(batch_size=16), warmup=100)


def _paper(batch: int, rate: float, coarse: float, fine: float) -> TrainSettings:
    """Both phases learn by one curve, as the paper tells of no second one."""
    phases = (
        Phase(math.ceil(coarse / batch), rate, 384, name="coarse"),
        Phase(math.ceil(fine / batch), rate, 768, name="fine"),
    )
    return TrainSettings(phases, DataSettings(batch_size=batch), warmup=5000)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _must(condition: bool, message: str) -> None:
    if not condition:
        raise ChainError(message)
