"""python -m benchmarks quality SRC..: measures label quality by step, ablations and trained models; writes a page.

SRC is an annotated folder, or sources to make one of. What is made lies in --work, and is not made again; a part that
is left out keeps the figures that it had.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.arguments import positive
from benchmarks.quality import ablations, rounds, students
from benchmarks.quality.learning import Recipe
from benchmarks.quality.page import page
from benchmarks.quality.place import Place, prepare, say
from engine.sources import SourceError
from engine.stage import ChainError
from engine.storage import Folder
from pipelines.config import ConfigError, load_params

PARTS = ("steps", "ablations", "gate", "models")
SHARDS = ("raw", "curated", "refined")
HELD_OUT = "scenes:96?split=pool&seed=9001"  # ours


def main(argv: Sequence[str]) -> int:
    """Measure the parts that are asked for, and write the page after each. Exits where something cannot be used."""
    try:
        return _measure(argv)
    except (ConfigError, SourceError, ChainError, OSError) as error:
        raise SystemExit(f"quality: {error}") from error


def _measure(argv: Sequence[str]) -> int:
    given = _parser().parse_args(argv)
    given.heldout = given.heldout or [HELD_OUT]
    parts = _chosen(given.only, PARTS, "--only")
    params = load_params(given.params)
    profile = given.profile or (params.annotate.profile if given.params else "bundled")
    params = replace(params, annotate=replace(params.annotate, profile=profile))
    if not given.gate_share and params.refine.scorer is None:
        raise SystemExit("quality: with --gate-share 0 the gate has nothing to judge by but a refine.scorer: name one")
    place = prepare(given.source, given.work, params, given.truth, given.gate_share)
    say(f"{place.about['measured']} images are measured on, {place.about['gate']} are the gate's")
    command = shlex.join(["python", "-m", "benchmarks", "quality", *argv])
    made = _earlier(given.out, place.about)
    for part in parts:
        made[part] = {"command": command, **_MAKERS[part](place, given)}
        _write(given.out, made)
    print(given.out)
    return 0


def _steps(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    """Label quality after the specialists, curation and each round."""
    rows = [{"name": "specialists", **place.measured(place.raw)}, {"name": "curate", **place.measured(place.curated())}]
    recipes = _recipes(given)
    done = rounds.go(place, recipes)
    rows += [_round_row(place, each) for each in done]
    stands = "curate"
    for each in done:
        stands = stands if each.refused else f"round {each.number}"
    return {"rows": rows, "stands": stands, "recipes": [_said(recipe) for recipe in recipes]}


def _ablations(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    """Curation without some of its filters."""
    return {"whole": place.measured(place.curated()), "rows": list(ablations.ablate(place))}


def _gate(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    """The rounds without the gate, beside those with it."""
    recipes = _recipes(given)
    gated = rounds.go(place, recipes)
    ungated = rounds.go_ungated(place, recipes, gated)
    whole = place.measured(gated[-1].stands if gated else place.curated())
    return {
        "refused": [each.number for each in gated if each.refused],
        "whole": whole,
        "rows": [_round_row(place, each) for each in ungated],
    }


def _models(place: Place, given: argparse.Namespace) -> dict[str, Any]:
    """The same model trained on shards of each state."""
    exam = students.prepare(place, given.heldout)
    shards: dict[str, Callable[[], Folder]] = {
        "raw": lambda: place.raw,
        "curated": place.curated,
        "refined": lambda: rounds.go(place, _recipes(given))[-1].stands,
    }
    chosen = {name: shards[name]() for name in _chosen(given.shards, SHARDS, "--shards")}
    recipe = Recipe(given.student, given.student_config, given.steps)
    rows = list(students.examine(place, exam, chosen, recipe, given.seeds))
    return {"rows": rows, "heldout": list(given.heldout), "recipe": _said(recipe)}


_MAKERS: dict[str, Callable[[Place, argparse.Namespace], dict[str, Any]]] = {
    "steps": _steps,
    "ablations": _ablations,
    "gate": _gate,
    "models": _models,
}


def _round_row(place: Place, each: rounds.Round) -> dict[str, Any]:
    gate = {**each.gate, "truth": "gate"}  # in --work: where that lies is nobody's business
    return {"name": f"round {each.number}", "refused": each.refused, "gate": gate, **place.measured(each.left)}


def _recipes(given: argparse.Namespace) -> list[Recipe]:
    first = Recipe(given.start, given.config, given.round_steps)
    later = Recipe(given.start, given.later_config or given.config, given.later_steps or given.round_steps)
    return [first, *[later] * (given.rounds - 1)]


def _said(recipe: Recipe) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(recipe).items()}


def _chosen(text: str | None, known: Sequence[str], option: str) -> list[str]:
    """In the order in which they are made."""
    asked = text.split(",") if text else known
    strange = [name for name in asked if name not in known]
    if strange:
        raise SystemExit(f"quality: {option}: there is no {strange[0]!r}; there are {', '.join(known)}")
    return [name for name in known if name in asked]


def _earlier(out: Path, about: dict[str, Any]) -> dict[str, Any]:
    """The figures that stand there already, if they are of these images."""
    file = out.with_suffix(".json")
    made: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return made if made.get("data") == about else {"data": about}


def _write(out: Path, made: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    out.write_text(page(made), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks quality", description=(__doc__ or "").partition(": ")[2])
    add = parser.add_argument
    add("source", nargs="+", metavar="SRC", help="what `fld annotate` or `fld run` left, or sources to annotate")
    add("--truth", action="append", default=[], help="as for `fld evaluate`; default: the sources of the images")
    add("--gate-share", type=float, default=0.25, help="of the images: the gate's, not measured on; default 0.25")
    add("--only", metavar="PART,..", help=f"of {', '.join(PARTS)}; what a part needs of another is made all the same")
    add("--work", type=Path, default=Path("out/quality"), help="where all that is made lies; default out/quality")
    add("--out", type=Path, default=Path("docs/quality.md"), help="the page; its figures as JSON lie beside it")
    add("--params", type=Path, help="settings; default: ./params.yaml, and the profile `bundled`")
    add("--profile", help="which specialists, where sources are given")
    add("--rounds", type=positive, default=2)
    add("--from", dest="start", default="tiny", help="what the rounds' first model begins with, as for `fld train`")
    add("--config", type=Path, help="settings of `fld train` for it")
    add("--round-steps", type=positive, help="of its training; default: those of its settings")
    add("--later-config", type=Path, help="for the models after it, each of which goes on from the one before")
    add("--later-steps", type=positive, help="of their trainings")
    add("--seeds", type=positive, default=3, help="models of each state of the shards")
    add("--student", default="tiny", help="what they begin with")
    add("--student-config", type=Path, help="settings of `fld train` for them")
    add("--steps", type=positive, help="of their training")
    add("--shards", metavar="NAME,..", help=f"of {', '.join(SHARDS)}")
    add("--heldout", action="append", help=f"what they are measured on; default {HELD_OUT}")
    return parser
