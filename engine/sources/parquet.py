"""Parquet in the Hugging Face image convention: a column of struct<bytes, path>, or of plain bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.images import Unusable
from engine.sources import location
from engine.sources.files import containers, seems
from engine.sources.inputs import Found, Rows, Spec, alt_text

_IMAGE_NAMES = ("image", "img", "jpg", "png", "bytes")
_TEXT_NAMES = ("text", "caption")
# Of one batch's images memory must hold all, and row groups may have thousands.
_BATCH = 8


def list_parquet(spec: Spec) -> pa.Table:
    """Every row of a file, a glob of files or a folder of them; reads the caption column, but no image.

    `?column=` names the image column where there are several, `?text=` the one with captions.
    """
    rows = Rows(spec.text)
    for uri, found in containers(spec, (".parquet",)):
        try:
            with location.open_uri(uri) as source, pq.ParquetFile(source) as file:
                _list_one(spec, uri, found, file, rows)
        except (OSError, pa.ArrowException) as error:
            what = f"{location.says(error)}{seems(uri, 'parquet')}"
            raise spec.error(f"{uri} cannot be read as Parquet: {what}") from error
    return rows.table()


def _list_one(spec: Spec, uri: str, found: Found, file: pq.ParquetFile, rows: Rows) -> None:
    schema = file.schema_arrow
    column = _image_column(spec, uri, schema)
    texts = _texts(file, _text_column(spec, uri, schema))
    for row in range(file.metadata.num_rows):
        more = {"container": uri, "row": row, "column": column, "texts": next(texts)}
        rows.add(f"{uri}#{row}", Found(stamp=found.stamp), **more)


def _image_column(spec: Spec, uri: str, schema: pa.Schema) -> str:
    asked = spec.options.get("column")
    structs = [field.name for field in schema if _is_image_struct(field.type)]
    plain = [field.name for field in schema if _is_binary(field.type)]
    if asked is not None:
        if asked in structs or asked in plain:
            return asked
        raise spec.error(f"{uri} has no image column {asked!r}; its columns: {_columns(schema)}")
    declared = [name for name in _declared_images(schema) if name in structs or name in plain]
    candidates = declared or structs or plain
    if len(candidates) == 1:
        return candidates[0]
    named = [name for name in _IMAGE_NAMES if name in candidates]
    if named:
        return named[0]
    if candidates:
        raise spec.error(f"{uri} has several image columns, {', '.join(candidates)}: say which by ?column=NAME")
    raise spec.error(f"{uri} has no image column (struct<bytes, path> or binary); its columns: {_columns(schema)}")


def _text_column(spec: Spec, uri: str, schema: pa.Schema) -> str | None:
    strings = [field.name for field in schema if _is_string(field.type)]
    asked = spec.options.get("text")
    if asked is None:
        return next((name for name in _TEXT_NAMES if name in strings), None)
    if asked not in strings:
        raise spec.error(f"{uri} has no string column {asked!r}; its columns: {_columns(schema)}")
    return asked


def _declared_images(schema: pa.Schema) -> list[str]:
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [name for name, feature in features.items() if feature.get("_type") == "Image"]
    except (KeyError, ValueError, TypeError, AttributeError):
        return []


def _texts(file: pq.ParquetFile, column: str | None) -> Iterator[list[dict[str, Any]]]:
    """Each row's captions, without end where there is no such column."""
    while column is None:
        yield []
    for batch in file.iter_batches(65536, columns=[column], use_threads=False):
        for text in batch.column(0).to_pylist():
            yield [alt_text(text)] if text and text.strip() else []


def _is_image_struct(type: pa.DataType) -> bool:
    if not pa.types.is_struct(type):
        return False
    fields = {type.field(i).name: type.field(i).type for i in range(type.num_fields)}
    return "bytes" in fields and _is_binary(fields["bytes"])


def _is_binary(type: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type) or pa.types.is_large_binary(type) or pa.types.is_binary_view(type))


def _is_string(type: pa.DataType) -> bool:
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type) or pa.types.is_string_view(type))


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)


class Reader:
    """Reads single rows of one column; in ascending order each row group is read once, a few rows at a time."""

    def __init__(self, container: str, column: str) -> None:
        self._container = container
        self._column = column
        self._source = location.open_uri(container)
        # Without a buffer size a whole row group's column would be read into memory at once.
        self._file = pq.ParquetFile(self._source, pre_buffer=False, buffer_size=1 << 20)
        groups = range(self._file.metadata.num_row_groups)
        sizes = (self._file.metadata.row_group(group).num_rows for group in groups)
        self._starts = list(accumulate(sizes, initial=0))
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._group, self._start, self._batch = -1, 0, pa.array([])

    def read(self, row: dict[str, Any], check: Callable[[int], None]) -> bytes:
        """The image file in a row of INPUTS. Raises Unusable."""
        try:
            value = self._seek(row["row"])[row["row"] - self._start].as_py()
        except (OSError, pa.ArrowException, StopIteration) as error:
            raise Unusable("unreadable", f"{self._container}: {location.says(error)}") from error
        if not isinstance(value, dict):
            value = {"bytes": value}
        data, path = value["bytes"], value.get("path")
        if data is None and path:
            return self._beside(path, check)
        if data is None:
            raise Unusable("missing", f"row {row['row']} has no bytes in column {self._column}")
        check(len(data))
        return bytes(data)

    def close(self) -> None:
        self._batches = iter(())
        self._file.close()
        self._source.close()

    def _seek(self, row: int) -> pa.Array:
        """The batch that holds a row."""
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        if group != self._group or row < self._start:
            options = {"row_groups": [group], "columns": [self._column], "use_threads": False}
            self._batches = self._file.iter_batches(_BATCH, **options)
            self._group, self._start, self._batch = group, self._starts[group], pa.array([])
        while row >= self._start + len(self._batch):
            self._start += len(self._batch)
            self._batch = next(self._batches).column(0)
        return self._batch

    def _beside(self, path: str, check: Callable[[int], None]) -> bytes:
        """The file that a row names instead of holding it: only from the Parquet file's own folder."""
        folder = location.parent(self._container)
        remote = location.is_url(folder)
        real = path if remote else os.path.realpath(os.path.join(folder, path))
        outside = (
            location.is_url(path) or location.climbs_out(path)
            if remote
            else location.is_url(path) or not location.is_inside(real, os.path.realpath(folder))
        )
        if outside:
            raise Unusable("points_outside", f"{path!r} is not in the Parquet file's folder")
        return location.read(location.join(folder, path), check, None, None)
