"""Sources in an S3 bucket, against a server on loopback."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from engine.images import Limits
from engine.sources import SourceError, list_inputs
from engine.sources.fetch import Refused, Usable, fetch

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def jpeg(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (value, 0, 0)).save(buffer, "JPEG")
    return buffer.getvalue()


def put(url: str, data: bytes) -> None:
    with fsspec.open(url, "wb") as file:
        file.write(data)


def outcomes(*specs: str) -> dict[str, Usable | Refused]:
    return {outcome.uri: outcome for outcome in fetch(list_inputs(specs), Limits())}


def test_a_prefix_is_a_folder(s3: str) -> None:
    names = [f"pile/{i:02}.jpg" for i in range(20)]
    for i, name in enumerate(names):
        put(f"{s3}/{name}", jpeg(i))
    put(f"{s3}/pile/.hidden/x.jpg", jpeg(0))
    put(f"{s3}/pile/zero.jpg", b"")
    found = outcomes(f"{s3}/pile")
    zero = found.pop(f"{s3}/pile/zero.jpg")
    assert isinstance(zero, Refused)
    assert (zero.reason, zero.size) == ("empty", 0)
    assert [o.data for o in found.values() if isinstance(o, Usable)] == [jpeg(i) for i in range(20)]
    assert list(found) == [f"{s3}/{name}" for name in names]
    assert list(outcomes(f"{s3}/pile/0*.jpg")) == [f"{s3}/{name}" for name in names[:10]]
    assert list(outcomes(f"{s3}/pile/07.jpg")) == [f"{s3}/pile/07.jpg"]


def test_a_changed_object_has_another_stamp(s3: str) -> None:
    put(f"{s3}/changing/a.jpg", jpeg(1))
    before = list_inputs([f"{s3}/changing"])["stamp"].to_pylist()
    assert list_inputs([f"{s3}/changing"])["stamp"].to_pylist() == before
    put(f"{s3}/changing/a.jpg", jpeg(2))
    assert list_inputs([f"{s3}/changing"])["stamp"].to_pylist() != before


def test_containers(s3: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as writer:
        for i in range(3):
            info = tarfile.TarInfo(f"{i}.jpg")
            info.size = len(jpeg(i))
            writer.addfile(info, io.BytesIO(jpeg(i)))
    put(f"{s3}/box/a.tar", buffer.getvalue())
    sink = io.BytesIO()
    pq.write_table(pa.table({"image": pa.array([jpeg(i) for i in range(3)], pa.binary())}), sink)
    put(f"{s3}/box/a.parquet", sink.getvalue())
    for name in ("a.tar", "a.parquet"):
        found = outcomes(f"{s3}/box/{name}")
        assert [o.data for o in found.values() if isinstance(o, Usable)] == [jpeg(i) for i in range(3)]


def test_coco_and_a_list(s3: str) -> None:
    put(f"{s3}/set/val/a.jpg", jpeg(3))
    images = [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}]
    said = [{"image_id": 1, "bbox": [1, 2, 3, 4], "category_id": 1}]
    whole: dict[str, Any] = {"images": images, "annotations": said, "categories": [{"id": 1, "name": "x"}]}
    put(f"{s3}/set/annotations/instances_val.json", json.dumps(whole).encode())
    put(f"{s3}/set/list.txt", f"val/a.jpg\ngone.jpg\n../up.jpg\n{s3}/set/val/a.jpg\n".encode())
    found = outcomes(f"{s3}/set/annotations/instances_val.json", f"{s3}/set/list.txt")
    one = found.pop(f"{s3}/set/val/a.jpg")
    assert isinstance(one, Usable)
    assert [region["box"] for region in one.regions] == [[1, 2, 4, 6]]
    assert one.source.count(",") == 1
    reasons = {uri: o.reason for uri, o in found.items() if isinstance(o, Refused)}
    assert reasons == {f"{s3}/set/gone.jpg": "missing", f"{s3}/up.jpg": "points_outside"}


def test_what_vanishes_is_missing(s3: str) -> None:
    put(f"{s3}/brief/a.jpg", jpeg(1))
    table = list_inputs([f"{s3}/brief"])
    fsspec.filesystem("s3").rm(f"{s3}/brief/a.jpg")
    (outcome,) = fetch(table, Limits())
    assert isinstance(outcome, Refused)
    assert outcome.reason == "missing"


def test_buckets_and_prefixes_that_are_not_there(s3: str) -> None:
    for place in ("s3://no-such-bucket/x", f"{s3}/no/such/prefix"):
        with pytest.raises(SourceError, match=r"cannot be listed|nothing at"):
            list_inputs([place])


def test_a_server_that_cannot_be_reached(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    S3FileSystem.clear_instance_cache()
    try:
        with pytest.raises(SourceError, match=r"cannot be listed.*check the name, the network"):
            list_inputs([f"{s3}/pile"])
    finally:
        S3FileSystem.clear_instance_cache()
