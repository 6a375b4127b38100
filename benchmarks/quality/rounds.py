"""Rounds of refinement: train, refine, train, refine. One that the gate refuses is shown, and not built on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.quality.learning import Recipe, teach
from benchmarks.quality.place import Place, say
from engine.storage import Folder
from pipelines.chain import Runner
from pipelines.gate import GATE
from pipelines.refine import refine


@dataclass(frozen=True)
class Round:
    """One that was gone through: what it left, what stands after it, and the model that it was asked of."""

    number: int
    left: Folder
    stands: Folder
    model: str
    gate: dict[str, Any]

    @property
    def refused(self) -> bool:
        return not self.gate["accepted"]


def go(place: Place, recipes: Sequence[Recipe]) -> list[Round]:
    """As many rounds as there are recipes; all but the first model go on from the one before."""
    done: list[Round] = []
    for _ in recipes:
        done.append(_next(place, recipes, done, ungated=False))
    return done


def go_ungated(place: Place, recipes: Sequence[Recipe], gated: list[Round]) -> list[Round]:
    """The same without a gate: up to the first refused round, they are the same."""
    first = next((at for at, each in enumerate(gated) if each.refused), len(gated))
    done = gated[:first]
    for number in range(first, len(recipes)):
        left = place.folder / f"ungated{number + 1}"
        if number == first and not Path(left.root).exists():
            shutil.copytree(gated[first].left.root, left.root)  # its annotations are those of the refused round
        done.append(_next(place, recipes, done, ungated=True))
    return done


def _next(place: Place, recipes: Sequence[Recipe], done: list[Round], *, ungated: bool) -> Round:
    """Train on what stands, and refine it with that model."""
    number = len(done) + 1
    stands = done[-1].stands if done else place.curated()
    recipe = recipes[number - 1]
    recipe = replace(recipe, start=done[-1].model) if done else recipe
    name = f"{'un' if ungated else ''}gated{number}"
    model = teach(place.folder / "models", name, stands, recipe)
    left = place.folder / name
    params = place.params.refine
    if ungated:
        params = replace(params, gate=replace(params.gate, tolerance=1.0))  # what no round can lose
    say(f"round {number}{' without the gate' if ungated else ''}: {stands.url} to {left.url}")
    report = refine(stands, left, model, params, Runner(), truth=place.gate)
    if "gate" not in report.data:
        raise SystemExit(f"quality: round {number}: {'; '.join(report.problems)}")
    gate = left.read_json(GATE)
    return Round(number, left, left if gate["accepted"] else stands, model, gate)
