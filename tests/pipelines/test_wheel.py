"""The wheel carries all that a run needs: built, installed where the source is not, and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from fakes import png

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `fld` of a virtual environment that has the wheel; its dependencies are this environment's."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    home = place / "venv"
    venv.create(home, with_pip=False)
    (packages,) = home.glob("lib/python*/site-packages")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(home),
            "install",
            "--no-deps",
            "--no-index",
            "--quiet",
            str(wheel),
        ],
        check=True,
    )
    # Only the packages' folder, not its .pth files: the source must not be found by an editable install.
    here = [path for path in map(Path, sys.path) if path.name == "site-packages"]
    (packages / "dependencies.pth").write_text("\n".join(map(str, here)))
    return home


def run(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [home / "bin" / "fld", *map(str, arguments)]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)


def test_the_installed_wheel_runs(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(png(1))
    done = run(installed, "run", tmp_path / "photos", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["curated"] == 1


def test_it_is_not_the_source_that_runs(installed: Path) -> None:
    code = "import engine, pipelines; print(engine.__file__, pipelines.__file__)"
    done = subprocess.run(
        [installed / "bin" / "python", "-c", code], cwd=installed, capture_output=True, text=True, check=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    assert all(str(installed) in path for path in done.stdout.split())


def test_the_wheel_holds_the_product_and_nothing_else(installed: Path) -> None:
    import zipfile

    (wheel,) = installed.parent.glob("*.whl")
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "engine", "specialists", "filters", "florence", "pipelines",
    }  # fmt: skip
