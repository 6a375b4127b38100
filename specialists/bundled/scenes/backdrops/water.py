"""Backdrops with water. Each painter returns where things may be."""

from __future__ import annotations

import cv2

from specialists.bundled.scenes.backdrops.brush import Brush
from specialists.bundled.scenes.backdrops.sky import sky
from specialists.bundled.scenes.backdrops.zones import FARM, Light, Place, Zone, above

NOT_ON_BEACH = ("tree", "bush", "flower", "house", "mushroom", "rabbit", "bicycle", "butterfly", "duck", *FARM)


NOT_AT_LAKE = ("house", "umbrella", "suitcase", "elephant")


def beach(brush: Brush) -> Place:
    """Sea behind, sand before."""
    horizon = brush.vary(0.32, 0.4)
    light = sky(brush, horizon, ("clear", "clear", "hazy", "evening"))
    shore = horizon + brush.vary(0.2, 0.27)
    brush.ramp(horizon, shore + 0.04, ("#2f86b8", "#3fa6c4", "#7fd0d0"))
    brush.ripples(46, horizon + 0.01, shore - 0.02, "#9adbe2", 0.05)
    brush.fill([(0, 1.01), (0, shore + 0.02), *_wave(brush, shore, 0.012), (1, 1.01)], "#f6f2e4")
    sand = [(0, 1.01), (0, shore + 0.04), *_wave(brush, shore + 0.022, 0.014), (1, 1.01)]
    brush.fill(sand, "#ecd6a0")
    brush.grain(shore + 0.05, 1, 9, 3, 2)
    brush.ripples(30, shore + 0.08, 1, "#dcc288", 0.05)
    for _ in range(14):
        brush.oval(brush.vary(0, 1), brush.vary(shore + 0.1, 1), 0.006, 0.004, "#c8ae80")
    zones = (
        Zone(("ground", "sand"), shore + 0.12, 0.97),
        Zone(("water",), horizon + 0.04, shore - 0.02),
        above(horizon),
    )
    return Place("beach", light, horizon, zones, excludes=NOT_ON_BEACH)


def lake(brush: Brush) -> Place:
    """Mountains, and water down to the near bank."""
    horizon = brush.vary(0.36, 0.46)
    light = sky(brush, horizon, ("clear", "hazy", "evening", "gray"))
    brush.ridge(horizon + 0.01, brush.vary(0.2, 0.28), 9, "#93a9c4", sharp=True)
    brush.ridge(horizon + 0.01, brush.vary(0.08, 0.14), 7, "#6f9a84")
    bank = brush.vary(0.8, 0.86)
    brush.ramp(horizon, bank + 0.06, ("#8cc4d8", "#4f9cc4", "#2f7aa8"))
    brush.ripples(70, horizon + 0.02, bank, "#c4e6ee", 0.06)
    brush.fill([(0, 1.01), (0, bank + 0.03), *_wave(brush, bank + 0.03, 0.016), (1, 1.01)], "#6aa850")
    brush.grain(bank + 0.05, 1, 10, 5, 3)
    brush.strokes(46, bank + 0.06, 1.02, ("#8cc866", "#4f9040"), 0.04)
    zones = (
        Zone(("water",), horizon + 0.06, bank - 0.02),
        Zone(("ground", "bank"), bank + 0.09, 0.98),
        above(horizon),
    )
    return Place("lake", light, horizon, zones, excludes=NOT_AT_LAKE)


def underwater(brush: Brush) -> Place:
    """The sea from below: rays of light, bubbles, a sandy bed with weeds."""
    bed = brush.vary(0.8, 0.88)
    brush.ramp(0, 1, ("#7fd6e6", "#2f9cc4", "#1c6a9c", "#154f7c"))
    rays = brush.image.copy()
    for _ in range(4):
        x, lean = brush.vary(0, 1), brush.vary(-0.2, 0.2)
        points = brush._at([(x - 0.03, 0), (x + 0.03, 0), (x + lean + 0.1, 0.9), (x + lean - 0.1, 0.9)])
        cv2.fillPoly(rays, [points], (190, 238, 244), cv2.LINE_AA, 4)
    cv2.addWeighted(rays, 0.16, brush.image, 0.84, 0, brush.image)
    brush.fill([(0, 1.01), (0, bed), *_wave(brush, bed, 0.02), (1, 1.01)], "#d8c48c")
    brush.grain(bed + 0.02, 1, 9, 3, 2)
    for _ in range(9):
        x, tall = brush.vary(0, 1), brush.vary(0.08, 0.2)
        for k in range(3):
            xs = [x + 0.02 * k + 0.012 * (-1) ** (i + k) for i in range(5)]
            brush.line(
                [(xs[i], bed + 0.05 - tall * i / 4) for i in range(5)], 0.012, ("#2f8a64", "#3fa070", "#267a5c")[k]
            )
    for _ in range(22):
        x, y, r = brush.vary(0, 1), brush.vary(0.05, 0.8), brush.vary(0.004, 0.012)
        brush.oval(x, y, r, r, "#bfe8f2")
        brush.oval(x, y, r * 0.7, r * 0.7, "#6fbcd6")
    return Place("sea floor", Light("underwater", (0.9, 0.98, 1)), 0.1, (Zone(("deep",), 0.12, bed - 0.02),))


def _wave(brush: Brush, y: float, height: float) -> list[tuple[float, float]]:
    return [(x / 14, y + brush.vary(-height, height)) for x in range(15)]
