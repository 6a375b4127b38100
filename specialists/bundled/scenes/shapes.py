"""Outlines as points (n, 2), x to the right, y down: curves are flattened here, so that all else sees polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

Points = Sequence[tuple[float, float]] | np.ndarray


@cache
def _circle(corners: int) -> np.ndarray:
    turn = np.linspace(0, 2 * math.pi, corners, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


@cache
def _catmull_rom(steps: int) -> np.ndarray:
    """Weights (steps, 4) of the four points around a piece of a Catmull-Rom spline."""
    t = np.arange(steps)[:, None] / steps
    return 0.5 * np.concatenate(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3], axis=1
    )


def oval(x: float, y: float, rx: float, ry: float, turn: float = 0) -> np.ndarray:
    """An ellipse around (x, y), turned clockwise by degrees."""
    points = _circle(36) * (rx, ry)
    if turn:
        points = turned(points, turn)
    return points + np.array((x, y))


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    """Points (n, 2) turned around the origin, clockwise on the screen.

    No matrix product, here and below: its sums depend on the processor.
    """
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = points[:, 0], points[:, 1]
    return np.stack([x * c - y * s, x * s + y * c], axis=1)


def blob(points: Points, steps: int = 8) -> np.ndarray:
    """A smooth closed curve through the points."""
    p = np.asarray(points, float)
    return _spline(p[_around(len(p))], steps)


@cache
def _around(count: int) -> np.ndarray:
    """The four points around each piece of a closed curve: (count, 4)."""
    return (np.arange(count)[:, None] + np.array([-1, 0, 1, 2])) % count


def curve(points: Points, steps: int = 8) -> np.ndarray:
    """A smooth open curve through the points."""
    p = np.asarray(points, float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    around = np.stack([p[i : len(p) - 3 + i] for i in range(4)], axis=1)
    return np.concatenate([_spline(around, steps), p[-2:-1]])


def _spline(around: np.ndarray, steps: int) -> np.ndarray:
    """The points of all pieces, of which the four points around each are given: (n, 4, 2) to (n * steps, 2)."""
    weights = _catmull_rom(steps)[:, :, None]
    a, b, c, d = (around[:, None, i] * weights[:, i] for i in range(4))
    return (a + b + c + d).reshape(-1, 2)


def box(x0: float, y0: float, x1: float, y1: float, round: float = 0) -> np.ndarray:
    """A rectangle with round corners."""
    if not round:
        return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    r = min(round, (x1 - x0) / 2, (y1 - y0) / 2)
    corners = _circle(24) * r
    x, y = np.where(corners[:, 0] > 1e-9, x1 - r, x0 + r), np.where(corners[:, 1] > 1e-9, y1 - r, y0 + r)
    return corners + np.stack([x, y], axis=1)


def fan(x: float, y: float, r: float, start: float, end: float, ry: float | None = None) -> np.ndarray:
    """A slice of an ellipse, from one angle to the other in degrees clockwise from the right, with its middle."""
    turn = np.radians(np.linspace(start, end, 25))
    rim = np.stack([x + r * np.cos(turn), y + (r if ry is None else ry) * np.sin(turn)], axis=1)
    return np.concatenate([rim, [(x, y)]])


def arc(x: float, y: float, r: float, start: float, end: float, ry: float | None = None) -> np.ndarray:
    """The rim of such a slice, as an open line."""
    return fan(x, y, r, start, end, ry)[:-1]


def star(x: float, y: float, outer: float, inner: float, rays: int, turn: float = -90) -> np.ndarray:
    """A star whose first ray points to `turn` degrees."""
    angle = np.radians(turn) + np.arange(2 * rays) * math.pi / rays
    r = np.where(np.arange(2 * rays) % 2, inner, outer)
    return np.stack([x + r * np.cos(angle), y + r * np.sin(angle)], axis=1)
