"""What one worker does to one shard: batches through a pack of stages, faults confined, books kept.

Both runners call this and nothing else, which is why they make the same bytes.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.checks import check
from engine.images import decode
from engine.ledger import BooksError, Counts, StageBooks
from engine.memory import Memory
from engine.stage import Batch, ChainError, Halt, Outcome, Stage

# Decoded pixels held for one slice of a shard; a second one is decoded ahead.
DECODE_BUDGET = 256 * 2**20

# As Python's own thresholds, for a shard's work: a fifth less time for curate's text filters.
COLLECT = (200_000, 50, 50)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Work:
    """A shard on its way: its records, what was dropped so far, and the books of the stages so far."""

    table: pa.Table
    rejects: pa.Table
    books: tuple[StageBooks, ...] = ()

    @classmethod
    def of(cls, table: pa.Table) -> Work:
        """A shard that no stage has seen."""
        return cls(table, records.empty(records.REJECTS))


class Worker:
    """A pack of stages with their weights loaded, on so many cores."""

    def __init__(self, stages: Sequence[Stage], cpus: int) -> None:
        self.stages = tuple(stages)
        for stage in self.stages:
            _open(stage, cpus)
        self._sees = sees_pixels(stages)
        self._limit = {stage.name: stage.resources.batch_size for stage in stages}
        self._decoders = ThreadPoolExecutor(cpus, "decode")

    def close(self) -> None:
        """Let go of the decoding threads."""
        self._decoders.shutdown(cancel_futures=True)

    def __call__(self, work: Work, progress: Progress | None = None, memory: Memory | None = None) -> Work:
        """Run the pack over a shard. The same work gives the same result, whatever was run before."""
        with _collecting_seldom():
            return self._worked(work, progress, memory or Memory())

    def _worked(self, work: Work, progress: Progress | None, memory: Memory) -> Work:
        books = {stage.name: StageBooks(stage.name) for stage in self.stages}
        tables, rejects = [], [work.rejects]
        for batch in self._slices(work.table, memory):
            table = batch.table
            for stage in self.stages:
                outcome = self._run(stage, replace(batch, table=table), books[stage.name])
                table = outcome.table
                rejects.append(outcome.rejects)
            tables.append(table)
            if progress:
                progress(len(table))
        for account in books.values():
            account.balance()
        done = pa.concat_tables(tables) if tables else work.table
        if not done["image_id"].equals(work.table["image_id"]):
            raise BooksError("a stage lost, added or reordered images")
        return Work(done, pa.concat_tables(rejects), (*work.books, *books.values()))

    def _slices(self, table: pa.Table, memory: Memory) -> Iterator[Batch]:
        """The shard in slices of a bounded number of pixels, the next one being decoded meanwhile."""
        size = max(stage.resources.batch_size for stage in self.stages)
        cuts = _cuts(table, size, DECODE_BUDGET if self._sees else None)
        ahead: Batch | None = None
        for start, end in pairwise(cuts):
            part = table.slice(start, end - start)
            pixels = _Pixels(part, self._decoders if self._sees else None)
            current, ahead = ahead, Batch(part, pixels, memory)
            if current:
                yield current
        if ahead:
            yield ahead

    def _run(self, stage: Stage, batch: Batch, books: StageBooks) -> Outcome:
        """One stage over one slice, in batches of its own size."""
        started = time.perf_counter()
        outcomes: list[Outcome] = []
        start = 0
        while start < len(batch):
            size = min(self._limit[stage.name], len(batch) - start)
            outcomes += self._attempt(stage, batch.slice(start, size), books)
            start += size
        books.images += len(batch)
        books.seconds += time.perf_counter() - started
        return Outcome(
            _joined([outcome.table for outcome in outcomes]),
            pa.concat_tables([outcome.rejects for outcome in outcomes]),
        )

    def _attempt(self, stage: Stage, batch: Batch, books: StageBooks) -> list[Outcome]:
        """A batch, halved on an exception until whatever causes it stands alone and gets a fault."""
        try:
            outcome = stage(batch)
            account = audit(stage, batch.table, outcome)
        except Halt:
            raise
        except Exception as error:  # noqa: BLE001  (a specialist may raise anything, and costs only its images)
            if len(batch) == 1:
                counts = _counts(batch.table)
                books += StageBooks(stage.name, faults=1, before=counts, after=counts)
                return [Outcome(_with_fault(batch.table, stage, error))]
            half = len(batch) // 2
            if _out_of_memory(error):
                self._limit[stage.name] = min(self._limit[stage.name], max(1, half))
            first = self._attempt(stage, batch.slice(0, half), books)
            return first + self._attempt(stage, batch.slice(half, len(batch) - half), books)
        books += account
        return [outcome]


def _open(stage: Stage, cpus: int) -> None:
    """Load what a stage needs; what goes wrong is told with its name."""
    try:
        stage.open(cpus)
    except (ChainError, Halt, MemoryError):
        raise
    except Exception as error:
        raise ChainError(f"{stage.name}: cannot be opened: {type(error).__name__}: {error}") from error


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Parses and rows are a great many small objects, and none of them is in a cycle: looking for those is dear."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def sees_pixels(stages: Sequence[Stage]) -> bool:
    """Whether any of the stages looks at images."""
    return any(part.partition(".")[0] == "image" for stage in stages for part in stage.reads)


class _Pixels:
    """The decoded images of a slice, each decoded once however many stages look at it."""

    def __init__(self, table: pa.Table, decoders: ThreadPoolExecutor | None) -> None:
        self._images: list[Future[np.ndarray]] = []
        if decoders:
            encoded = records.column_of(table, "image").field("bytes")
            self._images = [decoders.submit(_decode, data) for data in encoded]

    def __call__(self, row: int) -> np.ndarray:
        """One row's image, once it is decoded."""
        return self._images[row].result()


def _decode(data: pa.BinaryScalar) -> np.ndarray:
    if not data.is_valid:
        raise ValueError("the record holds no image bytes")
    return decode(data.as_py())


def _cuts(table: pa.Table, size: int, budget: int | None) -> list[int]:
    """Where slices begin and end: at most `size` images and `budget` bytes of pixels, but one image at least."""
    if budget is None:
        return [*range(0, len(table), size), len(table)]
    cost = 3 * table["width"].to_numpy().astype(np.int64) * table["height"].to_numpy()
    cuts, held = [0], 0
    for row, cost_of_row in enumerate(cost.tolist()):
        if row > cuts[-1] and (row - cuts[-1] == size or held + cost_of_row > budget):
            cuts.append(row)
            held = 0
        held += cost_of_row
    return [*cuts, len(table)] if len(table) else [0]


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Batches behind each other, each column but the pixels in one piece: each next stage would join it anew."""
    table = pa.concat_tables(parts)
    if len(parts) == 1:
        return table
    columns = [table[name] if name == "image" else table[name].combine_chunks() for name in table.column_names]
    return pa.table(columns, schema=table.schema)


def audit(stage: Stage, before: pa.Table, outcome: Outcome) -> StageBooks:
    """The stage's account of one batch; raises unless its outcome keeps the record's contract and its word."""
    after, rejects = outcome.table, outcome.rejects
    changed = [name for name in after.column_names if not _same(before[name], after[name])]
    allowed = {part.partition(".")[0] for part in stage.writes}
    # Dropping a region prunes it from the phrases, dropping a text takes its phrases along.
    allowed |= {"phrases"} if allowed & {"regions", "texts"} else set()
    if not set(changed) <= allowed:
        raise BooksError(f"stage {stage.name!r} changed {sorted(set(changed) - allowed)}, which it does not write")
    if changed:
        check(after, changed)
    books = StageBooks(stage.name, before=_counts(before))
    books.after = dict(books.before)
    if changed or len(rejects):
        _account(books, before, after, rejects, changed)
    return books


def _account(books: StageBooks, before: pa.Table, after: pa.Table, rejects: pa.Table, changed: Sequence[str]) -> None:
    """Of each kind what came and went, against what the rejects say; keys and rules alone are taken out of these."""
    said, rules, keys = records.column_of(rejects, "kind"), records.column_of(rejects, "rule"), _keys(before, rejects)
    found = {kind: pc.equal(said, kind) for kind in records.ANNOTATIONS}
    ids = {
        kind: (records.ids(before, kind), records.ids(after, kind))
        for kind, mine in found.items()
        if kind in changed or pc.any(mine).as_py()
    }
    for kind, (old, new) in ids.items():
        _balance(books, kind, old, new, keys.filter(found[kind]), rules.filter(found[kind]))
    if "regions" in changed:
        # A shape goes with its region, by the region's rule, or alone.
        lost = pc.or_(found["regions"], pc.equal(said, "masks"))
        lost = pc.and_(lost, _shaped(records.column_of(rejects, "region")))
        old, new = ids["regions"]
        old, new = old.filter(_shaped(_items(before, "regions"))), new.filter(_shaped(_items(after, "regions")))
        _balance(books, "masks", old, new, keys.filter(lost), rules.filter(lost))


def _balance(books: StageBooks, kind: str, old: pa.Array, new: pa.Array, gone: pa.Array, rules: pa.Array) -> None:
    """Of one kind: its keys before and after, and keys and rules of those that the stage says it dropped."""
    lost = old.filter(pc.invert(pc.is_in(old, value_set=new)))
    if not lost.sort().equals(gone.sort()):
        raise BooksError(f"stage {books.name!r}: {len(lost)} {kind} are gone and {len(gone)} are among its rejects")
    books.added[kind] = len(new) - len(old) + len(lost)
    books.after[kind] = len(new)
    if len(rules):
        books.dropped[kind] = {item["values"]: item["counts"] for item in pc.value_counts(rules).to_pylist()}


def _keys(before: pa.Table, rejects: pa.Table) -> pa.Array:
    """The keys of what was dropped, as `records.ids` makes them."""
    images = records.column_of(before, "image_id")
    row = pc.index_in(records.column_of(rejects, "image_id"), value_set=images)
    return records.keys(row.to_numpy(zero_copy_only=False), records.column_of(rejects, "id"))


def _counts(table: pa.Table) -> Counts:
    counts = {kind: len(_items(table, kind)) for kind in records.ANNOTATIONS}
    return counts | {"masks": int(records.shaped(_items(table, "regions")).sum())}


def _items(table: pa.Table, column: str) -> pa.StructArray:
    return records.column_of(table, column).flatten()


def _shaped(regions: pa.StructArray) -> pa.Array:
    return pa.array(records.shaped(regions))


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Whether two columns are the same memory: told without looking at a value."""
    return one is other or (one.num_chunks == other.num_chunks and _places(one) == _places(other))


def _places(column: pa.ChunkedArray) -> list[tuple[int, int, list[int]]]:
    return [
        (chunk.offset, len(chunk), [buffer.address if buffer else 0 for buffer in chunk.buffers()])
        for chunk in column.chunks
    ]


def _with_fault(table: pa.Table, stage: Stage, error: Exception) -> pa.Table:
    message = f"{type(error).__name__}: {error}".strip()
    return records.append(table, "faults", [[{"stage": stage.name, "error": message[:1000]}]])


def _out_of_memory(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or "out of memory" in str(error).lower()
    )
