"""WebDataset tars: members as inputs, captions from sidecars, and archives that mean harm or are broken."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from PIL import Image

from engine.images import Limits
from engine.sources import SourceError, list_inputs, tar
from engine.sources.fetch import Refused, Usable, fetch


def jpeg(color: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(buffer, "JPEG")
    return buffer.getvalue()


COLORS = ("red", "green", "blue", "white")
SAMPLES = [(f"{i:03}.jpg", jpeg(color)) for i, color in enumerate(COLORS)]


def archive(members: list[tuple[str, bytes | dict[str, Any]]]) -> bytes:
    """Members with content, or with fields of their header."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as writer:
        for name, given in members:
            info = tarfile.TarInfo(name)
            data = given if isinstance(given, bytes) else b""
            info.size = len(data)
            for key, value in given.items() if isinstance(given, dict) else ():
                setattr(info, key, value)
            writer.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESSED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


def put(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def named(spec: str) -> dict[str, dict[str, Any]]:
    return {row["uri"].partition("#")[2]: row for row in list_inputs([spec]).to_pylist()}


def reasons(spec: str) -> dict[str, str]:
    return {
        outcome.uri.partition("#")[2]: "usable" if isinstance(outcome, Usable) else outcome.reason
        for outcome in fetch(list_inputs([spec]), Limits())
    }


class TestMembers:
    def test_images_are_inputs_with_their_place(self, tmp_path: Path) -> None:
        spec = put(tmp_path / "a.tar", archive(SAMPLES))
        data = (tmp_path / "a.tar").read_bytes()
        rows = named(spec)
        assert list(rows) == [name for name, _ in SAMPLES]
        for name, image in SAMPLES:
            row = rows[name]
            assert data[row["offset"] : row["offset"] + row["length"]] == image
            assert (row["container"], row["size"]) == (spec, len(image))

    def test_an_open_one_gives_each_member_its_bytes(self, tmp_path: Path) -> None:
        spec = put(tmp_path / "a.tar", archive(SAMPLES))
        assert [o.data for o in fetch(list_inputs([spec]), Limits()) if isinstance(o, Usable)] == [
            image for _, image in SAMPLES
        ]

    @pytest.mark.parametrize("suffix", COMPRESSED)
    def test_a_compressed_one_too(self, tmp_path: Path, suffix: str) -> None:
        spec = put(tmp_path / f"a.tar.{suffix}", COMPRESSED[suffix](archive(SAMPLES)))
        found = [o.data for o in fetch(list_inputs([spec]), Limits()) if isinstance(o, Usable)]
        assert found == [image for _, image in SAMPLES]

    def test_a_compressed_one_is_read_once_whatever_the_names(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spec = put(tmp_path / "a.tgz", gzip.compress(archive(SAMPLES[::-1])))
        table = list_inputs([spec])
        opened: list[str] = []
        whole = tar._Forward.__init__
        monkeypatch.setattr(tar._Forward, "__init__", lambda self, uri: (opened.append(uri), whole(self, uri))[1])
        assert all(isinstance(outcome, Usable) for outcome in fetch(table, Limits()))
        assert len(opened) == 1
        backwards = table.take(list(range(len(table)))[::-1])
        assert [o.data for o in fetch(backwards, Limits()) if isinstance(o, Usable)] == [image for _, image in SAMPLES]

    def test_the_compression_is_told_from_the_content(self, tmp_path: Path) -> None:
        spec = put(tmp_path / "a.tar", gzip.compress(archive(SAMPLES)))
        assert set(reasons(spec).values()) == {"usable"}

    def test_over_a_url(self) -> None:
        system = fsspec.filesystem("memory")
        system.pipe("/tars/a.tar", archive(SAMPLES))
        system.pipe("/tars/b.tar.gz", gzip.compress(archive(SAMPLES)))
        table = list_inputs(["memory://tars/a.tar", "memory://tars/*.tar.gz"])
        assert [o.data for o in fetch(table, Limits()) if isinstance(o, Usable)] == 2 * [d for _, d in SAMPLES]
        system.rm("/tars", recursive=True)

    def test_long_and_odd_names(self, tmp_path: Path) -> None:
        long = "folder/" * 30 + "a.jpg"
        spec = put(tmp_path / "a.tar", archive([(long, jpeg()), ("./b.jpg", jpeg()), ("caf\udce9.jpg", jpeg())]))
        assert reasons(spec) == {long: "usable", "b.jpg": "usable", "caf%E9.jpg": "usable"}

    def test_two_members_of_one_name_are_two_inputs(self, tmp_path: Path) -> None:
        spec = put(tmp_path / "a.tar", archive([("a.jpg", jpeg()), ("a.jpg", jpeg("blue"))]))
        assert len(reasons(spec)) == 2

    def test_content_decides_about_odd_suffixes(self, tmp_path: Path) -> None:
        members = [("a.img0", jpeg()), ("b", jpeg()), ("c.dat", b"no image"), ("d.jpg", b"<html>")]
        spec = put(tmp_path / "a.tar", archive(members))
        assert reasons(spec) == {"a.img0": "usable", "b": "usable", "c.dat": "other_file", "d.jpg": "not_an_image"}

    def test_hidden_members_and_folders_are_left_out(self, tmp_path: Path) -> None:
        members: list[Any] = [("x", {"type": tarfile.DIRTYPE}), ("x/._a.jpg", b"mac"), ("x/a.jpg", jpeg())]
        assert reasons(put(tmp_path / "a.tar", archive(members))) == {"x/a.jpg": "usable"}


class TestCaptions:
    def test_sidecars_become_texts(self, tmp_path: Path) -> None:
        members: list[tuple[str, Any]] = [
            ("x/0.jpg", jpeg()), ("x/0.txt", b" a cat\n"), ("x/0.cls", b"3"),
            ("x/1.json", b'{"caption": "a dog", "n": 1}'), ("x/1.jpg", jpeg()), ("x/1.seg.png", jpeg()),
            ("x/2.jpg", jpeg()), ("x/2.txt", b"same"), ("x/2.json", b'{"text": "same"}'), ("x/2.caption", b"other"),
            ("x/3.jpg", jpeg()), ("x/3.json", b"{broken"), ("x/3.txt", b"\xff\xfe"), ("y/0.txt", b"not of x/0"),
            ("x/4.jpg", jpeg()), ("x/4.json", b'{"caption": 7}'), ("x/4.txt", b"  "), ("README.txt", b"Words"),
        ]  # fmt: skip
        rows = named(put(tmp_path / "a.tar", archive(members)))
        assert {name: [text["text"] for text in row["texts"]] for name, row in rows.items()} == {
            "x/0.jpg": ["a cat"], "x/1.jpg": ["a dog"], "x/1.seg.png": ["a dog"], "x/2.jpg": ["same", "other"],
            "x/3.jpg": [], "x/4.jpg": [],
        }  # fmt: skip
        first = rows["x/0.jpg"]["texts"][0]
        assert (first["id"], first["granularity"], first["score"]) == ("alt_text.0", "brief", None)
        assert first["origin"]["model"] == "alt_text"

    def captions(self, folder: Path, *names: str) -> dict[str, list[str]]:
        """What members have for captions, where a sidecar holds its place among the members."""
        members = [(n, str(i).encode() if n.endswith("txt") else jpeg()) for i, n in enumerate(names)]
        rows = named(put(folder / "a.tar", archive(members)))
        shown = {name: name.partition("@")[0] + "'" * ("@" in name) for name in rows}
        return {shown[name]: [text["text"] for text in row["texts"]] for name, row in rows.items()}

    def test_a_suffix_that_comes_again_begins_another_sample(self, tmp_path: Path) -> None:
        assert self.captions(tmp_path, "a.jpg", "a.txt", "a.jpg", "a.txt") == {"a.jpg": ["1"], "a.jpg'": ["3"]}
        assert self.captions(tmp_path, "a.txt", "a.jpg", "a.txt", "a.jpg") == {"a.jpg": ["0"], "a.jpg'": ["2"]}
        assert self.captions(tmp_path, "a.jpg", "a.jpg", "a.txt") == {"a.jpg": [], "a.jpg'": ["2"]}
        assert self.captions(tmp_path, "a.jpg", "a.png", "a.txt") == {"a.jpg": ["2"], "a.png": ["2"]}

    def test_a_whole_sample_ends_with_its_run(self, tmp_path: Path) -> None:
        names = "a.jpg", "a.txt", "b.jpg", "a.png", "a.seg.txt"
        assert self.captions(tmp_path, *names) == {"a.jpg": ["1"], "b.jpg": [], "a.png": []}
        names = "a.jpg", "a.txt", "b.jpg", "a.png", "a.txt"
        assert self.captions(tmp_path, *names)["a.jpg"] == ["1"]

    def test_members_of_a_folder_in_any_order_find_each_other(self, tmp_path: Path) -> None:
        names = "a.jpg", "b.txt", "c.jpg", "a.txt", "b.jpg", "c.txt"
        assert self.captions(tmp_path, *names) == {"a.jpg": ["3"], "c.jpg": ["5"], "b.jpg": ["1"]}


class TestEvil:
    def test_what_points_outside_or_is_no_file_is_refused(self, tmp_path: Path) -> None:
        link = {"type": tarfile.SYMTYPE}
        members: list[tuple[str, Any]] = [
            ("../../up.jpg", jpeg()), ("a/../../b.jpg", jpeg()), ("../.bashrc", b"x"), ("../t.txt", b"x"),
            ("out.jpg", link | {"linkname": "../../etc/passwd"}), ("root.jpg", link | {"linkname": "/etc/passwd"}),
            ("in.jpg", link | {"linkname": "good.jpg"}),
            ("hard.jpg", {"type": tarfile.LNKTYPE, "linkname": "/etc/shadow"}),
            ("device.jpg", {"type": tarfile.CHRTYPE}), ("pipe.jpg", {"type": tarfile.FIFOTYPE}),
            ("good.jpg", jpeg()),
        ]  # fmt: skip
        assert reasons(put(tmp_path / "a.tar", archive(members))) == {
            "../../up.jpg": "points_outside", "a/../../b.jpg": "points_outside", "../.bashrc": "points_outside",
            "../t.txt": "points_outside", "out.jpg": "points_outside", "root.jpg": "points_outside",
            "in.jpg": "not_a_file", "hard.jpg": "points_outside", "device.jpg": "not_a_file",
            "pipe.jpg": "not_a_file", "good.jpg": "usable",
        }  # fmt: skip

    def test_an_absolute_name(self, tmp_path: Path) -> None:
        assert reasons(put(tmp_path / "a.tar", archive([("/etc/x.jpg", jpeg())]))) == {"/etc/x.jpg": "points_outside"}

    def test_a_size_that_lies_reads_no_more_than_allowed(self, tmp_path: Path) -> None:
        data = bytearray(archive([("a.jpg", jpeg())]))
        info = tarfile.TarInfo("a.jpg")
        info.size = 1 << 40
        data[:512] = info.tobuf(tarfile.GNU_FORMAT)
        found = reasons(put(tmp_path / "a.tar", bytes(data)))
        assert found.pop("a.jpg") == "too_large"
        assert list(found.values()) == ["truncated"]


class TestBroken:
    @pytest.mark.parametrize("suffix", ["", "gz", "xz"])
    @pytest.mark.parametrize("share", [0.35, 0.6, 0.9])
    def test_what_is_there_of_a_truncated_one_is_listed(self, tmp_path: Path, share: float, suffix: str) -> None:
        data = archive(SAMPLES).rstrip(b"\0")
        data = COMPRESSED[suffix](data) if suffix else data
        spec = put(tmp_path / f"a.tar{'.' + suffix if suffix else ''}", data[: int(len(data) * share)])
        found = reasons(spec)
        assert [reason for name, reason in found.items() if name.startswith("@")] == ["truncated"]
        assert set(found.values()) <= {"usable", "truncated"}
        assert "usable" in found.values() or suffix

    def test_one_without_an_end_mark_is_truncated(self, tmp_path: Path) -> None:
        data = archive(SAMPLES)
        end = data.rindex(jpeg("white")) + len(jpeg("white"))
        assert list(reasons(put(tmp_path / "a.tar", data[: -(-end // 512) * 512])).values()) == [
            *["usable"] * 4, "truncated",
        ]  # fmt: skip

    def test_rubbish_between_members(self, tmp_path: Path) -> None:
        data = archive(SAMPLES[:2])
        second = data.rindex(b"001.jpg")
        assert reasons(put(tmp_path / "a.tar", data[:second] + b"\7" * 512 + data[second:])) == {
            "000.jpg": "usable", f"@{second}": "truncated",
        }  # fmt: skip

    @pytest.mark.parametrize("data", [b"", b"no tar" * 200, gzip.compress(b"no tar" * 200, mtime=0)])
    def test_no_tar_at_all(self, tmp_path: Path, data: bytes) -> None:
        with pytest.raises(SourceError, match="cannot be read as tar"):
            list_inputs([put(tmp_path / "a.tar", data)])

    def test_what_is_something_else_is_told(self, tmp_path: Path) -> None:
        spec = put(tmp_path / "a.tar", jpeg())
        with pytest.raises(SourceError, match=f"cannot be read as tar: .*; it looks like jpeg: type file:{spec}$"):
            list_inputs([spec])

    def test_one_that_vanishes(self, tmp_path: Path) -> None:
        for name, data in (("a.tar", archive(SAMPLES)), ("b.tgz", gzip.compress(archive(SAMPLES)))):
            table = list_inputs([put(tmp_path / name, data)])
            (tmp_path / name).unlink()
            assert [o.reason for o in fetch(table, Limits()) if isinstance(o, Refused)] == ["missing"] * 4
