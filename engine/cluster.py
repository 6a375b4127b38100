"""Runs a chain on Ray: one block per shard, a pool of actors per pack, the same bytes as the local runner.

A block is one row: the shard's job, and its work as Arrow IPC bytes. So a block can neither be split nor
merged, and Ray's accounting sees the size that really travels. The driver sees ledgers only.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from engine.ledger import Ledger
from engine.plan import Guard, Job, Plan, commit, load, memory, unguarded
from engine.shards import without_pixels
from engine.stage import Chain, Halt, Resources, Stage, pack_resources
from engine.worker import Progress, Work, Worker, sees_pixels

# Reading and committing wait for disks and networks. Whole CPUs for them would starve the actors, or hang.
IO_CPUS = 0.1
# A shard that kills its actor again and again must end the run, not keep it busy for ever.
RESTARTS = 3


class PlanError(ValueError):
    """A chain that the cluster can never place; the message says what is missing."""


class RunError(RuntimeError):
    """The run failed on the cluster: a worker's own words."""


@dataclass(frozen=True)
class _Need:
    name: str
    resources: Resources


def run(
    plan: Plan, *, address: str | None = None, progress: Progress | None = None, guard: Guard = unguarded
) -> Iterator[Ledger]:
    """Make the plan's shards on a Ray cluster and yield each one's ledger as it is committed.

    `address` as for `ray.init`; without one, Ray is started here for the length of the run. `progress` gets
    numbers of images. Raises PlanError before anything starts if the cluster has no room for the chain.
    """
    if not plan.jobs:
        return
    with session(address):
        check_chain(plan.chain)
        for ledger in _ledgers(plan, guard):
            if progress:
                progress(ledger.images)
            yield ledger


@contextmanager
def session(address: str | None) -> Iterator[None]:
    """The cluster at an address, or Ray started on this machine, for the length of the block."""
    import ray

    if ray.is_initialized():
        yield
        return
    connect(address)
    try:
        yield
    finally:
        ray.shutdown()


def check_chain(chain: Chain) -> None:
    """Refuse a chain that the cluster can never place; see check_room."""
    import ray

    needs = [_Need(name, need) for name, need in room_of(chain)]
    check_room(needs, [node["Resources"] for node in ray.nodes() if node["Alive"]])


def connect(address: str | None) -> None:
    """Join the cluster at an address, or start Ray on this machine; quietly."""
    import ray

    # Ray otherwise talks to the console and to the network about itself; what fails, a RunError says.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A process that reads or commits costs a second to start; idle ones are to wait for the next shard.
    os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", "600000")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else every actor pool is an error on the console
    options: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    try:
        if address:
            _knock(address)
            ray.init(address=address, **options)
        else:
            ray.init(address="local", include_dashboard=False, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise PlanError(f"no Ray cluster answers at {address or 'this machine'}: {error}") from error


def _knock(address: str) -> None:
    """Ray waits for minutes at an address where nobody is; a socket knows at once."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def check_room(needs: list[_Need], nodes: list[dict[str, float]]) -> None:
    """Refuse a plan that these nodes can never place: each pack at its minimum beside reading and writing."""
    wanted = _flat(needs)
    total = {kind: sum(node.get(kind, 0.0) for node in nodes) for kind in ("CPU", "GPU", "memory")}
    for need in needs:
        each = _amounts(need.resources)
        if not any(all(node.get(kind, 0.0) >= each[kind] for kind in each) for node in nodes):
            raise PlanError(
                f"no node has room for one worker of {need.name!r}, which needs {_say(each)}; the largest node "
                f"has {_say({kind: max((n.get(kind, 0.0) for n in nodes), default=0.0) for kind in total})}. "
                "Add such a node, or lower its resources in the profile"
            )
    short = {kind: amount - total[kind] for kind, amount in wanted.items() if amount > total[kind] + 1e-9}
    if short:
        raise PlanError(
            f"the chain needs {_say(wanted)} at the least, the cluster has {_say(total)}: {_say(short)} missing. "
            f"Workers: {', '.join(f'{n.resources.actors[0]} x {n.name}' for n in needs)}. "
            "Add nodes, lower the resources in the profile, or put stages into one pack"
        )


def _flat(needs: list[_Need]) -> dict[str, float]:
    total = {"CPU": 2 * IO_CPUS, "GPU": 0.0, "memory": 0.0}
    for need in needs:
        for kind, amount in _amounts(need.resources).items():
            total[kind] += amount * need.resources.actors[0]
    return total


def _amounts(resources: Resources) -> dict[str, float]:
    return {"CPU": resources.cpus, "GPU": resources.gpus, "memory": resources.memory_gb * 2**30}


def _say(amounts: dict[str, float]) -> str:
    parts = [
        f"{amount / 2**30:.1f} GB memory" if kind == "memory" else f"{amount:g} {kind}"
        for kind, amount in amounts.items()
        if amount or kind == "CPU"
    ]
    return " + ".join(parts)


def _ledgers(plan: Plan, guard: Guard) -> Iterator[Ledger]:
    from ray import data
    from ray.exceptions import RayError

    _settings(data.DataContext.get_current())
    slim = Plan(plan.chain, plan.source, plan.target, (), (), plan.embed)
    blocks = [{"job": pickle.dumps(job)} for job in plan.jobs]
    dataset = data.from_items(blocks, override_num_blocks=len(blocks))
    dataset = _map(dataset, _Load(slim), num_cpus=IO_CPUS)
    packs = [stages for _, stages in plan.chain.packs()]
    for place, stages in enumerate(packs):
        need = pack_resources(stages)
        dataset = _map(
            dataset,
            _pack(slim, stages, any(map(sees_pixels, packs[place + 1 :]))),
            compute=data.ActorPoolStrategy(min_size=need.actors[0], max_size=need.actors[1]),
            num_cpus=need.cpus,
            num_gpus=need.gpus or None,
            memory=need.memory_gb * 2**30 or None,
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
        )
    dataset = _map(dataset, _Commit(slim), num_cpus=IO_CPUS)
    try:
        for row in dataset.iter_rows():
            guard()
            if row["error"]:
                raise pickle.loads(row["halt"]) if row["halt"] else RunError(row["error"])
            yield pickle.loads(row["ledger"])
    except RayError as error:
        raise RunError(_words(error)) from error


def _map(dataset: Any, function: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        # Until 2.64 there is no other way to bound an actor's restarts.
        warnings.filterwarnings("ignore", message=".*ray_remote_args")
        return dataset.map_batches(function, batch_size=None, batch_format="pyarrow", zero_copy_batch=True, **options)


def _settings(context: Any) -> None:
    for handler in logging.getLogger("ray.data").handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.CRITICAL)  # Ray's own log files keep what it would say on the console
    context.target_max_block_size = None  # one block is one shard, however large
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.verbose_progress = False


@dataclass(frozen=True)
class _Load:
    plan: Plan

    def __call__(self, block: pa.Table) -> pa.Table:
        return _each(block, lambda job, _: _pack_up(load(self.plan, job)))


def _pack(plan: Plan, stages: tuple[Stage, ...], pixels: bool) -> type:
    """The actor class of a pack. Its stages travel in it: arguments of its constructor could get lost.

    `pixels` says whether a later pack looks at images. They are most of a shard's bytes, and a commit puts its
    own in their place: where nobody looks any more, they need not travel.
    """

    class Pack:
        worker: Worker | None = None

        def __call__(self, block: pa.Table) -> pa.Table:
            return _each(block, self.run)

        def run(self, job: Job, row: dict[str, Any]) -> dict[str, Any]:
            # Opened here, not when the actor is made: so that what goes wrong reaches the driver in its words.
            self.worker = self.worker or Worker(stages, max(1, math.floor(pack_resources(stages).cpus)))
            known = memory(plan, job)
            done = self.worker(_unpack(row), memory=known)
            known.keep()
            return _pack_up(done if pixels else replace(done, table=without_pixels(done.table)))

    return Pack


@dataclass(frozen=True)
class _Commit:
    plan: Plan

    def __call__(self, block: pa.Table) -> pa.Table:
        return _each(block, self.run)

    def run(self, job: Job, row: dict[str, Any]) -> dict[str, Any]:
        # Where and when the work was loaded, another clock was ticking: its stages' own seconds count.
        work = _unpack(row)
        spent = sum(books.seconds for books in work.books)
        return {"ledger": pickle.dumps(commit(self.plan, job, work, time.time() - spent))}


def _each(block: pa.Table, function: Callable[[Job, dict[str, Any]], dict[str, Any]]) -> pa.Table:
    """Apply to the block's one row. What goes wrong travels on as a row: so its words reach the driver."""
    (row,) = [{name: block[name][at] for name in block.column_names} for at in range(len(block))]
    done: dict[str, Any] = {"job": row["job"].as_py(), "error": row["error"].as_py() if "error" in row else ""}
    done["halt"] = row["halt"].as_py() if "halt" in row else b""
    if not done["error"]:
        try:
            done |= function(pickle.loads(done["job"]), row)
        except Exception as error:  # noqa: BLE001  (the driver raises it again, in its words)
            done["error"] = f"{type(error).__name__}: {error}"
            done["halt"] = pickle.dumps(error) if isinstance(error, Halt) else b""
    names = ("job", "error", "halt", "table", "rejects", "books", "ledger")
    return pa.table({name: _cell(done.get(name)) for name in names})


def _cell(value: bytes | str | pa.Buffer | None) -> pa.Array:
    if isinstance(value, str):
        return pa.array([value])
    data = pa.py_buffer(value or b"")
    ends = pa.py_buffer(np.array([0, data.size], np.int64))
    return pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, data])


def _pack_up(work: Work) -> dict[str, Any]:
    return {"table": _ipc(work.table), "rejects": _ipc(work.rejects), "books": pickle.dumps(work.books)}


def _unpack(row: dict[str, Any]) -> Work:
    tables = [pa.ipc.open_stream(row[name].as_buffer()).read_all() for name in ("table", "rejects")]
    return Work(tables[0], tables[1], pickle.loads(row["books"].as_py()))


def _ipc(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _words(error: Exception) -> str:
    """What a person needs of Ray's error: the exception behind it, or its first line."""
    cause = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0] if lines else cause}"


def room_of(chain: Chain) -> list[tuple[str, Resources]]:
    """What each worker of a chain needs, for a plan that is only shown."""
    return [(name, pack_resources(stages)) for name, stages in chain.packs()]


def describe(chain: Chain, address: str | None) -> str:
    """What the cluster has, once it is sure that the chain has room on it; raises PlanError."""
    import ray

    with session(address):
        check_chain(chain)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    total = {kind: sum(node.get(kind, 0.0) for node in nodes) for kind in ("CPU", "GPU", "memory")}
    return f"{len(nodes)} node{'s' if len(nodes) > 1 else ''}, {_say(total)}"
