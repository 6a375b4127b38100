"""What is no language in a text, and the openings that say nothing: where it is, and how it is mended."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files

from filters.edits import Edit

# Tags that stand inside a word or beside it; any other one, a special token too, separates what is around it.
_INLINE = re.compile(
    r"</?(?:a|abbr|b|big|code|del|em|font|i|ins|mark|s|small|span|strong|sub|sup|u)(?:\s[^<>]*)?>", re.I
)
_KEY = r'"[A-Za-z_][\w ]{0,40}"\s*:'
_DRESS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"<!--.{0,2000}?-->", re.S), lambda _: " "),
    (re.compile(r"<\|[^<>|]{1,40}\|>|\[/?(?:INST|CLS|SEP|PAD|MASK|UNK|EOS|BOS)\]|<</?SYS>>"), lambda _: " "),
    (re.compile(r"</?[A-Za-z][^<>]{0,300}>"), lambda found: "" if _INLINE.fullmatch(found[0]) else " "),
    (re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});"), lambda found: _entity(found[0])),
    (re.compile(r"```[a-z]*|`|~~|\*\*+|(?<!\w)__+|__+(?!\w)|(?<!\S)\*(?=\w)|(?<=[\w.])\*(?!\S)"), lambda _: ""),
    (re.compile(r"^[ \t]*(?:#{1,6}(?=\s)|>+[ \t]|[-*•][ \t]+)|#{2,}", re.M), lambda _: ""),
    (re.compile(r"!?\[(?=[^\[\]]*\]\([^()\s]*\))|\]\([^()\s]*\)"), lambda _: ""),
    (re.compile(r"^[ \t]*(?:assistant|user|human|system|bot|ai|answer|caption|response|output)[ \t]*:", re.I | re.M),
     lambda _: ""),
    (re.compile(rf'^\s*[\[{{]+\s*{_KEY}\s*"?|"\s*[}}\]]+\s*$|"\s*,\s*{_KEY}\s*"?'), lambda _: " "),
)  # fmt: skip
_SIGN = re.compile(r"[<>&*_#`\[\]{}~|\\:•-]")
_SUSPECT = re.compile(r"[<>&*_#`\[\]{}~|\\:]|^[ \t]*[-•]", re.M)
_REST = re.compile(rf'{_KEY}|\\[nrtu"]|^\s*(?:\{{|\[\s*")|\}}\s*$')
# Controls, invisible format characters but those that scripts and emoji need, and what stands for a broken one.
_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd\ue000-\uf8ff]"
)
_SPACES = re.compile(r"\s{2,}|[^\S ]|^ | $")
_STOP = re.compile(r" [.,;!?]")
_BEFORE_STOP = re.compile(r"(?<=\w)\s+(?=[.,;!?](?:\s|$))")
_FIRST = re.compile(r"\s*([^\W_]+)")
_AFTER_OPENING = re.compile(r"\s*[:,;–—-]*\s*")


def suspicious(text: str) -> bool:
    """Whether a text has anything that markup is made of. Nearly all have nothing, and are done with at one look."""
    # A hyphen is mostly inside a word; to look for signs alone takes a third of the time.
    return _SIGN.search(text) is not None and _SUSPECT.search(text) is not None


def markup(text: str) -> list[Edit]:
    """Tags, entities, special tokens, markdown, roles and the braces of JSON, each with what mends it."""
    found = [Edit(m.start(), m.end(), by(m)) for pattern, by in _DRESS for m in pattern.finditer(text) if m[0]]
    return _apart(found)


def unmended(text: str) -> int:
    """How much of a text is data rather than language: keys of JSON, escapes."""
    return len(_REST.findall(text))


def controls(text: str) -> list[Edit]:
    """Control characters and invisible ones."""
    if text.isprintable():
        return []
    return [Edit(m.start(), m.end()) for m in _CONTROL.finditer(text)]


def spaces(text: str) -> list[Edit]:
    """Runs of spaces, line breaks, and spaces at either end."""
    if text == " ".join(text.split()) and not _STOP.search(text):
        return []
    found = [Edit(m.start(), m.end()) for m in _BEFORE_STOP.finditer(text)]
    for match in _SPACES.finditer(text):
        inside = match.start() > 0 and match.end() < len(text)
        found.append(Edit(*match.span(), " " if inside and match[0] != " " else ""))
    return _apart(found)


def opening(text: str) -> int:
    """How many characters of a text are an opening that says nothing; one may follow another."""
    end = 0
    # The longest wins: "in this picture we can see" over "in this picture,".
    while found := max([m.end() for pattern in _openings_at(text, end) if (m := pattern.match(text, end))], default=0):
        after = _AFTER_OPENING.match(text, found)
        end = after.end() if after else found
    return end


def _openings_at(text: str, start: int) -> Sequence[re.Pattern[str]]:
    """Those that begin with the word there: few, and for most texts none."""
    first = _FIRST.match(text, start)
    return _openings().get(first[1].casefold(), ()) if first else ()


@cache
def _lines() -> tuple[str, ...]:
    lines = (files("filters") / "openings.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line.strip() and not line.startswith("#"))


@cache
def _openings() -> dict[str, list[re.Pattern[str]]]:
    """By each word that an opening can begin with."""
    found = defaultdict(list)
    for line in _lines():
        for word in sorted(_first_words(line)):
            found[word].append(_pattern(line))
    return dict(found)


def _first_words(line: str) -> set[str]:
    found: set[str] = set()
    for word in line.split():
        found.update(first[1] for option in word.split("|") if (first := _FIRST.match(option)))
        if not word.endswith("?"):
            break
    return found


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile("".join(map(_word, line.split())) + r"(?:(?<=\W)|(?!\w))", re.I)


def _word(word: str) -> str:
    optional = word.endswith("?")
    options = [re.escape(option).replace("_", r"\s+") for option in word.removesuffix("?").split("|")]
    # Between two words stands a space; the first one, and one after a comma, needs none.
    glued = [(r"\s*" if option[0] in ",':!" else r"(?:\s+|(?<!\w))") + option for option in options]
    return f"(?:{'|'.join(glued)})" + "?" * optional


def _entity(found: str) -> str:
    plain = html.unescape(found)
    return found if plain == found else plain


def _apart(edits: list[Edit]) -> list[Edit]:
    """Those that begin first, and there the longer ones, where some overlap."""
    chosen: list[Edit] = []
    for each in sorted(edits, key=lambda e: (e.start, -e.end)):
        if not chosen or each.start >= chosen[-1].end:
            chosen.append(each)
    return chosen
