"""Weights that cannot be used are refused before a run starts, and those that can are told apart by their contents."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import dataset
from small.detectors import rt_detr_v2
from typer.testing import CliRunner

from engine.stage import Chain, ChainError
from pipelines.cli import app
from pipelines.report import USAGE
from specialists.checkpoints import digests, hub, proofs, wholeness
from specialists.checkpoints.weights import find, here
from specialists.detection import Detection
from specialists.scoring.stage import Scoring


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rt_detr_v2(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "detector")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache, no pins and no folder of anybody else."""
    monkeypatch.setenv("FLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FLD_PINS", raising=False)
    monkeypatch.chdir(tmp_path)


def config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def no_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def half_a_processor(folder: Path) -> None:
    """As a processor leaves it whose parts have files of their own."""
    no_processor(folder)
    (folder / "processor_config.json").write_text('{"processor_class": "X"}')


def pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def sharded(folder: Path, **names: str) -> None:
    from safetensors import safe_open

    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with safe_open(folder / "model-00001-of-00002.safetensors", framework="numpy") as file:
        keys = dict.fromkeys(file.keys(), "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": keys | names}))


def missing_shard(folder: Path) -> None:
    sharded(folder, more="model-00002-of-00002.safetensors")


def mixed_shards(folder: Path) -> None:
    sharded(folder, more="model-00001-of-00002.safetensors")


def shard_elsewhere(folder: Path) -> None:
    sharded(folder, more="../model.safetensors")


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


def broken_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text("[]")


def remote_code(folder: Path) -> None:
    config(folder, model_type="invented", auto_map={"AutoModel": "modeling.Invented"})


def relaid(folder: Path) -> None:
    config(folder, model_type="florence2", auto_map={"AutoModel": "modeling.Florence2"})


def without_a_tensor(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.decoder.layers.0.self_attn.k_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


SPOILED = [
    (no_processor, "has no image processor: none of preprocessor_config.json"),
    (half_a_processor, "has no image processor"),
    (pickle, "pickled weights only (pytorch_model.bin), which could run any code"),
    (lambda folder: (folder / "model.safetensors").unlink(), "has no model.safetensors"),
    (truncated, "model.safetensors is cut short or damaged"),
    (empty, "model.safetensors is cut short or damaged"),
    (pointer, "is a pointer to weights, not the weights: run `git lfs pull`"),
    (missing_shard, "lacks model-00002-of-00002.safetensors, which its index names"),
    (mixed_shards, "lacks more, which its index names: its files are of two checkpoints"),
    (shard_elsewhere, "names '../model.safetensors', which is outside its folder"),
    (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    (broken_config, "config.json is not JSON that can be read"),
    (broken_processor, "preprocessor_config.json holds no JSON object"),
    (remote_code, "wants to run code of its own, which is refused: transformers knows no model_type 'invented'"),
    (relaid, "Take those of florence-community"),
    (lambda folder: config(folder, model_type="sam"), "is a checkpoint of sam, which cannot play this role"),
    (without_a_tensor, "detector lacks weights of its model: model.decoder.layers.0.self_attn.k_proj.weight. Copy"),
    (lambda folder: config(folder, d_model=48), "makes no model of"),
    (shutil.rmtree, "there is no folder"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILED, ids=[words for _, words in SPOILED])
def test_what_cannot_be_loaded_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], Any], words: str
) -> None:
    spoil(folder)
    with pytest.raises(ChainError, match="detection: ") as error:
        Chain((Detection(weights=str(folder)),)).check({"image"})
    assert words in str(error.value)
    dataset(tmp_path / "images", [1])
    (tmp_path / "mine.yaml").write_text(f"roles: {{detection: {{weights: {folder}}}}}")
    result = CliRunner().invoke(app, ["annotate", "images", "out", "--profile", "mine.yaml"])
    assert result.exit_code == USAGE, result.output
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_role_that_reads_texts_wants_a_tokenizer(folder: Path) -> None:
    config(folder, model_type="clip")
    with pytest.raises(ChainError, match=r"scoring: .* has no tokenizer: none of tokenizer.json"):
        Scoring(weights=str(folder)).check()


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("", "no weights are named"),
        ("bundled:none", "no weights 'none' are bundled"),
        ("no/folder/here", "there is no folder no/folder/here, and it is no hub id"),
        ("../somewhere", "there is no folder ../somewhere, and it is no hub id"),
        ("someone/unfetched", "fld fetch someone/unfetched"),
        ("someone/unfetched@" + "0" * 40, "its commit 000000000000 is not wholly on this machine"),
        ("some--one/bad@" + "0" * 40, "is no hub id"),
    ],
)
def test_what_is_not_there_is_said_with_the_way_to_get_it(weights: str, words: str) -> None:
    with pytest.raises(ChainError) as error:
        Detection(weights=weights).check()
    assert str(error.value).startswith(("detection: ", "some--one"))
    assert words in str(error.value)


def test_a_whole_checkpoint_is_found_in_one_file_or_in_shards(folder: Path) -> None:
    Detection(weights=str(folder)).check()
    whole = find(str(folder), "x")
    sharded(folder)
    Detection(weights=str(folder)).check()
    assert find(str(folder), "x").folder == whole.folder == folder


def test_native_families_may_say_that_they_once_had_code_of_their_own(folder: Path) -> None:
    config(folder, auto_map={"AutoModel": "modeling.Detr"})
    Detection(weights=str(folder)).check()


def test_the_revision_of_a_folder_is_that_of_all_that_a_loader_reads(folder: Path, tmp_path: Path) -> None:
    before = find(str(folder), "x").revision
    assert find(str(shutil.copytree(folder, tmp_path / "copy")), "x").revision == before
    (folder / "README.md").write_text("prose")
    assert find(str(folder), "x").revision == before
    config(folder, more=1)
    assert find(str(folder), "x").revision != before


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests are kept of files as young as these."""
    monkeypatch.setattr(digests, "SETTLED", 0.0)


def kept(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "cache" / "digests").iterdir()
    return path


@pytest.mark.usefixtures("at_once")
def test_a_file_that_did_not_change_is_not_read_again(folder: Path, tmp_path: Path) -> None:
    before = digests.digest(folder)
    files = json.loads(kept(tmp_path).read_text())
    files["model.safetensors"][-1] = "0" * 64  # so that it shows whom the digest believes
    kept(tmp_path).write_text(json.dumps(files))
    assert digests.digest(folder) != before
    os.utime(folder / "model.safetensors")
    assert digests.digest(folder) == before


@pytest.mark.usefixtures("at_once")
def test_a_change_that_keeps_size_and_time_is_seen(folder: Path) -> None:
    path = folder / "model.safetensors"
    before, status = digests.digest(folder), path.stat()
    time.sleep(0.05)  # a tick of the file system's clock
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert digests.digest(folder) != before


def test_nothing_is_kept_of_a_file_that_may_change_within_its_tick(folder: Path, tmp_path: Path) -> None:
    config(folder, more=1)
    digests.digest(folder)
    assert not (tmp_path / "cache").exists() or "config.json" not in json.loads(kept(tmp_path).read_text())


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "damage", ["", "no json", "[]", "{}", '{"config.json": 3}', '{"config.json": [1, 2, 3, 4, "x"]}']
)
def test_a_damaged_cache_costs_time_only(folder: Path, tmp_path: Path, damage: str) -> None:
    before = digests.digest(folder)
    kept(tmp_path).write_text(damage)
    assert digests.digest(folder) == before
    assert set(json.loads(kept(tmp_path).read_text())) == {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("at_once")
def test_a_cache_that_cannot_be_written_costs_time_only(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests.digest(folder)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FLD_CACHE", str(tmp_path / "file"))
    assert digests.digest(folder) == before


@pytest.mark.usefixtures("at_once")
def test_many_at_once_agree_and_leave_a_whole_cache(folder: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: digests.digest(folder), range(32)))
    assert len(found) == 1
    assert set(json.loads(kept(tmp_path).read_text())) == {path.name for path in folder.iterdir()}


def test_a_node_without_the_folder_is_told_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "stay_offline", lambda: None)
    checkpoint = find(str(folder), "x")
    assert here(checkpoint, "x") is checkpoint
    with pytest.raises(ChainError, match="keep weights where every node sees them"):
        here(replace(checkpoint, folder=folder / "gone"), "x")


@pytest.mark.parametrize("damage", [None, "", "no json", "[]", "{}"])
def test_what_was_found_good_is_not_looked_at_again_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str | None
) -> None:
    monkeypatch.setattr(proofs, "_good", set())
    looks = []
    for _ in range(2):
        proofs.once(lambda: looks.append(1), "a", "b")
    assert looks == [1]
    proofs.once(lambda: looks.append(2), "ab")
    assert looks == [1, 2]
    for path in (tmp_path / "cache" / "proofs").iterdir():
        path.write_text(path.read_text() if damage is None else damage)
    monkeypatch.setattr(proofs, "_good", set())
    proofs.once(lambda: looks.append(3), "a", "b")
    assert looks == ([1, 2] if damage is None else [1, 2, 3])


def test_what_was_not_found_good_is_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "_good", set())

    def refuse() -> None:
        raise ChainError("bad")

    for _ in range(2):
        with pytest.raises(ChainError, match="bad"):
            proofs.once(refuse, "a")


def test_a_checkpoint_that_was_whole_costs_no_model_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "_good", set())
    Detection(weights=str(folder)).check()
    monkeypatch.setattr(proofs, "_good", set())
    monkeypatch.setattr(wholeness, "made", lambda *_, **__: pytest.fail("made again"))
    Detection(weights=str(folder)).check()
