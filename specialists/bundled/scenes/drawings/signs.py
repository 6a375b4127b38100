"""Signs: a board, on one post, two or none. What is written on it is put there by writing.py."""

from __future__ import annotations

from specialists.bundled.scenes import shapes
from specialists.bundled.scenes.pen import Pen

# Where the board is in the frame, x0, y0, x1, y1 in shares of width and height: by pose.
BOARDS = {"post": (0.0, 0.02, 1.0, 0.56), "two posts": (0.0, 0.04, 1.0, 0.72), "poster": (0.0, 0.0, 1.0, 1.0)}


def board(pen: Pen) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of the board in the frame."""
    x0, y0, x1, y1 = BOARDS[pen.look.pose or "post"]
    return x0 * pen.aspect, y0, x1 * pen.aspect, y1


def sign(pen: Pen) -> None:
    """Any aspect from 0.9 to 3."""
    x0, y0, x1, y1 = board(pen)
    middle = pen.aspect / 2
    posts = {"post": (middle,), "two posts": (0.2 * pen.aspect, 0.8 * pen.aspect)}.get(pen.look.pose or "post", ())
    for x in posts:
        pen.line([(x, y0 + 0.1), (x, 0.97)], 0.06, "#6f5a44" if "wooden post" in pen.look.traits else "#878d94")
    pen.box(x0, y0, x1, y1, "main", 0.05)
    if "framed" in pen.look.traits:
        rim = shapes.box(x0 + 0.035, y0 + 0.035, x1 - 0.035, y1 - 0.035, 0.03)
        pen.line([*rim.tolist(), rim[0].tolist()], 0.014, "second")
