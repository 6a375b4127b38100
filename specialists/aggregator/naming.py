"""The name in a label: "dog" and "brown" of "a brown dog on a sofa". Told from the words alone, without a parser.

What is not sure to be a name gives none: a wrong noun in a sentence is worse than a missing one. All lists are ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BEFORE = _set("""
    a an the this that these those some any no one two three four five six several many few both all each every his her
    its their my your our another other
""")
# A name ends before one of these; "of" is none, for a cup of tea is more than a cup.
_ENDS = _set("""
    about above across against along and are around as at be before behind below beside between by for from has have in
    inside into is like near next on or over that through to under up was were where which while who with without
""")
# What a caption may put before a noun without saying more than the eye sees in a region.
ADJECTIVES = _set("""
    bald beige big black blond blonde blue bright brown closed colorful colourful dark dry empty gold golden gray green
    grey large light little long old open orange pink purple red round short silver small spotted striped tall tan tiny
    wet white wooden yellow young
""")
_WORD = re.compile(r"[a-zA-ZÀ-ÖØ-öø-ÿ]+(?:['’-][a-zA-ZÀ-ÖØ-öø-ÿ]+)*")
LONGEST_NAME, LONGEST_ATTRIBUTE = 4, 2  # words

Name = tuple[str, ...]


def name_of(label: str, granularity: str) -> Name:
    """The words of a label's name, in lower case but for abbreviations; none where it is not sure to be one.

    Labels of phrases and chunks are noun phrases. Of a brief text only an article, known adjectives and one noun are
    understood: it may be a sentence, whose verb nothing here could tell from a noun.
    """
    if granularity not in ("phrase", "chunk", "brief"):
        return ()
    said = _said(label)
    words = said[next((i for i, word in enumerate(said) if word not in _BEFORE), len(said)) :]
    words = words[: next((i for i, word in enumerate(words) if word in _ENDS), len(words))]
    if granularity == "brief":
        told = said[:1] != words[:1] and all(word in ADJECTIVES for word in words[:-1])
        words = words if told else []
    verbal = any(word.endswith("ing") for word in words[1:-1])  # "man walking dog" names neither
    fit = all(_WORD.fullmatch(word) for word in words) and "of" not in (*words[:1], *words[-1:]) and not verbal
    return tuple(words) if fit and len(words) <= LONGEST_NAME else ()


def split_names(names: Sequence[Name]) -> tuple[str, str]:
    """Name and attribute of what has these names, the surest first.

    Of "brown dog" and "dog" the shorter is the name, and what the longer one has before it the attribute. So is "brown"
    of "brown dog" alone: else one of two dogs would be a thing of another name.
    """
    name = min((each for each in names if _ends(names[0], each)), key=len)
    name = name[next((i for i, word in enumerate(name) if word not in ADJECTIVES), len(name) - 1) :]
    longest = max((each for each in names if _ends(each, name)), key=len)
    return " ".join(name), " ".join(longest[: -len(name)][-LONGEST_ATTRIBUTE:])


def _ends(words: Name, tail: Name) -> bool:
    return words[len(words) - len(tail) :] == tail


def _said(label: str) -> list[str]:
    """A label's words: without what stands in brackets, as in "car_(automobile)", and up to a comma or the like."""
    text = re.split(r"[,;:/.!?]", re.sub(r"\(.*?\)", " ", label.replace("_", " ")))[0]
    return [word if word.isupper() and len(word) > 1 else word.lower() for word in text.split()]
