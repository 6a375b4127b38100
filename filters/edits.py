"""Changes of a text that keep account of its characters, so that spans of it can follow.

Positions count characters; spans are half-open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters start to end give way to others; with `cut`, it is words that go and not only their dress."""

    start: int
    end: int
    by: str = ""
    cut: bool = False


@dataclass(frozen=True)
class Edited:
    """A text after edits; `places` are the new positions (n + 1) of the n characters before, and of their end."""

    text: str
    places: tuple[int, ...]
    cuts: tuple[Edit, ...]

    def follow(self, start: int, end: int) -> tuple[int, int] | None:
        """Where a span of the text before is now; None where a word of it was cut, or nothing of it is left."""
        if any(start < cut.end and cut.start < end for cut in self.cuts):
            return None
        start, end = self.places[start], self.places[end]
        left = self.text[start:end]
        start, end = start + len(left) - len(left.lstrip()), end - len(left) + len(left.rstrip())
        return (start, end) if start < end else None


def edit(text: str, edits: Iterable[Edit]) -> Edited:
    """The text with these edits made; of two that overlap, the one that begins first, and there the longer one."""
    parts: list[str] = []
    places: list[int] = []
    cuts: list[Edit] = []
    old = new = 0
    for each in sorted(edits, key=lambda e: (e.start, -e.end)):
        if each.start < old:
            continue
        parts += [text[old : each.start], each.by]
        places += range(new, new + each.start - old)
        new += each.start - old
        places += [new] * (each.end - each.start)
        new += len(each.by)
        old = each.end
        cuts += [each] * each.cut
    parts.append(text[old:])
    places += range(new, new + len(text) - old + 1)
    return Edited("".join(parts), tuple(places), tuple(cuts))
