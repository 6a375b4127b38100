"""dvc.yaml in a clone of its own: what is run again and what is not, what an interruption costs, what can be looked at.

The real thing without its models, which take minutes: one specialist, seven scenes, no rounds. What the rounds are
called with, and what a refused one leads to, is tried with a command in the place of fld that writes a gate's verdict.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from engine.storage import Folder
from pipelines.gate import GATE
from pipelines.metrics import table, write_metrics

pytestmark = pytest.mark.skipif(find_spec("dvc") is None, reason="wants the extra dvc")

ROOT = Path(__file__).parents[2]
FILES = (".dvcignore", ".gitignore", "dvc.yaml", "params.yaml", "pipeline.yaml", "train.yaml")
SCENES = "scenes:7?seed=3"
WITH_MODELS = ("begin1", "train1", "refine1", "begin2", "train2", "refine2", "report")
SHARDS = 4
FLD = """#!/bin/sh
echo "$@" >> calls
case $1 in
  refine)
    mkdir -p $3/shards; echo $2 > $3/shards/from
    test -z "$GATE" || echo "{\\"accepted\\": $GATE}" > $3/gate.json;;
  train) mkdir -p $3/model $3/plots; echo $2 > $3/model/from;;
esac
exit $CODE
"""


def clone(folder: Path) -> Path:
    """What of this repository DVC needs, as a repository of its own."""
    (folder / ".dvc").mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, folder / ".dvc" / name)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    (folder / "profile.yaml").write_text("roles: {ocr: {resources: {batch_size: 1}}}")
    settings = {"source": SCENES, "truth": SCENES, "profile": "profile.yaml", "start": "tiny"}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump({"pipeline": settings}))
    git(folder, "init", "--quiet", "--initial-branch=main")
    save(folder)
    return folder


def without_models(folder: Path) -> None:
    """Leave of the pipeline what needs no trained model."""
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    stages = {name: stage for name, stage in pipeline["stages"].items() if name not in WITH_MODELS}
    stages["evaluate"]["foreach"] = ["curated"]
    stages["metrics"]["cmd"] = stages["metrics"]["cmd"].replace("raw curated round1 round2", "curated")
    stages["metrics"]["deps"] = stages["metrics"]["deps"][:1]
    pipeline |= {"stages": stages, "plots": pipeline["plots"][:1]}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["ingest"]["shard_images"] = 2
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def surer(folder: Path) -> None:
    """Another threshold, that no line reaches."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["curate"]["filters"]["region_score"] = {"text": 1.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def environment(folder: Path) -> dict[str, str]:
    """Nobody's own settings of DVC or git, and the commands of this environment."""
    places = {f"DVC_{name}": str(folder.parent / "dvc") for name in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR")}
    who = {f"GIT_{role}_{what}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = f"{folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **places, **who, "GIT_CONFIG_GLOBAL": os.devnull, "PATH": path, "OMP_NUM_THREADS": "1"}


def called(folder: Path, *command: str, code: int = 0, **env: str) -> str:
    """What a command says, which has to end with this code."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment(folder), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def dvc(folder: Path, *command: str, code: int = 0, **env: str) -> str:
    return called(folder, sys.executable, "-m", "dvc", *command, code=code, **env)


def git(folder: Path, *command: str) -> None:
    called(folder, "git", *command)


def save(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it stands")


def ran(said: str) -> list[str]:
    """The stages that were run, by what `dvc repro` says."""
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]


def shards(step: Path) -> dict[str, int]:
    """When each shard of a step was written."""
    return {path.name: path.stat().st_mtime_ns for path in (step / "ledgers").glob("part-*.json")}


def killed(folder: Path, step: Path) -> None:
    """Run the pipeline, and kill all of it when the step has its first shard."""
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"], cwd=folder, env=environment(folder), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        while not shards(step):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that was killed and gone on with, saved, and pushed."""
    folder = clone(tmp_path_factory.mktemp("whole") / "clone")
    without_models(folder)
    raw = folder / "out" / "dvc" / "raw"
    killed(folder, raw)
    before = shards(raw)
    said = dvc(folder, "repro")
    after, summary = shards(raw), json.loads((raw / "summary.json").read_text())
    dvc(folder, "remote", "add", "--default", "store", str(folder.parent / "store"))
    save(folder)
    dvc(folder, "push")
    return {"folder": folder, "before": before, "after": after, "summary": summary, "said": said}


def test_a_killed_run_goes_on_inside_its_stage(story: dict[str, Any]) -> None:
    kept = story["before"]
    assert 1 <= len(kept) < len(story["after"]) == SHARDS
    assert story["summary"]["new_shards"] == SHARDS - len(kept)
    assert ran(story["said"]) == ["annotate", "curate", "evaluate@curated", "metrics"]


def test_a_second_run_does_nothing(story: dict[str, Any]) -> None:
    said = dvc(story["folder"], "repro")
    assert not ran(said)
    assert "up to date" in said


def test_a_clone_pulls_what_was_pushed_and_can_go_on_with_it(story: dict[str, Any], tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(story["folder"]), "other")
    other = tmp_path / "other"
    dvc(other, "pull")
    for step in ("images", "raw", "curated"):
        left, right = story["folder"] / "out" / "dvc" / step / "shards", other / "out" / "dvc" / step / "shards"
        assert {path.name: path.read_bytes() for path in left.iterdir()} == {
            path.name: path.read_bytes() for path in right.iterdir()
        }
    assert not ran(dvc(other, "repro"))
    # What came from the cache may be written on: nothing is annotated anew, and no link stands in the way.
    assert ran(dvc(other, "repro", "--single-item", "--force", "annotate")) == ["annotate"]
    assert json.loads((other / "out" / "dvc" / "raw" / "summary.json").read_text())["new_images"] == 0


def test_another_threshold_costs_no_annotation_and_its_effect_is_shown(story: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    shutil.copytree(story["folder"], folder)
    surer(folder)
    assert sorted(ran(dvc(folder, "repro"))) == ["curate", "evaluate@curated", "metrics"]
    (changed,) = json.loads(dvc(folder, "metrics", "diff", "--json")).values()
    assert set(changed) == {"curated.lines"}
    assert changed["curated.lines"]["old"] > changed["curated.lines"]["new"] == 0
    dvc(folder, "plots", "diff", "HEAD")
    page = (folder / "dvc_plots" / "index.html").read_text()
    for word in ("Label F1 by kind", "curated", "workspace", "HEAD"):
        assert word in page


@pytest.mark.parametrize(("gate", "code", "stands"), [("true", "0", "round1"), ("false", "3", "curated")])
def test_a_refused_round_is_a_result_and_the_next_one_goes_on_with_what_stood(
    tmp_path: Path, gate: str, code: str, stands: str
) -> None:
    folder = planted(tmp_path)
    dvc(folder, "repro", "--single-item", "refine1", GATE=gate, CODE=code)
    dvc(folder, "repro", "--single-item", "begin2", "train2", CODE="0")
    calls = (folder / "calls").read_text().splitlines()
    assert calls[0] == f"refine out/dvc/curated out/dvc/round1 --model out/dvc/model1/model --truth {SCENES}"
    assert calls[1].startswith(f"train out/dvc/{stands} out/dvc/model2 ")


def test_a_round_that_failed_fails_the_pipeline(tmp_path: Path) -> None:
    folder = planted(tmp_path)
    (folder / "out/dvc/round1").mkdir()
    (folder / "out/dvc/round1/gate.json").write_text('{"accepted": false}')  # of an earlier round
    assert "failed to reproduce 'refine1'" in dvc(
        folder, "repro", "--single-item", "refine1", code=255, GATE="", CODE="3"
    )
    assert not (folder / "out/dvc/standing1").exists()


def planted(tmp_path: Path) -> Path:
    """A clone where what comes before round 1 is there, and another command is called fld."""
    folder = clone(tmp_path / "clone")
    for name in ("images/shards", "curated/shards", "model1/model"):
        (folder / "out/dvc" / name).mkdir(parents=True)
        (folder / "out/dvc" / name / "file").write_text(name)
    (folder / "bin").mkdir()
    (folder / "bin/fld").write_text(FLD)
    (folder / "bin/fld").chmod(0o755)
    return folder


def test_the_metrics_say_what_there_is_to_say(tmp_path: Path) -> None:
    out, metrics = Folder.at(tmp_path / "out"), Folder.at(tmp_path / "metrics")
    for step, texts in (("raw", None), ("round1", 2 / 3)):
        f1 = {"texts": texts, "regions": 0.25, "phrases": 0.0, "mean": 0.125}
        out.write_json(f"figures/{step}.json", {"label_f1": f1, "lines": {"f1_read": texts}})
    out.write_json(f"round1/{GATE}", {"accepted": False})
    write_metrics(out, metrics, ["raw", "round1"])
    found = metrics.read_json("quality.json")
    assert found["raw"] == {"regions": 0.25, "phrases": 0.0, "mean": 0.125}
    assert found["round1"] == {**found["raw"], "texts": 0.6667, "lines": 0.6667, "accepted": 0}
    rows = metrics.read("label_f1.csv").decode().splitlines()
    assert rows[:3] == ["step,kind,f1", "raw,regions,0.25", "raw,phrases,0.0"]
    with pytest.raises(FileNotFoundError, match=r"figures/round2\.json: write it with `fld evaluate"):
        write_metrics(out, metrics, ["round2"])


def test_the_table_sets_each_step_against_what_stood_before_it() -> None:
    steps = {
        "raw": {"texts": 0.5, "regions": 0.7, "mean": 0.6, "lines": 0.9},
        "round1": {"texts": 0.4, "mean": 0.5, "accepted": 0.0},
        "round2": {"texts": 0.7, "mean": 0.8, "accepted": 1.0},
    }
    console = Console(file=io.StringIO(), width=100)
    console.print(table(steps))
    rows = [line.split() for line in console.file.getvalue().splitlines()[2:]]  # type: ignore[attr-defined]
    assert rows == [
        ["raw", "0.500", "0.700", "0.900", "0.600"],
        ["round1,", "refused", "0.400", "0.500", "+25%"],
        ["round2", "0.700", "0.800", "-50%"],
    ]
