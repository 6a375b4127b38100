"""The same model trained on raw, curated and refined shards, and measured on images that none of them has."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.learning import Recipe, teach
from benchmarks.quality.place import Place, figures, require, say
from benchmarks.quality.truth import image_ids, keep
from engine.stage import Chain
from engine.storage import Folder
from pipelines.chain import Runner, Step, run_step
from pipelines.config import ASKED, make_chain
from pipelines.ingest import ingest, list_sources

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Exam:
    """Images that nobody was taught by, and a dataset of what is true of them."""

    folder: Folder
    images: Folder
    truth: str


def prepare(place: Place, sources: Sequence[str]) -> Exam:
    """Read held-out images. Exits where one of them is among those that are trained on."""
    folder = place.folder / "heldout"
    images = folder / "images"
    listed = list_sources(sources, images, place.params.ingest)
    require(ingest(listed, images, place.params.ingest, sources=sources))
    common = image_ids(images) & image_ids(place.raw)
    if common:
        raise SystemExit(f"quality: --heldout: {len(common)} of its images, {min(common)[:12]} say, are trained on")
    keep(sources, {"truth": folder / "truth"}, 0.0)
    return Exam(folder, images, (folder / "truth").url)


def examine(place: Place, exam: Exam, shards: Mapping[str, Folder], recipe: Recipe, seeds: int) -> Iterator[Any]:
    """A row for each dataset and seed: the figures of what a model taught by it says of the held-out images."""
    for seed in range(seeds):
        for name, dataset in shards.items():
            model = teach(place.folder / "models", f"student-{name}-{seed}", dataset, recipe, seed)
            out = exam.folder / Path(model).parent.name
            say(f"{out.url}: what the model of {name} shards, seed {seed}, says of held-out images")
            step = Step("annotate", labels_chain(model), exam.images, out, place.params.annotate.max_fault_rate)
            require(run_step(step, Runner(), about={"model": model}))
            yield {"name": name, "seed": seed, **figures(out, exam.truth)}


def labels_chain(model: str) -> Chain:
    """What a model is asked for its labels: texts, the phrases in them, objects; no outlines."""
    stages: dict[str, Any] = {}
    for name, settings in ASKED.items():
        if name != "multitask_segmentation":
            stages[name] = {**settings, "weights": model}
        if name == "multitask_captioning":
            stages["phrases"] = None
    return make_chain(stages, f"model {model}")


def interval(values: Sequence[float | None]) -> tuple[float, float | None] | None:
    """Mean and half of Student's t-interval; no interval of one value, nothing where a value is missing."""
    from scipy.stats import t  # type: ignore[import-untyped]

    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    if len(known) == 1:
        return known[0], None
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(known) - 1)) * statistics.stdev(known) / len(known) ** 0.5
    return statistics.mean(known), half
