"""The regions column as arrays, and the check of a setting: what the region filters share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import geometry, records
from engine.stage import ChainError, Stage


class Regions:
    """The flattened regions column as arrays, n regions in all."""

    def __init__(self, table: pa.Table) -> None:
        self.row, self.items = records.flatten(table, "regions")
        self.id = self.field("id")
        self.kind = numbers(pc.index_in(self.field("kind"), value_set=pa.array(records.REGION_KINDS)))
        self.score = numbers(self.field("score"))  # float32 (n,), NaN where null
        self.crowd = numbers(pc.fill_null(self.field("crowd"), False))
        model = pc.struct_field(self.items, ["origin", "model"])
        self.human = numbers(pc.fill_null(pc.equal(model, records.HUMAN.model), False))
        self.box = numbers(self.field("box").flatten()).reshape(-1, 4)  # pixels
        quads = self.field("quad")
        self.has_quad = numbers(quads.is_valid())
        self.quad = geometry.boxes_to_quads(self.box)  # (n, 8), pixels; the box's corners where there is none
        self.quad[self.has_quad] = numbers(quads.drop_null().flatten()).reshape(-1, 8)
        width, height = (numbers(records.column_of(table, side)) for side in ("width", "height"))
        self._image_area = (width.astype(np.float64) * height)[self.row]

    def __len__(self) -> int:
        return len(self.row)

    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Shorter and longer side (n,) in pixels; for a text region with a quad, means of opposite sides."""
        corners = self._outline().reshape(-1, 4, 2)
        lengths = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
        pair = (lengths[:, :2] + lengths[:, 2:]) / 2
        return pair.min(axis=1), pair.max(axis=1)

    def area_shares(self) -> np.ndarray:
        """Area (n,) as a share of the image's."""
        shares: np.ndarray = geometry.quad_areas(self._outline()) / self._image_area
        return shares

    def classes(self) -> tuple[np.ndarray, list[str]]:
        """A number (n,) for each region's name, and the names by their numbers; "" where there is no label.

        The name is the text of the best or else the first label, without regard to case.
        """
        encoded = pc.fill_null(self.names(), "").dictionary_encode()
        plain = [text.casefold().strip() for text in encoded.dictionary.to_pylist()]
        number = {text: i for i, text in enumerate(dict.fromkeys(plain))}
        return np.array([number[text] for text in plain], np.int64)[numbers(encoded.indices)], list(number)

    def _outline(self) -> np.ndarray:
        """Corners (n, 8) in pixels: a text region's quad, any other's box."""
        text = self.kind == records.REGION_KINDS.index("text")
        corners: np.ndarray = np.where(text[:, None], self.quad, geometry.boxes_to_quads(self.box))
        return corners.astype(np.float64)

    def names(self) -> pa.Array:
        """The text of the best or else the first label (n,); null where there is no label."""
        labels = self.field("labels")
        count = records.lengths(labels)
        chosen = np.cumsum(count) - count + numbers(pc.fill_null(self.field("best"), 0))
        return labels.flatten().field("text").take(pa.array(chosen, mask=count == 0))

    def field(self, name: str) -> pa.Array:
        """One field of all regions."""
        return self.items.field(name)


def numbers(array: pa.Array) -> np.ndarray:
    """An Arrow array (n,) in numpy; nulls among numbers become NaN."""
    values: np.ndarray = array.to_numpy(zero_copy_only=False)
    return values


def codes(*columns: pa.Array) -> np.ndarray:
    """A number (n,) for each row of columns (n,): equal rows, equal numbers."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.dictionary_encode()
        index = numbers(pc.fill_null(encoded.indices, len(encoded.dictionary)))
        code = code * (len(encoded.dictionary) + 1) + index
    return code


def origins(items: pa.StructArray) -> list[pa.Array]:
    """What tells the origins of regions, labels or supports (n,) apart: their fields, each (n,)."""
    return [pc.struct_field(items, ["origin", field.name]) for field in records.ORIGIN]


def require_between(stage: Stage, setting: str, low: float, high: float) -> None:
    """Raise ChainError, naming stage and setting, unless it is a number in [low, high]."""
    value = getattr(stage, setting)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and low <= value <= high:
        return
    wanted = f"between {low} and {high}" if np.isfinite(high) else f"of at least {low}"
    raise ChainError(f"{stage.name}: {setting} must be a number {wanted}, not {value!r}")
