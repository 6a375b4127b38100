"""From a plan to pixels, and to what is visible of each thing: layers from the back to the front, then the lens."""

from __future__ import annotations

import cv2
import numpy as np

from specialists.bundled.scenes import materials, writing
from specialists.bundled.scenes.backdrops.brush import cut
from specialists.bundled.scenes.backdrops.zones import Light
from specialists.bundled.scenes.pen import Pen
from specialists.bundled.scenes.seeds import Difficulty
from specialists.bundled.scenes.thing import Thing

_SOLID = 127  # of 255: from here on a pixel is the thing's
_READABLE = 0.97  # share of a sign that stays uncovered
_LEAST_PX = 40  # a thing of fewer visible pixels is not drawn


def paint(
    image: np.ndarray, things: list[Thing], light: Light, difficulty: Difficulty, rng: np.random.Generator
) -> list[Thing]:
    """Draw things, the farthest first, onto RGB pixels uint8 (height, width, 3); those that are drawn, with masks.

    One that would hide too much of another, or shows too little of itself, is left out.
    """
    owner = np.zeros(image.shape[:2], np.uint8)  # 0, or 1 + the place among those drawn
    drawn: list[Thing] = []
    areas: list[int] = []
    counts = np.zeros(255, np.int64)  # of the pixels that are to be seen of each
    for thing in things:
        if thing.on is not None and not any(thing.on is other for other in drawn):
            continue
        layer, alpha, left, top = _layer(thing, light, rng)
        y0, x0 = max(0, -top), max(0, -left)
        part = slice(y0, image.shape[0] - top), slice(x0, image.shape[1] - left)
        layer, alpha = layer[part], alpha[part]
        if not alpha.size:
            continue
        left, top = left + x0, top + y0
        window = slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1])
        solid = cv2.threshold(alpha, _SOLID, 255, cv2.THRESH_BINARY)[1]
        area = cv2.countNonZero(solid)
        covered = cv2.calcHist([owner[window]], [0], solid, [256], [0, 256]).ravel()[1:].astype(np.int64)
        least = [_READABLE if other.lines else difficulty.least_visible for other in drawn]
        hides = any((counts - covered)[: len(drawn)] < np.multiply(least, areas))
        if area < _LEAST_PX or hides:
            continue
        if thing.zone in ("ground", "road", "floor", "top", "surface", "rails"):
            _shadow(image, thing)
        _over(image[window], layer, alpha)
        np.copyto(owner[window], len(drawn) + 1, where=solid.view(bool))
        counts -= covered
        counts[len(drawn)] = area
        drawn.append(thing)
        areas.append(area)
    for place, thing in enumerate(drawn):
        _look(thing, owner, place, counts[place] / areas[place])
    return drawn


def _look(thing: Thing, owner: np.ndarray, place: int, shown: float) -> None:
    """Note what is visible of a thing."""
    x0, y0, x1, y1 = thing.frame.box
    edge = 0.3 * thing.frame.height
    x0, y0 = max(0, int(x0 - edge)), max(0, int(y0 - edge))
    mask = owner[y0 : max(0, int(y1 + edge)), x0 : max(0, int(x1 + edge))] == place + 1
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    thing.visible = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    thing.corner = x0 + left, y0 + top
    height, width = thing.visible.shape
    thing.box = (x0 + left, y0 + top, x0 + left + width, y0 + top + height)
    thing.shown = float(shown)


def _layer(thing: Thing, light: Light, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int, int]:
    """A thing's layer, lit: premultiplied RGB, its cover, and its left top corner in the image."""
    pen = Pen(thing.frame, thing.look, rng)
    materials.apply(pen)
    thing.category.draw(pen)
    if thing.lines:
        thing.quads = writing.write(pen, thing.lines, thing.outfit.font)
    height, width = pen.image.shape[0] // pen.finer, pen.image.shape[1] // pen.finer
    layer = cv2.resize(pen.image, (width, height), interpolation=cv2.INTER_AREA)
    return *_lit(layer, light), pen.left, pen.top


def _lit(layer: np.ndarray, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """RGB and cover of a layer in light from the upper left: edges that face it are lighter, as on something round."""
    *parts, alpha = cv2.split(layer)
    height, width = alpha.shape
    side = max(3, int(0.11 * min(height, width))) | 1
    soft = cv2.blur(alpha, (side, side))
    shift = max(1, side // 3)
    rim = np.full_like(alpha, 128)
    near, far = soft[: height - shift, : width - shift], soft[shift:, shift:]
    # 128 is neutral; where the cover grows towards the lower right is the edge that faces the light.
    facing = cv2.subtract(far, near, dtype=cv2.CV_16S)
    rim[shift // 2 : height - shift + shift // 2, shift // 2 : width - shift + shift // 2] = cv2.convertScaleAbs(
        facing, alpha=0.25, beta=128
    )
    tinted = [cv2.multiply(part, rim, scale=tint / 128) for part, tint in zip(parts, light.tint, strict=True)]
    return cv2.merge([cv2.min(part, alpha) for part in tinted]), alpha


def _over(below: np.ndarray, layer: np.ndarray, alpha: np.ndarray) -> None:
    """Lay a premultiplied layer on pixels of the same size."""
    clear = cv2.bitwise_not(alpha)
    kept = cv2.multiply(below, cv2.merge([clear, clear, clear]), scale=1 / 255)
    cv2.add(kept, layer, dst=below)


def _shadow(image: np.ndarray, thing: Thing) -> None:
    """Darken the ground where a thing stands."""
    x0, _, x1, y1 = thing.frame.box
    wide, high = 0.56 * (x1 - x0), 0.09 * thing.frame.height + 2
    middle = (x0 + x1) / 2 + 0.04 * (x1 - x0)
    left, right = max(0, int(middle - wide)), min(image.shape[1], int(middle + wide) + 1)
    top, bottom = max(0, int(y1 - high)), min(image.shape[0], int(y1 + high) + 1)
    if right <= left or bottom <= top:
        return
    x = ((np.arange(left, right) - middle) / wide).astype(np.float32)
    y = ((np.arange(top, bottom) - y1 + 0.01 * thing.frame.height) / high).astype(np.float32)
    dark = 255 - 130 * np.clip(1 - np.add.outer(y**2, x**2), 0, 1)
    dark = dark.astype(np.uint8)
    part = image[top:bottom, left:right]
    cv2.multiply(part, cv2.merge([dark, dark, dark]), part, 1 / 255)


def develop(image: np.ndarray, difficulty: Difficulty, rng: np.random.Generator) -> np.ndarray:
    """What lens and sensor do: blur, exposure, contrast, noise. RGB uint8 in and out."""
    sigma = float(rng.uniform(*difficulty.blur))
    if sigma > 0.35:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    gain, contrast = (1 + difficulty.exposure * rng.uniform(-1, 1, 2)).tolist()
    curve = np.arange(256) * (gain * contrast) + 128 * (1 - contrast)
    image = cv2.LUT(image, np.clip(np.rint(curve), 0, 255).astype(np.uint8))
    deviation = float(rng.uniform(*difficulty.noise))
    if deviation >= 1:
        loud = (deviation / 64,) * 4
        grains = cv2.multiply(cut(rng, *image.shape[:2]), loud)  # type: ignore[call-overload]  # a scalar
        image = cv2.add(image, grains, dtype=cv2.CV_8U)
    return image
