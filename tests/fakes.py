"""Stages with the real interface and nothing heavy inside, and tables of records made from nothing.

The stages are registered as another package's would be: in fakes-1.0.dist-info.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from PIL import Image

from engine import records
from engine.ledger import Ledger, census
from engine.shards import shard_file, shard_name, write_table
from engine.stage import Batch, Chain, Halt, Outcome, Resources, Stage
from engine.storage import Folder

ORIGIN = records.Origin("fake", "1")


def png(seed: int = 0, size: tuple[int, int] = (40, 30)) -> bytes:
    """A small picture, another one for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def table(count: int, *, first: int = 0, size: tuple[int, int] = (40, 30)) -> pa.Table:
    """So many valid records with pictures and no annotations."""
    rows = []
    for seed in range(first, first + count):
        data = png(seed, size)
        rows.append(
            {
                "image_id": hashlib.sha256(data).hexdigest(),
                "image": {"bytes": data, "path": f"{seed}.png"},
                "width": size[0],
                "height": size[1],
                "source": "fake",
                "uri": f"/fake/{seed}.png",
                "phash": seed,
                **{name: [] for name in (*records.ANNOTATIONS, "faults")},
            }
        )
    return pa.Table.from_pylist(rows, records.SCHEMA)


def dataset(where: Path, shards: Sequence[int]) -> Folder:
    """A committed dataset of image shards with so many images each."""
    folder = Folder.at(where)
    first = 0
    for index, count in enumerate(shards):
        shard, content = shard_name(index), table(count, first=first)
        mark = write_table(folder, shard_file(shard), content)
        files = {shard_file(shard): mark}
        Ledger(shard, f"made-{index}", count, files=files, counts=census(content)).write(folder)
        first += count
    return folder


def boxes(batch: Batch, name: str, count: int = 2) -> Outcome:
    """`count` regions on each image, told from its pixels."""
    rows = []
    for row in range(len(batch)):
        mean = float(batch.pixels(row).mean()) / 255
        rows.append(
            [
                records.region(f"{name}.{i}", "object", [i, 0, i + 10 + mean, 20], ORIGIN, score=mean, best=None)
                for i in range(count)
            ]
        )
    return Outcome(records.append(batch.table, "regions", rows))


@dataclass
class Boxes(Stage):
    """Two boxes per image. `log` names a file in which each open and each image leaves a line."""

    name: ClassVar[str] = "boxes"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object"})

    count: int = 2
    log: str = ""
    weights: str = "r1"
    seconds: float = 0.0  # that an image takes
    resources: Resources = field(default_factory=lambda: Resources(batch_size=4, cpus=0.5))

    def revision(self) -> str:
        return self.weights

    def open(self, cpus: int) -> None:
        self.note(f"open {os.getpid()}")

    def __call__(self, batch: Batch) -> Outcome:
        for image_id in batch.table["image_id"].to_pylist():
            self.note(f"image {image_id}")
            time.sleep(self.seconds)
        return boxes(batch, self.name, self.count)

    def note(self, line: str) -> None:
        if self.log:
            with Path(self.log).open("a") as file:
                file.write(line + "\n")


@dataclass
class Broken(Stage):
    """Fails on any batch with one of these images in it."""

    name: ClassVar[str] = "broken"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object"})

    bad: tuple[str, ...] = ()
    largest: int = 0  # larger batches are out of memory
    resources: Resources = field(default_factory=lambda: Resources(batch_size=8, cpus=0.5))
    sizes: list[int] = field(init=False, default_factory=list)

    def __call__(self, batch: Batch) -> Outcome:
        self.sizes.append(len(batch))
        if self.largest and len(batch) > self.largest:
            raise MemoryError("out of memory")
        if set(batch.table["image_id"].to_pylist()) & set(self.bad):
            raise RuntimeError("cannot look at this")
        return boxes(batch, self.name, 1)


@dataclass
class Killer(Stage):
    """Kills its process where its marker file is, once or always, and else works."""

    name: ClassVar[str] = "killer"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object"})

    marker: str = ""
    always: bool = False
    resources: Resources = field(default_factory=lambda: Resources(batch_size=4, cpus=0.5))

    def __call__(self, batch: Batch) -> Outcome:
        marker = Path(self.marker)
        if marker.exists():
            if not self.always:
                marker.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return boxes(batch, self.name, 1)


@dataclass
class Spent(Stage):
    """Has a budget for so many images, then ends the run; `log` names the file in which it keeps count."""

    name: ClassVar[str] = "spent"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object"})

    log: str = ""
    budget: int = 0
    resources: Resources = field(default_factory=lambda: Resources(batch_size=4, cpus=0.5))

    def __call__(self, batch: Batch) -> Outcome:
        path = Path(self.log)
        spent = int(path.read_text()) if path.exists() else 0
        if spent + len(batch) > self.budget:
            raise Halt("spent: the budget is spent")
        path.write_text(str(spent + len(batch)))
        return boxes(batch, self.name, 1)


@dataclass
class Unmasker(Stage):
    """Drops the shapes of all regions but the first, honestly or not."""

    name: ClassVar[str] = "unmasker"
    reads: ClassVar[frozenset[str]] = frozenset({"regions.masks"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    honest: bool = True
    resources: Resources = field(default_factory=lambda: Resources(batch_size=1000, cpus=0.1))

    def __call__(self, batch: Batch) -> Outcome:
        keep = np.arange(len(records.flatten(batch.table, "regions")[1])) == 0
        left, rejects = records.drop_masks(
            batch.table, keep, stage=self.name, rule="not_first", value=1.0, threshold=0.5, detail=None
        )
        return Outcome(left, rejects if self.honest else records.empty(records.REJECTS))


@dataclass
class Reader(Stage):
    """Reads what it is told to, and writes nothing."""

    name: ClassVar[str] = "reader"
    writes: ClassVar[frozenset[str]] = frozenset()

    resources: Resources = field(default_factory=lambda: Resources(batch_size=1000, cpus=0.1))

    def __call__(self, batch: Batch) -> Outcome:
        return Outcome(batch.table)


@dataclass
class Dropper(Stage):
    """Drops every second region, honestly or not."""

    name: ClassVar[str] = "dropper"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    honest: bool = True
    resources: Resources = field(default_factory=lambda: Resources(batch_size=1000, cpus=0.1))

    def __call__(self, batch: Batch) -> Outcome:
        _, items = records.flatten(batch.table, "regions")
        keep = np.arange(len(items)) % 2 == 0
        left, rejects = records.drop(
            batch.table, "regions", keep, stage=self.name, rule="second", value=1.0, threshold=0.5
        )
        return Outcome(left, rejects if self.honest else records.empty(records.REJECTS))


def chain(*stages: Stage) -> Chain:
    return Chain(stages)


def files(folder: Path, *below: str) -> dict[str, bytes]:
    """Every shard and reject file below a folder, by name: what must be the same bytes."""
    names = below or ("shards", "rejects", "duplicates", "quarantine", "manifest")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in names
        for path in sorted((folder / name).rglob("*.parquet"))
    }


def regions_of(folder: Path) -> list[list[dict[str, Any]]]:
    """The regions of every image of a dataset."""
    import pyarrow.parquet as pq

    return [row for path in sorted((folder / "shards").glob("*")) for row in pq.read_table(path)["regions"].to_pylist()]
