"""The corpus itself: images as the chain takes them, and which of their texts are bad, and how."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.corpus.bad import KINDS, Given
from benchmarks.corpus.good import Writer
from benchmarks.corpus.scene import Scene
from engine import records
from engine.records import Origin

IMAGES = 400
EACH = 2  # texts of each granularity an image has
BAD = 0.25  # of all texts
READER, DETECTOR = Origin("reader", "1"), Origin("detector", "1")
CAPTIONERS = Origin("captioner", "1"), Origin("captioner", "2")

Slot = tuple[int, int, int]  # image, granularity, which of its texts


@dataclass(frozen=True)
class Truth:
    """A text as it was written, and the kind of badness it has, "" for a good one."""

    image_id: str
    id: str
    granularity: str
    text: str
    kind: str


@dataclass(frozen=True)
class Corpus:
    """Images for the chain, and the truth about each of their texts."""

    table: pa.Table
    truths: tuple[Truth, ...]

    @classmethod
    def make(cls, seed: int, images: int = IMAGES) -> Corpus:
        """The same seed gives the same corpus."""
        rng = random.Random(seed)
        kinds = _assigned(images, rng)
        rows, truths = [], []
        for number in range(images):
            scene = Scene.draw(rng)
            found = _texts(number, scene, kinds, rng)
            truths += found
            rows.append(_record(found, scene, rng))
        return cls(pa.Table.from_pylist(rows, records.SCHEMA), tuple(truths))


def _assigned(images: int, rng: random.Random) -> dict[Slot, str]:
    """Which texts are to be bad, and how: all kinds are equally frequent in each granularity."""
    kinds: dict[Slot, str] = {}
    for grain in range(len(records.GRANULARITIES)):
        bad = round(images * EACH * BAD)
        order = rng.sample(range(images), images)
        copies = order[: bad // len(KINDS)]
        # A copy stands behind a good text of its own image.
        kinds |= {(image, grain, 1): "edited_copy" for image in copies}
        free = [(image, grain, turn) for image in order[len(copies) :] for turn in range(EACH)]
        others = [kind for kind in KINDS if kind != "edited_copy"]
        slots = rng.sample(free, bad - len(copies))
        kinds |= {slot: others[at % len(others)] for at, slot in enumerate(slots)}
    return kinds


def _texts(number: int, scene: Scene, kinds: dict[Slot, str], rng: random.Random) -> list[Truth]:
    writer = Writer(scene, rng)
    found: list[Truth] = []
    for grain, granularity in enumerate(records.GRANULARITIES):
        for turn in range(EACH):
            kind = kinds.get((number, grain, turn), "")
            sibling = found[-1].text if turn else ""
            given = Given(scene, writer, rng, granularity, sibling)
            text = KINDS[kind](given) if kind else given.good()
            found.append(Truth(f"{number:064x}", f"{granularity}.{turn}", granularity, text, kind))
    return found


def _record(found: list[Truth], scene: Scene, rng: random.Random) -> dict[str, Any]:
    texts = [records.text(each.id, each.granularity, each.text, CAPTIONERS[at % EACH]) for at, each in enumerate(found)]
    regions = [_region(f"line.{i}", "text", sign, READER, rng) for i, sign in enumerate(scene.signs)]
    regions += [_region(f"object.{i}", "object", thing, DETECTOR, rng) for i, (thing, _) in enumerate(scene.things)]
    return {
        "image_id": found[0].image_id, "width": 640, "height": 480, "source": "corpus", "texts": texts,
        "regions": regions, "phrases": [], "faults": [],
    }  # fmt: skip


def _region(id: str, kind: str, name: str, origin: Origin, rng: random.Random) -> dict[str, Any]:
    x, y = rng.uniform(0, 440), rng.uniform(0, 380)
    box = [x, y, x + rng.uniform(40, 200), y + rng.uniform(20, 100)]
    score = rng.uniform(0.6, 1)
    label = records.label("ocr" if kind == "text" else "phrase", name, origin, score)
    return records.region(id, kind, box, origin, score=score, labels=[label], best=0)
