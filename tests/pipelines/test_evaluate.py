"""fld evaluate as a user meets it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fakes import png
from typer.testing import CliRunner

from engine import records
from engine.sources import files, spec
from engine.sources.spec import Kind, Spec
from filters import parsing
from pipelines.cli import app
from pipelines.report import LIMIT, OK, USAGE

SIDE = 20  # of every box, in pixels


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No params.yaml of this project in sight, and a place for temporary files that can be looked at."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(png(seed, (100, 60)))
    return folder


def fld(*arguments: object, code: int = OK) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def coco(photos: Path, name: str, shift: int = 0, images: int = 4) -> str:
    """A COCO json as a source: in each image a box of 20 x 20 pixels, with its mask, `shift` pixels to the right."""
    boxes = [[10 + shift, 10 + 5 * i, SIDE, SIDE] for i in range(images)]
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 100, "height": 60} for i in range(images)],
        "categories": [{"id": 0, "name": "car"}, {"id": 1, "name": "Dog"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": i % 2, "bbox": box, "segmentation": [_ring(box)]}
            for i, box in enumerate(boxes)
        ],
    }
    (photos.parent / name).write_text(json.dumps(content))
    return f"{photos.parent / name}?images={photos}"


def _ring(box: list[int]) -> list[int]:
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def evaluated(pred: object, truth: object) -> Any:
    return json.loads(fld("evaluate", pred, truth, "--json-output").stdout)


def test_a_coco_json_against_itself_is_perfect(photos: Path, tmp_path: Path) -> None:
    truth = coco(photos, "instances.json")
    fld("ingest", truth, "gold")
    result = fld("evaluate", "gold", truth, "--json", "all.json")
    assert "4 images of the truth: 4 found (0 by uri), 0 missed" in result.stdout
    assert "4 regions of the predictions are human" in result.stdout
    data = json.loads((tmp_path / "all.json").read_text())
    assert data["label_f1"] == {"texts": None, "regions": 1, "phrases": None, "mean": 1}
    perfect = (
        "ap",
        "ap50",
        "ap75",
        "ap_small",
        "voc07_ap50",
        "voc12_ap50",
        "recall_any_name",
        "best_label",
        "mask_iou",
    )
    assert [data["regions"][name] for name in perfect] == pytest.approx([1] * len(perfect))
    assert data["regions"]["ap_large"] is None
    assert {name: row["true"] for name, row in data["regions"]["by_category"].items()} == {"car": 2, "dog": 2}
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize(
    ("shift", "ap", "right"),
    # IoU (20 - s) / (20 + s): 0.67 is right at 4 of the ten thresholds, 0.9 at 9 (it is 0.905), 0.43 at none
    [(4, 0.4, 1), (1, 0.9, 1), (8, 0, 0)],
)
def test_shifted_boxes_give_the_figure_worked_out_by_hand(photos: Path, shift: int, ap: float, right: int) -> None:
    fld("ingest", coco(photos, "shifted.json", shift), "shifted")
    regions = evaluated("shifted", coco(photos, "instances.json"))["regions"]
    assert regions["ap"] == pytest.approx(ap)
    assert [regions[name] for name in ("ap50", "voc12_ap50", "recall_any_name", "f1")] == pytest.approx([right] * 4)
    assert regions["mask_iou"] == (pytest.approx((SIDE - shift) / (SIDE + shift)) if right else None)
    assert regions["mask_iou_missed_as_0"] == pytest.approx(right * (SIDE - shift) / (SIDE + shift))


def test_an_image_without_predictions_counts_as_missed(photos: Path) -> None:
    truth = coco(photos, "instances.json")
    fld("ingest", coco(photos, "three.json", images=3), "three")
    data = evaluated("three", truth)
    assert (data["images"]["matched"], data["images"]["missed"], data["images"]["not_in_truth"]) == (3, 1, 0)
    assert (data["regions"]["recall"], data["regions"]["precision"]) == (0.75, 1)
    fld("ingest", truth, "four")
    data = evaluated("four", coco(photos, "three.json", images=3))
    assert (data["images"]["matched"], data["images"]["not_in_truth"], data["regions"]["f1"]) == (3, 1, 1)


def test_the_last_step_of_a_run_is_measured_and_the_first_is_the_truth(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "boxes.yaml").write_text("stages: {boxes: {}}")
    (tmp_path / "params.yaml").write_text("curate: {filters: {region_score: {object: 0.999}}}")
    fld("run", coco(photos, "instances.json"), "out", "--profile", "boxes.yaml")
    raw, curated = evaluated("out/raw", "out"), evaluated("out", "out")
    # Two boxes of the fake stage on each image, which curate drops; what people drew stays.
    assert (raw["regions"]["found"], curated["regions"]["found"], raw["regions"]["true"]) == (12, 4, 4)
    assert (raw["step"], curated["step"], curated["label_f1"]["regions"]) == ("annotate", "curate", 1)
    assert raw["regions"]["others"] == {"": 8}


def test_what_a_source_holds_back_is_the_truth(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = records.label("phrase", "car", records.Origin("drawn"))
    drawn = records.region("r", "object", [0, 0, 10, 20], records.Origin("drawn"), labels=[label], best=0)
    fld("ingest", photos, "images")
    names = [row["image_id"] for row in _records("images")]

    def truth(given: Spec) -> Iterator[pa.Table]:
        schema = pa.schema([records.SCHEMA.field(name) for name in ("image_id", *records.ANNOTATIONS)])
        for name in names[: int(given.options["first"])]:
            yield pa.Table.from_pylist([{"image_id": name, "texts": [], "regions": [drawn], "phrases": []}], schema)

    kinds = {**spec.KINDS, "secret": Kind(files.list_folder, ("first",), truth)}
    monkeypatch.setattr(spec, "_kinds", lambda: kinds)
    data = evaluated("images", f"secret:{photos}?first=3")
    assert (data["images"]["true"], data["images"]["not_in_truth"], data["regions"]["recall"]) == (3, 1, 0)
    assert data["label_f1"] == {"texts": None, "regions": 0, "phrases": None, "mean": 0}


def _records(out: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(f"{out}/shards", columns=["image_id"]).to_pylist()
    return rows


def test_texts_are_measured_with_what_curate_remembers(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads(Path(coco(photos, "both.json").partition("?")[0]).read_text())
    said = ["A car in the rain.", "A dog on the grass.", "Two cars in the rain.", "A dog."]
    content["annotations"] += [{"id": 10 + i, "image_id": i, "caption": text} for i, text in enumerate(said)]
    (tmp_path / "both.json").write_text(json.dumps(content))
    (tmp_path / "none.yaml").write_text("stages: {boxes: {}}")
    fld("run", f"{tmp_path}/both.json?images={photos}", "out", "--profile", "none.yaml")
    parsing.forget()
    monkeypatch.delattr(parsing, "load")
    texts = evaluated("out", f"{tmp_path}/both.json?images={photos}")["texts"]
    assert (texts["precision"], texts["recall"], texts["f1"]) == (1, 1, 1)
    assert texts["by_granularity"]["brief"]["unknown"] == {"rain": 2, "grass": 1}
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photos", "instances.json"], "is not the output of a fld command"),
        (["images", "nowhere.json"], "cannot be read: No such file"),
        (["images", "nowhere"], "there is no"),
        (["images", "photos"], "it says nothing of its images"),
        (["images", "images"], "no annotation there has the origin 'human'"),
        (["images", "coco:photos/0.png"], "is no json"),
        (["images", "instances.json?pictures=photos"], "unknown option 'pictures'"),
        (["images", "instances.json", "--json", "photos"], "give the name of a file"),
        (["images"], "Missing argument 'TRUTH'"),
    ],
)
def test_wrong_usage_says_what_is_wrong(photos: Path, arguments: list[str], message: str) -> None:
    coco(photos, "instances.json")
    fld("ingest", photos, "images")
    assert message in " ".join(fld("evaluate", *arguments, code=USAGE).stderr.split())


def test_a_truth_whose_images_cannot_be_read_is_none(photos: Path) -> None:
    truth = coco(photos, "instances.json")
    fld("ingest", photos, "images")
    for name in ("0.png", "1.png"):
        (photos / name).write_bytes(b"\x89PNG broken")
    result = fld("evaluate", "images", truth, code=USAGE)
    assert "50.0% of the inputs that claim to be images are in quarantine" in result.stderr
    fld("ingest", truth, "other", code=LIMIT)


def test_the_tables_say_dash_where_there_is_nothing_to_measure(photos: Path) -> None:
    truth = coco(photos, "instances.json")
    fld("ingest", truth, "gold")
    lines = fld("evaluate", "gold", truth).stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("label F1"))
    assert lines[at].split()[2:] == ["texts", "regions", "phrases", "mean"]
    assert lines[at + 1].split() == ["-", "1.000", "-", "1.000"]
    assert not any(line.startswith(("texts", "phrases", "written")) for line in lines)
