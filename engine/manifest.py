"""The partition of an ingest: which inputs make which shard, fixed before the first image is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine import records
from engine.images import Limits
from engine.ledger import Ledger, load_ledgers
from engine.shards import read_table, shard_name
from engine.sources import INPUTS
from engine.storage import Folder

MANIFEST = pa.schema([*INPUTS, ("shard", pa.int32())])


@dataclass(frozen=True)
class IngestSettings:
    """How inputs become shards. The paper gives none of these values: they are ours."""

    shard_images: int = 256
    shard_mb: int = 128  # of encoded images, where the sizes are known
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Chunk:
    """One shard-to-be: a row group of a manifest."""

    shard: int
    manifest: str
    row_group: int
    inputs: int

    def read(self, out: Folder) -> pa.Table:
        """Its inputs."""
        with out.open(self.manifest) as file:
            return pq.ParquetFile(file).read_row_group(self.row_group)


@dataclass(frozen=True)
class IngestPlan:
    """What is to be read, shard by shard, and what was."""

    out: Folder
    settings: IngestSettings
    todo: tuple[Chunk, ...]
    done: tuple[Ledger, ...]
    new: int  # inputs that no earlier manifest knew
    known: int

    @property
    def inputs(self) -> int:
        """How many are still to be read."""
        return sum(chunk.inputs for chunk in self.todo)


def make_plan(listed: pa.Table, out: Folder, settings: IngestSettings, *, write: bool = True) -> IngestPlan:
    """Add what is new among the listed inputs to the manifests (or only say so) and see what is to be done."""
    ledgers = load_ledgers(out)
    names = sorted(n for n in out.marks() if n.startswith("manifest/") and n.endswith(".parquet"))
    chunks = [chunk for name in names for chunk in _chunks(out, name)]
    new = _unknown(listed, [read_table(out, name, columns=["uri", "stamp"]) for name in names])
    first = len(chunks)
    if len(new):
        name = f"manifest/{shard_name(first)}.parquet"
        sizes = _partition(new, settings)
        if write:
            _write_manifest(out, name, new, first, sizes)
        chunks += [Chunk(first + i, name, i, size) for i, size in enumerate(sizes)]
    todo = tuple(chunk for chunk in chunks if shard_name(chunk.shard) not in ledgers)
    return IngestPlan(out, settings, todo, tuple(ledgers.values()), len(new), len(listed) - len(new))


def _chunks(out: Folder, manifest: str) -> list[Chunk]:
    first = int(Path(manifest).stem.removeprefix("part-"))
    with out.open(manifest) as file:
        metadata = pq.ParquetFile(file).metadata
    groups = range(metadata.num_row_groups)
    return [Chunk(first + i, manifest, i, metadata.row_group(i).num_rows) for i in groups]


def _unknown(listed: pa.Table, manifests: Sequence[pa.Table]) -> pa.Table:
    """The listed inputs that no manifest has with the same stamp."""
    if not manifests or not len(listed):
        return listed
    known = _identity(pa.concat_tables(manifests))
    return listed.filter(pc.invert(pc.is_in(_identity(listed), value_set=known)))


def _identity(inputs: pa.Table) -> pa.Array:
    parts = [records.column_of(inputs, name) for name in ("uri", "stamp")]
    return pc.binary_join_element_wise(*parts, "\n", null_handling="replace", null_replacement="")


def _partition(inputs: pa.Table, settings: IngestSettings) -> list[int]:
    """How many inputs each shard gets: full in number or in bytes."""
    sizes, count, held = [], 0, 0
    for size in pc.fill_null(inputs["size"], 0).to_pylist():
        if count and (count == settings.shard_images or held + size > settings.shard_mb * 2**20):
            sizes.append(count)
            count = held = 0
        count, held = count + 1, held + size
    return [*sizes, count]


def _write_manifest(out: Folder, name: str, inputs: pa.Table, first: int, sizes: Sequence[int]) -> None:
    shard = pa.array(np.repeat(np.arange(first, first + len(sizes)), sizes), pa.int32())
    table = inputs.append_column("shard", shard).cast(MANIFEST)
    with out.create(name) as sink, pq.ParquetWriter(sink, MANIFEST, compression="zstd") as writer:
        start = 0
        for size in sizes:
            writer.write_table(table.slice(start, size).combine_chunks(), row_group_size=size)
            start += size
