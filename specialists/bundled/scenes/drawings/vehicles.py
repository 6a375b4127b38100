"""Vehicles, seen from the side and facing right. Frames are those of pen.py."""

from __future__ import annotations

import numpy as np

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

GLASS, TYRE, METAL, LIGHT = "#b9dcea", "#26262a", "#c3c8ce", "#ffe9a0"


def _wheel(pen: Pen, x: float, y: float, r: float) -> None:
    pen.disc(x, y, r, TYRE)
    pen.disc(x, y, r * 0.58, METAL)
    pen.disc(x, y, r * 0.2, "#6b7076")


def _pane(pen: Pen, points: shapes.Points) -> None:
    """A window with a reflection."""
    p = np.asarray(points, float)
    pen.fill(p, GLASS)
    middle = p.mean(axis=0)
    pen.shade((p - middle) * (0.35, 0.8) + middle, 1.12)


def car(pen: Pen) -> None:
    """Aspect 2.2: a saloon, a hatchback or an open sports car."""
    back = pen.vary(0.28, 0.5)
    body = [(0.03, 0.62), (0.1, 0.45), (0.5, 0.4), (1.5, 0.4), (1.98, 0.47), (2.16, 0.6), (2.17, 0.78), (2.1, 0.84),
            (0.1, 0.84), (0.03, 0.78)]  # fmt: skip
    if pen.look.pose != "open":
        roof = [(back, 0.46), (back + 0.22, 0.12), (1.22, 0.1), (1.62, 0.46)]
        pen.blob([(back - 0.08, 0.46), (back + 0.17, 0.1), (0.9, 0.06), (1.28, 0.1), (1.68, 0.46), (0.9, 0.5)], "main")
        _pane(pen, [(roof[0][0] + 0.08, 0.42), (roof[1][0] + 0.06, 0.16), (0.88, 0.15), (0.88, 0.42)])
        _pane(pen, [(0.96, 0.42), (0.96, 0.15), (1.2, 0.16), (1.5, 0.42)])
    else:
        pen.fill([(1.2, 0.42), (1.08, 0.14), (1.13, 0.12), (1.34, 0.42)], GLASS)
        pen.blob([(0.55, 0.45), (0.52, 0.2), (0.66, 0.17), (0.78, 0.45)], "#5a3a2a")
        pen.line([(0.98, 0.42), (1.08, 0.3)], 0.03, TYRE)
    pen.fill(shapes.blob(body), "main")
    pen.shade([(0, 0.68), (2.3, 0.68), (2.3, 0.9), (0, 0.9)], 0.8)
    pen.box(0.05, 0.76, 2.16, 0.83, "#3a3b40", 0.03)
    pen.line([(0.92, 0.46), (0.92, 0.74)], 0.012, "main--")
    pen.line([(1.0, 0.54), (1.12, 0.54)], 0.025, METAL)
    pen.oval(2.08, 0.58, 0.06, 0.06, LIGHT)
    pen.oval(0.08, 0.56, 0.04, 0.07, "#c8372d")
    for x in (0.5, 1.68):
        pen.fill(shapes.fan(x, 0.82, 0.235, 180, 360), "#3a3b40")
        _wheel(pen, x, 0.81, 0.19)


def bus(pen: Pen) -> None:
    """Aspect 2.3: a coach with a row of windows, or a double-decker."""
    tall = pen.look.pose == "double-decker"
    pen.box(0.04, 0.02, 2.26, 0.86, "main", 0.1)
    pen.shade(shapes.box(0.0, 0.66, 2.3, 0.9), 0.82)
    rows = ((0.1, 0.3), (0.44, 0.62)) if tall else ((0.16, 0.46),)
    for top, bottom in rows:
        for i in range(5):
            x = 0.14 + 0.34 * i
            _pane(pen, shapes.box(x, top, x + 0.28, bottom, 0.03))
    pen.fill([(1.98, 0.14), (2.2, 0.14), (2.25, 0.5), (1.98, 0.5)], GLASS)
    pen.box(1.68, 0.16 if not tall else 0.44, 1.92, 0.82, "main-", 0.02)
    _pane(pen, shapes.box(1.71, 0.2 if not tall else 0.47, 1.89, 0.7, 0.02))
    pen.box(0.04, 0.68 if not tall else 0.66, 1.66, 0.72, "second")
    pen.oval(2.21, 0.74, 0.04, 0.05, LIGHT)
    pen.box(0.04, 0.7, 0.09, 0.8, "#c8372d")
    pen.box(0.06, 0.82, 2.24, 0.88, "#3a3b40", 0.03)
    for x in (0.5, 1.45):
        pen.fill(shapes.fan(x, 0.86, 0.19, 180, 360), "#3a3b40")
        _wheel(pen, x, 0.86, 0.14)


def truck(pen: Pen) -> None:
    """Aspect 2.2: a lorry with a box, or with an open bed and a load of earth."""
    if pen.look.pose == "loaded":
        pen.blob([(0.15, 0.4), (0.3, 0.22), (0.7, 0.1), (1.1, 0.2), (1.35, 0.4)], "#8a6642")
        pen.fill([(0.05, 0.32), (1.42, 0.32), (1.36, 0.74), (0.14, 0.74)], "second")
        for i in range(5):
            pen.line([(0.26 + 0.25 * i, 0.36), (0.28 + 0.24 * i, 0.7)], 0.02, "second-")
    else:
        pen.box(0.03, 0.03, 1.42, 0.74, "second", 0.03)
        for i in range(1, 6):
            pen.line([(0.03 + 0.23 * i, 0.06), (0.03 + 0.23 * i, 0.72)], 0.012, "second-")
        pen.shade(shapes.box(0.03, 0.6, 1.42, 0.74), 0.85)
    pen.box(0.03, 0.72, 2.1, 0.84, "#3a3b40", 0.02)
    cab = [(1.47, 0.76), (1.47, 0.24), (1.52, 0.18), (1.86, 0.18), (2.04, 0.46), (2.16, 0.52), (2.17, 0.78)]
    pen.fill(cab, "main")
    pen.shade(shapes.box(1.45, 0.62, 2.2, 0.8), 0.82)
    _pane(pen, [(1.62, 0.46), (1.62, 0.25), (1.82, 0.25), (1.95, 0.46)])
    pen.line([(1.64, 0.54), (1.72, 0.54)], 0.025, METAL)
    pen.oval(2.13, 0.64, 0.04, 0.05, LIGHT)
    for x in (0.36, 0.72, 1.8):
        _wheel(pen, x, 0.84, 0.155)


def bicycle(pen: Pen) -> None:
    """Aspect 1.6."""
    back, front, hub, y = (0.38, 0.66), (1.24, 0.66), (0.74, 0.68), 0.66
    for x, _ in (back, front):
        for angle in range(0, 180, 30):
            spoke = shapes.oval(0, 0, 0.3, 0.3)[angle // 10]
            pen.line([(x - spoke[0], y - spoke[1]), (x + spoke[0], y + spoke[1])], 0.008, "#a9aeb4")
        pen.line([*shapes.oval(x, y, 0.31, 0.31), (x + 0.31, y)], 0.045, TYRE)
        pen.disc(x, y, 0.04, METAL)
    seat, head = (0.62, 0.28), (1.1, 0.26)
    for a, b in ((back, hub), (back, seat), (seat, hub), (seat, head), (hub, head), (head, front)):
        pen.line([a, b], 0.05, "main")
    pen.line([head, (1.07, 0.14), (1.2, 0.1)], 0.035, "#5b5f66")
    pen.line([seat, (0.6, 0.2)], 0.03, "#5b5f66")
    pen.blob([(0.48, 0.18), (0.6, 0.15), (0.74, 0.19), (0.6, 0.23)], TYRE)
    pen.disc(hub[0], hub[1], 0.07, METAL)
    pen.line([(0.66, 0.58), (0.82, 0.78)], 0.025, "#5b5f66")


def motorcycle(pen: Pen) -> None:
    """Aspect 1.7."""
    for x in (0.36, 1.34):
        pen.disc(x, 0.7, 0.29, TYRE)
        pen.disc(x, 0.7, 0.17, METAL)
        pen.disc(x, 0.7, 0.06, "#6b7076")
    pen.line([(0.36, 0.7), (0.8, 0.7), (1.0, 0.6)], 0.06, "#5b5f66")
    pen.blob([(0.62, 0.52), (1.0, 0.5), (1.06, 0.7), (0.88, 0.8), (0.66, 0.76)], "#7a7f86")
    pen.line([(0.2, 0.8), (0.72, 0.78)], 0.07, METAL)
    pen.line([(1.34, 0.7), (1.12, 0.2)], 0.055, METAL)
    pen.blob([(0.66, 0.42), (0.8, 0.28), (1.06, 0.27), (1.14, 0.4), (1.0, 0.54), (0.74, 0.54)], "main")
    pen.blob([(0.1, 0.4), (0.28, 0.34), (0.56, 0.38), (0.7, 0.44), (0.62, 0.52), (0.3, 0.5)], "#3a2f2c")
    pen.blob([(0.06, 0.44), (0.3, 0.4), (0.44, 0.5), (0.2, 0.52)], "main-")
    pen.fill(shapes.fan(1.34, 0.68, 0.33, 200, 310), "main")
    pen.fill(shapes.fan(1.34, 0.68, 0.29, 195, 315), TYRE)
    pen.disc(1.34, 0.7, 0.17, METAL)
    pen.line([(1.12, 0.2), (0.98, 0.14)], 0.05, TYRE)
    pen.oval(1.2, 0.3, 0.08, 0.09, LIGHT)


def train(pen: Pen) -> None:
    """Aspect 2.9: a steam locomotive with a carriage, or a streamlined express."""
    if pen.look.pose == "express":
        pen.blob([(0.02, 0.84), (0.02, 0.2), (0.6, 0.12), (1.6, 0.12), (2.2, 0.16), (2.6, 0.4), (2.86, 0.78),
                  (2.7, 0.88), (1.4, 0.88)], "main")  # fmt: skip
        pen.shade(shapes.box(0, 0.66, 2.9, 0.92), 0.84)
        for i in range(6):
            _pane(pen, shapes.box(0.12 + 0.33 * i, 0.26, 0.36 + 0.33 * i, 0.46, 0.03))
        pen.fill([(2.16, 0.26), (2.34, 0.3), (2.56, 0.48), (2.16, 0.48)], "#37444f")
        pen.box(0.06, 0.56, 2.66, 0.62, "second")
        pen.oval(2.72, 0.7, 0.05, 0.035, LIGHT)
        pen.box(0.1, 0.88, 2.6, 0.93, "#3a3b40", 0.02)
    else:
        pen.box(0.04, 0.24, 1.02, 0.82, "second", 0.03)
        pen.box(0.0, 0.18, 1.06, 0.26, "second-", 0.03)
        for i in range(3):
            _pane(pen, shapes.box(0.12 + 0.3 * i, 0.34, 0.34 + 0.3 * i, 0.54, 0.02))
        pen.line([(1.02, 0.78), (1.2, 0.78)], 0.05, "#3a3b40")
        pen.box(1.2, 0.2, 1.66, 0.82, "main", 0.02)
        pen.box(1.15, 0.12, 1.7, 0.2, "main--", 0.03)
        _pane(pen, shapes.box(1.28, 0.28, 1.54, 0.48, 0.02))
        pen.box(1.6, 0.36, 2.6, 0.74, "main", 0.12)
        pen.shade(shapes.box(1.6, 0.6, 2.62, 0.76), 0.78)
        pen.box(2.5, 0.33, 2.64, 0.77, "#3a3b40", 0.05)
        pen.fill([(2.28, 0.38), (2.22, 0.06), (2.54, 0.06), (2.48, 0.38)], "#3a3b40")
        pen.blob([(1.8, 0.38), (1.84, 0.26), (1.98, 0.26), (2.02, 0.38)], "#d9b04a")
        pen.fill([(2.5, 0.76), (2.86, 0.94), (2.44, 0.94)], "#b23a2e")
    for x in (0.25, 0.8):
        _wheel(pen, x, 0.88, 0.11)
    for x in (1.4, 1.78, 2.16):
        _wheel(pen, x, 0.86, 0.135 if pen.look.pose != "express" else 0.11)


def boat(pen: Pen) -> None:
    """Aspect 1.2 (sailing) with sails, or a motor boat in the same frame."""
    if pen.look.pose == "sailing":
        pen.line([(0.58, 0.02), (0.58, 0.78)], 0.03, "#7a5230")
        pen.fill(shapes.blob([(0.62, 0.06), (0.9, 0.4), (1.1, 0.7), (0.62, 0.7)], 4)[0:29], "second")
        pen.fill([(0.62, 0.06), (0.84, 0.34), (1.08, 0.7), (0.62, 0.7)], "second")
        pen.fill([(0.54, 0.1), (0.4, 0.4), (0.14, 0.7), (0.54, 0.7)], "second-")
        pen.fill([(0.58, 0.0), (0.74, 0.04), (0.58, 0.09)], "main")
    else:
        pen.fill([(0.24, 0.74), (0.28, 0.42), (0.72, 0.42), (0.86, 0.74)], "second")
        for x in (0.34, 0.53):
            _pane(pen, shapes.box(x, 0.5, x + 0.14, 0.62, 0.02))
        pen.box(0.22, 0.36, 0.78, 0.43, "main-", 0.02)
        pen.box(0.36, 0.16, 0.5, 0.37, "main", 0.02)
        pen.box(0.36, 0.2, 0.5, 0.26, "second")
        pen.line([(0.9, 0.3), (0.9, 0.74)], 0.02, "#7a5230")
    pen.fill([(0.02, 0.72), (1.18, 0.7), (1.0, 0.98), (0.86, 1.0), (0.3, 1.0), (0.16, 0.96)], "main")
    pen.shade([(0.08, 0.86), (1.14, 0.86), (0.9, 1.02), (0.2, 1.02)], 0.78)
    pen.line([(0.04, 0.745), (1.14, 0.73)], 0.035, "#f4efe4")


def airplane(pen: Pen) -> None:
    """Aspect 2.2."""
    pen.fill([(1.0, 0.42), (1.28, 0.42), (0.86, 0.06), (0.72, 0.06)], "main-")
    pen.fill([(0.06, 0.04), (0.24, 0.04), (0.52, 0.44), (0.2, 0.46)], "main")
    pen.blob([(0.08, 0.46), (0.5, 0.38), (1.6, 0.38), (2.0, 0.44), (2.17, 0.56), (2.0, 0.66), (1.4, 0.68), (0.6, 0.62)],
             "second")  # fmt: skip
    pen.shade([(0, 0.58), (2.3, 0.6), (2.3, 0.8), (0, 0.8)], 0.84)
    pen.fill([(1.86, 0.44), (2.0, 0.46), (2.08, 0.52), (1.88, 0.52)], "#37444f")
    for i in range(9):
        pen.disc(0.62 + 0.13 * i, 0.48, 0.025, "#4a6a86")
    pen.line([(0.3, 0.56), (2.08, 0.57)], 0.035, "main")
    pen.fill([(1.32, 0.58), (0.96, 0.58), (0.44, 0.98), (0.62, 0.98)], "main")
    pen.fill([(0.42, 0.5), (0.24, 0.5), (0.02, 0.66), (0.12, 0.67)], "main-")
    pen.box(0.86, 0.72, 1.1, 0.84, "#8d949c", 0.05)


def helicopter(pen: Pen) -> None:
    """Aspect 1.9."""
    pen.limb([(0.86, 0.48), (0.4, 0.4), (0.1, 0.32)], 0.18, 0.06, "main")
    pen.fill([(0.04, 0.12), (0.14, 0.12), (0.22, 0.36), (0.1, 0.38)], "main-")
    pen.line([(0.0, 0.2), (0.22, 0.36)], 0.03, "#5b5f66")
    pen.line([(1.14, 0.08), (1.14, 0.26)], 0.05, "#5b5f66")
    pen.line([(0.3, 0.06), (1.88, 0.1)], 0.035, "#4a4d53")
    pen.blob([(0.72, 0.42), (0.96, 0.24), (1.36, 0.24), (1.7, 0.44), (1.76, 0.64), (1.5, 0.78), (1.0, 0.76),
              (0.74, 0.6)], "main")  # fmt: skip
    pen.shade(shapes.box(0.6, 0.62, 1.9, 0.84), 0.82)
    pen.fill(shapes.blob([(1.34, 0.32), (1.56, 0.42), (1.68, 0.56), (1.36, 0.56)]), GLASS)
    _pane(pen, shapes.box(1.0, 0.34, 1.24, 0.54, 0.04))
    for x in (1.04, 1.44):
        pen.line([(x, 0.74), (x, 0.92)], 0.03, "#5b5f66")
    pen.line([(0.78, 0.94), (1.68, 0.94), (1.78, 0.88)], 0.04, "#4a4d53")


def balloon(pen: Pen) -> None:
    """A hot-air balloon, aspect 0.78."""
    gores = shapes.blob([(0.39, 0.0), (0.7, 0.12), (0.77, 0.36), (0.62, 0.6), (0.46, 0.76), (0.32, 0.76), (0.16, 0.6),
                         (0.01, 0.36), (0.08, 0.12)])  # fmt: skip
    pen.fill(gores, "main")
    if pen.look.pattern == "plain":
        pen.fill((gores - (0.39, 0)) * (0.62, 1) + (0.39, 0), "second")
        pen.fill((gores - (0.39, 0)) * (0.24, 1) + (0.39, 0), "main")
    pen.shade((gores - (0.39, 0)) * (0.4, 0.8) + (0.66, 0.08), 0.86)
    for x in (0.31, 0.47):
        pen.line([(x, 0.76), (0.39 + (x - 0.39) * 0.8, 0.88)], 0.012, "#5a4632")
    pen.box(0.3, 0.87, 0.48, 0.99, "#9a6b3c", 0.02)
    pen.line([(0.3, 0.885), (0.48, 0.885)], 0.025, "#7a5230")
