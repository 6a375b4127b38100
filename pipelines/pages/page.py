"""One HTML file: style, code, data and pictures inside it, and a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from pipelines.pages.html import Markup, joined, tag
from pipelines.pages.sections import Section

SCRIPTS = ("tools.js", "filters.js", "drawing.js", "telling.js", "gallery.js", "viewer.js", "start.js")  # in this order


def render(title: str, subtitle: str, sections: Sequence[Section], data: dict[str, Any]) -> str:
    """The page. `data` is for its code; the sections read without it."""
    style, code = _static("page.css"), "\n".join(_static(name) for name in SCRIPTS)
    # Hashes, not 'unsafe-inline': should a text of the dataset ever get past the escaping, it still would not run.
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(code)}; base-uri 'none'"
    menu = [tag("a", section.short, href=f"#{section.id}") for section in sections]
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=f"{policy}; form-action 'none'"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(style)),
    ]
    body = [
        tag("a", "To the content", href="#content", class_="skip"),
        tag(
            "header",
            tag("strong", title, class_="brand"),
            tag("nav", menu, aria_label="Sections"),
            tag("button", "Theme", id="theme", type="button", aria_label="Switch between light and dark"),
        ),
        tag(
            "main",
            tag("h1", title),
            tag("p", subtitle, class_="lead"),
            [_section(each) for each in sections],
            id="content",
        ),
        tag("dialog", id="viewer", aria_label="One image"),
        tag("script", Markup(embedded(data)), type="application/json", id="data"),
        tag("script", Markup(code), type="module"),
    ]
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"


def embedded(data: Any) -> str:
    """JSON that may stand in a script element: no `<`, so neither a closing tag nor a comment, and ASCII only."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _section(section: Section) -> Markup:
    head = tag("h2", section.title, id=f"{section.id}-title")
    return tag("section", head, joined(section.parts), id=section.id, aria_labelledby=f"{section.id}-title")


def _static(name: str) -> str:
    return (files("pipelines.pages") / "static" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
