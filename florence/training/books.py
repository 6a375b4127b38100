"""What a run counts: all of it, and what has come since the last line of its metrics. JSON, so that it survives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from florence.codec import Task

TASKS = tuple(Task)
COUNTS = ("samples", "images", "tokens", "flops")
# A step's sums, as workers add them up: the loss and its weight, the counts, then each task's loss and tokens.
WIDTH = 2 + len(COUNTS) + 2 * len(TASKS)


@dataclass(frozen=True)
class Sums:
    """Of one step: losses in nats, summed over tokens; `weight` are the tokens, each times its sample's weight."""

    loss: float
    weight: float
    counts: dict[str, float]
    tasks: dict[str, tuple[float, float]]  # loss and tokens, of those tasks that were there

    @classmethod
    def read(cls, values: Sequence[float]) -> Sums:
        """From WIDTH numbers."""
        head = 2 + len(COUNTS)
        pairs = zip(TASKS, values[head::2], values[head + 1 :: 2], strict=True)
        return cls(
            values[0], values[1], dict(zip(COUNTS, values[2:head], strict=True)),
            {str(task): (loss, tokens) for task, loss, tokens in pairs if tokens},
        )  # fmt: skip


@dataclass
class Window:
    """What has come since the last line."""

    steps: int = 0
    loss: float = 0.0
    weight: float = 0.0
    norm: float = 0.0
    tasks: dict[str, list[float]] = field(default_factory=dict)

    def add(self, sums: Sums, norm: float) -> None:
        """Count one step with the norm of its gradient."""
        self.steps += 1
        self.loss, self.weight, self.norm = self.loss + sums.loss, self.weight + sums.weight, self.norm + norm
        for task, (loss, tokens) in sums.tasks.items():
            before = self.tasks.get(task, [0.0, 0.0])
            self.tasks[task] = [before[0] + loss, before[1] + tokens]

    def means(self) -> dict[str, Any]:
        """For a line of the metrics: losses per token, the gradient's norm per step."""
        tasks = {task: {"loss": loss / tokens, "tokens": int(tokens)} for task, (loss, tokens) in self.tasks.items()}
        return {
            "loss": self.loss / max(self.weight, math.ulp(0.0)),
            "gradient_norm": self.norm / max(self.steps, 1),
            "tasks": dict(sorted(tasks.items())),
        }


@dataclass
class Books:
    """A run so far. Tokens are those of inputs, without the images', and of targets; no padding is counted.

    `seconds` are those of steps, of which the model waited `waited` for data; `possible` is the FLOP that the devices
    could have done in them, None once that is not known.
    """

    step: int = 0
    samples: float = 0
    images: float = 0
    tokens: float = 0
    flops: float = 0
    seconds: float = 0.0
    waited: float = 0.0
    possible: float | None = 0.0
    window: Window = field(default_factory=Window)

    def add(self, sums: Sums, norm: float, seconds: float, waited: float, peak: float | None) -> None:
        """Count a step that was taken; `peak` is all devices' in FLOP/s."""
        self.step += 1
        self.seconds, self.waited = self.seconds + seconds, self.waited + waited
        for name, value in sums.counts.items():
            setattr(self, name, getattr(self, name) + value)
        self.possible = None if peak is None or self.possible is None else self.possible + peak * seconds
        self.window.add(sums, norm)

    def as_json(self) -> dict[str, Any]:
        """All of it; floats survive to the last bit."""
        return asdict(self)

    @classmethod
    def read(cls, value: dict[str, Any]) -> Books:
        """Back from JSON."""
        return cls(**{**value, "window": Window(**value["window"])})
