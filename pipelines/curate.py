"""fld curate: filters over raw shards; every drop has a reason."""

from __future__ import annotations

from engine.storage import Folder, StorageError
from pipelines.chain import Runner, Step, run_step, source_of
from pipelines.config import CurateParams, make_chain
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
    chain = make_chain(params.filters, "curate.filters")
    embed = None
    if params.embed_images:
        embed = source_of(raw)
        if embed is None:
            raise StorageError(f"curate.embed_images: {raw.url} does not say which image shards it was made from")
    step = Step("curate", chain, raw, out, params.max_fault_rate, embed, retry_faults)
    return run_step(step, runner, dry_run=dry_run)
