"""Peak memory with ten times the images: at most 1.1 times. Of `fld run` and of `fld ingest`, every process counted.

The peak is the largest sum, over the command's process and all below it, of the proportional set size: memory
that several of them share is counted once. The kernel is asked every 50 ms (Linux only). Shards are small, so
that the smaller set fills several: one that fits into two would say little of what a third costs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, Options
from benchmarks.pictures import photos
from benchmarks.stages import fld

EVERY = 0.05
SHARD = 64  # images


def measure(options: Options) -> Iterator[Figure]:
    """Peaks in MB with `options.photos` photos and with ten times as many."""
    folder = options.folder
    counts = (options.photos, 10 * options.photos)
    for count in counts:
        photos(folder / f"photos-{count}", count)
    command, environment = fld(folder)
    with (folder / "params.yaml").open("a") as file:
        file.write(f"ingest:\n  shard_images: {SHARD}\n")
    for verb in ("ingest", "run"):
        peaks = []
        for count in counts:
            paths = [str(folder / f"photos-{count}"), str(folder / f"{verb}-{count}")]
            line = [sys.executable, *command, verb, *paths, "--params", str(folder / "params.yaml")]
            peaks.append(_peak(line, environment, folder))
        few, many = peaks
        name = f"memory of {verb}: {counts[1]:,} against {counts[0]:,} photos"
        yield Figure(name, many, few, many / few, 1.1, at_most=True, unit="MB")


def _peak(line: list[str], environment: dict[str, str], folder: Path) -> float:
    """The most MB that a command and its children held at once."""
    with subprocess.Popen(line, env=environment, cwd=folder, stdout=subprocess.DEVNULL) as process:
        most = 0
        while process.poll() is None:
            most = max(most, sum(map(_held, _tree(process.pid))))
            time.sleep(EVERY)
    if process.returncode:
        raise SystemExit(f"{' '.join(line)} ended with {process.returncode}")
    return most / 1e6


def _tree(root: int) -> list[int]:
    """The process and all below it."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            children.setdefault(_parent(int(name)), []).append(int(name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return -1


def _held(pid: int) -> int:
    """A process's proportional set size in bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
