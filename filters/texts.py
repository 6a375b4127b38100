"""The texts column as arrays, limits by granularity, verdicts, and what a text filter is made of them."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters.columns import numbers

# One worker for all that looks at texts, so that it parses each of them once.
TEXT = Resources(batch_size=4096, pack="text")

# A limit for all granularities, or by granularity; those that are not named keep their default, None is off.
Limits = float | None | dict[str, float | None]


class Texts:
    """The flattened texts column as arrays, n texts in all."""

    def __init__(self, table: pa.Table) -> None:
        self.row, self.items = records.flatten(table, "texts")
        self.id = self.items.field("id")
        self.text: list[str] = self.items.field("text").to_pylist()
        granularity = self.items.field("granularity")
        self.granularity = numbers(pc.index_in(granularity, value_set=pa.array(records.GRANULARITIES)))
        self.score = numbers(self.items.field("score"))  # float32 (n,), NaN where null
        self.human = human(self.items)

    def __len__(self) -> int:
        return len(self.row)

    def measure(self, value: Callable[[str], float]) -> np.ndarray:
        """A number for each text: float64 (n,)."""
        return np.array([value(text) for text in self.text], np.float64)

    def limit(self, limits: Limits) -> np.ndarray:
        """The limit of each text by its granularity: float64 (n,), NaN where it is off."""
        assert isinstance(limits, dict)  # settle() made it one
        by_granularity = [limits[name] for name in records.GRANULARITIES]
        return np.array([np.nan if limit is None else limit for limit in by_granularity])[self.granularity]


class Spans:
    """The flattened phrases column as arrays, m phrases in all; `text` (m,) is the number of each one's text."""

    def __init__(self, table: pa.Table, texts: Texts) -> None:
        self.row, self.items = records.flatten(table, "phrases")
        known = records.keys(texts.row, texts.id)
        self.text = numbers(pc.index_in(records.keys(self.row, self.items.field("text_id")), value_set=known))
        self.start, self.end = (numbers(self.items.field(name)) for name in ("start", "end"))
        self.human = human(self.items)

    def __len__(self) -> int:
        return len(self.row)


def human(items: pa.StructArray) -> np.ndarray:
    """Which annotations (n,) a person made: bool (n,)."""
    model = pc.struct_field(items, ["origin", "model"])
    return numbers(pc.fill_null(pc.equal(model, records.HUMAN.model), False))


def limits(
    brief: float | None, detailed: float | None, more_detailed: float | None, low: float = 0, high: float = np.inf
) -> Any:
    """A setting that is a limit by granularity, with its defaults and what its values must lie between."""
    default = dict(zip(records.GRANULARITIES, (brief, detailed, more_detailed), strict=True))
    return dataclasses.field(
        default_factory=lambda: dict(default), metadata={"default": default, "between": (low, high)}
    )


def settle(stage: Stage) -> None:
    """Complete each limit that was given in part by its defaults; ChainError for one that makes no sense."""
    for field in dataclasses.fields(stage):  # type: ignore[arg-type]
        if "between" in field.metadata:
            default = field.metadata["default"]
            given = getattr(stage, field.name)
            named = given if isinstance(given, Mapping) else dict.fromkeys(default, given)
            for name, limit in named.items():
                _require(stage, f"{field.name}.{name}", name in default, f"there are {', '.join(default)}")
                low, high = field.metadata["between"]
                number = isinstance(limit, (int, float)) and not isinstance(limit, bool) and low <= limit <= high
                _require(stage, f"{field.name}.{name}", limit is None or number, f"{limit!r} is not in [{low}, {high}]")
            object.__setattr__(stage, field.name, {**default, **named})


def _require(stage: Stage, setting: str, condition: bool, message: str) -> None:
    if not condition:
        raise ChainError(f"{stage.name}: {setting}: {message}")


class Verdict:
    """Which of n annotations go, and why: the first reason given is the one that counts."""

    def __init__(self, exempt: np.ndarray) -> None:
        self._exempt = exempt
        self.dropped = np.zeros(len(exempt), bool)
        self._rule = np.full(len(exempt), "", object)
        self._value, self._threshold = np.zeros(len(exempt)), np.zeros(len(exempt))
        self._detail = np.full(len(exempt), None, object)

    @property
    def open(self) -> np.ndarray:
        """Which may still be dropped: bool (n,)."""
        return ~self.dropped & ~self._exempt

    def least(
        self, rule: str, value: np.ndarray, minimum: Any, detail: Sequence[Any] | np.ndarray | None = None
    ) -> None:
        """Those (n,) below their minimum go; NaN, as value or as minimum, drops nothing."""
        self.drop(np.flatnonzero(value < minimum), rule, value, minimum, detail)

    def most(
        self, rule: str, value: np.ndarray, maximum: Any, detail: Sequence[Any] | np.ndarray | None = None
    ) -> None:
        """Those (n,) above their maximum go; NaN, as value or as maximum, drops nothing."""
        self.drop(np.flatnonzero(value > maximum), rule, value, maximum, detail)

    def drop(
        self,
        at: np.ndarray,
        rule: str,
        value: np.ndarray,
        threshold: Any,
        detail: Sequence[Any] | Mapping[int, Any] | np.ndarray | None = None,
    ) -> None:
        """Annotations at (p,) go unless they are exempt or gone; value, detail (n,); threshold (n,) or one for all."""
        at = at[self.open[at]]
        self.dropped[at], self._rule[at] = True, rule
        self._value[at], self._threshold[at] = value[at], np.broadcast_to(threshold, len(self.dropped))[at]
        if detail is not None:
            for i in at.tolist():
                self._detail[i] = detail[i]

    def outcome(self, table: pa.Table, column: str, stage: str) -> Outcome:
        """The table without them."""
        left, rejects = records.drop(
            table, column, ~self.dropped, stage=stage, rule=self._rule, value=self._value,
            threshold=self._threshold, detail=self._detail,
        )  # fmt: skip
        return Outcome(left, rejects)


@dataclass(frozen=True)
class TextFilter(Stage):
    """A filter of texts. Human ones pass."""

    reads: ClassVar[frozenset[str]] = frozenset({"texts"})
    writes: ClassVar[frozenset[str]] = frozenset({"texts"})

    resources: Resources = TEXT

    def __post_init__(self) -> None:
        settle(self)

    def __call__(self, batch: Batch) -> Outcome:
        texts = Texts(batch.table)
        verdict = Verdict(texts.human)
        self.judge(texts, verdict, batch)
        return verdict.outcome(batch.table, "texts", self.name)

    @abstractmethod
    def judge(self, texts: Texts, verdict: Verdict, batch: Batch) -> None:
        """Give the verdict on the texts of a batch."""
