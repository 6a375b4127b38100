"""A dataset that a stopped run left half made says so wherever it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import png
from typer.testing import CliRunner

from pipelines.cli import app

PROFILE = "stages: {{boxes: {{count: {count}}}, spent: {{budget: {budget}, log: '{log}'}}}}"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Twelve images, in three shards."""
    (tmp_path / "photos").mkdir()
    for seed in range(12):
        (tmp_path / "photos" / f"{seed:02}.png").write_bytes(png(seed))
    (tmp_path / "params.yaml").write_text("ingest: {shard_images: 4}")
    return tmp_path


def fld(place: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [each.replace("OUT", str(place / "out")) for each in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return " ".join(result.stdout.split())


def run(place: Path, count: int, budget: int, code: int = 0) -> None:
    (place / "log").unlink(missing_ok=True)
    profile = place / "profile.yaml"
    profile.write_text(PROFILE.format(count=count, budget=budget, log=place / "log"))
    params = str(place / "params.yaml")
    fld(place, "run", str(place / "photos"), "OUT", "--profile", str(profile), "--params", params, "--yes", code=code)


def test_what_is_whole_says_nothing(place: Path) -> None:
    run(place, 2, 99)
    assert "not finished" not in fld(place, "inspect", "OUT")
    assert "unfinished" not in fld(place, "inspect", "OUT", "--json")


def test_shards_that_are_still_to_be_made_are_told(place: Path) -> None:
    run(place, 2, 6, code=3)
    words = "raw is not finished: 2 of its 3 shards are still to be made. The same `fld annotate` goes on"
    assert words in fld(place, "inspect", "OUT")
    assert json.loads(fld(place, "inspect", "OUT", "--json"))["annotate"]["unfinished"] == words


def test_shards_of_other_settings_are_told_by_all_who_read(place: Path) -> None:
    run(place, 2, 99)
    run(place, 3, 6, code=3)  # one shard is annotated again, two are as before
    words = "raw is not finished: 2 are as other settings, or another input, made them"
    assert words in fld(place, "inspect", "OUT")
    assert words in fld(place, "curate", "OUT/raw", "OUT/again")
    assert json.loads((place / "out" / "again" / "summary.json").read_text())["unfinished_source"].startswith(words)
    assert words in fld(place, "report", "OUT")
    assert words in (place / "out" / "report.html").read_text()
    run(place, 3, 99)
    assert "not finished" not in fld(place, "inspect", "OUT")
    assert "not finished" in fld(place, "inspect", "OUT/again")  # its source has been made anew since
