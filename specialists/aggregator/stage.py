"""Aggregator: detailed and more detailed texts from what the regions say, without a model.

It stands where FLD-5B asked a large model (arXiv 2311.06242, section 4.2) and there is none to ask. Its texts are
plain, and say nothing that no region supports.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

from engine import records
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from specialists.aggregator.scene import scene_of
from specialists.aggregator.sentences import MOST, Sentence, describe


@dataclass(frozen=True)
class Aggregator(Stage):
    """Composes the texts that an image lacks; a text's score is the mean of those of the regions it speaks of.

    An image without a region that says anything gets no text.
    """

    name: ClassVar[str] = "aggregator"
    version: ClassVar[int] = 3
    reads: ClassVar[frozenset[str]] = frozenset({"texts", "regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"texts.detailed", "texts.more_detailed"})

    min_score: float = 0.3  # of a region that is spoken of; ours
    resources: Resources = Resources(batch_size=256)  # noqa: RUF009  (frozen)

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ChainError(f"{self.name}: min_score must be in [0, 1], not {self.min_score!r}")

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"inflect": version("inflect")}  # whose plurals the texts have

    def __call__(self, batch: Batch) -> Outcome:
        columns = batch.table.select(["image_id", "texts", "regions", "width", "height"])
        return Outcome(records.append(batch.table, "texts", [self._texts(row) for row in columns.to_pylist()]))

    def _texts(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        missing = [name for name in MOST if name not in {text["granularity"] for text in row["texts"]}]
        if not missing:
            return []
        scene = scene_of(row["regions"], row["width"], row["height"], self.min_score)
        origin = records.Origin("aggregator", str(self.version))
        said = {name: describe(scene, name, row["image_id"]) for name in missing}
        return [
            records.text(
                f"{self.name}.{name}", name, " ".join(each.text for each in sentences), origin, _score(sentences)
            )
            for name, sentences in said.items()
            if sentences
        ]


def _score(sentences: list[Sentence]) -> float | None:
    """The mean score of the regions that have one, each counted once; None where none has."""
    sources = {id(source): source for sentence in sentences for source in sentence.sources}
    scores = [source.score for source in sources.values() if source.score is not None]
    return sum(scores) / len(scores) if scores else None
