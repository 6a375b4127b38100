"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.worker import Progress as Advance

EVERY = 10.0  # seconds between two plain lines


@contextmanager
def progress(what: str, total: int, unit: str = "images") -> Iterator[Advance]:
    """A function to call with each number of units done."""
    console = Console(stderr=True)
    if not total:
        yield lambda done: None
    elif console.is_terminal:
        with _bar(console, unit) as bar:
            task = bar.add_task(what, total=total, rate="")
            started = time.monotonic()

            def advance(done: int) -> None:
                bar.advance(task, done)
                bar.update(task, rate=f"{bar.tasks[0].completed / max(time.monotonic() - started, 1e-9):.1f}")

            yield advance
    else:
        yield _Lines(what, total, unit)


def _bar(console: Console, unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}  {{task.fields[rate]}}/s"),
        TimeRemainingColumn(),
        console=console,
    )


class _Lines:
    """For cron logs: a line at the start, every EVERY seconds, and at the end."""

    def __init__(self, what: str, total: int, unit: str) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done, self.started = 0, time.monotonic()
        self.said = self.started
        self._say(f"{what}: {total} {unit} to do")

    def __call__(self, done: int) -> None:
        self.done += done
        now = time.monotonic()
        if self.done < self.total and now - self.said < EVERY:
            return
        self.said = now
        rate = self.done / max(now - self.started, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        time_left = f", {left:.0f} s left" if self.done < self.total else f" in {now - self.started:.1f} s"
        self._say(f"{self.what}: {self.done}/{self.total} {self.unit}, {rate:.1f}/s{time_left}")

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
