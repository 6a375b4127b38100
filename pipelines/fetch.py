"""fld fetch: bring checkpoints from a hub to this machine and pin them. No other command asks a hub for weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain

from engine.stage import Chain, ChainError
from engine.storage import StorageError
from pipelines.config import profile_chain
from pipelines.report import FAILED, USAGE, Report
from specialists.checkpoints import hub
from specialists.checkpoints.fetching import Fetched, HubError, fetch, quietly


def fetch_all(profiles: Sequence[str], weights: Sequence[str], *, repin: bool = False) -> Report:
    """Fetch the hub ids given and those that the profiles name, each as far as it can be had."""
    report = Report("fetch")
    wanted = sorted({*weights, *chain.from_iterable(hub_ids(profile_chain(profile)) for profile in profiles)})
    if not sys.stderr.isatty():
        quietly()
    got: list[Fetched] = []
    for name in wanted:
        try:
            got.append(fetch(name, repin=repin))
        except (ChainError, HubError, StorageError) as error:
            report.fail(USAGE if isinstance(error, ChainError) else FAILED, str(error))
            continue
        report.lines.append(_line(got[-1]))
        if got[-1].moved:
            report.fail(USAGE, _moved(got[-1]))
    report.data = {
        "weights": [_entry(one) for one in got],
        "bytes": sum(one.size for one in got),
        "pins": str(hub.pins_file()),
        "missing": sorted(set(wanted) - {one.weights for one in got}),
    }
    report.lines.append(_sum(got, wanted, profiles))
    return report


def hub_ids(stages: Chain) -> Iterator[str]:
    """The checkpoints of a hub that a chain's stages name."""
    for stage in stages.stages:
        weights = getattr(stage, "weights", "")
        if isinstance(weights, str) and hub.is_wanted(weights):
            yield weights


def _line(one: Fetched) -> str:
    how = "fetched" if one.new else "was here"
    if one.before not in (None, one.commit):
        how += f", its pin was {one.before[:12] if one.before else one.before}"
    if one.unasked:
        how += f"; whether it moved is not known: {one.unasked}"
    return f"{one.weights}  {one.commit[:12]}  {size(one.size)}  {how}"


def _moved(one: Fetched) -> str:
    return (
        f"{one.weights} is pinned to {one.commit} in {hub.pins_file()}, and has moved to {one.moved} at the hub. The "
        f"pinned one stays in use. To take the new one, which makes all that it annotated anew: `fld fetch --repin "
        f"{one.weights}`"
    )


def _entry(one: Fetched) -> dict[str, object]:
    return {
        "weights": one.weights,
        "commit": one.commit,
        "folder": str(one.folder),
        "bytes": one.size,
        "new": one.new,
        "moved": one.moved,
    }


def _sum(got: Sequence[Fetched], wanted: Sequence[str], profiles: Sequence[str]) -> str:
    if not wanted:
        return f"nothing to fetch: {', '.join(profiles) or 'no profile'} names no weights of a hub"
    total = size(sum(one.size for one in got))
    return f"{len(got)} of {len(wanted)} checkpoints are here, {total}; pins in {hub.pins_file()}"


def size(count: float) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
