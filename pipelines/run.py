"""fld run: ingest, annotate and curate in one go, again and again: what a cron job calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine.lock import Lock
from engine.storage import Folder
from pipelines.annotate import Agree, annotate, annotate_chain, consent, done_again
from pipelines.chain import Runner, Step, claim
from pipelines.config import Params
from pipelines.curate import curate, curate_chain
from pipelines.ingest import ingest, list_sources
from pipelines.report import OK, STEPS, Report


def run(
    sources: Sequence[str],
    out: Folder,
    params: Params,
    runner: Runner,
    *,
    workers: int = 0,
    retry_faults: bool = False,
    agree: Agree | None = None,
) -> Report:
    """Bring `out` up to date with the sources. What is done stays; a step that fails its limits is the last.

    What other specialists have annotated is done again only if `agree` says so. Raises ConfigError where it does not.
    """
    started = time.time()
    report = Report("run")
    listed = list_sources(sources, out, params.ingest)
    images, raw, curated = (out / name for name in STEPS)
    chains = annotate_chain(params.annotate), curate_chain(params.curate)
    consent(done_again(Step("annotate", chains[0], images, raw, params.annotate.max_fault_rate)), agree)
    # Curate runs here, whoever annotates.
    with runner.ready(chains[0]), Runner().ready(chains[1]), Lock(out, "fld run") as lock:
        claim(out, "run", {})
        out.sweep(below=False)
        steps: tuple[Callable[[], Report], ...] = (
            lambda: ingest(listed, images, params.ingest, sources=sources, workers=workers, retry_faults=retry_faults),
            lambda: annotate(images, raw, params.annotate, runner, retry_faults=retry_faults, agree=lambda _: True),
            lambda: curate(raw, curated, params.curate, Runner(workers=runner.workers), retry_faults=retry_faults),
        )
        for step in steps:
            lock.check()
            part = step()
            report.data[part.command] = part.as_json()
            report.lines += [f"{part.command:<9} {line}" if at == 0 else line for at, line in enumerate(part.lines)]
            report.code, report.problems = part.code, part.problems
            if part.code != OK:
                break
        _close(report, time.time() - started)
        report.write(out)
    report.lines.append(f"look       fld inspect {out.url}")
    return report


def dry_run(sources: Sequence[str], out: Folder, params: Params, runner: Runner) -> Report:
    """What a run would do, as far as it can be known before the first step has run."""
    listed = list_sources(sources, out, params.ingest)
    with runner.ready(annotate_chain(params.annotate)), Runner().ready(curate_chain(params.curate)):
        report = ingest(listed, out / "images", params.ingest, dry_run=True)
    report.command = "run"
    if (out / "images").marks():
        part = annotate(out / "images", out / "raw", params.annotate, runner, dry_run=True)
        report.data["annotate"] = part.data
        report.lines += [f"annotate: of the images ingested so far, {line.strip()}" for line in part.lines[:1]]
        report.lines += [line for line in part.lines if "would run again" in line]
    return report


def _close(report: Report, seconds: float) -> None:
    """Put the books of the whole run on top: inputs = images + duplicates + quarantined."""
    ingested = report.data["ingest"]
    names = ("inputs", "images", "duplicates", "quarantined")
    annotated = report.data.get("annotate", {}).get("images", 0)
    total = {
        **{name: ingested[name] for name in names},
        "annotated": annotated,
        "curated": report.data.get("curate", {}).get("images", 0),
        "seconds": seconds,
        "seconds_per_image": seconds / new if (new := report.data.get("annotate", {}).get("new_images", 0)) else None,
    }
    report.data = total | report.data
