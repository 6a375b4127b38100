"""The commands as a user meets them: what they print, leave behind and end with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fakes import files, png
from misbehaving import closed_port
from typer.testing import CliRunner

from engine.lock import Lock
from engine.storage import Folder
from pipelines.cli import app
from pipelines.report import FAILED, LIMIT, LOCKED, OK, USAGE, say_counts

QUIET = """
stages:
  boxes: {{log: "{log}"{more}}}
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No params.yaml of this project in sight."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(6):
        (folder / f"{seed}.png").write_bytes(png(seed))
    return folder


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "boxes.yaml"
    path.write_text(QUIET.format(log=tmp_path / "log", more=""))
    return path


def fld(*arguments: object, code: int = OK) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


def summary(out: Path) -> Any:
    return json.loads((out / "summary.json").read_text())


def test_a_run_leaves_balanced_books_and_says_so(photos: Path, profile: Path, tmp_path: Path) -> None:
    (photos / "again.png").write_bytes(png(1))
    (photos / "notes.txt").write_text("no picture")
    out = tmp_path / "out"
    result = fld("run", photos, out, "--profile", profile)
    assert "8 inputs = 6 images + 1 duplicates + 1 quarantined" in result.stdout
    data = summary(out)
    assert data["inputs"] == data["images"] + data["duplicates"] + data["quarantined"] == 8
    assert (data["annotated"], data["curated"], data["exit_code"]) == (6, 6, 0)
    assert data["annotate"]["annotations"]["regions"] == {"object": 12}
    for step in ("images", "raw", "curated"):
        assert summary(out / step)["images"] == 6


def test_a_second_run_does_nothing_and_a_third_only_what_is_new(photos: Path, profile: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    fld("run", photos, out, "--profile", profile)
    before, bytes_before = log.read_text(), files(out)
    fld("run", photos, out, "--profile", profile)
    assert (log.read_text(), files(out)) == (before, bytes_before)
    (photos / "new.png").write_bytes(png(9))
    fld("run", photos, out, "--profile", profile)
    assert sum(line.startswith("image") for line in log.read_text().splitlines()) == 7
    assert summary(out)["annotate"]["new_images"] == 1


def test_the_steps_one_by_one_make_what_run_makes(photos: Path, profile: Path, tmp_path: Path) -> None:
    fld("run", photos, tmp_path / "a", "--profile", profile)
    fld("ingest", photos, tmp_path / "b" / "images")
    fld("annotate", tmp_path / "b" / "images", tmp_path / "b" / "raw", "--profile", profile)
    fld("curate", tmp_path / "b" / "raw", tmp_path / "b" / "curated")
    for step in ("images", "raw", "curated"):
        assert files(tmp_path / "a" / step) == files(tmp_path / "b" / step)


def test_curate_keeps_every_drop_with_its_reason(photos: Path, profile: Path, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("curate:\n  filters:\n    region_score: {object: 0.999}\n  embed_images: true\n")
    out = tmp_path / "out"
    result = fld("run", photos, out, "--profile", profile)
    assert "region_score dropped 12 regions" in result.stdout
    rejects = pq.read_table(out / "curated" / "rejects")
    assert rejects["rule"].to_pylist() == ["region_score"] * 12
    assert rejects["region"].null_count == 0
    images = pq.read_table(out / "curated" / "shards")["image"].to_pylist()
    assert sorted(image["bytes"] for image in images) == sorted(p.read_bytes() for p in photos.iterdir())


def test_another_threshold_runs_curate_again_and_nothing_else(photos: Path, profile: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    fld("run", photos, out, "--profile", profile)
    before = log.read_text()
    (tmp_path / "params.yaml").write_text("curate: {filters: {region_score: {object: 0.999}}}")
    fld("run", photos, out, "--profile", profile)
    assert log.read_text() == before
    assert summary(out)["curate"]["annotations"]["regions"] == {}


def test_a_changed_profile_says_what_it_would_do_again_and_asks(photos: Path, profile: Path, tmp_path: Path) -> None:
    out, log, other = tmp_path / "out", tmp_path / "log", tmp_path / "other.yaml"
    fld("run", photos, out, "--profile", profile)
    other.write_text(profile.read_text() + "  boxes@again:\n")
    (photos / "new.png").write_bytes(png(99))
    before = {path: path.stat().st_mtime_ns for path in [*out.rglob("*"), log]}
    for command in (["run", photos, out], ["annotate", out / "images", out / "raw"]):
        said = fld(*command, "--profile", other, code=USAGE).stderr
        assert "boxes@again new" in said
        assert "boxes, boxes@again would run again on 6 images" in said
        assert "--yes" in said
        dry = fld(*command, "--profile", other, "--dry-run").stdout
        assert "would run again on 6 images that are done, with --yes only" in dry
    assert {path: path.stat().st_mtime_ns for path in [*out.rglob("*"), log]} == before
    fld("run", photos, out, "--profile", other, "--yes")
    assert summary(out)["annotate"]["new_images"] == 7
    fld("run", photos, out, "--profile", other)  # they are the pinned ones now


def test_too_much_quarantine_ends_the_run_before_it_costs(photos: Path, profile: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").write_text("<html></html>")
    out = tmp_path / "out"
    result = fld("run", photos, out, "--profile", profile, code=LIMIT)
    assert "14.3%" in result.stderr
    assert "max_quarantine_rate" in result.stderr
    assert summary(out)["exit_code"] == LIMIT
    assert not (out / "raw").exists()
    (tmp_path / "params.yaml").write_text("ingest: {max_quarantine_rate: 0.2}")
    fld("run", photos, out, "--profile", profile)


def test_three_corrupt_images_are_no_success(tmp_path: Path, profile: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.jpg").write_bytes(b"\xff\xd8\xff nothing")
    fld("run", folder, tmp_path / "out", "--profile", profile, code=LIMIT)
    assert summary(tmp_path / "out")["quarantined"] == 3


def test_an_empty_folder_is_no_success(tmp_path: Path, profile: Path) -> None:
    (tmp_path / "photos").mkdir()
    result = fld("run", tmp_path / "photos", tmp_path / "out", "--profile", profile, code=LIMIT)
    assert "no inputs" in result.stderr


def test_too_many_faults_end_non_zero_and_can_be_tried_again(photos: Path, tmp_path: Path) -> None:
    import hashlib

    bad, out = hashlib.sha256(png(2)).hexdigest(), tmp_path / "out"
    profile = tmp_path / "broken.yaml"
    profile.write_text(f"stages: {{broken: {{bad: ['{bad}']}}}}")
    result = fld("run", photos, out, "--profile", profile, code=LIMIT)
    assert "'broken' failed on 16.7% of its images" in result.stderr
    assert "cannot look at this" in fld("inspect", out).stdout
    assert not (out / "curated").exists()
    fld("annotate", out / "images", out / "raw", "--profile", profile, "--retry-faults", code=LIMIT)


def test_inspect_prints_the_books(photos: Path, profile: Path, tmp_path: Path) -> None:
    fld("run", photos, tmp_path / "out", "--profile", profile)
    text = fld("inspect", tmp_path / "out").stdout
    for part in ("6 inputs = 6 images", "12 object regions", "region_nms", "images/s"):
        assert part in text
    data = json.loads(fld("inspect", tmp_path / "out", "--json").stdout)
    assert [data[name]["images"] for name in ("ingest", "annotate", "curate")] == [6, 6, 6]


def test_inspect_shows_one_record(photos: Path, profile: Path, tmp_path: Path) -> None:
    (photos / "same.png").write_bytes(png(3))
    fld("run", photos, tmp_path / "out", "--profile", profile)
    by_uri = fld("inspect", tmp_path / "out", "--image", "3.png").stdout
    assert "40 x 30 px" in by_uri
    assert f"uri     {photos / 'same.png'}" in by_uri
    assert "region  boxes.0 object (0.0, 0.0," in by_uri
    image_id = by_uri.split()[1]
    assert fld("inspect", tmp_path / "out", "--image", image_id[:10]).stdout == by_uri
    record = json.loads(fld("inspect", tmp_path / "out", "--image", "3.png", "--json").stdout)["record"]
    assert record["image_id"] == image_id
    # Bytes that were there before are a duplicate, and its name leads to what it doubles.
    assert fld("inspect", tmp_path / "out", "--image", "same.png").stdout == by_uri


def test_inspect_says_why_an_image_is_not_there(photos: Path, profile: Path, tmp_path: Path) -> None:
    (photos / "notes.txt").write_text("no picture")
    fld("run", photos, tmp_path / "out", "--profile", profile)
    assert "in quarantine" in fld("inspect", tmp_path / "out", "--image", "notes.txt", code=USAGE).stderr
    said = fld("inspect", tmp_path / "out", "--image", "zzz", code=USAGE).stderr
    assert "no image 'zzz'; give the beginning of an id, or the end of a uri" in said
    assert "fits 6 images" in fld("inspect", tmp_path / "out", "--image", ".png", code=USAGE).stderr


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(photos: Path, profile: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = fld("run", photos, out, "--profile", profile, "--dry-run")
    assert "6 would be read, into 1 shards" in result.stdout
    assert not out.exists()
    fld("ingest", photos, out)
    before = sorted(out.rglob("*"))
    assert "0 would be read" in fld("ingest", photos, out, "--dry-run").stdout
    assert "6 images in 1 shards would be done" in fld(
        "annotate", out, tmp_path / "raw", "--profile", profile, "--dry-run"
    ).stdout  # fmt: skip
    assert sorted(out.rglob("*")) == before
    assert not (tmp_path / "raw").exists()


def test_an_output_in_use_is_left_alone(photos: Path, profile: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Lock(Folder.at(out), "fld run"):
        result = fld("run", photos, out, "--profile", profile, code=LOCKED)
    assert f"pid {os.getpid()}" in result.stderr
    assert not (out / "images").exists()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ("ingest: {shard_image: 5}", "unknown key 'shard_image'; did you mean 'shard_images'?"),
        ("inges: {}", "unknown key 'inges'; did you mean 'ingest'?"),
        ("ingest: {shard_images: many}", "shard_images: Input should be a valid integer"),
        ("ingest: {shard_images: 0}", "shard_images must be at least 1"),
        ("annotate: {profile: ocrr}", "there is no profile 'ocrr'; did you mean 'ocr'?"),
        ("annotate: {profile: mine.yaml}", "mine.yaml cannot be read"),
        ("curate: {filters: {region_scores: {}}}", "no stage is registered as 'region_scores'; did you mean"),
        ("curate: {filters: {region_score: {objects: 0.5}}}", "unknown key 'objects'; did you mean 'object'?"),
        ("curate: {filters: {region_nms: {iou: 7}}}", "iou"),
        ("curate: {filters: {}}", "there are no stages"),
        ("ingest: [1]", "expected keys and values"),
        ("a: b: c", "is not YAML"),
        ("ingest: {min_side: 3}\ningest: {min_side: 4}", "params.yaml: line 2: the key 'ingest' stands there twice"),
        ("curate: {filters: {region_score: {objects: 0.5}}}", "curate.filters: region_score: unknown key"),
    ],
)
def test_settings_that_cannot_be_used_name_the_file_and_the_key(
    photos: Path, profile: Path, tmp_path: Path, params: str, said: str
) -> None:
    path = tmp_path / "mine" / "params.yaml"
    path.parent.mkdir()
    path.write_text(params)
    fld("ingest", photos, tmp_path / "images") if "ingest" not in params and "inges" not in params else None
    verb = {"a": "ingest", "i": "ingest"}.get(params[0], "curate")
    if params.startswith("annotate"):
        arguments: tuple[object, ...] = ("annotate", tmp_path / "images", tmp_path / "raw")
    elif verb == "ingest":
        arguments = ("ingest", photos, tmp_path / "out")
    else:
        fld("annotate", tmp_path / "images", tmp_path / "raw", "--profile", profile)
        arguments = ("curate", tmp_path / "raw", tmp_path / "out")
    result = fld(*arguments, "--params", path, code=USAGE)
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nowhere", "out"), "nowhere"),
        (("run", "photos"), "SRC... OUT"),
        (("annotate", "nowhere", "out"), "no committed shards"),
        (("curate", "nowhere", "out"), "no committed shards"),
        (("inspect", "nowhere"), "not the output of a fld command"),
        (("inspect", "photos"), "not the output of a fld command"),
        (("annotate", "images", "images"), "is the output of `fld ingest`"),
        (("frobnicate",), "frobnicate"),
        (("ingest", "photos", "out", "--workers", "-1"), "workers"),
    ],
)
def test_wrong_usage_is_told_and_leaves_nothing(
    photos: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    fld("ingest", photos, "images")
    result = fld(*arguments, code=USAGE)
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_summary_as_json_is_all_that_goes_to_stdout(photos: Path, profile: Path, tmp_path: Path) -> None:
    result = fld("run", photos, tmp_path / "out", "--profile", profile, "--json")
    assert json.loads(result.stdout)["images"] == 6


def test_doctor_finds_this_machine_well() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "doctor"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for part in ("python", "rapidocr", "weights", "ray cluster", "disk"):
        assert part in result.stdout


def test_doctor_says_how_to_mend_what_is_wrong(tmp_path: Path) -> None:
    result = fld("doctor", "--profile", "ocrr", "--address", "127.0.0.1:1", code=2)
    assert "did you mean 'ocr'?" in result.stdout
    assert "->" in result.stdout


def test_progress_is_plain_lines_where_there_is_no_terminal(photos: Path, profile: Path, tmp_path: Path) -> None:
    result = fld("run", photos, tmp_path / "out", "--profile", profile)
    assert "annotate: 6 images to do" in result.stderr
    assert "annotate: 6/6 images" in result.stderr
    assert "\x1b" not in result.stderr


def test_the_waterfall_accounts_for_every_annotation(photos: Path, profile: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("curate: {filters: {region_score: {object: 0.5}, region_nms: {iou: 0.5}}}")
    fld("run", photos, tmp_path / "out", "--profile", profile)
    fall = summary(tmp_path / "out")["curate"]["waterfall"]["regions"]
    assert fall["in"] == 12
    assert fall["dropped"]["region_nms_class"] > 0
    assert fall["in"] + sum(fall["added"].values()) - sum(fall["dropped"].values()) == fall["out"]
    line = next(line for line in fld("inspect", tmp_path / "out").stdout.splitlines() if "12 in" in line)
    assert f"- {fall['dropped']['region_nms_class']} region_nms_class" in line


def test_explain_gives_each_verdict_on_one_image_and_writes_nothing(
    photos: Path, profile: Path, tmp_path: Path
) -> None:
    fld("run", photos, tmp_path / "out", "--profile", profile)
    raw, before = tmp_path / "out" / "raw", sorted((tmp_path / "out").rglob("*"))
    (tmp_path / "params.yaml").write_text("curate: {filters: {region_nms: {iou: 0.5}}}")
    lines = fld("curate", raw, "--explain", "3.png").stdout.splitlines()
    assert [line[:22] for line in lines] == ["keep  regions boxes.0", "drop  regions boxes.1 "]
    assert "by region_nms_class, value 0." in lines[1]
    assert "threshold 0.5" in lines[1]
    assert sorted((tmp_path / "out").rglob("*")) == before
    assert "no image" in fld("curate", raw, "--explain", "zzz", code=USAGE).stderr
    assert "--explain" in fld("curate", raw, code=USAGE).stderr


def test_a_mended_file_no_longer_counts_against_the_source(photos: Path, profile: Path, tmp_path: Path) -> None:
    for name in ("x.png", "y.png"):
        (photos / name).write_bytes(png(1)[:60])
    fld("run", photos, tmp_path / "out", "--profile", profile, code=LIMIT)
    fld("run", photos, tmp_path / "out", "--profile", profile, code=LIMIT)
    for seed, name in enumerate(("x.png", "y.png"), 20):
        (photos / name).write_bytes(png(seed))
    fld("run", photos, tmp_path / "out", "--profile", profile)
    data = summary(tmp_path / "out")
    assert (data["curated"], data["ingest"]["quarantine_rate"]) == (8, 0)
    assert data["inputs"] == data["images"] + data["duplicates"] + data["quarantined"] == 10


@pytest.mark.parametrize(
    ("params", "arguments"),
    [
        ("curate: {filters: {region_scor: {}}}", ()),
        ("curate: {filters: {region_score: {text: high}}}", ()),
        ("curate: {filters: {region_score: 0.5}}", ()),
        ("annotate: {profile: nix}", ()),
        ("{}", ("--address", "127.0.0.1:1")),
    ],
)
def test_a_run_that_cannot_end_does_not_begin(
    photos: Path, profile: Path, tmp_path: Path, params: str, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "params.yaml").write_text(params)
    more = () if "nix" in params else ("--profile", profile)
    for dry in ((), ("--dry-run",)):
        fld("run", photos, tmp_path / "out", *more, *arguments, *dry, code=USAGE)
    assert not (tmp_path / "out").exists()


def test_another_datasets_output_is_not_overwritten(photos: Path, profile: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        fld("run", photos, tmp_path / name, "--profile", profile)
    before = files(tmp_path / "a" / "curated")
    result = fld("curate", tmp_path / "b" / "raw", tmp_path / "a" / "curated", code=USAGE)
    assert "made from other images" in result.stderr
    assert files(tmp_path / "a" / "curated") == before


def test_a_moved_output_goes_on(photos: Path, profile: Path, tmp_path: Path) -> None:
    fld("run", photos, tmp_path / "a", "--profile", profile)
    (tmp_path / "a").rename(tmp_path / "b")
    fld("run", photos, tmp_path / "b", "--profile", profile)
    assert summary(tmp_path / "b")["annotate"]["new_images"] == 0


@pytest.mark.parametrize("out", ["photos/out", "photos", ""])
def test_an_output_inside_its_source_is_refused(photos: Path, profile: Path, tmp_path: Path, out: str) -> None:
    before = sorted(photos.rglob("*"))
    fld("run", "photos", out, "--profile", profile, code=USAGE)
    assert sorted(photos.rglob("*")) == before


def test_human_annotations_that_came_too_late_are_told(photos: Path, tmp_path: Path) -> None:
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    coco = {
        "images": [{"id": 1, "file_name": "0.png", "width": 40, "height": 30}],
        "annotations": [box], "categories": [{"id": 1, "name": "dog"}],
    }  # fmt: skip
    (photos / "boxes.json").write_text(json.dumps(coco))
    fld("ingest", photos / "0.png", tmp_path / "out")
    result = fld("ingest", photos / "boxes.json", tmp_path / "out")
    assert "1 regions of duplicates are kept in duplicates/" in result.stdout


def test_a_summary_that_cannot_be_printed_is_no_traceback(photos: Path, profile: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "ingest", str(photos), str(tmp_path / "out")],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "could not be printed" in done.stderr
    assert "Traceback" not in done.stderr


def test_names_that_a_terminal_would_obey_are_shown_harmless(photos: Path, profile: Path, tmp_path: Path) -> None:
    (photos / "evil\x1b[2J\n.png").write_bytes(png(30))
    fld("run", photos, tmp_path / "out", "--profile", profile)
    text = fld("inspect", tmp_path / "out", "--image", "\n.png").stdout
    assert "\x1b" not in text
    assert "evil\\x1b[2J\\n.png" in text


def test_a_file_name_that_is_not_utf8_goes_all_the_way(tmp_path: Path, profile: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / name).write_bytes(png(1))
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "run", name, "out", "--profile", str(profile)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert summary(tmp_path / "out")["images"] == 1


def test_a_budget_that_is_spent_ends_with_its_words_and_goes_on_later(photos: Path, tmp_path: Path) -> None:
    profile, out = tmp_path / "spent.yaml", tmp_path / "out"
    profile.write_text(f"stages: {{spent: {{log: {tmp_path / 'log'}, budget: 0}}}}")
    assert "spent: the budget is spent" in fld("run", photos, out, "--profile", profile, code=LIMIT).stderr
    assert summary(out / "raw")["exit_code"] == LIMIT
    profile.write_text(f"stages: {{spent: {{log: {tmp_path / 'log'}, budget: 100}}}}")
    fld("run", photos, out, "--profile", profile)


def test_a_service_that_is_not_there_is_a_failure_and_no_limit(photos: Path, tmp_path: Path) -> None:
    profile, out = tmp_path / "lost.yaml", tmp_path / "out"
    requests = "{attempts: 1, failures: 1}"
    stage = f"{{endpoint: {closed_port()}, model: m, image: false, requests: {requests}}}"
    profile.write_text(f"stages: {{large_model: {stage}}}")
    result = fld("run", photos, out, "--profile", profile, code=FAILED)
    assert "cannot be reached" in result.stderr
    assert "the same command goes on" in result.stderr
    assert summary(out / "raw")["exit_code"] == FAILED


def test_a_step_refuses_what_another_step_wrote(photos: Path, profile: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    fld("run", photos, out, "--profile", profile)
    said = fld("annotate", out / "raw", tmp_path / "x", "--profile", profile, code=USAGE).stderr
    assert "is the output of `fld annotate`; `fld annotate` wants that of `fld ingest`" in said
    assert "wants that of `fld annotate`" in fld("curate", out / "images", tmp_path / "y", code=USAGE).stderr
    assert not (tmp_path / "x").exists()


def test_explain_wants_what_annotate_wrote(photos: Path, profile: Path, tmp_path: Path) -> None:
    fld("run", photos, tmp_path / "out", "--profile", profile)
    for folder, said in (
        ("images", "is the output of `fld ingest`"),
        ("curated", "`fld curate`"),
        ("", "no committed"),
    ):
        refused = fld("curate", tmp_path / "out" / folder, "--explain", "3.png", code=USAGE)
        assert said in refused.stderr
    said = fld("curate", tmp_path / "out" / "raw", "--explain", "zzz", code=USAGE).stderr
    assert "no image 'zzz'; give the beginning of an id" in said


def test_kinds_of_one_name_are_counted_once() -> None:
    assert say_counts({"phrase": 1200}, "phrases") == "1,200 phrases"
    assert say_counts({"mask": 3}, "masks") == "3 masks"
    assert say_counts({"text": 12, "object": 3, "proposal": 0}, "regions") == "12 text, 3 object regions"
    assert say_counts({"phrase": 0}, "phrases") == "no phrases"
