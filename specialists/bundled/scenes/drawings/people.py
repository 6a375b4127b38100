"""People, from the front or walking to the right. "main" is what they wear above, "second" what below."""

from __future__ import annotations

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

SHOE = "#3a3230"


def man(pen: Pen) -> None:
    """Aspect 0.5: short hair, trousers."""
    _legs(pen, 0.56, 0.1)
    _arms(pen, 0.24, 0.085)
    pen.fill(shapes.blob([(0.13, 0.22), (0.25, 0.195), (0.37, 0.22), (0.385, 0.4), (0.36, 0.58), (0.14, 0.58),
                          (0.115, 0.4)]), "main")  # fmt: skip
    _front_arm(pen, 0.24, 0.085)
    _head(pen, 0.115, 0.075)
    hair = [(0.165, 0.11), (0.17, 0.04), (0.25, 0.015), (0.335, 0.045), (0.335, 0.1), (0.3, 0.06), (0.22, 0.062)]
    pen.blob(hair, "hair")
    if "bearded" in pen.look.traits:
        pen.fill(shapes.fan(0.25, 0.135, 0.066, 0, 180, 0.062), "hair")
        pen.line([(0.23, 0.152), (0.27, 0.152)], 0.012, "#b0605a")


def woman(pen: Pen) -> None:
    """Aspect 0.5: long hair, a dress or a skirt."""
    hair = [(0.16, 0.1), (0.19, 0.025), (0.25, 0.01), (0.32, 0.025), (0.345, 0.1), (0.365, 0.25), (0.3, 0.28),
            (0.2, 0.28), (0.135, 0.25)]  # fmt: skip
    pen.blob(hair, "hair")
    _legs(pen, 0.62, 0.065, bare=True)
    _arms(pen, 0.245, 0.065)
    if pen.look.pose == "skirt":
        pen.fill([(0.16, 0.5), (0.34, 0.5), (0.42, 0.72), (0.08, 0.72)], "second")
        pen.blob([(0.155, 0.23), (0.25, 0.21), (0.345, 0.23), (0.33, 0.38), (0.35, 0.53), (0.15, 0.53), (0.17, 0.38)],
                 "main")  # fmt: skip
    else:
        pen.fill(shapes.blob([(0.155, 0.23), (0.25, 0.21), (0.345, 0.23), (0.325, 0.4), (0.43, 0.72), (0.36, 0.755),
                              (0.14, 0.755), (0.07, 0.72), (0.175, 0.4)]), "main")  # fmt: skip
        pen.line([(0.175, 0.43), (0.325, 0.43)], 0.022, "second")
    _front_arm(pen, 0.245, 0.065)
    _head(pen, 0.115, 0.07)
    pen.blob([(0.175, 0.13), (0.175, 0.05), (0.25, 0.025), (0.325, 0.05), (0.33, 0.13), (0.3, 0.08), (0.24, 0.06)],
             "hair")  # fmt: skip
    pen.oval(0.25, 0.153, 0.016, 0.008, "#c04a50")


def child(pen: Pen) -> None:
    """Aspect 0.62: a big head, shorts, a cap or tousled hair."""
    _legs(pen, 0.7, 0.1, bare=True, middle=0.31)
    _arms(pen, 0.44, 0.085, middle=0.31)
    pen.fill([(0.18, 0.66), (0.44, 0.66), (0.45, 0.8), (0.33, 0.8), (0.31, 0.74), (0.29, 0.8), (0.17, 0.8)], "second")
    pen.fill(shapes.blob([(0.19, 0.42), (0.31, 0.39), (0.43, 0.42), (0.45, 0.68), (0.17, 0.68)]), "main")
    _front_arm(pen, 0.44, 0.085, middle=0.31)
    _head(pen, 0.23, 0.155, middle=0.31)
    if pen.look.pose == "cap":
        pen.fill(shapes.fan(0.31, 0.2, 0.165, 180, 360, 0.17), "second")
        pen.blob([(0.3, 0.19), (0.5, 0.17), (0.55, 0.205), (0.4, 0.22)], "second-")
    else:
        pen.blob([(0.15, 0.22), (0.15, 0.09), (0.24, 0.03), (0.32, 0.05), (0.42, 0.04), (0.47, 0.12), (0.47, 0.22),
                  (0.4, 0.14), (0.3, 0.16), (0.21, 0.13)], "hair")  # fmt: skip


def _head(pen: Pen, y: float, r: float, middle: float = 0.25) -> None:
    pen.line([(middle, y + r * 0.7), (middle, y + r * 1.5)], r * 0.7, "skin-")
    for side in (-1, 1):
        pen.oval(middle + side * r * 0.95, y + r * 0.1, r * 0.2, r * 0.26, "skin")
    pen.oval(middle, y, r * 0.93, r * 1.08, "skin")
    for side in (-1, 1):
        pen.oval(middle + side * r * 0.37, y + r * 0.02, r * 0.1, r * 0.14, "#2b2622")
        pen.oval(middle + side * r * 0.55, y + r * 0.38, r * 0.15, r * 0.1, "blush")
    pen.line(shapes.arc(middle, y + r * 0.35, r * 0.3, 30, 150, r * 0.22), r * 0.09, "#9c4a44")


def _legs(pen: Pen, top: float, width: float, *, bare: bool = False, middle: float = 0.25) -> None:
    ink = "skin" if bare else "second"
    stride = {"walking": 0.085, "running": 0.12}.get(pen.look.pose, 0.0)
    for side, tone in ((-1, "-"), (1, "")):
        hip, foot = middle + side * 0.055, middle + side * (0.06 + stride)
        lift = 0.05 if side < 0 and stride else 0.0
        knee = (hip + foot) / 2 + (0.03 if stride else 0)
        pen.limb([(hip, top), (knee, (top + 0.97) / 2), (foot, 0.955 - lift)], width, width * 0.72, ink + tone)
        pen.blob([(foot - 0.04, 0.995 - lift), (foot - 0.035, 0.945 - lift), (foot + 0.03, 0.95 - lift),
                  (foot + 0.085, 0.985 - lift), (foot + 0.07, 1.0 - lift)], SHOE)  # fmt: skip


def _arms(pen: Pen, y: float, width: float, middle: float = 0.25) -> None:
    """The arm at the back."""
    swing = 0.1 if pen.look.pose in ("walking", "running") else 0.03
    shoulder, hand = (middle - 0.1, y + 0.02), (middle - 0.12 - swing, y + 0.32)
    pen.limb([shoulder, (middle - 0.14 - swing / 2, y + 0.18), hand], width, width * 0.75, "main-")
    pen.disc(*hand, width * 0.45, "skin-")


def _front_arm(pen: Pen, y: float, width: float, middle: float = 0.25) -> None:
    shoulder = (middle + 0.1, y + 0.02)
    if pen.look.pose == "waving":
        elbow, hand = (middle + 0.2, y + 0.05), (middle + 0.19, y - 0.14)
    else:
        swing = 0.1 if pen.look.pose in ("walking", "running") else 0.03
        elbow, hand = (middle + 0.13 + swing / 2, y + 0.18), (middle + 0.12 + swing, y + 0.31)
    pen.limb([shoulder, elbow, hand], width, width * 0.75, "main-" if pen.look.pattern == "plain" else "main")
    pen.disc(*hand, width * 0.45, "skin")
