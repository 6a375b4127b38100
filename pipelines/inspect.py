"""fld inspect: a dataset's books, or one record in a readable form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from engine.ledger import Ledger, load_ledgers, rounded
from engine.shards import read_shard, read_table, rejects_file, shard_file
from engine.storage import Folder, StorageError
from pipelines.chain import unfinished
from pipelines.report import STEP, STEPS, Report, books, say_counts


def inspect(out: Folder) -> Report:
    """The books of every step below `out`, from its ledgers."""
    report = Report("inspect")
    for folder in datasets(out):
        ledgers = list(load_ledgers(folder).values())
        name = folder.read_json(STEP)["command"]
        report.data[name] = rounded(books(ledgers) | {"seconds": sum(ledger.seconds for ledger in ledgers)})
        errors = _errors(folder, ledgers)
        if errors:
            report.data[name]["fault_examples"] = errors
        lacks = unfinished(folder)
        if lacks:
            report.data[name]["unfinished"] = lacks
            report.lines.append(lacks)
    return report


def datasets(out: Folder) -> list[Folder]:
    """The datasets of a run's output, in the order of its steps, or the one that `out` is."""
    step = out.read_json(STEP)
    if step is None:
        raise StorageError(f"{out.url} is not the output of a fld command: it has no {STEP}")
    if step["command"] != "run":
        return [out]
    return [folder for folder in (out / name for name in STEPS) if folder.read_json(STEP)]


def show(report: Report, console: Console) -> None:
    """Print the books as tables."""
    for name, data in report.data.items():
        console.print(f"[bold]{name}[/bold]  {data['images']:,} images in {data['shards']:,} shards")
        if "inputs" in data:
            console.print(
                f"  {data['inputs']:,} inputs = {data['images']:,} images + {data['duplicates']:,} duplicates "
                f"+ {data['quarantined']:,} quarantined"
            )
            for reason, count in data["quarantined_by_reason"].items():
                console.print(f"    quarantined, {reason}: {count:,}")
        for kind, counts in data["annotations"].items():
            if counts:
                console.print(f"  {say_counts(counts, kind)}")
        for kind, fall in data["waterfall"].items():
            if fall["in"] or fall["added"]:
                console.print(f"  {kind}: {_fall(fall)}", highlight=False)
        console.print(_stages(data["stages"]))
        for fault in data.get("fault_examples", []):
            console.print(f"  fault in {fault['stage']} on {fault['image_id'][:12]}: {fault['error']}", markup=False)


def _fall(fall: dict[str, Any]) -> str:
    parts = [f"{fall['in']:,} in"]
    parts += [f"+ {n:,} {stage}" for stage, n in fall["added"].items()]
    parts += [f"- {n:,} {rule}" for rule, n in fall["dropped"].items()]
    return " ".join([*parts, f"= {fall['out']:,} out"])


def _stages(stages: list[dict[str, Any]]) -> Table:
    table = Table("stage", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("images", "seconds", "images/s", "added", "dropped", "faults"):
        table.add_column(name, justify="right")
    for stage in stages:
        rate = stage["images_per_second"]
        table.add_row(
            f"  {stage['name']}",
            f"{stage['images']:,}",
            f"{stage['seconds']:,.1f}",
            f"{rate:,.1f}" if rate else "",
            f"{sum(stage['added'].values()):,}",
            f"{sum(n for rules in stage['dropped'].values() for n in rules.values()):,}",
            f"{stage['faults']:,}",
        )
    return table


def _errors(folder: Folder, ledgers: list[Ledger], most: int = 5) -> list[dict[str, Any]]:
    """The first few faults, with their images and errors."""
    found: list[dict[str, Any]] = []
    for ledger in ledgers:
        if not ledger.counts.get("faults"):
            continue
        table = read_table(folder, shard_file(ledger.shard), columns=["image_id", "faults"])
        for row in table.to_pylist():
            found += [{"image_id": row["image_id"], **fault} for fault in row["faults"]]
            if len(found) >= most:
                return found[:most]
    return found


def inspect_image(out: Folder, key: str) -> Report:
    """One record of the last step that has it, with what was dropped from it and all its uris.

    `key` is an image id or the beginning of one, or a uri or the end of one; of a duplicate, that of what it doubles.
    """
    report = Report("inspect")
    folders = datasets(out)
    key = _doubled(folders[0], key) or key
    for folder in reversed(folders):
        found = find_one(folder, key)
        if found:
            shard, table = found
            (record,) = table.to_pylist()
            image = record.pop("image")
            report.data = {
                "step": folder.read_json(STEP)["command"],
                "shard": shard,
                "record": record | {"bytes": len(image["bytes"]) if image and image["bytes"] else 0},
                "uris": [record["uri"], *_other_uris(folders[0], record["image_id"])],
                "rejects": [r for f in folders for r in _rejects(f, shard, record["image_id"])],
            }
            return report
    raise no_image(out, key, _in_quarantine(folders[0], key))


def no_image(folder: Folder, key: str, but: str = "") -> StorageError:
    """What to say where a dataset has no image of that key: what else is known of it, or how images are named."""
    how = but or "; give the beginning of an id, or the end of a uri"
    return StorageError(f"{folder.url} has no image {key!r}{how}")


def find_one(folder: Folder, key: str) -> tuple[str, pa.Table] | None:
    """The shard and the record, a table of one row, of the image that a key names; None if there is none."""
    found = list(_find(folder, key))
    if len(found) > 1:
        names = ", ".join(f"{row['image_id'][:12]} ({row['uri']})" for _, row in found[:5])
        raise StorageError(f"{key!r} fits {len(found)} images: {names}")
    for shard, row in found:
        table = read_shard(folder, shard)
        return shard, table.filter(pc.equal(table["image_id"], row["image_id"]))
    return None


def _find(folder: Folder, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for shard in load_ledgers(folder):
        table = read_table(folder, shard_file(shard), columns=["image_id", "uri"])
        fits = pc.or_(pc.starts_with(table["image_id"], key), pc.ends_with(table["uri"], key))
        for row in table.filter(fits).to_pylist():
            yield shard, row


def _rows(folder: Folder, name: str, column: str, value: str) -> list[dict[str, Any]]:
    if name not in folder.marks():
        return []
    table: pa.Table = read_table(folder, name)
    return list(table.filter(pc.equal(table[column], value)).to_pylist())


def _rejects(folder: Folder, shard: str, image_id: str) -> list[dict[str, Any]]:
    return _rows(folder, rejects_file(shard), "image_id", image_id)


def _other_uris(images: Folder, image_id: str) -> list[str]:
    names = [name for name in images.marks() if name.startswith("duplicates/")]
    return [row["uri"] for name in names for row in _rows(images, name, "image_id", image_id)]


def _doubled(images: Folder, key: str) -> str | None:
    """The id of the image whose bytes came again under a uri with this end, where no image has such a uri itself."""
    if next(_find(images, key), None):
        return None
    for name in [name for name in images.marks() if name.startswith("duplicates/")]:
        for row in read_table(images, name, columns=["image_id", "uri"]).to_pylist():
            if row["uri"].endswith(key):
                return str(row["image_id"])
    return None


def _in_quarantine(images: Folder, key: str) -> str:
    for name in [name for name in images.marks() if name.startswith("quarantine/")]:
        for row in read_table(images, name).to_pylist():
            if row["uri"].endswith(key):
                return f"; {row['uri']} is in quarantine: {row['reason']}, {row['detail']}"
    return ""


def show_image(report: Report, console: Console) -> None:
    """Print one record for people."""
    record, say = report.data["record"], console.print
    say(f"image   {record['image_id']}  {record['width']} x {record['height']} px", highlight=False)
    for uri in report.data["uris"]:
        say(f"uri     {_printable(uri)}", markup=False, highlight=False)
    say(f"where   {report.data['step']}: {report.data['shard']}, source {_printable(record['source'])}", markup=False)
    for text in record["texts"]:
        say(f"text    {text['id']} {text['granularity']}{_scored(text)}: {text['text']!r}", markup=False)
    for region in record["regions"]:
        shape = " masked" if region["mask"] or region["polygons"] else ""
        say(f"region  {region['id']} {region['kind']} {_box(region['box'])}{shape}{_scored(region)}", markup=False)
        for place, label in enumerate(region["labels"]):
            chosen = "*" if place == region["best"] else " "
            say(f"      {chosen} {label['granularity']}{_scored(label)}: {label['text']!r}", markup=False)
    for phrase in record["phrases"]:
        words = _phrase(record, phrase)
        say(f"phrase  {phrase['id']}{_scored(phrase)}: {words!r} -> {phrase['region_ids']}", markup=False)
    for fault in record["faults"]:
        say(f"fault   {fault['stage']}: {fault['error']}", markup=False)
    for reject in report.data["rejects"]:
        say(f"dropped {say_reject(reject)}", markup=False)


def _printable(text: str) -> str:
    """A file's name may hold what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _scored(item: dict[str, Any]) -> str:
    numbers = ((" ", item["score"]), (" similarity ", item.get("similarity")))
    said = "".join(f"{name}{number:.3f}" for name, number in numbers if number is not None)
    return f"{said} [{item['origin']['model']}]"


def _box(box: list[float]) -> str:
    return "(" + ", ".join(f"{value:.1f}" for value in box) + ")"


def _phrase(record: dict[str, Any], phrase: dict[str, Any]) -> str:
    text = next(text["text"] for text in record["texts"] if text["id"] == phrase["text_id"])
    return str(text[phrase["start"] : phrase["end"]])


def say_reject(reject: dict[str, Any]) -> str:
    """A rejected annotation and its reason, in one line."""
    numbers = [f"{name} {reject[name]:.3g}" for name in ("value", "threshold") if reject[name] is not None]
    parts = [f"{reject['kind']} {reject['id']} by {reject['rule']}", *numbers, reject["detail"] or ""]
    item = reject["region"] or reject["text"] or reject["phrase"]
    return ", ".join(part for part in parts if part) + say_words(item)


def say_words(item: dict[str, Any]) -> str:
    """What an annotation says, if it says something itself: a text, or a region's labels."""
    words = item.get("text") or " | ".join(label["text"] for label in item.get("labels") or [])
    return f": {words!r}" if words else ""


def as_text(value: Any) -> str:
    """JSON for --json; bytes (a mask's run lengths) as text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=lambda data: data.decode("latin-1"))
