"""Reads a COCO json one entry at a time, so that memory holds its text and what the caller keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


# What reading an entry that is not as it should be raises.
FAULTS = (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError)


class Malformed(ValueError):
    """What is wrong with the file, and where."""


def read(text: str, readers: Mapping[str, Callable[[Any], None]]) -> None:
    """Hand each entry of the lists that `readers` names to its reader. Raises Malformed, with the line."""
    seen: set[str] = set()
    try:
        for key, entry, at in _entries(text, frozenset(readers)):
            seen.add(key)
            if entry is None:
                continue
            try:
                readers[key](entry)
            except FAULTS as error:
                where = f"line {_line(text, at)}: an entry of {key!r}"
                raise Malformed(f"{where} is not as it should be: {says(error)}") from error
    except json.JSONDecodeError as error:
        raise Malformed(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise Malformed("its lists are nested too deeply") from error
    if "images" not in seen:
        raise Malformed("it has no list of 'images'")


def says(error: Exception) -> str:
    """One of FAULTS in words."""
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)


def _entries(text: str, lists: frozenset[str]) -> Iterator[tuple[str, Any, int]]:
    """(list, entry, where it begins); for each list first an entry of None."""
    at = _expect(text, 0, "{")
    while True:
        key, at = _decode(text, _skip(text, at))
        at = _skip(text, _expect(text, at, ":"))
        if key in lists and text[at : at + 1] == "[":
            yield key, None, at
            at = yield from _elements(text, at, key)
        else:
            _, at = _decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            _expect(text, at, "}")
            return
        at += 1


def _elements(text: str, at: int, key: str) -> Generator[tuple[str, Any, int], None, int]:
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        entry, end = _decode(text, at)
        yield key, entry, at
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            break
        at = _skip(text, _expect(text, at, ","))
    return at + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"expected {mark!r}", text, at)
    return at + 1


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
