"""Where everything lies, what it is measured by, and how a dataset is measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.truth import keep
from engine import records
from engine.ledger import load_ledgers, total_counts
from engine.storage import Folder
from pipelines.chain import Runner
from pipelines.config import Params
from pipelines.curate import curate
from pipelines.evaluate import measure
from pipelines.refine import images_of
from pipelines.report import STEP, SUMMARY, Report
from pipelines.run import run


@dataclass(frozen=True)
class Place:
    """A folder to work in, the specialists' annotations, and datasets of what is true of their images.

    What the gate is shown, a share of the images, nothing is measured by; `gate` is None where that share is 0.
    """

    folder: Folder
    params: Params
    raw: Folder
    truth: str
    gate: str | None
    about: dict[str, Any]

    def curated(self) -> Folder:
        """What the settings leave of the raw annotations."""
        out = self.folder / "curated"
        require(curate(self.raw, out, self.params.curate, Runner()))
        return out

    def measured(self, dataset: Folder) -> dict[str, Any]:
        """Its figures, on the images that the gate does not see."""
        return figures(dataset, self.truth)


def prepare(given: Sequence[str], folder: Path, params: Params, truth: Sequence[str], share: float) -> Place:
    """Annotate the sources, unless an annotated folder is given, and set the truth apart.

    The truth is that of the sources that the images came from, where no other is named. Exits where there is neither.
    """
    work = Folder.at(folder)
    raw = _annotated(given, work, params)
    truth = truth or _sources(raw)
    counts = keep(truth, {"gate": work / "gate", "truth": work / "truth"}, share)
    summary = raw.read_json(SUMMARY) or {}
    about = {
        "given": list(given), "truth": list(truth), "measured": counts["truth"], "gate": counts["gate"],
        "images": sum(ledger.images for ledger in load_ledgers(raw).values()),
        "by": next((summary[name] for name in ("profile", "model") if summary.get(name)), "unknown hands"),
    }  # fmt: skip
    gate = (work / "gate").url if counts["gate"] else None
    return Place(work, params, raw, (work / "truth").url, gate, about)


def figures(dataset: Folder, truth: str) -> dict[str, Any]:
    """Label F1, precision and recall by kind, COCO's AP at IoU 0.5, and how many annotations there are."""
    data = measure(dataset, truth).data
    held = total_counts(load_ledgers(dataset).values())
    return {
        "f1": data["label_f1"],
        **{what: {kind: data[kind][what] for kind in records.ANNOTATIONS} for what in ("precision", "recall")},
        "ap50": data["regions"]["ap50"],
        "annotations": {kind: sum(held.get(kind, {}).values()) for kind in records.ANNOTATIONS},
    }


def require(report: Report) -> Report:
    """Exit unless a command did all that it should."""
    if report.code:
        raise SystemExit(f"quality: {report.command}: {'; '.join(report.problems)}")
    return report


def say(line: str) -> None:
    """Progress, for people."""
    print(f"quality: {line}", file=sys.stderr, flush=True)


def _annotated(given: Sequence[str], work: Folder, params: Params) -> Folder:
    step = Folder.at(given[0]).read_json(STEP) if len(given) == 1 and Path(given[0]).is_dir() else None
    if step is None:
        say(f"{', '.join(given)}: annotated by the profile {params.annotate.profile}")
        require(run(given, work / "annotated", params, Runner()))
        return work / "annotated" / "raw"
    folder = Folder.at(given[0])
    raw = folder / "raw" if step["command"] == "run" else folder
    if (raw.read_json(STEP) or {}).get("command") != "annotate":
        raise SystemExit(f"quality: {raw.url} is not the output of `fld annotate`")
    return raw


def _sources(raw: Folder) -> list[str]:
    sources = (images_of(raw).read_json(SUMMARY) or {}).get("sources")
    if not sources:
        raise SystemExit(f"quality: {raw.url} does not say what its images came from: name their --truth")
    return list(sources)
