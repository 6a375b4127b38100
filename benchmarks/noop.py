"""A chain of three stages that do nothing, against pyarrow reading and writing the same shards: at least 0.5.

Both read the same files and write the same tables with the same options. What the engine does beside: it
checks that nothing was lost, counts, checksums, syncs to the disk, and writes a ledger.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figure import Figure, Options, compare
from benchmarks.stages import Noop
from engine import local, records
from engine.ledger import Ledger, census
from engine.plan import make_plan
from engine.shards import row_group, shard_file, shard_name, without_pixels, write_table, writer_options
from engine.stage import Chain
from engine.storage import Folder

SHARDS, IMAGES, REGIONS, IMAGE_BYTES = 8, 256, 30, 150_000
CHAIN = Chain(tuple(Noop(f"noop-{i}") for i in range(3)))

Reshape = Callable[[Path], pa.Table]


def measure(options: Options) -> Iterator[Figure]:
    """As curate runs, as annotate runs, and as curate runs with `embed_images`."""
    images, raw, out, floor = (Folder.at(options.folder / name) for name in ("images", "raw", "out", "floor"))
    for index in range(SHARDS):
        table = _shard(index)
        _commit(images, index, table)
        _commit(raw, index, without_pixels(table))
    Path(floor.root).mkdir()

    def embedded(path: Path) -> pa.Table:
        image = pq.read_table(Path(images.root, "shards", path.name), columns=["image"])["image"]
        return records.replace(pq.read_table(path), "image", image)

    cases: tuple[tuple[str, Folder, Folder | None, Reshape], ...] = (
        ("annotations in, annotations out", raw, None, pq.read_table),
        ("pixels in, annotations out", images, None, lambda path: without_pixels(pq.read_table(path))),
        ("annotations in, pixels and all out", raw, images, embedded),
    )
    for name, source, embed, reshape in cases:
        ours, bare = partial(_ours, source, out, embed), partial(_bare, source, floor, reshape)
        yield compare(f"no-op chain: {name}", ours, bare, options.rounds, 0.5)


def _ours(source: Folder, out: Folder, embed: Folder | None) -> None:
    shutil.rmtree(out.root, ignore_errors=True)
    for _ in local.run(make_plan(CHAIN, source, out, embed=embed)):
        continue


def _bare(source: Folder, out: Folder, reshape: Reshape) -> None:
    for path in sorted(Path(source.root, "shards").iterdir()):
        table = reshape(path)
        pq.write_table(
            table, Path(out.root, path.name), row_group_size=row_group(table), **writer_options(table.schema)
        )


def _commit(folder: Folder, index: int, table: pa.Table) -> None:
    shard = shard_name(index)
    files = {shard_file(shard): write_table(folder, shard_file(shard), table)}
    Ledger(shard, f"made-{index}", len(table), files=files, counts=census(table)).write(folder)


def _shard(index: int) -> pa.Table:
    rng = np.random.default_rng(index)
    return pa.Table.from_pylist([_record(index * IMAGES + row, rng) for row in range(IMAGES)], records.SCHEMA)


def _record(number: int, rng: np.random.Generator) -> dict[str, Any]:
    """An image of noise with a text of each granularity, REGIONS regions, and a phrase for each of them."""
    origin = records.Origin("bench", "1")
    texts = [
        records.text(f"text.{i}", granularity, " ".join(["a dog on a red bench"] * (4**i)), origin, float(rng.random()))
        for i, granularity in enumerate(records.GRANULARITIES)
    ]
    low = rng.uniform(0, 300, (REGIONS, 2))
    boxes = np.concatenate([low, low + rng.uniform(10, 300, (REGIONS, 2))], axis=1).astype(np.float32)
    regions = [
        records.region(
            f"region.{i}", "object", box, origin, score=float(rng.random()), best=0,
            labels=[records.label("phrase", f"thing {int(rng.integers(80))}", origin, float(rng.random()))],
        )
        for i, box in enumerate(boxes.tolist())
    ]  # fmt: skip
    phrases = [
        {
            "id": f"phrase.{i}", "text_id": "text.2", "start": i, "end": i + 5, "region_ids": [f"region.{i}"],
            "score": float(rng.random()), "origin": origin.as_dict(),
        }
        for i in range(REGIONS)
    ]  # fmt: skip
    return {
        "image_id": rng.bytes(32).hex(),
        "image": {"bytes": rng.bytes(IMAGE_BYTES), "path": f"{number}.jpg"},
        "width": 640, "height": 640, "source": "bench", "uri": f"/bench/{number}.jpg",
        "phash": int(rng.integers(2**63)), "texts": texts, "regions": regions, "phrases": phrases, "faults": [],
    }  # fmt: skip
