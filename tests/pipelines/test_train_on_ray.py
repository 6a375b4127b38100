"""fld train by several workers: the same numbers as by one, and a worker's failure in its own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from curated import curated, model, rich
from typer.testing import CliRunner

from engine import cluster
from florence import presets
from pipelines.cli import app
from pipelines.report import FAILED, OK

pytestmark = [
    pytest.mark.filterwarnings("ignore:::ray", "ignore::ResourceWarning", "ignore::FutureWarning"),
    pytest.mark.timeout(900),  # Ray's workers load torch each: seconds on a free machine, minutes on a busy one
]

# Nothing is dropped out: that would be drawn anew for each worker, and the sums could not be the same.
CONFIG = """
phases:
  - {steps: 4, learning_rate: 1e-2, image_size: 64, accumulate: 2}
  - {steps: 3, learning_rate: 1e-2, image_size: 96, frozen: [vision]}
data: {batch_size: 4, max_target: 100, threads: 1}
warmup: 2
dropout: 0
drop_path: 0
log_every: 1
checkpoint_every: 3
threads: 1
device: cpu
save_as: float32
"""


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[None]:
    """Ray on this machine, for all runs."""
    with cluster.session(None):
        yield


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("shared")
    rows = [rich(seed) for seed in range(8)]
    rows[1]["image"] = {"bytes": b"\x89PNG", "path": "broken"}
    curated(where, rows)
    model().save(where / "start")
    (where / "train.yaml").write_text(CONFIG)
    (where / "nan.yaml").write_text(CONFIG.replace("1e-2", "1e30"))
    return where


def train(shared: Path, out: Path, *more: str, config: str = "train.yaml", code: int = OK) -> Any:
    given = ["train", str(shared / "curated"), str(out), "--config", str(shared / config), "--from"]
    result = CliRunner().invoke(app, [*given, str(shared / "start"), *more])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def test_two_workers_learn_what_one_does(shared: Path, tmp_path: Path) -> None:
    train(shared, tmp_path / "one")
    train(shared, tmp_path / "two", "--workers", "2")
    one, two = (
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(one) == len(two) == 7
    for mine, other in zip(one, two, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-5)
        assert mine["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-4)
        assert (mine["samples"], mine["tokens"]) == (other["samples"], other["tokens"])
        assert mine["tasks"].keys() == other["tasks"].keys()
    weights = [dict(presets.load(tmp_path / name / "model").model.state_dict()) for name in ("one", "two")]
    for name, values in weights[0].items():
        assert values.allclose(weights[1][name], atol=1e-4), name
    said = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("one", "two")]
    assert [each["machine"]["workers"] for each in said] == [1, 2]
    assert said[0]["skipped"] == said[1]["skipped"] != {}


def test_what_ends_a_worker_ends_the_run_in_its_words(shared: Path, tmp_path: Path) -> None:
    said = train(shared, tmp_path / "out", "--workers", "2", config="nan.yaml", code=FAILED)
    assert "fld: step 2: the loss is nan" in said.stderr
    assert "Traceback" not in said.output
    assert (tmp_path / "out/checkpoints/step-000000001/state.json").exists()
