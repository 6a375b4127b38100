"""What is true of the images, drawn or read once, and parted: some for the gate, all others to measure on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from engine import records
from engine.ledger import Ledger, census, load_ledgers
from engine.records import HUMAN
from engine.shards import read_table, shard_file, shard_name, write_table
from engine.storage import Folder
from pipelines.evaluate import truth_of
from pipelines.report import STEP

ROWS = 256  # of a shard


def keep(sources: Sequence[str], folders: Mapping[str, Folder], share: float) -> dict[str, int]:
    """Write truth as datasets whose annotations are a person's, and count their images.

    `folders` are those of "gate", which gets about this share, and "truth", which gets the rest. An image's digest
    decides, so that it is on the same side whatever other images there are. Raises SourceError where there is no truth.
    """
    about = {"command": "ingest", "sources": list(sources), "share": share}
    if any(folder.read_json(STEP) != about for folder in folders.values()):
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in folders}
        for row in _rows(sources):
            rows["gate" if int(row["image_id"][:8], 16) < share * 2**32 else "truth"].append(row)
        for name, folder in folders.items():
            _write(folder, rows[name])
            folder.write_json(STEP, about)
    counts = {name: len(image_ids(folder)) for name, folder in folders.items()}
    if not counts["truth"] or (share and not counts["gate"]):
        raise SystemExit(f"quality: {sum(counts.values())} images are too few to give the gate a share of {share}")
    return counts


def image_ids(dataset: Folder) -> set[str]:
    """Of a dataset's images."""
    tables = (read_table(dataset, shard_file(shard), columns=["image_id"]) for shard in load_ledgers(dataset))
    return {name for table in tables for name in table["image_id"].to_pylist()}


def _rows(sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each image once."""
    seen = set()
    for source in sources:
        for row in truth_of(source).to_pylist():
            if row["image_id"] not in seen:
                seen.add(row["image_id"])
                yield _by_a_person(row)


def _by_a_person(value: Any) -> Any:
    """A row, or a part of it, with people for its origins: only their word is a dataset's truth."""
    if isinstance(value, dict):
        return {name: HUMAN.as_dict() if name == "origin" else _by_a_person(item) for name, item in value.items()}
    return [_by_a_person(item) for item in value] if isinstance(value, list) else value


def _write(folder: Folder, rows: Sequence[dict[str, Any]]) -> None:
    for name in [name for name in folder.marks() if name.startswith("ledgers/")]:
        folder.remove(name)
    for number, start in enumerate(range(0, len(rows), ROWS)):
        shard = shard_name(number)
        given = [{name: row.get(name) for name in records.SCHEMA.names} for row in rows[start : start + ROWS]]
        table = pa.Table.from_pylist([{**row, "faults": []} for row in given], schema=records.SCHEMA)
        mark = write_table(folder, shard_file(shard), table)
        Ledger(shard, "truth", len(table), files={shard_file(shard): mark}, counts=census(table)).write(folder)
