"""The phrases column from the noun phrases of each text."""

from __future__ import annotations

import pytest
from captioned import image, phrase, run, spans, table, text, work
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.checks import check
from engine.stage import ChainError
from filters import parsing
from filters.phrases import Phrases

SHIRT = "A man in a blue shirt rides a horse."


@pytest.mark.parametrize(
    ("extent", "phrases"),
    [
        ("bare", ["A man", "a blue shirt", "a horse"]),
        ("full", ["A man in a blue shirt", "a blue shirt", "a horse"]),
        ("both", ["A man", "A man in a blue shirt", "a blue shirt", "a horse"]),
    ],
)
def test_phrases_of_each_extent(extent: str, phrases: list[str]) -> None:
    assert spans(run(Phrases(extent=extent), table(image(SHIRT))).table) == phrases  # type: ignore[arg-type]


def test_what_a_phrase_says_of_itself() -> None:
    ((first, *_),) = run(Phrases(), table(image(SHIRT))).table["phrases"].to_pylist()
    assert first == {
        "id": "phrases.0", "text_id": "t0", "start": 0, "end": 5, "region_ids": [], "score": None, "similarity": None,
        "origin": {"model": "syntax", "revision": parsing.revision(""), "round": 0},
    }  # fmt: skip


def test_ids_are_numbered_by_image_over_all_of_its_texts() -> None:
    done = run(Phrases(), table(image("a dog", "a cat and a cow"), image(text("two men", human=True)), image()))
    ids = [[each["id"] for each in row] for row in done.table["phrases"].to_pylist()]
    assert ids == [["phrases.0", "phrases.1", "phrases.2"], ["phrases.0"], []]


def test_texts_that_have_phrases_are_left_alone() -> None:
    given = table(image(SHIRT, "a cat on a mat", phrases=[phrase("phrases.1", "t0", 2, 5)]))
    done = work([Phrases()], given)
    assert spans(done.table) == ["man", "a cat", "a mat"]
    assert records.flatten(done.table, "phrases")[1].field("id").to_pylist() == ["phrases.1", "phrases.0", "phrases.2"]
    assert run(Phrases(), done.table).table["phrases"].equals(done.table["phrases"])


def test_another_script_gets_phrases_only_where_that_is_asked() -> None:
    given = table(image("собака на диване"))
    assert spans(run(Phrases(), given).table) == []
    assert spans(run(Phrases(max_foreign=None), given).table)


@pytest.mark.parametrize("setting", [{"extent": "some"}, {"max_foreign": -1}])
def test_settings_that_make_no_sense_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ChainError, match=next(iter(setting))):
        Phrases(**setting)  # type: ignore[arg-type]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=60), max_size=3))
@settings(deadline=None, max_examples=40)
def test_spans_of_any_text_are_inside_it(said: list[str]) -> None:
    check(work([Phrases(extent="both", max_foreign=None)], table(image(*said))).table)
