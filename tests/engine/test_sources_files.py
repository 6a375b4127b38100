"""Folders, globs, lists and single files; the text that names a source; and what becomes of each file."""

from __future__ import annotations

import io
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from PIL import Image

from engine.images import Limits
from engine.sources import INPUTS, SourceError, list_inputs, location
from engine.sources.fetch import AHEAD, Refused, Usable, fetch
from engine.sources.spec import parse

LIMITS = Limits()


def jpeg(color: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "JPEG")
    return buffer.getvalue()


def put(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg() if data is None else data)
    return path


def uris(*specs: object, **options: Any) -> list[str]:
    return list_inputs([str(spec) for spec in specs], **options)["uri"].to_pylist()


def refusals(*specs: object, **options: Any) -> dict[str, str]:
    table = list_inputs([str(spec) for spec in specs], **options)
    return {row["uri"]: row["refused"] for row in table.to_pylist() if row["refused"]}


def outcomes(*specs: object, **options: Any) -> dict[str, Usable | Refused]:
    found = fetch(list_inputs([str(spec) for spec in specs], **options), LIMITS)
    return {outcome.uri: outcome for outcome in found}


def reasons(*specs: object, **options: Any) -> dict[str, str]:
    return {
        uri.rpartition("/")[2]: "usable" if isinstance(outcome, Usable) else outcome.reason
        for uri, outcome in outcomes(*specs, **options).items()
    }


class TestFolder:
    def test_every_file_below_it_but_hidden_ones(self, tmp_path: Path) -> None:
        names = ["b.jpg", "a/c.png", "a/b/readme.txt", "z"]
        for name in [*names, ".hidden.jpg", ".git/x.jpg", "a/.y"]:
            put(tmp_path / name)
        table = list_inputs([str(tmp_path)])
        assert table.schema.equals(INPUTS)
        assert table["uri"].to_pylist() == sorted(str(tmp_path / name) for name in names)
        assert set(table["size"].to_pylist()) == {len(jpeg())}
        assert set(table["source"].to_pylist()) == {str(tmp_path)}

    def test_an_empty_one_is_no_error(self, tmp_path: Path) -> None:
        assert uris(tmp_path) == []

    def test_the_stamp_changes_with_the_content(self, tmp_path: Path) -> None:
        path = put(tmp_path / "a.jpg")
        before = list_inputs([str(tmp_path)])["stamp"].to_pylist()
        assert list_inputs([str(tmp_path)])["stamp"].to_pylist() == before
        put(path, jpeg("blue"))
        os.utime(path, ns=(1, 1))
        assert list_inputs([str(tmp_path)])["stamp"].to_pylist() != before

    def test_one_that_may_be_read_at_last_is_a_new_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = put(tmp_path / "a.jpg")
        (tmp_path / "link.jpg").symlink_to(path)
        specs = [str(tmp_path), f"{tmp_path}/*.jpg", str(path)]
        before = [list_inputs([spec])["stamp"].to_pylist() for spec in specs]
        with monkeypatch.context() as patched:
            patched.setattr(os, "access", lambda path, mode: False)
            closed = [list_inputs([spec])["stamp"].to_pylist() for spec in specs]
        assert closed == [[f"{stamp}+unreadable" for stamp in stamps] for stamps in before]
        assert [list_inputs([spec])["stamp"].to_pylist() for spec in specs] == before

    def test_a_relative_folder_gives_absolute_uris(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(tmp_path / "in" / "a.jpg")
        monkeypatch.chdir(tmp_path)
        assert uris("in") == uris("./in/") == uris("folder:in") == [str(tmp_path / "in" / "a.jpg")]

    def test_names_that_are_not_utf8_survive(self, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/caf\xe9 100%.jpg"
        Path(os.fsdecode(path)).write_bytes(jpeg())
        (only,) = outcomes(tmp_path).values()
        assert isinstance(only, Usable)
        assert only.uri == f"file://{tmp_path}/caf%E9%20100%25.jpg"
        assert uris(only.uri) == [only.uri]

    def test_names_that_are_not_utf8_can_be_typed(self, tmp_path: Path) -> None:
        folder = tmp_path / os.fsdecode(b"caf\xe9")
        path = put(folder / os.fsdecode(b"\xff.jpg"))
        listed = put(folder / "all.txt", b"%s\n../a.jpg\n" % location.uri_of(str(path)).encode())
        for spec in (path, folder, f"{folder}/*.jpg", f"file:{path}", listed):
            found = [o for o in outcomes(spec).values() if isinstance(o, Usable)]
            assert [o.uri for o in found] == [f"file://{tmp_path}/caf%E9/%FF.jpg"]
            assert found[0].source == str(spec).replace("\udce9", "\\udce9").replace("\udcff", "\\udcff")
        put(folder / "x.md")
        for spec in (f"folder:{path}", f"{folder}/*.png", f"{folder}/gone", f"{folder}/x.md", f"{folder}/gone.json"):
            with pytest.raises(SourceError) as caught:
                list_inputs([spec])
            assert location.is_utf8(str(caught.value))

    @pytest.mark.parametrize("name", ["a#b.jpg", "a?b=c.jpg", "[x].jpg", "100%41.jpg", "ü ñ.jpg", "s3:.jpg"])
    def test_names_with_odd_characters_survive(self, tmp_path: Path, name: str) -> None:
        path = put(tmp_path / name)
        assert reasons(tmp_path) == {name: "usable"}
        assert uris(path) == [str(path)]

    def test_what_is_no_regular_file_is_never_opened(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "socket.jpg"))
            assert reasons(tmp_path) == {"pipe.jpg": "not_a_file", "socket.jpg": "not_a_file"}

    def test_a_pipe_that_comes_after_the_listing_does_not_block(self, tmp_path: Path) -> None:
        path = put(tmp_path / "a.jpg")
        table = list_inputs([str(tmp_path)])
        path.unlink()
        os.mkfifo(path)
        (outcome,) = fetch(table, LIMITS)
        assert isinstance(outcome, Refused)
        assert outcome.reason == "not_a_file"

    def test_links(self, tmp_path: Path) -> None:
        outside = put(tmp_path / "outside" / "o.jpg")
        put(tmp_path / "in" / "real" / "a.jpg")
        home = tmp_path / "in"
        (home / "file.jpg").symlink_to(outside)
        (home / "folder").symlink_to(outside.parent)
        (home / "inner.jpg").symlink_to(home / "real" / "a.jpg")
        (home / "again").symlink_to(home / "real")
        (home / "loop").symlink_to(home)
        (home / "broken.jpg").symlink_to(home / "nothing")
        (home / "self.jpg").symlink_to(home / "self.jpg")
        assert reasons(home) == {
            "a.jpg": "usable",
            "inner.jpg": "usable",
            "file.jpg": "points_outside",
            "folder": "points_outside",
            "broken.jpg": "missing",
            "self.jpg": "missing",
        }
        table = list_inputs([str(home)])
        assert "follow_links" in table.filter(table["refused"].is_valid())["detail"].to_pylist()[1]
        followed = reasons(home, follow_links=True)
        assert followed.pop("file.jpg") == followed.pop("o.jpg") == "usable"
        assert followed == {"a.jpg": "usable", "inner.jpg": "usable", "broken.jpg": "missing", "self.jpg": "missing"}

    def test_a_link_to_hidden_files_inside_is_walked(self, tmp_path: Path) -> None:
        put(tmp_path / ".store" / "a.jpg")
        (tmp_path / "shown").symlink_to(tmp_path / ".store")
        assert uris(tmp_path) == [str(tmp_path / "shown" / "a.jpg")]

    def test_followed_links_end_where_they_turn_back(self, tmp_path: Path) -> None:
        put(tmp_path / "in" / "a.jpg")
        (tmp_path / "in" / "up").symlink_to(tmp_path)
        assert uris(tmp_path / "in", follow_links=True) == [str(tmp_path / "in" / "a.jpg")]

    def test_one_without_permission(self, public: Path) -> None:
        put(public / "a.jpg")
        put(public / "closed.jpg").chmod(0)
        put(public / "shut" / "b.jpg")
        (public / "shut").chmod(0)
        found = as_nobody(lambda: reasons(public))
        (public / "shut").chmod(0o700)
        assert found == {"a.jpg": "usable", "closed.jpg": "permission_denied", "shut": "permission_denied"}

    def test_a_root_without_permission_is_an_error(self, public: Path) -> None:
        (public / "shut").mkdir(mode=0)

        def attempt() -> dict[str, str]:
            with pytest.raises(SourceError, match="cannot be read"):
                list_inputs([str(public / "shut")])
            return {"as": "expected"}

        assert as_nobody(attempt) == {"as": "expected"}


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everyone may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_nobody(work: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What `work` returns in a process that has no rights beyond a file's own."""
    if os.getuid() != 0:
        return work()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer = ""
        try:
            os.setuid(65534)
            answer = json.dumps(work())
        finally:
            os.write(writer, answer.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    assert answer, "the child process raised"
    found: dict[str, str] = json.loads(answer)
    return found


class TestGlob:
    def test_matches_files_only(self, tmp_path: Path) -> None:
        for name in ("a.jpg", "b.jpg", "c.png", "x/d.jpg", "y.jpg/e"):
            put(tmp_path / name)
        assert uris(tmp_path / "*.jpg") == [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")]
        assert len(uris(tmp_path / "**" / "*.jpg")) == 3
        assert len(uris(f"glob:{tmp_path}/?.jpg")) == 2

    def test_nothing_matches(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no file matches"):
            list_inputs([f"{tmp_path}/*.jpg"])

    def test_a_link_out_of_the_fixed_part_is_refused(self, tmp_path: Path) -> None:
        put(tmp_path / "o.jpg")
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "l.jpg").symlink_to(tmp_path / "o.jpg")
        assert list(refusals(tmp_path / "in" / "*.jpg").values()) == ["points_outside"]
        assert refusals(tmp_path / "in" / "*.jpg", follow_links=True) == {}


class TestList:
    def test_paths_of_every_sort(self, tmp_path: Path) -> None:
        put(tmp_path / "lists" / "a.jpg")
        other = put(tmp_path / "b.jpg")
        lines = [
            "\ufeff# a comment", "", "a.jpg", "./a.jpg", f"  {other}\r", "../b.jpg", "x/../../b.jpg", "gone.jpg",
            ".", f"file://{other}",
        ]  # fmt: skip
        text = put(tmp_path / "lists" / "all.txt", "\n".join(lines).encode())
        assert reasons(text) == {
            "a.jpg": "usable", "b.jpg": "usable", "gone.jpg": "missing", "lists": "not_a_file",
        }  # fmt: skip
        table = list_inputs([str(text)])
        assert table["uri"].to_pylist().count(str(tmp_path / "lists" / "a.jpg")) == 1
        assert table["source"].to_pylist() == [str(text)] * len(table)

    def test_relative_paths_may_not_climb_out(self, tmp_path: Path) -> None:
        put(tmp_path / "b.jpg")
        text = put(tmp_path / "lists" / "all.txt", b"../b.jpg\n")
        assert refusals(text) == {str(tmp_path / "b.jpg"): "points_outside"}

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"\n# only this\n", "names nothing"),
            (b"a.jpg\n\xff\n", "not UTF-8 in line 2"),
            (jpeg(), "not UTF-8 in line 1; it looks like jpeg: type file:/"),
        ],
    )
    def test_a_list_that_is_none(self, tmp_path: Path, data: bytes, message: str) -> None:
        with pytest.raises(SourceError, match=message):
            list_inputs([str(put(tmp_path / "l.lst", data))])


class TestSpec:
    def test_kind_and_options(self) -> None:
        spec = parse("parquet:/data/x?column=img&text=a%26b")
        assert (spec.kind, spec.location, spec.options) == ("parquet", "/data/x", {"column": "img", "text": "a&b"})

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("/x/*.jpg", "glob"), ("/x/?.png", "glob"), ("a.parquet", "parquet"), ("s3://b/x.tar.gz", "tar"),
            ("/x/*.tar", "tar"), ("l.txt", "list"), ("i.json", "coco"), ("s3://b/p", "folder"), ("a.jpg", "file"),
        ],
    )  # fmt: skip
    def test_kind_from_location(self, text: str, kind: str) -> None:
        assert parse(text).kind == kind

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("coco:/x.json?image=/y", "unknown option 'image'.*images"),
            ("folder:/x?a=1", "unknown option 'a'.*none"),
            ("/no/such/folder", "there is no /no/such/folder"),
            ("folder:/no/such/folder", "no folder"),
            ("folder:", "no place"),
            ("list:/no/list.txt", "cannot be read: No such file"),
            ("tar:/no.tar", "missing"),
        ],
    )
    def test_errors_say_what_to_mend(self, text: str, message: str) -> None:
        with pytest.raises(SourceError, match=message):
            list_inputs([text])

    def test_an_ambiguous_file_asks_for_its_kind(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="Say so in front"):
            list_inputs([str(put(tmp_path / "notes.md"))])

    def test_an_existing_path_is_taken_literally(self, tmp_path: Path) -> None:
        put(tmp_path / "what?images=x" / "a.jpg")
        assert len(uris(tmp_path / "what?images=x")) == 1

    def test_one_uri_from_two_sources_is_one_input(self, tmp_path: Path) -> None:
        path = put(tmp_path / "a.jpg")
        (row,) = list_inputs([str(tmp_path), str(path), str(tmp_path)]).to_pylist()
        assert row["source"] == f"{tmp_path}, {path}"


class TestFetch:
    def test_all_kinds_of_broken_files(self, tmp_path: Path) -> None:
        whole = jpeg("red", (400, 300))
        for name, data in {
            "good.jpg": whole, "cut.jpg": whole[:900], "zero.jpg": b"", "page.jpg": b"<html></html>",
            "README": b"Words", "vector.eps": b"%!PS-Adobe-3.0 EPSF-3.0", "tiny.jpg": jpeg("red", (9, 9)),
        }.items():  # fmt: skip
            put(tmp_path / name, data)
        assert reasons(tmp_path) == {
            "good.jpg": "usable", "cut.jpg": "truncated", "zero.jpg": "empty", "page.jpg": "not_an_image",
            "README": "other_file", "vector.eps": "format_not_allowed", "tiny.jpg": "too_small",
        }  # fmt: skip

    def test_a_usable_image_is_whole(self, tmp_path: Path) -> None:
        path = put(tmp_path / "a.jpg")
        (outcome,) = outcomes(tmp_path).values()
        assert isinstance(outcome, Usable)
        assert outcome.data == path.read_bytes()
        assert (outcome.width, outcome.height, outcome.source) == (40, 30, str(tmp_path))
        assert len(outcome.image_id) == 64
        assert outcome.texts == outcome.regions == outcome.faults == outcome.rejects == []

    def test_a_large_file_is_not_read(self, tmp_path: Path) -> None:
        with open(tmp_path / "a.jpg", "wb") as file:
            file.truncate(1 << 40)
        assert reasons(tmp_path) == {"a.jpg": "too_large"}

    def test_what_vanishes_is_missing(self, tmp_path: Path) -> None:
        path = put(tmp_path / "a.jpg")
        table = list_inputs([str(tmp_path)])
        path.unlink()
        (outcome,) = fetch(table, LIMITS)
        assert isinstance(outcome, Refused)
        assert outcome.reason == "missing"

    def test_outcomes_come_in_the_order_of_rows(self, tmp_path: Path) -> None:
        for i in range(50):
            put(tmp_path / f"{i:02}.jpg", jpeg() if i % 3 else b"")
        table = list_inputs([str(tmp_path)])
        assert [o.uri for o in fetch(table, LIMITS)] == table["uri"].to_pylist()

    def test_it_reads_ahead_no_further_than_it_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for i in range(30):
            put(tmp_path / f"{i:02}.jpg")
        opened: list[str] = []
        whole = location.open_local
        monkeypatch.setattr(location, "open_local", lambda path: opened.append(path) or whole(path))
        stream = fetch(list_inputs([str(tmp_path)]), LIMITS)
        next(stream)
        time.sleep(0.05)
        assert 1 <= len(opened) <= AHEAD + 1
        stream.close()


class TestUrls:
    def test_a_folder_and_a_glob_in_memory(self) -> None:
        system = fsspec.filesystem("memory")
        for name in ("/pile/a.jpg", "/pile/x/b.jpg", "/pile/.h/c.jpg"):
            system.pipe(name, jpeg())
        assert reasons("memory://pile") == {"a.jpg": "usable", "b.jpg": "usable"}
        assert uris("memory://pile", "memory://pile/*.jpg") == uris("memory://pile")
        assert uris("memory:///pile/a.jpg") == ["memory:///pile/a.jpg"]
        system.rm("/pile", recursive=True)

    def test_nothing_there(self) -> None:
        with pytest.raises(SourceError, match=r"nothing at|cannot be listed"):
            list_inputs(["memory://nowhere"])

    def test_transient_errors_are_tried_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        system = fsspec.filesystem("memory")
        system.pipe("/pile/a.jpg", jpeg())
        table = list_inputs(["memory://pile"])
        errors = [ConnectionError("reset"), TimeoutError("slow"), RuntimeError("strange")]
        whole = type(system).cat_file

        def flaky(self: Any, path: str, start: Any = None, end: Any = None) -> Any:
            if errors:
                raise errors.pop()
            return whole(self, path, start, end)

        monkeypatch.setattr("engine.sources.location.RETRY_SECONDS", (0.0, 0.0, 0.0))
        monkeypatch.setattr(type(system), "cat_file", flaky)
        assert all(isinstance(outcome, Usable) for outcome in fetch(table, LIMITS))
        errors += [OSError("down")] * 9
        (outcome,) = fetch(table, LIMITS)
        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.detail, len(errors)) == ("unreadable", "down", 5)
        system.rm("/pile", recursive=True)
