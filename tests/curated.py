"""Small curated datasets made from nothing, and a model small enough to read them: for what trains on shards."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from engine import records
from engine.ledger import Ledger, census
from engine.shards import shard_file, shard_name, write_table
from engine.storage import Folder
from florence import presets, tokenizer
from florence.presets import Florence, Preset

MODEL = records.Origin("model")
SMALL = Preset((8, 8, 16, 16), (1, 1, 2, 2), (1, 1, 1, 1), 32, 1, 2, 400, 64, window=4, positions=160)
WORDS = ["a red cat on the left of two dogs", "What does the region describe? Locate the objects in the image"]


def model(words: Sequence[str] = WORDS) -> Florence:
    """A model of a few thousand weights, with a tokenizer learnt from these words."""
    return presets.new(SMALL, tokenizer.train([*words] * 2, SMALL.words))


def picture(seed: int, size: tuple[int, int] = (80, 60), format: str = "PNG", **options: Any) -> bytes:
    """A smooth picture, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(file, format, **options)
    return file.getvalue()


def text(id: str, words: str, granularity: str = "brief", score: float | None = None) -> dict[str, Any]:
    return records.text(id, granularity, words, MODEL, score)


def region(id: str, box: Sequence[float], *names: str, **given: Any) -> dict[str, Any]:
    """An object with names, the first of which is its best."""
    labels = [records.label("phrase", name, MODEL) for name in names]
    return records.region(id, "object", box, MODEL, labels=labels, best=0 if names else None, **given)


def row(data: bytes, size: tuple[int, int] = (80, 60), **given: Any) -> dict[str, Any]:
    """A record of an encoded picture with these texts, regions and phrases."""
    return {
        "image_id": hashlib.sha256(data).hexdigest(), "image": {"bytes": data, "path": "picture"},
        "width": size[0], "height": size[1], "source": "made", "uri": "made", "phash": 0,
        "texts": [], "regions": [], "phrases": [], "faults": [], **given,
    }  # fmt: skip


def rich(seed: int) -> dict[str, Any]:
    """A record with two to five regions, a caption that names the first, and a second caption now and then."""
    rng = np.random.default_rng(seed)
    regions = []
    for at in range(int(rng.integers(2, 6))):
        x, y = (int(value) for value in rng.integers(0, 30, 2))
        ring = [x, y, x + 20, y, x + 20, y + 15]
        name = ("cat", "dog", "bird")[int(rng.integers(3))]
        regions.append(region(f"r{at}", [x, y, x + 20, y + 15], name, score=float(rng.random()), polygons=[ring]))
    texts = [text("t0", f"a cat {seed} and dogs", score=float(rng.random()))]
    texts += [text("t1", f"picture {seed} has a cat on it", "detailed")] * int(seed % 2)
    phrases = [records.phrase("p", "t0", (0, 5), MODEL, region_ids=["r0"], score=0.5)]
    return row(picture(seed), texts=texts, regions=regions, phrases=phrases)


def curated(where: Path, rows: Sequence[dict[str, Any]], per_shard: int = 70, *, apart: bool = False) -> Path:
    """A committed dataset of these records as `fld curate` leaves it, in where/curated.

    With `apart`, its pixels are in where/images, and curated shards were made from raw ones that were made from those.
    """
    everything = pa.Table.from_pylist(list(rows), schema=records.SCHEMA)
    folder, images = Folder.at(where / "curated"), Folder.at(where / "images")
    for index, start in enumerate(range(0, len(rows), per_shard)):
        table = everything.slice(start, per_shard)
        if apart:
            _commit(images, index, table)
            table = records.replace(table, "image", pa.nulls(len(table), records.IMAGE))
        _commit(folder, index, table)
    folder.write_json("step.json", {"command": "curate", "source": "../raw"})
    if apart:
        Folder.at(where / "raw").write_json("step.json", {"command": "annotate", "source": "../images"})
        images.write_json("step.json", {"command": "ingest"})
    return where / "curated"


def _commit(folder: Folder, index: int, table: pa.Table) -> None:
    shard = shard_name(index)
    mark = write_table(folder, shard_file(shard), table)
    files = {shard_file(shard): mark}
    Ledger(shard, f"made-{index}", len(table), files=files, counts=census(table)).write(folder)
