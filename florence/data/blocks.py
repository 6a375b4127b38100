"""Curated shards as blocks of records with their pixels: what is read at a time, never more.

Pixels lie in the curated shards where `curate` was asked to copy them, else in the image shards that those were
made from, which are found by what each step wrote down of its source.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine import records
from engine.ledger import load_ledgers
from engine.plan import check_source
from engine.shards import ROW_GROUP, shard_file
from engine.stage import ChainError, digest
from engine.storage import Folder, StorageError

Place = str | os.PathLike[str]
_STEP = "step.json"


@dataclass(frozen=True)
class Block:
    """Rows of a shard: as many as have their pixels in one row group. `first` counts over all images of the dataset."""

    source: int
    shard: str
    start: int
    rows: int
    first: int


@dataclass(frozen=True)
class Source:
    """A folder of curated shards, and the one that has their pixels: the same where they were copied."""

    folder: Folder
    images: Folder

    def read(self, block: Block) -> pa.Table:
        """The block's records with their pixels; raises StorageError or RecordError where they cannot be read."""
        where = f"{self.folder.url}/{shard_file(block.shard)}"
        if self.images == self.folder:
            return records.conform(_rows(self.folder, block), where)
        columns = [name for name in records.SCHEMA.names if name != "image"]
        table = records.conform(_rows(self.folder, block, columns), where)
        pixels = _rows(self.images, block, ["image_id", "image"])
        if not pixels["image_id"].equals(table["image_id"]):
            raise StorageError(f"{self.images.url} holds other images than {where}, which was made from it")
        return records.replace(table, "image", records.column_of(pixels, "image"))


class Blocks:
    """All blocks of some datasets, in the order of their shards; `fingerprint` is of what is in them.

    Raises StorageError where a folder holds no shards, ChainError where there are no pixels for them.
    """

    def __init__(self, places: Place | Sequence[Place], images: Place | None = None) -> None:
        given = [places] if isinstance(places, str | os.PathLike) else list(places)
        self.sources: list[Source] = []
        self.blocks: list[Block] = []
        checksums, count = [], 0
        for number, folder in enumerate(map(Folder.at, given)):
            check_source(folder)
            ledgers = {shard: ledger for shard, ledger in sorted(load_ledgers(folder).items()) if ledger.images}
            if not ledgers:
                raise StorageError(f"{folder.url} holds no images: curate some first")
            self.sources.append(_source(folder, images, Block(number, next(iter(ledgers)), 0, 1, 0)))
            for shard, ledger in ledgers.items():
                checksums.append(ledger.checksum)
                for start in range(0, ledger.images, ROW_GROUP):
                    rows = min(ROW_GROUP, ledger.images - start)
                    self.blocks.append(Block(number, shard, start, rows, count))
                    count += rows
        if not self.blocks:
            raise ChainError("no folder of curated shards was given")
        self.images = count
        self.fingerprint = digest(checksums)

    def read(self, block: Block) -> pa.Table:
        """Its records with their pixels."""
        return self.sources[block.source].read(block)

    def shards(self) -> Iterable[tuple[Folder, str]]:
        """Each shard's folder and file."""
        for block in self.blocks:
            if block.start == 0:
                yield self.sources[block.source].folder, shard_file(block.shard)


def _source(folder: Folder, images: Place | None, block: Block) -> Source:
    """Where the folder's pixels are; ChainError where nowhere."""
    if not _rows(folder, block, ["image"])["image"].null_count:
        return Source(folder, folder)
    origin = Folder.at(images) if images is not None else _origin(folder)
    if origin is None or not origin.exists(shard_file(block.shard)):
        raise ChainError(
            f"{folder.url} holds no pixels, and the images that it was made from are not "
            f"{f'at {origin.url}' if origin else 'named in its step.json'}. Bring them there, or curate with "
            "curate.embed_images"
        )
    return Source(folder, origin)


def _origin(folder: Folder) -> Folder | None:
    """The images that a dataset was made from: the first step's output, that names no source."""
    step = folder.read_json(_STEP) or {}
    seen = {folder}
    while source := step.get("source"):
        folder = _beside(folder, source)
        step = folder.read_json(_STEP) or {}
        if folder in seen:
            return None
        seen.add(folder)
    return folder if step.get("command") == "ingest" else None


def _beside(folder: Folder, source: str) -> Folder:
    """A step's source as it was written down: relative to the step's own folder, where the two lie together."""
    if "://" in source or source.startswith("/"):
        return Folder.at(source)
    if folder.local:
        return Folder.at(Path(folder.root, source).resolve())
    return Folder.at(f"{folder.url.rpartition('/')[0]}/{source.removeprefix('../')}")


def _rows(folder: Folder, block: Block, columns: list[str] | None = None) -> pa.Table:
    """The block's rows of its shard in a folder, of whose row groups only those are read that hold some."""
    with opened(folder, shard_file(block.shard)) as file:
        return _slice(file, block.start, block.rows, columns)


@contextmanager
def opened(folder: Folder, name: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file to read some of; raises StorageError where it cannot be read."""
    try:
        with folder.open(name) as file:
            yield pq.ParquetFile(file)
    except FileNotFoundError as error:
        raise StorageError(f"{folder.url}/{name} is missing") from error
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{folder.url}/{name} cannot be read as Parquet: {error}") from error


def _slice(file: Any, start: int, rows: int, columns: list[str] | None) -> pa.Table:
    groups, skipped, end = [], 0, 0
    for number in range(file.num_row_groups):
        begin, end = end, end + file.metadata.row_group(number).num_rows
        if end <= start:
            skipped = end
        elif begin < start + rows:
            groups.append(number)
    table = file.read_row_groups(groups, columns=columns, use_threads=False)
    if len(table) < start - skipped + rows:
        raise pa.ArrowInvalid(f"it has {end} rows, fewer than its ledger says")
    return table.slice(start - skipped, rows)
