"""The target of a task to its items: whatever a model writes, without an exception.

What makes sense is kept, the rest is counted: a box, quad or polygon that is cut short, inside out or beyond the
last bin, a label without a place, a place without the label that it needs, a marker that has no business there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from florence.codec.items import Box, Item, Outline, Quad, Size, Text, to_pixels
from florence.codec.markup import CLOSE, OPEN, SEPARATOR, Piece, scan, unescape, unlabel
from florence.codec.tasks import FORMS, Task


@dataclass(frozen=True)
class Decoded:
    """The items that could be read, in the order in which they were written, and how many could not."""

    items: tuple[Item, ...]
    invalid: int


class Part(NamedTuple):
    """The locations between two markers of an instance: rings of bins; inside of them, and with both of them."""

    rings: list[list[int]]
    inside: bool
    sound: bool


Found = tuple[list[Item], int]  # items without their label, and how many were invalid


def decode(task: Task, text: str, size: Size) -> Decoded:
    """What a model wrote, in pixels of an image of this size (width, height)."""
    found = read(task, text)
    return Decoded(tuple(to_pixels(item, size) for item in found.items), found.invalid)


def read(task: Task, text: str) -> Decoded:
    """What a model wrote, in bins."""
    form = FORMS[task]
    if form.answers == (Text,):
        pieces = list(scan(text))
        written = "".join(piece.text for piece in pieces if not piece.marker)
        return Decoded((Text(unescape(written)),), sum(piece.marker for piece in pieces))
    pieces, invalid = _meant(scan(text), Outline in form.answers)
    items: list[Item] = []
    for words, places in _entries(pieces):
        found, wrong = _READERS[form.answers](places)
        if form.named and words is None:
            found, wrong = [], wrong + len(found)
        if words is not None and not (form.named and (found or wrong)):
            wrong += 1
        items += [replace(item, text=unlabel(words)) if form.named and words is not None else item for item in found]
        invalid += wrong
    return Decoded(tuple(items), invalid)


def _meant(pieces: Iterable[Piece], outlines: bool) -> tuple[list[Piece], int]:
    """The pieces without markers that mean nothing in this task, and how many those were."""
    pieces = list(pieces)
    meant = (SEPARATOR, OPEN, CLOSE) if outlines else ()
    kept = [piece for piece in pieces if not piece.marker or piece.bin is not None or piece.text in meant]
    return kept, len(pieces) - len(kept)


def _entries(pieces: Iterable[Piece]) -> Iterator[tuple[str | None, list[Piece]]]:
    """Each text with the places that follow it; None where there is no text before the first ones."""
    words: str | None = None
    places: list[Piece] = []
    for piece in pieces:
        if piece.marker:
            places.append(piece)
        elif places:
            yield words, places
            words, places = piece.text, []
        else:
            words = (words or "") + piece.text
    if places or words is not None:
        yield words, places


def _parts(places: Iterable[Piece]) -> Iterator[Part]:
    """Places as the instances that markers stand around, and what is between those."""
    rings: list[list[int]] = [[]]
    inside = False
    for piece in places:
        if piece.text in (OPEN, CLOSE):
            yield Part(rings, inside, inside == (piece.text == CLOSE))
            rings, inside = [[]], piece.text == OPEN
        elif piece.text == SEPARATOR:
            rings.append([])
        else:
            rings[-1] += _bins([piece])
    yield Part(rings, inside, not inside)


def _boxes(places: Iterable[Piece]) -> Found:
    return _chunks(_bins(places), 4, lambda four: Box("", four))


def _quads(places: Iterable[Piece]) -> Found:
    """Each text has one quad."""
    found, wrong = _chunks(_bins(places), 8, lambda eight: Quad("", eight))
    return found[:1], wrong + len(found[1:])


def _outlines(places: Iterable[Piece]) -> Found:
    """Instances; locations without the markers around are one, too."""
    return _instances(places, _outline)


def _boxes_or_outlines(places: Iterable[Piece]) -> Found:
    """Instances; locations without the markers around are boxes."""
    return _instances(places, _bare_boxes)


def _instances(places: Iterable[Piece], bare: Callable[[Part], Found]) -> Found:
    items: list[Item] = []
    invalid = 0
    for part in _parts(places):
        if part.inside or part.rings != [[]]:
            found, wrong = _outline(part) if part.inside else bare(part)
            items, invalid = items + found, invalid + wrong
        invalid += not part.sound
    return items, invalid


def _outline(part: Part) -> Found:
    """The polygons of one instance that have three points; a number too many at their end is left out."""
    even = [tuple(ring[: len(ring) // 2 * 2]) for ring in part.rings]
    good = tuple(ring for ring in even if len(ring) >= 6 and min(ring) >= 0)
    wrong = len(even) - len(good) + sum(len(ring) % 2 for ring in part.rings)
    return [Outline("", good)] if good else [], wrong


def _bare_boxes(part: Part) -> Found:
    items: list[Item] = []
    invalid = len(part.rings) - 1
    for ring in part.rings:
        found, wrong = _chunks(ring, 4, lambda four: Box("", four))
        items, invalid = items + found, invalid + wrong
    return items, invalid


def _bins(places: Iterable[Piece]) -> list[int]:
    return [piece.bin for piece in places if piece.bin is not None]


def _chunks(bins: list[int], length: int, make: Callable[[tuple[int, ...]], Item]) -> Found:
    """Bins by so many, each made an item of; all in range, and a box not inside out."""
    chunks = [tuple(bins[at : at + length]) for at in range(0, len(bins), length)]
    good = [chunk for chunk in chunks if len(chunk) == length and min(chunk) >= 0 and (length > 4 or _box(chunk))]
    return [make(chunk) for chunk in good], len(chunks) - len(good)


def _box(bins: tuple[int, ...]) -> bool:
    return bins[0] <= bins[2] and bins[1] <= bins[3]


_READERS: dict[tuple[type[Item], ...], Callable[[Iterable[Piece]], Found]] = {
    (Box,): _boxes,
    (Quad,): _quads,
    (Outline,): _outlines,
    (Box, Outline): _boxes_or_outlines,
}
