"""docs/quality.md: the figures as tables, with what they are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.quality.students import CONFIDENCE, interval

KINDS = ("texts", "regions", "phrases", "mean")
TARGET = 0.3  # of the label error, 1 - F1: what curation should take away, and the rounds of what is left; ours

TITLES = {
    "steps": "By step",
    "ablations": "Curation with something left out",
    "gate": "Rounds without the gate",
    "models": "The same model, trained on each",
}

Figures = Mapping[str, Any]


def page(made: Mapping[str, Any]) -> str:
    """The whole page, of the parts that there are."""
    writers = {"steps": _steps, "ablations": _ablations, "gate": _gate, "models": _models}
    parts = [f"## {TITLES[name]}\n\n{write(made[name])}" for name, write in writers.items() if name in made]
    return "\n\n".join([_head(made["data"]), _commands(made), *parts]) + "\n"


def _head(about: Mapping[str, Any]) -> str:
    gate = f"the gate saw that of {about['gate']:,} others" if about["gate"] else "the gate judged by the scorer"
    return f"""\
# Label quality, measured

`python -m benchmarks quality` writes this page, and the same figures as JSON beside it. {about["images"]:,} images,
{_code(about["given"])}, were annotated by `{about["by"]}`. What is true of them, {_code(about["truth"])}, was used for
measuring only. Figures are of {about["measured"]:,} images; {gate}. They are the label F1 of
[evaluation.md](evaluation.md), by kind, and its mean. Annotations, where a table counts them,
are texts / regions / phrases of all images."""


def _steps(part: Figures) -> str:
    rows = {row["name"]: row for row in part["rows"]}
    last = part["stands"]
    lines = [[_step_name(row), *_f1(row), _counts(row)] for row in part["rows"]]
    rates = [
        [_step_name(row), *(f"{_say(row['precision'][kind])} / {_say(row['recall'][kind])}" for kind in KINDS[:3])]
        for row in part["rows"]
    ]
    gains = [
        _gain("specialists to curate", rows["specialists"], rows["curate"]),
        _gain(f"curate to {last}", rows["curate"], rows[last]),
    ]
    first, *later = part["recipes"]
    refused = [row["name"] for row in part["rows"] if row.get("refused")]
    stands = f" The gate refused {' and '.join(refused)}, so that {last} stands at the end." if refused else ""
    again = f"; each later one goes on from the one before: {_recipe(later[0], False)}" if later else ""
    return f"""\
The first model begins with {_recipe(first)}{again}.{stands}

{_table(["after", *KINDS, "annotations"], lines)}

| label error, 1 - F1: by how much it falls | {" | ".join(KINDS)} | target for the mean |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(gains)}

Precision / recall:

{_table(["after", *KINDS[:3]], rates)}"""


def _ablations(part: Figures) -> str:
    lines = [["nothing", *_f1(part["whole"]), "", _counts(part["whole"])]]
    for row in part["rows"]:
        name = f"{row['name']} ({_code(row['left_out'])})"
        lines.append([name, *_f1(row), _change(row, part["whole"]), _counts(row)])
    return f"""\
{_table(["curate without", *KINDS, "change of the mean", "annotations"], lines)}"""


def _gate(part: Figures) -> str:
    lines = [["with the gate, what stands", *_f1(part["whole"]), ""]]
    lines += [[f"without it, {row['name']}", *_f1(row), _change(row, part["whole"])] for row in part["rows"]]
    refused = ", ".join(map(str, part["refused"]))
    what = f"The gate refused round {refused}." if refused else "The gate refused no round, so that both are the same."
    return f"""\
{what}

{_table(["", *KINDS, "change of the mean"], lines)}"""


def _models(part: Figures) -> str:
    shards = list(dict.fromkeys(row["name"] for row in part["rows"]))
    seeds = sorted({row["seed"] for row in part["rows"]})
    by = {(row["name"], row["seed"]): row for row in part["rows"]}
    lines = []
    for name in shards:
        means = [_mean([by[name, seed]["f1"][kind] for seed in seeds]) for kind in KINDS]
        lines.append([name, *means, _mean([by[name, seed]["ap50"] for seed in seeds])])
    pairs = [(new, old) for at, new in enumerate(shards) for old in shards[:at]]
    more = [
        [f"{new} - {old}", *(_mean(_differences(by, new, old, seeds, kind)) for kind in KINDS)] for new, old in pairs
    ]
    each = [[name, *(_say(by[name, seed]["f1"]["mean"]) for seed in seeds)] for name in shards]
    return f"""\
{_recipe(part["recipe"])}; measured on {_code(part["heldout"])}, which nothing was trained on. Mean over
{len(seeds)} seeds ± half of Student's {CONFIDENCE:.0%} interval. A seed decides the order of samples and
the weights of a preset; a difference is that of two models of one seed.

{_table(["trained on", *KINDS, "AP50 of regions"], lines)}

{_table(["difference", *KINDS], more)}

Means of each seed:

{_table(["trained on", *(f"seed {seed}" for seed in seeds)], each)}"""


def _differences(by: Mapping[Any, Figures], new: str, old: str, seeds: Sequence[int], kind: str) -> list[float | None]:
    pairs = [(by[new, seed]["f1"][kind], by[old, seed]["f1"][kind]) for seed in seeds]
    return [None if a is None or b is None else a - b for a, b in pairs]


def _step_name(row: Figures) -> str:
    return f"{row['name']} (refused)" if row.get("refused") else str(row["name"])


def _gain(name: str, old: Figures, new: Figures) -> str:
    falls = [_fall(old["f1"][kind], new["f1"][kind]) for kind in KINDS]
    met = "-" if falls[-1] is None else "met" if falls[-1] >= TARGET else "**missed**"
    said = ["-" if fall is None else f"{100 * fall:.1f} %" for fall in falls]
    return f"| {name} | {' | '.join(said)} | {100 * TARGET:.0f} %: {met} |"


def _fall(old: float | None, new: float | None) -> float | None:
    """By which share of itself the label error falls; None where there is none to fall."""
    if old is None or new is None or old == 1:
        return None
    return 1 - (1 - new) / (1 - old)


def _recipe(recipe: Figures, start: bool = True) -> str:
    steps = f"{recipe['steps']:,} steps" if recipe["steps"] else "the steps of its settings"
    return (f"`{recipe['start']}`: " if start else "") + steps + (f", `{recipe['config']}`" if recipe["config"] else "")


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _commands(made: Mapping[str, Any]) -> str:
    """What made the parts, each command once."""
    parts = [name for name in TITLES if name in made]
    commands = list(dict.fromkeys(made[name]["command"] for name in parts))
    made_by = {command: [TITLES[name] for name in parts if made[name]["command"] == command] for command in commands}
    return "\n".join(f"```\n{command}\n```\n\nmade: {', '.join(titles)}." for command, titles in made_by.items())


def _f1(row: Figures) -> list[str]:
    return [_say(row["f1"][kind]) for kind in KINDS]


def _counts(row: Figures) -> str:
    return " / ".join(f"{row['annotations'][kind]:,}" for kind in KINDS[:3])


def _change(row: Figures, whole: Figures) -> str:
    new, old = row["f1"]["mean"], whole["f1"]["mean"]
    return "-" if new is None or old is None else f"{new - old:+.4f}"


def _mean(values: Sequence[float | None]) -> str:
    found = interval(values)
    if found is None:
        return "-"
    return f"{found[0]:.3f}" if found[1] is None else f"{found[0]:.3f} ± {found[1]:.3f}"


def _say(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))
