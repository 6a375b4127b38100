"""The order of an endless row of epochs: windows of blocks, in them visits of images, each of so many samples.

All of it follows from the seed, the epoch and what is in the shards: it is the same for every worker, which then
makes its own part alone. An epoch has all blocks in another order; the images of a window are mixed among each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from engine import records
from engine.checks import check
from engine.records import RecordError
from engine.stage import ChainError
from florence.data.blocks import Block, Blocks
from florence.data.picking import drafts
from florence.data.repeats import factor
from florence.data.settings import DataSettings


class Cursor(NamedTuple):
    """A place in the row: the sample that comes next, counted within a window of an epoch."""

    epoch: int = 0
    window: int = 0
    sample: int = 0

    def next(self) -> Cursor:
        """The place behind this one, which may be a window's end."""
        return self._replace(sample=self.sample + 1)


@dataclass(frozen=True, eq=False)
class Visit:
    """One showing of an image, of which so many samples are wanted. `key` is what its chances are drawn from."""

    row: Mapping[str, Any]  # the record, without pixels
    data: pa.BinaryScalar
    key: tuple[int, ...]
    samples: int


@dataclass(frozen=True, eq=False)
class Window:
    """Images that are mixed among each other, and how many rows were skipped before them, by reason."""

    epoch: int
    number: int
    visits: list[Visit]
    skipped: Counter[str] = field(default_factory=Counter)


class Slot(NamedTuple):
    """One sample of a visit, by its number in it, and where it is in the row."""

    at: Cursor
    window: Window
    visit: int
    sample: int


class Order:
    """The row of all samples of some blocks."""

    def __init__(self, blocks: Blocks, settings: DataSettings, factors: Mapping[str, float]) -> None:
        self._blocks, self._settings, self._factors = blocks, settings, factors

    def windows(self, start: Cursor) -> Iterator[Window]:
        """All windows from the one of a cursor on, without end; ChainError where an epoch has no sample at all."""
        epoch, first, carried = start.epoch, start.window, Counter[str]()
        while True:
            visits = 0
            for number, blocks in enumerate(self._parts(epoch)):
                if number < first:
                    continue
                window = self._window(epoch, number, blocks, carried)
                visits += len(window.visits)
                carried = Counter() if window.visits else window.skipped
                yield window
            if not visits and not first:
                why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(carried.items()))
                raise ChainError(f"none of {self._blocks.images:,} images gives a sample of the tasks wanted: {why}")
            epoch, first = epoch + 1, 0

    def samples(self) -> int:
        """How many samples an epoch has: an estimate, from the first block."""
        block = self._blocks.blocks[0]
        window = self._window(0, 0, [block], Counter())
        return round(sum(visit.samples for visit in window.visits) * self._blocks.images / block.rows)

    def _parts(self, epoch: int) -> list[list[Block]]:
        """The blocks of an epoch, mixed, by windows; what is left at the end, if less than half of one, in the last."""
        parts: list[list[Block]] = [[]]
        mixed = np.random.default_rng((self._settings.seed, epoch)).permutation(len(self._blocks.blocks))
        for place in mixed.tolist():
            if sum(block.rows for block in parts[-1]) >= self._settings.window:
                parts.append([])
            parts[-1].append(self._blocks.blocks[place])
        if len(parts) > 1 and 2 * sum(block.rows for block in parts[-1]) < self._settings.window:
            parts[-2:] = [parts[-2] + parts[-1]]
        return parts

    def _window(self, epoch: int, number: int, blocks: list[Block], skipped: Counter[str]) -> Window:
        visits: list[Visit] = []
        skipped = Counter(skipped)
        for block in blocks:
            table = self._blocks.read(block)
            data = records.column_of(table, "image").field("bytes")
            for at, row in enumerate(_rows(table, skipped)):
                if row is not None:
                    visits += self._visits(row, data[at], epoch, block.first + at, skipped)
        mixed = np.random.default_rng((self._settings.seed, epoch, number, 0)).permutation(len(visits))
        return Window(epoch, number, [visits[place] for place in mixed.tolist()], skipped)

    def _visits(
        self, row: Mapping[str, Any], data: Any, epoch: int, image: int, skipped: Counter[str]
    ) -> Iterator[Visit]:
        """An image as often as it comes in this epoch."""
        try:
            samples = min(len(drafts(row, self._settings.tasks)), self._settings.tasks_per_image)
        except Exception:  # noqa: BLE001 - what the contract does not see, as a mask that is none, costs its image alone
            skipped["broken_record"] += 1
            return
        if not samples:
            skipped["no_sample"] += 1
            return
        times = factor(row, self._factors)
        chance = np.random.default_rng((self._settings.seed, epoch, image, 1)).random()
        for copy in range(int(times) + int(chance < times % 1)):
            yield Visit(row, data, (self._settings.seed, epoch, image, 2, copy), samples)


def slots(windows: Iterator[Window], start: Cursor) -> Iterator[Slot]:
    """The samples of windows, from a cursor in the first of them on."""
    skip = start.sample
    for window in windows:
        places = [(visit, at) for visit, each in enumerate(window.visits) for at in range(each.samples)]
        for number, (visit, at) in enumerate(places[skip:], skip):
            yield Slot(Cursor(window.epoch, window.number, number), window, visit, at)
        skip = 0


def _rows(table: pa.Table, skipped: Counter[str]) -> Iterator[Mapping[str, Any] | None]:
    """Each record without its pixels; None for one that breaks the record's contract, which is counted."""
    sound = _sound(table)
    light = table.drop_columns(["image"])
    for at in range(len(table)):
        if not (sound or _sound(table.slice(at, 1))):
            skipped["broken_record"] += 1
            yield None
            continue
        (row,) = light.slice(at, 1).to_pylist()
        yield row


def _sound(table: pa.Table) -> bool:
    try:
        check(table)
    except RecordError:
        return False
    return True
