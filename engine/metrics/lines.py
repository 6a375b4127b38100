"""How well written lines were read."""

from __future__ import annotations

from collections.abc import Sequence

from engine.metrics.rates import share


def character_errors(lines: Sequence[tuple[str, str]]) -> float:
    """The character error rate of (true, read) lines: edits over true characters, by jiwer; 0 is perfect.

    A line that was not read is (line, ""), one that is not there ("", line). The rate can be above 1. Case counts;
    runs of spaces are one, and none at either end. NaN where no line is true.
    """
    import jiwer

    pairs = [(plain(true), plain(read)) for true, read in lines]
    length = sum(len(true) for true, _ in pairs)
    edits = sum(len(read) for true, read in pairs if not true)  # jiwer refuses an empty reference
    rest = [(true, read) for true, read in pairs if true]
    if rest:
        result = jiwer.process_characters([true for true, _ in rest], [read for _, read in rest])
        edits += result.substitutions + result.deletions + result.insertions
    return share(edits, length)


def plain(line: str) -> str:
    """A line with single spaces, and none at either end."""
    return " ".join(line.split())
