"""Models, each in a folder that is named after what it was made of: another input makes another model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml

from benchmarks.quality.place import require, say
from engine.ledger import load_ledgers
from engine.stage import digest
from engine.storage import Folder
from florence.training import TrainSettings
from pipelines.chain import Runner
from pipelines.train import load_settings, train


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How models are taught: from what, by which settings (None: those of `fld train`), in how many steps (None: of
    those settings)."""

    start: str = "tiny"
    config: Path | None = None
    steps: int | None = None


def teach(models: Folder, name: str, dataset: Folder, recipe: Recipe, seed: int = 0) -> str:
    """`fld train` on a dataset, with this seed; where the model lies."""
    settings = values(load_settings(recipe.config, recipe.start), recipe.steps, seed)
    made_of = [sorted(ledger.checksum for ledger in load_ledgers(dataset).values()), recipe.start, settings]
    out = models / f"{name}-{digest(made_of)[:8]}"
    say(f"{out.url}: {sum(phase['steps'] for phase in settings['phases'])} steps on {dataset.url}")
    file = Path(out.root) / "settings.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    require(train(dataset, out, file, recipe.start, Runner()))
    return f"{out.url}/model"


def values(settings: TrainSettings, steps: int | None, seed: int) -> dict[str, Any]:
    """Settings as a file of `fld train` has them, with another seed and, its phases in proportion, in so many steps."""
    given: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(settings)))
    given["seed"], given["data"]["seed"] = seed, seed
    del given["data"]["image_size"]  # a phase's
    if steps is not None:
        shares = [max(1, steps * phase.steps // settings.steps) for phase in settings.phases[:-1]]
        for phase, share in zip(given["phases"], [*shares, steps - sum(shares)], strict=True):
            phase["steps"] = share
        if given["phases"][-1]["steps"] < 1:
            raise SystemExit(f"quality: {steps} steps are too few for {len(settings.phases)} phases")
        given["warmup"] = settings.warmup * steps // settings.steps
    return given
