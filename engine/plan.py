"""Which shards a chain has to make from which, and how one is committed. Both runners work off a Plan."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine import records
from engine.ledger import Ledger, census, load_ledgers
from engine.memory import Memory
from engine.shards import read_shard, rejects_file, shard_file, with_pixels, without_pixels, write_table
from engine.stage import Chain
from engine.statistics import statistics
from engine.storage import Folder, StorageError
from engine.worker import Work


@dataclass(frozen=True)
class Job:
    """One shard to make: the unit of work, of commit and of resume."""

    shard: str
    images: int
    input: str  # checksum of the source's shard
    fingerprint: str  # that the made shard's ledger will have


@dataclass(frozen=True)
class Plan:
    """A chain, where its shards come from and go to, and which of them are still to be made."""

    chain: Chain
    source: Folder
    target: Folder
    jobs: tuple[Job, ...]
    done: tuple[Ledger, ...] = ()
    embed: Folder | None = None  # the image shards whose pixels are to be copied into the target's
    lend: Folder | None = None  # the image shards whose pixels the chain sees, where the source's have none

    @property
    def images(self) -> int:
        """How many are still to be done."""
        return sum(job.images for job in self.jobs)


def make_plan(
    chain: Chain,
    source: Folder,
    target: Folder,
    *,
    embed: Folder | None = None,
    lend: Folder | None = None,
    retry_faults: bool = False,
) -> Plan:
    """What is to be done, in the shards' order. A shard is done if its ledger holds and has this fingerprint.

    Raises StorageError for a source without shards, and for a target that holds another source's shards.
    """
    check_source(source)
    sources, made = load_ledgers(source), load_ledgers(target)
    strangers = sorted(set(made) - set(sources))
    if strangers:
        raise StorageError(
            f"{target.url} holds {strangers[0]}, which {source.url} does not: it was made from something else. "
            "Give another output folder, or remove this one"
        )
    settings = settings_mark(chain, embedded=embed is not None)  # once, for all shards
    jobs, done = [], []
    for shard, ledger in sorted(sources.items()):
        fingerprint = settings + input_mark(ledger)
        before = made.get(shard)
        if before and before.fingerprint == fingerprint and not (retry_faults and before.faults):
            done.append(before)
        else:
            jobs.append(Job(shard, ledger.images, ledger.checksum, fingerprint))
    return Plan(chain, source, target, tuple(jobs), tuple(done), embed, lend)


def settings_mark(chain: Chain, *, embedded: bool) -> str:
    """The first half of a made shard's fingerprint: what decides it but for its input."""
    return chain.fingerprint("embedded" if embedded else "")[:32]


def input_mark(source: Ledger) -> str:
    """The second half: what it was made from."""
    return source.checksum[:32]


def check_source(source: Folder) -> None:
    """Raise StorageError for a folder that no step has written to."""
    if not any(name.startswith("ledgers/") for name in source.marks()):
        raise StorageError(f"{source.url} holds no committed shards: is it the output of an earlier step?")


def load(plan: Plan, job: Job) -> Work:
    """A shard as the source has it; raises StorageError if it is not the one that was planned for."""
    table = read_shard(plan.source, job.shard)
    if len(table) != job.images:
        raise StorageError(
            f"{plan.source.url}/{shard_file(job.shard)} has {len(table)} images, its ledger says {job.images}"
        )
    return Work.of(with_pixels(table, plan.lend, job.shard) if plan.lend else table)


def memory(plan: Plan, job: Job) -> Memory:
    """What earlier runs found out about a shard."""
    return Memory(plan.target, job.shard)


def commit(plan: Plan, job: Job, work: Work, started: float) -> Ledger:
    """Write a finished shard: rejects, records, and last its ledger. `started` is time.time() of its load."""
    table = with_pixels(work.table, plan.embed, job.shard) if plan.embed else without_pixels(work.table)
    files = {}
    if len(work.rejects):
        name = rejects_file(job.shard)
        files[name] = write_table(plan.target, name, work.rejects)
    else:
        plan.target.remove(rejects_file(job.shard))
    name = shard_file(job.shard)
    files[name] = write_table(plan.target, name, table)
    ledger = Ledger(
        shard=job.shard,
        fingerprint=job.fingerprint,
        images=len(table),
        input=job.input,
        files=files,
        counts=census(table) | statistics(table),
        stages=list(work.books),
        seconds=time.time() - started,
    )
    ledger.write(plan.target)
    return ledger


Guard = Callable[[], None]


def unguarded() -> None:
    """For a run that nothing can take over."""
    return


def total_annotations(counts: dict[str, dict[str, int]]) -> int:
    """How many annotations a census counts, of all kinds."""
    return sum(sum(counts.get(kind, {}).values()) for kind in records.ANNOTATIONS)
