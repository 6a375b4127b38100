"""Shards: Parquet files of records, the same bytes whenever the same records are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine import records
from engine.storage import FileMark, Folder, StorageError

ROW_GROUP = 64  # images with their pixels; small, so that a reader of a few needs not read a whole shard
LIGHT_ROW_GROUP = 4096  # rows of anything else, of which many small groups cost more than they spare


def shard_name(index: int) -> str:
    """part-000012"""
    return f"part-{index:06d}"


def shard_file(shard: str) -> str:
    """Where a shard's records lie below their dataset's folder."""
    return f"shards/{shard}.parquet"


def rejects_file(shard: str) -> str:
    """Where a shard's rejected annotations lie."""
    return f"rejects/{shard}.parquet"


def write_table(folder: Folder, name: str, table: pa.Table) -> FileMark:
    """Write one table, whole or not at all."""
    # One chunk: where the chunks of a table end would else decide where Parquet's pages end.
    return write_batches(folder, name, table.schema, [table.combine_chunks()], row_group(table))


def row_group(table: pa.Table) -> int:
    """How many rows of a table make a row group: few where there are pixels."""
    pixels = "image" in table.column_names and table["image"].null_count < len(table)
    return ROW_GROUP if pixels else LIGHT_ROW_GROUP


def write_batches(
    folder: Folder, name: str, schema: pa.Schema, tables: Iterable[pa.Table], rows: int = ROW_GROUP
) -> FileMark:
    """Write tables of up to so many rows one by one as row groups of one file, whole or not at all."""
    with folder.create(name) as sink:
        writer = pq.ParquetWriter(sink, schema, **writer_options(schema))
        try:
            for table in tables:
                writer.write_table(table, row_group_size=rows)
        finally:
            writer.close()
    return sink.mark


@cache  # walking through the types takes as long as writing a small table
def writer_options(schema: pa.Schema) -> dict[str, Any]:
    """How Parquet encodes each leaf column."""
    leaves = list(_leaves(schema))
    pixels = "image.bytes"  # compressed and unique already: neither zstd nor a dictionary nor min/max serves
    return {
        "compression": {leaf: "NONE" if leaf == pixels else "ZSTD" for leaf in leaves},
        "use_dictionary": [leaf for leaf in leaves if leaf not in (pixels, "image_id", "phash")],
        "write_statistics": [leaf for leaf in leaves if leaf != pixels],
    }


def read_table(folder: Folder, name: str, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file's table, or some of its columns; raises StorageError where it cannot be read."""
    try:
        with folder.open(name) as file:
            return pq.read_table(file, columns=columns, use_threads=False)
    except FileNotFoundError as error:
        raise StorageError(f"{folder.url}/{name} is missing") from error
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{folder.url}/{name} cannot be read as Parquet: {error}") from error


def read_shard(folder: Folder, shard: str) -> pa.Table:
    """A shard's records in this version's schema; raises RecordError for a newer version."""
    name = shard_file(shard)
    return records.conform(read_table(folder, name), f"{folder.url}/{name}")


def without_pixels(table: pa.Table) -> pa.Table:
    """The table with its image column null: pixels are stored once, in the image shards."""
    return records.replace(table, "image", pa.nulls(len(table), records.IMAGE))


def with_pixels(table: pa.Table, images: Folder, shard: str) -> pa.Table:
    """The table with the image column of the same shard of a dataset of images."""
    source = read_table(images, shard_file(shard), columns=["image_id", "image"])
    if not source["image_id"].equals(table["image_id"]):
        raise StorageError(f"{images.url}/{shard_file(shard)} holds other images than the shard made from it")
    return records.replace(table, "image", source["image"].combine_chunks())


def _leaves(schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        yield from _leaf_paths(field.name, field.type)


def _leaf_paths(path: str, type: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(type):
        for field in type:
            yield from _leaf_paths(f"{path}.{field.name}", field.type)
    elif pa.types.is_list(type) or pa.types.is_fixed_size_list(type):
        yield from _leaf_paths(f"{path}.list.element", type.value_type)
    else:
        yield path
