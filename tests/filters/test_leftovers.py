"""What no description ends with, says, or is made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from captioned import image, rules, run, table, text, texts, work

from filters.leftovers import TextLeftovers, garbled, open_end, refusal

HAND_WRITTEN = Path(__file__).parent / "captions.jsonl"


@pytest.mark.parametrize(
    ("caption", "end"),
    [
        ("a dog on the", "the"),
        ("Two men and a woman who are walking with", "with"),
        ("a red car, a blue car,", ","),
        ("a kitchen with -", "-"),
        ("a man looks on", None),
        ("a dog on the sofa", None),
        ("A dog on the sofa.", None),
        ('a sign that reads "THE"', None),
        ("a table for two", None),
        ("", None),
        ("!?", None),
    ],
)
def test_a_text_that_ends_in_the_middle(caption: str, end: str | None) -> None:
    assert open_end(caption) == end


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("I’m sorry, but I cannot describe this.", "I'm sorry"),
        ("Unfortunately I can't view images directly.", "I can't view"),
        ("As an AI, I have no eyes.", "As an AI"),
        ("No image was provided.", "No image was provided"),
        ("Please upload the picture again", "Please upload the"),
        ('a sign says "I\'m sorry we are closed"', None),
        ("a sorry dog next to a closed door", None),
        ("a woman uploads an image", None),
        ("an airplane as an aid to tourists", None),
    ],
)
def test_a_text_that_refuses(caption: str, words: str | None) -> None:
    assert refusal(caption) == words


@pytest.mark.parametrize(
    ("caption", "places"),
    [
        ("a cafÃ© on a street", 1),
        ("a caf\ufffd on a street", 1),
        ("a café with naïve Ångström signs", 0),
        ("ein Hund läuft über die Straße", 0),
        ("собака на диване", 0),
        ("沙发上的狗 🐕", 0),
        ("plain", 0),
    ],
)
def test_a_text_of_another_encoding(caption: str, places: int) -> None:
    assert garbled(caption) == places


def test_each_rule_drops_with_its_words_and_can_be_switched_off() -> None:
    captions = ["a dog on the", "I am sorry, no.", "a cafÃ©", "a good dog", "two dogs on a sofa"]
    given = table(*(image(caption) for caption in captions), image(text("a dog on the", human=True)))
    outcome = run(TextLeftovers(), given)
    assert rules(outcome) == ["text_cut", "text_refusal", "text_encoding"]
    assert outcome.rejects["detail"].to_pylist() == ["the", "I am sorry", None]
    assert texts(outcome.table) == ["a good dog", "two dogs on a sofa", "a dog on the"]
    off = TextLeftovers(cut=False, refusal=False, max_garbled=None)
    assert rules(work([off], given)) == []


def test_no_hand_written_caption_is_dropped() -> None:
    captions = [json.loads(line)["text"] for line in HAND_WRITTEN.read_text(encoding="utf-8").splitlines()]
    assert rules(run(TextLeftovers(), table(*map(image, captions)))) == []
