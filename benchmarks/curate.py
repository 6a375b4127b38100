"""Curate with another threshold over raw shards whose texts are parsed: 2,000 images a second on two cores.

All of it counts: the plan, reading, every filter of the defaults, their books, writing, checksums, syncs to the
disk, ledgers, summary. An image has a brief, a detailed and a more detailed text, some of them bad, and regions:
objects that two detectors found, and written lines. The first curate parses; it is not measured here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from benchmarks.figure import Figure, Options, from_pairs
from benchmarks.text import THINGS, caption
from engine import records
from engine.ledger import Ledger, census
from engine.records import Origin
from engine.shards import shard_file, shard_name, write_table
from engine.storage import Folder
from pipelines.chain import Runner
from pipelines.config import CurateParams, Params
from pipelines.curate import curate

SHARDS, IMAGES = 16, 256
OBJECTS, LINES = 4, 3  # an image; each object is found by both detectors, but for every other one
RATE = 2000.0  # images a second
PROCESSES = 2
CAPTIONER, LINE_READER = Origin("captioner", "1"), Origin("reader", "1")
DETECTORS = Origin("detector", "1"), Origin("other detector", "1")


def measure(options: Options) -> Iterator[Figure]:
    """Another threshold of a region filter in each round, so that every shard is made anew."""
    raw, out = (Folder.at(options.folder / name) for name in ("raw", "curated"))
    for index in range(SHARDS):
        _commit(raw, index)
    runner = Runner(workers=PROCESSES)
    _curate(raw, out, runner, 0.3)
    seconds = [_curate(raw, out, runner, 0.31 + round / 100) for round in range(options.rounds)]
    pairs = [(each, SHARDS * IMAGES / RATE) for each in seconds]
    yield from_pairs(f"curate again, {SHARDS * IMAGES} images, vs {RATE:g} a second", pairs, 1.0)


def _curate(raw: Folder, out: Folder, runner: Runner, least: float) -> float:
    filters: dict[str, Any] = {**Params().curate.filters, "region_score": {"object": least}}
    started = time.perf_counter()
    report = curate(raw, out, CurateParams(filters=filters), runner)
    seconds = time.perf_counter() - started
    if report.data["new_images"] != SHARDS * IMAGES or report.code:
        raise SystemExit("\n".join(report.lines))
    return seconds


def _commit(raw: Folder, index: int) -> None:
    rng = random.Random(index)
    rows = [_record(index * IMAGES + row, rng) for row in range(IMAGES)]
    table = pa.Table.from_pylist(rows, records.SCHEMA)
    shard = shard_name(index)
    files = {shard_file(shard): write_table(raw, shard_file(shard), table)}
    Ledger(shard, f"made-{index}", len(table), files=files, counts=census(table)).write(raw)


def _record(number: int, rng: random.Random) -> dict[str, Any]:
    texts = [
        records.text(f"text.{i}", granularity, _text(rng, clauses), CAPTIONER, rng.random())
        for i, (granularity, clauses) in enumerate(zip(records.GRANULARITIES, (1, 3, 7), strict=True))
    ]
    return {
        "image_id": f"{number:064x}", "width": 640, "height": 480, "source": "bench", "uri": f"/bench/{number}.jpg",
        "phash": rng.getrandbits(64), "texts": texts, "regions": _regions(rng), "phrases": [], "faults": [],
    }  # fmt: skip


def _text(rng: random.Random, clauses: int) -> str:
    text = caption(rng, clauses)
    faulty = [f"The image shows {text}", f"{text} {text}", text[: len(text) // 2]]
    return rng.choice(faulty) if rng.random() < 0.2 else text


def _regions(rng: random.Random) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(OBJECTS):
        x, y, name = rng.uniform(0, 300), rng.uniform(0, 200), rng.choice(THINGS)
        width, height = rng.uniform(30, 300), rng.uniform(30, 250)
        for origin in DETECTORS[: 2 - number % 2]:
            box = [x, y, x + width * rng.uniform(0.95, 1.05), y + height * rng.uniform(0.95, 1.05)]
            found.append(_region(len(found), "object", box, name, rng.random(), origin))
    for _ in range(LINES):
        x, y = rng.uniform(0, 400), rng.uniform(0, 400)
        line = " ".join(rng.sample(THINGS, 2))
        found.append(_region(len(found), "text", [x, y, x + 200, y + 30], line, rng.uniform(0.4, 1), LINE_READER))
    return found


def _region(number: int, kind: str, box: list[float], name: str, score: float, origin: Origin) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    text = kind == "text"
    label = records.label("ocr" if text else "phrase", name, origin, score)
    quad = [x0, y0, x1, y0, x1, y1, x0, y1] if text else None
    return records.region(
        f"region.{number}", kind, box, origin, score=score, labels=[label], best=0, quad=quad,
        polygons=None if text else [[x0, y0, x1, y0, x1, y1]],
    )  # fmt: skip
