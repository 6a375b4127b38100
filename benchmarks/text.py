"""What do the text filters cost beside the parser alone, and what without it, once all texts are parsed?

Captions made from a grammar, no two alike: a brief, a detailed and a more detailed one for each image, and
two words that OCR has read. In seconds of CPU time, since the ratio is near 1 and a shared machine's clock is not.
The parser's own time is that of a bare `nlp.pipe` over the same texts; judging again also writes phrases anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import pyarrow as pa

from benchmarks.figure import Figure, Options, compare, from_pairs
from engine import records
from engine.memory import Memory
from engine.records import Origin
from engine.stage import Stage
from engine.storage import Folder
from engine.worker import Work, Worker
from filters import parsing
from filters.blacklist import Blacklist
from filters.cleaning import TextClean
from filters.phrases import Phrases
from filters.text import TextDuplicates, TextLength, TextOcr, TextRepetition, TextSyntax

IMAGES = 300
# Curate is to re-read 2,000 images a second on two cores.
PER_CORE = 1000.0
ORIGIN = Origin("grammar", "1")

_COLOURS = (  # noqa: SIM905
    "red blue green yellow brown black white grey wooden old young large small striped shiny dirty"
).split()
THINGS = (  # noqa: SIM905
    "man woman boy girl dog cat horse car bus bicycle train boat table chair lamp sofa plate cup bottle phone laptop "
    "tree flower fence bench house window door bridge tower street sign hat shirt jacket umbrella bag ball kite cow"
).split()
_ACTIONS = (  # noqa: SIM905
    "standing sitting lying leaning resting waiting sleeping running walking jumping playing hiding turning moving"
).split()
_PLACES = ("next to", "in front of", "behind", "under", "near", "beside", "across from", "on top of", "far from")


def measure(options: Options) -> Iterator[Figure]:
    """First with nothing parsed, against the bare parser; then with all of it remembered."""
    table = _table(random.Random(0), IMAGES)
    texts = records.flatten(table, "texts")[1].field("text").to_pylist()
    nlp = parsing.load("")
    judges = Worker(_judges(), 1)
    filters = Worker([*_judges(), Phrases(), Blacklist()], 1)
    folder = Folder.at(options.folder)

    def judged(worker: Worker, memory: Memory) -> float:
        parsing.forget()
        return _cpu_seconds(lambda: worker(Work.of(table), memory=memory))

    def bare() -> float:
        return _cpu_seconds(lambda: list(nlp.pipe(texts)))

    name = f"{len(texts)} texts, parsed and judged, vs nlp.pipe"
    yield compare(name, lambda: judged(judges, Memory()), bare, options.rounds, 0.9)
    memory = Memory(folder, "shard")
    judged(filters, memory)
    memory.keep()
    pairs = [(judged(filters, Memory(folder, "shard")), IMAGES / PER_CORE) for _ in range(options.rounds)]
    yield from_pairs(f"{IMAGES} images judged again, vs {PER_CORE:g} per CPU second", pairs, 1.0)
    judges.close()
    filters.close()


def _cpu_seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def _judges() -> list[Stage]:
    return [TextClean(), TextLength(), TextRepetition(), TextOcr(), TextDuplicates(), TextSyntax()]


def _table(random: random.Random, images: int) -> pa.Table:
    rows = []
    for number in range(images):
        texts = [
            records.text(f"t{i}", granularity, caption(random, clauses), ORIGIN, 0.9)
            for i, (granularity, clauses) in enumerate(zip(records.GRANULARITIES, (1, 3, 7), strict=True))
        ]
        words = [
            records.region(f"r{i}", "text", [0, 0, 9, 9], ORIGIN, labels=[records.label("ocr", word, ORIGIN)])
            for i, word in enumerate(random.sample(THINGS, 2))
        ]
        rows.append(
            {
                "image_id": f"{number:064x}", "width": 10, "height": 10, "texts": texts, "regions": words,
                "phrases": [], "faults": [],
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, records.SCHEMA)


def caption(random: random.Random, clauses: int) -> str:
    return " ".join(_clause(random) for _ in range(clauses))


def _clause(random: random.Random) -> str:
    one, other = (f"{random.choice(_COLOURS)} {thing}" for thing in random.sample(THINGS, 2))
    return f"A {one} is {random.choice(_ACTIONS)} {random.choice(_PLACES)} the {other}."
