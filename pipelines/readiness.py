"""What a profile's stages need, and whether it is here: for fld doctor, which wants to hear all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from engine.stage import Chain, ChainError, Stage
from pipelines.config import ConfigError, profile_stages
from pipelines.fetch import size
from pipelines.figure import not_produced
from specialists.checkpoints import hub
from specialists.checkpoints.catalogue import known
from specialists.checkpoints.fetching import cache, room
from specialists.checkpoints.machine import driver_gpus, torch_build, torch_gpus

Look = Iterator["Finding"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: does it work, what was seen, and how to mend it."""

    name: str
    works: bool
    seen: str
    mend: str = ""


@dataclass(frozen=True)
class Examined:
    """A profile's stages, as far as they could be made, and what was found."""

    stages: tuple[Stage, ...]
    whole: bool  # whether all of them could be made
    findings: tuple[Finding, ...]


def examine(profile: str) -> Examined:
    """Look at each stage of a profile, at its weights and endpoints, and at the disk and the GPU that they want."""
    stages, findings = _made(profile)
    whole = not findings
    own = [stage for place, stage in enumerate(stages) if _bare(stage) not in map(_bare, stages[:place])]
    findings += [_stage(stage, profile) for stage in own]
    if whole:
        lacks = not_produced(Chain(tuple(stages)))
        findings.append(Finding("yields", True, f"all but {', '.join(lacks)}" if lacks else "all kinds of annotation"))
    models = [stage for stage in own if hasattr(stage, "device")]
    findings += [*_room({weights for stage in own if (weights := _missing(stage))}), *(_gpu(models) if models else ())]
    return Examined(tuple(stages), whole, tuple(findings))


def attempt(name: str, look: Callable[[], str], mend: str) -> Finding:
    """What a look found; whatever goes wrong with it is a finding too."""
    try:
        return Finding(name, True, look())
    except (ChainError, ConfigError) as error:
        return Finding(name, False, str(error), mend)
    except Exception as error:  # noqa: BLE001  (whatever is broken is what is looked for)
        return Finding(name, False, f"{type(error).__name__}: {error}", mend)


def _made(profile: str) -> tuple[list[Stage], list[Finding]]:
    try:
        makers = profile_stages(profile)
    except ConfigError as error:
        return [], [Finding("profile", False, str(error), "mend the profile, or give --profile another name or path")]
    stages: list[Stage] = []
    findings = []
    for name, maker in makers.items():

        def make(maker: Callable[[], Stage] = maker) -> str:
            stages.append(maker())
            return ""

        findings.append(attempt(name, make, "mend this stage in the profile"))
    return stages, [finding for finding in findings if not finding.works]


def _bare(stage: Stage) -> tuple[type, dict[str, Any]]:
    """What it does, whatever it is called and wherever it runs: a stage that runs twice is looked at once."""
    settings = [each.name for each in fields(stage) if each.init and each.name != "resources"]  # type: ignore[arg-type]
    return type(stage), {name: getattr(stage, name) for name in settings}


def _stage(stage: Stage, profile: str) -> Finding:
    missing = _missing(stage)
    if missing:
        facts = known(missing)
        about = f"{facts.licence}, {facts.gigabytes:g} GB at most" if facts else "of unknown size"
        return Finding(stage.name, False, f"{missing} is not here ({about})", f"fld fetch --profile {profile}")
    return attempt(stage.name, lambda: _seen(stage), "see the message")


def _seen(stage: Stage) -> str:
    stage.check()
    if hasattr(stage, "reached"):
        return str(stage.reached())
    weights = getattr(stage, "weights", "")
    revision = stage.revision()
    if not revision:
        return "needs no weights"
    if not weights:
        return f"its own weights, {revision}"
    folder = getattr(stage, "checkpoint").folder  # noqa: B009  (of those that have weights)
    total = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return f"{weights}, {revision[:12]}, {size(total)}"


def _missing(stage: Stage) -> str:
    """The hub id that a stage names and that is not here; empty if there is none."""
    weights = getattr(stage, "weights", "")
    if not weights or not hub.is_wanted(weights):
        return ""
    try:
        commit = hub.pinned(weights)
        return "" if commit and hub.snapshot(weights.partition("@")[0], commit) else weights
    except ChainError:
        return ""  # pins that cannot be read: the stage's own check says so


def _room(missing: set[str]) -> Look:
    if not missing:
        return
    sizes = [known(weights) for weights in sorted(missing)]
    need = sum(facts.gigabytes for facts in sizes if facts)
    free = room(cache()) / 1e9
    unknown = sum(facts is None for facts in sizes)
    more = f" and {unknown} of unknown size" if unknown else ""
    seen = f"{need:.1f} GB at most{more} to fetch, {free:.1f} GB free at {cache()}"
    yield Finding("weights", need < free, seen, "free some space, or name another place in $HF_HUB_CACHE")


def _gpu(models: list[Stage]) -> Look:
    build = attempt("torch", torch_build, "pip install torch")
    yield build
    if not build.works:
        return
    seen, driven = torch_gpus(), driver_gpus()
    want = sorted({stage.name for stage in models if str(getattr(stage, "device")).startswith("cuda")})  # noqa: B009
    if seen:
        yield Finding("gpu", True, "; ".join(seen))
    elif driven:
        mend = "install a torch that is built for it: https://pytorch.org/get-started"
        yield Finding("gpu", False, f"{'; '.join(driven)}, which torch does not see", mend)
    elif want:
        yield Finding("gpu", False, f"none, and {', '.join(want)} must have one", "set their device to auto")
    else:
        yield Finding("gpu", True, "none: the models run on the CPU, which is slow")
