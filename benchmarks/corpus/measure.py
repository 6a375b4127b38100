"""What the default filters do to the corpus, text by text, and the counts that follow from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.corpus.images import Corpus, Truth
from engine import records
from engine.ledger import StageBooks
from engine.worker import Work, Worker
from pipelines.config import FILTERS, make_chain


@dataclass(frozen=True)
class Judged:
    """A text, and the rule by which it went, "" if it stayed."""

    truth: Truth
    rule: str

    @property
    def bad(self) -> bool:
        return self.truth.kind != ""

    @property
    def dropped(self) -> bool:
        return self.rule != ""


@dataclass(frozen=True)
class Rates:
    """The filters as a detector of bad texts."""

    bad: int
    good: int
    dropped_bad: int
    dropped_good: int

    @classmethod
    def of(cls, judged: Iterable[Judged]) -> Rates:
        """Over these texts."""
        found = Counter((each.bad, each.dropped) for each in judged)
        caught, lost = found[True, True], found[False, True]
        return cls(caught + found[True, False], lost + found[False, False], caught, lost)

    @property
    def precision(self) -> float:
        """Bad ones among the texts that went."""
        return self.dropped_bad / max(1, self.dropped_bad + self.dropped_good)

    @property
    def recall(self) -> float:
        """Those that went among the bad texts."""
        return self.dropped_bad / max(1, self.bad)

    @property
    def kept(self) -> float:
        """Those that stayed among the good texts."""
        return 1 - self.dropped_good / max(1, self.good)


def judge(corpus: Corpus) -> tuple[list[Judged], tuple[StageBooks, ...]]:
    """The default curate chain over the corpus: each text's fate, and the books of the stages."""
    chain = make_chain(dict.fromkeys(FILTERS), "corpus")
    worker = Worker(chain.stages, 1)
    try:
        done = worker(Work.of(corpus.table))
    finally:
        worker.close()
    if any(done.table["faults"].to_pylist()):
        raise SystemExit(f"a filter failed: {next(filter(None, done.table['faults'].to_pylist()))}")
    went = _rules(done)
    return [Judged(truth, went.get((truth.image_id, truth.id), "")) for truth in corpus.truths], done.books


def _rules(done: Work) -> dict[tuple[str, str], str]:
    """The rule by image and text, for those that went; what stands in the table must be the rest."""
    columns = done.rejects.select(["image_id", "kind", "id", "rule"]).to_pydict()
    rows = zip(*columns.values(), strict=True)
    went = {(image, id): rule for image, kind, id, rule in rows if kind == "texts"}
    rows_left, items = records.flatten(done.table, "texts")
    images = done.table["image_id"].to_pylist()
    left = {(images[row], id) for row, id in zip(rows_left.tolist(), items.field("id").to_pylist(), strict=True)}
    assert not left & set(went), "a text cannot both stay and go"
    return went


def by(judged: Iterable[Judged], key: Callable[[Judged], str]) -> dict[str, list[Judged]]:
    """The judged texts in groups, each group in their order."""
    groups: dict[str, list[Judged]] = {}
    for each in judged:
        groups.setdefault(key(each), []).append(each)
    return groups
