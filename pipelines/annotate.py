"""fld annotate: specialists over image shards."""

from __future__ import annotations

from engine.stage import Chain
from engine.storage import Folder
from pipelines.chain import Runner, Step, run_step
from pipelines.config import AnnotateParams, load_profile, make_chain
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
    step = Step("annotate", annotate_chain(params), images, out, params.max_fault_rate, retry_faults=retry_faults)
    return run_step(step, runner, dry_run=dry_run, about={"profile": params.profile})


def annotate_chain(params: AnnotateParams) -> Chain:
    """The profile's specialists."""
    return make_chain(load_profile(params.profile).stages, f"profile {params.profile}: stages")
