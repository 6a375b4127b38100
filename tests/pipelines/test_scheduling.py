"""docs/scheduling.md: what stands there can be read by what it is for, and calls commands that there are."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "scheduling.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)


def test_the_manifests_are_yaml_of_the_kinds_that_the_page_says() -> None:
    cron, job = (yaml.safe_load(text) for language, text in BLOCKS if language == "yaml")
    assert (cron["kind"], cron["spec"]["concurrencyPolicy"]) == ("CronJob", "Forbid")
    assert job["kind"] == "RayJob"
    assert job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"]


def test_the_script_is_one(tmp_path: Path) -> None:
    (script,) = (text for language, text in BLOCKS if language == "bash")
    (tmp_path / "job.sh").write_text(script)
    subprocess.run(["bash", "-n", tmp_path / "job.sh"], check=True)


@pytest.mark.parametrize("command", re.findall(r"\bfld (?:run|report) [^&>|\n]*", PAGE.replace("SOURCES OUT", "x y")))
def test_the_commands_are_there(command: str) -> None:
    words = [word for word in shlex.split(command.replace("`", "")) if not word.startswith("2")]
    called = CliRunner().invoke(app, [words[1], "--help"])
    assert called.exit_code == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in called.stdout
