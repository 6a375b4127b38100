"""What is written on signs, in which font, and the writing itself: each line is a quad of its own."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from specialists.bundled.scenes.drawings.signs import BOARDS, board
from specialists.bundled.scenes.pen import Pen

FONTS = ("Manrope-Bold", "SourceSerifPro-Bold", "FredokaOne-Regular", "AmaticSC-Bold")
_CAPITALS = "AmaticSC-Bold"
_DRAWN = 64  # px: letters are rasterised this large once, and warped onto the board
_LINE_PX = 15  # the least height of a line in the image: less nobody reads
_FIRST = (
    "STOP", "OPEN", "CLOSED", "EXIT", "TAXI", "BAKERY", "CAFE", "HOTEL", "MARKET", "SALE", "PARKING", "SLOW", "BEACH",
    "MUSEUM", "LIBRARY", "Welcome", "Coffee", "Fresh Fruit", "Ice Cream", "Flowers", "Bus Stop", "Station", "Camping",
    "Harbor", "School", "Garage", "Post Office", "Playground", "Zoo", "Theater", "Books", "Toys", "Music", "Pizza",
    "Danger", "Caution", "No Entry", "One Way", "Keep Out", "For Rent", "For Sale", "Private", "Tickets", "Bike Lane",
    "North", "South", "Lake View", "Old Town", "Main Street", "Hill Road", "Garden", "Farm Shop", "Cheese", "Honey",
    "Fish & Chips", "Repair", "Barber", "Gallery", "Pharmacy", "Bank", "Gym", "Hostel", "Picnic Area", "Trail",
)  # fmt: skip
_NEXT = (
    "AHEAD", "TODAY", "LEFT", "RIGHT", "2 km", "500 m", "24 h", "No. {n}", "from {n} am", "{n} miles", "${n}.50",
    "Gate {n}",
    "Room {n}", "Floor {n}", "Exit {n}", "-{n}0 %", "Tel. {n}{n}01", "est. 19{n}4", "this way", "please ring",
)  # fmt: skip


@cache
def _font(name: str) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(Path(__file__).parent / "fonts" / f"{name}.ttf", _DRAWN)


def inscription(rng: np.random.Generator) -> tuple[tuple[str, ...], str]:
    """One or two lines, and the font's name."""
    font = FONTS[int(rng.integers(len(FONTS)))]
    first = _FIRST[int(rng.integers(len(_FIRST)))]
    if rng.random() < 0.3:
        first = first.upper()
    lines: tuple[str, ...] = (first,)
    if rng.random() < 0.45:
        lines = first, _NEXT[int(rng.integers(len(_NEXT)))].format(n=int(rng.integers(2, 10)))
    # Its small letters have the shape of capitals: what is read there are capitals.
    return (tuple(line.upper() for line in lines) if font == _CAPITALS else lines), font


@lru_cache(maxsize=512)
def _drawn(text: str, font: str) -> np.ndarray:
    """The letters as coverage uint8, cut to what is inked."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = (int(side) for side in _font(font).getbbox(text))
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), text, 255, _font(font))
    return np.asarray(picture)


def aspect(lines: tuple[str, ...], font: str) -> float:
    """The width of a sign for these lines by its height, posts and all."""
    widest = max(_drawn(line, font).shape[1] / _line_height(font) for line in lines)
    share = {1: 0.34, 2: 0.2}[len(lines)]  # of the sign's height is a line's
    return float(np.clip(widest * share + 0.2, 0.62, 2.6))


def least_height(lines: tuple[str, ...], pose: str) -> float:
    """The height of a sign, px, below which its lines are too small to be read."""
    top, bottom = BOARDS[pose or "post"][1], BOARDS[pose or "post"][3]
    return _LINE_PX * (1.35 * len(lines) + 0.6) / (bottom - top)


def write(pen: Pen, lines: tuple[str, ...], font: str) -> list[np.ndarray]:
    """Put the lines on the sign that the pen has drawn; their quads (4, 2) in pixels of the image, clockwise."""
    x0, y0, x1, y1 = board(pen)
    room, step = x1 - x0 - 0.14, (y1 - y0 - 0.1) / len(lines)
    quads = []
    for row, line in enumerate(lines):
        letters = _drawn(line, font)
        size = min(step * 0.74 / _line_height(font), room / letters.shape[1])
        half = np.array([letters.shape[1], letters.shape[0]]) * size / 2
        middle = np.array([(x0 + x1) / 2, y0 + 0.05 + step * (row + 0.5)])
        corners = middle + half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        pen.stamp(letters, corners, "second")
        quads.append(pen.pixels(corners))
    return quads


def _line_height(font: str) -> float:
    """Of the drawn letters' height from the top of an A to the foot of a g, px."""
    _, top, _, bottom = _font(font).getbbox("Ag")
    return float(bottom - top)
