"""What the regions of an image say that there is: things by name and number, where they are, and what is written."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specialists.aggregator.naming import name_of, split_names
from specialists.aggregator.nouns import Noun, noun
from specialists.aggregator.positions import Box

Region = dict[str, Any]


@dataclass(frozen=True)
class Thing:
    """One region of an object: its noun, what its labels say of it ("brown"), and whether it holds several."""

    noun: Noun
    attribute: str
    several: bool
    box: Box
    score: float | None


@dataclass(frozen=True)
class Line:
    """What is written somewhere."""

    text: str
    box: Box
    score: float | None


@dataclass(frozen=True)
class Group:
    """The things of one name, the most prominent first. `number` is None where it cannot be told."""

    noun: Noun
    things: tuple[Thing, ...]

    @property
    def number(self) -> int | None:
        told = len(self.things) == 1 or self.noun.counts
        return len(self.things) if told and not any(thing.several for thing in self.things) else None

    @property
    def attribute(self) -> str:
        """What all of them are."""
        said = {thing.attribute for thing in self.things}
        return said.pop() if len(said) == 1 else ""


@dataclass(frozen=True)
class Scene:
    """Groups, the most prominent first, and lines in reading order."""

    groups: tuple[Group, ...]
    lines: tuple[Line, ...]


def scene_of(regions: Sequence[Region], width: int, height: int, min_score: float) -> Scene:
    """The scene of an image of that size in pixels; regions that are less sure say nothing, unscored ones do."""
    things: dict[str, list[Thing]] = {}
    lines = []
    for region in regions:
        if region["score"] is not None and region["score"] < min_score:
            continue
        left, top, right, bottom = region["box"]
        box = Box(left / width, top / height, right / width, bottom / height)
        if region["kind"] == "text":
            text = _written(region)
            lines += [Line(text, box, region["score"])] if text else []
        elif thing := _thing(region, box):
            things.setdefault(thing.noun.name, []).append(thing)
    groups = [Group(each[0].noun, tuple(sorted(each, key=_prominence, reverse=True))) for each in things.values()]
    groups.sort(key=lambda group: (-_prominence(group.things[0]), group.noun.name))
    lines.sort(key=lambda line: (line.box.top, line.box.left))
    return Scene(tuple(groups), tuple(lines))


def _prominence(thing: Thing) -> float:
    """Large and sure; ours."""
    return float(thing.box.area**0.5) * (1.0 if thing.score is None else thing.score)


def _written(region: Region) -> str:
    """A line of text as it can stand between quotes; "" for what says nothing."""
    text = next((label["text"] for label in region["labels"] if label["granularity"] == "ocr"), "")
    visible = "".join(character if unicodedata.category(character)[0] != "C" else " " for character in text)
    line = " ".join(visible.split()).replace('"', "'")
    return line if sum(map(str.isalnum, line)) > 1 else ""


def _thing(region: Region, box: Box) -> Thing | None:
    """The thing in the region of an object or proposal. An object that no label names is an object."""
    labels = region["labels"]
    best = [labels[region["best"] or 0]] if labels else []
    names = [found for each in (*best, *labels) if (found := name_of(each["text"], each["granularity"]))]
    if not names:
        unnamed = Thing(Noun("object"), "", bool(region["crowd"]), box, region["score"])
        return unnamed if region["kind"] == "object" else None
    name, attribute = split_names(names)
    kind, is_plural = noun(name)
    return Thing(kind, attribute, is_plural or bool(region["crowd"]), box, region["score"])
