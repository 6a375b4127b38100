"""fld ingest: from sources to image shards."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from engine import ingest as engine
from engine.ledger import Ledger
from engine.local import cores
from engine.lock import Lock
from engine.manifest import QUARANTINE, IngestPlan, identity, make_plan, refused_of
from engine.sources import SourceError, list_inputs
from engine.sources.spec import parse
from engine.storage import Folder
from pipelines.chain import claim, dataset_of
from pipelines.config import IngestParams
from pipelines.progress import progress
from pipelines.report import LIMIT, Report, books

# Files that neither are images nor claim to be: in quarantine, so that nothing is lost, but no failure.
HARMLESS = "other_file"


def list_sources(sources: Sequence[str], out: Folder, params: IngestParams) -> pa.Table:
    """Every input of the sources. Comes before anything is written: a mistyped path leaves no trace."""
    listed = list_inputs(sources, follow_links=params.follow_links)
    inside = pc.filter(listed["uri"], pc.starts_with(listed["uri"], f"{out.url}/"))
    if len(inside) or _is_inside(out, sources):
        raise SourceError(
            f"the output {out.url} lies inside a source: what is written there would be read as input. "
            "Give an output elsewhere, or a source that leaves it out"
        )
    return listed


def _is_inside(out: Folder, sources: Sequence[str]) -> bool:
    """Whether a folder among the sources will list what is written to `out`; hidden folders are not listed."""
    folders = [Folder.at(spec.location).url for spec in map(parse, sources) if spec.kind == "folder"]
    below = [f"{out.url}/".removeprefix(f"{f}/") for f in folders if f"{out.url}/".startswith(f"{f}/")]
    return any(not any(part.startswith(".") for part in path.split("/")) for path in below)


def ingest(
    listed: pa.Table,
    out: Folder,
    params: IngestParams,
    *,
    sources: Sequence[str] = (),
    workers: int = 0,
    retry_faults: bool = False,
    dry_run: bool = False,
) -> Report:
    """Read what is new among the listed inputs, and commit it to image shards below `out`."""
    started = time.time()
    report = Report("ingest")
    if dry_run:
        return _dry_run(listed, out, params, report)
    with Lock(out, "fld ingest") as lock:
        claim(out, "ingest", {"dataset": dataset_of(out) or uuid.uuid4().hex})
        out.sweep()
        plan = make_plan(listed, out, params.settings(), retry_faults=retry_faults)
        with progress("ingest", plan.inputs, "inputs") as advance:
            made = list(engine.run(plan, workers=workers or cores(), progress=advance, guard=lock.check))
        _close(report, [*plan.done, *made], made, plan, time.time() - started)
        _judge(report, _latest(out, [*plan.done, *made], listed), params.max_quarantine_rate)
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


def _close(report: Report, ledgers: Sequence[Ledger], made: Sequence[Ledger], plan: IngestPlan, seconds: float) -> None:
    report.data |= books(ledgers)
    data = report.data
    for name in ("inputs", "images", "duplicates", "quarantined"):
        data.setdefault(name, 0)
    data |= {"new_inputs": plan.new, "new_shards": len(made), "seconds": seconds, "inputs_now": plan.new + plan.known}
    report.lines.append(
        f"{data['inputs']:,} inputs = {data['images']:,} images + {data['duplicates']:,} duplicates "
        f"+ {data['quarantined']:,} quarantined ({plan.new:,} inputs new, {seconds:.1f} s)"
    )
    for reason, count in data.get("quarantined_by_reason", {}).items():
        report.lines.append(f"  quarantined, {reason}: {count:,}")
    if data["faults"]:
        report.lines.append(f"  sources in doubt about {sum(data['faults'].values()):,} images: `fld inspect` says why")
    if data["set_aside"]:
        aside = " and ".join(f"{count:,} {kind}" for kind, count in data["set_aside"].items())
        report.lines.append(f"  {aside} of duplicates are kept in duplicates/, not in the images' records")


def _latest(out: Folder, ledgers: Sequence[Ledger], listed: pa.Table) -> list[str]:
    """Why each listed input that is in quarantine as it is now is there: a mended file is none of them."""
    shards = [ledger.shard for ledger in ledgers if ledger.quarantined]
    refused = pa.concat_tables([QUARANTINE.empty_table(), *(refused_of(out, shard) for shard in shards)])
    now = refused.filter(pc.is_in(identity(refused), value_set=identity(listed)))
    return list(now["reason"].to_pylist())


def _judge(report: Report, refused: Sequence[str], limit: float) -> None:
    """Fail a report if too many of the inputs that were listed now are in quarantine."""
    data = report.data
    harmless = sum(reason == HARMLESS for reason in refused)
    claimed = data["inputs_now"] - harmless
    rate = (len(refused) - harmless) / claimed if claimed else 0.0
    data["quarantine_rate"] = rate
    if not data["inputs_now"]:
        report.fail(LIMIT, "the sources hold no inputs at all: is the path right?")
    elif rate > limit:
        report.fail(
            LIMIT,
            f"{rate:.1%} of the inputs that claim to be images are in quarantine, more than "
            f"ingest.max_quarantine_rate = {limit:.1%}. Look at quarantine/*.parquet, then mend the source or raise it",
        )
    elif not data["images"]:
        report.fail(LIMIT, "not one usable image was found; the quarantine says why")
