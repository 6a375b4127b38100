"""fld train as a user meets it: what it prints and leaves, how it is stopped and gone on with, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from curated import curated, model, rich
from typer.testing import CliRunner

from engine.lock import Lock
from engine.storage import Folder
from florence import presets
from pipelines.cli import app
from pipelines.config import ConfigError
from pipelines.report import FAILED, LOCKED, OK, USAGE
from pipelines.train import load_settings

CONFIG = """
phases:
  - {steps: 20, learning_rate: 1e-2, image_size: 64, name: coarse}
  - {steps: 10, learning_rate: 1e-2, image_size: 96, name: fine, frozen: [vision]}
data: {batch_size: 4, max_target: 100, threads: 1}
warmup: 5
log_every: 1
checkpoint_every: 4
threads: 1
device: cpu
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Curated shards, a checkpoint to start from, and settings."""
    where = tmp_path_factory.mktemp("shared")
    curated(where, [rich(seed) for seed in range(12)])
    model().save(where / "start")
    (where / "train.yaml").write_text(CONFIG)
    return where


@pytest.fixture(scope="module")
def whole(shared: Path) -> Any:
    """A run to the end, and what it said."""
    return train(shared, shared / "whole")


def arguments(shared: Path, out: Path, *more: str, config: str = "train.yaml") -> list[str]:
    return ["train", *map(str, (shared / "curated", out)), "--config", str(shared / config), *more]


def train(shared: Path, out: Path, *more: str, config: str = "train.yaml", code: int = OK) -> Any:
    start = () if "--from" in more else ("--from", str(shared / "start"))
    result = CliRunner().invoke(app, arguments(shared, out, *start, *more, config=config))
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def test_a_run_says_what_it_did_and_leaves_a_model(shared: Path, whole: Any) -> None:
    out, data = shared / "whole", json.loads((shared / "whole" / "summary.json").read_text())
    assert "30 of 30 steps: loss " in whole.stdout
    assert "its peak is not known: see peak_tflops" in whole.stdout
    assert "train: 30/30 steps" in whole.stderr
    assert (data["steps"], data["samples"], data["exit_code"]) == (30, 120, 0)
    assert data["model_flop_utilisation"] is None
    assert data["loss"] < data["first_loss"]
    assert {"OD", "CAPTION"} <= set(data["loss_by_task"])
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 30
    assert json.loads((out / "model/config.json").read_text())["dtype"] == "float16"
    presets.load(out / "model")


def test_a_run_that_is_done_is_left_as_it_is(shared: Path, whole: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in (shared / "whole" / "checkpoints").rglob("*")}
    assert "30 of 30 steps" in train(shared, shared / "whole").stdout
    assert {path: path.stat().st_mtime_ns for path in (shared / "whole" / "checkpoints").rglob("*")} == before


def test_killed_in_the_middle_the_same_command_draws_the_same_curve(shared: Path, whole: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *arguments(shared, out, "--from", str(shared / "start"))],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.time() + 240
        while lines(out) < 11 and process.poll() is None and time.time() < deadline:
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert 11 <= lines(out) < 30
    assert not (out / "model").exists()
    train(shared, out)
    for name in ("metrics.jsonl", "plots/loss.csv", "plots/tasks.csv", "model/model.safetensors"):
        assert (out / name).read_bytes() == (shared / "whole" / name).read_bytes()
    assert not [path for path in out.rglob("*") if path.name.startswith(".writing-")]


def lines(out: Path) -> int:
    return (out / "metrics.jsonl").read_bytes().count(b"\n") if (out / "metrics.jsonl").exists() else 0


def test_a_loss_that_is_not_finite_ends_it_with_words_and_a_checkpoint(shared: Path, tmp_path: Path) -> None:
    (shared / "nan.yaml").write_text(CONFIG.replace("1e-2", "1e30"))
    said = train(shared, tmp_path / "out", config="nan.yaml", code=FAILED)
    assert "fld: step 2: the loss is nan, of " in said.stderr
    data = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (data["exit_code"], data["steps"]) == (FAILED, 1)
    # What the message names can be begun with, elsewhere.
    first = str(tmp_path / "out" / "checkpoints" / "step-000000000")
    (shared / "short.yaml").write_text("phases: [{steps: 1, learning_rate: 1e-3}]\ndata: {batch_size: 4}")
    said = train(shared, tmp_path / "other", "--from", first, config="short.yaml", code=USAGE)
    assert "max_target is 512: the model has room for 160 tokens" in said.stderr
    # Nothing was learnt, so the setting may be mended.
    (shared / "short.yaml").write_text("phases: [{steps: 1, learning_rate: 1e-3}]\ndata: {max_target: 100}")
    train(shared, tmp_path / "other", "--from", first, config="short.yaml")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("warmup: 5", "warm_up: 5", "unknown key 'warm_up'; did you mean 'warmup'"),
        ("warmup: 5", "warmup: soon", "warmup: .*'soon'"),
        ("warmup: 5", "warmup: 31", "warmup is 31"),
        ("steps: 10, ", "", r"phases\[1\]: steps is missing"),
        ("steps: 10", "steps: ten", r"phases\[1\]: steps: .*'ten'"),
        ("frozen: [vision]", "frozen: [eyes]", r"phases\[1\]: frozen: there is no part 'eyes'"),
        ("image_size: 96", "image_size: 97", r"phases\[1\]: image_size is 97"),
        ("batch_size: 4", "batch_sise: 4", "data: unknown key 'batch_sise'; did you mean 'batch_size'"),
        ("batch_size: 4", "tasks: {OOD: 1}", "data: tasks: there is no task 'OOD'"),
        ("batch_size: 4", "image_size: 64", "data: image_size is a phase's"),
        ("data: {batch_size: 4", "data: 4 #", "data: expected keys and values, found 4"),
        ("device: cpu", "phases: []", "phases"),
        ("device: cpu", "device: [", "is not YAML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, before: str, after: str, words: str) -> None:
    (tmp_path / "train.yaml").write_text(CONFIG.replace(before, after))
    with pytest.raises(ConfigError, match=rf"train\.yaml.*{words}"):
        load_settings(tmp_path / "train.yaml", "tiny")


def test_settings_that_a_file_does_not_name_are_those_of_what_is_begun_with(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text("data: {batch_size: 64}\nclip: 2\n")
    found, given = load_settings(tmp_path / "train.yaml", "base"), load_settings(None, "base")
    assert (found.data.batch_size, found.clip) == (64, 2.0)
    assert (found.phases, found.warmup, found.data.tasks) == (given.phases, given.warmup, given.data.tasks)
    (tmp_path / "train.yaml").write_text("phases: [{steps: 9, learning_rate: 1e-3}]")
    assert load_settings(tmp_path / "train.yaml", "base").warmup == 9
    (tmp_path / "train.yaml").write_text("")
    assert load_settings(tmp_path / "train.yaml", "base") == given


def test_wrong_use_ends_with_code_2_before_anything_is_written(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (shared / "wrong.yaml").write_text("warm_up: 5")
    assert "unknown key 'warm_up'" in train(shared, out, config="wrong.yaml", code=USAGE).stderr
    assert "--from nonsense: there is no such folder" in train(shared, out, "--from", "nonsense", code=USAGE).stderr
    odd = train(shared, out, "--workers", "3", code=USAGE).stderr
    assert "data.batch_size is 4: no multiple of 3 workers" in odd
    (shared / "gpu.yaml").write_text(CONFIG.replace("device: cpu", "device: cuda:77"))
    assert "'cuda:77' cannot be used here" in train(shared, out, config="gpu.yaml", code=USAGE).stderr
    (shared / "eyes.yaml").write_text(f"vision: {tmp_path}/nowhere")
    blind = train(shared, out, "--from", "tiny", config="eyes.yaml", code=USAGE).stderr
    assert "nowhere is no checkpoint's folder: it has no model.safetensors" in " ".join(blind.split())
    seeing = train(shared, out, "--from", str(tmp_path), config="eyes.yaml", code=USAGE).stderr
    assert "has an image encoder of its own" in " ".join(seeing.split())
    unknown = train(shared, out, "--from", "bundled:nonsense", code=USAGE).stderr
    assert "--from: no weights 'nonsense' are bundled; there are" in " ".join(unknown.split())
    (shared / "eyes.yaml").write_text("vision: bundled:grounding")  # has no image encoder of Florence-2
    unfitting = train(shared, out, "--from", "tiny", config="eyes.yaml", code=USAGE).stderr
    assert "has an image encoder of other shapes" in " ".join(unfitting.split())
    assert not out.exists()
    nothing = CliRunner().invoke(app, ["train", str(tmp_path / "nowhere"), str(out)])
    assert nothing.exit_code == USAGE
    images = Folder.at(tmp_path / "images")
    images.write_json("step.json", {"command": "ingest"})
    result = CliRunner().invoke(app, ["train", images.url, str(out)])
    assert (result.exit_code, "is the output of `fld ingest`" in result.stderr) == (USAGE, True)
    assert not out.exists()


def test_another_runs_folder_is_refused_by_name(shared: Path, whole: Any, tmp_path: Path) -> None:
    out = shared / "whole"
    for before, after, key in (
        ("warmup: 5", "warmup: 6", "settings.warmup was 5, and now is 6"),
        ("steps: 10", "steps: 11", "settings.phases[1].steps was 10, and now is 11"),
        ("batch_size: 4", "batch_size: 8", "settings.data.batch_size was 4, and now is 8"),
    ):
        (shared / "other.yaml").write_text(CONFIG.replace(before, after))
        assert key in train(shared, out, config="other.yaml", code=USAGE).stderr
    assert "from was" in train(shared, out, "--from", "tiny", code=USAGE).stderr
    # What decides no number may change.
    (shared / "other.yaml").write_text(CONFIG.replace("checkpoint_every: 4", "checkpoint_every: 7\nkeep: 1"))
    train(shared, out, config="other.yaml")
    Folder.at(tmp_path / "curated").write_json("step.json", {"command": "curate"})
    result = CliRunner().invoke(app, arguments(shared, tmp_path / "curated", "--from", str(shared / "start")))
    assert result.exit_code == USAGE
    assert "is the output of `fld curate`; give `fld train` a folder of its own" in result.stderr


def test_one_run_at_a_time(shared: Path, tmp_path: Path) -> None:
    with Lock(Folder.at(tmp_path / "out"), "fld train"):
        assert "is in use by pid" in train(shared, tmp_path / "out", code=LOCKED).stderr
