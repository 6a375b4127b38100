"""Which of an image's samples are shown, and what the model reads and writes for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from florence import codec
from florence.codec import Draft, encode, mean, prompt
from florence.data.settings import DataSettings

LEAST = 0.01  # that a score counts as: what scored 0 comes last, not never

Tokens = list[int]


@dataclass(frozen=True)
class Pick:
    """A sample as token ids: the prompt behind the image, the target, both with their <s> and </s>."""

    task: str
    prompt: Tokens
    target: Tokens
    weight: float
    cut: int  # items that the target has not, for want of room


@dataclass(frozen=True)
class Limits:
    """The most tokens of a prompt and of a target, and what makes tokens of a string."""

    prompt: int
    target: int
    tokens: Callable[[str], Tokens]


def drafts(row: Mapping[str, Any], tasks: Mapping[str, float]) -> list[Draft]:
    """All samples that a record allows of the tasks that have a weight."""
    size = (float(row["width"]), float(row["height"]))
    return [draft for draft in codec.drafts(row, size) if tasks.get(draft[0], 0) > 0]


def drawn(found: Sequence[Draft], settings: DataSettings, numbers: np.ndarray) -> list[int]:
    """The places of all drafts (n,) in the order in which they are drawn by numbers (n,) from 0 to 1, each once.

    The next one is always drawn in proportion to its weight, of those that are left: exponential waiting times.
    """
    of_task = Counter(draft[0] for draft in found)
    weights = [settings.tasks[draft[0]] / of_task[draft[0]] * power(draft, settings.score_power) for draft in found]
    return np.argsort(-np.log1p(-numbers) / np.asarray(weights), kind="stable").tolist()


def power(draft: Draft, exponent: float) -> float:
    """A draft's score to an exponent; 1 where nothing in it was scored."""
    score = mean(draft[3])
    return 1.0 if score is None else float(max(score, LEAST) ** exponent)


def written(draft: Draft, size: tuple[float, float], settings: DataSettings, limits: Limits) -> Pick | None:
    """A draft about an image of this size (width, height) in tokens, or None where it does not fit the limits."""
    task, ask, answer, _ = draft
    known: dict[str, Tokens] = {}

    def tokens(text: str) -> Tokens:
        if text not in known:
            known[text] = limits.tokens(text)
        return known[text]

    words = tokens(prompt(task, ask, size))
    if len(words) > limits.prompt:
        return None
    target = encode(task, answer, size, lambda text: len(tokens(text)), limits.target)
    if not target.kept:
        return None
    return Pick(str(task), words, tokens(target.text), power(draft, settings.weight_power), target.cut)
