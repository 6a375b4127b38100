"""fld evaluate: a dataset's annotations measured against truth."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from engine import records
from engine.ledger import load_ledgers
from engine.memory import Memory
from engine.records import HUMAN
from engine.shards import read_table, shard_file
from engine.sources import SourceError
from engine.sources.spec import parse, truth_tables
from engine.storage import Folder, StorageError
from filters.evaluation import COLUMNS, evaluate, human_only
from pipelines.chain import unfinished
from pipelines.config import load_params
from pipelines.ingest import ingest, list_sources
from pipelines.inspect import datasets
from pipelines.report import STEP, Report


def measure(predictions: Folder, truth: str, json: str | None = None) -> Report:
    """Measure what the last step of a run, or any step's dataset, says against a truth; `json` is a file for all of it.

    Raises SourceError where the truth is none, StorageError where `predictions` is no dataset or `json` no file.
    """
    started = time.time()
    if json and Path(json).is_dir():
        raise StorageError(f"--json {json}: that is a folder; give the name of a file")
    dataset = datasets(predictions)[-1]
    shards = list(load_ledgers(dataset))
    result = evaluate(_tables(dataset, shards), truth_of(truth), _Memories(dataset, shards=shards))
    if not result["images"]["matched"]:
        raise SourceError(f"the truth {truth} knows none of the images in {dataset.url}: it is of another set")
    report = Report("evaluate")
    report.data = {
        "predictions": dataset.url,
        "step": dataset.read_json(STEP)["command"],
        "truth": truth,
        "seconds": round(time.time() - started, 1),
        **result,
    }
    lacks = unfinished(dataset)
    if lacks:
        report.data["unfinished"] = lacks
        report.lines.append(lacks)
    if json:
        place, _, name = Folder.at(json).url.rpartition("/")
        Folder.at(place).write_json(name, report.data)
        report.lines.append(f"all of it, by category too: {json}")
    return report


def truth_of(source: str) -> pa.Table:
    """What is true by a source: records with image_id, texts, regions and phrases, each image once.

    Of a dataset, what people said and drew, as it came in; of a source that holds its truth back, that; of any other
    source of `fld ingest`, all that it says of its images. Raises SourceError where that is nothing.
    """
    spec = parse(source)
    if spec.kind == "folder" and Folder.at(spec.location).read_json(STEP):
        dataset = datasets(Folder.at(spec.location))[0]
        said = human_only(_joined(_tables(dataset, list(load_ledgers(dataset)))))
        missing = f"no annotation there has the origin {HUMAN.model!r}, which is what a dataset's truth is"
    else:
        held_back = truth_tables(spec)
        said = _ingested(source) if held_back is None else _joined(_read(table, source) for table in held_back)
        missing = "it says nothing of its images: give a COCO json, say, or a dataset with human annotations"
    if not any(len(records.flatten(said, kind)[1]) for kind in records.ANNOTATIONS):
        raise spec.error(f"there is no truth: {missing}")
    return said


def _ingested(source: str) -> pa.Table:
    """What a source says of its images, in pixels of the upright ones: ingest alone knows how to read that."""
    params = load_params(None).ingest
    with tempfile.TemporaryDirectory(prefix="fld-truth-") as place:
        out = Folder.at(place)
        report = ingest(list_sources([source], out, params), out, params, sources=[source])
        if report.code:
            raise SourceError(f"the truth {source}: {'; '.join(report.problems)}")
        return _joined(_tables(out, list(load_ledgers(out))))


def _tables(dataset: Folder, shards: Sequence[str]) -> Iterator[pa.Table]:
    """A dataset's records without their pixels, shard by shard."""
    for shard in shards:
        name = shard_file(shard)
        yield _read(read_table(dataset, name, columns=list(COLUMNS)), f"{dataset.url}/{name}")


def _read(table: pa.Table, where: str) -> pa.Table:
    return records.conform(table, where).select(COLUMNS)


def _joined(tables: Iterator[pa.Table]) -> pa.Table:
    return pa.concat_tables([records.empty().select(COLUMNS), *tables]).combine_chunks()


@dataclass
class _Memories(Memory):
    """What all shards of a dataset remember, to read only: curate has parsed its texts."""

    shards: Sequence[str] = ()

    def _read(self, key: str) -> pa.Table | None:
        assert self.folder is not None
        known = [Memory(self.folder, shard).recall(key) for shard in self.shards]
        found = [table for table in known if table is not None]
        return pa.concat_tables(found) if found else None
