"""Sparse tasks: a few detailed texts fine-tune a captioner, which then labels the corpus. docs/refining.md."""

from __future__ import annotations

from pathlib import Path

import fakes
import pytest
from curated import curated, model, rich
from typer.testing import CliRunner

from engine.shards import read_shard
from engine.storage import Folder
from pipelines.cli import app

DOCS = Path(__file__).parents[2] / "docs" / "refining.md"


def fenced(kind: str, mark: str) -> str:
    """The block of that kind in the docs whose first line says `mark`."""
    blocks = DOCS.read_text().split(f"```{kind}\n")[1:]
    (found,) = [block.split("```")[0] for block in blocks if block.startswith(f"# {mark}")]
    return found


def fld(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_captioner_that_learnt_of_a_few_texts_writes_those_of_all_images(tmp_path: Path) -> None:
    model().save(tmp_path / "start")
    few = curated(tmp_path, [rich(seed) for seed in range(4)])
    steps = fenced("yaml", "sparse.yaml").replace("steps: 2000", "steps: 2").replace("warmup: 100", "warmup: 1")
    steps = steps.replace("batch_size: 8", "batch_size: 4, max_target: 100")  # the test's model is that small
    (tmp_path / "sparse.yaml").write_text(f"{steps}\nthreads: 1\n")
    fld("train", few, tmp_path / "writer", "--from", tmp_path / "start", "--config", tmp_path / "sparse.yaml")

    written = fenced("yaml", "corpus.yaml").replace("out/writer/model", str(tmp_path / "writer" / "model"))
    head, _, role = written.partition("  detailed:")
    assert "bundled" in head  # the docs' profile goes on with its other roles, which this test leaves out
    (tmp_path / "corpus.yaml").write_text("roles:\n  detailed:" + role)
    images = fakes.dataset(tmp_path / "images", [3])
    said = fld("annotate", images.url, tmp_path / "raw", "--profile", tmp_path / "corpus.yaml")
    assert "3 images" in said
    texts = [
        text for row in read_shard(Folder.at(tmp_path / "raw"), "part-000000")["texts"].to_pylist() for text in row
    ]
    assert {text["granularity"] for text in texts} <= {"detailed", "more_detailed"}
    assert {text["origin"]["model"] for text in texts} <= {"model"}
