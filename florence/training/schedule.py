"""Where a step stands in the curriculum, and how fast it learns."""

from __future__ import annotations

import math
from dataclasses import dataclass

from florence.training.settings import TrainSettings


@dataclass(frozen=True)
class Stretch:
    """A phase's steps: the ones numbered from `first` up to but not `end`, counted over all phases from 0."""

    number: int
    first: int
    end: int


def stretches(settings: TrainSettings) -> list[Stretch]:
    """The phases' steps, in order."""
    found, first = [], 0
    for number, phase in enumerate(settings.phases):
        found.append(Stretch(number, first, first + phase.steps))
        first += phase.steps
    return found


def share(settings: TrainSettings, step: int) -> float:
    """Of the learning rate, at a step counted from 0: a line up to 1, then a cosine down to `final` at the last."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    span = settings.steps - settings.warmup
    along = (step - settings.warmup) / max(span - 1, 1)
    return settings.final + (1 - settings.final) * (1 + math.cos(math.pi * along)) / 2
