r"""The markers among the text, in the order of the released vocabulary, and the escape of text that looks like one.

A text that holds a marker, `<loc_5>` say, would become that marker in the tokenizer. So it is written with a
backslash behind the `<`, `<\loc_5>`, and one that has a backslash there already gets one more. All other text, any
other `<` too, stays as it is. No label at all is written `<\>`: nothing would make the next boxes the last label's.
The escape is ours: the released format has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

BINS = 1000

# BART's, with the ids 0 to 3; its mask stands behind all words.
BOS, PAD, EOS, UNK, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
SEPARATOR, OPEN, CLOSE, AND = "<sep>", "<poly>", "</poly>", "<and>"
# What Florence-2's first processor puts behind BART's vocabulary, in its order and spelling.
ADDED = (
    "<od>", "</od>", "<ocr>", "</ocr>",
    *(f"<loc_{bin}>" for bin in range(BINS)),
    "<cap>", "</cap>", "<ncap>", "</ncap>", "<dcap>", "</dcap>", "<grounding>", "</grounding>", "<seg>", "</seg>",
    SEPARATOR, "<region_cap>", "</region_cap>", "<region_to_desciption>", "</region_to_desciption>", "<proposal>",
    "</proposal>", OPEN, CLOSE, AND,
)  # fmt: skip
IMAGE = "<image>"  # the last of all, in checkpoints for transformers' own classes

EMPTY = "<\\>"

_NAMES = "|".join(
    ["loc_[0-9]+", *(name[1:-1] for name in (BOS, PAD, EOS, UNK, MASK, IMAGE, *ADDED) if not name.startswith("<loc_"))]
)
_MARKER = re.compile(f"<(?:{_NAMES})>")
_LOOKS = re.compile(rf"<\\*(?=(?:{_NAMES})>)|<\\+(?=>)")
_ESCAPED = re.compile(rf"<\\+(?=(?:{_NAMES})>)|<\\\\+(?=>)")


class Piece(NamedTuple):
    """A run of text (marker False), or a marker; `bin` is a location's, -1 where there is no such bin."""

    text: str
    marker: bool
    bin: int | None = None


def escape(text: str) -> str:
    """Text as it can stand among markers."""
    return _LOOKS.sub(lambda found: found[0] + "\\", text)


def unescape(text: str) -> str:
    """What `escape` made this text of."""
    return _ESCAPED.sub(lambda found: found[0][:-1], text)


def label(text: str) -> str:
    """A label as it stands before its locations."""
    return escape(text) or EMPTY


def unlabel(text: str) -> str:
    """What `label` made this text of."""
    return "" if text == EMPTY else unescape(text)


def location(bin: int) -> str:
    """The marker of a bin, 0 to 999."""
    return f"<loc_{bin}>"


def scan(text: str) -> Iterator[Piece]:
    """A string in pieces, without those that only begin, end or fill a sequence."""
    at = 0
    for found in _MARKER.finditer(text):
        if found.start() > at:
            yield Piece(text[at : found.start()], False)
        at = found.end()
        if found[0] not in (BOS, EOS, PAD):
            yield Piece(found[0], True, _bin(found[0]))
    if at < len(text):
        yield Piece(text[at:], False)


def _bin(marker: str) -> int | None:
    if not marker.startswith("<loc_"):
        return None
    digits = marker[5:-1]
    return int(digits) if len(digits) < 4 else -1
