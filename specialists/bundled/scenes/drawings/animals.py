"""Animals on legs, seen from the side and facing right. "main" is the coat, "second" its markings."""

from __future__ import annotations

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

EYE, NOSE = "#1f1b1a", "#2a2322"


def _eye(pen: Pen, x: float, y: float, r: float) -> None:
    pen.disc(x, y, r, EYE)
    pen.disc(x + r * 0.3, y - r * 0.35, r * 0.35, "#ffffff")


def _legs(pen: Pen, places: tuple[float, float], top: float, width: float, hoof: str = "") -> None:
    """Four legs at two places, the far ones darker; a running animal stretches them."""
    reach = 0.16 if pen.look.pose == "running" else 0.0
    for far in (True, False):
        for place, sign in zip(places, (-1, 1), strict=True):
            x = place + (0.09 if far else 0.0)
            foot = x + sign * reach * (0.5 if far else 1) - (0.03 if far and reach else 0)
            bottom = 0.97 - (0.04 if far else 0)
            ink = "main--" if far else "main-"
            pen.limb([(x, top), ((x + foot) / 2 + 0.02, (top + bottom) / 2), (foot, bottom)], width, width * 0.6, ink)
            pen.blob([(foot - width * 0.4, bottom - 0.03), (foot + width * 0.35, bottom - 0.035),
                      (foot + width * 0.6, bottom + 0.02), (foot - width * 0.4, bottom + 0.025)],
                     hoof or ink)  # fmt: skip


def dog(pen: Pen) -> None:
    """Aspect 1.3: standing, running or sitting, with hanging or pointed ears."""
    if pen.look.pose == "sitting":
        pen.limb([(0.3, 0.9), (0.14, 0.82), (0.06, 0.62)], 0.1, 0.05, "main-")
        pen.blob([(0.3, 0.98), (0.22, 0.74), (0.42, 0.42), (0.68, 0.32), (0.8, 0.5), (0.78, 0.8), (0.7, 0.98)], "main")
        pen.blob([(0.24, 0.98), (0.26, 0.76), (0.46, 0.7), (0.6, 0.86), (0.58, 0.98)], "main-")
        pen.limb([(0.74, 0.5), (0.78, 0.75), (0.77, 0.95)], 0.15, 0.1, "main")
        pen.oval(0.82, 0.965, 0.09, 0.035, "main+")
        pen.oval(0.52, 0.965, 0.12, 0.035, "main-")
        x, y = 0.76, 0.26
    else:
        pen.limb([(0.2, 0.46), (0.08, 0.34), (0.06, 0.16)], 0.09, 0.045, "main")
        _legs(pen, (0.28, 0.78), 0.62, 0.14)
        pen.blob([(0.16, 0.54), (0.24, 0.4), (0.56, 0.38), (0.84, 0.34), (0.94, 0.5), (0.86, 0.68), (0.56, 0.66),
                  (0.26, 0.7)], "main")  # fmt: skip
        pen.blob([(0.8, 0.62), (0.78, 0.36), (0.92, 0.2), (1.04, 0.34), (0.94, 0.6)], "main")
        x, y = 0.98, 0.26
    pen.line([(x - 0.1, y + 0.15), (x + 0.06, y + 0.16)], 0.045, "second")
    pen.blob([(x - 0.16, y), (x - 0.08, y - 0.14), (x + 0.07, y - 0.13), (x + 0.14, y - 0.02), (x + 0.28, y + 0.02),
              (x + 0.3, y + 0.1), (x + 0.12, y + 0.15), (x - 0.06, y + 0.13)], "main")  # fmt: skip
    pen.blob([(x + 0.13, y + 0.03), (x + 0.28, y + 0.03), (x + 0.29, y + 0.1), (x + 0.12, y + 0.13)], "main+")
    pen.oval(x + 0.285, y + 0.035, 0.04, 0.032, NOSE)
    _eye(pen, x + 0.08, y - 0.035, 0.026)
    if "pointed ears" in pen.look.traits:
        pen.fill([(x - 0.14, y - 0.02), (x - 0.1, y - 0.24), (x + 0.02, y - 0.1)], "main-")
    else:
        pen.blob([(x - 0.1, y - 0.12), (x - 0.02, y - 0.08), (x - 0.04, y + 0.1), (x - 0.13, y + 0.14),
                  (x - 0.17, y + 0.02)], "main--")  # fmt: skip


def cat(pen: Pen) -> None:
    """Aspect 1.1: sitting, lying or walking."""
    if pen.look.pose == "lying":
        pen.limb([(0.14, 0.86), (0.02, 0.92), (0.3, 0.97), (0.6, 0.95)], 0.1, 0.07, "main-")
        pen.blob([(0.06, 0.86), (0.14, 0.6), (0.42, 0.48), (0.72, 0.54), (0.86, 0.74), (0.84, 0.95), (0.2, 0.98)],
                 "main")  # fmt: skip
        pen.oval(0.82, 0.94, 0.17, 0.05, "main+")
        x, y = 0.84, 0.6
    elif pen.look.pose == "sitting":
        pen.limb([(0.26, 0.94), (0.08, 0.86), (0.06, 0.6), (0.14, 0.48)], 0.09, 0.06, "main-")
        pen.blob([(0.24, 0.98), (0.22, 0.74), (0.4, 0.48), (0.56, 0.38), (0.72, 0.5), (0.74, 0.8), (0.7, 0.98)], "main")
        pen.blob([(0.22, 0.98), (0.24, 0.78), (0.4, 0.72), (0.5, 0.86), (0.48, 0.98)], "main-")
        pen.limb([(0.66, 0.58), (0.68, 0.8), (0.67, 0.95)], 0.12, 0.09, "main")
        pen.oval(0.7, 0.965, 0.08, 0.033, "main+")
        x, y = 0.6, 0.27
    else:
        pen.limb([(0.2, 0.56), (0.06, 0.42), (0.12, 0.16), (0.2, 0.1)], 0.09, 0.06, "main")
        _legs(pen, (0.26, 0.7), 0.68, 0.12)
        pen.blob([(0.14, 0.62), (0.24, 0.5), (0.5, 0.5), (0.78, 0.46), (0.84, 0.62), (0.74, 0.76), (0.48, 0.74),
                  (0.22, 0.78)], "main")  # fmt: skip
        x, y = 0.84, 0.36
    for side in (-1, 1):
        pen.fill([(x + side * 0.17, y - 0.03), (x + side * 0.155, y - 0.24), (x + side * 0.04, y - 0.14)], "main-")
        pen.fill([(x + side * 0.145, y - 0.07), (x + side * 0.14, y - 0.19), (x + side * 0.07, y - 0.13)], "#e8a0a0")
    pen.oval(x, y, 0.19, 0.165, "main")
    pen.oval(x, y + 0.07, 0.09, 0.065, "main+")
    for side in (-1, 1):
        pen.oval(x + side * 0.08, y - 0.02, 0.034, 0.042, "#a9cf4e")
        pen.oval(x + side * 0.08, y - 0.02, 0.012, 0.036, EYE)
        for dy in (0.0, 0.03):
            pen.line([(x + side * 0.06, y + 0.06 + dy / 2), (x + side * 0.22, y + 0.03 + dy * 1.6)], 0.008, "#e9e4dc")
    pen.fill([(x - 0.025, y + 0.035), (x + 0.025, y + 0.035), (x, y + 0.06)], "#d9777c")
    pen.line([(x - 0.03, y + 0.09), (x, y + 0.075), (x + 0.03, y + 0.09)], 0.01, NOSE)


def horse(pen: Pen) -> None:
    """Aspect 1.25: standing, running or grazing."""
    grazing = pen.look.pose == "grazing"
    pen.limb([(0.16, 0.36), (0.04, 0.5), (0.05, 0.74)], 0.06, 0.11, "hair")
    _legs(pen, (0.26, 0.76), 0.56, 0.13, "#3b312b")
    pen.blob([(0.13, 0.42), (0.24, 0.32), (0.5, 0.36), (0.78, 0.31), (0.92, 0.42), (0.86, 0.6), (0.6, 0.62),
              (0.28, 0.64), (0.15, 0.56)], "main")  # fmt: skip
    if grazing:
        neck = [(0.82, 0.34), (0.98, 0.48), (1.1, 0.72), (1.02, 0.8), (0.9, 0.68), (0.78, 0.56)]
        head = [(1.0, 0.68), (1.12, 0.66), (1.16, 0.8), (1.14, 0.96), (1.04, 0.97), (1.0, 0.82)]
        mane = [(0.78, 0.32), (0.98, 0.42), (1.12, 0.66), (1.06, 0.72), (0.92, 0.54)]
        eye, ear, nose = (1.09, 0.75), (1.06, 0.64), (1.1, 0.93)
    else:
        neck = [(0.72, 0.4), (0.86, 0.14), (0.96, 0.06), (1.06, 0.16), (0.98, 0.34), (0.92, 0.54)]
        head = [(0.92, 0.06), (1.02, 0.03), (1.12, 0.12), (1.24, 0.26), (1.21, 0.34), (1.12, 0.33), (1.0, 0.24)]
        mane = [(0.68, 0.4), (0.78, 0.16), (0.9, 0.02), (1.0, 0.03), (0.9, 0.14), (0.84, 0.34)]
        eye, ear, nose = (1.05, 0.13), (0.97, 0.05), (1.2, 0.28)
    pen.blob(neck, "main")
    pen.blob(head, "main")
    pen.blob(mane, "hair")
    pen.fill([(ear[0] - 0.03, ear[1] + 0.03), (ear[0] + 0.01, ear[1] - 0.08), (ear[0] + 0.05, ear[1] + 0.03)], "main-")
    _eye(pen, *eye, 0.022)
    pen.disc(*nose, 0.016, NOSE)
    pen.shade(shapes.blob([(0.2, 0.56), (0.5, 0.54), (0.86, 0.54), (0.6, 0.66), (0.26, 0.66)]), 0.85)


def cow(pen: Pen) -> None:
    """Aspect 1.45: a heavy body with patches, horns, an udder."""
    pen.line([(0.14, 0.32), (0.07, 0.5), (0.09, 0.66)], 0.035, "main-", smooth=True)
    pen.oval(0.08, 0.7, 0.045, 0.07, "#4a3a32")
    _legs(pen, (0.28, 0.9), 0.66, 0.13, "#3b312b")
    pen.oval(0.46, 0.72, 0.1, 0.08, "#eeb0ae")
    pen.blob([(0.1, 0.4), (0.22, 0.27), (0.6, 0.3), (0.98, 0.26), (1.1, 0.42), (1.02, 0.68), (0.66, 0.72), (0.24, 0.72),
              (0.12, 0.6)], "main")  # fmt: skip
    if pen.look.pattern == "spotted":
        shift = pen.vary(-0.06, 0.06)
        pen.blob([(0.26 + shift, 0.32), (0.5 + shift, 0.34), (0.52 + shift, 0.52), (0.34, 0.6), (0.22, 0.46)], "second")
        pen.blob([(0.72 + shift, 0.4), (0.92, 0.36), (0.96 + shift, 0.54), (0.8, 0.62)], "second")
    for x, sign in ((1.12, -1), (1.3, 1)):
        pen.line([(x, 0.16), (x + sign * 0.05, 0.09), (x + sign * 0.03, 0.02)], 0.04, "#e6dcc4", smooth=True)
        pen.oval(x + sign * 0.09, 0.22, 0.09, 0.045, "main-", turn=sign * 20)
    pen.blob([(1.08, 0.18), (1.22, 0.12), (1.34, 0.18), (1.34, 0.36), (1.3, 0.5), (1.14, 0.5), (1.08, 0.36)], "main")
    pen.oval(1.22, 0.46, 0.12, 0.09, "#eab8a8")
    for x in (1.17, 1.27):
        pen.oval(x, 0.45, 0.018, 0.025, "#8c5a50")
        _eye(pen, x + (x - 1.22) * 0.6, 0.27, 0.025)


def sheep(pen: Pen) -> None:
    """Aspect 1.25: a woolly cloud on thin dark legs."""
    for x in (0.34, 0.46, 0.78, 0.88):
        pen.line([(x, 0.66), (x, 0.95)], 0.07, "#4a423e")
        pen.box(x - 0.04, 0.94, x + 0.045, 1.0, "#2f2a28", 0.02)
    around = shapes.oval(0.6, 0.46, 0.42, 0.25)[::3]
    for x, y in around:
        pen.disc(x, y, 0.125, "main")
    pen.oval(0.6, 0.46, 0.44, 0.27, "main")
    pen.shade(shapes.blob([(0.2, 0.56), (0.6, 0.62), (1.0, 0.56), (0.86, 0.76), (0.36, 0.76)]), 0.88)
    for x, y in ((0.4, 0.4), (0.62, 0.34), (0.56, 0.54), (0.78, 0.48)):
        pen.line(shapes.arc(x, y, 0.06, 10, 200), 0.018, "main-")
    pen.oval(0.98, 0.36, 0.1, 0.045, "#4a423e", turn=30)
    pen.blob([(1.0, 0.26), (1.12, 0.24), (1.22, 0.34), (1.22, 0.48), (1.12, 0.52), (1.02, 0.42)], "#5a504a")
    pen.disc(1.02, 0.24, 0.09, "main")
    pen.disc(1.1, 0.21, 0.07, "main")
    pen.disc(1.12, 0.34, 0.03, "#f4f0e8")
    pen.disc(1.125, 0.34, 0.017, EYE)


def pig(pen: Pen) -> None:
    """Aspect 1.4."""
    pen.line([(0.1, 0.42), (0.02, 0.36), (0.06, 0.28), (0.1, 0.36), (0.02, 0.42)], 0.03, "main-", smooth=True)
    _legs(pen, (0.32, 0.88), 0.7, 0.15, "#7a5a52")
    pen.blob([(0.08, 0.5), (0.24, 0.26), (0.64, 0.2), (1.0, 0.26), (1.12, 0.5), (0.98, 0.74), (0.6, 0.8), (0.22, 0.74)],
             "main")  # fmt: skip
    pen.shade(shapes.blob([(0.14, 0.6), (0.6, 0.68), (1.06, 0.6), (0.9, 0.84), (0.3, 0.84)]), 0.88)
    pen.blob([(0.94, 0.4), (1.06, 0.24), (1.22, 0.28), (1.32, 0.44), (1.24, 0.6), (1.06, 0.62)], "main")
    for x in (1.02, 1.2):
        pen.fill([(x - 0.06, 0.3), (x - 0.02, 0.12), (x + 0.09, 0.28)], "main-")
    pen.oval(1.32, 0.48, 0.065, 0.095, "main-")
    for y in (0.45, 0.52):
        pen.oval(1.34, y, 0.014, 0.022, "#8c4a50")
    _eye(pen, 1.18, 0.4, 0.026)


def rabbit(pen: Pen) -> None:
    """Aspect 0.95: sitting, long ears up."""
    pen.disc(0.1, 0.8, 0.1, "main+")
    pen.blob([(0.1, 0.9), (0.12, 0.68), (0.34, 0.52), (0.6, 0.52), (0.74, 0.7), (0.72, 0.97), (0.3, 0.99)], "main")
    pen.blob([(0.14, 0.96), (0.18, 0.74), (0.38, 0.68), (0.48, 0.84), (0.44, 0.98)], "main-")
    pen.oval(0.42, 0.965, 0.16, 0.035, "main+")
    pen.limb([(0.66, 0.7), (0.7, 0.84), (0.7, 0.95)], 0.12, 0.09, "main-")
    for x, lean in ((0.56, -0.07), (0.66, 0.03)):
        pen.fill(shapes.oval(x + lean, 0.2, 0.065, 0.2, -8 if lean < 0 else 8), "main-")
        pen.fill(shapes.oval(x + lean, 0.22, 0.032, 0.15, -8 if lean < 0 else 8), "#e9aeb0")
    pen.oval(0.66, 0.46, 0.2, 0.165, "main")
    pen.oval(0.78, 0.52, 0.09, 0.07, "main+")
    pen.oval(0.85, 0.475, 0.03, 0.024, "#d9777c")
    _eye(pen, 0.72, 0.42, 0.034)


def elephant(pen: Pen) -> None:
    """Aspect 1.4."""
    pen.line([(0.1, 0.34), (0.04, 0.5), (0.06, 0.62)], 0.03, "main-", smooth=True)
    for x, ink in ((0.38, "main--"), (0.9, "main--"), (0.24, "main-"), (0.76, "main-")):
        pen.limb([(x, 0.6), (x, 0.8), (x, 0.94)], 0.2, 0.18, ink)
        for toe in (-0.06, 0.0, 0.06):
            pen.oval(x + toe, 0.975, 0.028, 0.022, "#e8e2d6")
    pen.blob([(0.08, 0.5), (0.18, 0.2), (0.52, 0.1), (0.86, 0.16), (1.0, 0.4), (0.9, 0.7), (0.5, 0.74), (0.14, 0.7)],
             "main")  # fmt: skip
    pen.limb([(1.14, 0.34), (1.26, 0.56), (1.24, 0.8), (1.32, 0.88)], 0.18, 0.075, "main-")
    pen.blob([(0.86, 0.3), (0.96, 0.1), (1.14, 0.08), (1.26, 0.26), (1.22, 0.46), (1.04, 0.52)], "main")
    pen.line([(1.12, 0.46), (1.22, 0.6), (1.34, 0.6)], 0.045, "#f2ecdc", smooth=True)
    pen.blob([(0.94, 0.16), (0.82, 0.12), (0.7, 0.28), (0.76, 0.52), (0.9, 0.56), (1.0, 0.38)], "main--")
    pen.blob([(0.93, 0.2), (0.83, 0.18), (0.75, 0.3), (0.79, 0.48), (0.9, 0.5), (0.97, 0.36)], "main-")
    _eye(pen, 1.12, 0.25, 0.026)
