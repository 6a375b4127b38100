"""Do regions support what a text names? A text that tells of things which no region shows is believed less.

For the texts of large models, which FLD-5B writes from region-text pairs (Xiao et al., arXiv 2311.06242, section
4.2) and which like to add what is usual to what is there. The paper says nothing of such a check; the rule is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.stage import Batch, ChainError, Outcome, digest
from filters import parsing
from filters.blacklist import BUNDLED, Entries, normalised, read_lists
from filters.columns import numbers
from filters.names import same_thing
from filters.syntax import Extent, NounPhrase, Syntax
from filters.texts import Texts
from filters.words import words

# A detector says "person" where a text says "woman": each supports the other. Ours.
PEOPLE = frozenset({
    "adult", "baby", "boy", "child", "cyclist", "gentleman", "girl", "guy", "human", "kid", "lady", "man", "passenger",
    "pedestrian", "people", "person", "player", "rider", "skateboarder", "skier", "snowboarder", "spectator", "surfer",
    "teenager", "toddler", "woman", "worker",
})  # fmt: skip
# What any region is, and what any read line is; ours, as is the next.
ANYTHING = frozenset({"item", "object", "thing"})
WRITING = frozenset({"inscription", "letter", "letters", "lettering", "text", "word", "writing"})
FRACTIONS = frozenset({"half", "quarter", "third"})  # "about a third of the image" names nothing


@dataclass(frozen=True)
class TextSupport(parsing.Reading):
    """Multiplies the score of a text by the share of the things it names that a region supports; no score counts as 1.

    Things are the bare noun phrases about nouns and names, each counted once, without what the blacklists hold (the
    image itself, places in it, abstract nouns). One is supported where a label of a region of the image names the
    same thing (`filters.names`), heads compared by their lemmas; where both it and a label name a person; where it is
    an object and there is a region at all; and where all of its words were read by OCR, or it is a text or the like
    and anything was read. A text that names nothing keeps its score; one of an image without regions,
    and with a thing in it, gets 0.

    Only texts that a model wrote are judged. The rule lowers the score again each time it runs, so that a chain holds
    it once: behind what writes the texts.
    """

    name: ClassVar[str] = "text_support"
    reads: ClassVar[frozenset[str]] = frozenset({"texts", "regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"texts"})

    granularities: tuple[Literal["brief", "detailed", "more_detailed"], ...] = ("detailed", "more_detailed")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "granularities", tuple(self.granularities))
        if not self.granularities or set(self.granularities) - set(records.GRANULARITIES):
            raise ChainError(f"{self.name}: granularities must be some of {', '.join(records.GRANULARITIES)}")

    def revision(self) -> str:
        return digest([super().revision(), _blacklist().revision])[:16]

    def __call__(self, batch: Batch) -> Outcome:
        texts = Texts(batch.table)
        chosen = np.isin(texts.granularity, [records.GRANULARITIES.index(name) for name in self.granularities])
        at = np.flatnonzero(chosen & ~texts.human & self.readable(texts.text))
        labels = self._labels(batch, np.unique(texts.row[at]))
        share = np.ones(len(texts))
        for i, parsed in zip(at.tolist(), parsing.parses(batch, self.pipeline, at), strict=True):
            share[i] = supported_share(parsed, labels[int(texts.row[i])])
        lowered = share * np.nan_to_num(texts.score, nan=1.0)
        judged = np.zeros(len(texts), bool)
        judged[at] = True
        scores = pc.if_else(pa.array(judged), pa.array(lowered.astype(np.float32)), texts.items.field("score"))
        return Outcome(records.amend(batch.table, "texts", score=scores) if len(at) else batch.table)

    def _labels(self, batch: Batch, rows: np.ndarray) -> dict[int, Labels]:
        """What the regions of the images in these rows are called."""
        owner, regions = records.flatten(batch.table, "regions")
        labels = regions.field("labels")
        owner, flat = np.repeat(owner, records.lengths(labels)), labels.flatten()
        wanted = np.isin(owner, rows)
        owner, flat = owner[wanted], flat.filter(pa.array(wanted))
        said, read = flat.field("text").to_pylist(), numbers(pc.equal(flat.field("granularity"), "ocr")).astype(bool)
        names = sorted({text for text, is_read in zip(said, read, strict=True) if not is_read})
        called = dict(zip(names, map(_called, names, parsing.parse(names, batch.memory, self.pipeline)), strict=True))
        found = {int(row): Labels(set(), set()) for row in rows}
        for row, text, is_read in zip(owner.tolist(), said, read.tolist(), strict=True):
            if is_read:
                found[row].written.update(words(text))
            else:
                found[row].names.update(called[text])
        return found


@dataclass(frozen=True)
class Labels:
    """Of one image: names of its regions, in lower case, and the words that are written in it."""

    names: set[str]
    written: set[str]

    def support(self, thing: NounPhrase) -> bool:
        """Whether a region shows it."""
        name = _lemmatised(thing)
        if any(same_thing(name, label) for label in self.names):
            return True
        head = name.split()[-1]
        if head in PEOPLE and any(label.split()[-1] in PEOPLE for label in self.names):
            return True
        if (head in ANYTHING and self.names) or (head in WRITING and self.written):
            return True
        said = words(thing.text)
        return bool(said) and self.written.issuperset(said)


def supported_share(parsed: Syntax, labels: Labels) -> float:
    """The things of a text that a region supports, among all of them; 1 where there is none."""
    things = {normalised(_lemmatised(thing)): thing for thing in _things(parsed)}
    return float(np.mean([labels.support(thing) for thing in things.values()])) if things else 1.0


def _things(parsed: Syntax) -> Iterable[NounPhrase]:
    """The bare noun phrases about nouns and names of what can be pointed at."""
    heads, banned = {*parsed.objects, *parsed.proper_nouns}, _blacklist()
    for phrase in parsing.phrases_of(parsed, Extent.BARE):
        named = phrase.head in heads and phrase.head.lemma not in FRACTIONS
        if named and not banned.judge(phrase.text, phrase.head)[0]:
            yield phrase


def _called(label: str, parsed: Syntax) -> Sequence[str]:
    """What a label calls its region: the label as it stands, and the first noun phrase in it with its head's lemma."""
    first = next(iter(parsing.phrases_of(parsed, Extent.BARE)), None)
    names = [label.casefold(), *([_lemmatised(first)] if first else [])]
    return [name for name in names if name.strip()]


def _lemmatised(phrase: NounPhrase) -> str:
    """A noun phrase in lower case with its head's lemma: "two brown dog"."""
    start, end = phrase.head.start - phrase.start, phrase.head.end - phrase.start
    return f"{phrase.text[:start]}{phrase.head.lemma}{phrase.text[end:]}".casefold()


def _blacklist() -> Entries:
    return read_lists(BUNDLED, ())
