"""What is drawn from a dataset, how often, and how it is shown. No paper gives these values: all defaults are ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from engine.stage import ChainError
from florence.codec import Task
from florence.presets import STRIDE

# What is asked of a whole image, of a phrase or of one region: those about one region come several to an image, and
# are half of two neighbours, a name and a description.
DEFAULT_TASKS: Mapping[str, float] = MappingProxyType(
    {
        Task.CAPTION: 1.0, Task.DETAILED_CAPTION: 1.0, Task.MORE_DETAILED_CAPTION: 1.0, Task.OD: 1.0,
        Task.DENSE_REGION_CAPTION: 1.0, Task.REGION_PROPOSAL: 0.5, Task.CAPTION_TO_PHRASE_GROUNDING: 1.0,
        Task.REFERRING_EXPRESSION_SEGMENTATION: 0.5, Task.REGION_TO_SEGMENTATION: 0.5,
        Task.OPEN_VOCABULARY_DETECTION: 1.0, Task.REGION_TO_CATEGORY: 0.5, Task.REGION_TO_DESCRIPTION: 0.5,
        Task.REGION_TO_OCR: 0.5, Task.OCR: 0.5, Task.OCR_WITH_REGION: 0.5,
    }
)  # fmt: skip


@dataclass(frozen=True)
class DataSettings:
    """Raises ChainError for what makes no sense.

    `image_size` is the model's, in px, a multiple of 32; `batch_size` the samples of a step of all workers together.
    `tasks` has a weight per task: of an image's samples, one is drawn with its task's weight, shared among the samples
    of that task, times its score to `score_power` (what has no score counts as 1). `tasks_per_image` are drawn of an
    image, or as many as it has. In the loss a sample counts with its score to `weight_power`.

    `repeat_threshold` is LVIS's: an image with a category that fewer than this share of the images have comes
    sqrt(threshold / share) times in an epoch, but not more than `repeat_limit` times; 0 is never.
    `mirror` and `crop` are how often an image is mirrored or cropped where that leaves all true that is said of it, and
    `crop_margin` how much of the margin around all regions a crop may take at most.

    `max_target` are the tokens of a target, with <s> and </s>; `pad_to` the multiple that lengths are padded to.
    `window` images are held and mixed at a time. `threads` (0: one per core) and `prefetch`, in batches, decide
    how fast it goes, and nothing else.
    """

    image_size: int = 384
    batch_size: int = 8
    tasks: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_TASKS))
    tasks_per_image: int = 4
    score_power: float = 1.0
    weight_power: float = 0.0
    repeat_threshold: float = 0.001  # LVIS's own (Gupta et al., arXiv 1908.03195)
    repeat_limit: float = 4.0
    mirror: float = 0.5
    crop: float = 0.5
    crop_margin: float = 0.3
    max_target: int = 512
    pad_to: int = 1
    window: int = 512
    seed: int = 0
    threads: int = 0
    prefetch: int = 4

    def __post_init__(self) -> None:
        _whole(self, 1, "batch_size", "tasks_per_image", "max_target", "pad_to", "window", "image_size", "prefetch")
        _whole(self, 0, "seed", "threads")
        if self.image_size % STRIDE:
            raise ChainError(f"image_size is {self.image_size}: it must be a multiple of {STRIDE}")
        if self.max_target < 3:
            raise ChainError(f"max_target is {self.max_target}: a target is at least <s>, a token and </s>")
        for name in ("mirror", "crop", "crop_margin", "repeat_threshold"):
            _number(name, getattr(self, name), 0, 1)
        _number("repeat_limit", self.repeat_limit, 1)
        _number("score_power", self.score_power, 0)
        _number("weight_power", self.weight_power, 0)
        unknown = sorted(set(self.tasks) - set(Task))
        if unknown:
            raise ChainError(f"tasks: there is no task {unknown[0]!r}; take of {', '.join(Task)}")
        for name, weight in self.tasks.items():
            _number(f"tasks: the weight of {name}", weight, 0)
        if not any(self.tasks.values()):
            raise ChainError("tasks: no task has a weight above 0, so nothing would be trained")

    @property
    def order(self) -> dict[str, Any]:
        """What decides which sample comes when: a position is one among samples in this order."""
        names = ("tasks_per_image", "score_power", "repeat_threshold", "repeat_limit", "window", "seed")
        tasks = {str(name): float(weight) for name, weight in sorted(self.tasks.items()) if weight}
        return {"tasks": tasks, **{name: getattr(self, name) for name in names}}


def _whole(settings: DataSettings, least: int, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ChainError(f"{name} is {value!r}: it must be a whole number of at least {least}")


def _number(name: str, value: Any, least: float, most: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most or value == math.inf:
        between = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
        raise ChainError(f"{name} is {value!r}: it must be a number {between}")
