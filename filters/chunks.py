"""The noun chunks of regions' brief texts: the third candidate for what a region is called.

FLD-5B has three for each region: its category, a brief text of its crop, and the noun chunks of that text (Xiao
et al., arXiv 2311.06242, section 4.2).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.labels import add_labels, has_label
from engine.records import Origin
from engine.stage import Batch, Outcome, Resources, Stage
from filters import parsing
from filters.columns import numbers, require_between
from filters.names import ARTICLES
from filters.syntax import Extent, Syntax
from filters.texts import TEXT, human
from filters.words import foreign_share, words


@dataclass(frozen=True)
class Chunks(Stage):
    """Writes a chunk label for each thing that a region's brief text names, but for what it is called already.

    A chunk is a bare noun phrase about a noun or a name: "a brown dog", and neither "it" nor "two". Names are
    equal without regard to case, articles and punctuation. Only what a model wrote is read, of regions that have
    no chunk yet, and no texts whose letters are mostly of another script than Latin.
    """

    name: ClassVar[str] = "chunks"
    reads: ClassVar[frozenset[str]] = frozenset({"regions.briefs"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.labels"})

    max_foreign: float | None = 0.3  # share of letters that are not Latin; ours; None = no limit
    first_only: bool = False  # of a text the first: of "a child in a red shirt" the child, and not the shirt
    pipeline: str = ""  # the bundled English one, else a spaCy package or a path
    resources: Resources = TEXT

    def __post_init__(self) -> None:
        if self.max_foreign is not None:
            require_between(self, "max_foreign", 0, 1)

    def check(self) -> None:
        parsing.locate(self.pipeline)

    def revision(self) -> str:
        return parsing.revision(self.pipeline)

    def __call__(self, batch: Batch) -> Outcome:
        owner, texts, brief = _labels(records.flatten(batch.table, "regions")[1])
        at = [i for i in np.flatnonzero(brief).tolist() if self._reads(texts[i])]
        parsed = parsing.parse([texts[i] for i in at], batch.memory, self.pipeline)
        called = defaultdict(set)
        for region, text in zip(owner, texts, strict=True):
            called[region].add(_name(text))
        origin = Origin("syntax", self.revision())
        regions, new = [], []
        for region, syntax in zip((owner[i] for i in at), parsed, strict=True):
            for chunk in _chunks(syntax)[: 1 if self.first_only else None]:
                if _name(chunk) not in called[region]:
                    called[region].add(_name(chunk))
                    regions.append(region)
                    new.append(records.label("chunk", chunk, origin))
        return Outcome(add_labels(batch.table, regions, new))

    def _reads(self, text: str) -> bool:
        return self.max_foreign is None or foreign_share(text) <= self.max_foreign


def _labels(regions: pa.StructArray) -> tuple[list[int], list[str], np.ndarray]:
    """Of the regions whose chunks are to be found, the labels (m,): region, text, and whether it is to be read."""
    labels = regions.field("labels").flatten()
    owner = np.repeat(np.arange(len(regions)), records.lengths(regions.field("labels")))
    brief = numbers(pc.equal(labels.field("granularity"), "brief")) & ~human(labels)
    brief &= ~has_label(regions, "chunk")[owner]
    concerned = np.isin(owner, owner[brief])
    return owner[concerned].tolist(), labels.field("text").filter(pa.array(concerned)).to_pylist(), brief[concerned]


def _chunks(parsed: Syntax) -> list[str]:
    """The bare noun phrases about nouns and names, in their order."""
    things = {*parsed.objects, *parsed.proper_nouns}
    return [phrase.text for phrase in parsing.phrases_of(parsed, Extent.BARE) if phrase.head in things]


def _name(text: str) -> tuple[str, ...]:
    """What two texts that say the same have in common."""
    return tuple(word for word in words(text) if word not in ARTICLES)
