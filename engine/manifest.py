"""The partition of an ingest: which inputs make which shard, fixed before the first image is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
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
from engine.storage import Folder, StorageError

MANIFEST = pa.schema([*INPUTS, ("shard", pa.int32())])
QUARANTINE = pa.schema(
    [(name, pa.string()) for name in ("uri", "source", "reason", "detail", "stamp")] + [("size", pa.int64())]
)
PASSING = ["permission_denied", "unreadable", "missing"]  # reasons that may have gone away


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
    fingerprint: str  # of its inputs and their stamps

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


def make_plan(
    listed: pa.Table, out: Folder, settings: IngestSettings, *, retry_faults: bool = False, write: bool = True
) -> IngestPlan:
    """Add what is new among the listed inputs to the manifests (or only say so) and see what is to be done.

    With `retry_faults`, inputs that could not be read when their turn came count as new. Raises StorageError
    where a manifest is gone or damaged while what was made from it is still there.
    """
    ledgers = load_ledgers(out)
    names = sorted(n for n in out.marks() if n.startswith("manifest/") and n.endswith(".parquet"))
    manifests = [_read(out, name) for name in names]
    chunks = [chunk for found, _ in manifests for chunk in found]
    _match(out, ledgers, chunks)
    known = [identity(table) for _, table in manifests]
    if retry_faults:
        known = [keys.filter(pc.invert(pc.is_in(keys, value_set=_unread(out, list(ledgers))))) for keys in known]
    new = _unknown(listed, known)
    first = len(chunks)
    if len(new):
        name = f"manifest/{shard_name(first)}.parquet"
        sizes = _partition(new, settings)
        if write:
            _write_manifest(out, name, new, first, sizes)
        chunks += _chunks(first, name, sizes, new)
    todo = tuple(chunk for chunk in chunks if shard_name(chunk.shard) not in ledgers)
    return IngestPlan(out, settings, todo, tuple(ledgers.values()), len(new), len(listed) - len(new))


def _read(out: Folder, manifest: str) -> tuple[list[Chunk], pa.Table]:
    """A manifest's chunks, and the uri and stamp of all its inputs."""
    try:
        first = int(Path(manifest).stem.removeprefix("part-"))
        with out.open(manifest) as file:
            parquet = pq.ParquetFile(file)
            sizes = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
            inputs = parquet.read(["uri", "stamp"])
    except (pa.ArrowException, ValueError, OSError) as error:
        raise StorageError(
            f"{out.url}/{manifest} is damaged ({error}). It says which inputs are done: restore it from a copy, or "
            "ingest into a new folder"
        ) from error
    return _chunks(first, manifest, sizes, inputs), inputs


def _chunks(first: int, manifest: str, sizes: Sequence[int], inputs: pa.Table) -> list[Chunk]:
    """The manifest's chunks, each with the digest of its inputs and their stamps."""
    keys = identity(inputs)
    offsets, data = np.frombuffer(keys.buffers()[1], np.int32)[keys.offset :], memoryview(keys.buffers()[2] or b"")
    chunks, start = [], 0
    for row_group, size in enumerate(sizes):
        ends = offsets[start : start + size + 1]
        digest = hashlib.sha256(data[ends[0] : ends[-1]])
        digest.update((ends - ends[0]).tobytes())  # where one key ends and the next begins
        chunks.append(Chunk(first + row_group, manifest, row_group, size, digest.hexdigest()))
        start += size
    return chunks


def _match(out: Folder, ledgers: Mapping[str, Ledger], chunks: Sequence[Chunk]) -> None:
    """A shard that no manifest speaks of would hide inputs that are listed anew under its number."""
    planned = {shard_name(chunk.shard): chunk.fingerprint for chunk in chunks}
    for shard, ledger in ledgers.items():
        if planned.get(shard) != ledger.fingerprint:
            raise StorageError(
                f"{out.url}: {shard} was not made from the manifest that is there. Restore manifest/ from a copy, or "
                "ingest into a new folder"
            )


def _unread(out: Folder, shards: Sequence[str]) -> pa.Array:
    """The inputs that are in quarantine for a reason that may have passed."""
    tables = [refused_of(out, shard) for shard in shards]
    table = pa.concat_tables([QUARANTINE.empty_table(), *tables])
    return identity(table.filter(pc.is_in(table["reason"], value_set=pa.array(PASSING))))


def refused_of(out: Folder, shard: str) -> pa.Table:
    """A shard's quarantine."""
    name = f"quarantine/{shard}.parquet"
    return read_table(out, name) if out.exists(name) else QUARANTINE.empty_table()


def _unknown(listed: pa.Table, known: Sequence[pa.Array]) -> pa.Table:
    """The listed inputs that no manifest has with the same stamp."""
    if not known or not len(listed):
        return listed
    return listed.filter(pc.invert(pc.is_in(identity(listed), value_set=pa.concat_arrays(known))))


def identity(inputs: pa.Table) -> pa.Array:
    """What tells an input from another, and from itself with other content."""
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
