"""The sky of all backdrops outside, and the light that comes from it."""

from __future__ import annotations

from specialists.bundled.scenes.backdrops.brush import Brush
from specialists.bundled.scenes.backdrops.zones import Light

SKIES = {
    "clear": ("#4f9fe0", "#a9d8f4", "#e6f4fa"),
    "hazy": ("#8fb8d8", "#c8dcea", "#f1efe6"),
    "evening": ("#4a5fa8", "#d98aa0", "#fbc47a"),
    "night": ("#0f1738", "#1f2c5c", "#3c4a7c"),
    "gray": ("#8d99a6", "#b4bdc6", "#d6dade"),
}


USUAL = ("clear", "clear", "clear", "hazy", "evening", "gray")
_LIGHT = {
    "clear": Light("sunny", (1, 1, 1)),
    "hazy": Light("hazy", (1, 0.99, 0.96)),
    "evening": Light("evening", (0.98, 0.89, 0.84)),
    "night": Light("night", (0.66, 0.7, 0.86)),
    "gray": Light("cloudy", (0.93, 0.94, 0.96)),
}


def sky(
    brush: Brush, horizon: float, kinds: tuple[str, ...] = ("clear", "clear", "clear", "hazy", "evening", "gray")
) -> Light:
    """Paint a sky down to the horizon."""
    kind = kinds[int(brush.rng.integers(len(kinds)))]
    brush.ramp(0, horizon + 0.02, SKIES[kind])
    x = brush.vary(0.08, 0.92)
    if kind == "night":
        for sx, sy in brush.rng.random((40, 2)).tolist():
            brush.oval(sx, sy * horizon, 0.003, 0.003, "#dfe6ff")
        y = brush.vary(0.08, 0.3) * horizon + 0.05
        brush.glow(x, y, 0.2, "#aab8f0", 0.6)
        brush.oval(x, y, 0.045, 0.045, "#f4f1dc")
        brush.oval(x + 0.016 / brush.wide, y - 0.01, 0.012, 0.012, "#dcd8c0")
        return _LIGHT[kind]
    if kind in ("clear", "hazy", "evening"):
        y = (0.9 if kind == "evening" else brush.vary(0.2, 0.5)) * horizon
        brush.glow(x, y, 0.42, "#fff3c8", 0.85)
        brush.oval(x, y, 0.05, 0.05, "#fffbe6")
    tint = {"evening": "#ffd9c4", "gray": "#e4e8ec"}.get(kind, "#ffffff")
    for _ in range(int(brush.rng.integers(1, 5))):
        brush.cloud(brush.vary(0, 1), brush.vary(0.1, 0.75) * horizon, brush.vary(0.04, 0.1), tint)
    return _LIGHT[kind]
