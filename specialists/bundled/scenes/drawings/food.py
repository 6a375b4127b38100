"""Things to eat and drink, as they lie or stand on a table."""

from __future__ import annotations

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen


def apple(pen: Pen) -> None:
    """Aspect 0.95, sometimes bitten."""
    body = [(0.47, 0.27), (0.62, 0.2), (0.84, 0.26), (0.93, 0.5), (0.8, 0.86), (0.6, 0.99), (0.47, 0.95), (0.34, 0.99),
            (0.14, 0.86), (0.02, 0.5), (0.11, 0.26), (0.32, 0.2)]  # fmt: skip
    pen.blob(body, "main")
    pen.shade(shapes.blob([(0.8, 0.4), (0.93, 0.5), (0.8, 0.86), (0.6, 0.99), (0.47, 0.95), (0.74, 0.76)]), 0.84)
    pen.oval(0.24, 0.44, 0.06, 0.12, "main++", 20)
    pen.oval(0.47, 0.28, 0.13, 0.045, "main--")
    pen.line([(0.47, 0.3), (0.5, 0.1)], 0.05, "#6a4426")
    pen.blob([(0.5, 0.19), (0.62, 0.05), (0.82, 0.04), (0.72, 0.18)], "#4f9a44")


def banana(pen: Pen) -> None:
    """Aspect 1.6: a crescent with brown ends."""
    pen.blob([(0.08, 0.1), (0.2, 0.08), (0.36, 0.4), (0.78, 0.6), (1.24, 0.5), (1.5, 0.26), (1.56, 0.36), (1.42, 0.7),
              (1.08, 0.94), (0.62, 0.98), (0.26, 0.74), (0.1, 0.4)], "main")  # fmt: skip
    pen.shade(shapes.blob([(0.16, 0.5), (0.4, 0.76), (0.74, 0.88), (1.1, 0.82), (1.48, 0.54), (1.36, 0.78),
                           (1.06, 0.98), (0.62, 1.0), (0.26, 0.78)]), 0.86)  # fmt: skip
    pen.line([(0.24, 0.36), (0.5, 0.68), (0.86, 0.78), (1.28, 0.64)], 0.02, "main-", smooth=True)
    pen.line([(0.13, 0.12), (0.1, 0.02)], 0.1, "#7d6a2a")
    pen.disc(1.54, 0.3, 0.06, "#5a4522")


def orange(pen: Pen) -> None:
    """Aspect 1: a whole fruit with a leaf."""
    pen.disc(0.5, 0.52, 0.48, "main")
    pen.shade(shapes.blob([(0.9, 0.4), (0.98, 0.6), (0.8, 0.92), (0.5, 1.0), (0.2, 0.9), (0.6, 0.86)]), 0.85)
    pen.oval(0.3, 0.32, 0.1, 0.07, "main++", -35)
    for x, y in ((0.5, 0.4), (0.66, 0.54), (0.4, 0.64), (0.56, 0.72), (0.74, 0.36), (0.24, 0.56)):
        pen.disc(x, y, 0.014, "main-")
    pen.fill(shapes.star(0.5, 0.1, 0.09, 0.04, 5), "#5a7a34")
    pen.blob([(0.52, 0.1), (0.66, 0.0), (0.84, 0.04), (0.7, 0.14)], "#4f9a44")


def pizza(pen: Pen) -> None:
    """Aspect 1.9: whole, seen from above at a slant, or one slice of it."""
    if pen.look.pose == "slice":
        pen.fill([(0.12, 0.1), (1.78, 0.02), (1.74, 0.2), (1.1, 1.0), (0.1, 0.3)], "#f2c04c")
        pen.line([(0.12, 0.16), (0.6, 0.1), (1.2, 0.06), (1.74, 0.1)], 0.17, "#c98a44", smooth=True)
        for x, y, r in ((0.6, 0.34, 0.14), (1.26, 0.32, 0.14), (0.98, 0.6, 0.13)):
            pen.oval(x, y, r, r * 0.8, "#bf3a2b")
        for x, y in ((0.9, 0.34), (1.06, 0.46), (0.8, 0.52), (1.1, 0.76)):
            pen.oval(x, y, 0.05, 0.028, "#4c8a3c", 30)
        return
    pen.oval(0.95, 0.58, 0.95, 0.42, "#9c6a34")
    pen.oval(0.95, 0.52, 0.95, 0.44, "#c98a44")
    pen.oval(0.95, 0.51, 0.82, 0.36, "#d2502e")
    pen.oval(0.95, 0.51, 0.78, 0.335, "#f2c04c")
    for x, y in ((0.6, 0.36), (1.02, 0.32), (1.4, 0.46), (0.42, 0.56), (0.84, 0.58), (1.24, 0.7), (0.7, 0.76)):
        pen.oval(x, y, 0.13, 0.06, "#bf3a2b")
        pen.shade(shapes.oval(x - 0.02, y - 0.015, 0.08, 0.03), 1.15)
    for _ in range(12):
        x, y = shapes.oval(0.95, 0.51, 0.7 * pen.vary(0.2, 1), 0.29 * pen.vary(0.2, 1))[int(pen.rng.integers(36))]
        pen.oval(x, y, 0.05, 0.02, "#4c8a3c", pen.vary(0, 180))
    for angle in (20, 80, 140):
        a, b = (shapes.oval(0.95, 0.51, 0.9, 0.4)[i % 36] for i in (angle // 10, angle // 10 + 18))
        pen.line([tuple(a), tuple(b)], 0.012, "#a8682c")


def cake(pen: Pen) -> None:
    """Aspect 1.1: icing that runs down, layers, a candle or a cherry; the icing has the colour."""
    pen.oval(0.55, 0.92, 0.54, 0.08, "#e3e6ea")
    pen.oval(0.55, 0.9, 0.5, 0.06, "#f7f8fa")
    pen.fill([(0.12, 0.44), (0.98, 0.44), (0.98, 0.86), (0.76, 0.91), (0.34, 0.91), (0.12, 0.86)], "#e0b070")
    pen.box(0.12, 0.62, 0.98, 0.69, "second")
    drip = [(0.12, 0.4), (0.12, 0.62), (0.22, 0.55), (0.32, 0.66), (0.44, 0.55), (0.55, 0.68), (0.66, 0.55),
            (0.78, 0.64), (0.88, 0.54), (0.98, 0.63), (0.98, 0.4)]  # fmt: skip
    pen.fill(drip[:1] + [tuple(p) for p in shapes.curve(drip[1:-1])] + drip[-1:], "main")
    pen.oval(0.55, 0.41, 0.43, 0.1, "main+")
    if pen.look.pose == "cherry":
        for x in (0.26, 0.55, 0.84):
            pen.disc(x, 0.36, 0.07, "#c9242e")
            pen.line([(x, 0.3), (x + 0.05, 0.2)], 0.016, "#4f7a34")
        return
    for i, x in enumerate((0.35, 0.55, 0.75)):
        pen.line([(x, 0.16), (x, 0.4)], 0.04, ("#f2d54c", "#5ab0e0", "#f08ab0")[i])
        pen.blob([(x, 0.01), (x + 0.035, 0.09), (x, 0.14), (x - 0.035, 0.09)], "#ffb52e")


def icecream(pen: Pen) -> None:
    """An ice cream in a cone, aspect 0.55; the scoop has the colour."""
    pen.fill([(0.06, 0.42), (0.49, 0.42), (0.275, 1.0)], "#dfa557")
    for i in range(4):
        x = 0.1 + 0.1 * i
        pen.line([(x, 0.44), (0.3 + 0.03 * i, 0.8 - 0.06 * i)], 0.014, "#b77b34")
        pen.line([(0.55 - x, 0.44), (0.25 - 0.03 * i, 0.8 - 0.06 * i)], 0.014, "#b77b34")
    if pen.look.pose == "double":
        pen.disc(0.275, 0.16, 0.155, "second")
    pen.disc(0.275, 0.32, 0.23, "main")
    for x in (0.1, 0.21, 0.33, 0.44):
        pen.disc(x, 0.44, 0.062, "main")
    pen.oval(0.2, 0.26, 0.05, 0.04, "main+")
    if pen.look.pose != "double":
        pen.disc(0.3, 0.07, 0.065, "#c9242e")


def bottle(pen: Pen) -> None:
    """Aspect 0.36."""
    pen.fill(shapes.blob([(0.12, 0.1), (0.24, 0.1), (0.245, 0.3), (0.35, 0.46), (0.355, 0.7), (0.345, 0.97),
                          (0.18, 0.99), (0.015, 0.97), (0.005, 0.7), (0.01, 0.46), (0.115, 0.3)]), "main")  # fmt: skip
    pen.box(0.11, 0.0, 0.25, 0.12, "second", 0.02)
    pen.box(0.02, 0.56, 0.34, 0.8, "#f6f1e2")
    pen.box(0.02, 0.6, 0.34, 0.64, "second")
    pen.line([(0.08, 0.48), (0.13, 0.38)], 0.035, "main++")


def cup(pen: Pen) -> None:
    """Aspect 1.15: a cup with a handle, coffee in it."""
    pen.line([(0.84, 0.36), (1.06, 0.36), (1.06, 0.66), (0.8, 0.74)], 0.1, "main-", smooth=True)
    pen.blob([(0.04, 0.22), (0.06, 0.6), (0.16, 0.92), (0.45, 0.99), (0.74, 0.92), (0.84, 0.6), (0.86, 0.22),
              (0.45, 0.26)], "main")  # fmt: skip
    pen.oval(0.45, 0.22, 0.42, 0.13, "main+")
    pen.oval(0.45, 0.23, 0.35, 0.095, "#5a3822")
    if pen.look.pose == "steaming":
        for x in (0.32, 0.5):
            pen.line([(x, 0.16), (x + 0.06, 0.08), (x, 0.0)], 0.035, "#eef1f4", smooth=True)
