"""The batches that grounding is trained with: images, phrases as the stage asks them, and what is true of both."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from specialists.bundled.recipes import asking, views
from specialists.bundled.recipes.pack import Pack
from specialists.bundled.recipes.training import Plan
from specialists.bundled.scenes.catalogue import categories
from specialists.bundled.scenes.palette import NAMED
from specialists.grounding.grounders import padded
from specialists.grounding.passes import marks_of, plain, sentences, tokenised

COLOURS = tuple(NAMED)
STRIDES = (16, 32)  # of the pyramid's levels
_MARK = 0.2  # what a mark between phrases weighs: the best token of all chooses the queries, and must be a word
_HEARD = 4000  # scenes whose phrases are asked elsewhere


class _Seen(NamedTuple):
    view: views.View
    text: tuple[int, ...]  # tokens
    spans: tuple[tuple[int, int], ...]  # of each phrase
    right: np.ndarray  # (k, n) 1, 0 or -1 of each phrase and region that is kept
    kinds: np.ndarray  # (n,) of these: number of the category
    colours: np.ndarray  # (n,) and of the colour, -1 for none


def words_of(pack: Pack) -> list[str]:
    """All words of the scenes' texts and labels but what is written in the pictures, in the alphabet's order."""
    words: set[str] = set()
    for truth in pack.truths("texts", "regions"):
        said = [re.sub('"[^"]*"', " ", text["text"]) for text in truth["texts"]]
        called = [label["text"] for thing in views.objects(truth) for label in thing["labels"]]
        words.update(itertools.chain.from_iterable(re.findall(r"[a-z]+|[^\sa-z]", plain(t)) for t in (*said, *called)))
    return sorted(words)


@cache
def kinds() -> tuple[str, ...]:
    """What can stand somewhere."""
    return (*(category.name for category in categories()), asking.WRITTEN)


class Batches:
    """The batch of each step."""

    def __init__(
        self, pack: Pack, tokenizer: Any, sides: Sequence[Sequence[int]], window: int, plan: Plan, seed: int = 0
    ) -> None:
        self._pack, self._sides, self._window, self._plan, self._seed = pack, sides, window, plan, seed
        self.tokenizer, self._marks = tokenizer, marks_of(tokenizer)
        self._stop = tokenizer.convert_tokens_to_ids(".")
        columns = ("texts", "phrases", "regions", "attributes")
        self._strangers = asking.Strangers()
        self._strangers.learn(itertools.islice(pack.truths(*columns), _HEARD))
        self._chances = views.chances(
            [views.category(thing) for thing in views.objects(truth)] for truth in pack.truths("regions")
        )

    def __call__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng([self._seed, step])
        side = int(rng.choice(self._sides[len(self._sides) * step // self._plan.steps]))
        seen: list[_Seen] = []
        while len(seen) < self._plan.batch:
            one = self._seen(int(rng.choice(len(self._pack), p=self._chances)), side, rng)
            seen += [one] if one else []
        return self._joined(seen, side)

    def _seen(self, index: int, side: int, rng: np.random.Generator) -> _Seen | None:
        scene = self._pack[index]
        asks = asking.asks(scene.truth, self._strangers, rng)
        wanted = set[str]().union(*(ask.right for ask in asks))
        regions = [r for r in scene.truth["regions"] if r["kind"] == "object" or r["id"] in wanted]
        view = views.cut(scene.pixels, views.boxes_of(regions), side, rng)
        kept = [region["id"] for region, stays in zip(regions, view.kept, strict=True) if stays]
        asks = [ask for ask in asks if ask.right <= set(kept)]
        queries = tokenised(self.tokenizer, [ask.phrase for ask in asks], [""] * len(asks), self._marks)
        own = self.tokenizer
        passes = sentences(queries, self._window, own.cls_token_id, self._stop, own.sep_token_id)
        if not passes:
            return None
        asked = [asks[number] for number in passes[0].numbers]
        right = [[-1 if name in ask.unclear else int(name in ask.right) for name in kept] for ask in asked]
        about = asking.scene(scene.truth)
        return _Seen(
            view, passes[0].texts[0], passes[0].spans,
            np.array(right, np.float32).reshape(len(asked), len(kept)),
            np.array([kinds().index(about.categories[name]) for name in kept], np.int64),
            np.array([COLOURS.index(about.colour[name]) if name in about.colour else -1 for name in kept], np.int64),
        )  # fmt: skip

    def _joined(self, seen: list[_Seen], side: int) -> dict[str, Any]:
        text = padded([one.text for one in seen], self.tokenizer.pad_token_id)
        width = text["input_ids"].shape[1]
        most = max(one.right.shape[1] for one in seen)
        boxes = np.zeros((len(seen), max(1, most), 4), np.float32)
        boxes[..., :2] = -9.0  # of no thing: nothing overlaps it
        right = np.zeros((len(seen), max(1, most) + 1, width), np.float32)
        share = np.zeros((len(seen), width), np.float32)
        names = np.full((2, len(seen), max(1, most)), -1, np.int64)
        for row, one in enumerate(seen):
            corners = one.view.boxes[one.view.kept]
            boxes[row, : len(corners), :2] = (corners[:, :2] + corners[:, 2:]) / 2
            boxes[row, : len(corners), 2:] = corners[:, 2:] - corners[:, :2]
            names[:, row, : len(corners)] = one.kinds, one.colours
            share[row, : len(one.text)] = _MARK
            for number, (start, end) in enumerate(one.spans):
                right[row, : len(corners), start:end] = one.right[number, :, None]
                share[row, start:end] = 1 / (end - start)
        grid = places(side)
        chosen = np.stack([answering(grid, one.view.boxes[one.view.kept]) for one in seen])
        pixels = torch.from_numpy(np.stack([one.view.pixels for one in seen])).permute(0, 3, 1, 2)
        return {
            "inputs": {"pixel_values": pixels.float() / 255, **text},
            "boxes": torch.from_numpy(boxes),
            "right": torch.from_numpy(right),
            "share": torch.from_numpy(share),
            "kinds": torch.from_numpy(names[0]),
            "colours": torch.from_numpy(names[1]),
            "chosen": torch.from_numpy(chosen),
        }


def places(side: int) -> np.ndarray:
    """Each place of the pyramid (p, 3): middle x and y, and its stride, as shares of the side."""
    levels = []
    for stride in STRIDES:
        count = -(-side // stride)
        y, x = np.mgrid[:count, :count]
        middle = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / count
        levels.append(np.concatenate([middle, np.full((len(middle), 1), stride / side)], 1))
    return np.concatenate(levels)


def answering(grid: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """For each place (p,) the number of the box (n, 4) that it answers for, the smallest of several, or -1.

    It lies inside the box and within a stride of its middle; a level answers for boxes about four to eight strides
    long, the outer ones for all beyond.
    """
    if not len(boxes):
        return np.full(len(grid), -1)
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    stride = grid[:, 2:]
    off = np.abs(grid[:, None, :2] - middle)
    # The place that a middle falls into answers even where the box is thinner than a stride.
    reach = np.maximum(np.minimum(1.0 * stride[:, None], size[None] / 2), 0.5 * stride[:, None])
    near = (off <= reach).all(-1)
    longest, least, most = size.max(1)[None], stride.min(), stride.max()
    fits = ((longest >= 3.5 * stride) | (stride == least)) & ((longest < 9 * stride) | (stride == most))
    cost = np.where(near & fits, size.prod(1)[None], np.inf)
    return np.where(np.isfinite(cost.min(1)), cost.argmin(1), -1)
