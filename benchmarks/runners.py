"""Both runners against a bare loop of the same specialist (OCR) over the same images: at least 0.95, Ray 0.90.

The bare loop is what one would write without an engine: read the shards' image column, decode, call RapidOCR,
keep what it says in a list, on as many threads as there are cores. The local runner does the same on as many
threads, and checks, commits and books it. Both times include loading the weights.

The local runner's shards are large, since its threads wait for each other at a shard's end; Ray's are smaller
but alike, so that its actors end at about the same time. With the 256 images of a real shard neither matters.

Ray runs one actor of one thread per core. Its time begins when the actors have their weights loaded, which is
when their first shards begin (the mean of the actors' moments), and ends with the last commit; so starting Ray,
its actors and the models is left out, and so is the bare loop's loading of the weights.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pyarrow.parquet as pq

from benchmarks.figure import Figure, Options, from_pairs
from benchmarks.pictures import pages
from engine import cluster, ingest, local, manifest
from engine.images import decode
from engine.local import cores
from engine.plan import make_plan
from engine.sources import list_inputs
from engine.stage import Chain, Resources
from engine.storage import Folder
from specialists.ocr import Ocr, _engine, _recognise, _shrink

IMAGES, LARGE, SMALL = 48, 24, 12  # images in all, and of a shard


@dataclass
class TimedOcr(Ocr):
    """OCR that notes in a file when its weights are loaded. `log` is a setting: Ray's workers get it too."""

    log: str = ""

    def open(self, cpus: int) -> None:
        super().open(cpus)
        with Path(self.log).open("a") as file:
            file.write(f"{time.time()}\n")


def measure(options: Options) -> Iterator[Figure]:
    """In turns: local, bare, Ray."""
    large, small = _shards(options.folder)
    rounds = []
    with _ray():
        for _ in range(options.rounds):
            rounds.append((_locally(large, options.folder), *_bare(large), _on_ray(small, options.folder)))
    here = [(local_s, load_s + loop_s) for local_s, load_s, loop_s, _ in rounds]
    there = [(ray_s, loop_s) for _, _, loop_s, ray_s in rounds]
    yield from_pairs(f"local runner, OCR, {cores()} cores", here, 0.95)
    yield from_pairs(f"Ray runner, OCR, {cores()} cores", there, 0.90)


def _shards(folder: Path) -> list[Folder]:
    """The same images in few large shards and in many small ones."""
    source = folder / "pages"
    source.mkdir()
    for index, page in enumerate(pages(IMAGES)):
        (source / f"{index:03d}.png").write_bytes(page)
    made = []
    for size in (LARGE, SMALL):
        images = Folder.at(folder / f"images-{size}")
        plan = manifest.make_plan(list_inputs([str(source)]), images, manifest.IngestSettings(shard_images=size))
        for _ in ingest.run(plan, workers=1):
            continue
        made.append(images)
    return made


def _locally(images: Folder, folder: Path) -> float:
    started = time.perf_counter()
    for _ in local.run(make_plan(Chain((Ocr(),)), images, _empty(folder / "local"))):
        continue
    return time.perf_counter() - started


def _bare(images: Folder) -> tuple[float, float]:
    """Seconds of loading the weights, and of the loop."""
    started = time.perf_counter()
    engines: SimpleQueue[Any] = SimpleQueue()
    for _ in range(cores()):
        engines.put(_engine(0.0))
    loaded = time.perf_counter()

    def read(data: bytes) -> Any:
        image, scale = _shrink(decode(data), 2000)
        engine = engines.get()
        try:
            return _recognise(engine, image, scale)
        finally:
            engines.put(engine)

    table = pq.read_table(Path(images.root, "shards"), columns=["image"])
    with ThreadPoolExecutor(cores()) as pool:
        found = list(pool.map(read, (image["bytes"] for image in table["image"].to_pylist())))
    assert len(found) == IMAGES
    return loaded - started, time.perf_counter() - loaded


def _on_ray(images: Folder, folder: Path) -> float:
    log = folder / "opened"
    log.unlink(missing_ok=True)
    # A little less than a core each: reading and committing want a share of the cluster's CPUs.
    resources = Resources(cpus=1 - 2 * cluster.IO_CPUS / cores(), batch_size=SMALL, actors=(cores(), cores()))
    chain = Chain((TimedOcr(log=str(log), resources=resources),))
    for _ in cluster.run(make_plan(chain, images, _empty(folder / "ray"))):
        continue
    return time.time() - statistics.mean(map(float, log.read_text().split()))


def _empty(path: Path) -> Folder:
    shutil.rmtree(path, ignore_errors=True)
    return Folder.at(path)


@contextmanager
def _ray() -> Iterator[None]:
    import ray

    cluster.connect(None)
    try:
        yield
    finally:
        ray.shutdown()
