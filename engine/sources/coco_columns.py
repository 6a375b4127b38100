"""The entries of a COCO json as columns: as Python objects, COCO's training set would take gigabytes."""

from __future__ import annotations

import hashlib
import marshal
from array import array
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from engine import geometry, records
from engine.sources.coco_json import Malformed


class Images:
    """The entries of `images`."""

    def __init__(self) -> None:
        self.ids: dict[Any, int] = {}  # to their rows
        self.names: list[str] = []
        self.frames: list[dict[str, int] | None] = []

    def add(self, image: dict[str, Any]) -> None:
        if image["id"] in self.ids:
            raise Malformed(f"two images have the id {image['id']!r}")
        width, height = image.get("width"), image.get("height")
        self.ids[image["id"]] = len(self.ids)
        self.names.append(str(image["file_name"]))
        self.frames.append({"width": int(width), "height": int(height)} if width and height else None)

    def rows_of(self, ids: list[Any]) -> np.ndarray:
        """The rows int64 (n,) of the images with these ids."""
        unknown = [name for name in ids if name not in self.ids]
        if unknown:
            raise Malformed(
                f"{len(unknown)} annotations have an image_id that is none of the images; the first is {unknown[0]!r}"
            )
        return np.fromiter((self.ids[name] for name in ids), np.int64, len(ids))


class Captions:
    """Annotations with a caption."""

    def __init__(self) -> None:
        self.image: list[Any] = []
        self.texts: list[str] = []
        self.digests = bytearray()

    def add(self, one: dict[str, Any]) -> None:
        self.image.append(one["image_id"])
        self.texts.append(str(one["caption"]).strip())
        self.digests += _digest(one)

    def table(self, rows: np.ndarray, length: int) -> pa.ListArray:
        """Each image's texts in file order; rows (n,) are the captions' images."""
        texts = [records.text("", "brief", text, records.HUMAN) for text in self.texts]
        order = np.argsort(rows, kind="stable")
        items = pa.array(texts, records.TEXT).take(pa.array(order))
        return records.unflatten(rows[order], items, length, pa.list_(records.TEXT))


class Regions:
    """Annotations with a box, polygons or a mask; coordinates in pixels of the image as the json sees it."""

    def __init__(self) -> None:
        self.image: list[Any] = []
        self.category: list[Any] = []
        self.crowd: list[bool | None] = []
        self.masks: list[dict[str, Any] | None] = []
        self.boxes = array("d")  # xyxy
        self.rings: list[int | None] = []  # how many each region has
        self.ring_lengths = array("i")
        self.points = array("d")
        self.digests = bytearray()

    def add(self, one: dict[str, Any]) -> None:
        shape = one.get("segmentation") or None
        mask = geometry.compress_rle(shape) if isinstance(shape, dict) else None
        rings = None if mask or shape is None else shape if isinstance(shape[0], list) else [shape]
        self._add_box(one.get("bbox"), rings, mask)
        for ring in rings or ():
            self.ring_lengths.append(len(ring))
            self.points.extend(ring)
        self.rings.append(None if rings is None else len(rings))
        self.masks.append(mask)
        self.image.append(one["image_id"])
        self.category.append(one.get("category_id"))
        self.crowd.append(bool(one["iscrowd"]) if "iscrowd" in one else None)
        self.digests += _digest(one)

    def _add_box(self, box: Any, rings: list[list[float]] | None, mask: dict[str, Any] | None) -> None:
        if box:
            x, y, width, height = box
            self.boxes.extend((x, y, x + width, y + height))
        elif rings:
            points = np.concatenate([np.asarray(ring, float) for ring in rings]).reshape(-1, 2)
            self.boxes.extend([*points.min(axis=0), *points.max(axis=0)])
        elif mask:
            self.boxes.extend(geometry.rle_box(mask))
        else:
            raise Malformed("it has neither a caption, nor a bbox, nor a segmentation")

    def all_digests(self, categories: dict[Any, str]) -> np.ndarray:
        """Of each annotation with its category's name: uint64 (n,)."""
        names = {key: int.from_bytes(_digest(name), "little") for key, name in categories.items()}
        name = np.array([names.get(category, 0) for category in self.category], np.uint64)
        return np.frombuffer(self.digests, np.uint64) ^ name

    def check_finite(self) -> None:
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.points).all()):
            raise Malformed("a coordinate is NaN or infinite")

    def table(self, rows: np.ndarray, length: int, categories: dict[Any, str]) -> pa.ListArray:
        """Each image's regions in file order; rows (n,) are the regions' images."""
        count = len(self.image)
        boxes = pa.array(np.frombuffer(self.boxes, np.float64).astype(np.float32))
        columns: dict[str, Any] = {
            "id": [""] * count,
            "kind": ["object"] * count,
            "box": pa.FixedSizeListArray.from_arrays(boxes, 4),
            "mask": self.masks,
            "polygons": self._polygons(),
            "crowd": self.crowd,
            "labels": self._labels(categories),
            "best": [0 if category in categories else None for category in self.category],
            "origin": _origins(count),
            "support": [()] * count,
        }
        arrays = [_column(columns.get(field.name), field.type, count) for field in records.REGION]
        order = np.argsort(rows, kind="stable")
        items = pa.StructArray.from_arrays(arrays, fields=list(records.REGION)).take(pa.array(order))
        return records.unflatten(rows[order], items, length, pa.list_(records.REGION))

    def _polygons(self) -> pa.ListArray:
        points = pa.array(np.frombuffer(self.points, np.float64).astype(np.float32))
        rings = pa.ListArray.from_arrays(_offsets(self.ring_lengths), points)
        counts = [count or 0 for count in self.rings]
        mask = pa.array([count is None for count in self.rings], pa.bool_())
        return pa.ListArray.from_arrays(_offsets(counts), rings, mask=mask)

    def _labels(self, categories: dict[Any, str]) -> pa.ListArray:
        given = [category for category in self.category if category in categories]
        fields = {
            "granularity": pa.array(["phrase"] * len(given), pa.string()),
            "text": pa.array([categories[category] for category in given], pa.string()),
            "score": pa.nulls(len(given), pa.float32()),
            "origin": _origins(len(given)),
        }
        labels = pa.StructArray.from_arrays([fields[f.name] for f in records.LABEL], fields=list(records.LABEL))
        return pa.ListArray.from_arrays(_offsets([int(c in categories) for c in self.category]), labels)

    def nameless(self, rows: np.ndarray, categories: dict[Any, str]) -> dict[int, str]:
        """By image row, what to say of regions whose category the json does not have: kept, without a label."""
        found: dict[int, list[Any]] = {}
        for row, category in zip(rows.tolist(), self.category, strict=True):
            if category is not None and category not in categories:
                found.setdefault(row, []).append(category)
        return {
            row: f"{len(ids)} regions without a label: category_id {sorted(set(ids), key=str)} is none of the json's"
            for row, ids in found.items()
        }


def _column(given: Any, type: pa.DataType, count: int) -> pa.Array:
    if given is None:
        return pa.nulls(count, type)
    return given.cast(type) if isinstance(given, pa.Array) else pa.array(given, type)


def _origins(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(records.HUMAN.as_dict(), records.ORIGIN), count)


def _offsets(lengths: Any) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _digest(one: Any) -> bytes:
    """Of one JSON value. Version 2 of marshal writes equal values the same way whatever refers to them."""
    return hashlib.blake2b(marshal.dumps(one, 2), digest_size=8).digest()


def row_digests(rows: np.ndarray, length: int, each: np.ndarray) -> list[str | None]:
    """Per image, of all that is said of it, in file order; null where nothing is.

    rows (n,) are the annotations' images, each uint64 (n,) their digests.
    """
    order = np.argsort(rows, kind="stable")
    each, ends = each[order], np.searchsorted(rows[order], np.arange(length + 1))
    said = (each[start:end].tobytes() for start, end in pairwise(ends))
    return [hashlib.blake2b(part, digest_size=8).hexdigest() if part else None for part in said]
