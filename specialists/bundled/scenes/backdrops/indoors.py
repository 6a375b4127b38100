"""Backdrops inside: a wall and a floor, or a table that fills the picture."""

from __future__ import annotations

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.backdrops.brush import Brush
from specialists.bundled.scenes.backdrops.zones import Light, Place, Zone
from specialists.bundled.scenes.palette import Rgb, rgb, toned

WALLS = ("#e8dcc6", "#cfe0dc", "#e6cfc4", "#d4dcea", "#e9e4d8", "#c8d8c0", "#dccfe0", "#f0e0b8", "#b8c8d2")
FLOORS = ("#a9794c", "#8f6440", "#c49a68", "#b98a5c", "#7d5a40")
INDOOR = Light("indoors", (1, 0.99, 0.97))


def living_room(brush: Brush) -> Place:
    """A room with a window, a picture and a rug."""
    seam = _room(brush, brush.vary(0.56, 0.64))
    if brush.rng.random() < 0.75:
        _window(brush, brush.vary(0.08, 0.6), brush.vary(0.08, 0.13), brush.vary(0.2, 0.28), brush.vary(0.26, 0.34))
    if brush.rng.random() < 0.6:
        x, y = brush.vary(0.05, 0.8), brush.vary(0.1, 0.2)
        brush.box(x, y, x + 0.12, y + 0.16, "#6b4c34")
        brush.box(x + 0.012, y + 0.016, x + 0.108, y + 0.144, "#f1e8d6")
        brush.fill([(x + 0.02, y + 0.13), (x + 0.05, y + 0.06), (x + 0.075, y + 0.1), (x + 0.1, y + 0.13)], "#7fa08c")
    if brush.rng.random() < 0.6:
        rug = ("#b25a4a", "#4f7a94", "#c8a45a", "#7a6a9c")[int(brush.rng.integers(4))]
        x, y = brush.vary(0.35, 0.65), brush.vary(0.82, 0.88)
        brush.oval(x, y, 0.4, 0.1, toned(rgb(rug), 0.8))
        brush.oval(x, y, 0.36, 0.085, rug)
        brush.oval(x, y, 0.26, 0.06, toned(rgb(rug), 1.25))
        brush.oval(x, y, 0.22, 0.05, rug)
    return Place(
        "living room", INDOOR, seam, (Zone(("floor",), seam + 0.1, 0.96), Zone(("wall",), 0.2, seam - 0.1)), 1.3
    )


def bedroom(brush: Brush) -> Place:
    """A room with a wide curtained window."""
    seam = _room(brush, brush.vary(0.56, 0.66))
    x = brush.vary(0.1, 0.5)
    _window(brush, x, 0.1, 0.26, 0.3)
    cloth = Rgb(*brush.rng.uniform(120, 225, 3).tolist())
    for left, right in ((x - 0.05, x + 0.04), (x + 0.22, x + 0.31)):
        for i in range(4):
            a, b = left + (right - left) * i / 4, left + (right - left) * (i + 1) / 4
            brush.box(a, 0.07, b, 0.46, toned(cloth, 0.88 if i % 2 else 1.06))
    brush.line([(x - 0.07, 0.07), (x + 0.33, 0.07)], 0.012, "#6b4c34")
    return Place("bedroom", INDOOR, seam, _zones(seam), 1.3)


def kitchen(brush: Brush) -> Place:
    """A counter seen from near, tiles behind."""
    edge = brush.vary(0.42, 0.54)
    wall = _pick(brush, WALLS)
    brush.ramp(0, edge + 0.02, (toned(rgb(wall), 1.15), wall))
    step = 0.075
    for i in range(int(edge / step) + 1):
        brush.line([(0, edge - i * step), (1, edge - i * step)], 0.004, toned(rgb(wall), 0.88))
    for i in range(int(brush.wide / step) + 1):
        brush.line([(i * step / brush.wide, 0), (i * step / brush.wide, edge)], 0.004, toned(rgb(wall), 0.88))
    cloth = brush.rng.random() < 0.35
    _tabletop(brush, edge, "#f1ece2" if cloth else _pick(brush, FLOORS), boards=not cloth)
    if cloth:
        tone = ("#d98a8a", "#8aaed9", "#9cc49a")[int(brush.rng.integers(3))]
        for i in range(9):
            brush.line([(0.5 + (i / 8 - 0.5) * 0.9, edge), (0.5 + (i / 8 - 0.5) * 1.7, 1.01)], 0.008, tone)
            brush.line([(0, edge + (1 - edge) * (i / 8) ** 1.5), (1, edge + (1 - edge) * (i / 8) ** 1.5)], 0.008, tone)
    return Place("kitchen counter", INDOOR, edge, (Zone(("top",), edge + 0.1, 0.95),), 2.6)


def workshop(brush: Brush) -> Place:
    """A workbench seen from near, a board wall behind."""
    edge = brush.vary(0.4, 0.5)
    tone = rgb(_pick(brush, ("#8a8f94", "#77828c", "#9c9488", "#6f7d78")))
    brush.ramp(0, edge + 0.02, (tone, toned(tone, 0.85)))
    for i in range(9):
        brush.line([(i / 8, 0), (i / 8, edge)], 0.006, toned(tone, 0.75))
    for x in range(12):
        for y in range(5):
            brush.oval(0.04 + x * 0.084, 0.06 + y * 0.09, 0.005, 0.005, toned(tone, 0.6))
    brush.grain(0, edge, 5)
    _tabletop(brush, edge, _pick(brush, FLOORS), boards=True)
    return Place("workbench", INDOOR, edge, (Zone(("top",), edge + 0.1, 0.95),), 2.6)


def _zones(seam: float) -> tuple[Zone, ...]:
    return Zone(("floor",), seam + 0.1, 0.96), Zone(("wall",), 0.2, seam - 0.1)


def _tabletop(brush: Brush, edge: float, colour: str, *, boards: bool) -> None:
    tone = rgb(colour)
    brush.ramp(edge, 1, (toned(tone, 1.12), tone, toned(tone, 0.85)))
    brush.grain(edge, 1, 6, 30, 1)
    if boards:
        for i in range(7):
            brush.line([(0.5 + (i / 6 - 0.5) * 1.0, edge), (0.5 + (i / 6 - 0.5) * 1.9, 1.02)], 0.005, toned(tone, 0.72))
    brush.box(0, edge, 1, edge + 0.012, toned(tone, 1.35))


def _room(brush: Brush, seam: float) -> float:
    """Wall, skirting and floor; where they meet."""
    wall = _pick(brush, WALLS)
    brush.ramp(0, seam + 0.01, (wall, toned(rgb(wall), 0.93)))
    if brush.rng.random() < 0.35:
        count = round(brush.wide * 12)
        for i in range(count):
            brush.box(i / count, 0, (i + 0.5) / count, seam, toned(rgb(wall), 0.96))
    brush.grain(0, seam, 3, 8, 8)
    floor = rgb(_pick(brush, FLOORS))
    brush.ramp(seam, 1, (toned(floor, 0.82), floor, toned(floor, 1.1)))
    brush.grain(seam, 1, 5, 30, 1)
    if brush.rng.random() < 0.6:
        for i in range(-4, 15):
            brush.line(
                [(0.5 + (i / 10 - 0.5) * 1.0, seam), (0.5 + (i / 10 - 0.5) * 2.2, 1.02)], 0.003, toned(floor, 0.72)
            )
    else:
        for i in range(1, 6):
            y = seam + (1 - seam) * (i / 6) ** 1.5
            brush.line([(0, y), (1, y)], 0.003, toned(floor, 0.74))
    brush.box(0, seam - 0.022, 1, seam + 0.006, "#f3efe6")
    brush.line([(0, seam + 0.006), (1, seam + 0.006)], 0.004, toned(floor, 0.6))
    return seam


def _window(brush: Brush, x: float, y: float, w: float, h: float) -> None:
    brush.box(x - 0.015, y - 0.02, x + w + 0.015, y + h + 0.02, "#f7f4ec")
    dusk = brush.rng.random() < 0.2
    brush.ramp(y, y + h, ("#26325c", "#56639c") if dusk else ("#8fc8ee", "#dcf0f8"), x, x + w)
    hill = shapes.curve(
        [(x, y + h * 0.8), (x + w * 0.3, y + h * 0.66), (x + w * 0.65, y + h * 0.78), (x + w, y + h * 0.7)]
    )
    brush.fill([*hill.tolist(), (x + w, y + h), (x, y + h)], "#2f4a52" if dusk else "#8cc07c")
    brush.line([(x + w / 2, y), (x + w / 2, y + h)], 0.014, "#f7f4ec")
    brush.line([(x, y + h / 2), (x + w, y + h / 2)], 0.014, "#f7f4ec")
    brush.box(x - 0.03, y + h + 0.012, x + w + 0.03, y + h + 0.04, "#e9e4d8")


def _pick(brush: Brush, colours: tuple[str, ...]) -> str:
    return colours[int(brush.rng.integers(len(colours)))]
