"""fld ingest: from sources to image shards."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from engine import ingest as engine
from engine.ledger import Ledger, load_ledgers
from engine.local import cores
from engine.lock import Lock
from engine.manifest import IngestPlan, make_plan
from engine.sources import list_inputs
from engine.storage import Folder
from pipelines.chain import claim
from pipelines.config import IngestParams
from pipelines.progress import progress
from pipelines.report import LIMIT, OK, Report, books

# Files that neither are images nor claim to be: in quarantine, so that nothing is lost, but no failure.
HARMLESS = "other_file"


def list_sources(sources: Sequence[str], params: IngestParams) -> pa.Table:
    """Every input of the sources. Comes before anything is written: a mistyped path leaves no trace."""
    return list_inputs(sources, follow_links=params.follow_links)


def ingest(
    listed: pa.Table,
    out: Folder,
    params: IngestParams,
    *,
    sources: Sequence[str] = (),
    workers: int = 0,
    dry_run: bool = False,
) -> Report:
    """Read what is new among the listed inputs, and commit it to image shards below `out`."""
    started = time.time()
    report = Report("ingest")
    if dry_run:
        return _dry_run(listed, out, params, report)
    with Lock(out, "fld ingest") as lock:
        claim(out, "ingest", {})
        out.sweep()
        plan = make_plan(listed, out, params.settings())
        with progress("ingest", plan.inputs, "inputs") as advance:
            made = list(engine.run(plan, workers=workers or cores(), progress=advance, guard=lock.check))
        _close(report, list(load_ledgers(out).values()), made, plan, time.time() - started, params)
        report.data["sources"] = list(sources)
        report.write(out)
    return report


def _dry_run(listed: pa.Table, out: Folder, params: IngestParams, report: Report) -> Report:
    plan = make_plan(listed, out, params.settings(), write=False)
    size = pc.sum(listed["size"]).as_py() or 0
    report.data = {"listed": len(listed), "bytes": size, "new": plan.new, "known": plan.known, "to_read": plan.inputs}
    report.lines = [
        f"{len(listed):,} inputs listed ({size / 1e6:,.1f} MB where sizes are known), {plan.known:,} known already",
        f"{plan.inputs:,} would be read, into {len(plan.todo):,} shards below {out.url}",
    ]
    return report


def _close(
    report: Report,
    ledgers: Sequence[Ledger],
    made: Sequence[Ledger],
    plan: IngestPlan,
    seconds: float,
    params: IngestParams,
) -> None:
    report.data |= books(ledgers)
    data = report.data
    for name in ("inputs", "images", "duplicates", "quarantined"):
        data.setdefault(name, 0)
    data |= {"new_inputs": plan.new, "new_shards": len(made), "seconds": seconds}
    report.lines.append(
        f"{data['inputs']:,} inputs = {data['images']:,} images + {data['duplicates']:,} duplicates "
        f"+ {data['quarantined']:,} quarantined ({plan.new:,} inputs new, {seconds:.1f} s)"
    )
    for reason, count in data.get("quarantined_by_reason", {}).items():
        report.lines.append(f"  quarantined, {reason}: {count:,}")
    if data["faults"]:
        report.lines.append(f"  sources in doubt about {sum(data['faults'].values()):,} images: `fld inspect` says why")
    judge(report, params.max_quarantine_rate)
    if not data["inputs"]:
        report.fail(LIMIT, "the sources hold no inputs at all: is the path right?")
    elif not data["images"] and report.code == OK:
        report.fail(LIMIT, "not one usable image was found; the quarantine says why")


def judge(report: Report, limit: float) -> None:
    """Fail a report whose quarantine is larger than the limit allows."""
    data = report.data
    harmless = data.get("quarantined_by_reason", {}).get(HARMLESS, 0)
    claimed = data["inputs"] - harmless
    rate = (data["quarantined"] - harmless) / claimed if claimed else 0.0
    data["quarantine_rate"] = rate
    if rate > limit:
        report.fail(
            LIMIT,
            f"{rate:.1%} of the inputs that claim to be images are in quarantine, more than "
            f"ingest.max_quarantine_rate = {limit:.1%}. Look at quarantine/*.parquet, then mend the source or raise it",
        )
