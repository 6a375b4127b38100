"""What captioners learn from: pictures, what is said of them and their things, and what is in each part of them."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import Any

import cv2
import numpy as np
from PIL import Image

from specialists.bundled.recipes.pack import Pack, Public
from specialists.bundled.recipes.views import category, objects
from specialists.bundled.scenes import wording
from specialists.bundled.scenes.catalogue import categories
from specialists.bundled.scenes.palette import NAMED

# All ours.
MARGIN = 0.1  # of a box's sides, around a crop: what the stage crop_captioning takes
ASTRAY = 0.05  # of a box's sides: how far, by standard deviation, each side of it strays
LEAST = 16  # px of a crop's sides, as for the stage
SALIENT = 0.01  # of a picture: what a second mention fills at least
COUNTED = 3000  # scenes in which the categories are counted
FINE = 4  # dots along a side of a cell, to see how much of it a thing fills

THINGS = ("", *(kind.name for kind in categories()))  # "": only the place
COLOURS = ("", *NAMED)

Window = tuple[int, int, int, int]  # xyxy in whole px

_READING = re.compile(rf' (?:{"|".join(wording.READS)}) "[^"]*"')
_SIDES = "|".join(side for sides in wording.SIDE.values() for side in sides)
_RELATING = re.compile(rf"The [^.]* is (?:{_SIDES}) the [^.]*\. ?")
_SIZE = re.compile(r"^an? (?:small|little|large|big) (\w)")


def told(truth: dict[str, Any], granularity: str) -> str:
    """A scene's text, without what a captioner is not to learn.

    Written words are left to OCR: at this size they cannot be read, only guessed. Sentences that do no more than
    relate two things that were named before would be guessed as well.
    """
    text = next(text["text"] for text in truth["texts"] if text["granularity"] == granularity)
    return _RELATING.sub("", _READING.sub("", text)).strip()


def plainly_told(scene: Public) -> str:
    """A scene's brief text without its second mention, unless that fills enough of the picture to be known for sure.

    Whoever learns to name what can hardly be seen learns to guess.
    """
    text = next(text for text in scene.truth["texts"] if text["granularity"] == "brief")
    rings = {thing["id"]: thing["polygons"] or () for thing in objects(scene.truth)}
    mentions = [phrase for phrase in scene.truth["phrases"]
                if phrase["text_id"] == text["id"] and rings.keys() >= {*phrase["region_ids"]}]  # fmt: skip
    if len(mentions) < 2:
        return told(scene.truth, "brief")
    first, second = sorted(mentions, key=lambda phrase: phrase["start"])
    corners = [np.float32(ring).reshape(-1, 2) for id in second["region_ids"] for ring in rings[id]]
    height, width = scene.pixels.shape[:2]
    if sum(map(cv2.contourArea, corners)) >= SALIENT * height * width:
        return told(scene.truth, "brief")
    shorter: str = text["text"][: first["end"]] + text["text"][second["end"] :]
    return shorter


def named(thing: dict[str, Any]) -> str:
    """A noun phrase for a thing, with a colour wherever the truth has one: "a red car", "a man in a blue shirt"."""
    texts = {label["granularity"]: label["text"] for label in thing["labels"]}
    brief, full = texts["brief"], _SIZE.sub(_unsized, texts["chunk"])
    bare = f"{'an' if category(thing)[0] in 'aeiou' else 'a'} {category(thing)}"
    return full if brief == bare else brief


def _unsized(match: re.Match[str]) -> str:
    return f"{'an' if match[1] in 'aeiou' else 'a'} {match[1]}"


def colours(truth: dict[str, Any]) -> dict[str, str]:
    """The colour of each thing, or of the part of it that has one, by region id."""
    rows = [row for row in truth["attributes"] if row["name"].endswith("colour")]
    return {row["region_id"]: row["value"] for row in rows if not row["name"].startswith("second")}


class Choice:
    """Which things of a scene are looked at: rare ones more often."""

    def __init__(self, pack: Pack) -> None:
        count = Counter(category(t) for truth in islice(pack.truths("regions"), COUNTED) for t in objects(truth))
        self._rarity = {name: max(1, count[name]) ** -0.5 for name in THINGS}

    def some(self, scene: Public, most: int, rng: np.random.Generator) -> list[dict[str, Any]]:
        """So many things of a scene at most, each once."""
        things = objects(scene.truth)
        odds = np.array([self._rarity[category(thing)] for thing in things])
        chosen = rng.choice(len(things), min(most, len(things)), False, odds / odds.sum()) if things else ()
        return [things[at] for at in chosen]


def around(box: list[float], shape: tuple[int, ...], rng: np.random.Generator) -> Window:
    """The window of a box that strayed, and its margin, in a picture of this shape."""
    wide, high = box[2] - box[0], box[3] - box[1]
    x0, y0, x1, y1 = np.array(box) + rng.normal(0, ASTRAY, 4) * (wide, high, wide, high)
    aside, above = max(MARGIN * (x1 - x0), (LEAST - x1 + x0) / 2), max(MARGIN * (y1 - y0), (LEAST - y1 + y0) / 2)
    left, top = max(0, int(x0 - aside)), max(0, int(y0 - above))
    return left, top, min(shape[1], int(np.ceil(x1 + aside))), min(shape[0], int(np.ceil(y1 + above)))


def picture(pixels: np.ndarray, side: int) -> np.ndarray:
    """Pixels (height, width, 3) stretched to a square as the image processor does: (side, side, 3)."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def shown(scene: Public, cells: int, window: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Which share of each cell shows which of THINGS, and of COLOURS: (cells, cells, names), each sums to 1.

    The cells are those of a window of the scene, or of all of it.
    """
    left, top, right, bottom = window or (0, 0, scene.pixels.shape[1], scene.pixels.shape[0])
    dots, known = cells * FINE, colours(scene.truth)
    seen = np.zeros((2, dots, dots), np.uint8)
    scale = np.array((dots / (right - left), dots / (bottom - top)))
    for thing in objects(scene.truth):
        names = THINGS.index(category(thing)), COLOURS.index(known[thing["id"]])
        for ring in thing["polygons"] or ():
            # Dots stand in the middles of their squares; four bits behind the point.
            corners = (np.array(ring).reshape(-1, 2) - (left, top)) * scale - 0.5
            for sheet, name in zip(seen, names, strict=True):
                cv2.fillPoly(sheet, [np.round(corners * 16).astype(np.int32)], name, cv2.LINE_8, 4)
    return _shares(seen[0], cells, len(THINGS)), _shares(seen[1], cells, len(COLOURS))


def _shares(seen: np.ndarray, cells: int, names: int) -> np.ndarray:
    """From numbers of names (dots, dots): which share of each cell has each, (cells, cells, names)."""
    apart = seen.reshape(cells, FINE, cells, FINE).transpose(0, 2, 1, 3).reshape(cells, cells, FINE**2)
    shares: np.ndarray = np.eye(names, dtype=np.float32)[apart].mean(2)
    return shares
