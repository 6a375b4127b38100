"""The brush: paints a backdrop, in shares of its width and height, x right and y down."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.palette import Rgb, rgb
from specialists.bundled.scenes.shapes import Points

_BITS = 4


@cache
def noise(side: int = 1024) -> np.ndarray:
    """One piece of white noise, int16 (side, side, 3), deviation 64: all scenes cut their parts from it.

    The three parts of a pixel are alike for the most part, as a sensor's are.
    """
    parts = np.random.default_rng(5).standard_normal((side, side, 4), np.float32)
    made: np.ndarray = np.clip((0.8 * parts[..., :3] + 0.6 * parts[..., 3:]) * 64, -255, 255).astype(np.int16)
    return made


@cache
def _halo() -> np.ndarray:
    """Light that fades from the middle, uint8 (256, 256)."""
    away = np.hypot(*np.meshgrid(np.linspace(-1, 1, 256), np.linspace(-1, 1, 256)))
    made: np.ndarray = (255 * np.clip(1 - away, 0, 1) ** 2).astype(np.uint8)
    return made


def cut(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A part of the noise, int16 (height, width, 3), each side at most 1024."""
    bank = noise()
    y, x = rng.integers(0, bank.shape[0] - height + 1), rng.integers(0, bank.shape[1] - width + 1)
    return bank[y : y + height, x : x + width]


class Brush:
    """Paints on RGB pixels uint8 (height, width, 3). Colours are "#rrggbb" or Rgb."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.image = np.zeros((height, width, 3), np.uint8)
        self.size, self.rng = np.array([width, height]), rng
        self.wide = width / height

    def vary(self, low: float, high: float) -> float:
        """A number by chance."""
        return float(self.rng.uniform(low, high))

    def ramp(self, y0: float, y1: float, colours: Sequence[str | Rgb], x0: float = 0, x1: float = 1) -> None:
        """Rows from y0 to y1, between x0 and x1, in colours that flow into each other."""
        left, right = (round(x * self.size[0]) for x in (x0, x1))
        top, bottom = (round(min(y, 1.0) * self.size[1]) for y in (y0, y1))
        if bottom <= top:
            return
        stops = np.array([_rgb(colour) for colour in colours])
        at = np.linspace(0, len(stops) - 1, bottom - top)
        rows = np.stack([np.interp(at, np.arange(len(stops)), stops[:, part]) for part in range(3)], axis=1)
        column = np.rint(rows).astype(np.uint8)[:, None]
        self.image[top:bottom, left:right] = cv2.resize(
            column, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
        )

    def fill(self, points: Points, colour: str | Rgb) -> None:
        """A closed shape."""
        cv2.fillPoly(self.image, [self._at(points)], _rgb(colour), cv2.LINE_AA, _BITS)

    def blob(self, points: Points, colour: str | Rgb) -> None:
        """A smooth closed shape."""
        self.fill(shapes.blob(points), colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: str | Rgb) -> None:
        """A rectangle."""
        self.fill(shapes.box(x0, y0, x1, y1), colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: str | Rgb) -> None:
        """An ellipse; rx is a share of the height too, so that a circle is one."""
        self.fill(shapes.oval(x, y, rx / self.wide, ry), colour)

    def line(self, points: Points, width: float, colour: str | Rgb) -> None:
        """A stroke; its width is a share of the height."""
        thick = max(1, round(width * self.size[1]))
        cv2.polylines(self.image, [self._at(points)], False, _rgb(colour), thick, cv2.LINE_AA, _BITS)

    def lines(self, paths: np.ndarray, width: float, colour: str | Rgb) -> None:
        """Many strokes of one width, a share of the height: (count, points, 2)."""
        if len(paths):
            thick = max(1, round(width * self.size[1]))
            cv2.polylines(self.image, list(self._at(paths)), False, _rgb(colour), thick, cv2.LINE_AA, _BITS)

    def glow(self, x: float, y: float, r: float, colour: str | Rgb, strength: float = 0.8) -> None:
        """Light that fades from the middle outwards; r is a share of the height."""
        side = 2 * max(2, round(r * self.size[1]))
        self._veil(cv2.resize(_halo(), (side, side)), x, y, colour, strength)

    def cloud(self, x: float, y: float, size: float, colour: str | Rgb = "#ffffff", share: float = 0.85) -> None:
        """A soft heap of a cloud; size is its height."""
        h = max(6, round(size * self.size[1]))
        mask = np.zeros((2 * h, 4 * h), np.uint8)
        for _ in range(int(self.rng.integers(5, 9))):
            r = self.vary(0.28, 0.55) * h
            at = self.vary(1.1, 2.9) * h, 1.15 * h - self.vary(0, 0.3) * h
            cv2.ellipse(mask, (round(at[0]), round(at[1])), (round(r * 1.2), round(r)), 0, 0, 360, 255, -1, cv2.LINE_AA)
        mask[round(1.45 * h) :] = 0
        mask = cv2.blur(mask, (h // 4 + 1, h // 4 + 1))
        self._veil(mask, x, y, colour, share)

    def _veil(self, mask: np.ndarray, x: float, y: float, colour: str | Rgb, share: float) -> None:
        """Lay a colour over the image where a mask, uint8, around (x, y) says, up to a share."""
        high, wide = mask.shape
        column, row = round(x * self.size[0]) - wide // 2, round(y * self.size[1]) - high // 2
        x0, y0 = max(0, column), max(0, row)
        x1, y1 = min(int(self.size[0]), column + wide), min(int(self.size[1]), row + high)
        if x1 <= x0 or y1 <= y0:
            return
        part = self.image[y0:y1, x0:x1]
        cover = cv2.convertScaleAbs(mask[y0 - row : y1 - row, x0 - column : x1 - column], alpha=share)
        clear = cv2.bitwise_not(cover)
        kept = cv2.multiply(part, cv2.merge([clear, clear, clear]), scale=1 / 255)
        cv2.add(kept, cv2.merge([cv2.convertScaleAbs(cover, alpha=tone / 255) for tone in _rgb(colour)]), dst=part)

    def grain(self, y0: float, y1: float, strength: float, across: int = 4, down: int = 2) -> None:
        """Uneven light on rows y0 to y1, in flecks of so many px: grass, sand, plaster."""
        top, bottom = (round(min(y, 1.0) * self.size[1]) for y in (y0, y1))
        if bottom - top < 2:
            return
        width = int(self.size[0])
        small = np.ascontiguousarray(cut(self.rng, max(2, (bottom - top) // down), max(2, width // across))[..., 0])
        flecks = cv2.resize(small, (width, bottom - top), interpolation=cv2.INTER_LINEAR)
        flecks = cv2.convertScaleAbs(flecks, alpha=strength / 64, beta=128)
        part = self.image[top:bottom]
        cv2.multiply(part, cv2.merge([flecks, flecks, flecks]), part, 1 / 128)

    def strokes(self, count: int, y0: float, y1: float, colours: Sequence[str], length: float = 0.02) -> None:
        """Tufts of grass, small stones, ripples: many short strokes, smaller towards the top."""
        xs, ys, picks = self.rng.random(count), self.rng.random(count), self.rng.integers(len(colours), size=count)
        near = length * (0.35 + 0.65 * ys)
        foot = np.stack([xs, y0 + (y1 - y0) * ys], axis=1)
        blades = [foot + np.stack([lean * near / self.wide, -near], axis=1) for lean in (-0.5, 0.1, 0.6)]
        tufts = np.stack([blades[0], foot, blades[1], foot, blades[2]], axis=1)
        for pick, colour in enumerate(colours):
            self.lines(tufts[picks == pick], 0.003, colour)

    def ripples(self, count: int, y0: float, y1: float, colour: str, length: float = 0.06) -> None:
        """Short level strokes, on water, sand or snow."""
        x, y, spread = self.rng.random((3, count))
        half, at = length * (0.3 + 0.7 * y) * (0.5 + 0.5 * spread), y0 + (y1 - y0) * y
        bows = [(x + share * half, at - 0.008 * y * (1 - share**2)) for share in (-1.0, -0.5, 0.0, 0.5, 1.0)]
        paths = np.moveaxis(np.array(bows), 2, 0)
        self.lines(paths[y < 0.5], 0.005, colour)
        self.lines(paths[y >= 0.5], 0.007, colour)

    def ridge(self, base: float, height: float, bumps: int, colour: str | Rgb, sharp: bool = False) -> None:
        """Hills or mountains whose feet are at `base`."""
        x = np.linspace(-0.1, 1.1, bumps)
        y = base - height * self.rng.uniform(0.25 if not sharp else 0.05, 1, bumps)
        if sharp:
            y[1::2] = base - height * self.rng.uniform(0.65, 1, len(y[1::2]))
        top = np.stack([x, y], axis=1)
        self.fill(
            np.concatenate([top if sharp else shapes.curve(top), [(1.1, base + 0.01), (-0.1, base + 0.01)]]), colour
        )

    def _at(self, points: Points) -> np.ndarray:
        at: np.ndarray = np.rint(np.asarray(points, float) * self.size * 2**_BITS).astype(np.int32)
        return at


def _rgb(colour: str | Rgb) -> Rgb:
    return rgb(colour) if isinstance(colour, str) else colour
