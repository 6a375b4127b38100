"""Items to the target of a task."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from florence.codec.items import Box, Coordinates, Item, Outline, Size, canonical, coordinates, to_bins
from florence.codec.markup import CLOSE, OPEN, SEPARATOR, escape, label, location
from florence.codec.tasks import FORMS, Task, check


@dataclass(frozen=True)
class Target:
    """What the model is to write, and how many items are in it and how many the budget cut."""

    text: str
    kept: int
    cut: int


def encode(
    task: Task,
    items: Iterable[Item],
    size: Size,
    count: Callable[[str], int] | None = None,
    budget: int | None = None,
) -> Target:
    """The target for items in pixels of an image of this size (width, height); ValueError where the task has no such.

    `count` says how many tokens a string has, and `budget` how many there may be: of the items in the task's order
    as many as fit are written, each whole. A text, or an outline with all its polygons, is one item.
    """
    items = list(items)
    check(task, items)
    ordered = arranged(task, [to_bins(item, size) for item in items])
    text = write(task, ordered)
    if count is None or budget is None or count(text) <= budget:
        return Target(text, len(ordered), 0)
    fitting = bisect_right(range(len(ordered)), budget, key=lambda first: count(write(task, ordered[:first])))
    kept = max(fitting - 1, 0)
    return Target(write(task, ordered[:kept]), kept, len(ordered) - kept)


def arranged(task: Task, items: Iterable[Item]) -> list[Item]:
    """Items in bins, each as it is written, in the order in which the budget takes them."""
    items = [canonical(item) for item in items]
    order = FORMS[task].order
    if order == "given":
        return items
    return sorted(items, key=_by_area if order == "largest" else _by_top)


def write(task: Task, items: Sequence[Item]) -> str:
    """The target of items in bins, already arranged; those of one label stand together where the task wants it."""
    match task:
        case Task.OD | Task.DENSE_REGION_CAPTION:
            first = {item.text: at for at, item in reversed(list(enumerate(items)))}
            return _grouped(sorted(items, key=lambda item: first[item.text]))
        case Task.CAPTION_TO_PHRASE_GROUNDING:
            return _grouped(items)
        case Task.REFERRING_EXPRESSION_SEGMENTATION | Task.REGION_TO_SEGMENTATION:
            # One instance stands without the markers around it, as in the released format.
            return "".join(_shape(item, alone=len(items) == 1) for item in items)
        case Task.REGION_PROPOSAL:
            return "".join(map(_shape, items))
        case Task.OPEN_VOCABULARY_DETECTION | Task.OCR_WITH_REGION:
            return "".join(label(item.text) + _shape(item) for item in items)
    return "".join(escape(item.text) for item in items)


def locations(values: Coordinates) -> str:
    """The markers of coordinates in bins."""
    return "".join(location(int(value)) for value in values)


def _grouped(items: Iterable[Item]) -> str:
    """Each label once, before all boxes that follow each other under it."""
    groups = groupby(items, key=lambda item: item.text)
    return "".join(label(text) + "".join(map(_shape, group)) for text, group in groups)


def _shape(item: Item, alone: bool = False) -> str:
    if not isinstance(item, Outline):
        return locations(coordinates(item))
    rings = SEPARATOR.join(map(locations, item.polygons))
    return rings if alone else OPEN + rings + CLOSE


def _by_area(item: Item) -> tuple[float, Coordinates, str, bool]:
    """Largest box first; what follows makes the order the same whatever it was."""
    flat = coordinates(item)
    x, y = flat[::2], flat[1::2]
    return -(max(x) - min(x)) * (max(y) - min(y)), flat, item.text, isinstance(item, Box)


def _by_top(item: Item) -> tuple[float, float, Coordinates, str]:
    flat = coordinates(item)
    return min(flat[1::2]), min(flat[::2]), flat, item.text
