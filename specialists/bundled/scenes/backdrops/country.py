"""Backdrops in the country. Each painter returns where things may be."""

from __future__ import annotations

from specialists.bundled.scenes.backdrops.brush import Brush
from specialists.bundled.scenes.backdrops.sky import sky
from specialists.bundled.scenes.backdrops.zones import FARM, Place, Zone, above

NOT_IN_SNOW = ("flower", "butterfly", "mushroom", "umbrella", "turtle", "ball", "bicycle", *FARM)


NOT_IN_DESERT = ("tree", "bush", "flower", "house", "mushroom", "umbrella", "rabbit", "bench", "butterfly", *FARM[:4])


def meadow(brush: Brush) -> Place:
    """Green hills and a meadow with flowers too small to be any."""
    horizon = brush.vary(0.36, 0.5)
    light = sky(brush, horizon)
    far, near, ground = ("#8fbf9a", "#6fae6c", ("#7cba58", "#5fa048", "#4c8a3e"))
    if light.name == "night":
        far, near, ground = ("#2f4468", "#2a4a4c", ("#2f5a48", "#264a3c", "#1e3c32"))
    brush.ridge(horizon + 0.02, brush.vary(0.1, 0.2), 6, far)
    brush.ridge(horizon + 0.02, brush.vary(0.04, 0.1), 8, near)
    brush.ramp(horizon, 1, ground)
    brush.grain(horizon, 1, 12, 7, 3)
    brush.strokes(110, horizon + 0.03, 1, ("#8cc866", "#4f9040", "#a4d474") if light.name != "night" else ("#3c6a52",))
    return Place("meadow", light, horizon, (Zone(("ground", "field"), horizon + 0.06, 0.97), above(horizon)))


def farm(brush: Brush) -> Place:
    """Furrows of a field that run to the horizon, a fence."""
    horizon = brush.vary(0.34, 0.46)
    light = sky(brush, horizon, ("clear", "clear", "hazy", "evening"))
    brush.ridge(horizon + 0.02, 0.12, 7, "#9dbb8c")
    soil = ("#d8b45c", "#c89a44") if brush.rng.random() < 0.6 else ("#9ab050", "#7d9a40")
    brush.ramp(horizon, 1, ("#e0c878", *soil) if soil[0] == "#d8b45c" else ("#b0c468", *soil))
    middle = brush.vary(0.3, 0.7)
    for i in range(-14, 15):
        brush.line([(middle + i * 0.018, horizon), (middle + i * 0.17, 1.02)], 0.007, soil[1])
    brush.grain(horizon, 1, 10, 6, 3)
    y = horizon + 0.035
    for rail in (0.0, 0.025):
        brush.line([(0, y + rail), (1, y + rail)], 0.007, "#a07a50")
    for i in range(15):
        brush.line([(i / 14, y - 0.015), (i / 14, y + 0.045)], 0.01, "#8d683f")
    return Place(
        "farm field",
        light,
        horizon,
        (Zone(("ground", "field"), horizon + 0.1, 0.97), above(horizon)),
    )


def railway(brush: Brush) -> Place:
    """Tracks across a meadow."""
    horizon = brush.vary(0.38, 0.5)
    light = sky(brush, horizon, ("clear", "hazy", "evening", "gray"))
    brush.ridge(horizon + 0.02, 0.16, 7, "#8fbf9a")
    brush.ramp(horizon, 1, ("#86bc62", "#62a04c", "#4c8a3e"))
    brush.grain(horizon, 1, 12, 7, 3)
    y = brush.vary(0.78, 0.86)
    brush.box(0, y - 0.075, 1, y + 0.05, "#a39a8c")
    brush.grain(y - 0.075, y + 0.05, 26, 2, 2)
    for i in range(30):
        brush.fill(
            [(i / 28 - 0.01, y - 0.05), (i / 28 + 0.004, y - 0.05), (i / 28, y + 0.03), (i / 28 - 0.018, y + 0.03)],
            "#6b4f38",
        )
    for rail in (-0.035, 0.012):
        brush.line([(0, y + rail), (1, y + rail)], 0.012, "#70757c")
        brush.line([(0, y + rail - 0.003), (1, y + rail - 0.003)], 0.004, "#c8ccd2")
    brush.strokes(60, y + 0.07, 1.02, ("#8cc866", "#4f9040"), 0.03)
    zones = (
        Zone(("rails",), y + 0.015, y + 0.02),
        Zone(("ground", "field"), horizon + 0.06, y - 0.1),
        above(horizon),
    )
    return Place("railway line", light, horizon, zones)


def snow(brush: Brush) -> Place:
    """White hills; it may snow."""
    horizon = brush.vary(0.38, 0.5)
    light = sky(brush, horizon, ("hazy", "gray", "clear", "night"))
    dark = light.name == "night"
    brush.ridge(horizon + 0.02, 0.24, 9, "#4a5a86" if dark else "#b4c6da", sharp=True)
    brush.ridge(horizon + 0.03, 0.08, 6, "#6a7ca8" if dark else "#d6e3ee")
    brush.ramp(horizon + 0.01, 1, ("#7c8cb8", "#8c9cc6") if dark else ("#e2ecf4", "#f6fafd"))
    brush.ripples(26, horizon + 0.05, 1, "#6c7cac" if dark else "#c8d8e6", 0.09)
    if brush.rng.random() < 0.5:
        for x, y, r in brush.rng.random((90, 3)).tolist():
            brush.oval(x, y, 0.003 + 0.004 * r, 0.003 + 0.004 * r, "#ffffff")
    return Place(
        "snowy field",
        light,
        horizon,
        (Zone(("ground", "snow"), horizon + 0.08, 0.97), above(horizon)),
        excludes=NOT_IN_SNOW,
    )


def desert(brush: Brush) -> Place:
    """Dunes under a hot sky."""
    horizon = brush.vary(0.4, 0.5)
    light = sky(brush, horizon, ("clear", "hazy", "evening"))
    brush.ridge(horizon + 0.02, 0.16, 6, "#d8a878", sharp=brush.rng.random() < 0.4)
    brush.ramp(horizon, 1, ("#ecc888", "#dcae68", "#cf9a54"))
    for base, colour in ((0.66, "#e2b672"), (0.84, "#d6a45e")):
        brush.ridge(base, 0.06, 5, colour)
        brush.ramp(base, base + 0.005, (colour, colour))
    brush.grain(horizon, 1, 7, 4, 2)
    brush.ripples(34, horizon + 0.06, 1, "#c08a48", 0.06)
    for _ in range(12):
        y = brush.vary(horizon + 0.1, 1)
        brush.oval(brush.vary(0, 1), y, 0.012 * y, 0.007 * y, "#a87c50")
    return Place(
        "desert",
        light,
        horizon,
        (Zone(("ground", "dry"), horizon + 0.07, 0.97), above(horizon)),
        excludes=NOT_IN_DESERT,
    )
