"""Of what a folder of weights consists, as a digest: files are read once, and again only when they have changed.

Weights of many GB would cost each start seconds. So the digest of every file is kept in the user's cache, with size,
inode and times, as git keeps those of a working tree. What is kept there is only ever believed of a file that has
exactly those; without a cache that can be read or written, everything is read.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from engine.storage import Folder

# What a loader reads: a change in any other file changes no output.
READ = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
SETTLED = 2.0  # seconds: a younger file could change once more within the same tick of its clock; ours

Stamp = tuple[int, int, int, int]  # size, inode, time of the last change of contents and of the entry, in ns


def digest(folder: Path) -> str:
    """Of all that a loader reads from a folder: 16 hexadecimal digits."""
    known = _kept(folder)
    found = {path.name: _of(path, known) for path in sorted({path for read in READ for path in folder.glob(read)})}
    settled = {name: (stamp, sha) for name, (stamp, sha) in found.items() if _is_settled(stamp)}
    if settled.items() - known.items():
        _keep(folder, known | settled)
    return _total((name, sha) for name, (_, sha) in found.items())


def cache_folder() -> Folder:
    """Where what can be made again is kept: $FLD_CACHE, else fld in the user's cache."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "fld"
    return Folder.at(os.environ.get("FLD_CACHE") or str(usual))


def _total(files: Iterable[tuple[str, str]]) -> str:
    total = hashlib.sha256()
    for name, sha in files:
        total.update(f"{name}\0{sha}\0".encode())
    return total.hexdigest()[:16]


def _of(path: Path, known: dict[str, tuple[Stamp, str]]) -> tuple[Stamp, str]:
    stamp, (before, sha) = _stamp(path), known.get(path.name, (None, ""))
    return stamp, sha if stamp == before else _sha256(path, stamp)


@cache
def _sha256(path: Path, stamp: Stamp) -> str:
    """Of a file as it stands with this stamp: read once per process, whether the cache can be written or not."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _is_settled(stamp: Stamp) -> bool:
    return time.time_ns() - max(stamp[2:]) > SETTLED * 1e9


def _file(folder: Path) -> str:
    return f"digests/{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]}.json"


def _kept(folder: Path) -> dict[str, tuple[Stamp, str]]:
    """What is kept of a folder's files; nothing where that cannot be read or makes no sense."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        kept = {}
        for name, (*stamp, sha) in (cache_folder().read_json(_file(folder)) or {}).items():
            size, inode, written, entered = map(int, stamp)
            if len(bytes.fromhex(sha)) == hashlib.sha256().digest_size:
                kept[name] = ((size, inode, written, entered), sha)
        return kept
    return {}


def _keep(folder: Path, files: dict[str, tuple[Stamp, str]]) -> None:
    """The file appears whole or not at all, so of two that write at once either may win."""
    there = {name: [*stamp, sha] for name, (stamp, sha) in sorted(files.items()) if (folder / name).exists()}
    with suppress(OSError):
        cache_folder().write_json(_file(folder), there)
