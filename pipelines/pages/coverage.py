"""What texts speak of, by the parse that all text filters share: the figures of FLD-5B's Table 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.memory import Memory
from engine.records import GRANULARITIES
from engine.shards import read_table, shard_file
from engine.stage import ChainError
from engine.storage import Folder
from pipelines.pages.numbers import Step, spread

if TYPE_CHECKING:
    from filters.syntax import Syntax

SHARDS, TEXTS = 4, 300  # texts of a granularity, of a few shards, that are looked at


def coverage(step: Step) -> tuple[dict[str, dict[str, float | None]], int]:
    """The means by granularity and row of the table, and of how many texts they are; a remembered parse is used."""
    found: dict[str, list[Syntax]] = {kind: [] for kind in GRANULARITIES}
    shards = spread(sorted(step.ledgers), SHARDS)
    for shard in shards:
        texts = _texts(step.folder, shard, TEXTS // len(shards))
        if any(texts.values()):
            from filters.parsing import parse  # here: spaCy takes seconds

            for kind, said in texts.items():
                found[kind] += parse(said, Memory(step.folder, shard), _pipeline(step))
    return {kind: _means(parsed) for kind, parsed in found.items()}, sum(map(len, found.values()))


def _pipeline(step: Step) -> str:
    """The one whose parses are remembered, if it is installed here; else the bundled one."""
    from filters.parsing import locate

    named = next((str(stage["pipeline"]) for stage in step.about.get("chain", ()) if stage.get("pipeline")), "")
    try:
        locate(named)
    except ChainError:
        return ""
    return named


def _texts(folder: Folder, shard: str, most: int) -> dict[str, list[str]]:
    table = read_table(folder, shard_file(shard), columns=["texts"])
    found: dict[str, list[str]] = {kind: [] for kind in GRANULARITIES}
    for texts in table["texts"].to_pylist():
        for text in texts:
            if len(found[text["granularity"]]) < most:
                found[text["granularity"]].append(text["text"])
    return found


def _means(parsed: Sequence[Syntax]) -> dict[str, float | None]:
    """Complexity is the mean degree of a text's words in its dependency tree, over the texts that have such words."""
    objects, actions = ([getattr(text, kind) for text in parsed] for kind in ("objects", "actions"))
    return {
        "objects": _mean([len(words) for words in objects]),
        "attributes": _mean([len(text.attributes) for text in parsed]),
        "actions": _mean([len(words) for words in actions]),
        "proper nouns": _mean([len(text.proper_nouns) for text in parsed]),
        "object complexity": _mean([sum(w.degree for w in words) / len(words) for words in objects if words]),
        "action complexity": _mean([sum(w.degree for w in words) / len(words) for words in actions if words]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
