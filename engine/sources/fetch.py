"""Inputs to outcomes: each input becomes a usable image or a refusal with its reason, in the order of rows.

Files are read ahead by a few threads, so that a store's latency is hidden; the decoding is done by the
caller's thread, since the caller has a process per core. Memory holds a few encoded images.
"""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from engine.images import Limits, Unusable, check_bytes, probe
from engine.sources import location, parquet, tar
from engine.sources.upright import settle

AHEAD = 8
AHEAD_BYTES = 64 * 2**20
_UNKNOWN_BYTES = AHEAD_BYTES // AHEAD
_ROWS_AT_ONCE = 64

Row = dict[str, Any]


@dataclass(frozen=True)
class Usable:
    """An image that decodes, and what its source says of it, in upright pixels and inside the image."""

    image_id: str  # sha256 of data, hexadecimal
    data: bytes  # the file, byte for byte
    width: int  # of the upright image
    height: int
    phash: int
    uri: str
    source: str
    texts: list[dict[str, Any]]
    regions: list[dict[str, Any]]
    faults: list[dict[str, Any]]
    rejects: list[dict[str, Any]]  # regions that cannot be kept, as rows of records.REJECTS


@dataclass(frozen=True)
class Refused:
    """An input that gives no image. Reasons: those of Unusable."""

    uri: str
    source: str
    reason: str
    detail: str
    size: int | None


def fetch(inputs: pa.Table, limits: Limits) -> Iterator[Usable | Refused]:
    """Exactly one outcome per row of INPUTS, in order. A bad input never raises.

    Rows of one Parquet file or compressed tar are read in one pass if they stand in ascending order, as
    list_inputs puts them; any other order is right too, and slow.
    """
    readers = _Readers(limits)
    try:
        for row, reading in _ahead(inputs, readers):
            yield _outcome(row, reading, limits)
    finally:
        readers.close()


def _ahead(inputs: pa.Table, readers: _Readers) -> Iterator[tuple[Row, Future[bytes] | None]]:
    """Each row with its bytes to come; None for a row that is refused already."""
    waiting: deque[tuple[Row, Future[bytes] | None]] = deque()
    for batch in inputs.to_batches(max_chunksize=_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            while waiting and (
                len(waiting) >= AHEAD or sum(_held(*pair) for pair in waiting) + _size(row) > AHEAD_BYTES
            ):
                yield waiting.popleft()
            waiting.append((row, None if row["refused"] else readers.start(row)))
    while waiting:
        yield waiting.popleft()


def _held(row: Row, reading: Future[bytes] | None) -> int:
    if reading is None:
        return 0
    if reading.done() and not reading.exception():
        return len(reading.result())
    return _size(row)


def _size(row: Row) -> int:
    return _UNKNOWN_BYTES if row["size"] is None else int(row["size"])


def _outcome(row: Row, reading: Future[bytes] | None, limits: Limits) -> Usable | Refused:
    if reading is None:
        return Refused(row["uri"], row["source"], row["refused"], row["detail"] or "", row["size"])
    size = row["size"]
    try:
        data = reading.result()
        size = len(data)
        found = probe(data, limits, row["uri"], claimed=_claimed(row))
    except Unusable as error:
        return Refused(row["uri"], row["source"], error.reason, str(error), size)
    image_id = hashlib.sha256(data).hexdigest()
    settled = settle(image_id, row["regions"] or [], row["frame"], found)
    faults = [{"stage": "ingest", "error": row["detail"]}] if row["detail"] else []
    return Usable(
        image_id, data, found.width, found.height, found.phash, row["uri"], row["source"],
        row["texts"] or [], settled.regions, [*faults, *settled.faults], settled.rejects,
    )  # fmt: skip


def _claimed(row: Row) -> bool | None:
    """Whether something else than its name says that an input is an image: a column of images, a COCO json."""
    return True if row["row"] is not None or row["frame"] is not None else None


class _Readers:
    """Starts reading rows: what stands alone by many threads, what must be read in order by one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._many = ThreadPoolExecutor(AHEAD, "read")
        self._one = ThreadPoolExecutor(1, "read-in-order")
        self._open: tuple[str, str | None] | None = None
        self._reader: parquet.Reader | tar.Reader | None = None
        self._is_compressed = functools.lru_cache(maxsize=16)(_is_compressed)

    def start(self, row: Row) -> Future[bytes]:
        check = functools.partial(check_bytes, limits=self._limits, name=row["uri"], claimed=_claimed(row))
        container = row["container"]
        if container is None:
            return self._many.submit(location.read, row["uri"], check, None, row["size"])
        if row["row"] is not None or self._is_compressed(container):
            return self._one.submit(self._read_in_order, row, check)
        return self._many.submit(location.read, container, check, (row["offset"], row["length"]), None)

    def close(self) -> None:
        for pool in (self._many, self._one):
            pool.shutdown(cancel_futures=True)
        self._leave()

    def _read_in_order(self, row: Row, check: Callable[[int], None]) -> bytes:
        """Runs in one thread only, which makes the open container safe."""
        key = (row["container"], row["column"])
        if self._open != key:
            self._leave()
            self._reader = _open_reader(row)
            self._open = key
        assert self._reader is not None
        return self._reader.read(row, check)

    def _leave(self) -> None:
        if self._reader:
            self._reader.close()
        self._reader, self._open = None, None


def _open_reader(row: Row) -> parquet.Reader | tar.Reader:
    try:
        if row["row"] is not None:
            return parquet.Reader(row["container"], row["column"])
        return tar.Reader(row["container"])
    except Exception as error:
        found = location.refusal(error)
        raise Unusable(found.refused or "unreadable", f"{row['container']}: {found.detail}") from error


def _is_compressed(container: str) -> bool:
    try:
        return tar.is_compressed(container)
    except Exception:  # noqa: BLE001 - the reading that follows meets the same error, and reports it
        return False
