"""The gate of refinement: is a round better than what it began with? One that is not is refused, and stays readable.

FLD-5B goes through its rounds without one (Xiao et al., arXiv 2311.06242, section 4.3); rules and values are ours.
Where there is truth, label F1 decides, on the images that the truth knows. Where there is none, the scorer does: the
mean similarity of texts with their image, of regions with their chosen label and of phrases with their regions. The
model that proposes does not judge itself either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from engine import records
from engine.ledger import load_ledgers
from engine.shards import read_table, shard_file
from engine.storage import Folder
from pipelines.config import GateParams
from pipelines.evaluate import measure

GATE = "gate.json"


@dataclass(frozen=True)
class Judgement:
    """What the gate found; `before` and `after` by kind, and their mean."""

    by: str  # "truth", "similarity", or "" where there was nothing to judge by
    before: dict[str, float | None]
    after: dict[str, float | None]
    accepted: bool
    settled: bool  # no further round is worth its cost

    @property
    def gain(self) -> float:
        """Of the mean."""
        return (self.after["mean"] or 0.0) - (self.before["mean"] or 0.0)

    def as_json(self) -> dict[str, Any]:
        """As it stands in gate.json."""
        return asdict(self) | {"gain": self.gain}

    def lines(self) -> list[str]:
        """For people."""
        if not self.by:
            return [
                "gate      nothing to judge by: no truth was given and nothing has a similarity; the round is refused"
            ]
        what = "label F1" if self.by == "truth" else "mean similarity"
        kinds = ", ".join(
            f"{kind} {_say(self.before.get(kind))} to {_say(self.after.get(kind))}" for kind in self.after
        )
        verdict = "accepted" if self.accepted else "refused"
        more = ("; another round would hardly gain" if self.settled else "") if self.accepted else ""
        return [f"gate      {verdict}: {what} {kinds}{more}"]


def figures(dataset: Folder, truth: str | None) -> dict[str, float | None]:
    """What the gate goes by, by kind, and their mean. Raises SourceError where the truth is none or of other images."""
    return measure(dataset, truth).data["label_f1"] if truth else similarities(dataset)


def judge(
    old: dict[str, float | None], new: dict[str, float | None], truth: str | None, params: GateParams
) -> Judgement:
    """Compare the figures of two datasets of the same images."""
    by = "truth" if truth else "similarity"
    if old["mean"] is None and new["mean"] is None:
        return Judgement("", old, new, accepted=False, settled=True)
    gain = (new["mean"] or 0.0) - (old["mean"] or 0.0)
    accepted = gain >= -params.tolerance
    return Judgement(by, old, new, accepted, settled=not accepted or gain < params.enough)


def similarities(dataset: Folder) -> dict[str, float | None]:
    """The mean similarity by kind, and the mean of these; None where nothing has one."""
    found: dict[str, list[np.ndarray]] = {kind: [] for kind in records.ANNOTATIONS}
    for kind, values in _similar(dataset):
        found[kind].append(values)
    means: dict[str, float | None] = {}
    for kind, parts in found.items():
        values = np.concatenate(parts) if parts else np.zeros(0)
        means[kind] = float(values.mean()) if len(values) else None
    known = [value for value in means.values() if value is not None]
    return means | {"mean": sum(known) / len(known) if known else None}


def _similar(dataset: Folder) -> Iterator[tuple[str, np.ndarray]]:
    for shard in load_ledgers(dataset):
        name = shard_file(shard)
        table = records.conform(read_table(dataset, name, columns=["image_id", *records.ANNOTATIONS]), name)
        for kind in records.ANNOTATIONS:
            _, items = records.flatten(table, kind)
            if kind == "regions":
                lists = items.field("labels")
                count = records.lengths(lists)
                at = pc.add(np.cumsum(count) - count, items.field("best"))
                items = lists.flatten().take(at)
            values = pc.struct_field(items, "similarity").drop_null().to_numpy(zero_copy_only=False)
            yield kind, values.astype(np.float64)


def _say(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
