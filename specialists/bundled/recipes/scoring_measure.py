"""How well a checkpoint scores: labels and texts of scenes, true ones and such as a detector or a captioner gets wrong.

    python -m specialists.bundled.recipes.scoring_measure FOLDER "scenes:300?split=held-out&seed=1"

What is offered of each thing is what the chain offers: the detector's category, a brief text and its noun chunk; how
often each is wrong is given here, so that the scorer alone is measured. `fld evaluate` judges a whole run. All goes
through the stage.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from engine import records
from engine.stage import Batch
from specialists.bundled.recipes import claims
from specialists.bundled.recipes.claims import Claim, Look
from specialists.bundled.recipes.scoring_batches import exchanged
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import ORIGIN, Truth, record_table
from specialists.scoring import Scoring

_AT_ONCE = 32  # scenes
# All ours: how often the category and the texts about a crop are wrong, and how far a box's sides are off.
WRONG_CATEGORY, WRONG_TEXT, JITTER = 0.1, 0.15, 0.04
_BINS = np.linspace(0, 1, 11)


class Asked:
    """One scene's record with what is to be scored, and what of it is right."""

    def __init__(self, truth: Truth, rng: np.random.Generator) -> None:
        self.row = record_table([truth]).to_pylist()[0]
        plain = truth.row()
        self.looks = claims.looks(plain)
        things = [region for region in self.row["regions"] if region["id"] in self.looks]
        self.offered = {thing["id"]: _offers(thing, self.looks[thing["id"]], rng) for thing in things}
        self.paired = {thing["id"]: _pair(thing, self.looks[thing["id"]], rng) for thing in things}
        self.row["regions"] = [
            self._region(thing, f"{what}{thing['id']}", texts, rng)
            for thing in things
            for what, texts in (
                ("chain ", [one.text for one in self.offered[thing["id"]]]),
                ("names ", list(claims.names())),
                ("pair ", [one.text for one, _ in self.paired[thing["id"]]]),
            )
        ]
        wrong = [(text, exchanged(plain, text, self.looks, rng)) for text in truth.texts]
        self.row["texts"] += [{**text, "id": f"not {text['id']}", "text": other} for text, other in wrong if other]
        self.row["phrases"] = []

    def _region(self, thing: dict[str, Any], id: str, texts: list[str], rng: np.random.Generator) -> dict[str, Any]:
        box = np.array(thing["box"], np.float64)
        off = rng.normal(0, JITTER, 4).clip(-0.1, 0.1) * np.tile(box[2:] - box[:2], 2)
        box = np.clip(box + off, 0, np.tile((self.row["width"], self.row["height"]), 2))
        named = [records.label("phrase", text, ORIGIN) for text in texts]
        return records.region(id, "object", box.tolist(), ORIGIN, labels=named)


def measure(weights: Path, source: str, cpus: int = 1) -> dict[str, float]:
    """The figures of the scenes of a source; each is explained where it is taken."""
    stage, rng = Scoring(weights=str(weights)), np.random.default_rng(0)
    stage.open(cpus)
    taken: dict[str, list[float]] = {}
    drawn = iter(scenes(source))
    while some := list(islice(drawn, _AT_ONCE)):
        pixels = [np.asarray(Image.open(io.BytesIO(scene.data)).convert("RGB")) for scene, _ in some]
        asked = [Asked(truth, rng) for _, truth in some]
        table = pa.Table.from_pylist([one.row for one in asked], schema=records.SCHEMA)
        answers = stage(Batch(table, pixels.__getitem__)).table.to_pylist()
        for one, answer in zip(asked, answers, strict=True):
            for name, value in _judged(one, answer):
                taken.setdefault(name, []).append(value)
    return _figures({name: np.array(values) for name, values in taken.items()})


def _offers(thing: dict[str, Any], look: Look, rng: np.random.Generator) -> list[Claim]:
    """A category, a brief text and a noun chunk, of which the texts are wrong together."""
    said = [claims.claim(label["text"], look.category) for label in thing["labels"]]
    if rng.random() < WRONG_CATEGORY:
        said[0] = claims.recategorised(said[0], rng) or said[0]
    if rng.random() < WRONG_TEXT:
        wrong = claims.altered(said[1 if rng.random() < 0.5 else 2], rng)
        said[1:] = [wrong or said[1]]
    return said


def _pair(thing: dict[str, Any], look: Look, rng: np.random.Generator) -> list[tuple[Claim, bool]]:
    """A true label and one that is nearly true."""
    said = claims.claim(thing["labels"][1 + int(rng.integers(2))]["text"], look.category)
    wrong = claims.altered(said, rng)
    told = wrong is not None and claims.judged([look], [wrong])[0, 0] == 0
    return [(said, True), (wrong, False)] if told and wrong else []


def _judged(asked: Asked, answer: dict[str, Any]) -> Iterator[tuple[str, float]]:
    regions = {region["id"]: region for region in answer["regions"]}
    for id, look in asked.looks.items():
        offered, chosen = asked.offered[id], regions[f"chain {id}"]["best"]
        named = np.array([one.category == look.category for one in offered])
        yield "chain_best", float(named[chosen])
        yield "chain_true", float(claims.judged([look], [offered[chosen]])[0, 0] != 0)
        yield "chain_first", float(named[0])
        if named.any() and not named.all():
            yield "chain_contested", float(named[chosen])
        yield "zero_shot", float(regions[f"names {id}"]["best"] == look.category)
        similar = [label["similarity"] for label in regions[f"pair {id}"]["labels"]]
        if similar:
            yield "pair", float(similar[0] > similar[1])
            kind = "category" if asked.paired[id][1][0].category != look.category else "look"
            yield f"pair_{kind}", float(similar[0] > similar[1])
            yield "true_label", similar[0]
            yield "wrong_label", similar[1]
    texts = {text["id"]: text for text in answer["texts"]}
    for id, text in texts.items():
        if id.startswith("not "):
            own = texts[id.removeprefix("not ")]["similarity"]
            yield "text_pair", float(own > text["similarity"])
            yield f"text_pair_{text['granularity']}", float(own > text["similarity"])
            yield "true_text", own
            yield "wrong_text", text["similarity"]


def _figures(taken: dict[str, np.ndarray]) -> dict[str, float]:
    """Means of what was taken; of true against wrong ones the AUC; of labels, how far the sigmoid is off."""
    figures = {name: float(values.mean()) for name, values in sorted(taken.items())}
    for what in ("label", "text"):
        figures[f"{what}_auc"] = auc(taken[f"true_{what}"], taken[f"wrong_{what}"])
    said = np.r_[taken["true_label"], taken["wrong_label"]]
    right = np.arange(len(said)) < len(taken["true_label"])
    figures["calibration_error"] = 0.0
    for low, high in pairwise(_BINS):
        at = (said >= low) & ((said < high) | (high == 1))
        if at.any():
            figures["calibration_error"] += float(at.mean() * abs(said[at].mean() - right[at].mean()))
            figures[f"right_of_{low:.1f}_to_{high:.1f}"] = float(right[at].mean())
    return figures


def auc(right: np.ndarray, wrong: np.ndarray) -> float:
    """The probability that a right one is above a wrong one, where equal ones count half."""
    order = np.sort(wrong)
    below = (np.searchsorted(order, right, "left") + np.searchsorted(order, right, "right")) / 2
    return float(below.mean() / len(wrong))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", type=Path)
    parser.add_argument("source", nargs="+")
    given = parser.parse_args()
    for source in given.source:
        print(source)
        for name, figure in measure(given.weights, source).items():
            print(f"  {name:24} {figure:.3f}")


if __name__ == "__main__":
    main()
