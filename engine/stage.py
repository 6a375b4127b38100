"""Stage: what a specialist and a filter have in common; the chain of them, and its check."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from engine import records
from engine.memory import Memory

# What a stage can read and write. A dotted name is a part of a column, so that a chain whose captioner
# runs before any detector is refused although both touch `regions`.
PARTS: dict[str, tuple[str, ...]] = {
    "image": (),
    "texts": records.GRANULARITIES,
    "regions": (*records.REGION_KINDS, "labels", "briefs", "masks", "best"),  # briefs: labels of that granularity
    "phrases": ("regions",),
}


class ChainError(ValueError):
    """A chain that cannot work, found before anything is loaded."""


class Halt(RuntimeError):
    """Raised by a stage that can go no further on any image: a budget is spent, a key is refused.

    The run ends after the shards that are done, with the stage's words; the same command goes on from there.
    """


@dataclass(frozen=True)
class Resources:
    """What one worker of a stage needs. `batch_size` is in images, `memory_gb` in host memory.

    `actors` is the least and the most workers on a cluster. Neighbours in a chain with the same `pack` share
    one worker, and so one decoded image. None of this changes the output, so none of it is in a fingerprint.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_gb: float = 0.0
    batch_size: int = 32
    actors: tuple[int, int] = (1, 1)
    pack: str | None = None

    def __post_init__(self) -> None:
        low, high = self.actors
        for name in ("cpus", "gpus", "memory_gb"):
            if not getattr(self, name) >= 0:
                raise ChainError(f"{name} must be at least 0, not {getattr(self, name)}")
        if self.batch_size < 1:
            raise ChainError(f"batch_size must be at least 1, not {self.batch_size}")
        if not 1 <= low <= high:
            raise ChainError(f"actors must be the least and the most workers, 1 or more, not {low} and {high}")


@dataclass(frozen=True)
class Batch:
    """Some rows of a shard. `pixels(i)` is row i's upright image, RGB uint8 (height, width, 3), read-only.

    `memory` is the shard's: what a stage puts there, it finds again when it runs with other settings.
    """

    table: pa.Table
    pixels: Callable[[int], np.ndarray]
    memory: Memory = field(default_factory=Memory)

    def slice(self, start: int, length: int) -> Batch:
        """A part of the batch."""
        return Batch(self.table.slice(start, length), lambda i: self.pixels(start + i), self.memory)

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True)
class Outcome:
    """What a stage made of a batch: the same rows with more or fewer annotations, and the drops."""

    table: pa.Table
    rejects: pa.Table = field(default_factory=lambda: records.empty(records.REJECTS))


class Stage(ABC):
    """Takes a batch's table, returns it with more or fewer annotations.

    A subclass is a dataclass: the fields that it is made with are its settings and, but for `resources`, part
    of the fingerprint. It stays cheap to copy to a worker until `open` is called.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1  # of the code: raise it when the same input gives another output
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset()
    resources: Resources

    def called(self, name: str) -> Self:
        """The same stage under another name: a chain may hold it twice, as `phrases` and `phrases@detailed`."""
        other = copy.copy(self)
        object.__setattr__(other, "name", name)
        return other

    def gives(self) -> frozenset[str]:
        """Which of the parts that its class writes come from these settings."""
        return self.writes

    def check(self) -> None:
        """Raise ChainError, saying how to mend it, where the stage could not run (weights missing, say)."""
        return

    def revision(self) -> str:
        """Of the weights; empty for a stage without any."""
        return ""

    def open(self, cpus: int) -> None:
        """Load what is heavy, to be used on so many cores. Once per worker, before the first batch."""
        return

    @abstractmethod
    def __call__(self, batch: Batch) -> Outcome:
        """The batch's rows in their order, annotated. An exception costs only the images that cause it."""

    def settings(self) -> dict[str, Any]:
        """What decides the output, as JSON can hold it."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {f.name: getattr(self, f.name) for f in fields if f.name != "resources" and f.init}
        return {"stage": self.name, "version": self.version, "revision": self.revision(), **values}


@dataclass(frozen=True)
class Chain:
    """Stages in running order."""

    stages: tuple[Stage, ...]

    def check(self, given: Iterable[str]) -> None:
        """Refuse a chain in which a stage reads what neither the input (`given`) nor an earlier stage has."""
        seen = [stage.name for stage in self.stages]
        twice = sorted({name for name in seen if seen.count(name) > 1})
        if twice:
            raise ChainError(f"stage {twice[0]!r} stands in the chain twice")
        have = set(given)
        for stage in self.stages:
            for part in (*stage.reads, *stage.writes):
                _known(stage, part)
            missing = sorted(part for part in stage.reads if not _has(have, part))
            if missing:
                raise ChainError(
                    f"stage {stage.name!r} reads {', '.join(missing)}, which nothing before it writes; "
                    f"there is {', '.join(sorted(have)) or 'nothing'}. Put a stage that writes it before "
                    f"{stage.name!r}, or leave {stage.name!r} out"
                )
            have |= stage.gives()
        for stage in self.stages:
            stage.check()

    def settings(self) -> list[dict[str, Any]]:
        """Each stage's settings, in order."""
        return [stage.settings() for stage in self.stages]

    def fingerprint(self, input: str) -> str:
        """Of what this chain makes from an input with that fingerprint."""
        return digest([records.SCHEMA_VERSION, self.settings(), input])

    def packs(self) -> list[tuple[str, tuple[Stage, ...]]]:
        """Neighbours that share a worker, with the worker's name."""
        packs: list[tuple[str, tuple[Stage, ...]]] = []
        for stage in self.stages:
            name = stage.resources.pack
            if name and packs and packs[-1][0] == name:
                packs[-1] = (name, (*packs[-1][1], stage))
            else:
                packs.append((name or stage.name, (stage,)))
        return packs


def pack_resources(stages: Sequence[Stage]) -> Resources:
    """Of a worker that holds all these stages: they take turns on the CPU, their weights stand together."""
    each = [stage.resources for stage in stages]
    return Resources(
        cpus=max(r.cpus for r in each),
        gpus=sum(r.gpus for r in each),
        memory_gb=sum(r.memory_gb for r in each),
        batch_size=max(r.batch_size for r in each),
        actors=(max(r.actors[0] for r in each), max(r.actors[1] for r in each)),
    )


def digest(value: Any) -> str:
    """sha256 of a JSON value, the same on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode()).hexdigest()


def _known(stage: Stage, part: str) -> None:
    column, _, rest = part.partition(".")
    if column not in PARTS or (rest and rest not in PARTS[column]):
        raise ChainError(f"stage {stage.name!r} names {part!r}, which no record has")


def _has(have: set[str], part: str) -> bool:
    """Whether `part` is there, whole or in any of its parts."""
    column = part.partition(".")[0]
    return part in have or column in have or any(other.startswith(f"{part}.") for other in have)
