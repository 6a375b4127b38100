"""What annotate and curate share: run a chain of stages over a dataset's shards, on either runner."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import cluster, local
from engine.ledger import Ledger, load_ledgers
from engine.lock import Lock
from engine.plan import Guard, Plan, check_source, input_mark, make_plan, settings_mark
from engine.stage import Chain, Halt, Stage
from engine.storage import Folder, StorageError
from engine.worker import Progress, sees_pixels
from pipelines.progress import progress
from pipelines.report import FAILED, LIMIT, STEP, Report, books, fault_rate, say_annotations, say_dropped

# Whose output each command reads.
BEFORE = {"annotate": ("ingest",), "curate": ("annotate",), "refine": ("curate", "refine")}
# What ingest gives to a chain: pixels, and all that a source may have known already.
GIVEN = ("image", "texts", "regions", "phrases")


@dataclass(frozen=True)
class Runner:
    """Where a chain runs: in this process, in several, or on Ray (a cluster by address, else started here).

    With no number of workers, stages that look at images run in this process, on all its cores, and filters in as
    many processes as there is work for.
    """

    ray: bool = False
    address: str | None = None
    workers: int = 0

    def run(self, plan: Plan, advance: Progress, guard: Guard) -> Iterator[Ledger]:
        """The same shards whichever it is."""
        if self.ray:
            return cluster.run(plan, address=self.address, progress=advance, guard=guard)
        # What looks at images is heavy, and uses all cores by itself.
        workers = self.workers or (1 if sees_pixels(plan.chain.stages) else min(local.cores(), len(plan.jobs) // 8))
        return local.run(plan, workers=workers, progress=advance, guard=guard)

    @contextmanager
    def ready(self, *chains: Chain) -> Iterator[None]:
        """Find out before anything is written whether these chains can run; hold the cluster meanwhile."""
        for chain in chains:
            chain.check(GIVEN)
        if not self.ray:
            yield
            return
        with cluster.session(self.address):
            for chain in chains:
                cluster.check_chain(chain)
            yield


@dataclass(frozen=True)
class Step:
    """One command's work on one dataset."""

    command: str
    chain: Chain
    source: Folder
    out: Folder
    max_fault_rate: float
    embed: Folder | None = None  # image shards, to copy pixels from
    lend: Folder | None = None  # image shards, for a chain that sees pixels which its source has not
    retry_faults: bool = False

    def plan(self) -> Plan:
        """Check the chain, then see what is to be done."""
        self.chain.check(GIVEN)
        return make_plan(
            self.chain, self.source, self.out, embed=self.embed, lend=self.lend, retry_faults=self.retry_faults
        )


def run_step(step: Step, runner: Runner, *, dry_run: bool = False, about: dict[str, Any] | None = None) -> Report:
    """Run the step's chain over what is not done yet; leave its shards, ledgers and summary."""
    started = time.time()
    report = Report(step.command)
    if dry_run:
        return _dry_run(step, report)
    step.chain.check(GIVEN)
    check_source(step.source)
    check_kind(step.source, step.command)
    lacks = unfinished(step.source)
    with Lock(step.out, f"fld {step.command}") as lock:
        about_step: dict[str, Any] = {"source": _relative(step.source, step.out), "chain": step.chain.settings()}
        about_step["fingerprint"] = settings_mark(step.chain, embedded=step.embed is not None)
        about_step["resources"] = {stage.name: _asked(stage) for stage in step.chain.stages}
        claim(step.out, step.command, about_step | {"dataset": dataset_of(step.source)})
        step.out.sweep()
        plan = step.plan()
        made: list[Ledger] = []
        faults: Counter[str] = Counter()
        # More than the whole run may have: going on would only cost.
        allowed = step.max_fault_rate * (plan.images + sum(ledger.images for ledger in plan.done))
        try:
            with progress(step.command, plan.images) as advance:
                for ledger in runner.run(plan, advance, lock.check):
                    made.append(ledger)
                    faults.update({stage.name: stage.faults for stage in ledger.stages})
                    if max(faults.values(), default=0) > allowed:
                        break
        except Halt as halt:
            report.fail(_code(halt), f"{halt}. The {len(made):,} shards that were done stay; the same command goes on")
        ledgers = [*plan.done, *made]
        _close(report, step, plan, ledgers, made, time.time() - started)
        report.data |= about or {}
        if lacks:
            report.data["unfinished_source"] = lacks
            report.lines.append(f"  {lacks}")
        report.write(step.out)
    return report


def _asked(stage: Stage) -> list[float]:
    """CPUs and GPUs, which is what a stage costs by the hour."""
    return [stage.resources.cpus, stage.resources.gpus]


def _code(halt: Halt) -> int:
    """A limit, unless it is a service that cannot be used now."""
    from specialists.online.replies import OutOfService  # here: its libraries would slow every command's start

    return FAILED if isinstance(halt, OutOfService) else LIMIT


def check_kind(source: Folder, command: str) -> None:
    """A step reads what the step before it wrote: raw shards have no pixels, image shards no annotations."""
    made = (source.read_json(STEP) or {}).get("command")
    if made is not None and made not in BEFORE.get(command, (made,)):
        wanted = " or ".join(f"`fld {name}`" for name in BEFORE[command])
        raise StorageError(f"{source.url} is the output of `fld {made}`; `fld {command}` wants that of {wanted}")


def _close(report: Report, step: Step, plan: Plan, ledgers: list[Ledger], made: list[Ledger], seconds: float) -> None:
    report.data = books(ledgers) | {"new_shards": len(made), "new_images": sum(m.images for m in made)}
    data = report.data | {"seconds": seconds}
    report.data = data
    report.lines = [
        f"{data['images']:,} images: {say_annotations(data)} ({data['new_images']:,} images new, {seconds:.1f} s)",
        *(f"  {line}" for line in say_dropped(data)),
    ]
    left = len(plan.jobs) - len(made)
    rate, name = fault_rate(ledgers)
    data["fault_rate"] = rate
    if rate > step.max_fault_rate or (left and not report.code):
        report.fail(
            LIMIT,
            f"stage {name!r} failed on {rate:.1%} of its images, more than {step.command}.max_fault_rate = "
            f"{step.max_fault_rate:.1%}{f'; {left} shards were not begun' if left else ''}. `fld inspect` names the "
            "errors; mend the cause and run again with --retry-faults",
        )
    for fault, count in data["faults"].items():
        report.lines.append(f"  faults, {fault}: {count:,}")


def _dry_run(step: Step, report: Report) -> Report:
    plan = step.plan()
    report.data = {"to_do": {"shards": len(plan.jobs), "images": plan.images}, "done": {"shards": len(plan.done)}}
    report.lines = [f"{plan.images:,} images in {len(plan.jobs):,} shards would be done, {len(plan.done):,} are"]
    for name, need in cluster.room_of(step.chain):
        report.lines.append(
            f"  worker {name}: {need.cpus:g} CPU, {need.gpus:g} GPU, batches of {need.batch_size}, "
            f"{need.actors[0]} to {need.actors[1]} on a cluster"
        )
    return report


def claim(out: Folder, command: str, about: dict[str, Any]) -> None:
    """Mark `out` as this command's output; refuse a folder that is another one's."""
    found = out.read_json(STEP)
    if found and found["command"] != command:
        raise StorageError(
            f"{out.url} is the output of `fld {found['command']}`; give `fld {command}` a folder of its own"
        )
    if found and about.get("dataset") and found.get("dataset") not in (None, about["dataset"]):
        raise StorageError(
            f"{out.url} was made from other images than these. Give another output folder, or remove this one"
        )
    value = {"command": command, **about}
    if found != value:
        out.write_json(STEP, value)


def dataset_of(folder: Folder) -> str | None:
    """Which images a dataset is of: the same for all that is made from one ingest, wherever it is moved."""
    return (folder.read_json(STEP) or {}).get("dataset")


def source_of(dataset: Folder) -> Folder | None:
    """The dataset that a dataset was made from."""
    source = (dataset.read_json(STEP) or {}).get("source")
    if source is None:
        return None
    if "://" in source or source.startswith("/"):
        return Folder.at(source)
    return Folder.at(Path(dataset.root, source).resolve()) if dataset.local else Folder.at(_beside(dataset, source))


def unfinished(dataset: Folder) -> str:
    """What a dataset still lacks of what was asked for last, in words; nothing where it is whole.

    A command that was stopped leaves shards to be made and, where its settings had changed, shards of before: what is
    read from such a dataset is no one's result. Where its source has gone, only the latter can be seen.
    """
    step, source = dataset.read_json(STEP) or {}, source_of(dataset)
    if source is None or "fingerprint" not in step:
        return ""
    made, wanted = load_ledgers(dataset), load_ledgers(source)
    missing = len(wanted.keys() - made.keys())
    old = sum(
        not ledger.fingerprint.startswith(step["fingerprint"])
        or (shard in wanted and not ledger.fingerprint.endswith(input_mark(wanted[shard])))
        for shard, ledger in made.items()
    )
    if not missing and not old:
        return ""
    lacks = [f"{missing:,} of its {len(wanted):,} shards are still to be made"] * bool(missing)
    lacks += [f"{old:,} are as other settings, or another input, made them"] * bool(old)
    name = dataset.url.rpartition("/")[2]
    return f"{name} is not finished: {' and '.join(lacks)}. The same `fld {step['command']}` goes on"


def _relative(source: Folder, out: Folder) -> str:
    """Where the source lies seen from `out`, if both lie in one folder: so that the folder can be moved."""
    parent, name = source.url.rpartition("/")[::2]
    return f"../{name}" if parent and parent == out.url.rpartition("/")[0] else source.url


def _beside(dataset: Folder, relative: str) -> str:
    return f"{dataset.url.rpartition('/')[0]}/{relative.removeprefix('../')}"
