"""Text cleaning: what is no language goes, or takes its text with it; openings that say nothing are cut.

A mended text keeps its id and its origin, and letter for letter what was not mended: the new first letter
stays as it was written, so that phrases read as before. Its phrases move with it; one that lies in what was
cut goes to the rejects (rule "text_cut"). A text that is dropped goes there as it came. A human text stays
as a person wrote it, and so does one in which a person marked phrases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from engine import records
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters import markup
from filters.columns import require_between
from filters.edits import Edit, Edited, edit
from filters.texts import TEXT, Spans, Texts, Verdict
from filters.words import letter_share, speaks

_PASSES = 3  # markup may hide in escaped markup


@dataclass
class _Cleaned:
    """A text, what was done to it, and what is still wrong with it."""

    text: str
    steps: list[Edited]
    markup: int = 0
    controls: int = 0
    opening: int = 0

    def take(self, edits: list[Edit]) -> None:
        """Make these edits."""
        if edits:
            self.steps.append(edit(self.text, edits))
            self.text = self.steps[-1].text

    def follow(self, start: int, end: int) -> tuple[int, int] | None:
        """Where a span of the text as it came is now; None where it was cut."""
        span: tuple[int, int] | None = (start, end)
        for step in self.steps:
            span = step.follow(*span) if span else None
        return span


@dataclass(frozen=True)
class TextClean(Stage):
    """Mends or drops texts with markup, control characters and empty openings; drops what is hardly a text.

    `markup` are HTML, entities, markdown, JSON, special tokens and roles of a dialogue; a text that is still
    data after the repair is dropped. `controls` are control and inspeaks characters; a repair also makes
    each run of spaces one space. `openings` ("the image shows") are listed in openings.txt.
    """

    name: ClassVar[str] = "text_clean"
    reads: ClassVar[frozenset[str]] = frozenset({"texts", "phrases"})
    writes: ClassVar[frozenset[str]] = frozenset({"texts", "phrases"})

    markup: Literal["repair", "drop"] | None = "repair"
    controls: Literal["repair", "drop"] | None = "repair"
    openings: Literal["strip", "drop"] | None = "strip"
    empty: bool = True  # drop texts without a letter or digit
    min_letters: float | None = 0.5  # share of what is not space; ours
    resources: Resources = TEXT

    def __post_init__(self) -> None:
        for setting, ways in (("markup", "repair"), ("controls", "repair"), ("openings", "strip")):
            if getattr(self, setting) not in (ways, "drop", None):
                raise ChainError(f"{self.name}: {setting} must be {ways}, drop or null, not {getattr(self, setting)!r}")
        if self.min_letters is not None:
            require_between(self, "min_letters", 0, 1)

    def __call__(self, batch: Batch) -> Outcome:
        texts = Texts(batch.table)
        phrases = Spans(batch.table, texts)
        marked = np.isin(np.arange(len(texts)), phrases.text[phrases.human])
        verdict = Verdict(texts.human | marked)
        may = zip(texts.text, verdict.open, strict=True)
        cleaned = [self._clean(text) if open else _Cleaned(text, []) for text, open in may]
        self._judge(verdict, cleaned)
        mended = [
            each if each.steps and not gone else None for each, gone in zip(cleaned, verdict.dropped, strict=True)
        ]
        table, cut = _rewritten(batch.table, texts, phrases, mended, self.name)
        outcome = verdict.outcome(table, "texts", self.name)
        return Outcome(outcome.table, pa.concat_tables([cut, outcome.rejects]))

    def _clean(self, text: str) -> _Cleaned:
        done = _Cleaned(text, [])
        # Before and after markup: a control character can hide it, and an entity can stand for one.
        if self.controls == "repair":
            done.take(markup.controls(done.text))
        if self.markup and markup.suspicious(text):
            for _ in range(_PASSES if self.markup == "repair" else 0):
                done.take(markup.markup(done.text))
                done.take(markup.controls(done.text) if self.controls == "repair" else [])
            done.markup = len(markup.markup(done.text)) + markup.unmended(done.text)
        if self.controls == "drop":
            done.controls = len(markup.controls(text))
        if done.steps or self.controls == "repair":
            done.take(markup.spaces(done.text))
        if self.openings:
            done.opening = markup.opening(done.text)
            if self.openings == "strip" and speaks(done.text[done.opening :]):
                done.take([Edit(0, done.opening, cut=True)] * bool(done.opening))
                done.opening = 0
        return done

    def _judge(self, verdict: Verdict, cleaned: list[_Cleaned]) -> None:
        for rule, measure in (
            ("text_markup", [each.markup for each in cleaned]),
            ("text_controls", [each.controls for each in cleaned]),
        ):
            verdict.most(rule, np.array(measure, np.float64), 0)
        if self.empty:
            verdict.least("text_empty", np.array([speaks(each.text) for each in cleaned], np.float64), 1)
        if self.min_letters is not None:
            share = np.array([letter_share(each.text) for each in cleaned], np.float64)
            verdict.least("text_letters", share, self.min_letters)
        verdict.most("text_opening", np.array([each.opening for each in cleaned], np.float64), 0)


def _rewritten(
    table: pa.Table, texts: Texts, phrases: Spans, mended: list[_Cleaned | None], stage: str
) -> tuple[pa.Table, pa.Table]:
    """The table with the texts as mended, None for those that were not, and the phrases that were cut."""
    if not any(mended):
        return table, records.empty(records.REJECTS)
    spans = np.stack([phrases.start, phrases.end], axis=1)
    keep = np.ones(len(spans), bool)
    for i, text in enumerate(phrases.text.tolist()):
        if (by := mended[text]) is not None:
            span = by.follow(*spans[i].tolist())
            keep[i] = span is not None
            spans[i] = span or 0
    table, cut = records.drop(
        table, "phrases", keep, stage=stage, rule="text_cut", value=None, threshold=None,
        detail=phrases.items.field("text_id"),
    )  # fmt: skip
    new = pa.array([by.text if by else old for by, old in zip(mended, texts.text, strict=True)], pa.string())
    table = records.amend(table, "texts", text=new)
    starts, ends = (pa.array(column, pa.int32()) for column in spans[keep].T)
    return records.amend(table, "phrases", start=starts, end=ends), cut
