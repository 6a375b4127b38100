"""What the commands among the benchmarks take."""

from __future__ import annotations


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse's `type`."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
