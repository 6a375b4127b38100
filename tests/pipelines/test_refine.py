"""fld refine: a round that is better is accepted, a planted bad model is refused, and people keep their word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import predicted
import pyarrow as pa
import pytest
from curated import curated, row
from PIL import Image

from engine import records
from engine.ledger import load_ledgers
from engine.records import HUMAN, Origin
from engine.shards import read_shard
from engine.sources import SourceError
from engine.storage import Folder, StorageError
from pipelines.chain import Runner
from pipelines.config import ConfigError, Params, RefineParams, build
from pipelines.gate import GATE
from pipelines.refine import refine, round_of

SPECIALIST = Origin("specialist")
CAT, DOG = (7.7, 5.0, 38.5, 25.0), (40.0, 10.0, 70.0, 45.0)
# As sure as a model of a few thousand weights can be.
LOW = {
    "region_agreement": {"sure": 0.1, "doubt": 0.35}, "region_merge": None, "region_nms": None,
    "phrase_agreement": {"sure": 0.1},
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("good")
    predicted.taught().save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("bad")
    predicted.small(5).save(folder)
    return str(folder)


def png(tmp_path: Path) -> bytes:
    Image.fromarray(predicted.PICTURE).save(tmp_path / "picture.png")
    return (tmp_path / "picture.png").read_bytes()


def region(id: str, box: Any, name: str, origin: Origin, score: float | None) -> dict[str, Any]:
    label = records.label("phrase", name, origin, score)
    return records.region(id, "object", box, origin, score=score, labels=[label], best=0)


def datasets(tmp_path: Path, *regions: dict[str, Any]) -> tuple[Folder, str]:
    """What a specialist said of the picture, and what is true of it."""
    data = png(tmp_path)
    text = records.text("t", "brief", "a cat and a dog", SPECIALIST)
    phrases = [records.phrase(f"p{at}", "t", (at, at + 5), SPECIALIST) for at in (0, 10)]
    stands = row(data, predicted.SIZE, texts=[text], regions=list(regions), phrases=phrases)
    true = [region("a", CAT, "cat", HUMAN, None), region("b", DOG, "dog", HUMAN, None)]
    truth = row(data, predicted.SIZE, regions=true)
    return Folder.at(curated(tmp_path / "given", [stands], apart=True)), str(curated(tmp_path / "true", [truth]))


def run(standing: Folder, out: Path, model: str, **given: Any) -> Any:
    params = RefineParams(filters=LOW, stages={"multitask_segmentation": False})
    return refine(standing, Folder.at(out), model, params, Runner(workers=1), **given)


def left(folder: Path) -> pa.Table:
    dataset = Folder.at(folder)
    (shard,) = load_ledgers(dataset)
    return read_shard(dataset, shard)


def test_a_round_finds_what_was_missing_and_says_who_and_when(tmp_path: Path, good: str) -> None:
    standing, truth = datasets(tmp_path, region("cat", CAT, "cat", SPECIALIST, 0.4))
    report = run(standing, tmp_path / "round1", good, truth=truth)
    assert report.code == 0, report.problems
    gate = Folder.at(tmp_path / "round1").read_json(GATE)
    assert gate["accepted"]
    assert gate["after"]["regions"] > gate["before"]["regions"]
    table = left(tmp_path / "round1")
    assert table["image"].null_count == 1
    (regions,) = table["regions"].to_pylist()
    said = {(label["text"], label["origin"]["round"]) for each in regions for label in each["labels"]}
    assert {("cat", 0), ("dog", 1)} <= said <= {("cat", 0), *((name, 1) for name in ("cat", "a cat", "dog", "a dog"))}
    assert round_of(Folder.at(tmp_path / "round1")) == 1
    again = run(standing, tmp_path / "round1", good, truth=truth)
    assert again.data["new_images"] == 0


def test_a_bad_model_is_refused_and_can_be_looked_at(tmp_path: Path, good: str) -> None:
    # The good model never saw these names: where it is surer than what stands, truth says that it is wrong.
    standing, _ = datasets(
        tmp_path, region("cow", CAT, "cow", SPECIALIST, 0.1), region("hen", DOG, "hen", SPECIALIST, 0.1)
    )
    data = png(tmp_path)
    true = [region("a", CAT, "cow", HUMAN, None), region("b", DOG, "hen", HUMAN, None)]
    truth = str(curated(tmp_path / "other", [row(data, predicted.SIZE, regions=true)]))
    report = run(standing, tmp_path / "round1", good, truth=truth)
    assert report.code == 3
    assert "round 1 is worse than what it began with" in report.problems[0]
    assert len(left(tmp_path / "round1")) == 1
    with pytest.raises(StorageError, match="a round that the gate refused"):
        run(Folder.at(tmp_path / "round1"), tmp_path / "round2", good, truth=truth)


def test_a_model_that_writes_garbage_changes_little_and_breaks_nothing(tmp_path: Path, bad: str) -> None:
    standing, truth = datasets(tmp_path, region("cat", CAT, "cat", SPECIALIST, 0.9))
    report = run(standing, tmp_path / "round1", bad, truth=truth)
    assert report.code in (0, 3)
    assert "cat" in [each["id"] for each in left(tmp_path / "round1")["regions"].to_pylist()[0]]


def test_without_truth_and_without_a_scorer_there_is_nothing_to_judge_by(tmp_path: Path, bad: str) -> None:
    standing, _ = datasets(tmp_path)
    report = run(standing, tmp_path / "round1", bad)
    assert report.code == 3
    assert "nothing to judge by" in "\n".join(report.lines)


def test_a_truth_of_other_images_is_refused_before_any_work(tmp_path: Path, bad: str) -> None:
    standing, _ = datasets(tmp_path)
    Image.new("RGB", predicted.SIZE).save(tmp_path / "black.png")
    cat = region("a", CAT, "cat", HUMAN, None)
    other = row((tmp_path / "black.png").read_bytes(), predicted.SIZE, regions=[cat], uri="black.png")
    with pytest.raises(SourceError, match="knows none of the images"):
        run(standing, tmp_path / "round1", bad, truth=str(curated(tmp_path / "other", [other])))
    assert not (tmp_path / "round1").exists()


def test_people_keep_their_word(tmp_path: Path, good: str) -> None:
    mine = region("mine", CAT, "cow", HUMAN, None)
    standing, truth = datasets(tmp_path, mine)
    run(standing, tmp_path / "round1", good, truth=truth)
    (kept,) = [each for each in left(tmp_path / "round1")["regions"].to_pylist()[0] if each["id"] == "mine"]
    assert (kept["labels"][0]["text"], kept["score"]) == ("cow", None)
    assert kept["box"] == pytest.approx(CAT)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stages": {"detection": {}}}, "stages: detection: there are multitask_captioning"),
        ({"gate": {"tolerance": 2}}, "tolerance and enough"),
        ({"max_fault_rate": -1}, "max_fault_rate"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Params, {"refine": settings}, "params.yaml")
