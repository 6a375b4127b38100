"""Figures of `fld evaluate --json`: label quality by step and round."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.storage import Folder, StorageError
from pipelines.pages.charts import bar
from pipelines.pages.html import Markup, tag
from pipelines.pages.tables import number, table

KINDS = ("texts", "regions", "phrases", "mean")
MORE = (
    ("AP", "regions", "ap"), ("AP50", "regions", "ap50"), ("mask IoU", "regions", "mask_iou"),
    ("grounding", "phrases", "accuracy"), ("CIDEr", "texts", "cider"),
    ("character errors", "lines", "character_errors"),
)  # fmt: skip


def load_figures(out: Folder, steps: Sequence[str], given: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Each file's figures by a name for it: those given, else OUT/figures.json and OUT/figures-STEP.json, if there.

    Raises StorageError for a file that holds no figures.
    """
    files = [Folder.at(path) for path in given]
    if not files:
        files = [
            out / name for name in ("figures.json", *(f"figures-{step}.json" for step in steps)) if out.exists(name)
        ]
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        place, _, name = file.url.rpartition("/")
        data = Folder.at(place).read_json(name)
        if not isinstance(data, dict) or "label_f1" not in data:
            raise StorageError(f"{file.url} holds no figures: give a file that `fld evaluate --json FILE` wrote")
        known = f"{data['predictions'].rstrip('/').rpartition('/')[2]}"
        found[known if known not in found else f"{known}, {name.removesuffix('.json')}"] = data
    return found


def quality(figures: dict[str, dict[str, Any]]) -> list[Markup]:
    """Label F1 by kind, a row for each file, and the other figures that there are."""
    truths = sorted({data["truth"].rstrip("/").rpartition("/")[2] for data in figures.values()})
    rows = [
        [name, *(_barred(data["label_f1"].get(kind)) for kind in KINDS), number(data["images"]["matched"])]
        for name, data in figures.items()
    ]
    parts = [
        tag("p", f"Against the truth of {', '.join(truths)}. One is perfect; docs/evaluation.md defines each figure."),
        table("Label F1 by kind", ("step", *KINDS, "images"), rows, class_="bars full"),
    ]
    have = [
        (head, kind, key)
        for head, kind, key in MORE
        if any(_figure(d, kind, key) is not None for d in figures.values())
    ]
    if have:
        more = [
            [name, *(number(_figure(data, kind, key), 3) for _, kind, key in have)] for name, data in figures.items()
        ]
        parts.append(table("More figures", ("step", *(head for head, _, _ in have)), more))
    return parts


def _figure(data: dict[str, Any], kind: str, key: str) -> float | None:
    value = data.get(kind, {}).get(key)
    return value if isinstance(value, int | float) else None


def _barred(value: float | None) -> Markup:
    return tag("div", bar(value or 0), tag("span", number(value, 3)), class_="barred")
