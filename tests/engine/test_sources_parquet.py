"""Parquet in the Hugging Face image convention."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from engine.images import Limits
from engine.records import IMAGE
from engine.sources import SourceError, list_inputs, parquet
from engine.sources.fetch import Usable, fetch


def jpeg(value: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (value, 0, 0)).save(buffer, "JPEG")
    return buffer.getvalue()


def write(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None, **options: Any) -> str:
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()} if features else None
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path, **options)
    return str(path)


def images(count: int) -> pa.Array:
    return pa.array([{"bytes": jpeg(i % 250), "path": f"{i}.jpg"} for i in range(count)], IMAGE)


def data_of(spec: str) -> list[bytes]:
    return [o.data for o in fetch(list_inputs([spec]), Limits()) if isinstance(o, Usable)]


def test_rows_are_inputs_in_their_order(tmp_path: Path) -> None:
    spec = write(tmp_path / "a.parquet", {"image": images(25)}, row_group_size=10)
    table = list_inputs([spec])
    assert table["uri"].to_pylist() == [f"{spec}#{i}" for i in range(25)]
    assert table["row"].to_pylist() == list(range(25))
    assert set(table["column"].to_pylist()) == {"image"}
    assert data_of(spec) == [jpeg(i) for i in range(25)]


def test_any_other_order_and_choice_of_rows_is_right_too(tmp_path: Path) -> None:
    spec = write(tmp_path / "a.parquet", {"image": images(25)}, row_group_size=10)
    rows = [24, 3, 4, 19, 0, 0, 12]
    found = fetch(list_inputs([spec]).take(rows), Limits())
    assert [o.data for o in found if isinstance(o, Usable)] == [jpeg(i) for i in rows]


def test_row_groups_are_read_once_and_a_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = write(tmp_path / "a.parquet", {"image": images(40)}, row_group_size=20)
    table = list_inputs([spec])
    calls: list[tuple[int, list[int]]] = []
    whole = pq.ParquetFile.iter_batches

    def counting(self: Any, batch_size: int, row_groups: list[int], **options: Any) -> Any:
        calls.append((batch_size, row_groups))
        return whole(self, batch_size, row_groups=row_groups, **options)

    monkeypatch.setattr(parquet.pq.ParquetFile, "iter_batches", counting)
    assert len(list(fetch(table, Limits()))) == 40
    assert calls == [(8, [0]), (8, [1])]


class TestColumns:
    def test_plain_bytes(self, tmp_path: Path) -> None:
        spec = write(tmp_path / "a.parquet", {"n": [1], "data": pa.array([jpeg()], pa.large_binary())})
        assert data_of(spec) == [jpeg()]

    def test_what_the_metadata_declares(self, tmp_path: Path) -> None:
        columns = {"mask": images(1), "photo": pa.array([{"bytes": jpeg(7), "path": None}], IMAGE)}
        features = {"photo": {"_type": "Image"}, "mask": {"_type": "Other"}, "tags": [{"_type": "Value"}]}
        spec = write(tmp_path / "a.parquet", columns, {k: v for k, v in features.items() if k != "tags"})
        assert data_of(spec) == [jpeg(7)]

    def test_one_of_several(self, tmp_path: Path) -> None:
        columns = {"left": images(1), "right": pa.array([{"bytes": jpeg(9), "path": None}], IMAGE)}
        spec = write(tmp_path / "a.parquet", columns)
        with pytest.raises(SourceError, match=r"several image columns, left, right: say which by \?column"):
            list_inputs([spec])
        assert data_of(f"{spec}?column=right") == [jpeg(9)]
        named = write(tmp_path / "b.parquet", {"mask": images(1), "image": images(1)})
        assert list_inputs([named])["column"].to_pylist() == ["image"]

    def test_none_names_those_that_there_are(self, tmp_path: Path) -> None:
        spec = write(tmp_path / "a.parquet", {"n": [1], "words": ["a"]})
        with pytest.raises(SourceError, match=r"no image column.*n \(int64\), words \(string\)"):
            list_inputs([spec])
        with pytest.raises(SourceError, match="no image column 'words'"):
            list_inputs([f"{spec}?column=words"])

    def test_captions(self, tmp_path: Path) -> None:
        columns = {"image": images(3), "caption": ["a cat", None, " "], "alt": ["x", "y", "z"], "text": [1, 2, 3]}
        spec = write(tmp_path / "a.parquet", columns)
        found = [[text["text"] for text in row["texts"]] for row in list_inputs([spec]).to_pylist()]
        assert found == [["a cat"], [], []]
        first = list_inputs([f"{spec}?text=alt"]).to_pylist()[0]["texts"][0]
        assert (first["id"], first["text"], first["origin"]["model"]) == ("alt_text.0", "x", "alt_text")
        with pytest.raises(SourceError, match="no string column 'text'"):
            list_inputs([f"{spec}?text=text"])


class TestPlaces:
    def test_folders_and_globs(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            write(tmp_path / f"{name}.parquet", {"image": images(2)})
        (tmp_path / "notes.txt").write_text("not a Parquet file")
        assert len(list_inputs([f"parquet:{tmp_path}"])) == len(list_inputs([f"{tmp_path}/*.parquet"])) == 4

    def test_over_a_url(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.parquet", {"image": images(3)})
        system = fsspec.filesystem("memory")
        system.pipe("/rows/a.parquet", Path(path).read_bytes())
        assert data_of("memory://rows/a.parquet") == [jpeg(i) for i in range(3)]
        system.rm("/rows", recursive=True)

    def test_no_parquet(self, tmp_path: Path) -> None:
        (tmp_path / "a.parquet").write_bytes(b"PAR1 but not really")
        with pytest.raises(SourceError, match="cannot be read as Parquet"):
            list_inputs([f"{tmp_path}/a.parquet"])
        (tmp_path / "c.parquet").write_bytes(jpeg())
        with pytest.raises(SourceError, match=f"as Parquet: .*; it looks like jpeg: type file:{tmp_path}/c.parquet$"):
            list_inputs([f"{tmp_path}/c.parquet"])
        with pytest.raises(SourceError, match="missing"):
            list_inputs([f"{tmp_path}/b.parquet"])


def test_paths_in_place_of_bytes_stay_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(jpeg(5))
    (tmp_path / "out.jpg").write_bytes(jpeg())
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "out.jpg")
    paths = ["a.jpg", "../out.jpg", str(tmp_path / "out.jpg"), "link.jpg", "gone.jpg", "s3://b/x.jpg", None]
    rows = pa.array([{"bytes": None, "path": path} for path in paths], IMAGE)
    spec = write(tmp_path / "in" / "a.parquet", {"image": rows})
    found = ["usable" if isinstance(o, Usable) else o.reason for o in fetch(list_inputs([spec]), Limits())]
    outside = "points_outside"
    assert found == ["usable", outside, outside, outside, "missing", outside, "missing"]


def test_rows_that_hold_no_image_are_failures(tmp_path: Path) -> None:
    rows = pa.array([b"<html>", b"", None, b"words"], pa.binary())
    found = fetch(list_inputs([write(tmp_path / "a.parquet", {"image": rows})]), Limits())
    assert [getattr(o, "reason", "") for o in found] == ["not_an_image", "empty", "missing", "not_an_image"]
