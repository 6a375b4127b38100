"""Stages that cost next to nothing: what is left is what the engine costs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from engine import records
from engine.stage import Batch, Outcome, Resources, Stage

ORIGIN = records.Origin("light", "1")


@dataclass(frozen=True)
class Noop(Stage):
    """Looks at nothing, changes nothing."""

    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    name: str = "noop"  # type: ignore[misc]  # of the object, so that a chain can hold several
    resources: Resources = field(default_factory=lambda: Resources(batch_size=1024))

    def __call__(self, batch: Batch) -> Outcome:
        return Outcome(batch.table)


@dataclass(frozen=True)
class Light(Stage):
    """A specialist without a model: one box around the upper left quarter of each image, scored by one pixel."""

    name: ClassVar[str] = "light"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object"})

    resources: Resources = field(default_factory=lambda: Resources(batch_size=32))

    def revision(self) -> str:
        return "1"

    def __call__(self, batch: Batch) -> Outcome:
        rows = []
        for row in range(len(batch)):
            pixels = batch.pixels(row)
            box = [0.0, 0.0, pixels.shape[1] / 2, pixels.shape[0] / 2]
            score = 0.5 + float(pixels[0, 0, 0]) / 512
            rows.append([records.region("light.0", "object", box, ORIGIN, score=score)])
        return Outcome(records.append(batch.table, "regions", rows))


def fld(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command and environment of an `fld` that knows Light, as another distribution would register it.

    `folder` gets that distribution's metadata, and a profile and params.yaml that name the stage.
    """
    info = folder / "light-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: light\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[fld.stages]\nlight = benchmarks.stages:Light\n")
    (folder / "light.yaml").write_text("stages:\n  light:\n")
    (folder / "params.yaml").write_text(f"annotate:\n  profile: {folder / 'light.yaml'}\n")
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(folder), str(root), os.environ.get("PYTHONPATH", "")])
    return ["-m", "pipelines.cli"], {**os.environ, "PYTHONPATH": path}
