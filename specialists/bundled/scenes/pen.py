"""The pen: draws an object's parts on a layer of its own, in the object's own frame.

The frame of an object: y from 0 (its top) to 1 (where it stands), x from 0 to its aspect (width by height). A layer
is premultiplied RGBA, drawn two to four times too large, so that its edges are smooth when it is scaled down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.palette import Rgb, mixed, rgb, toned
from specialists.bundled.scenes.shapes import Points

MARGIN = 0.12  # of the height, around the frame: tails and wheels may stick out
_BITS = 4  # of a coordinate's fraction
_OUTLINE = "#2b2622"
_LEAST_OUTLINED = 9  # times the outline: a smaller shape has none
_TONES = {"+": 1.22, "-": 0.78}


@dataclass(frozen=True)
class Look:
    """What an object is drawn with: its colours, its pattern, its pose, and whether it has drawn outlines."""

    main: Rgb
    second: Rgb
    pattern: str = "plain"
    pose: str = ""
    outlined: bool = False
    extras: dict[str, Rgb] = field(default_factory=dict)  # "skin", "hair" ..
    traits: frozenset[str] = frozenset()  # "bearded" ..


@dataclass(frozen=True)
class Frame:
    """Where an object's frame lies in the image: its top left corner, its height in px, its aspect."""

    left: float
    top: float
    height: float
    aspect: float
    mirrored: bool = False
    turn: float = 0  # degrees clockwise around the point it stands on

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the frame in pixels of the image, unturned."""
        return self.left, self.top, self.left + self.height * self.aspect, self.top + self.height


class Pen:
    """Draws in one object's frame. Colours are roles ("main", "second", "skin") or "#rrggbb", with + or - for tones."""

    def __init__(self, frame: Frame, look: Look, rng: np.random.Generator) -> None:
        self.look, self.rng, self.aspect = look, rng, frame.aspect
        self.finer = 2 if frame.height > 70 else 4
        edge = MARGIN * frame.height
        x0, y0, x1, y1 = frame.box
        self.left, self.top = int(np.floor(x0 - edge)), int(np.floor(y0 - edge))
        width, height = int(np.ceil(x1 + edge)) - self.left, int(np.ceil(y1 + edge)) - self.top
        self.image = np.zeros((height * self.finer, width * self.finer, 4), np.uint8)
        self.unit = frame.height * self.finer  # drawn px for 1
        self.texture: np.ndarray | None = None  # RGBA like the image: what "main" is filled with if not plain
        self._scale = np.array([-self.unit if frame.mirrored else self.unit, self.unit]) * 2**_BITS
        self._turn, self._foot = frame.turn, np.array([frame.aspect / 2, 1.0])
        self._place = np.array([(x0 + x1) / 2 - self.left, y1 - self.top]) * (self.finer * 2**_BITS)
        self._inks: dict[str, tuple[float, ...]] = {}
        self._outline = max(1, round(0.01 * self.unit)) if look.outlined else 0

    def vary(self, low: float, high: float) -> float:
        """A number that this object has by chance."""
        return float(self.rng.uniform(low, high))

    def fill(self, points: Points, ink: str) -> None:
        """A closed shape."""
        at = self._at(points)
        if self.texture is not None and ink == "main":
            self._fill_textured(at)
        else:
            cv2.fillPoly(self.image, [at], self.ink(ink), cv2.LINE_AA, _BITS)
        if self._outline and min(np.ptp(at, axis=0)) > _LEAST_OUTLINED * self._outline * 2**_BITS:
            cv2.polylines(self.image, [at], True, self.ink(_OUTLINE), self._outline, cv2.LINE_AA, _BITS)

    def blob(self, points: Points, ink: str) -> None:
        """A smooth closed shape through the points."""
        self.fill(shapes.blob(points), ink)

    def oval(self, x: float, y: float, rx: float, ry: float, ink: str, turn: float = 0) -> None:
        """An ellipse around (x, y)."""
        self.fill(shapes.oval(x, y, rx, ry, turn), ink)

    def disc(self, x: float, y: float, r: float, ink: str) -> None:
        """A circle."""
        self.fill(shapes.oval(x, y, r, r), ink)

    def box(self, x0: float, y0: float, x1: float, y1: float, ink: str, round: float = 0) -> None:
        """A rectangle."""
        self.fill(shapes.box(x0, y0, x1, y1, round), ink)

    def line(self, points: Points, width: float, ink: str, *, smooth: bool = False) -> None:
        """A stroke with round ends."""
        at = self._at(shapes.curve(points) if smooth else points)
        thick = max(1, round(width * self.unit))
        if thick > 3 * self._outline > 0:
            rim = thick + self._outline
            cv2.polylines(self.image, [at], False, self.ink(_OUTLINE), rim, cv2.LINE_AA, _BITS)
        cv2.polylines(self.image, [at], False, self.ink(ink), thick, cv2.LINE_AA, _BITS)

    def limb(self, points: Points, start: float, end: float, ink: str) -> None:
        """A stroke that gets thinner, or thicker, from its start to its end; widths as for `line`."""
        middle = shapes.curve(points)
        along = np.gradient(middle, axis=0)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
        half = np.linspace(start, end, len(middle))[:, None] / 2
        self.fill(np.concatenate([middle + normal * half, (middle - normal * half)[::-1]]), ink)
        for (x, y), r in ((middle[0], start / 2), (middle[-1], end / 2)):
            if not self._outline:
                self.disc(x, y, r, ink)

    def shade(self, points: Points, factor: float) -> None:
        """Make what is drawn already darker (below 1) or lighter inside a shape."""
        at = self._at(points)
        x, y, w, h = self._window(at)
        if w <= 0 or h <= 0:
            return
        part = self.image[y : y + h, x : x + w]
        mask = np.zeros((h, w), np.uint8)
        cv2.fillPoly(mask, [at - np.array([x, y]) * 2**_BITS], 255, cv2.LINE_8, _BITS)
        toned = cv2.multiply(part, (factor, factor, factor, 1.0))  # type: ignore[call-overload]  # a scalar
        cv2.copyTo(toned, mask, part)

    def stamp(self, coverage: np.ndarray, corners: Points, ink: str) -> None:
        """Print a picture of coverage, uint8 (h, w), onto a rectangle (4, 2) whose first corner is its top left one."""
        fixed = self._at(corners)
        x, y, wide, high = self._window(fixed)
        if wide <= 0 or high <= 0:
            return
        at = fixed / 2**_BITS
        across, down = at[1] - at[0], at[3] - at[0]
        size = max(1, round(float(np.hypot(*across)))), max(1, round(float(np.hypot(*down))))
        small = cv2.resize(coverage, size, interpolation=cv2.INTER_AREA)
        dx, dy = np.arange(x, x + wide) - at[0, 0], np.arange(y, y + high)[:, None] - at[0, 1]
        column = (dx * across[0] + dy * across[1]) * (size[0] / (across**2).sum()) - 0.5
        row = (dx * down[0] + dy * down[1]) * (size[1] / (down**2).sum()) - 0.5
        share = _sampled(small, column, row)[..., None] / 255
        part = self.image[y : y + high, x : x + wide]
        part[:] = np.rint(part + (np.array(self.ink(ink)) - part) * share).astype(np.uint8)

    def keep(self, points: Points) -> None:
        """Wipe away all that lies outside a shape."""
        mask = np.zeros(self.image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._at(points)], 255, cv2.LINE_8, _BITS)
        self.image[mask == 0] = 0

    def pixels(self, points: Points) -> np.ndarray:
        """Points of the frame (n, 2) in pixels of the image, float64."""
        return self._exactly(points) / (2**_BITS * self.finer) + (self.left, self.top)

    def ink(self, name: str) -> tuple[float, ...]:
        """A colour as OpenCV wants it: opaque RGBA."""
        known = self._inks.get(name)
        if known is None:
            self._inks[name] = known = (*self.colour(name), 255.0)
        return known

    def colour(self, name: str) -> Rgb:
        """The colour behind a role."""
        plain = name.rstrip("+-")
        if plain.startswith("#"):
            colour = rgb(plain)
        elif plain in ("main", "second"):
            colour = self.look.main if plain == "main" else self.look.second
        elif plain == "both":
            colour = mixed(self.look.main, self.look.second, 0.5)
        else:
            colour = self.look.extras[plain]
        for tone in name[len(plain) :]:
            colour = toned(colour, _TONES[tone])
        return colour

    def _at(self, points: Points) -> np.ndarray:
        """Points of the frame (n, 2) as OpenCV's fixed-point pixels, int32."""
        at: np.ndarray = np.rint(self._exactly(points)).astype(np.int32)
        return at

    def _exactly(self, points: Points) -> np.ndarray:
        """The same before rounding, float64."""
        from_foot = (np.asarray(points, float) - self._foot) * self._scale
        return (shapes.turned(from_foot, self._turn) if self._turn else from_foot) + self._place

    def _window(self, at: np.ndarray) -> tuple[int, int, int, int]:
        """x, y, width, height of the pixels that a shape may touch, inside the layer."""
        low, high = (at.min(axis=0) >> _BITS) - 1, (at.max(axis=0) >> _BITS) + 2
        x, y = np.maximum(low, 0).tolist()
        right, bottom = np.minimum(high, self.image.shape[1::-1]).tolist()
        return x, y, right - x, bottom - y

    def _fill_textured(self, at: np.ndarray) -> None:
        assert self.texture is not None
        x, y, w, h = self._window(at)
        if w <= 0 or h <= 0:
            return
        mask = np.zeros((h, w), np.uint8)
        cv2.fillPoly(mask, [at - np.array([x, y]) * 2**_BITS], 255, cv2.LINE_8, _BITS)
        cv2.copyTo(self.texture[y : y + h, x : x + w], mask, self.image[y : y + h, x : x + w])


def _sampled(picture: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """A picture (h, w) between its pixels, 0 outside: float64. OpenCV's own way rounds otherwise on other machines."""
    framed = np.pad(picture, 2).astype(float)
    u = np.clip(column + 2, 0, framed.shape[1] - 1.001)
    v = np.clip(row + 2, 0, framed.shape[0] - 1.001)
    i, j = v.astype(int), u.astype(int)
    a, b = v - i, u - j
    upper = framed[i, j] * (1 - b) + framed[i, j + 1] * b
    lower = framed[i + 1, j] * (1 - b) + framed[i + 1, j + 1] * b
    sampled: np.ndarray = upper * (1 - a) + lower * a
    return sampled
