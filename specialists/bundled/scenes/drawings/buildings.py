"""Buildings, from the front. "main" is the wall, "second" the roof."""

from __future__ import annotations

import numpy as np

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

GLASS, FRAME, DOOR = "#a9d3e6", "#f5f1e6", "#7a4c2e"


def _window(pen: Pen, x: float, y: float, w: float, h: float) -> None:
    glass = "#ffe08a" if "lit" in pen.look.traits else GLASS
    pen.box(x - 0.018, y - 0.018, x + w + 0.018, y + h + 0.018, FRAME)
    pen.box(x, y, x + w, y + h, glass)
    pen.shade([(x, y), (x + w * 0.6, y), (x, y + h * 0.6)], 1.1)
    pen.line([(x + w / 2, y), (x + w / 2, y + h)], 0.012, FRAME)
    pen.line([(x, y + h / 2), (x + w, y + h / 2)], 0.012, FRAME)


def house(pen: Pen) -> None:
    """Aspect 1.15: a gabled house, with a chimney, or a taller one of two floors."""
    if pen.look.pose == "two-story":
        pen.box(0.78, 0.04, 0.9, 0.26, "#8a4a3a")
        pen.box(0.12, 0.3, 1.03, 1.0, "main")
        pen.shade(shapes.box(0.86, 0.3, 1.03, 1.0), 0.88)
        pen.fill([(0.24, 0.06), (0.91, 0.06), (1.14, 0.33), (0.01, 0.33)], "second")
        for x in (0.2, 0.5, 0.8):
            _window(pen, x, 0.42, 0.15, 0.15)
        for x in (0.2, 0.8):
            _window(pen, x, 0.7, 0.15, 0.16)
    else:
        pen.box(0.84, 0.1, 0.95, 0.42, "#8a4a3a")
        pen.box(0.1, 0.46, 1.05, 1.0, "main")
        pen.fill([(0.12, 0.47), (0.575, 0.08), (1.03, 0.47)], "main")
        pen.shade([(0.575, 0.08), (1.03, 0.47), (1.05, 1.0), (0.86, 1.0), (0.86, 0.4)], 0.9)
        pen.line([(0.04, 0.52), (0.575, 0.06), (1.11, 0.52)], 0.09, "second")
        pen.disc(0.575, 0.34, 0.075, FRAME)
        pen.disc(0.575, 0.34, 0.055, GLASS)
        for x in (0.19, 0.79):
            _window(pen, x, 0.62, 0.17, 0.17)
    pen.box(0.47, 0.68, 0.68, 1.0, FRAME)
    pen.box(0.49, 0.7, 0.66, 1.0, DOOR)
    pen.disc(0.63, 0.86, 0.014, "#f0d060")


def lighthouse(pen: Pen) -> None:
    """Aspect 0.45: bands of two colours."""
    edge = [(0.14, 0.26), (0.31, 0.26), (0.38, 0.98), (0.07, 0.98)]
    pen.fill(edge, "main")
    for i in (0, 2):
        top, bottom = 0.4 + 0.16 * i, 0.56 + 0.16 * i
        left, right = 0.14 - 0.07 * (top - 0.26) / 0.72, 0.14 - 0.07 * (bottom - 0.26) / 0.72
        pen.fill([(left, top), (0.45 - left, top), (0.45 - right, bottom), (right, bottom)], "second")
    pen.shade([(0.25, 0.26), (0.31, 0.26), (0.38, 0.98), (0.28, 0.98)], 0.84)
    pen.box(0.1, 0.23, 0.35, 0.27, "#3f434a")
    pen.box(0.16, 0.11, 0.29, 0.23, "#ffe89a")
    for x in (0.16, 0.225, 0.29):
        pen.line([(x, 0.11), (x, 0.23)], 0.014, "#3f434a")
    pen.fill(shapes.fan(0.225, 0.115, 0.1, 180, 360, 0.1), "main")
    pen.box(0.18, 0.84, 0.27, 0.98, DOOR, 0.03)


def windmill(pen: Pen) -> None:
    """Aspect 0.8."""
    pen.fill([(0.29, 0.36), (0.51, 0.36), (0.62, 1.0), (0.18, 1.0)], "main")
    pen.shade([(0.44, 0.36), (0.51, 0.36), (0.62, 1.0), (0.5, 1.0)], 0.85)
    pen.fill(shapes.fan(0.4, 0.37, 0.14, 180, 360, 0.14), "second")
    pen.box(0.34, 0.82, 0.46, 1.0, DOOR, 0.03)
    pen.box(0.36, 0.54, 0.44, 0.64, GLASS)
    turn = pen.vary(10, 80)
    for quarter in range(4):
        at_rest = np.array([(0.06, 0.015), (0.385, 0.015), (0.385, 0.115), (0.1, 0.115), (0.395, 0.0)])
        *cloth, tip = np.add(shapes.turned(at_rest, turn + quarter * 90), (0.4, 0.385))
        sail = np.array(cloth)
        pen.fill(sail, "#f4efe2")
        for share in (0.33, 0.66):
            a, b = sail[0] + (sail[1] - sail[0]) * share, sail[3] + (sail[2] - sail[3]) * share
            pen.line([tuple(a), tuple(b)], 0.01, "#b9ad94")
        pen.line([(0.4, 0.385), tuple(tip)], 0.02, "#6b4d33")
    pen.disc(0.4, 0.385, 0.03, "#4a3626")


def church(pen: Pen) -> None:
    """Aspect 1.1: a tower with a spire, a nave."""
    pen.box(0.36, 0.58, 1.06, 1.0, "main")
    pen.fill([(0.34, 0.6), (0.5, 0.38), (0.96, 0.38), (1.1, 0.6)], "second")
    for x in (0.52, 0.7, 0.88):
        pen.fill(np.concatenate([shapes.arc(x + 0.05, 0.73, 0.05, 180, 360), [(x + 0.1, 0.9), (x, 0.9)]]), GLASS)
    pen.box(0.06, 0.34, 0.4, 1.0, "main")
    pen.shade(shapes.box(0.32, 0.34, 0.4, 1.0), 0.86)
    pen.fill([(0.02, 0.36), (0.23, 0.06), (0.44, 0.36)], "second-")
    pen.line([(0.23, 0.0), (0.23, 0.1)], 0.018, "#4a4038")
    pen.line([(0.2, 0.03), (0.26, 0.03)], 0.018, "#4a4038")
    pen.disc(0.23, 0.48, 0.065, "#fbf8f0")
    pen.line([(0.23, 0.48), (0.23, 0.44)], 0.014, "#33302c")
    pen.line([(0.23, 0.48), (0.26, 0.49)], 0.014, "#33302c")
    pen.fill(np.concatenate([shapes.arc(0.23, 0.82, 0.075, 180, 360), [(0.305, 1.0), (0.155, 1.0)]]), DOOR)
