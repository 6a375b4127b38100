"""The shared parse: each text is parsed once for all filters of a worker, and for all later runs.

A shard's memory holds the parses under the digests of their texts. The key that they lie under changes with
the pipeline, with spaCy and with the code that reads the tree, so that no filter sees a parse of other rules.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.memory import Memory
from engine.stage import Batch, ChainError, Resources, Stage, digest
from filters import syntax
from filters.columns import require_between
from filters.english import MODEL
from filters.syntax import Extent, NounPhrase, Syntax, Word, analyse
from filters.texts import TEXT
from filters.words import foreign_share

if TYPE_CHECKING:
    from spacy.language import Language

REMEMBERED = pa.schema([("text", pa.binary(16)), ("parse", pa.binary())])
# Parses that a process holds so that a worker's next filter need not decode them: some 10 kB each.
RECENT = 1 << 10
_recent: dict[tuple[str, str], Syntax] = {}
_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)
# Components of common pipelines that nothing here asks.
_IDLE = ["ner", "entity_linker", "entity_ruler", "textcat", "textcat_multilabel"]


@dataclass(frozen=True)
class Parsing(Stage):
    """A stage that looks at parsed texts."""

    pipeline: str = ""  # the bundled English one, else a spaCy package or a path
    resources: Resources = TEXT

    def check(self) -> None:
        locate(self.pipeline)

    def revision(self) -> str:
        return revision(self.pipeline)


@dataclass(frozen=True)
class Reading(Parsing):
    """One that looks at a text only where the English parser can know, which other scripts than Latin it cannot."""

    max_foreign: float | None = 0.3  # share of letters that are not Latin; ours; None = looks at all texts

    def __post_init__(self) -> None:
        if self.max_foreign is not None:
            require_between(self, "max_foreign", 0, 1)

    def readable(self, texts: Sequence[str]) -> np.ndarray:
        """Which texts (n,) it looks at: bool (n,)."""
        most = np.inf if self.max_foreign is None else self.max_foreign
        return np.array([foreign_share(text) <= most for text in texts], bool)


def parses(batch: Batch, pipeline: str, at: np.ndarray | None = None) -> list[Syntax]:
    """The syntax of the flattened texts of a batch, or of those at (m,) only; phrases in both extents."""
    _, items = records.flatten(batch.table, "texts")
    texts = items.field("text") if at is None else items.field("text").take(pa.array(at))
    return parse(texts.to_pylist(), batch.memory, pipeline)


def parse(texts: Sequence[str], memory: Memory, pipeline: str) -> list[Syntax]:
    """The syntax of texts: what is remembered, and the rest from the pipeline, which then is remembered."""
    said = list(dict.fromkeys(texts))
    if not said:
        return []
    key = f"syntax-{digest([revision(pipeline), _code()])[:16]}"
    found = {text: _recent[key, text] for text in said if (key, text) in _recent}
    known = memory.recall(key)
    rows = {} if known is None else _rows(known, said)
    late = [text for text in rows if text not in found]
    if known is not None and late:
        encoded = known["parse"].take(pa.array([rows[text] for text in late])).to_pylist()
        with _unhurried():
            found |= {text: decode(data, text) for text, data in zip(late, encoded, strict=True)}
    missing = [text for text in said if text not in found]
    found |= zip(missing, analyse(load(pipeline), missing, Extent.BOTH) if missing else (), strict=True)
    new = [text for text in said if text not in rows]
    if new:
        memory.remember(key, _table([_named(text) for text in new], [encode(found[text]) for text in new]))
    _hold(key, found)
    return [found[text] for text in texts]


def forget() -> None:
    """Let go of what this process holds of late parses; memories keep theirs."""
    _recent.clear()


def phrases_of(parsed: Syntax, extent: Extent) -> tuple[NounPhrase, ...]:
    """The noun phrases of one extent, of a parse that has both."""
    if extent is Extent.BOTH:
        return parsed.noun_phrases
    if extent is Extent.BARE:
        return tuple([phrase for phrase in parsed.noun_phrases if phrase.bare])
    # Both phrases of a head begin at the same character, the longer one last.
    return tuple({(phrase.head, phrase.start): phrase for phrase in parsed.noun_phrases}.values())


def encode(parsed: Syntax) -> bytes:
    """A parse as compact JSON, without what its text says already."""
    kinds = (parsed.objects, parsed.attributes, parsed.actions, parsed.proper_nouns)
    heads = [phrase.head for phrase in parsed.noun_phrases]
    # By identity, which is enough to write a word once, and faster than comparing what it holds.
    each = {id(word): word for kind in (*kinds, heads) for word in kind}
    number = {name: i for i, name in enumerate(each)}
    words = [
        (word.start, word.end, word.degree, "" if word.lemma == word.text.lower() else word.lemma)
        for word in each.values()
    ]
    numbers = [[number[id(word)] for word in kind] for kind in kinds]
    phrases = [(p.start, p.end, number[id(p.head)], int(p.bare)) for p in parsed.noun_phrases]
    plain = [parsed.length, words, *numbers, phrases]
    return _json.encode(plain).encode()


def decode(data: bytes, text: str) -> Syntax:
    """The parse of a text from its JSON."""
    length, plain, *kinds, phrases = json.loads(data.decode())
    # As Word(..) and NounPhrase(..) make them, in a third of the time: there are sixty for an image.
    new = tuple.__new__
    words = [
        new(Word, (form := text[start:end], lemma or form.lower(), start, end, degree))
        for start, end, degree, lemma in plain
    ]
    objects, attributes, actions, proper = [tuple([words[i] for i in kind]) for kind in kinds]
    nouns = [new(NounPhrase, (text[s:e], s, e, words[head], bare == 1)) for s, e, head, bare in phrases]
    return Syntax(length, objects, attributes, actions, proper, tuple(nouns))


@cache
def load(pipeline: str) -> Language:
    """The pipeline, loaded once per process."""
    place = locate(pipeline)
    try:
        import spacy

        return spacy.load(place, exclude=_IDLE)
    except Exception as error:
        raise ChainError(f"the spaCy pipeline {pipeline or place} cannot be loaded: {error}. {_HELP}") from error


@cache
def revision(pipeline: str) -> str:
    """Of a pipeline: a digest of its files."""
    place = locate(pipeline)
    total = hashlib.sha256()
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(place).as_posix()}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def locate(pipeline: str) -> Path:
    """The folder of a pipeline: the bundled one for "", else an installed package's or a path.

    Raises ChainError where there is none, or one that does not parse.
    """
    place = _folder(pipeline)
    try:
        meta = json.loads((place / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChainError(f"{place} is no spaCy pipeline: its meta.json cannot be read ({error}). {_HELP}") from error
    if "parser" not in meta.get("pipeline", ()):
        raise ChainError(f"the spaCy pipeline {place} has no parser, which the text filters need. {_HELP}")
    return place


_HELP = (
    'Leave `pipeline` empty for the bundled English one, install a package ("python -m spacy download '
    'en_core_web_sm") and give its name, or give the path of a folder that nlp.to_disk wrote'
)


def _folder(pipeline: str) -> Path:
    if not pipeline:
        return MODEL
    if Path(pipeline).is_dir():
        return Path(pipeline)
    found = importlib.util.find_spec(pipeline) if pipeline.isidentifier() else None
    homes = list(found.submodule_search_locations or ()) if found else []
    # An installed pipeline keeps its files in a folder named after its version, beside its code.
    inner = [path.parent for home in homes for path in sorted(Path(home).glob("*/meta.json"))]
    if not inner:
        raise ChainError(f"there is no spaCy pipeline {pipeline!r}: no such package and no such folder. {_HELP}")
    return inner[0]


@cache
def _code() -> list[str]:
    sources = [hashlib.sha256(Path(str(file)).read_bytes()).hexdigest() for file in (syntax.__file__, __file__)]
    return [version("spacy"), *sources]


@contextmanager
def _unhurried() -> Iterator[None]:
    """Without garbage collection: what is made here is kept, and to look through it time and again costs half."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _hold(key: str, found: dict[str, Syntax]) -> None:
    if len(_recent) > RECENT:
        _recent.clear()
    _recent.update(((key, text), parsed) for text, parsed in found.items())


def _table(names: list[bytes], encoded: list[bytes]) -> pa.Table:
    return pa.table([names, encoded], schema=REMEMBERED)


def _rows(table: pa.Table, texts: Sequence[str]) -> dict[str, int]:
    """Where a table of parses has those of these texts that it has."""
    wanted = pa.array(map(_named, texts), pa.binary(16))
    at = pc.index_in(wanted, value_set=table["text"].combine_chunks()).to_pylist()
    return {text: row for text, row in zip(texts, at, strict=True) if row is not None}


@lru_cache(maxsize=1 << 12)  # one filter after the other asks for the same texts
def _named(text: str) -> bytes:
    """What a text is remembered under."""
    return hashlib.sha256(text.encode()).digest()[:16]
