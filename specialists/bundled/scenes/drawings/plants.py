"""Plants, as they stand. "main" is what has the named colour: the crown, the blossom, the pot."""

from __future__ import annotations

import numpy as np

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

LEAF, STEM, BARK = "#4c9a4e", "#3f7d3f", "#7a5636"


def _clump(pen: Pen, x: float, y: float, rx: float, ry: float, ink: str, bumps: int = 11) -> None:
    """A crown of leaves: a ring of bumps around a filled middle."""
    rim = shapes.oval(x, y, rx * 0.78, ry * 0.78)
    for i in np.linspace(0, len(rim), bumps, endpoint=False).astype(int):
        pen.disc(float(rim[i, 0]), float(rim[i, 1]), min(rx, ry) * pen.vary(0.28, 0.4), ink)
    pen.oval(x, y, rx * 0.84, ry * 0.84, ink)


def tree(pen: Pen) -> None:
    """Aspect 0.72: a broad crown, or a fir of three tiers."""
    pen.limb([(0.36, 0.98), (0.36, 0.8), (0.36, 0.5)], 0.13, 0.08, BARK)
    pen.fill([(0.28, 1.0), (0.33, 0.9), (0.4, 0.9), (0.45, 1.0)], BARK)
    if pen.look.pose == "fir":
        for top, bottom, half, ink in ((0.4, 0.84, 0.35, "main-"), (0.2, 0.6, 0.28, "main"), (0.0, 0.36, 0.2, "main")):
            middle = (top + bottom) / 2
            pen.blob([(0.36, top), (0.36 + half * 0.5, middle), (0.36 + half, bottom), (0.36, bottom - 0.04),
                      (0.36 - half, bottom), (0.36 - half * 0.5, middle)], ink)  # fmt: skip
            pen.shade([(0.36, top + 0.04), (0.36 + half, bottom), (0.4, bottom - 0.02)], 0.85)
        return
    pen.line([(0.36, 0.66), (0.22, 0.5)], 0.05, BARK)
    pen.line([(0.36, 0.62), (0.5, 0.46)], 0.05, BARK)
    _clump(pen, 0.36, 0.36, 0.35, 0.33, "main-")
    _clump(pen, 0.32, 0.31, 0.29, 0.26, "main", 9)
    for x, y in ((0.2, 0.26), (0.34, 0.16), (0.44, 0.34), (0.28, 0.42)):
        pen.line(shapes.arc(x, y, 0.05, 190, 340), 0.016, "main+")


def palm(pen: Pen) -> None:
    """A palm tree, aspect 0.85."""
    pen.limb([(0.36, 0.99), (0.36, 0.7), (0.46, 0.28)], 0.09, 0.055, "#9a7448")
    for i in range(7):
        y = 0.9 - 0.085 * i
        x = 0.36 + max(0.0, 0.75 - y) ** 2 * 0.4
        pen.line([(x - 0.03, y), (x + 0.035, y - 0.01)], 0.014, "#7a5636")
    for i, (x, y) in enumerate(((0.02, 0.34), (0.9, 0.38), (0.1, 0.12), (0.82, 0.12), (0.2, 0.5), (0.74, 0.54))):
        rise = -0.14 if y < 0.4 else -0.1
        mx, my = (x + 0.46) / 2, (y + 0.26) / 2 + rise
        edge = shapes.curve([(0.46, 0.26), (mx, my), (x, y)])
        back = shapes.curve([(x, y), (mx, my + 0.11), (0.46, 0.3)])
        pen.fill(np.concatenate([edge, back]), "main" if i % 2 else "main-")
        pen.line(edge[2:-2] + np.array((0, 0.02)), 0.01, "main--")
    for x, y in ((0.42, 0.29), (0.5, 0.3), (0.46, 0.33)):
        pen.disc(x, y, 0.035, "#6b4226")


def bush(pen: Pen) -> None:
    """Aspect 1.5, sometimes with berries."""
    _clump(pen, 0.46, 0.64, 0.42, 0.36, "main-", 9)
    _clump(pen, 1.06, 0.66, 0.4, 0.34, "main-", 9)
    _clump(pen, 0.74, 0.5, 0.46, 0.46, "main")
    pen.shade(shapes.box(0.0, 0.82, 1.5, 1.1), 0.82)
    if pen.look.pose == "berries":
        for _ in range(12):
            pen.disc(pen.vary(0.25, 1.25), pen.vary(0.25, 0.85), 0.04, "#c8303a")
    else:
        for _ in range(9):
            pen.line(shapes.arc(pen.vary(0.3, 1.2), pen.vary(0.3, 0.8), 0.07, 200, 340), 0.022, "main+")


def flower(pen: Pen) -> None:
    """Aspect 0.6: a daisy or a tulip."""
    pen.line([(0.3, 0.98), (0.28, 0.7), (0.3, 0.34)], 0.045, STEM, smooth=True)
    pen.blob([(0.29, 0.82), (0.14, 0.7), (0.04, 0.56), (0.18, 0.6), (0.29, 0.74)], LEAF)
    pen.blob([(0.29, 0.88), (0.44, 0.78), (0.56, 0.62), (0.42, 0.66), (0.3, 0.78)], LEAF)
    if pen.look.pose == "tulip":
        pen.blob([(0.1, 0.14), (0.2, 0.2), (0.3, 0.06), (0.4, 0.2), (0.5, 0.14), (0.48, 0.36), (0.3, 0.47),
                  (0.12, 0.36)], "main-")  # fmt: skip
        pen.blob([(0.3, 0.06), (0.4, 0.24), (0.38, 0.42), (0.3, 0.46), (0.22, 0.42), (0.2, 0.24)], "main")
        return
    petals = 8 if pen.look.pose == "daisy" else 6
    for i in range(petals):
        x, y = shapes.oval(0.3, 0.26, 0.155, 0.155)[i * 36 // petals]
        pen.oval(x, y, 0.115, 0.065, "main" if i % 2 else "main-", i * 360 / petals)
    pen.disc(0.3, 0.26, 0.085, "#7a4a24" if "dark heart" in pen.look.traits else "#f4c22c")


def cactus(pen: Pen) -> None:
    """Aspect 0.8: a column with arms."""
    pen.line([(0.4, 0.62), (0.14, 0.62), (0.14, 0.4)], 0.14, "main-", smooth=False)
    pen.line([(0.4, 0.74), (0.66, 0.74), (0.66, 0.46)], 0.14, "main-", smooth=False)
    pen.box(0.28, 0.03, 0.52, 1.0, "main", 0.12)
    for x in (0.34, 0.4, 0.46):
        pen.line([(x, 0.12), (x, 0.97)], 0.012, "main--")
    for _ in range(14):
        x, y = pen.vary(0.3, 0.5), pen.vary(0.1, 0.95)
        pen.line([(x, y), (x + 0.025, y - 0.02)], 0.008, "#f3f3d8")
    if pen.look.pose == "blooming":
        for x, y in ((0.4, 0.04), (0.14, 0.35), (0.66, 0.41)):
            pen.fill(shapes.star(x, y, 0.07, 0.03, 6), "#f0609a")


def potted(pen: Pen) -> None:
    """A potted plant, aspect 0.75; the pot has the colour."""
    for x, y, turn in ((0.1, 0.34, -40), (0.64, 0.34, 40), (0.22, 0.18, -18), (0.52, 0.18, 18), (0.37, 0.14, 0)):
        pen.line([(0.37, 0.66), ((x + 0.37) / 2, 0.44), (x, y + 0.08)], 0.022, STEM, smooth=True)
        pen.oval(x, y, 0.075, 0.16, LEAF if turn else "#3f8a46", turn)
        pen.line([(x, y + 0.1), (x, y - 0.08)], 0.01, "#377a3c")
    pen.fill([(0.14, 0.66), (0.6, 0.66), (0.52, 1.0), (0.22, 1.0)], "main")
    pen.shade([(0.42, 0.66), (0.6, 0.66), (0.52, 1.0), (0.42, 1.0)], 0.84)
    pen.box(0.1, 0.6, 0.64, 0.7, "main-", 0.02)


def mushroom(pen: Pen) -> None:
    """Aspect 0.95."""
    pen.blob([(0.36, 0.5), (0.6, 0.5), (0.62, 0.8), (0.66, 0.98), (0.3, 0.98), (0.34, 0.8)], "#f1e6d2")
    pen.shade([(0.52, 0.5), (0.62, 0.5), (0.68, 1.0), (0.54, 1.0)], 0.86)
    pen.oval(0.475, 0.54, 0.42, 0.08, "#dcc8a8")
    pen.fill(shapes.fan(0.475, 0.55, 0.46, 180, 360, 0.52), "main")
    for x, y, r in ((0.3, 0.36, 0.07), (0.54, 0.2, 0.085), (0.72, 0.42, 0.06), (0.42, 0.47, 0.045), (0.16, 0.48, 0.04)):
        pen.oval(x, y, r, r * 0.85, "#f8f2e6")
