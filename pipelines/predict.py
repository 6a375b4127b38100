"""fld predict: one multitask model plays all specialists over image shards; and how often its scores are right."""

from __future__ import annotations

from typing import Any

from engine.stage import Chain, ChainError
from engine.storage import Folder
from pipelines.annotate import Agree, consent, done_again
from pipelines.chain import Runner, Step, run_step
from pipelines.config import AnnotateParams, make_chain
from pipelines.figure import arrange, not_produced
from pipelines.report import Report
from specialists.checkpoints.weights import find

# What is asked of each image. OCR without places has no place in a record, and a phrase's outline is its regions'.
ROLES: dict[str, dict[str, Any]] = {
    "ocr": {},
    "detection": {"tasks": ["OD", "DENSE_REGION_CAPTION", "REGION_PROPOSAL"]},
    "captioning": {"granularities": ["brief", "detailed", "more_detailed"]},
    "grounding": {},
    "segmentation": {},
    "crop_captioning": {"tasks": ["REGION_TO_DESCRIPTION", "REGION_TO_CATEGORY", "REGION_TO_OCR"]},
}
BATCH = 16  # images; ours


def predict(
    images: Folder,
    out: Folder,
    model: str,
    params: AnnotateParams,
    runner: Runner,
    *,
    beams: int = 1,
    gpus: float = 0.0,
    dry_run: bool = False,
    retry_faults: bool = False,
    agree: Agree | None = None,
) -> Report:
    """Run all of the model's roles over every image shard that they have not seen.

    What it leaves is as the output of `fld annotate`, and `fld curate` reads it so. What another model has said is said
    again only if `agree` says so. Raises ConfigError where it does not.
    """
    chain = predict_chain(model, beams, gpus)
    step = Step("annotate", chain, images, out, params.max_fault_rate, retry_faults=retry_faults)
    about = {"model": model, "not_produced": not_produced(chain)}
    again = done_again(step)
    if not dry_run:
        consent(again, agree)
    report = run_step(step, runner, dry_run=dry_run, about=about)
    if again and dry_run:
        report.lines.append(f"  {again}, with --yes only")
    return report


def predict_chain(model: str, beams: int = 1, gpus: float = 0.0) -> Chain:
    """The stages of a model, a checkpoint as a profile names it, in the order of the figure, all in one worker.

    `gpus` is what the worker asks a cluster for.
    """
    share: dict[str, Any] = {"cpus": 1, "batch_size": BATCH, "actors": [1, 64], "pack": "model"}
    roles: dict[str, Any] = {
        role: {"stage": f"multitask_{role}", "weights": model, "num_beams": beams, "resources": share, **settings}
        for role, settings in ROLES.items()
    }
    roles["ocr"]["resources"] = {**share, "gpus": gpus}
    # What the model says is written as it is: doubles are merged with what they are of, none is dropped here.
    return make_chain(arrange({**roles, "region_nms": False, "line_text": False}), f"model {model}")


def calibrate(model: str, heldout: Folder, most: int | None = None) -> Report:
    """Fit a checkpoint's scores to annotations that it was not trained on, and leave the curves beside it.

    Raises ChainError where there are too few of them; StorageError where they cannot be read.
    """
    from florence import presets
    from florence.predict import Predictor
    from florence.predict.agreement import agreement
    from florence.predict.calibration import FILE, LEAST

    folder = find(model, "calibrate").folder
    report, found = Report("calibrate"), agreement(Predictor(presets.load(folder)), heldout.url, most)
    calibration = found.calibration()
    if not calibration.curves:
        raise ChainError(
            f"{heldout.url}: on its {found.images:,} images {len(found.places):,} boxes were found, too few to fit "
            f"scores to: {LEAST} are needed. Give more images with objects"
        )
    calibration.save(folder)
    report.data = {"images": found.images, "file": str(folder / FILE)}
    for what, curve in calibration.curves.items():
        figures = {"samples": curve.samples, "before": curve.error_before, "after": curve.error_after}
        report.data[what] = figures
        report.lines.append(
            f"{what:<6} expected calibration error {curve.error_before:.3f}, calibrated {curve.error_after:.3f}, of "
            f"{curve.samples:,} on {found.images:,} images"
        )
    return report
