"""The record: one image and all that is known of it. The one contract of all rooms.

Pixels are those of the upright image (EXIF orientation applied), x to the right, y down. A box is
x0, y0, x1, y1 and a quad x0, y0 .. x3, y3 (clockwise from the top-left corner of the text), both float32
in pixels, 0 <= x <= width and 0 <= y <= height. A polygon ring is x0, y0, x1, y1 .. without a closing
point; a mask is COCO run-length code (compressed counts) of height x width. A score is float32 in [0, 1],
or null where nothing was scored: a human annotation, for one. `score` is what the annotation's own maker
believes, `similarity` how well an image-text model finds that it fits the pixels, float32 in [0, 1] or null. The
three kinds of annotation are those of FLD-5B (Xiao et al., arXiv 2311.06242, section 4): texts, regions, and
phrases that tie the two together. A region's shape, its mask and polygons, can be dropped without the region.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SCHEMA_VERSION = 2  # 2: similarity
VERSION_KEY = b"fld.schema_version"

GRANULARITIES = ("brief", "detailed", "more_detailed")
REGION_KINDS = ("object", "text", "proposal")
LABEL_GRANULARITIES = ("phrase", "brief", "chunk", "ocr")
ANNOTATIONS = ("texts", "regions", "phrases")
BOOKED = (*ANNOTATIONS, "masks")  # what the books count: annotations, and the regions that have a shape

ORIGIN = pa.struct([("model", pa.string()), ("revision", pa.string()), ("round", pa.int32())])
TEXT = pa.struct(
    [
        ("id", pa.string()),
        ("granularity", pa.string()),
        ("text", pa.string()),
        ("score", pa.float32()),
        ("origin", ORIGIN),
        ("similarity", pa.float32()),  # of the text and the image
    ]
)
LABEL = pa.struct(
    [
        ("granularity", pa.string()),
        ("text", pa.string()),
        ("score", pa.float32()),
        ("origin", ORIGIN),
        ("similarity", pa.float32()),  # of the label and the region
    ]
)
MASK = pa.struct([("size", pa.list_(pa.int32(), 2)), ("counts", pa.binary())])
SUPPORT = pa.struct([("id", pa.string()), ("score", pa.float32()), ("origin", ORIGIN)])
REGION = pa.struct(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("box", pa.list_(pa.float32(), 4)),
        ("quad", pa.list_(pa.float32(), 8)),
        ("mask", MASK),
        ("polygons", pa.list_(pa.list_(pa.float32()))),
        ("crowd", pa.bool_()),  # one region around many objects (COCO's iscrowd); null where nobody said
        ("score", pa.float32()),
        ("labels", pa.list_(LABEL)),
        ("best", pa.int32()),  # which of the labels was chosen; null where none was
        ("origin", ORIGIN),  # who drew the box
        ("support", pa.list_(SUPPORT)),  # the other detections of the same object that were merged into this one
    ]
)
PHRASE = pa.struct(
    [
        ("id", pa.string()),
        ("text_id", pa.string()),
        ("start", pa.int32()),  # in characters of the text, end exclusive
        ("end", pa.int32()),
        ("region_ids", pa.list_(pa.string())),
        ("score", pa.float32()),
        ("origin", ORIGIN),
        ("similarity", pa.float32()),  # of the phrase and the best of its regions
    ]
)
FAULT = pa.struct([("stage", pa.string()), ("error", pa.string())])
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),  # sha256 of the source file's bytes, hexadecimal
        ("image", IMAGE),  # the source file, byte for byte; null in shards that hold annotations only
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("source", pa.string()),
        ("uri", pa.string()),
        ("phash", pa.uint64()),
        ("texts", pa.list_(TEXT)),
        ("regions", pa.list_(REGION)),
        ("phrases", pa.list_(PHRASE)),
        ("faults", pa.list_(FAULT)),
    ],
    metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()},
)

# Every drop: which annotation, by which rule, at which value against which threshold, and the annotation
# itself, so that it can be looked at and taken back.
REJECTS = pa.schema(
    [
        ("image_id", pa.string()),
        ("kind", pa.string()),  # texts, regions, phrases, or masks: a region's shape, while the region stays
        ("id", pa.string()),
        ("stage", pa.string()),
        ("rule", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("detail", pa.string()),
        ("text", TEXT),
        ("region", REGION),
        ("phrase", PHRASE),
    ],
    metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()},
)
REJECT_FIELD = {"texts": "text", "regions": "region", "phrases": "phrase", "masks": "region"}


class RecordError(ValueError):
    """A table that breaks the contract; the message names the image and the annotation."""


@dataclass(frozen=True)
class Origin:
    """Who made an annotation: the model and its revision, and the round (0 = specialists)."""

    model: str
    revision: str = ""
    round: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"model": self.model, "revision": self.revision, "round": self.round}


HUMAN = Origin("human")


def new_id(name: str, taken: Collection[str]) -> str:
    """The name, or, where another annotation has it, the first number behind it that nobody has: "name.1"."""
    return next(each for each in (name, *map(f"{name}.{{}}".format, range(1, len(taken) + 2))) if each not in taken)


def text(id: str, granularity: str, text: str, origin: Origin, score: float | None = None) -> dict[str, Any]:
    """One entry of `texts`; granularity is one of GRANULARITIES."""
    return {
        "id": id, "granularity": granularity, "text": text, "score": score, "origin": origin.as_dict(),
        "similarity": None,
    }  # fmt: skip


def label(granularity: str, text: str, origin: Origin, score: float | None = None) -> dict[str, Any]:
    """One candidate label of a region; granularity is one of LABEL_GRANULARITIES."""
    return {"granularity": granularity, "text": text, "score": score, "origin": origin.as_dict(), "similarity": None}


def region(
    id: str,
    kind: str,
    box: Sequence[float],
    origin: Origin,
    *,
    score: float | None = None,
    labels: Sequence[dict[str, Any]] = (),
    best: int | None = None,
    quad: Sequence[float] | None = None,
    mask: dict[str, Any] | None = None,
    polygons: Sequence[Sequence[float]] | None = None,
    crowd: bool | None = None,
) -> dict[str, Any]:
    """One entry of `regions`: box (4,), quad (8,), polygons [(2n,)], all in upright pixels."""
    return {
        "id": id, "kind": kind, "box": box, "quad": quad, "mask": mask, "polygons": polygons, "crowd": crowd,
        "score": score, "labels": list(labels), "best": best, "origin": origin.as_dict(), "support": [],
    }  # fmt: skip


def phrase(
    id: str,
    text_id: str,
    span: tuple[int, int],
    origin: Origin,
    *,
    region_ids: Sequence[str] = (),
    score: float | None = None,
) -> dict[str, Any]:
    """One entry of `phrases`: the characters span[0] to span[1], exclusive, of a text, and the regions they name."""
    return {
        "id": id, "text_id": text_id, "start": span[0], "end": span[1], "region_ids": list(region_ids),
        "score": score, "origin": origin.as_dict(), "similarity": None,
    }  # fmt: skip


@cache
def empty(schema: pa.Schema = SCHEMA) -> pa.Table:
    """A table of no rows."""
    return schema.empty_table()


def conform(table: pa.Table, where: str = "table") -> pa.Table:
    """The table in this version's schema: columns and fields that an older version lacks are null or empty.

    Raises RecordError for a newer schema version, named with `where`.
    """
    found = int((table.schema.metadata or {}).get(VERSION_KEY, b"0"))
    if found > SCHEMA_VERSION:
        raise RecordError(
            f"{where}: written in record schema version {found}, newer than version {SCHEMA_VERSION} "
            "that this installation reads; upgrade fld-engine"
        )
    if table.schema.equals(SCHEMA):
        return table.replace_schema_metadata(SCHEMA.metadata)
    columns = []
    for field in SCHEMA:
        if field.name in table.column_names:
            column = table[field.name].combine_chunks()
            columns.append(_grow(column, field.type, f"{where}: column {field.name}"))
        elif field.name in (*ANNOTATIONS, "faults"):
            columns.append(pa.array([[]] * len(table), field.type))
        else:
            columns.append(pa.nulls(len(table), field.type))
    return pa.table(columns, schema=SCHEMA)


def _grow(array: pa.Array, wanted: pa.DataType, where: str) -> pa.Array:
    """`array` as `wanted`, with fields that its structs lack filled with nulls."""
    if array.type.equals(wanted):
        return array
    if pa.types.is_struct(wanted) and pa.types.is_struct(array.type):
        have = {array.type.field(i).name for i in range(array.type.num_fields)}
        children = [
            _grow(pc.struct_field(array, field.name), field.type, where)
            if field.name in have
            else pa.nulls(len(array), field.type)
            for field in wanted
        ]
        return pa.StructArray.from_arrays(children, fields=list(wanted), mask=array.is_null())
    if pa.types.is_list(wanted) and pa.types.is_list(array.type):
        values = _grow(array.flatten(), wanted.value_type, where)
        return _lists(lengths(array), values, wanted, array.is_null() if array.null_count else None)
    try:
        return array.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise RecordError(f"{where} is {array.type}, not {wanted}: {error}") from error


def flatten(table: pa.Table, column: str) -> tuple[np.ndarray, pa.StructArray]:
    """A list column as (row of each item, items): int64 (n,), struct array (n,)."""
    lists = column_of(table, column)
    rows = np.repeat(np.arange(len(lists)), lengths(lists))
    return rows, lists.flatten()


def unflatten(rows: np.ndarray, items: pa.Array, length: int, type: pa.DataType) -> pa.ListArray:
    """The reverse of flatten: items (n,) with their ascending rows (n,) as lists of `length` rows."""
    return _lists(np.bincount(rows, minlength=length), items, type, None)


def append(table: pa.Table, column: str, new: Sequence[Sequence[dict[str, Any]]]) -> pa.Table:
    """The table with each row's new items put behind those that its list column has."""
    if not any(new):
        return table
    type = SCHEMA.field(column).type
    old = column_of(table, column)
    added = pa.array([item for row in new for item in row], type.value_type)
    old_rows = np.repeat(np.arange(len(old)), lengths(old))
    rows = np.concatenate([old_rows, np.repeat(np.arange(len(new)), [len(row) for row in new])])
    order = np.argsort(rows, kind="stable")
    items = pa.concat_arrays([old.flatten(), added]).take(pa.array(order))
    return replace(table, column, unflatten(rows[order], items, len(table), type))


def replace(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    """The table with one column exchanged."""
    return table.set_column(table.schema.get_field_index(column), SCHEMA.field(column), values)


def amend(table: pa.Table, column: str, **fields: pa.Array) -> pa.Table:
    """The table with some fields of a list column's items exchanged, each (n,) over the flattened column."""
    rows, items = flatten(table, column)
    return replace(table, column, unflatten(rows, amended(items, **fields), len(table), SCHEMA.field(column).type))


def amended(items: pa.StructArray, **fields: pa.Array) -> pa.StructArray:
    """Structs (n,) without nulls with some of their fields (n,) exchanged."""
    arrays = [fields.get(field.name, items.field(field.name)) for field in items.type]
    return pa.StructArray.from_arrays(arrays, fields=list(items.type))


def drop(
    table: pa.Table,
    column: str,
    keep: np.ndarray,
    *,
    stage: str,
    rule: Any,
    value: Any,
    threshold: Any,
    detail: Any = None,
) -> tuple[pa.Table, pa.Table]:
    """The table without the annotations that are not kept, and the rejects that account for each of them.

    `keep` is bool (n,) over the flattened column; rule, value, threshold and detail are scalars or (n,)
    sequences, of which numpy and Arrow arrays are the fast ones. What pointed at a dropped annotation is
    mended: a region goes from its phrases' region_ids, a text takes its phrases with it (rule "text_dropped",
    in the rejects too).
    """
    if keep.all():
        return table, empty(REJECTS)
    rows, items = flatten(table, column)
    gone = np.flatnonzero(~keep)
    dropped = items.take(pa.array(gone))
    columns: dict[str, Any] = {
        "image_id": column_of(table, "image_id").take(pa.array(rows[gone])),
        "kind": column,
        "id": dropped.field("id"),
        "stage": stage,
        REJECT_FIELD[column]: dropped,
    }
    for name, given in (("rule", rule), ("value", value), ("threshold", threshold), ("detail", detail)):
        columns[name] = given if given is None or np.isscalar(given) else _chosen(given, gone)
    rejects = _rejects(columns, len(gone))
    kept = items.filter(pa.array(keep))
    type = SCHEMA.field(column).type
    left = replace(table, column, unflatten(rows[keep], kept, len(table), type))
    if column == "regions":
        left = _without_region_ids(left, keys(rows[gone], dropped.field("id")))
    if column == "texts":
        left, orphans = _without_phrases_of(left, keys(rows[gone], dropped.field("id")), stage)
        rejects = pa.concat_tables([rejects, orphans])
    return left, rejects


def shaped(regions: pa.StructArray) -> np.ndarray:
    """Which regions (n,) have a shape, a mask or polygons: bool (n,)."""
    has: np.ndarray = pc.or_(regions.field("mask").is_valid(), regions.field("polygons").is_valid()).to_numpy(
        zero_copy_only=False
    )
    return has


def drop_masks(
    table: pa.Table, keep: np.ndarray, *, stage: str, rule: Any, value: Any, threshold: Any, detail: Any = None
) -> tuple[pa.Table, pa.Table]:
    """The table with the shapes of regions that are not kept gone, the regions themselves staying, and the rejects.

    `keep` is bool (n,) over the flattened regions; one that has no shape is kept as it is. The rest as for `drop`.
    """
    rows, items = flatten(table, "regions")
    gone = ~keep & shaped(items)
    if not gone.any():
        return table, empty(REJECTS)
    at = np.flatnonzero(gone)
    lost = items.take(pa.array(at))
    columns: dict[str, Any] = {
        "image_id": column_of(table, "image_id").take(pa.array(rows[at])), "kind": "masks", "id": lost.field("id"),
        "stage": stage, "region": lost,
    }  # fmt: skip
    for name, given in (("rule", rule), ("value", value), ("threshold", threshold), ("detail", detail)):
        columns[name] = given if given is None or np.isscalar(given) else _chosen(given, at)
    stays = pa.array(np.arange(len(items)), mask=gone)
    fields = {name: items.field(name).take(stays) for name in ("mask", "polygons")}
    return amend(table, "regions", **fields), _rejects(columns, len(at))


def _chosen(given: Any, at: np.ndarray) -> Any:
    """The items at (m,) of a sequence."""
    if isinstance(given, pa.Array):
        return given.take(pa.array(at))
    return given[at] if isinstance(given, np.ndarray) else [given[i] for i in at]


def _rejects(columns: dict[str, Any], length: int) -> pa.Table:
    arrays = []
    for field in REJECTS:
        given = columns.get(field.name)
        if given is None or np.isscalar(given):
            arrays.append(pa.repeat(pa.scalar(given, field.type), length))
        else:
            arrays.append(given if isinstance(given, pa.Array) else pa.array(given, field.type))
    return pa.table(arrays, schema=REJECTS)


def _without_region_ids(table: pa.Table, gone: pa.Array) -> pa.Table:
    rows, phrases = flatten(table, "phrases")
    if not len(phrases):
        return table
    refs = phrases.field("region_ids")
    owner = np.repeat(rows, lengths(refs))
    keep = pc.invert(pc.is_in(keys(owner, refs.flatten()), value_set=gone))
    if pc.all(keep).as_py():
        return table
    parent = np.repeat(np.arange(len(refs)), lengths(refs))[keep.to_numpy(zero_copy_only=False)]
    return amend(table, "phrases", region_ids=unflatten(parent, refs.flatten().filter(keep), len(refs), refs.type))


def _without_phrases_of(table: pa.Table, gone: pa.Array, stage: str) -> tuple[pa.Table, pa.Table]:
    rows, phrases = flatten(table, "phrases")
    orphan = pc.is_in(keys(rows, phrases.field("text_id")), value_set=gone).to_numpy(zero_copy_only=False)
    return drop(
        table, "phrases", ~orphan, stage=stage, rule="text_dropped", value=None, threshold=None,
        detail=phrases.field("text_id").to_pylist(),
    )  # fmt: skip


def ids(table: pa.Table, column: str) -> pa.Array:
    """A key per annotation of a list column, unique in the table: "row:id"."""
    rows, items = flatten(table, column)
    return keys(rows, items.field("id"))


def keys(rows: np.ndarray, names: pa.Array) -> pa.Array:
    """A key per item, unique in the table: "row:name"."""
    return pc.binary_join_element_wise(pc.cast(pa.array(rows), pa.string()), names, ":")


def column_of(table: pa.Table, column: str) -> pa.Array:
    """A column as one array."""
    chunks = table[column]
    return chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()


def lengths(lists: pa.Array) -> np.ndarray:
    """How many items each list has: (n,); 0 for null."""
    if lists.null_count:
        counts: np.ndarray = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        return counts
    return np.diff(lists.offsets.to_numpy())  # a fourth of the time


def _lists(counts: np.ndarray, items: pa.Array, type: pa.DataType, mask: pa.Array | None) -> pa.ListArray:
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), items, type=type, mask=mask)
