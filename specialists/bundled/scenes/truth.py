"""The truth of a scene as plain data and as a table: never a part of the image's record.

The dicts are those of engine/records.py: boxes float px xyxy around what is visible, masks COCO run-length code of
it, quads of written lines. Nothing here has a score, since nothing was guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from engine import records
from engine.geometry import encode_window
from specialists.bundled.scenes import nouns
from specialists.bundled.scenes.relations import Relation
from specialists.bundled.scenes.seeds import GENERATION
from specialists.bundled.scenes.thing import Thing
from specialists.bundled.scenes.told import Told

ORIGIN = records.Origin("scenes", str(GENERATION))
_TOLERANCE = 1.0  # px: how far a polygon may stray from its mask
ATTRIBUTE = pa.struct([("region_id", pa.string()), ("name", pa.string()), ("value", pa.string())])
RELATION = pa.struct([("subject", pa.string()), ("relation", pa.string()), ("object", pa.string())])
# Kept beside the image shards, in a folder of its own: no stage reads it.
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),  # sha256 of the image's bytes, as in the record
        *((name, records.SCHEMA.field(name).type) for name in records.ANNOTATIONS),
        ("attributes", pa.list_(ATTRIBUTE)),
        ("relations", pa.list_(RELATION)),
    ],
    metadata=records.SCHEMA.metadata,
)


@dataclass(frozen=True)
class Truth:
    """All that is true of one image, as plain data."""

    image_id: str
    width: int
    height: int
    texts: list[dict[str, Any]]
    regions: list[dict[str, Any]]
    phrases: list[dict[str, Any]]
    attributes: list[dict[str, str]]
    relations: list[dict[str, str]]

    def row(self) -> dict[str, Any]:
        """As a row of SCHEMA."""
        return {name: getattr(self, name) for name in SCHEMA.names}


def table(truths: Sequence[Truth]) -> pa.Table:
    """Truths as a table of SCHEMA."""
    return pa.Table.from_pylist([truth.row() for truth in truths], schema=SCHEMA)


def record_table(truths: Sequence[Truth]) -> pa.Table:
    """Truths as a record table without pixels, attributes and relations: what a check or a viewer reads."""
    rows = [{**truth.row(), "width": truth.width, "height": truth.height, "faults": []} for truth in truths]
    return pa.Table.from_pylist([{k: row.get(k) for k in records.SCHEMA.names} for row in rows], schema=records.SCHEMA)


def objects(thing: Thing, width: int, height: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A thing's region, and those of the lines that are written on it."""
    left, top = thing.corner
    rings = [ring + np.array((left, top)) for ring in _outlines(thing.visible)]
    short, long = nouns.phrase(thing, rng, full=False, noun=thing.category.noun), nouns.phrase(thing, rng, full=True)
    labels = [
        records.label("phrase", thing.category.name, ORIGIN),
        records.label("brief", nouns.article(short), ORIGIN),
        records.label("chunk", nouns.article(long), ORIGIN),
    ]
    region = records.region(
        thing.id, "object", [float(side) for side in thing.box], ORIGIN, labels=labels, best=0,
        mask=encode_window(thing.visible, left, top, height, width),
        polygons=[ring.ravel().tolist() for ring in rings] or None,
    )  # fmt: skip
    return [region, *(_line(thing, row, width, height) for row in range(len(thing.lines)))]


def _outlines(mask: np.ndarray) -> list[np.ndarray]:
    """The parts of a mask as rings (n, 2), the largest first, holes filled: within a pixel or so of its edge.

    The engine's own tracing is exact, and ten times as slow as a whole scene can bear.
    """
    # Twice as large: the middles of its outermost pixels lie a quarter of a pixel inside the edge.
    double = cv2.resize(mask.view(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    found, _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    rings = [cv2.approxPolyDP(ring, 2 * _TOLERANCE, True)[:, 0] for ring in found]
    rings = [ring for ring in sorted(rings, key=cv2.contourArea, reverse=True) if len(ring) > 2]
    return [ring / 2 + 0.25 for ring in rings]


def _line(thing: Thing, row: int, width: int, height: int) -> dict[str, Any]:
    quad = np.clip(thing.quads[row], 0, (width, height)).reshape(1, 8)
    x, y = quad[0, 0::2], quad[0, 1::2]
    box = [float(x.min()), float(y.min()), float(x.max()), float(y.max())]
    label = records.label("ocr", thing.lines[row], ORIGIN)
    return records.region(f"{thing.id}.{row}", "text", box, ORIGIN, labels=[label], best=0, quad=quad[0].tolist())


def attributes(thing: Thing) -> list[dict[str, str]]:
    """Colour, pattern, size and pose of a thing."""
    part = nouns.part_of(thing)
    found = {f"{part} colour" if part else "colour": thing.colour, "pattern": thing.look.pattern, "size": thing.size}
    if thing.look.pattern in ("striped", "spotted", "checkered") or nouns.two_toned(thing):
        found["second colour"] = thing.second
    if thing.look.pose:
        found["pose"] = thing.look.pose
    return [{"region_id": thing.id, "name": name, "value": value} for name, value in found.items()]


def relations(related: Sequence[Relation]) -> list[dict[str, str]]:
    """As rows of RELATION."""
    return [{"subject": a.id, "relation": name, "object": b.id} for a, name, b in related]


def texts_and_phrases(told: Sequence[Told]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """As entries of the record's texts and phrases."""
    texts = [records.text(f"scenes.{i}", one.granularity, one.text, ORIGIN) for i, one in enumerate(told)]
    spans = [(f"scenes.{i}", span) for i, one in enumerate(told) for span in one.spans]
    phrases = [
        records.phrase(f"scenes.{k}", text_id, (span.start, span.end), ORIGIN, region_ids=span.ids)
        for k, (text_id, span) in enumerate(spans)
    ]
    return texts, phrases
