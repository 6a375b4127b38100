"""What the ledgers say: the only source of the page's numbers, so that a million images cost seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine import records
from engine.ledger import Counts, Ledger, load_ledgers, total_counts
from engine.shards import read_table, shard_file
from engine.statistics import COLUMNS, statistics
from engine.storage import Folder
from pipelines.chain import source_of
from pipelines.inspect import datasets
from pipelines.report import STEP, books

MEASURED_SHARDS = 8  # that are looked at where the ledgers hold no statistics


@dataclass(frozen=True)
class Step:
    """One dataset of a run: what a command made, and its books."""

    command: str
    folder: Folder
    about: dict[str, Any]  # its step.json
    ledgers: dict[str, Ledger]

    @classmethod
    def of(cls, folder: Folder) -> Step:
        """The step that made a folder; raises StorageError where the folder is no output of a command."""
        (only,) = datasets(folder)
        about = only.read_json(STEP)
        return cls(about["command"], only, about, load_ledgers(only))

    @property
    def name(self) -> str:
        """Its folder's: raw, curated, round-1."""
        return self.folder.url.rpartition("/")[2]

    @cached_property
    def books(self) -> dict[str, Any]:
        """As `fld inspect` shows them."""
        return books(list(self.ledgers.values()))

    @property
    def images(self) -> int:
        """How many it holds."""
        return sum(ledger.images for ledger in self.ledgers.values())


@dataclass(frozen=True)
class Figures:
    """Statistics that add up, and of how many images they are."""

    groups: dict[str, Counts]
    images: int
    sampled: bool  # from some shards, since the ledgers hold none

    def of(self, group: str) -> Counts:
        """A group's counts."""
        return self.groups.get(group, {})


def steps_of(out: Folder) -> list[Step]:
    """The steps that led to a run's output or to any command's dataset, as far as they still exist, first one first."""
    chain = [datasets(out)[-1]]
    while (before := source_of(chain[0])) is not None and before.read_json(STEP):
        chain.insert(0, before)
    return [Step.of(folder) for folder in chain]


def figures_of(step: Step) -> Figures:
    """The statistics of a step's ledgers; of ledgers that were written without, those of a few shards."""
    ledgers = [ledger for ledger in step.ledgers.values() if "amounts" in ledger.counts]
    if ledgers:
        return Figures(
            total_counts(ledgers), sum(ledger.images for ledger in ledgers), len(ledgers) < len(step.ledgers)
        )
    shards = spread(sorted(step.ledgers), MEASURED_SHARDS)
    looked = [Ledger(shard, "", step.ledgers[shard].images, counts=_measured(step.folder, shard)) for shard in shards]
    return Figures(total_counts(looked), sum(each.images for each in looked), len(shards) < len(step.ledgers))


def _measured(folder: Folder, shard: str) -> dict[str, Counts]:
    name = shard_file(shard)
    return statistics(records.conform(read_table(folder, name, list(COLUMNS)), f"{folder.url}/{name}"))


def spread(items: Sequence[str], most: int) -> list[str]:
    """At most so many of the items, evenly."""
    return [items[i * len(items) // min(most, len(items))] for i in range(min(most, len(items)))]


@dataclass(frozen=True)
class Fall:
    """One line of a waterfall: annotations that a stage added (count > 0) or a rule dropped (< 0)."""

    step: str
    stage: str
    rule: str
    count: int


def falls(steps: Sequence[Step], kind: str) -> tuple[int, list[Fall], int]:
    """A kind of annotation through all steps: how many came in, what happened to them, how many are left."""
    found = list(_falls(steps, kind))
    chained = [step for step in steps if step.books["stages"]]
    came = chained[0].books["waterfall"][kind]["in"] if chained else 0
    return came, found, came + sum(fall.count for fall in found)


def _falls(steps: Sequence[Step], kind: str) -> Iterator[Fall]:
    for step in steps:
        for stage in step.books["stages"]:
            if added := stage["added"].get(kind):
                yield Fall(step.name, stage["name"], "", added)
            for rule, count in stage["dropped"].get(kind, {}).items():
                yield Fall(step.name, stage["name"], rule, -count)


@dataclass(frozen=True)
class Spent:
    """A stage's time: seconds of one worker, which holds so many CPUs and GPUs."""

    step: str
    stage: str
    images: int
    seconds: float
    cpus: float
    gpus: float

    def price(self, cpu_hour: float, gpu_hour: float) -> float:
        """Of 1,000 images."""
        hours = self.seconds / 3600 / max(self.images, 1) * 1000
        return hours * (self.cpus * cpu_hour + self.gpus * gpu_hour)


def spent(steps: Sequence[Step]) -> list[Spent]:
    """Each stage's time. What a worker holds stands in step.json; where it does not, one CPU is taken."""
    found = []
    for step in steps:
        held = step.about.get("resources", {})
        for stage in step.books["stages"]:
            cpus, gpus = held.get(stage["name"], (1.0, 0.0))
            found.append(Spent(step.name, stage["name"], stage["images"], stage["seconds"], cpus, gpus))
        if not step.books["stages"] and step.images:  # an ingest, which has no stages
            seconds = sum(ledger.seconds for ledger in step.ledgers.values())
            found.append(Spent(step.name, "", step.images, seconds, 1.0, 0.0))
    return found
