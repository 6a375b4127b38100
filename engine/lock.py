"""One run at a time on one output: a lock file with its holder's host, pid and heartbeat."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.storage import Folder, StorageError, unwritable

LOCK = "lock.json"
HEARTBEAT = 10.0  # seconds between two signs of life
STALE = 60.0  # seconds without one after which a lock on another host is taken over


class LockedError(RuntimeError):
    """Another run holds the output; the message says which."""


class Lock:
    """Held for the length of a `with` block; `check` before every commit, since it may have been taken over."""

    def __init__(self, folder: Folder, command: str = "", *, heartbeat: float = HEARTBEAT, stale: float = STALE):
        self.folder, self.command, self.heartbeat, self.stale = folder, command, heartbeat, stale
        self.token = uuid.uuid4().hex
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._stop = threading.Event()
        self._lost = ""
        self._thread = threading.Thread(target=self._beat, daemon=True, name="lock-heartbeat")

    def __enter__(self) -> Lock:
        with self._one_at_a_time():
            holder = self.folder.read_json(LOCK)
            if holder and self._alive(holder):
                raise LockedError(
                    f"{self.folder.url} is in use by pid {holder['pid']} on {holder['host']} "
                    f"({holder['command']}, since {holder['started']}, last sign of life "
                    f"{time.time() - holder['beat']:.0f} s ago). Wait for it, or stop it"
                )
            self._write()
        if not self.folder.local:
            self._settle()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        with self._one_at_a_time():
            holder = self.folder.read_json(LOCK)
            if holder and holder["token"] == self.token:
                self.folder.remove(LOCK)

    def check(self) -> None:
        """Raise LockedError if another run took the lock over, as it may after a long suspension of this one."""
        if self._lost:
            raise LockedError(f"{self.folder.url} was taken over by {self._lost}; this run stops without a commit")

    def _write(self) -> None:
        holder = {
            "host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid()), "token": self.token,
            "command": self.command, "started": self.started, "beat": time.time(),
        }  # fmt: skip
        self.folder.write_json(LOCK, holder)

    def _alive(self, holder: dict[str, Any]) -> bool:
        if holder["host"] == socket.gethostname():
            # A pid is given again to others in time: only one born when the holder was is the holder.
            return bool(_born(holder["pid"]) == holder["born"] != "")
        return bool(time.time() - holder["beat"] < self.stale)

    def _beat(self) -> None:
        while not self._stop.wait(self.heartbeat):
            try:
                with self._one_at_a_time():
                    holder = self.folder.read_json(LOCK)
                    if holder and holder["token"] != self.token:
                        self._lost = f"pid {holder['pid']} on {holder['host']}"
                        return
                    self._write()
            except OSError:
                continue  # a full disk or a lost connection: the run itself will meet it and say so

    def _settle(self) -> None:
        # An object store has no lock of its own: of two that wrote at once, the last one's token stands.
        time.sleep(1.0)
        holder = self.folder.read_json(LOCK) or {}
        if holder.get("token") != self.token:
            raise LockedError(f"{self.folder.url} was locked at the same moment by pid {holder.get('pid')}")

    @contextmanager
    def _guard(self) -> Iterator[None]:
        path = Path(self.folder.path(".lock.guard"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        except (FileExistsError, NotADirectoryError) as error:
            raise StorageError(f"{self.folder.url} cannot be an output: a file is in its place") from error
        except OSError as error:
            raise unwritable(self.folder.url, error) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _one_at_a_time(self) -> Any:
        return self._guard() if self.folder.local else nullcontext()


def _born(pid: int) -> str:
    """When a process of this host started, as the kernel counts; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _exists(pid)
    return "" if fields[0] == "Z" else fields[19]


def _exists(pid: int) -> str:
    """For hosts without /proc: a constant while some process has this pid."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"
