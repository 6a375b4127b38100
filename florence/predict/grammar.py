"""What may follow what in a target: the codec's shapes as an automaton over tokens, so that all that is written parses.

Each task's shape is a few states. Tokens are of six kinds; the tables say to which state a token of a kind leads, and
a token that leads nowhere is never written. So locations come by four for a box, by eight for a quad, by at least three
pairs for a polygon; a label stands before its places where the task wants one; the end comes where an item is whole.
One thing more than kinds: the second corner of a box is never left of or above the first one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from florence import tokenizer as tokens
from florence.codec import ADDED, BOS, EOS, FORMS, IMAGE, MASK, PAD, UNK, Box, Outline, Quad, Task, Text
from florence.codec.markup import CLOSE, OPEN, SEPARATOR

Rules = dict[str, dict["Kind", str]]


class Kind(IntEnum):
    """What a token is: a piece of text, a location, a marker of outlines, the end; or nothing that is ever written."""

    WORD = 0
    LOCATION = 1
    SEPARATOR = 2
    OPEN = 3
    CLOSE = 4
    END = 5
    NEVER = 6


DONE = "done"  # where the end leads; also what is left of a row that has ended
_END = {Kind.END: DONE}


def rules() -> Rules:
    """From each state, the state to which each kind of token leads."""
    place = {Kind.LOCATION: "box 1"}
    made: Rules = {
        DONE: _END,
        "text": {Kind.WORD: "text", **_END},
        "boxes": {Kind.WORD: "boxes label", **_END},
        "boxes label": {Kind.WORD: "boxes label", **place},
        "proposals": {Kind.LOCATION: "proposal 1", **_END},
        "quads": {Kind.WORD: "quads label", **_END},
        "quads label": {Kind.WORD: "quads label", Kind.LOCATION: "quad 1"},
        "outlines": {Kind.LOCATION: "bare 1", Kind.OPEN: "ring 0", **_END},
        "outlines more": {Kind.OPEN: "ring 0", **_END},
        "both": {Kind.WORD: "both label", **_END},
        "both label": {Kind.WORD: "both label", Kind.LOCATION: "either 1", Kind.OPEN: "part 0"},
    }
    # More boxes of one label may follow its first one, or a new label.
    made |= _chain("box", 4, {Kind.WORD: "boxes label", **place, **_END})
    made |= _chain("proposal", 4, made["proposals"])
    made |= _chain("quad", 8, made["quads"])
    behind = {Kind.WORD: "both label", Kind.LOCATION: "either 1", Kind.OPEN: "part 0", **_END}
    made |= _chain("either", 4, behind) | {"both more": behind}
    made |= _rings("bare", _END) | _rings("ring", {Kind.CLOSE: "outlines more"})
    return made | _rings("part", {Kind.CLOSE: "both more"})


def _chain(name: str, length: int, behind: dict[Kind, str]) -> Rules:
    """So many locations in a row, of which something has written the first one."""
    steps = {f"{name} {at}": {Kind.LOCATION: f"{name} {at + 1}"} for at in range(1, length)}
    return {**steps, f"{name} {length}": behind}


def _rings(name: str, behind: dict[Kind, str]) -> Rules:
    """Rings of 6, 8, 10 .. locations, parted by separators; 6 stands for all even numbers from there, 7 for odd."""
    steps = {f"{name} {at}": {Kind.LOCATION: f"{name} {at + 1}"} for at in range(6)}
    whole = {Kind.LOCATION: f"{name} 7", Kind.SEPARATOR: f"{name} 0", **behind}
    return {**steps, f"{name} 6": whole, f"{name} 7": {Kind.LOCATION: f"{name} 6"}}


# The state in which each shape of answers begins.
_BEGIN = {(Text,): "text", (Quad,): "quads", (Outline,): "outlines", (Box, Outline): "both"}


def begin(task: Task) -> str:
    """The state in which a task's target begins."""
    form = FORMS[task]
    if form.answers == (Box,):
        return "boxes" if form.named else "proposals"
    return _BEGIN[form.answers]


def kinds(tokenizer: Any, vocabulary: int) -> np.ndarray:
    """The kind of each token of a model's vocabulary (v,), which may be larger than the tokenizer's."""
    made = np.full(vocabulary, Kind.NEVER, np.int64)
    made[: len(tokenizer)] = Kind.WORD
    made[list(tokenizer.all_special_ids)] = Kind.NEVER
    for kind, names in (
        (Kind.NEVER, (BOS, PAD, UNK, MASK, IMAGE, *ADDED)),
        (Kind.SEPARATOR, (SEPARATOR,)),
        (Kind.OPEN, (OPEN,)),
        (Kind.CLOSE, (CLOSE,)),
        (Kind.END, (EOS,)),
    ):
        made[tokenizer.convert_tokens_to_ids(list(names))] = kind
    made[tokens.locations(tokenizer)] = Kind.LOCATION
    return made


@dataclass(frozen=True)
class Grammar:
    """The tables on a device: b rows are followed at once, each by the number of its state."""

    names: tuple[str, ...]  # of the s states
    kind: Any  # int64 (v,): of each token
    next: Any  # int64 (s, 6 kinds): the state behind; `done` where nothing leads
    allowed: Any  # bool (s, v): which tokens may come
    whole: Any  # bool (s,): whether the end may come
    corner: Any  # bool (s,): whether a box's second x or y comes, not below the one two tokens before
    locations: range  # ids

    @classmethod
    def of(cls, tokenizer: Any, vocabulary: int, device: Any = "cpu") -> Grammar:
        """That of a tokenizer, for scores of a vocabulary of this size."""
        import torch

        table = rules()
        names = tuple(table)
        number = {name: at for at, name in enumerate(names)}
        kind = kinds(tokenizer, vocabulary)
        behind = np.full((len(names), len(Kind)), -1, np.int64)
        for name, steps in table.items():
            for what, where in steps.items():
                behind[number[name], what] = number[where]
        allowed = torch.from_numpy(behind[:, kind] >= 0).to(device)
        whole = torch.from_numpy(behind[:, Kind.END] >= 0).to(device)
        corner = torch.tensor([_is_corner(name) for name in names], device=device)
        leads = torch.from_numpy(behind.clip(number[DONE])).to(device)
        return cls(names, torch.from_numpy(kind).to(device), leads, allowed, whole, corner, tokens.locations(tokenizer))

    def start(self, tasks: Sequence[Task]) -> Any:
        """The states (b,) in which targets of these tasks begin."""
        import torch

        return torch.tensor([self.names.index(begin(task)) for task in tasks], device=self.kind.device)

    def mask(self, states: Any, before: Any) -> Any:
        """Which tokens may come, bool (b, v), in states (b,); `before` (b,) is the token before the last one."""
        import torch

        allowed = self.allowed[states]
        rows = torch.nonzero(self.corner[states])[:, 0]
        if len(rows):
            span = slice(self.locations.start, self.locations.stop)
            ids = torch.arange(span.start, span.stop, device=allowed.device)
            allowed[rows, span] &= ids >= before[rows, None]
        return allowed

    def step(self, states: Any, written: Any) -> Any:
        """The states (b,) after tokens (b,)."""
        return self.next[states, self.kind[written]]

    def follow(self, task: Task, ids: Sequence[int]) -> Iterator[bool]:
        """Whether each token of a target may stand where it does; ends after the first that may not."""
        import torch

        states, before = self.start([task]), [-1, -1]
        for token in ids:
            fits = bool(self.mask(states, torch.tensor(before[-2:-1]))[0, token])
            yield fits
            if not fits:
                return
            states = self.step(states, torch.tensor([token]))
            before.append(token)


def _is_corner(name: str) -> bool:
    word, _, place = name.partition(" ")
    return word in ("box", "proposal", "either") and place in ("2", "3")
