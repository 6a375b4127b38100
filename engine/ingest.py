"""From listed inputs to image shards: every input ends as an image, a duplicate or in quarantine.

The partition is fixed in a manifest before the first image is read, and shards are committed in its order:
so an interrupted ingest goes on exactly, and which of two equal files is "the image" depends on no core
count. A later ingest appends a manifest with the inputs that are new; a written shard is never rewritten.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine import records
from engine.images import Limits
from engine.ledger import BooksError, Ledger, StageBooks, add_counts, census
from engine.local import died_on, map_unordered
from engine.manifest import QUARANTINE, Chunk, IngestPlan
from engine.plan import Guard, unguarded
from engine.shards import (
    ROW_GROUP,
    read_table,
    rejects_file,
    shard_file,
    shard_name,
    write_batches,
    write_table,
)
from engine.sources.fetch import Refused, Usable, fetch
from engine.storage import TEMPORARY, FileMark, Folder, unwritable
from engine.worker import Progress

# The same bytes under another uri. Human annotations that only this copy has are kept here.
DUPLICATES = pa.schema(
    [("image_id", pa.string()), ("uri", pa.string()), ("source", pa.string())]
    + [(name, records.SCHEMA.field(name).type) for name in ("texts", "regions")]
)
IMAGES = records.SCHEMA


def run(
    plan: IngestPlan, *, workers: int, progress: Progress | None = None, guard: Guard = unguarded
) -> Iterator[Ledger]:
    """Read, decode and check what is to be done in `workers` processes; yield each shard as it is committed.

    `progress` gets numbers of inputs. Memory holds a few images per worker, whatever the sizes.
    """
    if not plan.todo:
        return
    first_seen = _first_seen(plan.out, plan.done)
    # Staged beside the output where that is a local disk: large, and soon read again.
    place = plan.out.root if plan.out.local else None
    if place:
        Path(place).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{TEMPORARY}staging-", dir=place) as folder:
        task = _Stage(plan.out, plan.settings.limits, folder)
        for chunk, staged in _in_order(plan.todo, task, workers):
            guard()
            ledger = _commit(plan.out, chunk, staged, first_seen)
            if progress:
                progress(chunk.inputs)
            yield ledger


def _first_seen(out: Folder, done: Sequence[Ledger]) -> dict[bytes, int]:
    """In which shard each image was first seen."""
    seen: dict[bytes, int] = {}
    for ledger in sorted(done, key=lambda ledger: ledger.shard):
        ids = read_table(out, shard_file(ledger.shard), columns=["image_id"])["image_id"]
        shard = int(ledger.shard.removeprefix("part-"))
        for image_id in ids.to_pylist():
            seen.setdefault(bytes.fromhex(image_id), shard)
    return seen


def _in_order(chunks: Sequence[Chunk], task: _Stage, workers: int) -> Iterator[tuple[Chunk, _Staged]]:
    """The staged chunks in the manifest's order, however they finish."""
    small = len(chunks) == 1 and chunks[0].inputs <= workers * 16  # starting processes would cost more
    results: Iterator[tuple[Chunk, _Staged]]
    if small or workers == 1:
        results = ((chunk, task(chunk)) for chunk in chunks)
    else:
        results = map_unordered(task, chunks, workers, on_death=task.without_killers)
    early: dict[int, _Staged] = {}
    place = 0
    for chunk, staged in results:
        early[chunk.shard] = staged
        while place < len(chunks) and chunks[place].shard in early:
            yield chunks[place], early.pop(chunks[place].shard)
            place += 1


@dataclass
class _Staged:
    """A chunk's images in a file of this machine, and what else became of its inputs."""

    path: str
    image_ids: list[bytes] = field(default_factory=list)  # of the file's rows
    refused: list[dict[str, Any]] = field(default_factory=list)  # rows of QUARANTINE
    rejects: list[tuple[int, dict[str, Any]]] = field(default_factory=list)  # with the file's row
    seconds: float = 0.0


@dataclass(frozen=True)
class _Stage:
    """Reads and decodes one chunk's inputs. Runs in any process."""

    out: Folder
    limits: Limits
    folder: str

    def __call__(self, chunk: Chunk, killers: frozenset[int] = frozenset()) -> _Staged:
        started = time.time()
        inputs = chunk.read(self.out)
        staged = _Staged(str(Path(self.folder, f"{chunk.shard}.parquet")))
        harmless = inputs.filter(pa.array([row not in killers for row in range(len(inputs))]))
        writer_rows = self._rows(fetch(harmless, self.limits), staged)
        try:
            with pq.ParquetWriter(staged.path, IMAGES, compression="none", use_dictionary=False) as writer:
                for table in writer_rows:
                    writer.write_table(table)
        except OSError as error:
            raise unwritable(staged.path, error) from error
        for row in sorted(killers):
            one = inputs.slice(row, 1).to_pylist()[0]
            detail = "the process that decoded it died"
            staged.refused.append(_refusal(Refused(one["uri"], one["source"], "decoder_died", detail, one["size"])))
        stamps = dict(zip(inputs["uri"].to_pylist(), inputs["stamp"].to_pylist(), strict=True))
        for refusal in staged.refused:
            refusal["stamp"] = stamps[refusal["uri"]]
        staged.seconds = time.time() - started
        return staged

    def without_killers(self, chunk: Chunk) -> _Staged:
        """For a chunk that kills its process: find the inputs that do it, and refuse them."""
        inputs = chunk.read(self.out)
        killers = died_on(_Probe(inputs, self.limits), len(inputs))
        return self(chunk, frozenset(killers))

    def _rows(self, outcomes: Iterator[Usable | Refused], staged: _Staged) -> Iterator[pa.Table]:
        rows: list[dict[str, Any]] = []
        held = 0
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                staged.refused.append(_refusal(outcome))
                continue
            staged.rejects += [(len(staged.image_ids), reject) for reject in outcome.rejects]
            staged.image_ids.append(bytes.fromhex(outcome.image_id))
            rows.append(_row(outcome))
            held += len(outcome.data)
            if held > 16 * 2**20:
                yield pa.Table.from_pylist(rows, IMAGES)
                rows, held = [], 0
        yield pa.Table.from_pylist(rows, IMAGES)


@dataclass(frozen=True)
class _Probe:
    """Decodes some of a chunk's inputs and forgets them: does it survive?"""

    inputs: pa.Table
    limits: Limits

    def __call__(self, rows: range) -> None:
        for _ in fetch(self.inputs.slice(rows.start, len(rows)), self.limits):
            continue


def _refusal(refused: Refused) -> dict[str, Any]:
    return {name: getattr(refused, name) for name in ("uri", "source", "reason", "detail", "size")}


def _row(image: Usable) -> dict[str, Any]:
    return {
        "image_id": image.image_id,
        "image": {"bytes": image.data, "path": image.uri.rpartition("/")[2]},
        "width": image.width,
        "height": image.height,
        "source": image.source,
        "uri": image.uri,
        "phash": image.phash,
        "texts": image.texts,
        "regions": image.regions,
        "phrases": [],
        "faults": image.faults,
    }


def _commit(out: Folder, chunk: Chunk, staged: _Staged, first_seen: dict[bytes, int]) -> Ledger:
    """Tell the duplicates, write what became of the chunk, and last its ledger."""
    started, shard = time.time(), shard_name(chunk.shard)
    keep = _mark_first(staged.image_ids, chunk.shard, first_seen)
    books = StageBooks("ingest", images=chunk.inputs, seconds=staged.seconds)
    counts: dict[str, dict[str, int]] = {}
    name = shard_file(shard)
    files = {name: write_batches(out, name, IMAGES, _kept(staged.path, keep, counts))}
    duplicates = _duplicates(staged.path, keep).combine_chunks()
    files |= _write_if_any(out, f"duplicates/{shard}.parquet", duplicates)
    files |= _write_if_any(out, f"quarantine/{shard}.parquet", pa.Table.from_pylist(staged.refused, QUARANTINE))
    rejects = [reject for row, reject in staged.rejects if keep[row]]
    files |= _write_if_any(out, rejects_file(shard), pa.Table.from_pylist(rejects, records.REJECTS))
    counts["set_aside"] = {
        kind: count
        for kind in ("texts", "regions")
        if (count := int(records.lengths(records.column_of(duplicates, kind)).sum()))
    }
    _account(books, counts, rejects)
    quarantined: dict[str, int] = {}
    for refusal in staged.refused:
        add_counts(quarantined, {refusal["reason"]: 1})
    inputs = {
        "inputs": chunk.inputs,
        "images": int(keep.sum()),
        "duplicates": len(duplicates),
        "quarantined": len(staged.refused),
    }
    if inputs["inputs"] != inputs["images"] + inputs["duplicates"] + inputs["quarantined"]:
        raise BooksError(f"{out.url}: {shard} does not account for all its inputs: {inputs}")
    ledger = Ledger(
        shard=shard,
        fingerprint=chunk.fingerprint,
        images=inputs["images"],
        files=files,
        counts=counts,
        stages=[books],
        inputs=inputs,
        quarantined=dict(sorted(quarantined.items())),
        seconds=staged.seconds + time.time() - started,
    )
    ledger.write(out)
    Path(staged.path).unlink()
    return ledger


def _mark_first(image_ids: Sequence[bytes], shard: int, first_seen: dict[bytes, int]) -> np.ndarray:
    """bool (n,): whether each image is the first with its bytes. A shard done anew knows no later ones."""
    keep = np.zeros(len(image_ids), bool)
    here: set[bytes] = set()
    for row, image_id in enumerate(image_ids):
        keep[row] = image_id not in here and first_seen.get(image_id, shard) >= shard
        here.add(image_id)
        if keep[row]:
            first_seen[image_id] = shard
    return keep


def _kept(path: str, keep: np.ndarray, counts: dict[str, dict[str, int]]) -> Iterator[pa.Table]:
    """The staged rows to keep, in full row groups, counted on their way."""
    with pq.ParquetFile(path) as file:
        start = 0
        held: list[pa.Table] = []
        for batch in file.iter_batches(ROW_GROUP):
            table = pa.table(batch).cast(IMAGES).filter(pa.array(keep[start : start + len(batch)]))
            start += len(batch)
            for group, found in census(table).items():
                add_counts(counts.setdefault(group, {}), found)
            held.append(table)
            merged = pa.concat_tables(held)
            full = len(merged) - len(merged) % ROW_GROUP
            if full:
                yield merged.slice(0, full).combine_chunks()
            held = [merged.slice(full)]
        if held and len(held[0]):
            yield held[0].combine_chunks()


def _duplicates(path: str, keep: np.ndarray) -> pa.Table:
    table = pq.read_table(path, columns=DUPLICATES.names, use_threads=False)
    return table.select(DUPLICATES.names).filter(pa.array(~keep)).cast(DUPLICATES)


def _write_if_any(out: Folder, name: str, table: pa.Table) -> dict[str, FileMark]:
    if len(table):
        return {name: write_table(out, name, table)}
    out.remove(name)
    return {}


def _account(books: StageBooks, counts: dict[str, dict[str, int]], rejects: list[dict[str, Any]]) -> None:
    for kind in records.ANNOTATIONS:
        rules: dict[str, int] = {}
        for reject in rejects:
            if reject["kind"] == kind:
                add_counts(rules, {reject["rule"]: 1})
        books.after[kind] = sum(counts.get(kind, {}).values())
        books.added[kind] = books.after[kind] + sum(rules.values())
        if rules:
            books.dropped[kind] = rules
    books.faults = sum(counts.get("faults", {}).values())
    books.balance()
