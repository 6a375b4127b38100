"""fld doctor: does everything that a run needs work here, and if not, how to mend it?

Looks at everything, whatever it has found already. It asks no hub, and endpoints only whether they are there.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import cluster
from engine.local import cores
from engine.stage import Chain
from engine.storage import Folder
from pipelines.readiness import Examined, Finding, attempt, examine
from pipelines.report import FAILED, USAGE, Report

LITTLE_DISK = 5.0  # GB; ours
PACKAGES = (
    *("pyarrow", "pillow", "numpy", "shapely", "pycocotools", "ray", "rapidocr", "onnxruntime", "spacy"),
    *("torch", "transformers", "safetensors", "huggingface-hub"),
)


def doctor(profile: str, *, address: str | None, out: Folder) -> Report:
    """Look at the environment, the profile's weights, the cluster and the disk."""
    report = Report("doctor")
    examined = examine(profile)
    findings = [_python(), *_packages(), *examined.findings, _cluster(examined, address), _disk(out)]
    report.data["findings"] = [vars(finding) for finding in findings]
    for finding in findings:
        report.lines.append(f"{'ok  ' if finding.works else 'FAIL'}  {finding.name:<12} {finding.seen}")
        if not finding.works:
            report.lines.append(f"      {'':<12} -> {finding.mend}")
            report.fail(FAILED, f"{finding.name}: {finding.seen}")
            if finding.name == "profile":  # one that cannot be read is wrong settings, whatever else is found
                report.code = USAGE
    return report


def _python() -> Finding:
    seen = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {cores()} cores"
    return Finding("python", sys.version_info >= (3, 11), seen, "install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        yield attempt(name, partial(version, name), f"pip install {name}")
    for name, scheme in (("s3fs", "s3://"), ("gcsfs", "gs://"), ("adlfs", "az://")):
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, True, f"not installed; only needed for {scheme}")


def _cluster(examined: Examined, address: str | None) -> Finding:
    if not address:
        return Finding("ray cluster", True, "not looked at; only needed with --address, which says where it is")
    if not examined.whole:
        return Finding("ray cluster", False, "not looked at: not all stages could be made", "mend the profile first")
    mend = "start one with `ray start --head`, or leave --address out"
    return attempt("ray cluster", lambda: cluster.describe(Chain(examined.stages), address), mend)


def _disk(out: Folder) -> Finding:
    if not out.local:
        return attempt("storage", lambda: f"{out.url} answers, {len(out.marks())} files", "check URL and credentials")
    place = Path(out.root)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    mend = "free some space, or write elsewhere"
    return Finding("disk", free > LITTLE_DISK, f"{free:.1f} GB free at {place}", mend)
