"""fld annotate: specialists over image shards."""

from __future__ import annotations

from collections.abc import Callable

from engine.ledger import load_ledgers
from engine.stage import Chain, digest
from engine.storage import Folder
from pipelines.chain import Runner, Step, run_step
from pipelines.config import AnnotateParams, ConfigError, profile_chain
from pipelines.figure import not_produced
from pipelines.report import STEP, Report

Agree = Callable[[str], bool]  # is told what would be done again; whether that is wanted


def annotate(
    images: Folder,
    out: Folder,
    params: AnnotateParams,
    runner: Runner,
    *,
    dry_run: bool = False,
    retry_faults: bool = False,
    agree: Agree | None = None,
) -> Report:
    """Run the profile's specialists over every image shard that they have not seen.

    What other specialists have annotated is done again only if `agree` says so. Raises ConfigError where it does not.
    """
    chain = annotate_chain(params)
    missing = not_produced(chain)
    step = Step("annotate", chain, images, out, params.max_fault_rate, retry_faults=retry_faults)
    again = done_again(step)
    if not dry_run:
        consent(again, agree)
    report = run_step(step, runner, dry_run=dry_run, about={"profile": params.profile, "not_produced": missing})
    if again and dry_run:
        report.lines.append(f"  {again}, with --yes only")
    if missing:
        report.lines.append(f"  profile {params.profile} does not give: {', '.join(missing)}")
    return report


def annotate_chain(params: AnnotateParams) -> Chain:
    """The profile's specialists, and the filters between them."""
    return profile_chain(params.profile)


def done_again(step: Step) -> str | None:
    """What a step would do again because its stages are others than those that left its output; None for nothing."""
    left = step.out.read_json(STEP) if step.out.exists(STEP) else {}  # where nothing can be, the step itself says why
    if left.get("command") != step.command or digest(left.get("chain")) == digest(step.chain.settings()):
        return None
    shards = load_ledgers(step.out)
    images = sum(job.images for job in step.plan().jobs if job.shard in shards)
    if not images:
        return None
    old = {stage["stage"]: digest(stage) for stage in left.get("chain", [])}
    new = {stage["stage"]: digest(stage) for stage in step.chain.settings()}
    differ = {
        "new": [name for name in new if name not in old],
        "changed": [name for name in new if name in old and new[name] != old[name]],
        "gone": [name for name in old if name not in new],
    }
    how = "; ".join(f"{', '.join(names)} {what}" for what, names in differ.items() if names) or "in another order"
    return (
        f"{step.out.url} was annotated by other stages ({how}): {', '.join(new)} would run again on {images:,} images "
        "that are done"
    )


def consent(again: str | None, agree: Agree | None) -> None:
    """Raise ConfigError where something would be done again and nobody wants it."""
    if again and not (agree and agree(again)):
        raise ConfigError(f"{again}. With --yes they do; else give another output folder, or the profile of before")
