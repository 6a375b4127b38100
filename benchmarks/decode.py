"""`ingest` against a bare Pillow loop over the same photos in as many processes: our own figure, no target.

The bare loop opens, decodes and forgets; ingest also lists, hashes (sha256 and perceptual), tells duplicates,
and writes shards and their books. Both start their processes within the time measured.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

from benchmarks.figure import Figure, Options, compare
from benchmarks.pictures import photos
from engine.ingest import run
from engine.local import cores
from engine.manifest import IngestSettings, make_plan
from engine.sources import list_inputs
from engine.storage import Folder

PHOTOS = 1024


def measure(options: Options) -> Iterator[Figure]:
    """The whole of an ingest against decoding alone."""
    source, out = options.folder / "photos", options.folder / "out"
    photos(source, PHOTOS)

    def ours() -> None:
        shutil.rmtree(out, ignore_errors=True)
        plan = make_plan(list_inputs([str(source)]), Folder.at(out), IngestSettings())
        for _ in run(plan, workers=cores()):
            continue

    def floor() -> None:
        with ProcessPoolExecutor(cores(), multiprocessing.get_context("forkserver")) as pool:
            for _ in pool.map(_decode, sorted(source.iterdir()), chunksize=16):
                continue

    yield compare(f"ingest of {PHOTOS:,} photos, {cores()} processes", ours, floor, options.rounds)


def _decode(path: Path) -> None:
    with Image.open(path) as image:
        image.convert("RGB").load()
