"""A run from a bucket into a bucket: the same books and the same shards as on a disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import files, png

from engine.storage import Folder
from pipelines.chain import Runner
from pipelines.config import load_params
from pipelines.inspect import inspect
from pipelines.run import run

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # botocore calls what Python has deprecated
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # its sockets, at the end
]


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """The server logs every request."""
    caplog.set_level("ERROR", logger="werkzeug")


def test_from_bucket_to_bucket(s3: str, tmp_path: Path) -> None:
    source, params = Folder.at(f"{s3}/photos"), tmp_path / "params.yaml"
    for seed in range(5):
        source.write(f"{seed}.png", png(seed))
    source.write("same.png", png(2))
    source.write("cut.png", png(9)[:99])
    profile = tmp_path / "boxes.yaml"
    profile.write_text("stages: {boxes: {}}")
    params.write_text(f"ingest: {{shard_images: 3, max_quarantine_rate: 0.5}}\nannotate: {{profile: '{profile}'}}")
    settings, out = load_params(params), Folder.at(f"{s3}/out")
    report = run([source.url], out, settings, Runner(), workers=1)
    assert report.code == 0, report.problems
    summary = out.read_json("summary.json")
    assert (summary["inputs"], summary["images"], summary["duplicates"], summary["quarantined"]) == (7, 5, 1, 1)
    assert summary["curated"] == 5
    assert "lock.json" not in out.marks()
    again = run([source.url], out, settings, Runner(), workers=1)
    assert (again.data["ingest"]["new_inputs"], again.data["annotate"]["new_images"]) == (0, 0)
    assert json.loads(json.dumps(inspect(out).data))["curate"]["images"] == 5
    local = tmp_path / "out"
    run([source.url], Folder.at(local), settings, Runner(), workers=1)
    for step in ("images", "raw", "curated"):
        for name, data in files(local / step).items():
            assert (out / step).read(name) == data, f"{step}/{name}"
