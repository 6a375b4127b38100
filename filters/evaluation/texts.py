"""Texts: the objects that they name, and how near they come to true texts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from engine import metrics, records
from engine.metrics import F1
from filters.evaluation.mentions import Reader
from filters.evaluation.objects import Objects
from filters.evaluation.vocabulary import NONE
from filters.texts import Texts

SHOWN = 20  # words that the truth has no category for, the commonest first

ByImage = dict[int, list[str]]


def measure(found: pa.Table, truth: pa.Table, objects: Objects, reader: Reader) -> dict[str, Any]:
    """All that is measured of texts, by granularity and by category; NaN where the truth has nothing to measure by."""
    said, true = Texts(found), Texts(truth)
    reader.read([*said.text, *true.text])
    there: dict[int, set[int]] = defaultdict(set)
    for row, category in zip(objects.row.tolist(), objects.category.tolist(), strict=True):
        there[row] |= {category} - {NONE}
    seen = {row: set(categories) for row, categories in there.items()}
    for row, text in zip(true.row.tolist(), true.text, strict=True):
        there[row] |= reader.named([text])
    result, total = {}, _Named()
    for number, granularity in enumerate(records.GRANULARITIES):
        ours, theirs = _by_image(said, number), _by_image(true, number)
        named = _named(ours, theirs, there, seen, reader)
        if theirs:
            total += named
        outside = [word for texts in ours.values() for text in texts for word in _outside(text, reader)]
        result[granularity] = {
            "true": sum(map(len, theirs.values())),
            "found": sum(map(len, ours.values())),
            **(named.rates() if len(reader.vocabulary) else _Named().rates()),
            "coverage": metrics.share(named.covered, named.coverable if ours else 0),
            "named_unknown": len(outside),
            "unknown": dict(sorted(Counter(outside).items(), key=lambda item: (-item[1], item[0]))[:SHOWN]),
            **_likeness(said, number, theirs),
        }
    return {**total.rates(), "by_granularity": result, "by_category": total.by_category(reader.vocabulary.names)}


@dataclass
class _Named:
    """Counts of categories that texts name, each once a text: of predicted texts, and of true ones' categories."""

    right: Counter[int] = field(default_factory=Counter)  # named, and there
    given: Counter[int] = field(default_factory=Counter)  # named
    found: Counter[int] = field(default_factory=Counter)  # named by a true text of the image, and by one of ours
    wanted: Counter[int] = field(default_factory=Counter)  # named by a true text of the image
    texts: int = 0
    hallucinating: int = 0  # texts that name something that is not there
    covered: int = 0  # categories of an image's regions that one of its texts names
    coverable: int = 0

    def __iadd__(self, other: _Named) -> _Named:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    def f1(self, category: int | None = None) -> F1:
        counts = (self.right, self.given, self.found, self.wanted)
        return F1(*(count.total() if category is None else count[category] for count in counts))

    def rates(self) -> dict[str, float]:
        f1 = self.f1()
        wrong = metrics.share(self.hallucinating, self.texts)
        return {
            "precision": f1.precision, "recall": f1.recall, "f1": f1.f1 if f1.wanted else math.nan,
            "texts_with_wrong_object": wrong,
        }  # fmt: skip

    def by_category(self, names: list[str]) -> dict[str, dict[str, float]]:
        rates = {name: self.f1(number) for number, name in enumerate(names)}
        return {name: {"precision": f1.precision, "recall": f1.recall} for name, f1 in rates.items()}


def _named(
    ours: ByImage, theirs: ByImage, there: dict[int, set[int]], seen: dict[int, set[int]], reader: Reader
) -> _Named:
    """Count over the images' texts of one granularity."""
    counts = _Named()
    for row, texts in ours.items():
        for text in texts:
            named = reader.named([text])
            counts.given.update(named)
            counts.right.update(named & there[row])
            counts.texts += 1
            counts.hallucinating += bool(named - there[row])
    for row, texts in theirs.items():
        wanted = reader.named(texts)
        counts.wanted.update(wanted)
        counts.found.update(wanted & reader.named(ours.get(row, ())))
    for row, categories in seen.items():
        counts.coverable += len(categories)
        counts.covered += len(categories & reader.named(ours.get(row, ())))
    return counts


def _by_image(texts: Texts, granularity: int) -> ByImage:
    found: ByImage = defaultdict(list)
    for at in np.flatnonzero(texts.granularity == granularity).tolist():
        found[int(texts.row[at])].append(texts.text[at])
    return dict(found)


def _outside(text: str, reader: Reader) -> list[str]:
    return [mention.word.lemma for mention in reader.mentions(text) if mention.category == NONE]


def _likeness(said: Texts, granularity: int, theirs: ByImage) -> dict[str, float]:
    """CIDEr and BLEU of each image's best text, where both sides have one."""
    best: dict[int, str] = {}
    for at in metrics.ranked(said.score).tolist():
        if said.granularity[at] == granularity and int(said.row[at]) in theirs:
            best.setdefault(int(said.row[at]), said.text[at])
    rows = sorted(best)
    texts, true = [best[row] for row in rows], [theirs[row] for row in rows]
    return {"compared": len(rows), "cider": metrics.cider(texts, true), "bleu": metrics.bleu(texts, true)}
