"""What `fld evaluate` shows to people: the figures that there are, a table for each kind of annotation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.report import Report

CATEGORIES = 20  # the most frequent ones; the JSON has all

REGIONS = {
    "true": "true", "AP": "ap", "AP50": "ap50", "AP75": "ap75", "VOC07": "voc07_ap50", "VOC12": "voc12_ap50",
    "recall, any name": "recall_any_name", "precision": "precision", "recall": "recall", "F1": "f1",
    "best label": "best_label", "mask IoU": "mask_iou",
}  # fmt: skip
TEXTS = {
    "true": "true", "found": "found", "precision": "precision", "recall": "recall", "F1": "f1", "coverage": "coverage",
    "CIDEr": "cider", "BLEU": "bleu",
}  # fmt: skip
PHRASES = {
    "judged": "judged", "accuracy": "accuracy", "recall@5": "recall@5", "recall@10": "recall@10",
    "pointing": "pointing", "precision": "precision", "recall": "recall", "F1": "f1",
}  # fmt: skip
LINES = {
    "true": "true", "found": "found", "character errors": "character_errors", "F1, found": "f1_found",
    "F1, read": "f1_read",
}  # fmt: skip


def show(report: Report, console: Console) -> None:
    """Print the tables; "-" stands where there is nothing to measure."""
    data, f1 = report.data, report.data["label_f1"]
    regions, texts, phrases, lines = (data[kind] for kind in ("regions", "texts", "phrases", "lines"))
    for line in _images(data):
        console.print(line, markup=False, highlight=False)
    console.print(_table("label F1", {name: name for name in f1}, [("", f1)]))
    if regions["true"] or regions["found"]:
        often = sorted(regions["by_category"].items(), key=lambda item: (-item[1]["true"], item[0]))
        rows = [("all", regions), *regions["by_size"].items(), *often[:CATEGORIES]]
        console.print(_table("regions", REGIONS, rows))
        if regions["true_without_name"]:
            console.print(f"  {regions['true_without_name']:,} true regions have no name", highlight=False)
        _more(console, len(often) - CATEGORIES, regions["found_other"], "regions", regions["others"])
    if any(row["true"] or row["found"] for row in texts["by_granularity"].values()):
        console.print(_table("texts: objects named", TEXTS, [*texts["by_granularity"].items(), ("all", texts)]))
        unknown = [row["unknown"] for row in texts["by_granularity"].values()]
        count = sum(row["named_unknown"] for row in texts["by_granularity"].values())
        _more(console, 0, count, "objects named", _sum(unknown))
    if phrases["true"] or phrases["found"]:
        console.print(_table("phrases", PHRASES, [("all", phrases), *phrases["by_granularity"].items()]))
        _more(console, 0, phrases["named_unknown"], "phrases", {})
    if lines["true"] or lines["found"]:
        console.print(_table("written lines", LINES, [("all", lines)]))


def _images(data: Mapping[str, Any]) -> list[str]:
    images = data["images"]
    lines = [
        f"{data['predictions']} ({data['step']}) against {data['truth']}",
        f"{images['true']:,} images of the truth: {images['matched']:,} found ({images['matched_by_uri']:,} by uri), "
        f"{images['missed']:,} missed; {images['not_in_truth']:,} predicted images are not in the truth",
    ]
    human = {kind: count for kind, count in images["human"].items() if count}
    if human:
        what = ", ".join(f"{count:,} {kind}" for kind, count in human.items())
        lines.append(f"{what} of the predictions are human: against the same person's truth they prove nothing")
    return lines


def _table(title: str, columns: Mapping[str, str], rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Table:
    table = Table(title, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, justify="right")
    for name, row in rows:
        table.add_row(f"  {name}", *(_figure(row, key) for key in columns.values()))
    return table


def _figure(row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        return ""
    value = row[key]
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


def _more(console: Console, categories: int, count: int, what: str, names: Mapping[str, int]) -> None:
    """What the table leaves out, and what the truth has no category for."""
    if categories > 0:
        console.print(f"  and {categories:,} more categories: --json FILE has all", highlight=False)
    if count:
        often = sorted(names.items(), key=lambda item: (-item[1], item[0]))[:8]
        examples = ", ".join(f"{name or 'no label'} {number:,}" for name, number in often)
        console.print(
            f"  {count:,} {what} fit no category of the truth{': ' * bool(examples)}{examples}",
            markup=False, highlight=False,
        )  # fmt: skip
