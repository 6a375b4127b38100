"""What "main" is filled with where an object is not plain: a picture as large as the object's layer."""

from __future__ import annotations

import cv2
import numpy as np

from specialists.bundled.scenes.palette import mixed, toned
from specialists.bundled.scenes.pen import Pen

PATTERNS = ("plain", "striped", "spotted", "checkered", "wooden", "metallic")


def apply(pen: Pen) -> None:
    """Give the pen the texture that its look asks for."""
    draw = {"striped": _stripes, "spotted": _spots, "checkered": _checks, "wooden": _wood, "metallic": _metal}.get(
        pen.look.pattern
    )
    if draw:
        pen.texture = np.full(pen.image.shape[:2], _packed(pen, "main")).view(np.uint8).reshape(pen.image.shape)
        draw(pen, pen.texture)


def _stripes(pen: Pen, texture: np.ndarray) -> None:
    height, width = texture.shape[:2]
    step = max(4, round(pen.unit * pen.vary(0.1, 0.15)))
    if pen.rng.random() < 0.4:
        for y in range(int(pen.rng.integers(step)), height, step):
            cv2.rectangle(texture, (0, y), (width, y + step * 2 // 5), pen.ink("second"), -1)
        return
    lean = round(pen.unit * float(pen.rng.choice([0.0, 0.0, 0.35])))
    for x in range(-lean - step, width + step, step):
        band = np.array([(x, 0), (x + step * 2 // 5, 0), (x + step * 2 // 5 + lean, height), (x + lean, height)])
        cv2.fillPoly(texture, [band], pen.ink("second"), cv2.LINE_AA)


def _spots(pen: Pen, texture: np.ndarray) -> None:
    height, width = texture.shape[:2]
    step = pen.unit * pen.vary(0.11, 0.16)
    rows, columns = int(height / step) + 2, int(width / step) + 2
    jitter = pen.rng.uniform(-0.18, 0.18, (rows, columns, 2))
    radius = pen.rng.uniform(0.2, 0.33, (rows, columns)) * step
    for row in range(rows):
        for column in range(columns):
            x = (column + 0.5 * (row % 2) + jitter[row, column, 0]) * step
            y = (row + jitter[row, column, 1]) * step
            at, r = (round(x * 16), round(y * 16)), round(radius[row, column] * 16)
            cv2.circle(texture, at, r, pen.ink("second"), -1, cv2.LINE_AA, 4)


def _checks(pen: Pen, texture: np.ndarray) -> None:
    height, width = texture.shape[:2]
    step = max(3, round(pen.unit * pen.vary(0.08, 0.11)))
    odd = (np.arange(height)[:, None] // step + np.arange(width)[None] // step) % 2 == 1
    texture.view(np.uint32)[odd[..., None]] = _packed(pen, "second")


def _wood(pen: Pen, texture: np.ndarray) -> None:
    """Boards across, each of its own tone, with the grain along them."""
    height, width = texture.shape[:2]
    step = max(6, round(pen.unit * 0.13))
    for y in range(0, height, step):
        tone = toned(pen.look.main, pen.vary(0.9, 1.1))
        cv2.rectangle(texture, (0, y), (width, y + step), (*tone, 255), -1)
        grain = (*mixed(tone, toned(pen.look.main, 0.55), 0.4), 255)
        for _ in range(3):
            x, at = int(pen.rng.integers(-width // 3, width)), y + int(pen.rng.integers(2, step))
            line = np.stack([x + np.linspace(0, width * 0.6, 12), at + 0.1 * step * np.sin(np.linspace(0, 7, 12))], 1)
            cv2.polylines(texture, [np.rint(line).astype(np.int32)], False, grain, pen.finer // 2, cv2.LINE_AA)
        cv2.line(texture, (0, y), (width, y), (*toned(tone, 0.6), 255), pen.finer // 2 + 1)


def _metal(pen: Pen, texture: np.ndarray) -> None:
    """Bands of reflected light across the colour, as on brushed metal."""
    height, width = texture.shape[:2]
    along = np.arange(width + height) / pen.unit
    light = 1 + 0.2 * np.sin(along * 7 + pen.vary(0, 6)) + 0.1 * np.sin(along * 17)
    band = np.full((len(along), 4), 255, np.uint8)
    band[:, :3] = np.clip(light[:, None] * pen.colour("main"), 0, 255)
    shift = (0.45 * np.arange(height)).astype(int)
    texture.view(np.uint32)[..., 0] = band.view(np.uint32)[np.arange(width) + shift[:, None], 0]


def _packed(pen: Pen, ink: str) -> np.uint32:
    """A colour as four bytes in one: what fills a picture fastest."""
    packed: np.uint32 = np.rint(pen.ink(ink)).astype(np.uint8).view(np.uint32)[0]
    return packed
