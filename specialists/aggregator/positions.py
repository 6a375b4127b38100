"""Where things are in an image and to each other, in words. Only what boxes justify: nothing is behind anything.

Boxes are shares of the image's width and height. The thresholds are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PLACES = (  # by thirds, from the top left; ways to say each
    (
        ("at the top left", "in the upper left"),
        ("at the top", "in the upper part"),
        ("at the top right", "in the upper right"),
    ),
    (("on the left", "on the left side"), ("in the middle", "in the center"), ("on the right", "on the right side")),
    (
        ("at the bottom left", "in the lower left"),
        ("at the bottom", "in the lower part"),
        ("at the bottom right", "in the lower right"),
    ),
)
SHARES = (  # of the image, from this share on
    (0.85, "nearly all of the image"), (0.6, "most of the image"), (0.42, "about half of the image"),
    (0.29, "about a third of the image"), (0.2, "about a quarter of the image"), (0.08, "a small part of the image"),
    (0.0, "a very small part of the image"),
)  # fmt: skip


@dataclass(frozen=True)
class Box:
    """Edges as shares of the image's width and height, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)

    def share_in(self, other: Box) -> float:
        """How much of its area lies in another."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0) / self.area


def third(box: Box) -> tuple[int, int]:
    """Row and column of the third in which its centre lies."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return min(int(y * 3), 2), min(int(x * 3), 2)


def place(box: Box) -> Sequence[str]:
    """Ways to say where it is."""
    if box.area >= 0.5:
        return ("across most of the image",)
    row, column = third(box)
    if box.right - box.left >= 0.8:
        return (("across the top", "across the middle", "across the bottom")[row],)
    return PLACES[row][column]


def share(box: Box) -> str:
    """How much of the image its box takes up."""
    return next(words for least, words in SHARES if box.area >= least)


def relation(one: Box, other: Box) -> str:
    """Where one is seen from another, if they lie apart and face each other; else ""."""
    facing_x = min(one.right, other.right) - max(one.left, other.left)
    facing_y = min(one.bottom, other.bottom) - max(one.top, other.top)
    if facing_x <= 0 and facing_y >= 0.5 * min(one.bottom - one.top, other.bottom - other.top):
        return "to the left of" if one.right <= other.left else "to the right of"
    if facing_y <= 0 and facing_x >= 0.5 * min(one.right - one.left, other.right - other.left):
        return "above" if one.bottom <= other.top else "below"
    return ""
