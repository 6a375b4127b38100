"""Which labels name the same thing."""

from __future__ import annotations

import numpy as np
import pytest

from filters.names import agree, same_text, same_thing


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("dog", "dog", True),
        ("dog", "brown dog", True),
        ("a dog", "the brown dog", True),
        ("dog", "a small brown dog on a sofa", True),
        ("dining_table", "dining table", True),
        ("running dog", "dog", True),
        ("black dog", "brown dog", False),
        ("dog", "dogs", False),
        ("dog", "bulldog", False),
        ("dog", "dog house", False),
        ("sofa", "a dog on a sofa", False),
        ("dog", "man with dog", False),
        ("horse", "man riding a horse", False),
        ("dog", "cat and dog", False),
        ("coffee", "cup of coffee", False),
        ("cat", "a black and white cat", True),
        ("striped red and white car", "car", True),
        ("scissors", "a pair of red scissors", True),
        ("pair of scissors", "scissors", True),
        ("white cat", "red dog and white cat", False),
        ("white", "red and white", True),
        ("man in a red shirt", "man in a red shirt", True),
        ("man in a red shirt", "man in a blue shirt", False),
        ("tall man", "man in a blue shirt", True),
        ("man", "tall man in a blue shirt", True),
        ("the", "the", True),
        ("the", "dog", False),
        ("犬", "犬", True),
        ("犬", "猫", False),
    ],
)
def test_same_thing_both_ways_round(a: str, b: str, same: bool) -> None:
    assert same_thing(a, b) is same
    assert same_thing(b, a) is same


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [("exit", "EXIT", True), ("no  exit", "no exit", True), ("ＥＸＩＴ", "exit", True), ("exit", "no exit", False)],
)
def test_same_text(a: str, b: str, same: bool) -> None:
    assert same_text(a, b) is same


def test_names_are_asked_about_once_and_none_agrees_with_all() -> None:
    asked: list[tuple[str, str]] = []

    def same(a: str, b: str) -> bool:
        asked.append((a, b))
        return False

    names = ["", "a", "b"]
    verdict = agree(same, names, np.array([0, 1, 1, 2, 2]), np.array([1, 1, 2, 1, 0]))
    assert verdict.tolist() == [True, True, False, False, True]
    assert asked == [("a", "b")]
    assert agree(same, [], np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []
