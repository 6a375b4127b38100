"""How well a checkpoint names things in the crops of their true boxes: category and colour, through the stage.

python -m specialists.bundled.recipes.naming WEIGHTS "scenes:300?split=held-out&seed=1"

`fld evaluate` measures labels where a detector's boxes are; here nothing but the captioner errs.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.images import decode
from engine.stage import Batch
from specialists.bundled.recipes.examples import named
from specialists.bundled.recipes.views import category, objects
from specialists.bundled.scenes.catalogue import categories
from specialists.bundled.scenes.palette import NAMED
from specialists.bundled.scenes.scene import Scene
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import Truth, record_table
from specialists.captioning import CropCaptioning

_HEAD = re.compile(r" (?:in|with) ")
_COLOUR = re.compile(rf"\b(?:{'|'.join(NAMED)})\b")


@dataclass(frozen=True)
class Named:
    """What a thing is, and what it was called: categories and colours, "" where there is none."""

    true: tuple[str, str]
    said: tuple[str, str]


def understood(phrase: str) -> tuple[str, str]:
    """The category that a noun phrase's head names, the longest that fits, and the first colour that it names."""
    head = _HEAD.split(phrase)[0]
    fits = [kind.name for kind in categories() if re.search(rf"\b{kind.name}$", head)]
    colour = _COLOUR.search(phrase)
    return max(fits, key=len, default=""), colour[0] if colour else ""


def measure(weights: str, drawn: Iterable[tuple[Scene, Truth]]) -> list[Named]:
    """What the stage says of each thing of these scenes."""
    stage = CropCaptioning(weights=weights)
    stage.open(1)
    found = []
    for scene, truth in drawn:
        table = record_table([_bare(truth)])
        pixels = decode(scene.data)
        rows = stage(Batch(table, [pixels].__getitem__)).table.to_pylist()[0]["regions"]
        for thing, region in zip(objects(truth.row()), rows, strict=True):
            said = region["labels"][0]["text"] if region["labels"] else ""
            found.append(Named((category(thing), understood(named(thing))[1]), understood(said)))
    return found


def _bare(truth: Truth) -> Truth:
    """The things' boxes and nothing else."""
    regions = [{**thing, "labels": [], "best": None} for thing in objects(truth.row())]
    return replace(truth, texts=[], phrases=[], regions=regions)


def figures(found: list[Named]) -> dict[str, object]:
    """Shares that are right, of colours where the truth names one, and what is taken for something else most often."""
    coloured = [one for one in found if one.true[1]]
    wrong = Counter(f"{one.true[0]} called {one.said[0] or 'nothing known'}" for one in found
                    if one.true[0] != one.said[0])  # fmt: skip
    return {
        "things": len(found),
        "category": round(sum(one.true[0] == one.said[0] for one in found) / len(found), 3),
        "colour": round(sum(one.true[1] == one.said[1] for one in coloured) / max(1, len(coloured)), 3),
        "both": round(sum(one.true == one.said for one in coloured) / max(1, len(coloured)), 3),
        "wrong": dict(wrong.most_common(12)),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", help="folder of a checkpoint")
    parser.add_argument("scenes", help="such as scenes:300?split=held-out&seed=1")
    given = parser.parse_args()
    print(json.dumps(figures(measure(given.weights, scenes(given.scenes))), indent=1))


if __name__ == "__main__":
    main()
