"""Tools, toys and what people carry."""

from __future__ import annotations

import numpy as np

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

STEEL = "#b4bac1"


def hammer(pen: Pen) -> None:
    """Aspect 1.9, lying; the handle has the colour."""
    pen.limb([(0.04, 0.72), (0.8, 0.6), (1.5, 0.48)], 0.2, 0.13, "main")
    pen.line([(0.1, 0.7), (0.6, 0.62)], 0.1, "main-")
    pen.blob([(1.4, 0.22), (1.64, 0.18), (1.7, 0.5), (1.74, 0.78), (1.5, 0.82), (1.46, 0.5)], STEEL)
    pen.fill([(1.44, 0.76), (1.82, 0.7), (1.86, 0.96), (1.46, 1.0)], "#8f969e")
    pen.blob([(1.42, 0.3), (1.36, 0.06), (1.5, 0.0), (1.66, 0.12), (1.66, 0.28)], "#8f969e")
    pen.shade([(1.44, 0.2), (1.56, 0.18), (1.62, 0.8), (1.5, 0.82)], 1.15)


def scissors(pen: Pen) -> None:
    """Aspect 1.7, open, the handles have the colour."""
    for sign in (-1, 1):

        def side(points: list[tuple[float, float]], flip: int = sign) -> np.ndarray:
            return np.array([(x, 0.5 + flip * (y - 0.5)) for x, y in points])

        pen.fill(
            side([(0.72, 0.56), (0.8, 0.44), (1.66, 0.1), (1.68, 0.16), (0.9, 0.6)]), STEEL if sign > 0 else "#969da5"
        )
        pen.line(side([(0.78, 0.5), (0.56, 0.64)]), 0.1, "main-")
        ring = shapes.oval(0.33, 0.5 + sign * 0.25, 0.28, 0.2, sign * 24)
        pen.line([*ring, ring[0], ring[1]], 0.1, "main")
    pen.disc(0.8, 0.5, 0.055, "#5d646c")


def umbrella(pen: Pen) -> None:
    """Aspect 1.05, open."""
    pen.line([(0.525, 0.1), (0.525, 0.9), (0.56, 0.97), (0.63, 0.96), (0.645, 0.88)], 0.03, "#6b4a2e")
    dome = shapes.fan(0.525, 0.5, 0.52, 180, 360, 0.44)[:-1]
    rim = np.concatenate(
        [shapes.arc(x, 0.5, 0.087, 0, -180, 0.055) for x in (0.957, 0.784, 0.611, 0.438, 0.266, 0.093)]
    )
    pen.fill(np.concatenate([dome, rim]), "main")
    if pen.look.pattern == "plain" and pen.look.pose == "paneled":
        for left, right in ((0.18, 0.352), (0.525, 0.698)):
            pen.fill([(0.525, 0.07), (left, 0.49), (right, 0.49)], "second")
    for x in (0.18, 0.352, 0.525, 0.698, 0.87):
        pen.line([(0.525, 0.07), ((x + 0.525) / 2 + (x - 0.525) * 0.18, 0.22), (x, 0.485)], 0.01, "main-", smooth=True)
    pen.line([(0.525, 0.01), (0.525, 0.07)], 0.025, "#6b4a2e")


def ball(pen: Pen) -> None:
    """Aspect 1: a beach ball, a football with a star, a plain one."""
    pen.disc(0.5, 0.5, 0.49, "main")
    if pen.look.pattern == "plain":
        if pen.look.pose == "beach":
            for start in (0, 120, 240):
                pen.fill(shapes.fan(0.44, 0.4, 0.5, start, start + 60), "second")
            pen.keep(shapes.oval(0.5, 0.5, 0.49, 0.49))
            pen.disc(0.44, 0.4, 0.08, "#ffffff")
        else:
            pen.fill(shapes.star(0.48, 0.5, 0.26, 0.12, 5), "second")
    pen.shade(shapes.blob([(0.9, 0.3), (0.99, 0.55), (0.8, 0.9), (0.48, 0.99), (0.2, 0.88), (0.6, 0.8)]), 0.82)
    pen.oval(0.3, 0.26, 0.1, 0.065, "#ffffff", -35)


def book(pen: Pen) -> None:
    """Aspect 1.5: lying, closed, its cover has the colour."""
    pen.fill([(0.3, 0.06), (1.44, 0.06), (1.2, 0.62), (0.04, 0.62)], "main")
    pen.fill([(0.04, 0.62), (1.2, 0.62), (1.2, 0.9), (0.04, 0.9)], "#f4eedd")
    for y in (0.69, 0.76, 0.83):
        pen.line([(0.07, y), (1.18, y)], 0.012, "#cfc6ae")
    pen.fill([(1.2, 0.62), (1.44, 0.06), (1.44, 0.34), (1.2, 0.9)], "#ded5c0")
    pen.fill([(0.04, 0.88), (1.2, 0.88), (1.44, 0.32), (1.46, 0.38), (1.22, 0.98), (0.04, 0.98)], "main-")
    pen.line([(0.05, 0.6), (0.05, 0.95)], 0.06, "main--")
    pen.fill([(0.56, 0.2), (1.12, 0.2), (1.06, 0.34), (0.5, 0.34)], "second")


def guitar(pen: Pen) -> None:
    """Aspect 0.5, upright."""
    pen.box(0.215, 0.06, 0.285, 0.6, "#5a3b25")
    pen.box(0.19, 0.0, 0.31, 0.1, "#3d2819", 0.02)
    for y in (0.025, 0.065):
        for x in (0.17, 0.33):
            pen.disc(x, y, 0.018, "#d8d8d0")
    pen.blob([(0.25, 0.46), (0.37, 0.48), (0.41, 0.56), (0.36, 0.65), (0.42, 0.74), (0.47, 0.86), (0.38, 0.98),
              (0.25, 0.995), (0.12, 0.98), (0.03, 0.86), (0.08, 0.74), (0.14, 0.65), (0.09, 0.56), (0.13, 0.48)],
             "main")  # fmt: skip
    pen.box(0.22, 0.4, 0.28, 0.62, "#5a3b25")
    pen.disc(0.25, 0.68, 0.075, "#2d1d12")
    pen.box(0.16, 0.86, 0.34, 0.89, "#3d2819", 0.01)
    for x in (0.235, 0.25, 0.265):
        pen.line([(x, 0.08), (x, 0.87)], 0.004, "#e8e4d8")


def kite(pen: Pen) -> None:
    """Aspect 0.8, with a tail of bows."""
    pen.line([(0.36, 0.62), (0.5, 0.72), (0.34, 0.82), (0.52, 0.92), (0.44, 0.99)], 0.014, "#5a5148", smooth=True)
    for x, y in ((0.47, 0.7), (0.36, 0.8), (0.5, 0.9)):
        pen.fill([(x - 0.07, y - 0.035), (x - 0.07, y + 0.035), (x + 0.07, y - 0.035), (x + 0.07, y + 0.035)], "second")
    pen.fill([(0.4, 0.0), (0.76, 0.26), (0.36, 0.66), (0.04, 0.22)], "main")
    if pen.look.pattern == "plain":
        pen.fill([(0.4, 0.0), (0.76, 0.26), (0.39, 0.25)], "second")
        pen.fill([(0.36, 0.66), (0.04, 0.22), (0.39, 0.25)], "second")
    pen.line([(0.4, 0.0), (0.36, 0.66)], 0.014, "#6b5a44")
    pen.line([(0.04, 0.22), (0.76, 0.26)], 0.014, "#6b5a44")


def backpack(pen: Pen) -> None:
    """Aspect 0.85."""
    pen.line(shapes.arc(0.425, 0.1, 0.1, 180, 360, 0.1), 0.045, "main--")
    for x in (0.04, 0.81):
        pen.line(
            [(0.425 + (x - 0.425) * 0.8, 0.2), (x, 0.5), (0.425 + (x - 0.425) * 0.85, 0.86)],
            0.06,
            "main--",
            smooth=True,
        )
    pen.box(0.08, 0.08, 0.77, 0.99, "main", 0.22)
    pen.box(0.17, 0.56, 0.68, 0.94, "second", 0.08)
    pen.line([(0.2, 0.64), (0.65, 0.64)], 0.018, "#3a3a3e")
    pen.line([(0.13, 0.36), (0.24, 0.44), (0.61, 0.44), (0.72, 0.36)], 0.025, "main--", smooth=True)
    for x in (0.3, 0.55):
        pen.box(x - 0.025, 0.4, x + 0.025, 0.52, "#c9b27a", 0.01)


def suitcase(pen: Pen) -> None:
    """Aspect 1.15, standing."""
    pen.line([(0.42, 0.2), (0.42, 0.05), (0.73, 0.05), (0.73, 0.2)], 0.05, "#4a4038")
    for x in (0.2, 0.95):
        pen.disc(x, 0.95, 0.05, "#2c2c30")
    pen.box(0.02, 0.18, 1.13, 0.95, "main", 0.09)
    for x in (0.2, 0.84):
        pen.box(x, 0.18, x + 0.11, 0.95, "second")
        pen.box(x + 0.015, 0.4, x + 0.095, 0.5, "#d8b85c", 0.01)
    for x, y in ((0.02, 0.18), (1.13, 0.18), (0.02, 0.95), (1.13, 0.95)):
        pen.disc(x + (0.05 if x < 0.5 else -0.05), y + (0.05 if y < 0.5 else -0.05), 0.06, "main--")


def traffic_light(pen: Pen) -> None:
    """Aspect 0.36."""
    pen.box(0.155, 0.4, 0.205, 1.0, "#54585e")
    pen.box(0.1, 0.96, 0.26, 1.0, "#3e4146", 0.01)
    pen.box(0.04, 0.0, 0.32, 0.5, "main", 0.05)
    lit = {"red": 0, "amber": 1, "green": 2}[pen.look.pose]
    inks = (("#6b2222", "#ff4a3c"), ("#6b5420", "#ffc83a"), ("#1f4d2c", "#4be06e"))
    for i, (off, on) in enumerate(inks):
        pen.disc(0.18, 0.1 + 0.15 * i, 0.066, "#17181a")
        pen.disc(0.18, 0.1 + 0.15 * i, 0.055, on if i == lit else off)


def tent(pen: Pen) -> None:
    """Aspect 1.7."""
    pen.fill([(0.6, 0.06), (1.3, 0.14), (1.68, 0.98), (0.9, 0.99)], "main-")
    pen.fill([(0.6, 0.06), (1.1, 0.99), (0.02, 0.99)], "main")
    pen.fill([(0.6, 0.3), (0.82, 0.99), (0.38, 0.99)], "#3b3029")
    pen.fill([(0.6, 0.3), (0.48, 0.66), (0.4, 0.99), (0.3, 0.99)], "second")
    pen.line([(0.6, 0.02), (0.6, 0.3)], 0.025, "#5a4632")
    for a, b in (((0.14, 0.78), (0.0, 0.99)), ((1.62, 0.84), (1.7, 0.99))):
        pen.line([a, b], 0.014, "#cfc8b4")


def snowman(pen: Pen) -> None:
    """Aspect 0.72; the scarf has the colour."""
    pen.line([(0.24, 0.5), (0.02, 0.36)], 0.025, "#6a4a30")
    pen.line([(0.5, 0.5), (0.7, 0.34)], 0.025, "#6a4a30")
    for y, r in ((0.79, 0.235), (0.5, 0.18), (0.25, 0.135)):
        pen.disc(0.36, y, r, "#f4f8fb")
        dark = [(0.8, -0.4), (1.0, 0.2), (0.0, 1.0), (-0.6, 0.8), (0.5, 0.5)]
        pen.shade(shapes.blob([(0.36 + r * dx, y + r * dy) for dx, dy in dark]), 0.9)
    pen.line([(0.24, 0.36), (0.36, 0.395), (0.48, 0.36)], 0.06, "main", smooth=True)
    pen.line([(0.44, 0.38), (0.47, 0.54)], 0.055, "main-")
    pen.fill([(0.37, 0.25), (0.37, 0.3), (0.56, 0.29)], "#f08a2c")
    for x in (0.31, 0.42):
        pen.disc(x, 0.22, 0.018, "#26262a")
    for y in (0.46, 0.54):
        pen.disc(0.37, y, 0.018, "#26262a")
    pen.box(0.18, 0.115, 0.54, 0.145, "#2d2d33", 0.01)
    pen.box(0.25, 0.0, 0.47, 0.13, "#2d2d33", 0.01)
    pen.box(0.25, 0.09, 0.47, 0.12, "main")
