"""The model that a training begins with, as the checkpoint of step 0."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from engine.stage import ChainError
from florence import presets, tokenizer
from florence.codec import FORMS
from florence.data.blocks import Blocks, Place, opened
from florence.presets import Florence
from florence.training import checkpoints
from florence.training.books import Books
from florence.training.parts import optimizer
from florence.training.settings import TrainSettings

# More would teach a tokenizer of these sizes nothing, and take minutes; ours.
MOST_TEXTS = 1_000_000
_WORDS = ("texts.list.element.text", "regions.list.element.labels.list.element.text")


def begin(curated: Place, out: Path, settings: TrainSettings, start: str) -> None:
    """Write the checkpoint of step 0, unless the run in this folder has begun.

    `start` is the name of a preset, for random weights and a tokenizer learnt from the curated texts; else a folder
    that `Florence.save` wrote, or a hub's id with, perhaps, @revision. Raises ChainError, StorageError.
    """
    if checkpoints.latest(out) is not None:
        return
    florence = made(curated, settings, start)
    drop(florence.model.config, settings)
    value = {"step": 0, "settings": settings.identity(), "loader": {}, "books": Books().as_json(), "machine": {}}
    checkpoints.save(out, florence, optimizer(florence.model, settings), value, settings.keep)


def forget(out: Path) -> None:
    """Take back what `begin` did, for a run that learnt nothing."""
    shutil.rmtree(out / checkpoints.FOLDER, ignore_errors=True)


def made(curated: Place, settings: TrainSettings, start: str) -> Florence:
    """The model that a name stands for, in float32."""
    if start in presets.PRESETS and not Path(start).exists():
        shape = presets.preset(start)
        learnt = tokenizer.train(islice(texts(curated), MOST_TEXTS), shape.words)
        florence = presets.new(shape, learnt, settings.seed)
        if settings.vision:
            presets.see_as(florence, settings.vision)
        return florence
    name, _, revision = start.partition("@")
    if Path(start).exists() or not revision:
        return presets.load(start)
    return presets.load(name, revision)


def texts(curated: Place) -> Iterator[str]:
    """What a tokenizer learns from: the prompts that are words, and all texts and labels of the curated shards."""
    for form in FORMS.values():
        yield form.prompt.replace("{}", "")
    for folder, name in Blocks(curated).shards():
        with opened(folder, name) as file:
            table = file.read(columns=list(_WORDS), use_threads=False)
        for row in table.to_pylist():
            yield from (text["text"] for text in row["texts"])
            yield from (label["text"] for region in row["regions"] for label in region["labels"])


def drop(config: Any, settings: TrainSettings) -> None:
    """Put the shares that are dropped out into a model's configuration, where they are set."""
    if settings.dropout is not None:
        config.text_config.dropout = settings.dropout
    if settings.drop_path is not None:
        config.vision_config.drop_path_rate = settings.drop_path


def check(start: str, settings: TrainSettings) -> None:
    """Raise ChainError for what surely is neither a preset, a folder nor a hub's id, and for a `vision` of no use."""
    if start not in presets.PRESETS and not Path(start).exists() and start.count("/") != 1:
        raise ChainError(
            f"--from {start}: there is no such folder, and it is neither a preset ({', '.join(presets.PRESETS)}) nor a "
            "hub's id, as florence-community/Florence-2-base"
        )
    if settings.vision and (start not in presets.PRESETS or Path(start).exists()):
        raise ChainError(
            f"vision: {start} has an image encoder of its own; only a preset begins with another's: "
            f"{', '.join(presets.PRESETS)}"
        )
    if settings.vision and not (Path(settings.vision) / presets.WEIGHTS).is_file():
        raise ChainError(f"vision: {settings.vision} is no checkpoint's folder: it has no {presets.WEIGHTS}")
