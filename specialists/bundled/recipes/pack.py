"""Public scenes drawn once, so that every recipe reads them from one file: Arrow, memory-mapped.

A row is an image's bytes and its truth, in the columns of the scenes' own truth table. Only the public split is
ever packed: pool scenes are annotated and held-out ones measure.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from specialists.bundled.scenes.scene import draw
from specialists.bundled.scenes.seeds import GENERATION
from specialists.bundled.scenes.truth import SCHEMA, table

SEED = 1  # of the public split; ours
PACKED = pa.schema([("data", pa.binary()), *SCHEMA])
_AT_ONCE = 128  # scenes drawn by one process before it hands them over


def difficulty(index: int) -> str:
    """Of ten scenes seven are normal, two hard and one easy."""
    return ("easy", "hard", "hard", *["normal"] * 7)[index % 10]


@dataclass(frozen=True)
class Public:
    """One public scene: upright RGB uint8 (h, w, 3), and its truth as the record's plain data."""

    pixels: np.ndarray
    truth: dict[str, Any]


class Pack:
    """Packed scenes, read by number."""

    def __init__(self, path: Path) -> None:
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index: int) -> Public:
        row = self._table.slice(index, 1).to_pylist()[0]
        bgr = cv2.imdecode(np.frombuffer(row.pop("data"), np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None, "an image of ours"
        return Public(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), row)

    def truths(self, *columns: str) -> Iterator[dict[str, Any]]:
        """The truth of each scene in turn, these columns of it, without its pixels."""
        for batch in self._table.select(columns).to_batches(_AT_ONCE):
            yield from batch.to_pylist()


def pack(folder: Path, count: int) -> Pack:
    """The first `count` public scenes; drawn on all cores unless they lie in the folder already."""
    path = folder / f"public-{GENERATION}-{count}.arrow"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        _draw(unfinished, count)
        unfinished.replace(path)
    return Pack(path)


def _draw(path: Path, count: int) -> None:
    chunks = [range(at, min(at + _AT_ONCE, count)) for at in range(0, count, _AT_ONCE)]
    drawn = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool, pa.ipc.new_file(str(path), PACKED) as writer:
        for done in pool.map(_chunk, chunks):
            writer.write_table(done)
            drawn += len(done)
            print(f"public scenes: {drawn} of {count} drawn", flush=True)


def _chunk(indices: range) -> pa.Table:
    drawn = [draw("public", SEED, index, difficulty(index)) for index in indices]
    images = pa.array([scene.data for scene, _ in drawn], pa.binary())
    return table([truth for _, truth in drawn]).add_column(0, PACKED.field("data"), images)
