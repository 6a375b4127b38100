"""Every input ends as an image, a duplicate or in quarantine, whatever the number of workers or interruptions."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fakes import files, png

from engine import ingest
from engine.checks import check
from engine.images import Limits
from engine.ledger import Ledger, load_ledgers
from engine.manifest import IngestSettings, make_plan
from engine.shards import read_shard
from engine.sources import list_inputs
from engine.storage import Folder, StorageError

SMALL = IngestSettings(shard_images=7)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty images, two of them once more, and three files that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(20):
        (folder / f"{seed:02}.png").write_bytes(png(seed))
    (folder / "05-again.png").write_bytes(png(5))
    (folder / "99-first-again.png").write_bytes(png(0))
    (folder / "10-empty.png").write_bytes(b"")
    (folder / "15-cut.png").write_bytes(png(15)[:200])
    (folder / "notes.txt").write_text("not a picture")
    return folder


def run(sources: list[Path], out: Path, *, workers: int = 1, settings: IngestSettings = SMALL) -> list[Ledger]:
    plan = make_plan(list_inputs([str(source) for source in sources]), Folder.at(out), settings)
    return list(ingest.run(plan, workers=workers))


def totals(out: Path) -> dict[str, int]:
    ledgers = load_ledgers(Folder.at(out)).values()
    return {key: sum(ledger.inputs[key] for ledger in ledgers) for key in next(iter(ledgers)).inputs}


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    return [row for path in sorted((out / name).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_every_input_is_accounted_for(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "out")
    assert totals(tmp_path / "out") == {"inputs": 25, "images": 20, "duplicates": 2, "quarantined": 3}
    duplicates = {Path(row["uri"]).name: row["image_id"] for row in rows(tmp_path / "out", "duplicates")}
    images = {Path(row["uri"]).name: row["image_id"] for row in rows(tmp_path / "out", "shards")}
    assert duplicates == {"05.png": images["05-again.png"], "99-first-again.png": images["00.png"]}
    refused = {Path(row["uri"]).name: (row["reason"], row["size"]) for row in rows(tmp_path / "out", "quarantine")}
    assert refused == {
        "10-empty.png": ("empty", 0), "15-cut.png": ("truncated", 200), "notes.txt": ("other_file", 13),
    }  # fmt: skip


def test_records_hold_the_file_byte_for_byte(photos: Path, tmp_path: Path) -> None:
    import hashlib

    run([photos], tmp_path / "out")
    for shard in load_ledgers(Folder.at(tmp_path / "out")):
        table = read_shard(Folder.at(tmp_path / "out"), shard)
        check(table)
        for row in table.to_pylist():
            data = Path(row["uri"]).read_bytes()
            assert row["image"] == {"bytes": data, "path": Path(row["uri"]).name}
            assert row["image_id"] == hashlib.sha256(data).hexdigest()
            assert (row["width"], row["height"]) == (40, 30)


def test_any_number_of_workers_makes_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("three", 3)):
        run([photos], tmp_path / name, workers=workers)
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_an_interrupted_ingest_goes_on_with_the_same_partition(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "whole")
    out = Folder.at(tmp_path / "out")
    plan = make_plan(list_inputs([str(photos)]), out, SMALL)
    running = ingest.run(plan, workers=1)
    next(running)
    running.close()  # type: ignore[attr-defined]
    (photos / "00-new.png").write_bytes(png(100))
    run([photos], tmp_path / "out")
    whole, resumed = files(tmp_path / "whole"), files(tmp_path / "out")
    assert {name: resumed[name] for name in whole} == whole
    assert totals(tmp_path / "out")["inputs"] == 26


def test_new_inputs_make_new_shards_and_old_ones_stay(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "out")
    before = files(tmp_path / "out")
    assert run([photos], tmp_path / "out") == []
    (photos / "aa.png").write_bytes(png(50))
    (photos / "bb-again.png").write_bytes(png(3))
    made = run([photos], tmp_path / "out")
    assert [ledger.inputs for ledger in made] == [{"inputs": 2, "images": 1, "duplicates": 1, "quarantined": 0}]
    after = files(tmp_path / "out")
    assert {name: after[name] for name in before} == before


def test_a_file_with_new_content_is_a_new_input(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "out")
    (photos / "10-empty.png").write_bytes(png(70))
    (ledger,) = run([photos], tmp_path / "out")
    assert ledger.inputs["images"] == 1


def test_a_damaged_shard_is_made_again_as_it_was(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "out")
    whole = files(tmp_path / "out")
    (tmp_path / "out" / "shards" / "part-000001.parquet").unlink()
    assert [ledger.shard for ledger in run([photos], tmp_path / "out")] == ["part-000001"]
    assert files(tmp_path / "out") == whole


def test_other_settings_do_not_touch_what_is_written(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "out")
    stricter = IngestSettings(shard_images=3, limits=Limits(min_side=100))
    assert run([photos], tmp_path / "out", settings=stricter) == []


def test_shards_are_bounded_in_bytes_too(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(png(seed, (500, 450)))  # noise: about 0.67 MB each
    ledgers = run([folder], tmp_path / "out", settings=IngestSettings(shard_mb=1))
    assert [ledger.images for ledger in ledgers] == [1, 1, 1, 1]


def test_a_chunk_without_a_usable_image_is_an_empty_shard(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_text("<html>404</html>")
    (ledger,) = run([folder], tmp_path / "out")
    assert ledger.inputs == {"inputs": 1, "images": 0, "duplicates": 0, "quarantined": 1}
    assert len(read_shard(Folder.at(tmp_path / "out"), "part-000000")) == 0


def coco(folder: Path, boxes: dict[str, list[list[float]]]) -> Path:
    """A COCO json beside its images."""
    images = [{"id": i, "file_name": name, "width": 40, "height": 30} for i, name in enumerate(boxes)]
    annotations = [
        {"id": 10 * i + k, "image_id": i, "category_id": 1, "bbox": box, "iscrowd": 0, "area": 1}
        for i, found in enumerate(boxes.values())
        for k, box in enumerate(found)
    ]
    path = folder / "instances.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}]})
    )
    return path


def test_human_annotations_arrive_and_impossible_ones_are_accounted_for(photos: Path, tmp_path: Path) -> None:
    source = coco(photos, {"00.png": [[1, 2, 10, 10], [5, 5, 0, 3]], "01.png": [[30, 20, 50, 50]]})
    (ledger,) = run([source], tmp_path / "out")
    regions = {Path(row["uri"]).name: row["regions"] for row in rows(tmp_path / "out", "shards")}
    assert [r["box"] for r in regions["00.png"]] == [[1, 2, 11, 12]]
    assert [r["box"] for r in regions["01.png"]] == [[30, 20, 40, 30]]
    assert regions["00.png"][0]["labels"][0]["text"] == "dog"
    assert [row["rule"] for row in rows(tmp_path / "out", "rejects")] == ["degenerate_box"]
    books = ledger.stages[0]
    assert (books.added["regions"], books.after["regions"], books.dropped) == (
        3, 2, {"regions": {"degenerate_box": 1}},
    )  # fmt: skip
    assert ledger.counts["human"] == {"regions": 2}


def test_what_a_human_said_of_a_duplicate_is_kept_beside_it(photos: Path, tmp_path: Path) -> None:
    source = coco(photos, {"05.png": [[1, 2, 10, 10]]})
    run([photos / "05-again.png"], tmp_path / "out")
    run([source], tmp_path / "out")
    (duplicate,) = rows(tmp_path / "out", "duplicates")
    assert duplicate["regions"][0]["box"] == [1, 2, 11, 12]


def test_an_input_that_kills_its_process_is_quarantined_alone(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A decoder that crashes: the module is put in the way of every process that the test starts.
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "sitecustomize.py").write_text(
        "import os, sys, builtins\n"
        "real = builtins.open\n"
        "def hook(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('07.png'):\n"
        "        os.kill(os.getpid(), 9)\n"
        "if 'forkserver' in ' '.join(sys.orig_argv): sys.addaudithook(hook)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(trap), os.environ["PYTHONPATH"]]))
    import multiprocessing.forkserver as forkserver

    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # one that was started without the trap
    run([photos], tmp_path / "out", workers=2)
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    assert totals(tmp_path / "out") == {"inputs": 25, "images": 19, "duplicates": 2, "quarantined": 4}
    refused = {Path(row["uri"]).name: row["reason"] for row in rows(tmp_path / "out", "quarantine")}
    assert refused["07.png"] == "decoder_died"


def test_nothing_is_staged_for_good(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "out", workers=2)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "duplicates", "ledgers", "manifest", "quarantine", "shards",
    ]  # fmt: skip


def test_a_vanished_source_does_not_take_its_images_along(photos: Path, tmp_path: Path) -> None:
    run([photos], tmp_path / "out")
    before = files(tmp_path / "out")
    shutil.rmtree(photos)
    photos.mkdir()
    (photos / "x.png").write_bytes(png(80))
    run([photos], tmp_path / "out")
    assert {name: data for name, data in files(tmp_path / "out").items() if name in before} == before
    assert totals(tmp_path / "out")["images"] == 21


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "emptied"])
def test_a_lost_manifest_stops_the_ingest_before_it_hides_anything(photos: Path, tmp_path: Path, damage: Any) -> None:
    run([photos], tmp_path / "out")
    before = files(tmp_path / "out", "shards")
    damage(tmp_path / "out" / "manifest" / "part-000000.parquet")
    (photos / "zz.png").write_bytes(png(90))
    with pytest.raises(StorageError, match="manifest"):
        run([photos], tmp_path / "out")
    assert files(tmp_path / "out", "shards") == before


def test_unread_files_are_tried_again_when_asked_to(photos: Path, tmp_path: Path) -> None:
    (photos / "link.png").symlink_to(photos / "nowhere.png")
    run([photos], tmp_path / "out")
    out, listed = Folder.at(tmp_path / "out"), list_inputs([str(photos)])
    assert make_plan(listed, out, SMALL).new == 0
    assert make_plan(listed, out, SMALL, retry_faults=True).new == 1
