"""The command that measures the project's claim: what it finds, what the gate refuses, what it does not make twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from curated import curated, model, picture, region, row

from benchmarks.quality.command import main
from benchmarks.quality.learning import values
from benchmarks.quality.page import page
from benchmarks.quality.students import interval
from benchmarks.quality.truth import image_ids
from engine import records
from engine.records import HUMAN
from engine.storage import Folder
from florence.training import Phase, TrainSettings

IMAGES = 12
CAT, DOG, NOWHERE = (5.0, 5.0, 35.0, 25.0), (40.0, 20.0, 75.0, 55.0), (2.0, 40.0, 20.0, 58.0)
# A filter that takes the dogs away makes any round worse.
PARAMS = """
curate: {filters: {region_score: {object: 0.3}, region_nms: }}
refine:
  filters: {region_agreement: , region_score: {object: 0.8}}
  stages: {multitask_captioning: false, multitask_grounding: false, multitask_segmentation: false}
"""
TRAIN = """
phases: [{steps: 2, learning_rate: 1e-3, image_size: 64}]
data: {batch_size: 2, max_target: 100, threads: 1}
threads: 1
device: cpu
"""


def said(seed: int) -> dict[str, Any]:
    """A specialist finds both, one of them twice, and, with a low score, a third."""
    regions = [
        region("cat", CAT, "cat", score=0.9), region("cat again", CAT, "cat", score=0.8),
        region("dog", DOG, "dog", score=0.7), region("cow", NOWHERE, "cow", score=0.1),
    ]  # fmt: skip
    return row(picture(seed), regions=regions)


def true(seed: int) -> dict[str, Any]:
    def drawn(id: str, box: Any) -> dict[str, Any]:
        return records.region(id, "object", box, HUMAN, labels=[records.label("phrase", id, HUMAN)], best=0)

    return row(picture(seed), regions=[drawn("cat", CAT), drawn("dog", DOG)])


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw shards, what is true of their images, a model that knows nothing, and settings."""
    where = tmp_path_factory.mktemp("given")
    raw = curated(where, [said(seed) for seed in range(IMAGES)], per_shard=5, apart=True)
    Folder.at(raw).write_json("step.json", {"command": "annotate", "source": "../images", "chain": []})
    curated(where / "true", [true(seed) for seed in range(IMAGES)])
    model().save(where / "start")
    (where / "params.yaml").write_text(PARAMS)
    (where / "train.yaml").write_text(TRAIN)
    return where


def measure(given: Path, *more: str) -> dict[str, Any]:
    """What the command leaves."""
    options = {
        "--truth": given / "true/curated", "--work": given / "work", "--out": given / "quality.md",
        "--params": given / "params.yaml", "--from": given / "start", "--config": given / "train.yaml",
        "--student": given / "start", "--student-config": given / "train.yaml",
    }  # fmt: skip
    assert main([str(given / "curated"), *(str(each) for pair in options.items() for each in pair), *more]) == 0
    return json.loads((given / "quality.json").read_text())


@pytest.fixture(scope="module")
def made(given: Path) -> dict[str, Any]:
    return measure(given, "--only", "steps,ablations,gate")


def test_curation_is_measured_on_images_that_the_gate_does_not_see(given: Path, made: dict[str, Any]) -> None:
    assert made["data"]["measured"] + made["data"]["gate"] == IMAGES
    assert 0 < made["data"]["gate"] < IMAGES
    assert not image_ids(Folder.at(given / "work/truth")) & image_ids(Folder.at(given / "work/gate"))
    raw, after, *_ = made["steps"]["rows"]
    assert (raw["precision"]["regions"], raw["recall"]["regions"]) == (0.5, 1.0)
    assert (after["precision"]["regions"], after["recall"]["regions"]) == (1.0, 1.0)
    assert after["annotations"]["regions"] == 2 * IMAGES


def test_each_ablation_shows_what_its_filters_did(made: dict[str, Any]) -> None:
    rows = {each["name"]: each for each in made["ablations"]["rows"]}
    assert set(rows) == {"NMS", "region scoring"}  # the filters that the settings have
    assert made["ablations"]["whole"]["f1"]["regions"] == 1.0
    for each in rows.values():
        assert each["precision"]["regions"] == pytest.approx(2 / 3)


def test_a_refused_round_is_shown_and_not_built_on(given: Path, made: dict[str, Any]) -> None:
    steps = made["steps"]
    assert [each.get("refused") for each in steps["rows"]] == [None, None, True, True]
    assert steps["stands"] == "curate"
    assert "round 1 (refused)" in (given / "quality.md").read_text()
    assert made["gate"]["refused"] == [1, 2]
    assert made["gate"]["whole"]["f1"]["regions"] == 1.0
    assert [each["f1"]["regions"] for each in made["gate"]["rows"]] == [pytest.approx(2 / 3)] * 2


def test_what_is_there_is_not_made_again(given: Path, made: dict[str, Any]) -> None:
    def files() -> dict[Path, int]:
        found = [*(given / "work").rglob("*.parquet"), *(given / "work").rglob("*.safetensors")]
        return {path: path.stat().st_mtime_ns for path in found}

    before = files()
    again = measure(given, "--only", "steps")
    assert files() == before
    assert again["steps"]["rows"] == made["steps"]["rows"]
    assert again["gate"] == made["gate"]


def test_models_of_each_state_are_measured_on_other_images(given: Path) -> None:
    models = measure(
        given, "--only", "models", "--seeds", "1", "--steps", "3", "--shards", "raw,curated", "--heldout", "scenes:1"
    )["models"]
    assert [(each["name"], each["seed"]) for each in models["rows"]] == [("raw", 0), ("curated", 0)]
    assert models["recipe"]["steps"] == 3
    summaries = [json.loads(path.read_text()) for path in (given / "work/models").glob("student-*/summary.json")]
    assert [each["steps"] for each in summaries] == [3] * 2
    assert "| curated - raw |" in (given / "quality.md").read_text()


def test_what_is_trained_on_is_not_held_out(given: Path) -> None:
    (given / "photos").mkdir()
    (given / "photos/same.png").write_bytes(picture(0))
    with pytest.raises(SystemExit, match="1 of its images"):
        measure(given, "--only", "models", "--heldout", str(given / "photos"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--only", "curate"), "there is no 'curate'; there are steps"),
        (("--gate-share", "0"), "nothing to judge by but a refine.scorer"),
        (("--gate-share", "1.0"), "too few to give the gate a share of 1.0"),
    ],
)
def test_what_cannot_be_measured_is_said(given: Path, more: tuple[str, ...], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        measure(given, "--work", str(given / "other"), *more)


def test_what_is_no_annotated_folder_is_refused(given: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="not the output of `fld annotate`"):
        main([str(given / "images"), "--work", str(tmp_path)])
    with pytest.raises(SystemExit, match="name their --truth"):
        main([str(given / "curated"), "--work", str(tmp_path)])


def test_fewer_steps_are_shared_among_the_phases() -> None:
    settings = TrainSettings((Phase(800, 1e-3, 256), Phase(200, 1e-3, 384)), warmup=50)
    scaled = values(settings, 33, seed=7)
    assert [phase["steps"] for phase in scaled["phases"]] == [26, 7]
    assert (scaled["seed"], scaled["data"]["seed"], scaled["warmup"]) == (7, 7, 1)
    assert [phase["steps"] for phase in values(settings, None, 0)["phases"]] == [800, 200]
    with pytest.raises(SystemExit, match="1 steps are too few for 2 phases"):
        values(settings, 1, 0)


def test_the_interval_is_students() -> None:
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 4.3027 * 3**-0.5), abs=1e-3)
    assert interval([0.5]) == (0.5, None)
    assert interval([0.5, None]) is None


@pytest.mark.parametrize(("after", "said"), [(0.65, "30.0 % | 30 %: met"), (0.64, "28.0 % | 30 %: **missed**")])
def test_the_page_says_whether_the_target_is_met(after: float, said: str) -> None:
    def figures(name: str, mean: float) -> dict[str, Any]:
        kinds = dict.fromkeys(records.ANNOTATIONS)
        counts = dict.fromkeys(records.ANNOTATIONS, 0)
        return {"name": name, "f1": {**kinds, "mean": mean}, "precision": kinds, "recall": kinds, "annotations": counts}

    data = {"given": ["a"], "truth": ["b"], "measured": 3, "gate": 0, "images": 3, "by": "c"}
    recipe = {"start": "tiny", "config": None, "steps": None}
    rows = [figures("specialists", 0.5), figures("curate", after), figures("round 1", after)]
    steps = {"command": "d", "rows": rows, "stands": "round 1", "recipes": [recipe]}
    assert f"| specialists to curate | - | - | - | {said} |" in page({"data": data, "steps": steps})
