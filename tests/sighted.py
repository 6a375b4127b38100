"""Records with real pictures, and what a worker makes of them: what the tests of stages that see share."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from engine import records
from engine.checks import check
from engine.images import Limits, probe
from engine.stage import Stage
from engine.worker import Work, Worker

MODEL = records.Origin("detector", "r1")
# How a picture lies that its EXIF orientation turns upright.
TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


def png(pixels: np.ndarray, orientation: int = 1) -> bytes:
    """An upright RGB picture (height, width, 3), stored turned as its EXIF orientation says."""
    picture = Image.fromarray(pixels)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    (picture.transpose(TURNS[orientation]) if orientation in TURNS else picture).save(file, "PNG", exif=exif)
    return file.getvalue()


def region(id: str, box: Sequence[float], *, kind: str = "object", human: bool = False, **given: Any) -> dict[str, Any]:
    """A detector's region, or a person's."""
    return records.region(id, kind, list(box), records.HUMAN if human else MODEL, **given)


def image(data: bytes, **annotations: Any) -> dict[str, Any]:
    """One picture's record."""
    found = probe(data, Limits(), "x.png")
    return {
        "image_id": hashlib.sha256(data).hexdigest(), "image": {"bytes": data, "path": "x.png"},
        "width": found.width, "height": found.height, "source": "t", "uri": "x.png", "phash": found.phash,
        **{name: [] for name in (*records.ANNOTATIONS, "faults")}, **annotations,
    }  # fmt: skip


def table(*images: dict[str, Any]) -> pa.Table:
    made = pa.Table.from_pylist(list(images), records.SCHEMA)
    check(made)
    return made


def work(stage: Stage, given: pa.Table, cpus: int = 1) -> Work:
    """What a worker makes of it: its books must balance, and no image may have a fault."""
    worker = Worker([stage], cpus)
    done = worker(Work.of(given))
    worker.close()
    faults = [each for row in done.table["faults"].to_pylist() for each in row]
    assert faults == items(given, "faults"), faults
    check(done.table)
    return done


def items(given: pa.Table, column: str = "regions") -> list[dict[str, Any]]:
    """All of a list column's items."""
    found: list[dict[str, Any]] = records.flatten(given, column)[1].to_pylist()
    return found
