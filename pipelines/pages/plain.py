"""A record as the page's code wants it: what is drawn and said, in few characters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.geometry import rle_to_rings

_TOLERANCE = 1.0  # px of the image that a drawn outline may stray from its mask
MOST = 400  # annotations of a kind in one image; more cannot be told apart


class Origins:
    """Who made annotations, each named once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], int] = {}

    def number(self, origin: dict[str, Any] | None) -> int:
        """An origin's place in `list`."""
        origin = origin or {}
        key = (origin.get("model") or "", origin.get("revision") or "", origin.get("round") or 0)
        return self._known.setdefault(key, len(self._known))

    @property
    def list(self) -> list[dict[str, Any]]:
        """All of them."""
        return [{"model": model, "revision": revision, "round": turn} for model, revision, turn in self._known]


def view(record: dict[str, Any], origins: Origins) -> dict[str, Any]:
    """The annotations of a record. A phrase's span is in code points of its text."""
    return {
        "texts": [_text(item, origins) for item in record["texts"][:MOST]],
        "regions": [_region(item, origins) for item in record["regions"][:MOST]],
        "phrases": [_phrase(item, origins) for item in record["phrases"][:MOST]],
        "faults": record["faults"],
    }


def reject(row: dict[str, Any]) -> dict[str, Any]:
    """A dropped annotation and why, without the annotation: the step before has it."""
    return {key: _short(row[key]) for key in ("kind", "id", "stage", "rule", "value", "threshold", "detail")}


def outlines(region: dict[str, Any]) -> list[list[float]]:
    """A region's shape as rings (2n,), from its polygons, else its mask."""
    if region["polygons"]:
        return [_numbers(ring) for ring in region["polygons"]]
    if region["mask"]:
        return [_numbers(np.ravel(ring)) for ring in rle_to_rings(region["mask"], _TOLERANCE)]
    return []


def name_of(region: dict[str, Any]) -> str:
    """What a region is called: its best label, else its first."""
    labels = region["labels"]
    return str(labels[region["best"] or 0]["text"]) if labels else ""


def _text(item: dict[str, Any], origins: Origins) -> dict[str, Any]:
    return {"id": item["id"], "granularity": item["granularity"], "text": item["text"], **_judged(item, origins)}


def _region(item: dict[str, Any], origins: Origins) -> dict[str, Any]:
    found = {
        "id": item["id"], "kind": item["kind"], "box": _numbers(item["box"]), "best": item["best"],
        "labels": [
            {"granularity": label["granularity"], "text": label["text"], **_judged(label, origins)}
            for label in item["labels"]
        ],
        **_judged(item, origins),
    }  # fmt: skip
    rings = outlines(item)
    return found | ({"rings": rings} if rings else {}) | ({"quad": _numbers(item["quad"])} if item["quad"] else {})


def _phrase(item: dict[str, Any], origins: Origins) -> dict[str, Any]:
    place = {name: item[name] for name in ("id", "text_id", "start", "end")}
    return {**place, "regions": item["region_ids"], **_judged(item, origins)}


def _judged(item: dict[str, Any], origins: Origins) -> dict[str, Any]:
    numbers = {name: _short(item[name]) for name in ("score", "similarity") if item.get(name) is not None}
    return {**numbers, "by": origins.number(item["origin"])}


def _numbers(values: Any) -> list[float]:
    return [_short(float(value), 1) for value in values]


def _short(value: Any, digits: int = 3) -> Any:
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    number = round(value, digits)
    return int(number) if number == int(number) else number
