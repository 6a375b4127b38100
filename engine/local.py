"""Runs a chain on this machine: in this process, or in several where the stages are light."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from engine.ledger import Ledger
from engine.plan import Guard, Job, Plan, commit, load, memory, unguarded
from engine.stage import Chain
from engine.worker import Progress, Worker

Item = TypeVar("Item")
Result = TypeVar("Result")

# What the server that forks worker processes imports once for all of them and all pools, and each of them otherwise for
# itself; pyarrow imports pandas with the first array that it makes of one of numpy's. All that this starts are threads
# of allocator and BLAS, which know of forks; of Apple's BLAS that is not said.
PRELOADED = [__name__, "pandas"] if sys.platform == "linux" else []

# A worker process that dies is replaced and its work tried again, so often.
ATTEMPTS = 3


class WorkerDied(RuntimeError):
    """Work that killed its process every time; `item` is what it was working on."""

    def __init__(self, item: object) -> None:
        super().__init__(f"{item}: the process working on it died {ATTEMPTS} times")
        self.item = item


def run(
    plan: Plan, *, workers: int = 1, progress: Progress | None = None, guard: Guard = unguarded
) -> Iterator[Ledger]:
    """Make the plan's shards and yield each one's ledger as it is committed.

    With one worker everything happens here, shard by shard, while the next shard is being read. `guard` is
    called before each commit and may raise to prevent it. `progress` gets numbers of images.
    """
    if workers > 1 and len(plan.jobs) > 1:
        yield from _run_in_processes(plan, workers, progress, guard)
    elif plan.jobs:
        yield from _run_here(plan, progress, guard)


def _run_here(plan: Plan, progress: Progress | None, guard: Guard) -> Iterator[Ledger]:
    packs = [Worker(stages, cores()) for _, stages in plan.chain.packs()]
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        ahead = reader.submit(load, plan, plan.jobs[0])
        for place, job in enumerate(plan.jobs):
            work, started = ahead.result(), time.time()
            if place + 1 < len(plan.jobs):
                ahead = reader.submit(load, plan, plan.jobs[place + 1])
            known = memory(plan, job)
            for at, worker in enumerate(packs):
                work = worker(work, progress if at == len(packs) - 1 else None, known)
            guard()
            known.keep()
            yield commit(plan, job, work, started)
    for worker in packs:
        worker.close()


def _run_in_processes(plan: Plan, workers: int, progress: Progress | None, guard: Guard) -> Iterator[Ledger]:
    # The guard stands before handing out a shard: a process of its own cannot call it.
    jobs = _guarded(plan.jobs, guard)
    task = _Task(plan, max(1, cores() // workers))
    for _, ledger in map_unordered(task, jobs, workers):
        if progress:
            progress(ledger.images)
        yield ledger


def _guarded(jobs: Iterable[Job], guard: Guard) -> Iterator[Job]:
    for job in jobs:
        guard()
        yield job


class _Task:
    """Loads, works off and commits one shard; each process opens the chain once."""

    def __init__(self, plan: Plan, cpus: int) -> None:
        self.plan = Plan(plan.chain, plan.source, plan.target, (), (), plan.embed)
        self.cpus = cpus

    def __call__(self, job: Job) -> Ledger:
        packs = _opened(self.plan.chain, self.cpus)
        started = time.time()
        work, known = load(self.plan, job), memory(self.plan, job)
        for worker in packs:
            work = worker(work, memory=known)
        known.keep()
        return commit(self.plan, job, work, started)


_open: dict[str, list[Worker]] = {}


def _opened(chain: Chain, cpus: int) -> list[Worker]:
    key = chain.fingerprint("")
    if key not in _open:
        _open[key] = [Worker(stages, cpus) for _, stages in chain.packs()]
    return _open[key]


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_unordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    ahead: int = 2,
    on_death: Callable[[Item], Result] | None = None,
) -> Iterator[tuple[Item, Result]]:
    """(item, result) of each item, in order of completion, in `workers` processes; items are taken as needed.

    A dead process costs a retry: after a break, what was under way is tried alone, so that what kills its
    process is found. After ATTEMPTS deaths `on_death` gets the item, or WorkerDied is raised.
    """
    source = iter(items)
    waiting: dict[Future[Result], Item] = {}
    pool = _pool(workers)
    try:
        while True:
            while len(waiting) < workers + ahead and (item := next(source, _END)) is not _END:
                waiting[_submit(pool, function, item)] = item  # type: ignore[assignment, arg-type]
            if not waiting:
                return
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
                wait(waiting)
                broken, waiting = waiting, {}
                pool.shutdown()
                for future, item in broken.items():
                    died = isinstance(future.exception(), BrokenProcessPool)
                    yield item, _alone(function, item, on_death) if died else future.result()
                pool = _pool(workers)
                continue
            for future in finished:
                yield waiting.pop(future), future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(function: Callable[[Item], Result], item: Item, on_death: Callable[[Item], Result] | None = None) -> Result:
    for _ in range(ATTEMPTS - 1):
        with _pool(1) as pool:
            future = pool.submit(function, item)
            if not isinstance(future.exception(), BrokenProcessPool):
                return future.result()
    if on_death:
        return on_death(item)
    raise WorkerDied(item)


def died_on(function: Callable[[range], object], length: int) -> list[int]:
    """Which of the indices below `length` kill the process in which `function` gets them, by halving."""
    suspects, killers = [range(length)], []
    while suspects:
        rows = suspects.pop()
        try:
            _alone(function, rows)
        except WorkerDied:
            if len(rows) == 1:
                killers.append(rows.start)
            else:
                middle = rows.start + len(rows) // 2
                suspects += [range(rows.start, middle), range(middle, rows.stop)]
    return sorted(killers)


def _submit(pool: ProcessPoolExecutor, function: Callable[[Item], Result], item: Item) -> Future[Result]:
    try:
        return pool.submit(function, item)
    except BrokenProcessPool as error:  # a process died since the last look: like one that dies now
        failed: Future[Result] = Future()
        failed.set_exception(error)
        return failed


def _pool(workers: int) -> ProcessPoolExecutor:
    # Forking a process that has threads (decoders, Arrow) can deadlock.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return ProcessPoolExecutor(workers, context, initializer=_die_with_parent)


def _die_with_parent() -> None:
    """Without this, the workers of a driver that was killed would wait for work for ever."""
    # Ctrl-C reaches the whole group: the driver alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    driver = multiprocessing.parent_process()

    def watch() -> None:
        if driver:
            driver.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="driver-watch").start()


_END = object()
