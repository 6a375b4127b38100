"""fld refine: the trained model looks at the images again, and by a stated rule its word is set against what stands.

The third phase of FLD-5B (Xiao et al., arXiv 2311.06242, section 4.3). The rule is that of `filters.agreement`, the
gate's that of `pipelines.gate`.
"""

from __future__ import annotations

from typing import Any

from engine.stage import Chain
from engine.storage import Folder, StorageError
from pipelines.chain import Runner, Step, run_step, source_of
from pipelines.config import ASKED, RefineParams, make_chain
from pipelines.gate import GATE, figures, judge
from pipelines.report import LIMIT, OK, STEP, Report


def refine(
    standing: Folder,
    out: Folder,
    model: str,
    params: RefineParams,
    runner: Runner,
    *,
    truth: str | None = None,
    dry_run: bool = False,
    retry_faults: bool = False,
) -> Report:
    """One round: `standing` is what `fld curate` or an accepted round left, `out` becomes the next of its kind.

    Raises StorageError where `standing` is a refused round or its images are not to be found, SourceError where the
    truth is none or of other images.
    """
    number = round_of(standing) + 1
    before = None if dry_run else figures(standing, truth)  # first: a truth of no use is found before the work
    chain = refine_chain(model, number, params)
    step = Step(
        "refine", chain, standing, out, params.max_fault_rate, lend=images_of(standing), retry_faults=retry_faults
    )
    report = run_step(step, runner, dry_run=dry_run, about={"round": number, "model": model})
    if before is None or report.code != OK:
        return report
    judgement = judge(before, figures(out, truth), truth, params.gate)
    report.data["gate"] = {"round": number, "truth": truth, **judgement.as_json()}
    report.lines += judgement.lines()
    out.write_json(GATE, report.data["gate"])
    if not judgement.accepted:
        report.fail(LIMIT, f"round {number} is worse than what it began with: go on with {standing.url}")
    report.write(out)
    return report


def round_of(dataset: Folder) -> int:
    """Which round left a dataset; 0 for what no round has seen. Raises StorageError for a refused one."""
    gate = dataset.read_json(GATE) or {}
    if gate and not gate["accepted"]:
        raise StorageError(f"{dataset.url} is a round that the gate refused: refine what that round began with")
    return int(gate.get("round", 0))


def images_of(dataset: Folder) -> Folder:
    """The image shards that a dataset was made from, some steps before."""
    found: Folder | None = dataset
    while found is not None and (found.read_json(STEP) or {}).get("command") != "ingest":
        found = source_of(found)
    if found is None:
        raise StorageError(f"{dataset.url} does not say which image shards it was made from")
    return found


def refine_chain(model: str, number: int, params: RefineParams) -> Chain:
    """What a round runs: texts first, since phrases are found in those that stay."""
    asks = {
        name: {**settings, **(params.stages.get(name) or {}), "weights": model, "round": number}
        for name, settings in ASKED.items()
        if params.stages.get(name) is not False
    }
    texts = {name: asks.pop(name) for name in ("multitask_captioning",) if name in asks}
    scorer = {} if params.scorer is None else {"weights": params.scorer}
    judged = {"round": number}
    stages: dict[str, Any] = dict(texts)
    if texts:
        stages |= {"scoring@texts": scorer} if scorer else {}
        stages |= {"text_agreement": {**params.text_agreement, **judged}, "phrases": None}
    if "multitask_grounding" in asks:
        stages["phrases_again"] = judged
    stages |= asks
    stages |= {"scoring": scorer} if scorer else {}
    for name, settings in params.filters.items():
        stages[name] = {**(settings or {}), **judged} if name.endswith("_agreement") else settings
    return make_chain(stages, "refine")
