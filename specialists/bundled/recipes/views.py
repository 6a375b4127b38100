"""How a recipe sees a public scene: cut out, mirrored, resized, with boxes that stay true; rare things more often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from specialists.bundled.recipes.pack import Pack

LEAST_LEFT = 0.4  # of a box, or it is not asked for where a cut parts it; ours


@dataclass(frozen=True)
class View:
    """What is seen: RGB uint8 (side, side, 3), and what became of each box.

    `boxes` (n, 4) are xyxy as shares of the view's sides, clipped to it; `kept` bool (n,) says which of them are
    still to be seen well enough; `mirrored` whether left is right.
    """

    pixels: np.ndarray
    boxes: np.ndarray
    kept: np.ndarray
    mirrored: bool


def whole(pixels: np.ndarray, boxes: np.ndarray, side: int) -> View:
    """All of an image (height, width, 3), stretched to a square, with its boxes (n, 4) in pixels."""
    height, width = pixels.shape[:2]
    return window(pixels, boxes, (0, 0, width, height), side, False)


def cut(
    pixels: np.ndarray, boxes: np.ndarray, side: int, rng: np.random.Generator, least: float = 0.55, mirror: float = 0.5
) -> View:
    """A window of at least the share `least` of each side, mirrored as often as `mirror` says, in another light."""
    height, width = pixels.shape[:2]
    share = rng.uniform(least, 1, 2) if rng.random() < 0.6 else np.ones(2)
    wide, high = max(1, round(share[0] * width)), max(1, round(share[1] * height))
    left, top = int(rng.integers(width - wide + 1)), int(rng.integers(height - high + 1))
    view = window(pixels, boxes, (left, top, left + wide, top + high), side, bool(rng.random() < mirror))
    light = cv2.convertScaleAbs(view.pixels, alpha=rng.uniform(0.9, 1.1), beta=rng.uniform(-12, 12))
    return View(light, view.boxes, view.kept, view.mirrored)


def window(pixels: np.ndarray, boxes: np.ndarray, place: tuple[int, int, int, int], side: int, mirrored: bool) -> View:
    """The part of an image at `place`, left, top, right and bottom in pixels, stretched to a square."""
    left, top, right, bottom = place
    part = pixels[top:bottom, left:right]
    shrinks = part.shape[0] > side and part.shape[1] > side
    part = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    moved = (boxes - np.tile((left, top), 2)) / np.tile((right - left, bottom - top), 2)
    clipped = moved.clip(0, 1)
    kept = _area(clipped) > LEAST_LEFT * _area(moved)
    if mirrored:
        part, clipped = part[:, ::-1], np.stack([1 - clipped[:, 2], clipped[:, 1], 1 - clipped[:, 0], clipped[:, 3]], 1)
    return View(np.ascontiguousarray(part), clipped.astype(np.float32), kept, mirrored)


def _area(boxes: np.ndarray) -> np.ndarray:
    area: np.ndarray = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return area


def objects(truth: dict[str, Any]) -> list[dict[str, Any]]:
    """The regions of a scene that are things, not written lines."""
    return [region for region in truth["regions"] if region["kind"] == "object"]


def category(region: dict[str, Any]) -> str:
    """A thing's category."""
    name: str = region["labels"][0]["text"]
    return name


def boxes_of(regions: Sequence[dict[str, Any]]) -> np.ndarray:
    """Boxes (n, 4), xyxy in pixels."""
    return np.array([region["box"] for region in regions], np.float64).reshape(-1, 4)


def categories(pack: Pack) -> list[str]:
    """The names of all categories, in the alphabet's order."""
    return sorted({category(thing) for truth in pack.truths("regions") for thing in objects(truth)})


def chances(scenes: Iterable[Sequence[str]], threshold: float = 0.06) -> np.ndarray:
    """How often each scene is drawn, from what is in it: a probability for each.

    A scene's chance is that of its rarest category: sqrt(threshold / share of the scenes that have it), at least 1,
    as LVIS has it (Gupta et al., arXiv 1908.03195, appendix). The threshold is ours.
    """
    names = [set(scene) for scene in scenes]
    share = Counter(name for scene in names for name in scene)
    repeat = {name: max(1.0, (threshold * len(names) / count) ** 0.5) for name, count in share.items()}
    weights = np.array([max((repeat[name] for name in scene), default=1.0) for scene in names])
    return weights / weights.sum()
