"""Batches without end from curated shards: read, decoded and put together in threads while the model learns."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice
from typing import Any

from engine.local import cores
from engine.stage import ChainError, digest
from florence.data.ahead import ahead
from florence.data.batches import Batch
from florence.data.blocks import Blocks, Place
from florence.data.fitting import fitted
from florence.data.order import Cursor, Order, Slot, slots
from florence.data.preparing import Prepared, Preparer
from florence.data.repeats import factors
from florence.data.settings import DataSettings
from florence.data.tally import Tally
from florence.presets import Florence

_Part = tuple[Future[Prepared], int, int]  # a page to be, and which of its samples


@dataclass(frozen=True)
class _Step:
    """A worker's part of a step while it is being made; `after` is where the next step begins."""

    parts: list[_Part]
    skipped: Counter[str]
    epoch: int
    after: Cursor


class Loader:
    """The samples of curated shards for one of `world` workers, in an order that the seed gives.

    `shards` is a step's folder as `fld curate` writes it, or several; `images` the image shards, where they are no
    longer where curated shards say that they were made from them. A step's samples are the same whatever the number
    of workers: worker `rank` has the rank-th part of them. An image is decoded once for all its samples of a visit.

    Raises ChainError for settings that do not fit the model or the workers, StorageError for what is no dataset.
    """

    def __init__(
        self,
        shards: Place | Sequence[Place],
        florence: Florence,
        settings: DataSettings,
        rank: int = 0,
        world: int = 1,
        *,
        images: Place | None = None,
    ) -> None:
        if not 0 <= rank < world:
            raise ChainError(f"there is no worker {rank} of {world}")
        if settings.batch_size % world:
            raise ChainError(f"batch_size is {settings.batch_size}: it must be a multiple of the {world} workers")
        self.settings, self._rank, self._world = settings, rank, world
        look, limits, self._binder = fitted(florence, settings)
        self._prepare = Preparer(look, limits, settings)
        blocks = Blocks(shards, images)
        self.images = blocks.images
        self._fingerprint = digest([blocks.fingerprint, settings.order])
        self._order = Order(blocks, settings, factors(blocks, settings))
        self._cursor, self._step, self._tally = Cursor(), 0, Tally.of({}, {}, {})

    @property
    def counts(self) -> dict[str, int]:
        """Rows that were skipped in the batches handed out so far, by reason, each time that they were met.

        broken_record, no_sample, no_sample_fits, no_pixels, wrong_size, or what is wrong with the image
        (engine.images.Unusable). Of several workers each counts its own part: the sum is that of one worker.
        """
        return dict(self._tally.skipped)

    @property
    def cut(self) -> dict[str, int]:
        """How many items the targets handed out so far lack for want of room (`max_target`), by task."""
        return dict(self._tally.cut)

    @property
    def unfit(self) -> dict[str, int]:
        """How many samples were passed over, as their prompt or all of their target is too long, by task."""
        return dict(self._tally.unfit)

    @cached_property
    def samples_per_epoch(self) -> int:
        """An estimate, from the first block of images."""
        return self._order.samples()

    def state(self) -> dict[str, Any]:
        """Where the next batch begins, and the counts so far: JSON. Of one worker; all are at the same place."""
        tally = {"skipped": self.counts, "cut": self.cut, "unfit": self.unfit}
        return {"order": self._fingerprint, **self._cursor._asdict(), "step": self._step, **tally}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where a state says; ChainError where it is one of other shards or of another order of them.

        The number of workers, the batch size and all else that does not change the order may be other than it was.
        """
        try:
            order, step = state["order"], int(state["step"])
            cursor = Cursor(*(int(state[name]) for name in Cursor._fields))
            tally = Tally.of(*(dict(state[name]) for name in ("skipped", "cut", "unfit")))
        except (KeyError, TypeError, ValueError) as error:
            raise ChainError(f"this is no state of a loader: {error!r}") from error
        if order != self._fingerprint:
            raise ChainError(
                "the loader's state was written with other shards, or with another seed, window, task weights or "
                "repeat factor: go on with those, or begin anew"
            )
        self._cursor, self._step, self._tally = cursor, step, tally

    def __iter__(self) -> Iterator[Batch]:
        """Batches from where the state is; one iterator at a time. Closed, or let go, it stops its threads."""
        with closing(ahead(self._made(self._cursor, self._step), 1)) as made:
            for batch, after, tally in made:
                self._cursor, self._step = after, batch.step + 1
                self._tally += tally
                yield batch

    def _made(self, start: Cursor, step: int) -> Iterator[tuple[Batch, Cursor, Tally]]:
        """Batches, where each ends, and what it adds to the counts; `prefetch` are begun before one is put together."""
        pool, begun = ThreadPoolExecutor(self.settings.threads or cores(), "prepare"), deque[_Step]()
        try:
            with closing(self._begun(pool, start)) as steps:
                for each in steps:
                    begun.append(each)
                    if len(begun) > self.settings.prefetch:
                        yield self._bound(begun.popleft(), step)
                        step += 1
        finally:
            pool.shutdown(cancel_futures=True)

    def _begun(self, pool: ThreadPoolExecutor, start: Cursor) -> Generator[_Step, None, None]:
        """Steps whose pages are being made."""
        share = self.settings.batch_size // self._world
        last: tuple[Any, Future[Prepared]] | None = None
        with closing(ahead(self._order.windows(start), 1)) as windows:
            row = slots(windows, start)
            while True:
                step = list(islice(row, self.settings.batch_size))
                parts: list[_Part] = []
                for visit, samples in groupby(step[self._rank * share : (self._rank + 1) * share], _visit):
                    numbers = [slot.sample for slot in samples]
                    # What a step has begun of an image, the next may go on with.
                    if last is None or last[0] != visit:
                        last = visit, pool.submit(self._prepare, *visit)
                    parts.append((last[1], numbers[0], numbers[-1] + 1))
                yield _Step(parts, self._skipped(step), step[0].at.epoch, step[-1].at.next())

    def _skipped(self, step: Sequence[Slot]) -> Counter[str]:
        """Rows that never came so far as to be shown: the first worker counts them."""
        skipped: Counter[str] = Counter()
        for slot in step:
            if self._rank == 0 and slot.at.sample == 0:
                skipped.update(slot.window.skipped)
        return skipped

    def _bound(self, step: _Step, number: int) -> tuple[Batch, Cursor, Tally]:
        tally = Tally.of(step.skipped, {}, {})
        pages = []
        for future, first, end in step.parts:
            prepared = future.result()
            if first == 0:  # who has an image's first sample counts what happened to it
                tally += Tally.of(prepared.skipped, {}, prepared.unfit)
            pages.append(replace(prepared.page, picks=prepared.page.picks[first:end]))
            for pick in pages[-1].picks:
                tally.cut.update({pick.task: pick.cut} if pick.cut else {})
        return self._binder.bind(pages, step.epoch, number), step.after, tally


def _visit(slot: Slot) -> tuple[Any, int]:
    return slot.window, slot.visit
