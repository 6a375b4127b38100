"""What ends a training before its last step, in words that say how to go on."""

from __future__ import annotations

import math
from collections.abc import Sequence


class TrainingError(RuntimeError):
    """A training that could not go on. What it had learnt is in its last checkpoint, which the message names."""


def out_of_memory(error: BaseException) -> bool:
    """Whether a device or this machine had no memory left."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error).lower()
    # The CPU's allocator has no exception of its own.
    return isinstance(error, RuntimeError) and ("allocate memory" in words or "not enough memory" in words)


def say_memory(number: int, accumulate: int, samples: int, image_size: int, error: BaseException) -> str:
    """How to go on after that: the next run takes the same step in smaller pieces."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (
        f"no memory left for {samples} samples of {image_size} px at a time ({first}). Raise "
        f"phases[{number}].accumulate, now {accumulate}, which is how many pieces a step is taken in, and run the same "
        "command again: it goes on from there"
    )


def say_not_finite(loss: float, norm: float, samples: Sequence[str]) -> str:
    """Which number it was, and for which samples."""
    what = f"the loss is {loss}" if not math.isfinite(loss) else f"the norm of the gradient is {norm}"
    of = f", of {', '.join(samples[:3])}{' and others' if len(samples) > 3 else ''}" if samples else ""
    return (
        f"{what}{of}; that step was not taken, and would be the same again. Begin another run --from this checkpoint, "
        "or from one before the loss rose, into another folder: with a lower learning_rate or clip, or precision: fp32"
    )
