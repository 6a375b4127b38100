"""Files appear whole or not at all, whatever goes wrong while they are written."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import uuid
from pathlib import Path

import pytest
from fakes import table

from engine.records import RecordError
from engine.shards import ROW_GROUP, read_shard, read_table, shard_file, with_pixels, without_pixels, write_table
from engine.storage import Folder, StorageError


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    if request.param == "local":
        return Folder.at(tmp_path / "out")
    return Folder.at(f"memory://{uuid.uuid4().hex}/out")


def test_what_is_written_is_read(folder: Folder) -> None:
    mark = folder.write("a/b.bin", b"hello")
    assert folder.read("a/b.bin") == b"hello"
    assert (mark.size, mark.checksum) == (5, hashlib.sha256(b"hello").hexdigest())
    assert folder.checksum("a/b.bin") == mark.checksum
    assert folder.marks() == {"a/b.bin": (5, mark.stamp)}
    assert folder.read_many(["a/b.bin"]) == {"a/b.bin": b"hello"}


def test_a_writer_that_fails_leaves_what_was_there(folder: Folder) -> None:
    folder.write("a.bin", b"old")

    def fail() -> None:
        with folder.create("a.bin") as file:
            file.write(b"new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert folder.read("a.bin") == b"old"
    assert list(folder.marks()) == ["a.bin"]


def test_a_new_file_has_a_new_stamp(folder: Folder) -> None:
    assert folder.write("a.bin", b"one").stamp != folder.write("a.bin", b"two").stamp


def test_what_is_not_there(folder: Folder) -> None:
    assert folder.read_json("nothing.json") is None
    assert folder.marks() == {}
    folder.remove("nothing.json")
    with pytest.raises(FileNotFoundError):
        folder.read("nothing.json")


def test_a_file_that_is_no_json_is_named(folder: Folder) -> None:
    folder.write("a.json", b"{")
    with pytest.raises(StorageError, match=r"a\.json is not JSON"):
        folder.read_json("a.json")


def test_a_folder_travels_to_other_processes(folder: Folder) -> None:
    folder.write("a.bin", b"x")
    assert pickle.loads(pickle.dumps(folder)) == folder


def test_an_unknown_protocol_is_a_clear_error() -> None:
    with pytest.raises(StorageError, match="nonsense"):
        Folder.at("nonsense://x/y").marks()


def test_a_full_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space left") as caught:
        Folder.at(tmp_path).write("a.bin", b"x")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    folder.write("shards/a.bin", b"x")
    (tmp_path / "shards" / ".writing-123-b.bin").write_bytes(b"half")
    folder.sweep()
    assert list(folder.marks()) == ["shards/a.bin"]


def test_shards_come_back_as_they_were(folder: Folder) -> None:
    rows = table(ROW_GROUP + 3)
    write_table(folder, shard_file("part-000000"), rows)
    assert read_shard(folder, "part-000000").equals(rows)


def test_the_same_records_are_the_same_bytes_however_they_are_chunked(folder: Folder) -> None:
    import pyarrow as pa

    rows = table(10)
    pieces = pa.concat_tables([rows.slice(0, 3), rows.slice(3, 1), rows.slice(4)])
    assert write_table(folder, "a", rows).checksum == write_table(folder, "b", pieces).checksum


def test_pixels_are_stored_once_and_found_again(folder: Folder) -> None:
    rows = table(3)
    write_table(folder, shard_file("part-000000"), rows)
    slim = without_pixels(rows)
    assert slim["image"].null_count == 3
    assert with_pixels(slim, folder, "part-000000").equals(rows)
    with pytest.raises(StorageError, match="other images"):
        with_pixels(slim.slice(1), folder, "part-000000")


def test_a_damaged_shard_is_named(folder: Folder) -> None:
    folder.write(shard_file("part-000000"), b"PAR1 and then nothing")
    with pytest.raises(StorageError, match=r"part-000000\.parquet cannot be read"):
        read_shard(folder, "part-000000")
    with pytest.raises(StorageError, match="is missing"):
        read_table(folder, shard_file("part-000001"))


def test_a_shard_of_a_newer_version_is_refused(folder: Folder) -> None:
    rows = table(1).replace_schema_metadata({b"fld.schema_version": b"7"})
    write_table(folder, shard_file("part-000000"), rows)
    with pytest.raises(RecordError, match=r"part-000000\.parquet.*version 7"):
        read_shard(folder, "part-000000")
