"""fld doctor: does everything that a run needs work here, and if not, how to mend it?"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import cluster
from engine.local import cores
from engine.stage import ChainError
from engine.storage import Folder
from pipelines.config import ConfigError, profile_chain
from pipelines.report import FAILED, Report

LITTLE_DISK = 5.0  # GB; ours


@dataclass(frozen=True)
class Finding:
    """One thing looked at: does it work, what was seen, and how to mend it."""

    name: str
    works: bool
    seen: str
    mend: str = ""


def doctor(profile: str, *, address: str | None, out: Folder) -> Report:
    """Look at the environment, the profile's weights, the cluster and the disk."""
    report = Report("doctor")
    findings = [_python(), *_packages(), *_profile(profile), _cluster(profile, address), _disk(out)]
    report.data["findings"] = [vars(finding) for finding in findings]
    for finding in findings:
        report.lines.append(f"{'ok  ' if finding.works else 'FAIL'}  {finding.name:<12} {finding.seen}")
        if not finding.works:
            report.lines.append(f"      {'':<12} -> {finding.mend}")
            report.fail(FAILED, f"{finding.name}: {finding.seen}")
    return report


def _python() -> Finding:
    seen = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {cores()} cores"
    return Finding("python", sys.version_info >= (3, 11), seen, "install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    for name in ("pyarrow", "pillow", "numpy", "shapely", "pycocotools", "ray", "rapidocr", "onnxruntime"):
        yield _try(name, partial(version, name), f"pip install {name}")
    for name, scheme in (("s3fs", "s3://"), ("gcsfs", "gs://"), ("adlfs", "az://")):
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, True, f"not installed; only needed for {scheme}")


def _profile(name: str) -> Iterator[Finding]:
    try:
        stages = profile_chain(name).stages
    except ConfigError as error:
        yield Finding("profile", False, str(error), "give --profile another name or path")
        return
    for stage in stages:
        try:
            stage.check()
            yield Finding(stage.name, True, f"weights {stage.revision() or 'none needed'}")
        except ChainError as error:
            yield Finding(stage.name, False, str(error), "see the message")


def _cluster(profile: str, address: str | None) -> Finding:
    mend = "start one with `ray start --head`, or leave --address out" if address else "see the message"
    try:
        chain = profile_chain(profile)
    except ConfigError as error:
        return Finding("ray", False, f"not looked at: {error}", "mend the profile first")
    return _try("ray cluster", lambda: cluster.describe(chain, address), mend)


def _disk(out: Folder) -> Finding:
    if not out.local:
        return _try("storage", lambda: f"{out.url} answers, {len(out.marks())} files", "check the URL and credentials")
    place = Path(out.root)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    mend = "free some space, or write elsewhere"
    return Finding("disk", free > LITTLE_DISK, f"{free:.1f} GB free at {place}", mend)


def _try(name: str, look: Callable[[], str], mend: str) -> Finding:
    try:
        return Finding(name, True, look())
    except Exception as error:  # noqa: BLE001  (whatever is broken is what is looked for)
        return Finding(name, False, f"{type(error).__name__}: {error}", mend)
