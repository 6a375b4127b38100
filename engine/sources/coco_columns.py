"""The entries of a COCO json as columns: as Python objects, COCO's training set would take gigabytes."""

from __future__ import annotations

import hashlib
import marshal
from array import array
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from engine import records
from engine.sources.coco_json import Malformed
from engine.sources.coco_remarks import Remarks, without_surrogates
from engine.sources.coco_shapes import Shape

_UNLABELLED = "regions without a label"


class Images:
    """The entries of `images`."""

    def __init__(self) -> None:
        self.ids: dict[Any, int] = {}  # to their rows
        self.names: list[str] = []
        self.frames: list[dict[str, int] | None] = []

    def add(self, image: dict[str, Any]) -> None:
        if image["id"] in self.ids:
            raise Malformed(f"two images have the id {image['id']!r}")
        width, height = int(image.get("width") or 0), int(image.get("height") or 0)
        if max(abs(width), abs(height)) >= 2**31:
            raise Malformed(f"the image {image['id']!r} has {width} x {height} pixels")
        self.ids[image["id"]] = len(self.ids)
        self.names.append(str(image["file_name"]))
        self.frames.append({"width": width, "height": height} if width and height else None)

    def rows_of(self, ids: list[Any]) -> np.ndarray:
        """The rows int64 (n,) of the images with these ids."""
        return np.fromiter((self.ids[name] for name in ids), np.int64, len(ids))


class Categories:
    """The entries of `categories`."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}
        self.digests: dict[Any, int] = {}
        self._odd: dict[Any, tuple[str, str]] = {}

    def add(self, one: dict[str, Any]) -> None:
        key, name = one["id"], one.get("name")
        self.digests[key] = int.from_bytes(_digest(name), "little")
        self._odd.pop(key, None)
        if not isinstance(name, str) or not name.strip():
            self.names.pop(key, None)
            self._odd[key] = _UNLABELLED, "has no name"
            return
        self.names[key] = without_surrogates(name)
        if self.names[key] != name:
            self._odd[key] = "labels with half characters", "has U+FFFD for them"

    def odd(self, category: Any) -> tuple[str, str] | None:
        """What there is to remark on a region of this category: the sort, and what the category does."""
        if category is None or (category in self.names and category not in self._odd):
            return None
        return self._odd.get(category, (_UNLABELLED, "is none of the json's"))


class Said:
    """Annotations of one sort, in file order."""

    def __init__(self) -> None:
        self.image: list[Any] = []
        self.names: list[Any] = []  # their ids in the json; they may have none
        self.digests = bytearray()

    def _note(self, image: Any, one: dict[str, Any]) -> None:
        self.digests += _digest(one)
        self.image.append(image)
        self.names.append(one.get("id"))


class LeftOut(Said):
    """Annotations that are bad; a stamp covers them, so that mending one makes the image a new input."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[str] = []  # which, and what is wrong with it

    def add(self, image: Any, one: dict[str, Any], case: str) -> None:
        self._note(image, one)
        self.cases.append(case)


class Captions(Said):
    """Annotations with a caption."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []  # "" where the caption says nothing

    def add(self, image: Any, one: dict[str, Any], text: str) -> None:
        self._note(image, one)
        self.texts.append(text)

    def table(self, rows: np.ndarray, length: int) -> pa.ListArray:
        """Each image's texts in file order; rows (n,) are the captions' images."""
        texts = [records.text("", "brief", text, records.HUMAN) for text in self.texts if text]
        rows = rows[np.fromiter(map(bool, self.texts), bool, len(self.texts))]
        order = np.argsort(rows, kind="stable")
        items = pa.array(texts, records.TEXT).take(pa.array(order))
        return records.unflatten(rows[order], items, length, pa.list_(records.TEXT))


class Regions(Said):
    """Annotations with a box, polygons or a mask; coordinates in pixels of the image as the json sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.category: list[Any] = []
        self.crowd: list[bool | None] = []
        self.masks: list[dict[str, Any] | None] = []
        self.boxes = array("f")  # xyxy
        self.rings: list[int | None] = []  # how many each region has
        self.ring_lengths = array("i")
        self.points = array("f")

    def add(self, image: Any, one: dict[str, Any], shape: Shape) -> None:
        """Raises one of FAULTS, and then has added nothing."""
        category = one.get("category_id")
        hash(category)  # a list cannot name one
        self._note(image, one)
        self.boxes.extend(shape.box)
        for ring in shape.rings or ():
            self.ring_lengths.append(len(ring))
            self.points.extend(ring)
        self.rings.append(None if shape.rings is None else len(shape.rings))
        self.masks.append(shape.mask)
        self.category.append(category)
        self.crowd.append(bool(one["iscrowd"]) if "iscrowd" in one else None)

    def all_digests(self, categories: Categories) -> np.ndarray:
        """Of each annotation with its category's name: uint64 (n,)."""
        name = np.array([categories.digests.get(category, 0) for category in self.category], np.uint64)
        return np.frombuffer(self.digests, np.uint64) ^ name

    def table(self, rows: np.ndarray, length: int, categories: Categories) -> pa.ListArray:
        """Each image's regions in file order; rows (n,) are the regions' images."""
        count = len(self.image)
        boxes = pa.array(np.frombuffer(self.boxes, np.float32))
        columns: dict[str, Any] = {
            "id": [""] * count,
            "kind": ["object"] * count,
            "box": pa.FixedSizeListArray.from_arrays(boxes, 4),
            "mask": self.masks,
            "polygons": self._polygons(),
            "crowd": self.crowd,
            "labels": self._labels(categories.names),
            "best": [0 if category in categories.names else None for category in self.category],
            "origin": _origins(count),
            "support": [()] * count,
        }
        arrays = [_column(columns.get(field.name), field.type, count) for field in records.REGION]
        order = np.argsort(rows, kind="stable")
        items = pa.StructArray.from_arrays(arrays, fields=list(records.REGION)).take(pa.array(order))
        return records.unflatten(rows[order], items, length, pa.list_(records.REGION))

    def _polygons(self) -> pa.ListArray:
        points = pa.array(np.frombuffer(self.points, np.float32))
        rings = pa.ListArray.from_arrays(_offsets(self.ring_lengths), points)
        counts = [count or 0 for count in self.rings]
        mask = pa.array([count is None for count in self.rings], pa.bool_())
        return pa.ListArray.from_arrays(_offsets(counts), rings, mask=mask)

    def _labels(self, categories: dict[Any, str]) -> pa.ListArray:
        given = [category for category in self.category if category in categories]
        fields = {
            "granularity": pa.array(["phrase"] * len(given), pa.string()),
            "text": pa.array([categories[category] for category in given], pa.string()),
            "origin": _origins(len(given)),
        }
        arrays = [_column(fields.get(field.name), field.type, len(given)) for field in records.LABEL]
        labels = pa.StructArray.from_arrays(arrays, fields=list(records.LABEL))
        return pa.ListArray.from_arrays(_offsets([int(c in categories) for c in self.category]), labels)

    def remark(self, remarks: Remarks, categories: Categories) -> None:
        """Add what there is to say of the regions' categories."""
        for image, category in zip(self.image, self.category, strict=True):
            if odd := categories.odd(category):
                remarks.add(image, odd[0], f"category_id {category!r} {odd[1]}")


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
