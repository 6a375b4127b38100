"""docs/reading.md tells the truth: its snippets run as they stand, for each library that is installed."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import reported

from engine import records
from engine.geometry import encode_mask
from engine.shards import read_shard, shard_file, write_table
from engine.storage import Folder

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
SNIPPETS = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```", PAGE.read_text(), re.M | re.S))
NEEDS = {"pandas": "pandas", "DuckDB": "duckdb", "Hugging Face datasets": "datasets", "Masks": "pycocotools"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's output of two shards; a region of the first has a mask."""
    where = tmp_path_factory.mktemp("reading")
    curated = Folder.at(reported.dataset(where / "out", shards=2, each=3)) / "curated"
    rows = read_shard(curated, "part-000000").to_pylist()
    rows[0]["regions"][0]["mask"] = encode_mask(np.tri(60, 80, dtype=bool))
    write_table(curated, shard_file("part-000000"), pa.Table.from_pylist(rows, schema=records.SCHEMA))
    return where


def read(title: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a snippet's names stand for once it has run."""
    if importlib.util.find_spec(NEEDS[title]) is None:
        pytest.skip(f"{NEEDS[title]} is not installed")
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    names: dict[str, Any] = {}
    exec(SNIPPETS[title], names)
    return names


def test_every_snippet_is_tested() -> None:
    assert list(SNIPPETS) == list(NEEDS)
    assert PAGE.read_text().count("```python") == len(SNIPPETS)


def test_pandas(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read("pandas", made, tmp_path, monkeypatch)
    assert len(found["images"]) == 6
    assert found["brief"]["text"].iloc[0] == reported.HARM
    assert set(found["brief"]["origin.model"]) == {"captioner"}
    assert len(found["texts"]) == 12


def test_duckdb(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read("DuckDB", made, tmp_path, monkeypatch)
    rows = found["regions"].fetchall()
    assert len(rows) == 18
    assert {row[4] for row in rows if row[1] == "object"} == {"cat", "dog"}
    assert found["rules"].fetchall() == [("region_score", "regions", 6)]


@pytest.mark.filterwarnings("ignore")
def test_datasets(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read("Hugging Face datasets", made, tmp_path, monkeypatch)
    assert found["first"].size == reported.SIZE
    assert len(found["said"]) == 6
    assert found["said"][0]["texts"][0]["text"] == reported.HARM


def test_masks(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shape,) = read("Masks", made, tmp_path, monkeypatch)["shapes"]
    assert (shape == np.tri(60, 80)).all()
