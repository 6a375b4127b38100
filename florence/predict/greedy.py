"""Writing the most probable token each time, b rows at once; and what both ways of writing share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from florence.codec import Task
from florence.predict.decoder import Cache, Decoder
from florence.predict.grammar import Grammar

START, BEGIN, END = 2, 0, 2  # ids of what the decoder starts with, <s>, </s>: BART's
CROWDED = 0.5  # of the rows: where fewer are still written, the others are left out of the computation. Ours


@dataclass(frozen=True)
class Manner:
    """How a checkpoint wants to be asked, by its generation config."""

    beams: int = 1
    no_repeat: int = 0  # no run of so many tokens twice; 0: any
    length_penalty: float = 1.0  # a beam's log-probability is divided by its length to this power
    early: bool = False  # end when there are as many whole beams as are followed; else when no other can be better

    @classmethod
    def of(cls, model: Any, beams: int = 1) -> Manner:
        """That of a model."""
        config = model.generation_config
        penalty = config.length_penalty
        early = config.early_stopping is True
        return cls(beams, config.no_repeat_ngram_size or 0, 1.0 if penalty is None else penalty, early)


@dataclass(frozen=True)
class Written:
    """What was written for one row, without <s> and </s>: whole items, and how many tokens behind them were cut off."""

    tokens: list[int]
    logs: list[float]  # the log-probability that the model gave each token, of all of its vocabulary
    cut: int = 0


class NoNumbersError(ValueError):
    """Scores of the vocabulary that are NaN or infinite."""


def greedy(
    decoder: Decoder, grammar: Grammar, cache: Cache, tasks: Sequence[Task], budgets: Sequence[int], manner: Manner
) -> list[Written]:
    """What is written for each row of a fresh cache, of at most as many tokens as its budget says.

    Raises NoNumbersError.
    """
    rows = _Rows.fresh(grammar, tasks, budgets)
    written: list[Written | None] = [None] * len(tasks)
    decoder.step(cache, rows.history[:, 0])
    for at in range(max(budgets)):
        scores = decoder.step(cache, rows.history[:, at + 1]).float()
        fits = fitting(grammar, rows.states, rows.history[:, : at + 2], manner.no_repeat)
        chosen = scores.masked_fill(~fits, float("-inf")).argmax(1)
        logs = scores.gather(1, chosen[:, None])[:, 0] - scores.logsumexp(1)
        rows.take(grammar, at, chosen, logs)
        ended = int(rows.ended.sum())
        if ended >= CROWDED * len(rows.ended) or at + 1 == max(budgets):
            rows.harvest(written)
            if ended == len(rows.ended):
                break
            left = (~rows.ended).nonzero()[:, 0]
            cache.keep(left)
            rows = rows.kept(left)
    return [each for each in written if each is not None]


def fitting(grammar: Grammar, states: Any, history: Any, no_repeat: int) -> Any:
    """Which tokens may come, bool (b, v), after what was written, (b, t): by the grammar, and of that by the manner."""
    allowed = grammar.mask(states, history[:, -2])
    if not no_repeat:
        return allowed
    fits = allowed.clone()
    fits[repeats(history, no_repeat)] = False
    # The grammar may leave one token only.
    return fits | (allowed & ~fits.any(1, keepdim=True))


def repeats(history: Any, size: int) -> tuple[Any, Any]:
    """Rows and tokens, each (n,), that would make a run of this many tokens the second of its kind; of ids (b, t)."""
    if history.shape[1] < size:
        return (empty := history.new_empty(0)), empty
    runs = history.unfold(1, size, 1)
    last = history[:, history.shape[1] - size + 1 :]
    row, place = (runs[:, :, :-1] == last[:, None]).all(2).nonzero(as_tuple=True)
    return row, runs[row, place, -1]


@dataclass
class _Rows:
    """What has been written so far, a row each; `number` is which of all rows it is."""

    number: Any  # int64 (b,)
    history: Any  # int64 (b, most + 2): the decoder's start, <s>, tokens
    logs: Any  # float32 (b, most)
    states: Any  # int64 (b,)
    budgets: Any  # int64 (b,)
    ended: Any  # bool (b,)
    whole: Any  # int64 (b,): tokens up to the last place where the end may come
    length: Any  # int64 (b,): tokens, without the end

    @classmethod
    def fresh(cls, grammar: Grammar, tasks: Sequence[Task], budgets: Sequence[int]) -> _Rows:
        import torch

        states = grammar.start(tasks)
        most, none = max(budgets), torch.zeros_like(states)
        history = torch.full((len(tasks), most + 2), END, device=states.device)
        history[:, 0], history[:, 1] = START, BEGIN
        logs = torch.zeros((len(tasks), most), device=states.device)
        limits = torch.tensor(list(budgets), device=states.device)
        number = torch.arange(len(tasks), device=states.device)
        return cls(number, history, logs, states, limits, none.bool(), none, none.clone())

    def take(self, grammar: Grammar, at: int, chosen: Any, logs: Any) -> None:
        """Add a token to each row that has not ended."""
        on = ~self.ended
        self.history[on, at + 2], self.logs[on, at] = chosen[on], logs[on]
        self.states = grammar.step(self.states, chosen.where(on, self.states.new_tensor(END)))
        more = on & (chosen != END)
        self.length = self.length + more
        self.whole = self.length.where(more & grammar.whole[self.states], self.whole)
        self.ended = self.ended | (on & (chosen == END)) | (self.length >= self.budgets)

    def kept(self, left: Any) -> _Rows:
        """Only these (m,)."""
        return _Rows(**{name: value[left] for name, value in vars(self).items()})

    def harvest(self, written: list[Written | None]) -> None:
        """Put what has ended where it belongs."""
        for place in self.ended.nonzero()[:, 0].tolist():
            whole, length = int(self.whole[place]), int(self.length[place])
            logs = self.logs[place, : length + 1]
            if not logs.isfinite().all():
                raise NoNumbersError("scores")
            tokens = self.history[place, 2 : 2 + whole].tolist()
            written[int(self.number[place])] = Written(tokens, logs[:whole].tolist(), length - whole)
