"""fld curate: filters over raw shards; every drop has a reason."""

from __future__ import annotations

from engine import records
from engine.plan import check_source
from engine.stage import Chain
from engine.storage import Folder, StorageError
from engine.worker import Work, Worker
from pipelines.chain import Runner, Step, check_kind, run_step, source_of
from pipelines.config import CurateParams, make_chain
from pipelines.inspect import find_one, no_image, say_reject, say_words
from pipelines.report import Report


def curate(
    raw: Folder,
    out: Folder,
    params: CurateParams,
    runner: Runner,
    *,
    dry_run: bool = False,
    retry_faults: bool = False,
) -> Report:
    """Run the filters over every raw shard that has not been curated with these settings."""
    embed = None
    if params.embed_images:
        embed = source_of(raw)
        if embed is None:
            raise StorageError(f"curate.embed_images: {raw.url} does not say which image shards it was made from")
    step = Step("curate", curate_chain(params), raw, out, params.max_fault_rate, embed=embed, retry_faults=retry_faults)
    return run_step(step, runner, dry_run=dry_run)


def curate_chain(params: CurateParams) -> Chain:
    """The filters, in the order of params.yaml."""
    return make_chain(params.filters, "curate.filters")


def explain(raw: Folder, params: CurateParams, key: str) -> Report:
    """Each verdict of the filters on one image, named as for `fld inspect --image`; nothing is written."""
    report = Report("curate")
    check_source(raw)
    check_kind(raw, "curate")
    found = find_one(raw, key)
    if found is None:
        raise no_image(raw, key)
    before = found[1]
    work = Worker(curate_chain(params).stages, cpus=1)(Work.of(before))
    rejects = {(reject["kind"], reject["id"]): reject for reject in work.rejects.to_pylist()}
    (old,), (new,) = before.to_pylist(), work.table.to_pylist()
    for kind in records.ANNOTATIONS:
        items = {item["id"]: item for item in (*new[kind], *old[kind])}
        for name, item in items.items():
            reject = rejects.get((kind, name))
            report.lines.append(f"drop  {say_reject(reject)}" if reject else f"keep  {kind} {name}{say_words(item)}")
    report.lines += [f"drop  {say_reject(reject)}" for (kind, _), reject in rejects.items() if kind == "masks"]
    report.lines += [f"fault {fault['stage']}: {fault['error']}" for fault in new["faults"]]
    report.data = {"image_id": old["image_id"], "kept": {k: [i["id"] for i in new[k]] for k in records.ANNOTATIONS}}
    report.data["rejects"] = list(rejects.values())
    return report
