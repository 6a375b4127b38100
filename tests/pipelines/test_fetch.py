"""fld fetch against a hub on loopback: what is fetched, pinned, refused, and used without a network afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fakes import dataset
from hubs import Hub, serving
from small.detectors import rt_detr_v2

from pipelines.report import FAILED, OK, USAGE

NAME = "someone/detector"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rt_detr_v2(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def fld(hub: Hub, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Another process, since huggingface_hub looks at the environment once."""

    def call(*arguments: object, code: int = OK, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "FLD_"))}
        env = kept | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "FLD_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env | more, timeout=120
        )
        assert result.returncode == code, result.stdout + result.stderr
        return result

    return call


def pins(folder: Path) -> Any:
    return json.loads((folder / "weights.lock.json").read_text())


def test_what_a_profile_names_is_fetched_pinned_and_used_without_a_network(
    fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    commit = hub.push(NAME, checkpoint)
    dataset(tmp_path / "images", [2])
    (tmp_path / "mine.yaml").write_text(f"roles: {{detection: {{weights: {NAME}, min_score: 0}}}}")
    annotate = ("annotate", "images", "out", "--profile", "mine.yaml")
    before = fld(*annotate, code=USAGE)
    assert f"fld fetch {NAME}" in before.stderr
    assert not (tmp_path / "out").exists()
    assert hub.asked == []

    (tmp_path / "params.yaml").write_text("annotate: {profile: mine.yaml}")
    result = fld("fetch")  # the profile of ./params.yaml
    assert f"{NAME}  {commit[:12]}" in result.stdout
    assert "1 of 1 checkpoints are here" in result.stdout
    assert pins(tmp_path) == {f"{NAME}@main": commit}

    hub.asked.clear()
    fld(*annotate)
    assert hub.asked == []
    regions = pq.read_table(tmp_path / "out" / "shards")["regions"].combine_chunks().flatten()
    assert {(origin["model"], origin["revision"]) for origin in regions.field("origin").to_pylist()} == {(NAME, commit)}


def test_one_set_of_safetensors_is_fetched_and_no_pickle_and_nothing_nested(
    fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    more = dict.fromkeys(
        ["pytorch_model.bin", "modeling.py", "tf_model.h5", "model.fp16.safetensors", "onnx/model.json"], b"never"
    )
    hub.push(NAME, files | more)
    data = json.loads(fld("fetch", NAME, "--json").stdout)
    (one,) = data["weights"]
    assert {path.name for path in Path(one["folder"]).iterdir()} == set(files)
    assert one["bytes"] == data["bytes"] == sum(map(len, files.values()))
    assert not [path for path in hub.asked for name in more if path.endswith(name)]


def test_a_moved_revision_is_refused_until_it_is_pinned_anew(
    fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    old = hub.push(NAME, checkpoint)
    fld("fetch", NAME)
    assert "was here" in fld("fetch", NAME).stdout
    new = hub.push(NAME, checkpoint)
    refused = fld("fetch", NAME, code=USAGE)
    assert f"pinned to {old}" in refused.stderr
    assert f"moved to {new}" in refused.stderr
    assert f"fld fetch --repin {NAME}" in refused.stderr
    assert pins(tmp_path) == {f"{NAME}@main": old}
    accepted = fld("fetch", "--repin", NAME)
    assert f"its pin was {old[:12]}" in accepted.stdout
    assert pins(tmp_path) == {f"{NAME}@main": new}


def test_another_machine_gets_what_the_pins_say_though_the_revision_moved(
    fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    old, new = hub.push(NAME, checkpoint), hub.push(NAME, checkpoint)
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps({f"{NAME}@main": old}))
    result = fld("fetch", NAME, "--json", code=USAGE, FLD_PINS=str(kept))
    (one,) = json.loads(result.stdout)["weights"]
    assert (one["commit"], one["moved"], one["new"]) == (old, new, True)
    assert json.loads(kept.read_text()) == {f"{NAME}@main": old}


def test_a_commit_in_the_name_is_its_own_pin(fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path) -> None:
    old = hub.push(NAME, checkpoint)
    hub.push(NAME, checkpoint)
    fld("fetch", f"{NAME}@{old}")
    assert not (tmp_path / "weights.lock.json").exists()


def test_every_refusal_is_told_with_its_remedy_and_none_stops_the_others(
    fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    commit = hub.push(NAME, checkpoint)
    hub.push("someone/pickles", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
    hub.push("someone/empty", {"README.md": b""})
    hub.push("someone/damaged", {"config.json": b"{}", "model.safetensors": b"\x08"})
    hub.push("someone/code", {"config.json": b'{"auto_map": {}, "model_type": "florence2"}', "model.safetensors": b""})
    hub.push("someone/huge", {"config.json": b"{}", "model.safetensors": b"\x08"})
    hub.repositories["someone/huge"].claims = 10**18
    hub.push("someone/gated", checkpoint)
    hub.repositories["someone/gated"].gated = True
    names = ["nobody/nothing", "someone/gated", f"{NAME}@v9", "someone/pickles", "someone/empty", "someone/damaged"]
    result = fld("fetch", *names, "someone/code", "someone/huge", "no-id", NAME, code=USAGE)
    for words in (
        "there is no http://127.0.0.1",
        "someone/gated is gated. Accept its terms",
        "has no revision v9",
        "pickled weights only (pytorch_model.bin)",
        "someone/empty has no model.safetensors",
        "model.safetensors is cut short or damaged",
        "2000000000.0 GB are to come",
        "someone/code is laid out for code of its own",
        "no-id is no hub id",
    ):
        assert words in result.stderr
    assert "1 of 10 checkpoints are here" in result.stdout
    assert pins(tmp_path) == {f"{NAME}@main": commit}
    weights = ("pytorch_model.bin", "model.safetensors")
    fetched = [path.split("/")[2] for path in hub.asked if path.startswith("GET") and path.endswith(weights)]
    assert set(fetched) == {"damaged", "detector"}


def test_without_a_network_what_is_here_stays_and_the_rest_is_said(
    fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    hub.push(NAME, checkpoint)
    fld("fetch", NAME)
    result = fld("fetch", NAME, "someone/else", code=FAILED, HF_ENDPOINT="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached for someone/else" in result.stderr
    assert "whether it moved is not known" in result.stdout
    assert "HF_HUB_OFFLINE is set" in fld("fetch", "someone/else", code=FAILED, HF_HUB_OFFLINE="1").stderr


def test_what_broke_off_or_was_damaged_here_is_mended_by_the_same_command(
    fld: Any, hub: Hub, checkpoint: Path, tmp_path: Path
) -> None:
    hub.push(NAME, checkpoint)
    hub.cut = 100
    result = fld("fetch", NAME, code=FAILED)
    assert "The same command goes on where this one stopped" in result.stderr
    assert not (tmp_path / "weights.lock.json").exists()
    hub.cut = 0
    (one,) = json.loads(fld("fetch", NAME, "--json").stdout)["weights"]
    here = Path(one["folder"]) / "model.safetensors"
    whole = (checkpoint / "model.safetensors").read_bytes()
    assert here.read_bytes() == whole
    here.write_bytes(whole[:-1])
    fld("fetch", NAME)
    assert here.read_bytes() == whole


def test_a_profile_without_weights_of_a_hub_wants_nothing(fld: Any, hub: Hub) -> None:
    assert "nothing to fetch: ocr names no weights" in fld("fetch", "--profile", "ocr").stdout
    assert "no profile 'hubb'" in fld("fetch", "--profile", "hubb", code=USAGE).stderr
    assert hub.asked == []
