"""The books: one JSON beside each shard says what it holds, how it came to be, and that nothing was lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.shards import shard_file
from engine.storage import FileMark, Folder, StorageError, parse

Counts = dict[str, int]


class BooksError(RuntimeError):
    """Books that do not balance: something was lost or made up. Never expected; never passed over."""


@dataclass
class StageBooks:
    """One stage's account of one shard. Annotations in + added = out + dropped, for each kind."""

    name: str
    images: int = 0
    seconds: float = 0.0
    faults: int = 0
    before: Counts = field(default_factory=dict)
    added: Counts = field(default_factory=dict)
    dropped: dict[str, Counts] = field(default_factory=dict)  # by kind, then by rule
    after: Counts = field(default_factory=dict)

    def balance(self) -> None:
        """Raise BooksError unless every annotation that came in or was added is still there or accounted for."""
        for kind in records.BOOKED:
            came = self.before.get(kind, 0) + self.added.get(kind, 0)
            left = self.after.get(kind, 0) + sum(self.dropped.get(kind, {}).values())
            if came != left:
                raise BooksError(f"stage {self.name!r}: {came} {kind} came in or were added, {left} left it")

    def __iadd__(self, other: StageBooks) -> StageBooks:
        self.images += other.images
        self.seconds += other.seconds
        self.faults += other.faults
        for mine, theirs in (
            (self.before, other.before),
            (self.added, other.added),
            (self.after, other.after),
        ):
            add_counts(mine, theirs)
        for kind, rules in other.dropped.items():
            add_counts(self.dropped.setdefault(kind, {}), rules)
        return self


@dataclass
class Ledger:
    """A shard's account. It is written last: a shard without a ledger that holds does not exist."""

    shard: str
    fingerprint: str
    images: int
    input: str = ""  # checksum of the shard that this one was made from
    files: dict[str, FileMark] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    stages: list[StageBooks] = field(default_factory=list)
    inputs: Counts = field(default_factory=dict)  # of an ingest: inputs, images, duplicates, quarantined
    quarantined: Counts = field(default_factory=dict)  # by reason
    seconds: float = 0.0

    @property
    def checksum(self) -> str:
        """Of the shard's records: what a shard made from it has for its input."""
        return self.files[shard_file(self.shard)].checksum

    @property
    def faults(self) -> int:
        """Specialists' failures on images of this shard."""
        return sum(stage.faults for stage in self.stages)

    def write(self, folder: Folder) -> None:
        """Commit the shard."""
        # As dataclasses.asdict, without its copies of what is only written.
        files = {name: vars(mark) for name, mark in self.files.items()}
        stages = [vars(stage) for stage in self.stages]
        folder.write_json(ledger_file(self.shard), {**vars(self), "files": files, "stages": stages})

    @classmethod
    def parse(cls, data: bytes, where: str) -> Ledger:
        """A ledger from its JSON; raises StorageError where it is none."""
        value = parse(data, where)
        try:
            return cls(
                **{
                    **value,
                    "files": {name: FileMark(**mark) for name, mark in value["files"].items()},
                    "stages": [StageBooks(**stage) for stage in value["stages"]],
                }
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise StorageError(f"{where} is no ledger of this version ({error})") from error


def ledger_file(shard: str) -> str:
    """Where a shard's ledger lies. Not in shards/, so that a reader can take that folder whole."""
    return f"ledgers/{shard}.json"


def load_ledgers(folder: Folder) -> dict[str, Ledger]:
    """Every committed shard's ledger, by shard, whose files still hold what was written.

    A file whose size or stamp moved is read and compared by checksum; one that fails is as if never written.
    """
    marks = folder.marks()
    names = sorted(name for name in marks if name.startswith("ledgers/") and name.endswith(".json"))
    found = {}
    for name, data in folder.read_many(names).items():
        try:
            ledger = Ledger.parse(data, f"{folder.url}/{name}")
        except StorageError:
            continue
        if ledger_file(ledger.shard) == name and all(
            _holds(folder, file, mark, marks.get(file)) for file, mark in ledger.files.items()
        ):
            found[ledger.shard] = ledger
    return found


def _holds(folder: Folder, name: str, mark: FileMark, now: tuple[int, str] | None) -> bool:
    if now is None or now[0] != mark.size:
        return False
    return (bool(mark.stamp) and now[1] == mark.stamp) or folder.checksum(name) == mark.checksum


def census(table: pa.Table) -> dict[str, Counts]:
    """How many annotations a table has: texts by granularity, regions by kind, phrases, labels, faults."""
    _, texts = records.flatten(table, "texts")
    _, regions = records.flatten(table, "regions")
    _, phrases = records.flatten(table, "phrases")
    _, faults = records.flatten(table, "faults")
    return {
        "texts": _by(texts.field("granularity")),
        "regions": _by(regions.field("kind")),
        "labels": _by(regions.field("labels").flatten().field("granularity")),
        "masks": {"mask": masks} if (masks := int(records.shaped(regions).sum())) else {},
        "phrases": {"phrase": len(phrases)} if len(phrases) else {},
        "human": _by_origin({"texts": texts, "regions": regions, "phrases": phrases}),
        "faults": _by(faults.field("stage")),
    }


def _by(values: pa.Array) -> Counts:
    found = pc.value_counts(values).to_pylist()
    return {str(item["values"]): item["counts"] for item in sorted(found, key=lambda i: str(i["values"]))}


def _by_origin(items: Mapping[str, pa.StructArray]) -> Counts:
    counts = {
        kind: int(np.count_nonzero(array.field("origin").field("model").to_numpy(zero_copy_only=False) == "human"))
        for kind, array in items.items()
    }
    return {kind: count for kind, count in counts.items() if count}


def add_counts(total: Counts, more: Mapping[str, int]) -> None:
    """Add `more` to `total` in place."""
    for key, count in more.items():
        total[key] = total.get(key, 0) + count


def total_stages(ledgers: Iterable[Ledger]) -> list[StageBooks]:
    """The stages' books over many shards, in the chain's order."""
    totals: dict[str, StageBooks] = {}
    for ledger in ledgers:
        for stage in ledger.stages:
            books = totals.setdefault(stage.name, StageBooks(stage.name))
            books += stage
    return list(totals.values())


def total_counts(ledgers: Iterable[Ledger]) -> dict[str, Counts]:
    """The census over many shards."""
    totals: dict[str, Counts] = {}
    for ledger in ledgers:
        for group, counts in ledger.counts.items():
            add_counts(totals.setdefault(group, {}), counts)
    return totals


def rounded(value: Any) -> Any:
    """JSON with its floats rounded to three digits: seconds, for people."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value
