"""The code of docs/extending.md, in a folder of its own outside the project, does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The page's package, registered as pip would do it."""
    folder = tmp_path / "extras"
    info = folder / "fld_extras-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "fld_extras.py").write_text("\n".join(blocks("python")))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fld-extras\nVersion: 1.0\n")
    (toml,) = blocks("toml")
    lines = re.findall(r'^(\w+) = "(fld_extras:\w+)"$', toml, re.MULTILINE)
    assert len(lines) == 2
    (info / "entry_points.txt").write_text("\n".join(["[fld.stages]", *(f"{name} = {value}" for name, value in lines)]))
    return folder


def picture(path: Path) -> None:
    """A page with a QR code, well inside."""
    code = cv2.QRCodeEncoder.create().encode("https://example.org/a")
    page = np.full((300, 400), 255, np.uint8)
    code = cv2.resize(code, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    page[60 : 60 + len(code), 90 : 90 + len(code)] = code
    cv2.imwrite(str(path), page)


def test_a_specialist_and_a_filter_from_outside_run_by_a_line_each(package: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    picture(tmp_path / "photos" / "qr.png")
    profile, params = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"stages": yaml.safe_load(profile)["stages"]}))
    (tmp_path / "params.yaml").write_text(params)
    paths = [str(package), str(PAGE.parents[1]), os.environ.get("PYTHONPATH", "")]
    result = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "run", "photos", "out", "--profile", "mine.yaml"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (row,) = pq.read_table(tmp_path / "out" / "curated" / "shards").to_pylist()
    (region,) = row["regions"]
    assert region["labels"][0]["text"] == "https://example.org/a"
    assert np.allclose(region["box"], [90, 60, 90 + 150, 60 + 150], atol=30)


def test_the_pages_filter_drops_what_touches_the_border(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fakes import ORIGIN, table

    from engine import records
    from engine.stage import Batch

    monkeypatch.syspath_prepend(str(package))
    import fld_extras

    boxes = [[0, 5, 9, 9], [5, 5, 9, 9], [5, 5, 40, 9]]
    rows = [records.region(f"r{i}", "object", box, ORIGIN) for i, box in enumerate(boxes)]
    rows.append(records.region("h", "object", boxes[0], records.HUMAN))
    given = records.append(table(1), "regions", [rows])
    outcome = fld_extras.RegionEdge()(Batch(given, lambda row: np.zeros((30, 40, 3), np.uint8)))
    assert [region["id"] for region in outcome.table["regions"].to_pylist()[0]] == ["r1", "h"]
    assert outcome.rejects["value"].to_pylist() == [0.0, 0.0]
