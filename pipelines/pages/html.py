"""HTML made of calls: whatever is not markup is escaped, so that no text of a dataset can be any."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

VOID = frozenset({"br", "img", "input", "meta", "link", "hr", "col"})


class Markup(str):
    """HTML that may stand in a page as it is."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element. Children are Markup, text, numbers, None or iterables of these.

    An attribute's underscores are hyphens, one at its end goes (`class_`); None and False leave it out, True gives
    it no value.
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(opened if name in VOID else f"{opened}{joined(children)}</{name}>")


def joined(children: Iterable[Any]) -> Markup:
    """Children one after the other."""
    return Markup("".join(_escaped(child) for child in children))


def _escaped(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return html.escape(child)
    return joined(child) if isinstance(child, Iterable) else html.escape(str(child))


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
