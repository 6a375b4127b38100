"""What is odd in a COCO json's annotations, without being a reason to refuse the json: said at each image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from engine.sources.inputs import writable

_NAMED = 5
_ID_LENGTH = 80
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Remarks:
    """Collects remarks by image and sort."""

    def __init__(self) -> None:
        self._said: dict[Any, dict[str, list[str]]] = {}

    def add(self, image: Any, sort: str, case: str) -> None:
        """`sort` is in the plural, behind a number; `case` says which one it is."""
        self._said.setdefault(image, {}).setdefault(sort, []).append(case)

    def text(self, image: Any) -> str | None:
        """All that is said of an image; none where there is nothing."""
        sorts = self._said.get(image, {}).items()
        return writable("; ".join(f"{len(cases)} {sort}: {some(cases)}" for sort, cases in sorts)) or None


def some(cases: Sequence[str]) -> str:
    """The first few different ones."""
    different = list(dict.fromkeys(cases))
    more = f" and {len(different) - _NAMED} more" if len(different) > _NAMED else ""
    return ", ".join(different[:_NAMED]) + more


def shown(name: Any, number: int | None = None) -> str:
    """An annotation by its id, or by its place in the list where it has none."""
    if name is not None:
        return f"id {repr(name)[:_ID_LENGTH]}"
    return "one without id" if number is None else f"number {number}"


def without_surrogates(text: str) -> str:
    """Half a character, which JSON can write and UTF-8 cannot, as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
