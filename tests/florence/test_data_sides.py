"""Left and right in texts of mirrored images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from florence.data.sides import mirrored


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("A bench left of a cat", "A bench right of a cat"),
        ("The bench is to the right of the cat.", "The bench is to the left of the cat."),
        ("On the left, a dog", "On the right, a dog"),
        ("the one on the far right", "the one on the far left"),
        ("a hat in her LEFT hand", "a hat in her RIGHT hand"),
        ("Left hand and right arm", "Right hand and left arm"),
        ("the top-left corner, bottom right", "the top-right corner, bottom left"),
        ("the rightmost of the cats, looking left", "the leftmost of the cats, looking right"),
        ("from left to right: a dog, a cat", "from right to left: a dog, a cat"),
        ("cars to the left and right of the road", "cars to the right and left of the road"),
        ("on the man's left side", "on the man's right side"),
        ("a bright cleft", "a bright cleft"),
        ("nothing of the kind", "nothing of the kind"),
        ("", ""),
    ],
)
def test_a_side_becomes_the_other(text: str, seen: str) -> None:
    assert mirrored(text) == (seen, [])
    assert mirrored(seen) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        "The man left the house",
        "what is left of the wall",
        "What's left of it",
        "he sits right behind her",
        "the right size",
        "the left dog",
        "all right",
        "a car with the right of way",
        "a bag left on a table",
        "A sign that reads stop",
        'A board with "open" on it',
        "a clock on a tower",
        "turning clockwise",
        "the number 7",
    ],
)
def test_what_is_not_surely_a_side_is_not_known(text: str) -> None:
    assert mirrored(text) is None


def test_places_move_with_the_words() -> None:
    text = "A dog left of a cat, right of a bird"
    spans = [(0, 5), (15, 20), (30, 36)]
    words = [text[start:end] for start, end in spans]
    seen, places = mirrored(text, [place for span in spans for place in span]) or ("", [])
    assert seen == "A dog right of a cat, left of a bird"
    assert [seen[start:end] for start, end in zip(places[::2], places[1::2], strict=True)] == words
    assert mirrored("on the left", [7, 11]) == ("on the right", [7, 12])
    assert mirrored("on the left", [9]) is None


WORDS = ["a", "cat", "left", "right", "of", "the", "on", "to", "Left", "hand", "side", ",", "and", "most", "facing"]


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.data())
def test_twice_mirrored_is_the_same(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    once = mirrored(text, places)
    if once is not None:
        assert mirrored(*once) == (text, places)
        order = sorted(range(len(places)), key=lambda at: places[at])
        assert [once[1][at] for at in order] == sorted(once[1])
