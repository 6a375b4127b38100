"""fld annotate: specialists over image shards."""

from __future__ import annotations

from engine.stage import Chain
from engine.storage import Folder
from pipelines.chain import Runner, Step, run_step
from pipelines.config import AnnotateParams, profile_chain
from pipelines.figure import not_produced
from pipelines.report import Report


def annotate(
    images: Folder,
    out: Folder,
    params: AnnotateParams,
    runner: Runner,
    *,
    dry_run: bool = False,
    retry_faults: bool = False,
) -> Report:
    """Run the profile's specialists over every image shard that they have not seen."""
    chain = annotate_chain(params)
    missing = not_produced(chain)
    step = Step("annotate", chain, images, out, params.max_fault_rate, retry_faults=retry_faults)
    report = run_step(step, runner, dry_run=dry_run, about={"profile": params.profile, "not_produced": missing})
    if missing:
        report.lines.append(f"  profile {params.profile} does not give: {', '.join(missing)}")
    return report


def annotate_chain(params: AnnotateParams) -> Chain:
    """The profile's specialists, and the filters between them."""
    return profile_chain(params.profile)
