"""How well a checkpoint grounds the phrases of scenes' own texts: truth goes in as words, and judges the boxes.

`fld evaluate` judges a whole run, whose texts are a captioner's. Here the texts and the spans of their phrases are the
truth's, so that the grounder alone is measured. The figures are defined as there (docs/evaluation.md): of a phrase's
regions the one with the best score of its own counts, which it may have for another phrase, "the red car" for "two
cars". `by phrase` takes the region with the best score for the phrase instead.

    python -m specialists.bundled.recipes.grounding_measure FOLDER "scenes:300?split=held-out&seed=1"
"""

from __future__ import annotations

import argparse
import io
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from engine import records
from engine.geometry import box_iou
from engine.stage import Batch
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import Truth, record_table
from specialists.grounding import Grounding

LEAST = 0.5  # score, with which a bundled profile should ask; ours
_AT_ONCE = 32  # scenes


def measure(weights: Path, source: str, least: float = LEAST, cpus: int = 1) -> dict[str, dict[str, float]]:
    """Phrases asked and right at IoU 0.5: of all, by what they name and by the granularity of their text.

    `least` is the score from which a box fits a phrase.
    """
    stage = Grounding(weights=str(weights), min_score=least, min_phrase_score=least)
    stage.open(cpus)
    right: defaultdict[str, list[bool]] = defaultdict(list)
    drawn = iter(scenes(source))
    while some := list(islice(drawn, _AT_ONCE)):
        pixels = [np.asarray(Image.open(io.BytesIO(scene.data)).convert("RGB")) for scene, _ in some]
        truths = [truth for _, truth in some]
        answers = stage(Batch(asked(truths), pixels.__getitem__)).table
        for truth, answer in zip(truths, answers.to_pylist(), strict=True):
            for kinds, found in _judged(truth, answer):
                for kind in kinds:
                    right[kind].append(found)
    return {kind: {"phrases": len(found), "accuracy": float(np.mean(found))} for kind, found in sorted(right.items())}


def asked(truths: list[Truth]) -> pa.Table:
    """The truths' texts and phrases as records that know no region."""
    table = record_table(truths)
    given = table["phrases"].to_pylist()
    blank = [[{**phrase, "region_ids": []} for phrase in phrases] for phrases in given]
    nothing = pa.array([[]] * len(table), records.SCHEMA.field("regions").type)
    phrases = pa.array(blank, records.SCHEMA.field("phrases").type)
    at = table.schema.get_field_index
    return table.set_column(at("regions"), "regions", nothing).set_column(at("phrases"), "phrases", phrases)


def _judged(truth: Truth, answer: dict[str, Any]) -> Iterator[tuple[list[str], bool]]:
    """Of each phrase, under which heads it counts, and whether its best box is right."""
    texts = {text["id"]: text for text in truth.texts}
    true = {region["id"]: region for region in truth.regions}
    seen = {region["id"]: region for region in answer["regions"]}
    for asked, told in zip(truth.phrases, answer["phrases"], strict=True):
        text = texts[asked["text_id"]]
        span = text["text"][asked["start"] : asked["end"]]
        named = [true[name] for name in asked["region_ids"]]
        boxes = [seen[name] for name in told["region_ids"]]
        best = max(boxes, key=lambda region: region["score"], default=None)
        own = max(boxes, key=lambda region: _score(region, span), default=None)
        what = "lines" if named[0]["kind"] == "text" else "one thing" if len(named) == 1 else "several things"
        yield ["all", what, text["granularity"]], _right(best, named)
        yield ["all, by phrase"], _right(own, named)


def _right(found: dict[str, Any] | None, true: list[dict[str, Any]]) -> bool:
    if found is None:
        return False
    mine, theirs = (np.array([region["box"] for region in regions], np.float64) for regions in ([found], true))
    return bool(box_iou(mine, theirs).max() >= 0.5)


def _score(region: dict[str, Any], span: str) -> float:
    return max((label["score"] for label in region["labels"] if label["text"] == span), default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", type=Path)
    parser.add_argument("source", nargs="+")
    parser.add_argument("--least", type=float, default=LEAST, help="score from which a box fits a phrase")
    given = parser.parse_args()
    for source in given.source:
        print(source)
        for kind, figures in measure(given.weights, source, given.least).items():
            print(f"  {kind:16} {figures['phrases']:6.0f} phrases  accuracy {figures['accuracy']:.3f}")


if __name__ == "__main__":
    main()
