"""Backdrops with a street. Each painter returns where things may be."""

from __future__ import annotations

from specialists.bundled.scenes.backdrops.brush import Brush
from specialists.bundled.scenes.backdrops.sky import sky
from specialists.bundled.scenes.backdrops.zones import FARM, Place, Zone, above

NOT_IN_CITY = ("house", "tent", "mushroom", "rabbit", "horse", "turtle", *FARM)


def road(brush: Brush) -> Place:
    """A road across the picture, with a lane mark and grass on both sides."""
    horizon = brush.vary(0.36, 0.48)
    light = sky(brush, horizon, ("clear", "clear", "hazy", "evening", "gray", "night"))
    dark = light.name == "night"
    brush.ridge(horizon + 0.02, 0.14, 6, "#2c4060" if dark else "#93b8a8")
    brush.ramp(horizon, 1, ("#2c5044", "#244438") if dark else ("#86bc62", "#62a04c"))
    brush.grain(horizon, 1, 12, 7, 3)
    top = horizon + 0.16 + brush.vary(0, 0.05)
    bottom = min(top + brush.vary(0.28, 0.36), 0.95)
    brush.box(0, top - 0.025, 1, bottom + 0.03, "#5c6270" if dark else "#c9c4b8")
    brush.ramp(top, bottom, ("#3a3e4a", "#32363f") if dark else ("#7e828a", "#6a6e76"))
    brush.grain(top, bottom, 5, 2, 2)
    grass = ("#3c6a52",) if dark else ("#8cc866", "#549444")
    shift = brush.vary(0, 0.14)
    for i in range(-1, 8):
        brush.box(i * 0.14 + shift, (top + bottom) / 2, i * 0.14 + shift + 0.075, (top + bottom) / 2 + 0.014, "#f2efe2")
    brush.strokes(50, horizon + 0.02, top - 0.03, grass, 0.016)
    brush.strokes(40, bottom + 0.07, 1.02, grass, 0.026)
    zones = (
        Zone(("road",), top + 0.1, bottom + 0.01),
        Zone(("ground", "curb"), horizon + 0.06, top),
        above(horizon),
    )
    return Place("road", light, horizon, zones)


def city(brush: Brush) -> Place:
    """A skyline of towers, a pavement and a street."""
    horizon = brush.vary(0.46, 0.56)
    light = sky(brush, horizon, ("clear", "hazy", "evening", "gray", "night"))
    dark = light.name == "night"
    for layer, tones in enumerate((("#9fb4c8", "#94a8be"), ("#6f86a0", "#7d93aa", "#667c94"))):
        if dark:
            tones = (("#28345c", "#222d52"), ("#1c2546", "#18203e", "#222b50"))[layer]
        x = -0.02
        while x < 1:
            width = brush.vary(0.06, 0.13)
            top = horizon - brush.vary(0.1, 0.34 - 0.1 * layer)
            brush.box(x, top, x + width, horizon + 0.02, tones[int(brush.rng.integers(len(tones)))])
            if layer:
                pane = ("#ffdf8a", "#3a4670") if dark else ("#a9c0d4", "#8ea6bc")
                for column in range(int(width / 0.022)):
                    for row in range(int((horizon - top) / 0.04)):
                        px, py = x + 0.008 + 0.022 * column, top + 0.015 + 0.04 * row
                        brush.box(px, py, px + 0.011, py + 0.02, pane[int(brush.rng.random() < 0.45)])
            x += width + brush.vary(-0.01, 0.02)
    curb = horizon + brush.vary(0.14, 0.19)
    brush.ramp(horizon, curb, ("#4a5068", "#565c74") if dark else ("#c2bdb4", "#d2cdc2"))
    for i in range(13):
        brush.line([(i / 12, horizon), (0.5 + (i / 12 - 0.5) * 1.35, curb)], 0.003, "#3e445a" if dark else "#aca79c")
    brush.box(0, curb, 1, curb + 0.022, "#6a7088" if dark else "#e4e0d6")
    brush.ramp(curb + 0.022, 1, ("#363a48", "#2e313d") if dark else ("#767a82", "#60646c"))
    brush.grain(curb + 0.022, 1, 5, 2, 2)
    y = (curb + 1) / 2 + 0.04
    for i in range(7):
        brush.box(i * 0.16, y, i * 0.16 + 0.085, y + 0.018, "#f2e9c4")
    zones = (
        Zone(("road",), curb + 0.16, 0.96),
        Zone(("ground", "curb"), horizon + 0.06, curb),
        above(horizon),
    )
    return Place("city street", light, horizon, zones, excludes=NOT_IN_CITY)
