"""Texts from a source go through every filter of the default curate, and come out with their phrases."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fakes import png

from engine.storage import Folder
from pipelines.chain import Runner
from pipelines.config import AnnotateParams, CurateParams, Params
from pipelines.run import run

CAPTIONS = {
    "good": "two dogs on a red sofa in front of the window",
    "loop": "a cat and a cat and a cat and a cat and a cat and a cat",
    "opening": "The image shows a man riding a brown horse on the beach.",
    "markup": "<b>A bus</b> stops at the gate of a school &amp; waits",
    "short": "dog",
    "pronoun": "it stands next to a tall tree",
}


@pytest.fixture
def curated(tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for seed, (key, caption) in enumerate(CAPTIONS.items()):
            for name, data in ((f"{key}.png", png(seed)), (f"{key}.txt", caption.encode())):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    profile = tmp_path / "none.yaml"
    profile.write_text("stages: {boxes: {count: 1}}")
    params = Params(annotate=AnnotateParams(str(profile)), curate=CurateParams())
    report = run([str(tmp_path / "set.tar")], Folder.at(tmp_path / "out"), params, Runner(), workers=1)
    assert report.code == 0, report.problems
    return tmp_path / "out" / "curated"


def by_key(curated: Path) -> dict[str, Any]:
    rows = pq.read_table(curated / "shards").to_pylist()
    return {row["uri"].partition("#")[2].removesuffix(".png"): row for row in rows}


def phrases(row: dict[str, Any]) -> list[str]:
    text = {text["id"]: text["text"] for text in row["texts"]}
    return [text[phrase["text_id"]][phrase["start"] : phrase["end"]] for phrase in row["phrases"]]


def test_good_texts_stay_with_their_phrases_and_bad_ones_go_with_a_reason(curated: Path) -> None:
    rows = by_key(curated)
    assert phrases(rows["good"]) == ["two dogs", "a red sofa", "the window"]
    assert "a brown horse" in phrases(rows["opening"])
    assert not rows["opening"]["texts"][0]["text"].lower().startswith("the image")
    assert rows["markup"]["texts"][0]["text"] == "A bus stops at the gate of a school & waits"
    assert phrases(rows["pronoun"]) == ["a tall tree"]
    assert [len(rows[key]["texts"]) for key in ("loop", "short")] == [0, 0]
    rejects = {(r["kind"], r["rule"]) for r in pq.read_table(curated / "rejects").to_pylist()}
    assert rejects == {("texts", "text_loop"), ("texts", "text_min_words"), ("phrases", "blacklist_head")}
