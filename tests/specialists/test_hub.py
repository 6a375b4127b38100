"""Hub ids and their pins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hubs import serving

from engine.stage import ChainError
from specialists.checkpoints import hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLD_PINS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("weights", ["a/b", "PekingU/rtdetr_v2_r101vd", "a/b@v1.0", "a/b@refs/pr/7", f"a/b@{COMMIT}"])
def test_ids_of_a_hub(weights: str) -> None:
    assert hub.is_id(weights)


@pytest.mark.parametrize(
    "weights", ["", "a", "a/b/c", "/a/b", "./a", "../a", "a/b@", "a b/c", "~/a", "bundled:a", "s3://a/b"]
)
def test_other_names(weights: str) -> None:
    assert not hub.is_id(weights)


def test_a_folder_goes_before_a_hub_id_of_its_name(tmp_path: Path) -> None:
    assert hub.is_wanted("a/b")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert not hub.is_wanted("a/b")


def test_a_pin_stands_in_a_sorted_file_and_for_its_revision_alone(tmp_path: Path) -> None:
    hub.pin("b/b@v1", COMMIT)
    hub.pin("a/a", COMMIT)
    hub.pin(f"c/c@{COMMIT}", COMMIT)  # is a pin already
    assert list(json.loads((tmp_path / "weights.lock.json").read_text())) == ["a/a@main", "b/b@v1"]
    assert hub.pinned("a/a") == hub.pinned("a/a@main") == hub.pinned("b/b@v1") == hub.pinned(f"c/c@{COMMIT}") == COMMIT
    assert hub.pinned("b/b") is None


def test_pins_stand_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLD_PINS", str(tmp_path / "some" / "where.json"))
    hub.pin("a/a", COMMIT)
    assert json.loads((tmp_path / "some" / "where.json").read_text()) == {"a/a@main": COMMIT}
    assert not (tmp_path / "weights.lock.json").exists()


def test_an_unchanged_pin_leaves_the_file_alone(tmp_path: Path) -> None:
    hub.pin("a/a", COMMIT)
    before = (tmp_path / "weights.lock.json").stat().st_ino
    hub.pin("a/a", COMMIT)
    assert (tmp_path / "weights.lock.json").stat().st_ino == before


def test_who_pins_at_once_keeps_each_others_pins(tmp_path: Path) -> None:
    names = [f"a/{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: hub.pin(name, COMMIT), names))
    assert set(hub.pins()) == {f"{name}@main" for name in names}


@pytest.mark.parametrize("text", ["no json", "[]", '{"a/a@main": 3}', '{"a/a@main": "main"}'])
def test_pins_that_make_no_sense_are_named_and_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / "weights.lock.json").write_text(text)
    with pytest.raises(ChainError, match=r"weights\.lock\.json"):
        hub.cached("a/a", "detection")
    with pytest.raises(ChainError, match=r"weights\.lock\.json"):
        hub.pin("a/b", COMMIT)
    assert (tmp_path / "weights.lock.json").read_text() == text


def test_nothing_asks_a_hub_once_a_model_is_about_to_be_loaded(tmp_path: Path) -> None:
    code = """
from specialists.checkpoints import hub
from huggingface_hub import HfApi, errors
assert HfApi().model_info("a/a").sha
hub.stay_offline()
try:
    HfApi().model_info("a/a")
except errors.OfflineModeIsEnabled:
    print("refused")
"""
    with serving() as served:
        served.push("a/a", {"config.json": b"{}"})
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        env = kept | {"HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
        result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert result.stdout == "refused\n", result.stderr
        assert [path for path in served.asked if "/models/" in path] == ["GET /api/models/a/a"]
