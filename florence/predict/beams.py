"""Beam search under the grammar: as transformers' own search does it, so that both find the same.

A target's score is its log-probability, divided by its length (with <s> and </s>) to the power of the length penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from florence.codec import Task
from florence.predict.decoder import Cache, Decoder
from florence.predict.grammar import Grammar
from florence.predict.greedy import BEGIN, END, START, Manner, NoNumbersError, Written, fitting

NEVER = float("-inf")


class _Whole(NamedTuple):
    """A target that ended."""

    score: float
    written: Written


@dataclass
class _Row:
    """One row's finished targets; at most as many as there are beams, the best ones."""

    number: int
    budget: int
    found: list[_Whole] = field(default_factory=list)

    def add(self, whole: _Whole, most: int) -> None:
        """One more, if it is good enough."""
        self.found = sorted([*self.found, whole], key=lambda each: -each.score)[:most]

    def is_done(self, manner: Manner, best: float) -> bool:
        """Whether nothing better is to be expected, where the best score of what is not finished is this."""
        full = len(self.found) == manner.beams
        return full and (manner.early or best <= self.found[-1].score)


@dataclass
class _Beams:
    """k beams of each of b rows, the best first."""

    history: Any  # int64 (b, k, most + 2): the decoder's start, <s>, tokens
    logs: Any  # float32 (b, k, most): of each token
    sums: Any  # float32 (b, k)
    states: Any  # int64 (b, k)
    whole: Any  # int64 (b, k): tokens up to the last place where the end may come

    @classmethod
    def fresh(cls, grammar: Grammar, tasks: Sequence[Task], most: int, beams: int) -> _Beams:
        import torch

        states = grammar.start(tasks)[:, None].repeat(1, beams)
        history = torch.full((len(tasks), beams, most + 2), END, device=states.device)
        history[:, :, 0], history[:, :, 1] = START, BEGIN
        sums = torch.full(states.shape, NEVER, device=states.device)
        sums[:, 0] = 0  # the others would be the same
        logs = torch.zeros((*states.shape, most), device=states.device)
        return cls(history, logs, sums, states, torch.zeros_like(states))

    def kept(self, rows: Any) -> _Beams:
        """Only these rows (m,)."""
        return _Beams(**{name: value[rows] for name, value in vars(self).items()})

    def written(self, row: int, beam: int, length: int) -> Written:
        """One beam's tokens up to the last whole item; `length` is how many there are."""
        logs = self.logs[row, beam, :length]
        if not logs.isfinite().all():
            raise NoNumbersError("scores")
        whole = int(self.whole[row, beam])
        return Written(self.history[row, beam, 2 : 2 + whole].tolist(), logs[:whole].tolist(), length - whole)


def search(
    decoder: Decoder, grammar: Grammar, cache: Cache, tasks: Sequence[Task], budgets: Sequence[int], manner: Manner
) -> list[Written]:
    """As `greedy`, following several beams; the cache has as many."""
    most = max(budgets)
    beams = _Beams.fresh(grammar, tasks, most, manner.beams)
    rows = [_Row(number, budget) for number, budget in enumerate(budgets)]
    written: dict[int, Written] = {}
    decoder.step(cache, beams.history[:, :, 0].flatten())
    for at in range(most):
        beams, from_beams = _advance(decoder, grammar, cache, beams, rows, at, manner)
        cache.choose(from_beams)
        on = [place for place, row in enumerate(rows) if not _close(row, beams, place, at + 1, manner, written)]
        if not on:
            break
        if len(on) < len(rows):
            left = beams.states.new_tensor(on)
            cache.keep(left)
            beams, rows = beams.kept(left), [rows[place] for place in on]
    return [written[number] for number in range(len(tasks))]


def _advance(
    decoder: Decoder, grammar: Grammar, cache: Cache, beams: _Beams, rows: list[_Row], at: int, manner: Manner
) -> tuple[_Beams, Any]:
    """The beams with one more token each, and which beam (b k,), over all rows, each goes on from.

    What ends is put among the row's finished ones.
    """
    count, k = beams.states.shape
    scores = decoder.step(cache, beams.history[:, :, at + 1].flatten()).float()
    logs = scores.log_softmax(1)
    history = beams.history[:, :, : at + 2].flatten(0, 1)
    fits = fitting(grammar, beams.states.flatten(), history, manner.no_repeat)
    sums = beams.sums[:, :, None] + logs.masked_fill(~fits, NEVER).view(count, k, -1)
    if sums.isnan().any():
        raise NoNumbersError("scores")
    best, place = sums.flatten(1).topk(2 * k)
    beam, token = place // sums.shape[2], place % sums.shape[2]
    ends = token == END
    for row, rank in (ends[:, :k] & best[:, :k].isfinite()).nonzero().tolist():
        score = float(best[row, rank]) / (at + 2) ** manner.length_penalty
        rows[row].add(_Whole(score, beams.written(row, int(beam[row, rank]), at)), k)
    # The k best that go on: there are as many, since every beam ends in one way only.
    order = ends.long().argsort(dim=1, stable=True)[:, :k]
    best, beam, token = (each.gather(1, order) for each in (best, beam, token))
    best = best.masked_fill(token == END, NEVER)
    made = _grown(grammar, beams, beam, token, logs.view(count, k, -1), at)
    made.sums = best
    offset = beam.new_tensor(range(count))[:, None] * k
    return made, (beam + offset).flatten()


def _grown(grammar: Grammar, beams: _Beams, beam: Any, token: Any, logs: Any, at: int) -> _Beams:
    """Beams (b, k) that go on from others by tokens, whose log-probabilities stand in logs (b, k, v)."""
    rows = beam.new_tensor(range(len(beam)))[:, None]
    made = _Beams(*(value[rows, beam] for value in vars(beams).values()))
    made.history[:, :, at + 2], made.logs[:, :, at] = token, logs[rows, beam, token]
    made.states = grammar.step(made.states.flatten(), token.flatten()).view(token.shape)
    made.whole = made.whole.masked_fill(grammar.whole[made.states], at + 1)
    return made


def _close(row: _Row, beams: _Beams, place: int, length: int, manner: Manner, written: dict[int, Written]) -> bool:
    """Whether a row is done after so many tokens; if so, its best target is put where it belongs."""
    weight = (length + 1) ** manner.length_penalty
    best = float(beams.sums[place, 0]) / weight
    if not row.is_done(manner, best) and length < row.budget and best > NEVER:
        return False
    found = list(row.found)
    if length >= row.budget:
        scores = (beams.sums[place] / weight).tolist()
        found += [
            _Whole(score, beams.written(place, beam, length)) for beam, score in enumerate(scores) if score > NEVER
        ]
    written[row.number] = max(found, key=lambda each: each.score).written
    return True
