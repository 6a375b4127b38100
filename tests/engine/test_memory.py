"""What a stage remembers of a shard is there for the next run, and never decides anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from fakes import Reader, chain, dataset, files

from engine import local
from engine.memory import Memory
from engine.plan import make_plan
from engine.stage import Batch, Outcome, Resources
from engine.storage import Folder


@dataclass
class Thinker(Reader):
    """Finds out something about each image once; `seen` says how often it had to."""

    name: ClassVar[str] = "thinker"

    setting: int = 0
    resources: Resources = field(default_factory=lambda: Resources(batch_size=2))
    seen: list[str] = field(init=False, default_factory=list)

    def __call__(self, batch: Batch) -> Outcome:
        known = batch.memory.recall("thoughts")
        have = set() if known is None else set(known["image_id"].to_pylist())
        new = [i for i in batch.table["image_id"].to_pylist() if i not in have]
        self.seen += new
        if new:
            batch.memory.remember("thoughts", pa.table({"image_id": new}))
        return Outcome(batch.table)


def thoughts(tmp_path: Path, setting: int) -> list[str]:
    stage = Thinker(setting=setting)
    images = dataset(tmp_path / "images", [5, 3])
    list(local.run(make_plan(chain(stage), images, Folder.at(tmp_path / "out"))))
    return stage.seen


def test_another_setting_finds_what_was_remembered(tmp_path: Path) -> None:
    assert len(thoughts(tmp_path, 0)) == 8
    before = files(tmp_path / "out")
    assert thoughts(tmp_path, 1) == []
    assert files(tmp_path / "out") == before


def test_a_damaged_memory_costs_time_only(tmp_path: Path) -> None:
    thoughts(tmp_path, 0)
    (tmp_path / "out" / "memory" / "thoughts" / "part-000001.parquet").write_bytes(b"x")
    assert len(thoughts(tmp_path, 1)) == 3


def test_without_a_folder_it_lasts_for_the_shard() -> None:
    memory = Memory()
    memory.remember("a", pa.table({"x": [1]}))
    memory.remember("a", pa.table({"x": [2]}))
    memory.keep()
    known = memory.recall("a")
    assert known is not None
    assert known["x"].to_pylist() == [1, 2]
    assert memory.recall("b") is None
