"""Which images are looked at: a few of a few shards, chosen by the digest of their bytes, as good as by lot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine import records
from engine.shards import ROW_GROUP, rejects_file, shard_file
from engine.storage import Folder
from pipelines.pages.numbers import Step, spread

SHARDS = 8  # that a sample is taken from
REJECTS = 12  # shown for each rule
BEFORE = "before"  # the name of an earlier state


@dataclass
class Seen:
    """One image of the sample: its record without pixels as each step left it, by the step's name."""

    record: dict[str, Any]  # the last step's
    data: bytes | None  # the encoded picture, if it is still there
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    rejects: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Rejected:
    """A dropped annotation, the picture that it was dropped from, what it said, and where it pointed, in pixels."""

    row: dict[str, Any]
    data: bytes | None
    said: str = ""
    box: list[float] | None = None


def sample(steps: Sequence[Step], before: Step | None, most: int) -> Iterator[tuple[list[Seen], list[Rejected]]]:
    """Shard by shard, the images to show and the rejects to show: no more than one shard's pictures are held."""
    last, pictures = steps[-1], next((step for step in reversed(steps) if _has_pixels(step)), None)
    shards = spread(sorted(last.ledgers), SHARDS)
    shown: dict[str, int] = {}
    for at, shard in enumerate(shards):
        quota = most * (at + 1) // len(shards) - most * at // len(shards)
        rows = _first(last, shard, max(quota, ROW_GROUP))
        ids = rows["image_id"]
        data = dict[str, bytes]() if pictures is None else _pictures(pictures.folder, shard, ids)
        chosen = sorted(ids.to_pylist())[:quota]
        views = [(step.name, _views(step, shard, chosen)) for step in steps if step.command != "ingest"]
        if before is not None:
            views.insert(0, (BEFORE, _views(before, shard, chosen)))
        rejects = [row for step in steps for row in _rejects(step, shard, ids)]
        seen = [Seen(row, data.get(row["image_id"])) for row in _of(rows, chosen)]
        for each in seen:
            each.views = {name: found[key] for name, found in views if (key := each.record["image_id"]) in found}
            each.views = each.views or {last.name: each.record}
            each.rejects = [row for row in rejects if row["image_id"] == each.record["image_id"]]
        few = [Rejected(row, data.get(row["image_id"])) for row in _few(rejects, shown)]
        of_phrases = sorted({one.row["image_id"] for one in few if one.row["phrase"]})
        homes = [_views(step, shard, of_phrases) for step in reversed(steps) if of_phrases]
        for one in few:
            _complete(one, rejects, [found[key] for found in homes if (key := one.row["image_id"]) in found])
        yield seen, few


def _few(rejects: list[dict[str, Any]], shown: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The first of each rule, counted in `shown`."""
    for row in rejects:
        key = f"{row['stage']} {row['rule']} {row['kind']}"
        if shown.setdefault(key, 0) < REJECTS:
            shown[key] += 1
            yield row


def _complete(one: Rejected, rejects: list[dict[str, Any]], kept: list[dict[str, Any]]) -> None:
    """Say what was dropped. A phrase is a span of a text, which may have been dropped too, and so may its regions."""
    row = one.row
    if row["text"]:
        one.said = row["text"]["text"]
    elif row["region"]:
        one.box = row["region"]["box"]
        one.said = " · ".join(dict.fromkeys(label["text"] for label in row["region"]["labels"]))
    elif phrase := row["phrase"]:
        gone = [other for other in rejects if other["image_id"] == row["image_id"]]
        texts = [other["text"] for other in gone if other["text"]] + [t for each in kept for t in each["texts"]]
        regions = [other["region"] for other in gone if other["region"]]
        regions += [region for each in kept for region in each["regions"]]
        said = next((text["text"] for text in texts if text["id"] == phrase["text_id"]), "")
        one.said = said[phrase["start"] : phrase["end"]]
        one.box = next((region["box"] for region in regions if region["id"] in phrase["region_ids"]), None)


def _has_pixels(step: Step) -> bool:
    for shard in sorted(step.ledgers)[:1]:
        image = _head(step.folder, shard_file(shard), 1, only=["image"])["image"]
        return image.null_count < len(image)
    return False


def _pictures(folder: Folder, shard: str, ids: pa.ChunkedArray) -> dict[str, bytes]:
    """The encoded pictures of a shard's first images, by image_id."""
    table = _head(folder, shard_file(shard), len(ids), only=["image_id", "image"])
    bytes_ = pc.struct_field(table["image"], "bytes").to_pylist()
    return {key: data for key, data in zip(table["image_id"].to_pylist(), bytes_, strict=True) if data}


def _views(step: Step, shard: str, ids: list[str]) -> dict[str, dict[str, Any]]:
    """A step's records of some images, by image_id. Every step of a dataset has a shard's images in that shard."""
    if shard not in step.ledgers:
        return {}
    return {row["image_id"]: row for row in _of(_first(step, shard, step.ledgers[shard].images), ids)}


def _first(step: Step, shard: str, rows: int) -> pa.Table:
    """A shard's first records, without pixels."""
    name = shard_file(shard)
    return records.conform(_head(step.folder, name, rows, without=["image"]), f"{step.folder.url}/{name}")


def _rejects(step: Step, shard: str, ids: pa.ChunkedArray) -> list[dict[str, Any]]:
    name = rejects_file(shard)
    if shard not in step.ledgers or name not in step.ledgers[shard].files:
        return []
    with step.folder.open(name) as file:
        table = pq.read_table(file, use_threads=False)
    return list(table.filter(pc.is_in(table["image_id"], value_set=ids.combine_chunks())).to_pylist())


def _of(table: pa.Table, ids: list[str]) -> list[dict[str, Any]]:
    return list(table.filter(pc.is_in(table["image_id"], value_set=pa.array(ids, pa.string()))).to_pylist())


def _head(
    folder: Folder, name: str, rows: int, *, only: list[str] | None = None, without: Sequence[str] = ()
) -> pa.Table:
    """The first rows of a Parquet file; no row group behind them is read."""
    with folder.open(name) as file:
        parquet = pq.ParquetFile(file)
        first = max(parquet.metadata.row_group(0).num_rows, 1) if parquet.num_row_groups else 1
        groups = list(range(min(math.ceil(rows / first), parquet.num_row_groups)))
        columns = only or [name for name in parquet.schema_arrow.names if name not in without]
        return parquet.read_row_groups(groups, columns=columns, use_threads=False).slice(0, rows)
