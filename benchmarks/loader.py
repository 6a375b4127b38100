"""The loader of training against decoding and resizing alone: at least 0.9 for photos, 0.4 for small images.

The bare loop is Pillow's: open, decode, RGB, bicubic to 384 px. The loader reads shards, chooses four of each image's
samples, mirrors and crops, writes prompts and targets in tokens, and puts batches together; a large JPEG it decodes at
a half. A core's own time is measured, of all threads: what one core can make, whatever else the machine does. The
photos are of 1024 x 768 px, the small images generated scenes of 256 to 640 px; both have the truth of scenes.
"""

from __future__ import annotations

import hashlib
import io
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from benchmarks.figure import Figure, Options
from benchmarks.pictures import photos
from engine import records
from engine.ledger import Ledger, census
from engine.shards import shard_file, shard_name, write_table
from engine.storage import Folder
from florence import presets, tokenizer
from florence.data import DataSettings, Loader
from florence.presets import Florence
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import record_table

IMAGES, SIDE, BATCH = 256, 384, 32
AHEAD = 8  # batches: more than are made ahead
PHOTO = (1024, 768)


def measure(options: Options) -> Iterator[Figure]:
    """Milliseconds of a core for an image, the median of the rounds."""
    small = told(IMAGES)
    rows = [{name: value for name, value in row.items() if name != "image"} for row in small]
    photos(options.folder / "photos", IMAGES)
    files = sorted((options.folder / "photos").iterdir())
    large = [_of_photo(row, file.read_bytes()) for row, file in zip(rows, files, strict=True)]
    words = tokenizer.train((text["text"] for row in rows for text in row["texts"]), 4096)
    florence = presets.new(presets.preset("tiny"), words)
    for name, made, target in (("photos", large, 0.9), ("scenes", small, 0.4)):
        where = shards(options.folder / name / "curated", made)
        yield _figure(f"loader, {IMAGES} {name}, a core's time", florence, where, made, target, options.rounds)


def _figure(
    name: str, florence: Florence, where: Path, rows: list[dict[str, Any]], target: float, rounds: int
) -> Figure:
    pairs = [(_ours(florence, where, seed), _bare(rows)) for seed in range(rounds + 1)][1:]  # the first one imports
    ours, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = tuple(bare / mine for mine, bare in pairs)
    return Figure(name, ours, floor, statistics.median(ratios), target, unit="ms", ratios=ratios)


def _ours(florence: Florence, where: Path, seed: int) -> float:
    """Milliseconds for an image, when as many are being made ahead at the end as at the beginning."""
    loader = Loader(where, florence, DataSettings(image_size=SIDE, batch_size=BATCH, seed=seed, threads=1))
    with closing(iter(loader)) as batches:  # type: ignore[type-var]
        for _ in islice(batches, AHEAD):
            continue
        start, images = time.process_time(), 0
        while images < IMAGES:
            images += len(next(batches).image_ids)
        return 1000 * (time.process_time() - start) / images


def _bare(rows: list[dict[str, Any]]) -> float:
    start = time.process_time()
    for row in rows:
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return 1000 * (time.process_time() - start) / len(rows)


def _of_photo(row: dict[str, Any], data: bytes) -> dict[str, Any]:
    """A scene's record, told of a photo: all its places stretched to that size."""
    scale = (PHOTO[0] / row["width"], PHOTO[1] / row["height"])

    def stretched(values: list[float] | None) -> list[float] | None:
        return values and [min(value * scale[at % 2], PHOTO[at % 2]) for at, value in enumerate(values)]

    regions = [
        {
            **region, "box": stretched(region["box"]), "quad": stretched(region["quad"]), "mask": None,
            "polygons": region["polygons"] and [stretched(ring) for ring in region["polygons"]],
        }
        for region in row["regions"]
    ]  # fmt: skip
    return {
        **row, "image_id": hashlib.sha256(data).hexdigest(), "width": PHOTO[0], "height": PHOTO[1],
        "regions": regions, "image": {"bytes": data},
    }  # fmt: skip


def told(images: int) -> list[dict[str, Any]]:
    """Records of pool scenes with their pixels and their truth."""
    drawn = list(scenes(f"scenes:{images}?seed=1"))
    rows = record_table([truth for _, truth in drawn]).to_pylist()
    return [{**row, "image": {"bytes": scene.data}} for row, (scene, _) in zip(rows, drawn, strict=True)]


def shards(where: Path, rows: list[dict[str, Any]]) -> Path:
    """One committed shard of curated records with their pixels."""
    folder, table = Folder.at(where), pa.Table.from_pylist(rows, schema=records.SCHEMA)
    mark = write_table(folder, shard_file(shard_name(0)), table)
    files = {shard_file(shard_name(0)): mark}
    Ledger(shard_name(0), "made", len(table), files=files, counts=census(table)).write(folder)
    return where
