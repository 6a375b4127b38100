r"""Left and right in English texts: what a text says of a mirrored image.

A word is exchanged where it surely is a side: "left of the bench", "on the right", "her left hand", "top-left",
"rightmost". Of any other ("he left", "right behind", "the left dog", since "the right size" reads the same) nothing is
known, nor of a text that tells of writing, of a clock or of a turn: such a text stands for no mirrored image. It costs
an image its mirroring, and never its truth. The lists are ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIDE = re.compile(r"\b(left|right)(?=(?:most|wards?|ward)?\b)", re.IGNORECASE)
_OTHER = {"left": "right", "right": "left"}
# What is another thing in a mirror, or cannot be read in it.
_TELLTALE = re.compile(
    r"clockwise|o'clock|\b(?:clock|watch|letter(?:s|ing)?|written|handwriting|writing|reads|reading|says|saying|"
    r"inscription|logo|text|numbers?|digits?|numerals?|signature|license plate|keyboard|mirror(?:ed)?)\b|\"",
    re.IGNORECASE,
)
_OWNER = r"(?:the|its|his|her|their|your|my|our|\w+['’]s)"
_WAY = r"(?:on|to|at|from|in|into|toward|towards)"
_PART = (
    r"(?:[- ]?hand(?:ed)?|side|arm|leg|foot|paw|hoof|eye|ear|shoulder|knee|elbow|wrist|wing|cheek|hip|corner|edge|end|"
    r"half|third|part|portion|section|lane|front|rear|back|wheel|headlight|foreground|background|top|bottom|center|"
    r"centre|most)s?\b"
)
_BEFORE = re.compile(
    rf"(?:\b(?:upper|lower|top|bottom|far|middle|center|centre|facing|faces|looking|looks|turned|turning|turns|"
    rf"pointing|points|heading|leaning)|\b{_WAY}(?: {_OWNER})?(?: (?:far|upper|lower|top|bottom|very))?)[ -]$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"(?:most|wards?|ward)\b|[ -]{_PART}| of\b(?! way)| and (?:left|right)\b| to (?:left|right)\b", re.IGNORECASE
)
_ENDS = re.compile(
    r"\s*(?:$|[^\w\s'’-])| (?:and|or|to|of|in|on|at|is|are|stands?|sits?|lies?|with|while|there|from|by|near|next|"
    r"behind|beside|a|an|the|one)\b",
    re.IGNORECASE,
)
_REMAINS = re.compile(
    r"\b(?:what|all|nothing|little|much|one|some|none)(?: (?:is|was|remains)|['’]s)? $", re.IGNORECASE
)


def mirrored(text: str, at: Sequence[int] = ()) -> tuple[str, list[int]] | None:
    """The text of the mirrored image and where the places `at` (n,), in characters, are in it.

    None where that is not known, or where a place is inside of a word that is exchanged.
    """
    if _TELLTALE.search(text):
        return None
    places, shifts, pieces, end = list(at), [0] * len(at), [], 0
    for found in _SIDE.finditer(text):
        if not _sure(text[: found.start()], text[found.end() :]):
            return None
        if any(found.start() < place < found.end() for place in places):
            return None
        word = _as(found[0], _OTHER[found[0].lower()])
        pieces += [text[end : found.start()], word]
        end = found.end()
        grown = len(word) - len(found[0])
        shifts = [shift + grown * (place >= end) for shift, place in zip(shifts, places, strict=True)]
    pieces.append(text[end:])
    return "".join(pieces), [place + shift for place, shift in zip(places, shifts, strict=True)]


def _sure(before: str, after: str) -> bool:
    """Whether what stands between these is a side."""
    if _AFTER.match(after):
        return not (after.startswith(" of") and _REMAINS.search(before))
    return bool(_BEFORE.search(before) and _ENDS.match(after))


def _as(model: str, word: str) -> str:
    """A word in the capitals of another."""
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[0].isupper() else word
