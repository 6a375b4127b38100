"""The multitask model as captioner of the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from engine import records
from engine.stage import Batch, Outcome
from florence.codec.samples import CAPTIONS
from florence.predict import Answer
from specialists.multitask.asking import Multitask, require_some, said

Granularity = Literal["brief", "detailed", "more_detailed"]


@dataclass
class MultitaskCaptioning(Multitask):
    """Texts about the image, one of each granularity that the settings ask for."""

    name: ClassVar[str] = "multitask_captioning"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset(f"texts.{granularity}" for granularity in records.GRANULARITIES)

    granularities: tuple[Granularity, ...] = ("brief",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_some(self.name, "granularities", self.granularities, records.GRANULARITIES)

    def gives(self) -> frozenset[str]:
        return frozenset(f"texts.{granularity}" for granularity in self.granularities)

    def __call__(self, batch: Batch) -> Outcome:
        texts: list[list[dict[str, Any]]] = batch.table["texts"].to_pylist()
        left = [[each for each in self.granularities if each not in self._said(row)] for row in texts]
        answers = self.ask(batch, [[(CAPTIONS[each], ()) for each in wanted] for wanted in left])
        return Outcome(records.append(batch.table, "texts", list(map(self._new, texts, left, answers))))

    def _new(
        self, texts: Sequence[dict[str, Any]], wanted: Sequence[str], answers: Sequence[Answer]
    ) -> list[dict[str, Any]]:
        taken = {text["id"] for text in texts}  # an earlier round's may stand
        pairs = [(each, *said(answer)) for each, answer in zip(wanted, answers, strict=True)]
        return [
            records.text(records.new_id(f"{self.name}.{each}", taken), each, text, self.origin, score)
            for each, text, score in pairs
            if text
        ]

    def _said(self, texts: Sequence[dict[str, Any]]) -> set[str]:
        """The granularities of an image's texts by this checkpoint."""
        return {text["granularity"] for text in texts if text["origin"] == self.origin.as_dict()}
