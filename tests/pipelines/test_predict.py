"""fld predict: the multitask model over shards, like annotate; its calibration; the profile of one checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fakes
import predicted
import pyarrow as pa
import pytest
import sighted

from engine import records
from engine.ledger import Ledger, census
from engine.shards import shard_file, shard_name, write_table
from engine.stage import ChainError
from engine.storage import Folder
from florence.predict import Calibration
from pipelines.chain import Runner
from pipelines.config import AnnotateParams, ConfigError, CurateParams, load_profile
from pipelines.curate import curate
from pipelines.figure import arrange, not_produced
from pipelines.predict import calibrate, predict, predict_chain


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    predicted.small(3).save(folder)
    return str(folder)


def run(images: Folder, out: Path, model: str, **given: Any) -> Any:
    return predict(images, Folder.at(out), model, AnnotateParams(), Runner(workers=1), **given)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_annotates_a_dataset_once_and_curate_reads_what_it_left(tmp_path: Path, model: str) -> None:
    images = fakes.dataset(tmp_path / "images", [2])
    report = run(images, tmp_path / "raw", model)
    assert (report.code, report.data["images"], report.data["new_images"]) == (0, 2, 2)
    assert "model" in report.data
    first = fakes.files(tmp_path / "raw")
    assert first
    again = run(images, tmp_path / "raw", model)
    assert (again.code, again.data["new_images"]) == (0, 0)
    assert fakes.files(tmp_path / "raw") == first
    done = curate(Folder.at(tmp_path / "raw"), Folder.at(tmp_path / "curated"), CurateParams(), Runner(workers=1))
    assert (done.code, done.data["images"]) == (0, 2)


def test_what_another_model_has_said_is_said_again_only_if_that_is_wanted(tmp_path: Path, model: str) -> None:
    images = fakes.dataset(tmp_path / "images", [2])
    run(images, tmp_path / "raw", model)
    first, other = fakes.files(tmp_path / "raw"), str(tmp_path / "other")
    predicted.small(4).save(other)
    with pytest.raises(ConfigError, match=r"would run again on 2 images that are done\. With --yes they do"):
        run(images, tmp_path / "raw", other)
    assert fakes.files(tmp_path / "raw") == first
    assert run(images, tmp_path / "raw", other, dry_run=True).lines[-1].endswith("with --yes only")
    assert run(images, tmp_path / "raw", other, agree=lambda _: True).data["new_images"] == 2


def test_nothing_is_written_where_it_is_only_asked_what_would_be(tmp_path: Path, model: str) -> None:
    report = run(fakes.dataset(tmp_path / "images", [1]), tmp_path / "raw", model, dry_run=True)
    assert report.code == 0
    assert not (tmp_path / "raw").exists()


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="nowhere"):
        run(fakes.dataset(tmp_path / "images", [1]), tmp_path / "raw", str(tmp_path / "nowhere"))


def test_all_a_models_roles_run_in_one_worker_in_the_order_of_the_figure(model: str) -> None:
    chain = predict_chain(model, beams=2, gpus=0.5)
    assert len(chain.packs()) == 1
    asked = [stage.name for stage in chain.stages if stage.name.startswith("multitask")]
    assert [name.removeprefix("multitask_") for name in asked] == [
        "ocr", "detection", "captioning", "grounding", "segmentation", "crop_captioning",
    ]  # fmt: skip
    assert {stage.num_beams for stage in chain.stages if hasattr(stage, "num_beams")} == {2}
    assert not_produced(chain) == ["chosen labels and similarities (role scoring)"]


def test_the_profile_of_one_checkpoint_fills_all_roles_but_scoring() -> None:
    roles = load_profile("florence").roles
    assert {settings["weights"] for settings in roles.values()} == {"florence-community/Florence-2-large"}
    assert {settings["stage"] for settings in roles.values()} == {f"multitask_{role}" for role in roles}
    assert set(roles) == {"ocr", "detection", "captioning", "grounding", "segmentation", "crop_captioning"}
    assert {stage["resources"]["pack"] for stage in arrange(roles).values()} == {"gpu"}


def curated(where: Path, pictures: int, box: tuple[float, ...], name: str) -> Folder:
    """A dataset of the picture that the model knows, with an object."""
    data = sighted.png(predicted.PICTURE)
    region = sighted.region("r", box, labels=[records.label("phrase", name, sighted.MODEL)], best=0)
    rows = [sighted.image(data, regions=[region]) for _ in range(pictures)]
    folder = Folder.at(where)
    content = pa.Table.from_pylist([{**row, "image_id": f"{at:064x}"} for at, row in enumerate(rows)], records.SCHEMA)
    mark = write_table(folder, shard_file(shard_name(0)), content)
    files = {shard_file(shard_name(0)): mark}
    Ledger(shard_name(0), "made", pictures, files=files, counts=census(content)).write(folder)
    return folder


def test_scores_are_fitted_to_what_people_agree_with(tmp_path: Path) -> None:
    """Of the three boxes that the model is sure of, the truth has one, by another name."""
    predicted.taught().save(tmp_path / "model")
    heldout = curated(tmp_path / "heldout", 20, (7.7, 5.0, 38.5, 25.0), "tiger")
    report = calibrate(str(tmp_path / "model"), heldout)
    assert report.data["place"]["samples"] == 60
    assert report.data["label"]["samples"] == 20
    assert report.data["label"]["after"] < report.data["label"]["before"]
    kept = json.loads((tmp_path / "model" / "calibration.json").read_text())
    assert set(kept) == {"place", "label"}
    assert Calibration.of(tmp_path / "model")("label", 0.99) == 0.0


def test_too_little_to_fit_scores_to_is_said(tmp_path: Path, model: str) -> None:
    heldout = curated(tmp_path / "heldout", 1, (7.7, 5.0, 38.5, 25.0), "tiger")
    with pytest.raises(ChainError, match="too few"):
        calibrate(model, heldout)
    assert not (Path(model) / "calibration.json").exists()
