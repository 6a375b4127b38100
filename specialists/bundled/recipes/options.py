"""What every recipe is asked on the command line, and how its result is written."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from specialists.bundled.recipes.pack import Pack, pack
from specialists.bundled.recipes.training import Plan

SCENES = 24_000  # public ones that a recipe sees; ours


@dataclass(frozen=True)
class Given:
    """The answers."""

    pack: Pack
    work: Path
    out: Path
    plan: Plan
    folders: dict[str, Path | None]  # what this recipe alone asks for
    begin: Path | None  # a checkpoint to go on from


def read(plan: Plan, onward: Plan | None = None, **folders: str) -> Given:
    """Parse the command line, and draw the public scenes where nobody has yet.

    `onward` is the plan of a recipe that can begin with a checkpoint. `folders` are the options of one recipe: folders
    that it can do without, and what each is.
    """
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, help="folder of the packed public scenes; drawn if missing")
    parser.add_argument("--work", type=Path, required=True, help="folder of the run: its last state and its log")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--steps", type=int, help="default: the recipe's")
    if onward:
        parser.add_argument("--begin", type=Path, help="a checkpoint to go on from, gently")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    for name, what in folders.items():
        parser.add_argument(f"--{name}", type=Path, help=what)
    given = parser.parse_args()
    begin = given.begin if onward else None
    plan = onward if onward and begin else plan
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    asked = {name: getattr(given, name) for name in folders}
    return Given(
        pack(given.pack, given.scenes),
        given.work,
        given.out,
        replace(plan, steps=given.steps or plan.steps),
        asked,
        begin,
    )


def begun(given: Given, model: Any) -> Any:
    """The model, or in its stead, in float32, the checkpoint of its kind that is begun with."""
    return type(model).from_pretrained(given.begin, dtype=torch.float32) if given.begin else model


def save(folder: Path, model: Any, *processors: Any) -> None:
    """Write a checkpoint in half precision, as save_pretrained lays it out."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    model.cpu().half().save_pretrained(folder)
    for processor in processors:
        processor.save_pretrained(folder)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"{folder}: {size:.2f} MB", flush=True)
