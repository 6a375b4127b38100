"""What a command has to say at its end: the same for people and, as summary.json, for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from engine import records
from engine.ledger import Ledger, StageBooks, add_counts, rounded, total_counts, total_stages
from engine.storage import Folder

# Exit codes, documented in the README.
OK, FAILED, USAGE, LIMIT, LOCKED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143

COUNTED = ("texts", "regions", "labels", "masks", "phrases", "human")
SUMMARY = "summary.json"
STEP = "step.json"
STEPS = ("images", "raw", "curated")  # the datasets below a run's output


@dataclass
class Report:
    """A command's summary: `data` for programs, `lines` for people, `code` for the shell."""

    command: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    code: int = OK
    problems: list[str] = field(default_factory=list)

    def fail(self, code: int, problem: str) -> None:
        """Note a problem and end the command with this code."""
        self.code = self.code or code
        self.problems.append(problem)

    def as_json(self) -> dict[str, Any]:
        """As it stands in summary.json."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        head = {"command": self.command, "finished": now, "exit_code": self.code, "problems": self.problems}
        return head | rounded(self.data)

    def write(self, out: Folder) -> None:
        """Leave OUT/summary.json."""
        out.write_json(SUMMARY, self.as_json())


def books(ledgers: Sequence[Ledger]) -> dict[str, Any]:
    """The books of a dataset, from its ledgers alone."""
    counts = total_counts(ledgers)
    inputs: dict[str, int] = {}
    quarantined: dict[str, int] = {}
    for ledger in ledgers:
        add_counts(inputs, ledger.inputs)
        add_counts(quarantined, ledger.quarantined)
    data: dict[str, Any] = {"shards": len(ledgers), "images": sum(ledger.images for ledger in ledgers)}
    if inputs:
        data |= {**inputs, "quarantined_by_reason": dict(sorted(quarantined.items()))}
    data["annotations"] = {kind: counts.get(kind, {}) for kind in COUNTED}
    data["set_aside"] = counts.get("set_aside", {})
    data["faults"] = counts.get("faults", {})
    stages = total_stages(ledgers)
    data["waterfall"] = {kind: _waterfall(kind, stages) for kind in records.BOOKED}
    data["stages"] = [_stage(stage) for stage in stages]
    return data


def _waterfall(kind: str, stages: Sequence[StageBooks]) -> dict[str, Any]:
    """What came in, what was added by whom, what each rule dropped in running order, and what is left."""
    first, last = (stages[0], stages[-1]) if stages else (StageBooks(""), StageBooks(""))
    dropped = Counter[str]()  # two stages may have a rule in common
    for stage in stages:
        dropped.update(stage.dropped.get(kind, {}))
    return {
        "in": first.before.get(kind, 0),
        "added": {stage.name: stage.added[kind] for stage in stages if stage.added.get(kind)},
        "dropped": dict(dropped),
        "out": last.after.get(kind, 0),
    }


def _stage(stage: StageBooks) -> dict[str, Any]:
    return {
        "name": stage.name,
        "images": stage.images,
        "seconds": stage.seconds,
        "images_per_second": stage.images / stage.seconds if stage.seconds else None,
        "faults": stage.faults,
        "added": {kind: n for kind, n in stage.added.items() if n},
        "dropped": stage.dropped,
    }


def fault_rate(ledgers: Iterable[Ledger]) -> tuple[float, str]:
    """The worst specialist's share of images that it failed on, and its name."""
    rates = [(s.faults / s.images, s.name) for s in total_stages(ledgers) if s.images]
    return max(rates, default=(0.0, ""))


def say_counts(counts: dict[str, int], what: str) -> str:
    """'12 text, 3 object regions'; '4 phrases', where the only kind has the name of all."""
    some = {name: n for name, n in counts.items() if n}
    if {f"{name}s" for name in some} == {what}:
        return f"{sum(some.values()):,} {what}"
    parts = ", ".join(f"{n:,} {name}" for name, n in some.items())
    return f"{parts} {what}" if parts else f"no {what}"


def say_annotations(data: dict[str, Any]) -> str:
    """One line of what a dataset holds."""
    return "; ".join(say_counts(data["annotations"][kind], kind) for kind in records.ANNOTATIONS)


def say_dropped(data: dict[str, Any]) -> list[str]:
    """One line per rule that dropped something."""
    return [
        f"{stage['name']}: {rule} dropped {count:,} {kind}"
        for stage in data["stages"]
        for kind, rules in stage["dropped"].items()
        for rule, count in rules.items()
    ]
