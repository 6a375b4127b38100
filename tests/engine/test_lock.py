"""One run at a time on one output, and no output locked for ever."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import time
import uuid
from pathlib import Path

import pytest

from engine.lock import LOCK, Lock, LockedError
from engine.storage import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.at(tmp_path)


def held(folder: Folder, **changes: object) -> None:
    """A lock file as another run would have left it."""
    holder = {
        "host": "elsewhere", "pid": 4242, "born": "1", "token": "other", "command": "fld run",
        "started": "2026-01-01T00:00:00+00:00", "beat": time.time(), **changes,
    }  # fmt: skip
    folder.write_json(LOCK, holder)


def test_a_second_run_is_told_who_holds_the_lock(folder: Folder) -> None:
    with Lock(folder, "fld run"), pytest.raises(LockedError) as caught, Lock(folder, "fld annotate"):
        pass
    for part in (str(os.getpid()), socket.gethostname(), "fld run", folder.url):
        assert part in str(caught.value)


def test_the_lock_goes_with_the_block(folder: Folder) -> None:
    with Lock(folder):
        assert LOCK in folder.marks()
    assert LOCK not in folder.marks()
    with Lock(folder):
        pass


def test_another_hosts_lock_holds_while_its_heart_beats(folder: Folder) -> None:
    held(folder)
    with pytest.raises(LockedError, match="elsewhere"), Lock(folder):
        pass


def test_another_hosts_stale_lock_is_taken_over(folder: Folder) -> None:
    held(folder, beat=time.time() - 61)
    with Lock(folder) as lock:
        assert json.loads(folder.read(LOCK))["token"] == lock.token


def test_a_dead_process_of_this_host_holds_nothing(folder: Folder) -> None:
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0,))
    process.start()
    process.join()
    held(folder, host=socket.gethostname(), pid=process.pid)
    with Lock(folder) as lock:
        assert json.loads(folder.read(LOCK))["token"] == lock.token


def test_a_pid_given_again_to_another_process_holds_nothing(folder: Folder) -> None:
    held(folder, host=socket.gethostname(), pid=os.getpid(), born="1")
    with Lock(folder) as lock:
        assert json.loads(folder.read(LOCK))["token"] == lock.token


def test_the_heart_beats(folder: Folder) -> None:
    with Lock(folder, heartbeat=0.02):
        first = json.loads(folder.read(LOCK))["beat"]
        deadline = time.time() + 5
        while json.loads(folder.read(LOCK))["beat"] == first and time.time() < deadline:
            time.sleep(0.02)
        assert json.loads(folder.read(LOCK))["beat"] > first


def test_a_run_that_lost_its_lock_stops_and_leaves_the_new_holder_alone(folder: Folder) -> None:
    with Lock(folder, heartbeat=0.02) as lock:
        lock.check()
        held(folder)
        deadline = time.time() + 5
        while not lock._lost and time.time() < deadline:
            time.sleep(0.02)
        with pytest.raises(LockedError, match="taken over by pid 4242"):
            lock.check()
    assert json.loads(folder.read(LOCK))["token"] == "other"


def test_a_lock_on_an_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    folder = Folder.at(f"memory://{uuid.uuid4().hex}/out")
    with Lock(folder), pytest.raises(LockedError), Lock(folder):
        pass
    assert folder.marks() == {}
