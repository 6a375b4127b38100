"""What the batches handed out so far have cost: rows, items and samples that are not in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class Tally:
    """Rows skipped, by reason; by task, items cut from targets and samples passed over."""

    skipped: Counter[str]
    cut: Counter[str]
    unfit: Counter[str]

    @classmethod
    def of(cls, skipped: Mapping[str, int], cut: Mapping[str, int], unfit: Mapping[str, int]) -> Tally:
        return cls(Counter(skipped), Counter(cut), Counter(unfit))

    def __iadd__(self, other: Tally) -> Tally:
        self.skipped.update(other.skipped)
        self.cut.update(other.cut)
        self.unfit.update(other.unfit)
        return self
