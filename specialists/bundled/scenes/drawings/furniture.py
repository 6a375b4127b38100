"""Furniture, from the front or a little from the side. "main" is the cover or the wood that has the named colour."""

from __future__ import annotations

import numpy as np

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

WOOD = "#7d5334"


def chair(pen: Pen) -> None:
    """Aspect 0.62: a kitchen chair, seen from its front left."""
    for x in (0.5, 0.2):
        pen.line([(x, 0.58), (x, 0.9)], 0.04, "main--")
    for x in (0.1, 0.5):
        pen.limb([(x, 0.04), (x + 0.01, 0.3), (x + 0.02, 0.56)], 0.05, 0.05, "main-")
    for y in (0.06, 0.2, 0.34) if pen.look.pose != "padded" else ():
        pen.box(0.1, y, 0.52, y + 0.075, "main", 0.02)
    if pen.look.pose == "padded":
        pen.box(0.08, 0.02, 0.54, 0.44, "main", 0.1)
        pen.shade(shapes.box(0.14, 0.08, 0.48, 0.38, 0.06), 1.08)
    pen.fill([(0.12, 0.5), (0.54, 0.5), (0.6, 0.62), (0.03, 0.62)], "main")
    pen.fill([(0.03, 0.61), (0.6, 0.61), (0.6, 0.67), (0.03, 0.67)], "main-")
    for x in (0.06, 0.57):
        pen.limb([(x, 0.66), (x, 0.8), (x, 0.98)], 0.055, 0.045, "main-")


def table(pen: Pen) -> None:
    """Aspect 1.9; things stand on it at y = 0.08."""
    round_top = pen.look.pose == "round"
    if round_top:
        pen.limb([(0.95, 0.16), (0.95, 0.5), (0.95, 0.9)], 0.2, 0.12, "main-")
        pen.blob([(0.55, 0.99), (0.8, 0.88), (1.1, 0.88), (1.35, 0.99)], "main--")
        pen.oval(0.95, 0.17, 0.94, 0.13, "main--")
        pen.oval(0.95, 0.12, 0.94, 0.12, "main")
        return
    for x in (0.32, 1.58):
        pen.line([(x, 0.3), (x, 0.84)], 0.07, "main--")
    pen.box(0.16, 0.2, 1.74, 0.38, "main--")
    for x in (0.14, 1.76):
        pen.limb([(x, 0.24), (x, 0.6), (x, 0.97)], 0.12, 0.08, "main-")
    pen.fill([(0.2, 0.0), (1.7, 0.0), (1.9, 0.18), (0.0, 0.18)], "main")
    pen.shade([(0.2, 0.0), (1.0, 0.0), (0.8, 0.18), (0.0, 0.18)], 1.07)
    pen.box(0.0, 0.17, 1.9, 0.25, "main-", 0.01)


def sofa(pen: Pen) -> None:
    """Aspect 2.1; who sits on it does so at y = 0.6."""
    for x in (0.2, 1.9):
        pen.box(x - 0.06, 0.9, x + 0.06, 1.0, WOOD, 0.02)
    pen.box(0.16, 0.05, 1.94, 0.75, "main", 0.14)
    pen.shade(shapes.box(0.2, 0.42, 1.9, 0.62), 0.86)
    for x in (0.28, 1.06):
        pen.box(x, 0.52, x + 0.76, 0.76, "main", 0.07)
        pen.shade(shapes.box(x + 0.03, 0.54, x + 0.73, 0.6, 0.03), 1.1)
    pen.line([(1.05, 0.1), (1.05, 0.5)], 0.014, "main--")
    pen.box(0.12, 0.72, 1.98, 0.92, "main", 0.05)
    pen.shade(shapes.box(0.1, 0.74, 2.0, 0.94), 0.84)
    for x in (0.02, 1.78):
        pen.box(x, 0.34, x + 0.3, 0.93, "main", 0.13)
        pen.shade(shapes.box(x + 0.2, 0.42, x + 0.3, 0.93), 0.88)
    if pen.look.pose == "cushioned":
        for x, turn in ((0.52, -12), (1.58, 14)):
            cushion = shapes.turned(shapes.box(-0.16, -0.15, 0.16, 0.15, 0.05), turn)
            pen.fill(cushion + np.array((x, 0.4)), "second")


def lamp(pen: Pen) -> None:
    """Aspect 0.62: a table lamp, its shade has the colour."""
    if pen.look.pose == "jointed":
        pen.oval(0.3, 0.95, 0.2, 0.05, "main-")
        pen.line([(0.3, 0.92), (0.1, 0.52), (0.36, 0.2)], 0.045, "#8d9299")
        pen.disc(0.1, 0.52, 0.04, "main")
        pen.oval(0.42, 0.34, 0.1, 0.08, "#fff2b8", 30)
        pen.fill(shapes.blob([(0.3, 0.12), (0.44, 0.1), (0.6, 0.3), (0.42, 0.4), (0.26, 0.42)]), "main")
        return
    pen.oval(0.31, 0.95, 0.19, 0.05, "#8a6a44")
    pen.blob([(0.27, 0.94), (0.22, 0.78), (0.28, 0.6), (0.28, 0.46), (0.34, 0.46), (0.34, 0.6), (0.4, 0.78),
              (0.35, 0.94)], "#b08a58")  # fmt: skip
    pen.oval(0.31, 0.5, 0.24, 0.035, "#fff2b8")
    pen.fill([(0.18, 0.04), (0.44, 0.04), (0.6, 0.5), (0.02, 0.5)], "main")
    pen.shade([(0.22, 0.04), (0.34, 0.04), (0.38, 0.5), (0.14, 0.5)], 1.14)
    pen.line([(0.025, 0.49), (0.595, 0.49)], 0.022, "main-")
    pen.line([(0.185, 0.05), (0.435, 0.05)], 0.022, "main-")


def bed(pen: Pen) -> None:
    """Aspect 2.0, from its side; who lies on it does so at y = 0.46."""
    pen.box(0.02, 0.02, 0.16, 0.98, WOOD, 0.04)
    pen.box(1.86, 0.4, 1.98, 0.98, WOOD, 0.04)
    pen.box(0.1, 0.74, 1.92, 0.88, "#6b462b", 0.02)
    pen.box(0.12, 0.52, 1.9, 0.78, "#f3efe6", 0.05)
    pen.blob([(0.2, 0.5), (0.22, 0.36), (0.5, 0.33), (0.62, 0.4), (0.6, 0.55), (0.3, 0.57)], "#ffffff")
    pen.shade(shapes.blob([(0.22, 0.5), (0.4, 0.5), (0.6, 0.48), (0.58, 0.56), (0.3, 0.57)]), 0.9)
    pen.blob([(0.62, 0.5), (0.8, 0.41), (1.4, 0.43), (1.84, 0.44), (1.94, 0.56), (1.93, 0.82), (1.3, 0.86),
              (0.66, 0.84), (0.6, 0.66)], "main")  # fmt: skip
    pen.fill([(0.6, 0.5), (0.8, 0.42), (0.84, 0.85), (0.66, 0.84)], "second")
    pen.shade(shapes.box(0.6, 0.72, 1.96, 0.9), 0.85)


def shelf(pen: Pen) -> None:
    """A bookshelf, aspect 0.75."""
    pen.box(0.0, 0.0, 0.75, 1.0, "main", 0.02)
    books = ("#b5443a", "#d8a038", "#3f6fa8", "#5d8f57", "#8a5a94", "#e4dcc8", "#39454f", "#c96f3b")
    for row in range(4):
        top, bottom = 0.045 + 0.24 * row, 0.245 + 0.24 * row
        pen.box(0.045, top, 0.705, bottom, "main--")
        x = 0.06
        while x < 0.62:
            width, height = pen.vary(0.035, 0.07), pen.vary(0.11, 0.17)
            pen.box(x, bottom - height, x + width, bottom, books[int(pen.rng.integers(len(books)))])
            x += width + (pen.vary(0.1, 0.25) if pen.rng.random() < 0.12 else 0.006)


def bench(pen: Pen) -> None:
    """A park bench, aspect 1.9; who sits on it does so at y = 0.56."""
    for x in (0.24, 1.66):
        pen.line([(x, 0.1), (x, 0.58), (x - 0.03, 0.97)], 0.06, "#3f4247")
    for y in (0.08, 0.24, 0.4):
        pen.box(0.04, y, 1.86, y + 0.11, "main", 0.02)
    pen.fill([(0.06, 0.56), (1.84, 0.56), (1.9, 0.64), (0.0, 0.64)], "main")
    pen.box(0.0, 0.64, 1.9, 0.7, "main-", 0.02)
    for x in (0.14, 1.76):
        pen.line([(x, 0.68), (x, 0.98)], 0.07, "#3f4247")
        pen.line([(x, 0.64), (x - 0.02, 0.44), (x + 0.12, 0.42)], 0.045, "#3f4247")


def clock(pen: Pen) -> None:
    """A wall clock, aspect 1."""
    pen.disc(0.5, 0.5, 0.5, "main")
    pen.disc(0.5, 0.5, 0.41, "#fbf8f0")
    for x, y in shapes.oval(0.5, 0.5, 0.34, 0.34)[::3]:
        pen.disc(x, y, 0.022, "#3a3a3e")
    for length, width, angle in ((0.2, 0.05, pen.vary(0, 360)), (0.3, 0.035, pen.vary(0, 360))):
        tip = shapes.oval(0.5, 0.5, length, length)[int(angle / 10) % 36]
        pen.line([(0.5, 0.5), tuple(tip)], width, "#2b2b30")
    pen.disc(0.5, 0.5, 0.035, "#c23a32")


def television(pen: Pen) -> None:
    """Aspect 1.5, on a foot, with a landscape on its screen."""
    pen.oval(0.75, 0.96, 0.3, 0.04, "#2c2d31")
    pen.line([(0.75, 0.84), (0.75, 0.95)], 0.08, "#2c2d31")
    pen.box(0.0, 0.02, 1.5, 0.88, "main", 0.04)
    pen.box(0.06, 0.08, 1.44, 0.8, "#7fc4e8", 0.01)
    pen.fill([(0.06, 0.62), (0.4, 0.42), (0.7, 0.58), (1.0, 0.36), (1.44, 0.6), (1.44, 0.8), (0.06, 0.8)], "#5fae68")
    pen.disc(1.16, 0.24, 0.09, "#ffe27a")
    pen.shade([(0.06, 0.08), (0.6, 0.08), (0.3, 0.8), (0.06, 0.8)], 1.15)
    pen.disc(1.4, 0.84, 0.018, "#e05048")
