"""The shared parse: once per text, remembered, and the same after a round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from captioned import image, run, table, text, work
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.memory import Memory
from engine.stage import ChainError
from engine.storage import Folder
from filters import parsing
from filters.blacklist import Blacklist
from filters.parsing import decode, encode, parse, phrases_of
from filters.phrases import Phrases
from filters.syntax import Extent, NounPhrase, Syntax, Word, analyse
from filters.text import TextSyntax

CAPTIONS = ["A man in a blue shirt rides a horse.", "two dogs on a sofa", "cars, buses and people", "🙂 http://x.y", ""]


@pytest.fixture(autouse=True)
def _afresh() -> None:
    parsing.forget()


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that reach the parser."""
    seen: list[str] = []

    def counting(nlp: Any, texts: Iterable[str], extent: Extent) -> Iterator[Syntax]:
        given = list(texts)
        seen.extend(given)
        return analyse(nlp, given, extent)

    monkeypatch.setattr(parsing, "analyse", counting)
    return seen


def test_a_text_is_parsed_once_however_often_it_occurs(parsed: list[str]) -> None:
    memory = Memory()
    first = parse([*CAPTIONS, *CAPTIONS], memory, "")
    assert first[: len(CAPTIONS)] == first[len(CAPTIONS) :] == parse(CAPTIONS, memory, "")
    assert sorted(parsed) == sorted(CAPTIONS)


def test_all_filters_of_a_worker_share_the_parse(parsed: list[str]) -> None:
    work([TextSyntax(max_objects=9), Phrases(), Blacklist()], table(image(*CAPTIONS[:3]), image(*CAPTIONS[:3])))
    assert sorted(parsed) == sorted(CAPTIONS[:3])


def test_a_later_run_with_other_settings_parses_only_what_is_new(tmp_path: Path, parsed: list[str]) -> None:
    images = table(image(*CAPTIONS[:3]))
    memory = Memory(Folder.at(tmp_path), "shard")
    work([TextSyntax()], images, memory)
    memory.keep()
    parsed.clear()
    parsing.forget()
    again = table(image(*CAPTIONS[:3], "a new caption of a cat"))
    work([TextSyntax(max_objects=1), Phrases()], again, Memory(Folder.at(tmp_path), "shard"))
    assert parsed == ["a new caption of a cat"]


def test_nothing_remembered_is_used_after_the_rules_changed(
    tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    parse(CAPTIONS, memory, "")
    monkeypatch.setattr(parsing, "_code", lambda: ["another version"])
    parse(CAPTIONS, memory, "")
    assert len(parsed) == 2 * len(CAPTIONS)


def test_remembered_and_fresh_parses_are_the_same() -> None:
    memory = Memory()
    fresh = parse(CAPTIONS, memory, "")
    parsing.forget()
    assert parse(CAPTIONS, memory, "") == fresh == list(analyse(parsing.load(""), CAPTIONS, Extent.BOTH))


def test_what_another_shard_had_is_remembered_for_this_one_too(parsed: list[str]) -> None:
    parse(CAPTIONS, Memory(), "")
    memory = Memory()
    parse(CAPTIONS, memory, "")
    parsing.forget()
    parse(CAPTIONS, memory, "")
    assert len(parsed) == len(CAPTIONS)


def test_what_a_process_holds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "RECENT", 2)
    for _ in range(3):
        parse(CAPTIONS, Memory(), "")
    assert len(parsing._recent) == len(CAPTIONS)


@pytest.mark.parametrize("extent", list(Extent))
def test_the_phrases_of_each_extent_come_from_one_parse(extent: Extent) -> None:
    def places(phrases: Iterable[NounPhrase]) -> list[tuple[int, int]]:
        return [(phrase.start, phrase.end) for phrase in phrases]

    both = parse(CAPTIONS, Memory(), "")
    alone = analyse(parsing.load(""), CAPTIONS, extent)
    assert [places(phrases_of(one, extent)) for one in both] == [places(one.noun_phrases) for one in alone]


@st.composite
def syntaxes(draw: st.DrawFn) -> tuple[str, Syntax]:
    said = draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))

    def word() -> Word:
        start = draw(st.integers(0, len(said) - 1))
        end = draw(st.integers(start + 1, len(said)))
        lemma = draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5))
        return Word(said[start:end], lemma, start, end, draw(st.integers(0, 9)))

    kinds = [tuple(word() for _ in range(draw(st.integers(0, 2)))) for _ in range(4)]
    head = word()
    nouns = (NounPhrase(said[head.start : head.end], head.start, head.end, head, draw(st.booleans())),)
    return said, Syntax(draw(st.integers(0, 99)), *kinds, nouns)


@given(syntaxes())
@settings(deadline=None)
def test_a_parse_survives_its_json(made: tuple[str, Syntax]) -> None:
    said, syntax = made
    assert decode(encode(syntax), said) == syntax


@pytest.mark.parametrize("pipeline", ["en_no_such_pipeline", "no/such/folder", "json", "not a name"])
def test_a_pipeline_that_is_not_there_is_refused_with_help(pipeline: str) -> None:
    with pytest.raises(ChainError, match="python -m spacy download"):
        TextSyntax(pipeline=pipeline).check()


def test_a_pipeline_without_a_parser_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"pipeline": ["tagger"]}')
    with pytest.raises(ChainError, match="no parser"):
        Phrases(pipeline=str(tmp_path)).check()


def test_a_pipeline_is_a_setting_and_its_files_are_its_revision(tmp_path: Path) -> None:
    nlp = parsing.load("")
    nlp.to_disk(tmp_path / "copy")
    copy = TextSyntax(pipeline=str(tmp_path / "copy"))
    copy.check()
    parsing.forget()
    assert copy.revision() == parsing.revision(str(tmp_path / "copy")) != ""
    assert parse(CAPTIONS, Memory(), copy.pipeline) == parse(CAPTIONS, Memory(), "")
    nlp.meta["version"] = "9"
    nlp.to_disk(tmp_path / "other")
    assert parsing.revision(str(tmp_path / "other")) != copy.revision()


def test_no_texts_need_no_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "load", lambda pipeline: pytest.fail("loaded"))
    run(TextSyntax(), table(image()))
    run(TextSyntax(), table(image(text("Ein Mensch schrieb das", human=True))))
    run(TextSyntax(), table(image(text("собака на диване"))))
