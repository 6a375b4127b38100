"""What kills, fills up or comes between: afterwards the same command ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from fakes import files, png

from engine.ledger import load_ledgers
from engine.storage import Folder

PROFILE = "stages: {{boxes: {{seconds: {seconds}, log: '{log}', resources: {{batch_size: 4, cpus: 0.5}}}}}}"
PARAMS = "ingest: {shard_images: 4, max_quarantine_rate: 0.5}\ncurate: {filters: {region_score: {object: 0.499}}}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Forty images, some broken and some twice; settings that make ten shards and drop some regions."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(40):
        (photos / f"{seed:02}.png").write_bytes(png(seed % 36))
    (photos / "17.png").write_bytes(b"\x89PNG")
    settings(tmp_path, 0.0)
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def settings(place: Path, seconds: float) -> None:
    # How long an image takes is a setting of the fake, and so part of its fingerprint: it must not change.
    (place / "boxes.yaml").write_text(PROFILE.format(seconds=seconds, log=place / "log"))


def command(place: Path, out: str, *more: str) -> list[str]:
    verb = ["run", "photos", out, "--profile", "boxes.yaml", *more]
    return [sys.executable, "-m", "pipelines.cli", *verb]


def complete(place: Path, out: str, *more: str) -> dict[str, bytes]:
    """Run to the end; the bytes of every shard and side file."""
    done = subprocess.run(command(place, out, *more), cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        f"{step}/{name}": data
        for step in ("images", "raw", "curated")
        for name, data in files(place / out / step).items()
    }


def annotated(place: Path) -> Counter[str]:
    lines = (place / "log").read_text().splitlines()
    return Counter(line.split()[1] for line in lines if line.startswith("image"))


def test_a_driver_killed_again_and_again(place: Path) -> None:
    settings(place, 0.05)
    whole = complete(place, "whole")
    (place / "log").unlink()
    dice, committed_before, kills = random.Random(7), 0, 0
    for _ in range(8):
        process = subprocess.Popen(
            command(place, "out"), cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(1.0 + dice.random() * 1.5)
        kills += process.poll() is None
        process.kill()
        process.wait()
        committed = len(load_ledgers(Folder.at(place / "out" / "raw")))
        assert committed >= committed_before
        committed_before = committed
    assert kills >= 3
    assert complete(place, "out") == whole
    # At most the one shard under way at each kill was begun again.
    assert sum(annotated(place).values()) <= 35 + 4 * kills
    assert not [p for p in (place / "out").rglob("*") if p.name.startswith(".writing-")]


def session(leader: int) -> list[str]:
    """The living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(path.parent.name)
    return found


def test_a_killed_driver_takes_its_workers_along(place: Path) -> None:
    for seed in range(40, 400):
        (place / "photos" / f"{seed}.png").write_bytes(png(seed, (400, 300)))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "ingest", "photos", "out", "--workers", "2"],
        cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.time() + 60
    while not list((place / "out").glob("shards/*.parquet")) and time.time() < deadline:
        time.sleep(0.02)
    assert len(session(process.pid)) > 2
    process.kill()
    process.wait()
    while session(process.pid) and time.time() < deadline:
        time.sleep(0.1)
    assert session(process.pid) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_driver_told_to_stop_says_how_to_go_on(place: Path, number: int, code: int) -> None:
    settings(place, 0.2)
    process = subprocess.Popen(
        command(place, "out"), cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, number, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )  # fmt: skip
    deadline = time.time() + 60
    while not (place / "log").exists() and time.time() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "the same command goes on" in errors
    assert not (place / "out" / "lock.json").exists()


def test_a_second_run_is_turned_away_while_the_first_goes_on(place: Path) -> None:
    settings(place, 0.2)
    first = subprocess.Popen(command(place, "out"), cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 60
    while not (place / "log").exists() and time.time() < deadline:
        time.sleep(0.05)
    second = subprocess.run(command(place, "out"), cwd=place, capture_output=True, text=True, check=False)
    assert second.returncode == 4
    assert f"pid {first.pid}" in second.stderr
    assert first.wait(timeout=120) == 0


def test_a_full_disk(place: Path) -> None:
    """A real file system that the run fills."""
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=150k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    try:
        done = subprocess.run(command(place, "disk/out"), cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "no space left" in done.stderr
        assert "run the same command again" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(disk.rglob(".writing-*"))
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        assert complete(place, "disk/out") == complete(place, "whole")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_an_output_that_cannot_be_written(place: Path) -> None:
    (place / "file").write_text("no folder")
    done = subprocess.run(command(place, "file/out"), cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "file/out" in done.stderr
    assert "Traceback" not in done.stderr
