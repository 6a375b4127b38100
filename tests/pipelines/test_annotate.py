"""All specialists in one chain, with small random weights: every column is filled and valid, on either runner."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from fakes import files
from PIL import Image, ImageDraw, ImageFont
from small.captioners import blip
from small.detectors import rt_detr_v2
from small.grounders import grounding_dino
from small.scorers import clip
from small.segmenters import sam
from typer.testing import CliRunner

from engine.checks import check
from engine.records import conform
from pipelines.cli import app
from pipelines.figure import PRODUCTS

# Ray's own warnings are not ours to mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::ray", "ignore::ResourceWarning", "ignore::FutureWarning"),
]

SIZES = ((97, 61), (64, 120), (151, 150), (80, 80))


def picture(seed: int) -> bytes:
    """Blocks of colour and a word, another size each time; the first is stored on its side."""
    rng = np.random.default_rng(seed)
    page = Image.new("RGB", SIZES[seed], tuple(rng.integers(0, 255, 3).tolist()))
    draw = ImageDraw.Draw(page)
    for _ in range(3):
        x, y = rng.integers(0, 40, 2).tolist()
        draw.rectangle((x, y, x + 25, y + 20), fill=tuple(rng.integers(0, 255, 3).tolist()))
    draw.rectangle((0, 30, 64, 60), fill="white")
    draw.text((4, 32), "STOP", fill="black", font=ImageFont.load_default(22))
    file, exif = io.BytesIO(), Image.Exif()
    if seed == 0:
        page, exif[0x0112] = page.transpose(Image.Transpose.ROTATE_90), 6
    page.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four pictures with a person's boxes and captions."""
    folder = tmp_path_factory.mktemp("source")
    for seed in range(len(SIZES)):
        (folder / f"{seed}.jpg").write_bytes(picture(seed))
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [5, 5, 30, 30]} for i in range(2)]
    captions = [{"id": 9 + i, "image_id": i, "caption": "A red bus stops on the grass."} for i in range(2)]
    coco = {
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(len(SIZES))],
        "categories": [{"id": 1, "name": "bus"}],
        "annotations": [*boxes, *captions],
    }
    (folder / "coco.json").write_text(json.dumps(coco))
    return f"{folder}/coco.json?images={folder}"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile of all roles, in one worker."""
    home = tmp_path_factory.mktemp("weights")
    roles: dict[str, dict[str, Any]] = {
        "ocr": {},
        "detection": {"weights": rt_detr_v2(home / "detector"), "min_score": 0.0, "max_regions": 5},
        "captioning": {"weights": blip(home / "captioner")},
        "grounding": {
            "weights": grounding_dino(home / "grounder"), "min_score": 0.0, "min_phrase_score": 0.0, "max_boxes": 3,
        },
        "segmentation": {"weights": sam(home / "segmenter")},
        "crop_captioning": {"weights": home / "captioner"},
        "scoring": {"weights": clip(home / "scorer")},
        "detailed": {"stage": "aggregator"},
    }  # fmt: skip
    for settings in roles.values():
        settings["resources"] = {"cpus": 1, "batch_size": 2, "pack": "all"}
        if "weights" in settings:
            settings["weights"] = str(settings["weights"])
    path = home / "all.yaml"
    path.write_text(yaml.safe_dump({"roles": roles}))
    return path


def fld(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.fixture(scope="module")
def annotated(source: str, profile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("here") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out.parent)
        said = fld("run", source, out, "--profile", profile)
    assert "does not give" not in said
    return out


def rows(out: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((out / "raw" / "shards").iterdir()) for row in pq.read_table(path).to_pylist()]


def test_every_column_is_filled_and_valid(annotated: Path) -> None:
    table: pa.Table = conform(pq.read_table(annotated / "raw" / "shards"))
    check(table)
    images = table.to_pylist()
    assert not any(image["faults"] for image in images)
    for image in images:
        assert {text["granularity"] for text in image["texts"]} >= {"brief", "detailed", "more_detailed"}
        assert all(text["similarity"] is not None for text in image["texts"])
    regions = [region for image in images for region in image["regions"]]
    assert {region["kind"] for region in regions} == {"object", "text"}
    objects = [region for region in regions if region["kind"] == "object"]
    assert {label["granularity"] for region in objects for label in region["labels"]} == {"phrase", "brief", "chunk"}
    assert all(region["best"] is not None for region in objects)
    assert sum(region["mask"] is not None for region in objects) > len(objects) / 2
    assert any(region["polygons"] for region in objects)
    phrases = [phrase for image in images for phrase in image["phrases"]]
    assert any(phrase["region_ids"] for phrase in phrases)
    texts = {(image["image_id"], text["id"]): text["granularity"] for image in images for text in image["texts"]}
    said = {texts[image["image_id"], phrase["text_id"]] for image in images for phrase in image["phrases"]}
    assert said == {"brief", "detailed", "more_detailed"}


def test_what_a_person_said_is_all_there(annotated: Path) -> None:
    human = [
        item for row in rows(annotated) for kind in ("texts", "regions") for item in row[kind]
        if item["origin"]["model"] == "human"
    ]  # fmt: skip
    assert len(human) == 4
    boxes = [item for item in human if "box" in item]
    assert [box["box"] for box in boxes] == [[5, 5, 35, 35]] * 2
    assert [box["labels"][box["best"] or 0]["text"] for box in boxes] == ["bus", "bus"]


def test_ray_and_a_second_run_here_make_the_same_bytes(
    annotated: Path, source: str, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = files(annotated / "raw")
    fld("annotate", annotated / "images", tmp_path / "again", "--profile", profile)
    assert files(tmp_path / "again") == here
    fld("annotate", annotated / "images", tmp_path / "ray", "--profile", profile, "--ray")
    assert files(tmp_path / "ray") == here


def test_the_books_say_what_each_stage_took_and_gave(annotated: Path) -> None:
    books = json.loads(fld("inspect", annotated / "raw", "--json"))["annotate"]
    assert [stage["name"] for stage in books["stages"]][-2:] == ["chunks@detailed", "scoring@detailed"]
    assert all(stage["images"] == len(SIZES) and stage["images_per_second"] for stage in books["stages"])
    assert books["waterfall"]["masks"]["out"] == sum(
        region["mask"] is not None or region["polygons"] is not None
        for row in rows(annotated)
        for region in row["regions"]
    )


def test_a_profile_that_leaves_roles_out_says_what_it_does_not_give(
    annotated: Path, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    roles = yaml.safe_load(profile.read_text())["roles"]
    (tmp_path / "some.yaml").write_text(yaml.safe_dump({"roles": {"detection": roles["detection"]}}))
    said = fld("annotate", annotated / "images", tmp_path / "out", "--profile", tmp_path / "some.yaml")
    missing = json.loads((tmp_path / "out" / "summary.json").read_text())["not_produced"]
    assert missing == [f"{what} (role {role})" for part, what, role, _ in PRODUCTS if part != "regions.object"]
    assert "does not give: written lines (role ocr)" in said
