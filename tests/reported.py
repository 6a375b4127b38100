"""A small dataset with every kind of annotation, and with texts that mean a page harm: what the report's tests show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from curated import picture

from engine import records
from engine.ledger import Ledger, StageBooks, census
from engine.shards import shard_file, shard_name, write_table
from engine.storage import Folder
from pipelines.chain import Runner
from pipelines.config import CurateParams
from pipelines.curate import curate

DETECTOR, CAPTIONER, LATER = records.Origin("detector"), records.Origin("captioner"), records.Origin("multitask", "", 1)
SCRIPT = "<script>window.hurt = 1</script>"
HARM = f"A cat & a dog {SCRIPT}</script><!-- \u2028 <img src=x onerror='window.hurt=2'> 🐈 and a bench"
SIZE = (80, 60)
NAMES = ("cat", "dog", "<b>bench</b>")


def row(at: int) -> dict[str, Any]:
    """An image's record: a brief and a detailed text, three objects, a written line, phrases that name objects."""
    data, images = picture(at, SIZE), f"{at:x}" * 64
    objects = [
        records.region(
            f"r{i}", "object", [5 + 20 * i, 10, 20 + 20 * i, 40], DETECTOR, score=[0.9, 0.6, 0.1][i], best=0,
            labels=[records.label("phrase", name, DETECTOR), records.label("brief", f"a small {name}", CAPTIONER, 0.5)],
            polygons=[[5 + 20 * i, 10, 20 + 20 * i, 10, 12 + 20 * i, 40]],
        )
        for i, name in enumerate(NAMES)
    ]  # fmt: skip
    line = records.region(
        "l0", "text", [10, 45, 60, 55], DETECTOR, score=0.8, quad=[10, 45, 60, 46, 60, 55, 10, 54], best=0,
        labels=[records.label("ocr", f"EXIT {at}", DETECTOR)],
    )  # fmt: skip
    text = HARM if at == 0 else f"A cat and a dog beside number {at}."
    brief, detailed = text.index("dog"), "A cat sits on a wooden bench and looks at a dog."
    return {
        "image_id": images, "image": {"bytes": data, "path": f"{at}.png"}, "width": SIZE[0], "height": SIZE[1],
        "source": "made", "uri": f"made/{at}'\"><script>.png", "phash": 0,
        "texts": [
            records.text("t0", "brief", text, CAPTIONER, 0.7), records.text("t1", "detailed", detailed, LATER, 0.9),
        ],
        "regions": [*objects, line],
        "phrases": [
            records.phrase("p0", "t0", (0, 5), DETECTOR, region_ids=["r0"], score=0.8),
            records.phrase("p1", "t0", (brief, brief + 3), DETECTOR, region_ids=["r1"], score=0.4),
            records.phrase("p2", "t1", (detailed.index("a wooden"), detailed.index(" and")), LATER),
        ],
        "faults": [{"stage": "captioner", "error": SCRIPT}] if at == 1 else [],
    }  # fmt: skip


def dataset(where: Path, shards: int = 1, each: int = 4, **filters: Any) -> Path:
    """A run's output: images, raw, and curated by a score, of which every image loses an object; and by `filters`."""
    out = Folder.at(where)
    images, raw = out / "images", out / "raw"
    for at in range(shards):
        rows = [row(at * each + i) for i in range(each)]
        table = pa.Table.from_pylist(rows, schema=records.SCHEMA)
        empty = pa.Table.from_pylist([{**r, "texts": [], "regions": [], "phrases": [], "faults": []} for r in rows],
                                     schema=records.SCHEMA)  # fmt: skip
        inputs = {"inputs": each + 1, "images": each, "duplicates": 1, "quarantined": 0}
        _commit(images, at, empty, inputs=inputs, seconds=2.0)
        bare = records.replace(table, "image", pa.nulls(each, records.IMAGE))
        _commit(raw, at, bare, stages=[_books(bare, each)], seconds=4.0)
    out.write_json("step.json", {"command": "run"})
    images.write_json("step.json", {"command": "ingest", "dataset": "one"})
    about = {"source": "../images", "dataset": "one", "resources": {"detector": [2, 0.5]}}
    raw.write_json("step.json", {"command": "annotate", **about})
    made = curate(
        raw,
        out / "curated",
        CurateParams(filters={"region_score": {}, **filters}, max_fault_rate=1.0),
        Runner(workers=1),
    )
    assert not made.code, made.problems
    return where


def _books(table: pa.Table, images: int) -> StageBooks:
    counts = census(table)
    found = {kind: sum(counts[kind].values()) for kind in records.BOOKED}
    none = dict.fromkeys(found, 0)
    books = StageBooks("detector", images, 36.0, sum(counts["faults"].values()), none, found, {}, found)
    books.balance()
    return books


def _commit(folder: Folder, index: int, table: pa.Table, **given: Any) -> None:
    shard = shard_name(index)
    files = {shard_file(shard): write_table(folder, shard_file(shard), table)}
    Ledger(shard, f"made-{index}", len(table), files=files, counts=census(table), **given).write(folder)
