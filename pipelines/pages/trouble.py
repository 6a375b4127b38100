"""What went wrong, with reasons: files in quarantine, and images on which a specialist failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from engine.shards import read_table, shard_file
from pipelines.pages.html import Markup, tag
from pipelines.pages.numbers import Step
from pipelines.pages.tables import number, table

EXAMPLES = 5  # of faults of a step, and of each reason for quarantine
FILES = 8  # that are opened to find examples


def trouble(steps: Sequence[Step]) -> list[Markup]:
    """Tables of quarantine and faults, or a line that there are none."""
    parts = []
    for step in steps:
        if reasons := step.books.get("quarantined_by_reason", {}):
            examples = list(_quarantined(step))
            rows = [[reason, number(count), _listed(examples, reason)] for reason, count in reasons.items()]
            parts.append(table("In quarantine, by reason", ("reason", "files", "for example"), rows, words=(0, 2)))
    last = steps[-1]  # a record keeps the faults of all steps
    if faults := last.books["faults"]:
        rows = [[stage, number(count)] for stage, count in faults.items()]
        parts.append(table("Faults: images that a stage failed on", ("stage", "images"), rows))
        errors = [[row["stage"], row["image_id"][:12], row["error"]] for row in islice(_faults(last), EXAMPLES)]
        parts.append(table("The first of them", ("stage", "image", "error"), errors, words=(0, 1, 2)))
    return parts or [tag("p", "Nothing is in quarantine, and no stage failed on an image.")]


def _listed(examples: list[dict[str, Any]], reason: str) -> Markup:
    mine = [row for row in examples if row["reason"] == reason][:EXAMPLES]
    return tag("ul", [tag("li", f"{row['uri']}: {row['detail']}") for row in mine], class_="plain")


def _quarantined(step: Step) -> Iterator[dict[str, Any]]:
    files = [name for ledger in step.ledgers.values() for name in ledger.files if name.startswith("quarantine/")]
    for name in sorted(files)[:FILES]:
        yield from read_table(step.folder, name).to_pylist()


def _faults(step: Step) -> Iterator[dict[str, Any]]:
    failed = sorted(shard for shard, ledger in step.ledgers.items() if ledger.counts.get("faults"))
    for shard in failed[:FILES]:
        for row in read_table(step.folder, shard_file(shard), columns=["image_id", "faults"]).to_pylist():
            for fault in row["faults"]:
                yield {"image_id": row["image_id"], **fault}
