"""Chunk labels from the brief texts of regions."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from captioned import MODEL, image, run, table, work
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.stage import ChainError
from filters import parsing
from filters.chunks import Chunks


def region(*labels: tuple[str, str], human: bool = False, best: int | None = None, id: str = "r") -> dict[str, Any]:
    """An object with labels: granularity and text of each."""
    origin = records.HUMAN if human else MODEL
    made = [records.label(granularity, text, origin) for granularity, text in labels]
    return records.region(id, "object", [0, 0, 9, 9], origin, labels=made, best=best)


def regions(*rows: list[dict[str, Any]]) -> pa.Table:
    return table(*({**image(), "regions": [{**one, "id": f"r{i}"} for i, one in enumerate(row)]} for row in rows))


def chunks(done: pa.Table) -> list[list[str]]:
    """Of each region of all images."""
    labels = [one["labels"] for row in done["regions"].to_pylist() for one in row]
    return [[each["text"] for each in many if each["granularity"] == "chunk"] for many in labels]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([("brief", "a man in a blue shirt rides a horse")], ["a man", "a blue shirt", "a horse"]),
        ([("phrase", "man"), ("brief", "A man rides a horse.")], ["a horse"]),  # called so already
        ([("brief", "a brown dog")], []),  # nothing but the text itself
        ([("phrase", "dog"), ("brief", "a brown dog on a sofa")], ["a brown dog", "a sofa"]),
        ([("brief", "the horse beside a horse and a horse")], ["the horse"]),
        ([("brief", "it is his")], []),
        ([("phrase", "dog"), ("ocr", "A man rides a horse.")], []),
        ([("brief", "собака бежит по траве, a dog")], []),
        ([("brief", "")], []),
        ([], []),
    ],
)
def test_the_chunks_of_a_region(labels: list[tuple[str, str]], expected: list[str]) -> None:
    assert chunks(run(Chunks(), regions([region(*labels)])).table) == [expected]


def test_the_first_alone_where_that_is_asked_for() -> None:
    given = regions([region(("brief", "a man in a blue shirt rides a horse")), region(("phrase", "a man"))])
    assert chunks(run(Chunks(first_only=True), given).table) == [["a man"], []]


def test_what_a_chunk_says_of_itself() -> None:
    given = regions([region(("phrase", "horse"), ("brief", "a man rides a horse"), best=0)])
    (one,) = run(Chunks(), given).table["regions"].to_pylist()[0]
    assert [each["text"] for each in one["labels"]] == ["horse", "a man rides a horse", "a man"]
    assert one["best"] == 0
    assert one["labels"][2] == {
        "granularity": "chunk", "text": "a man", "score": None, "similarity": None,
        "origin": {"model": "syntax", "revision": parsing.revision(""), "round": 0},
    }  # fmt: skip


def test_what_a_person_said_is_not_taken_apart() -> None:
    assert chunks(run(Chunks(), regions([region(("brief", "a man rides a horse"), human=True)])).table) == [[]]


def test_only_once() -> None:
    given = regions([region(("brief", "a man rides a horse"))], [region(("brief", "a red bus on a street"))])
    once = run(Chunks(), given).table
    assert run(Chunks().called("chunks@detailed"), once).table.equals(once)


def test_a_later_region_gets_its_own() -> None:
    old = region(("brief", "a man rides a horse"), ("chunk", "a man"))
    done = run(Chunks(), regions([old, region(("brief", "a red bus on a street"))])).table
    assert chunks(done) == [["a man"], ["a red bus", "a street"]]


def test_chunks_go_to_their_own_region_and_image() -> None:
    bus, man = region(("brief", "a red bus on a street")), region(("brief", "a man rides a horse"))
    given = regions([bus, region()], [], [region(), man, bus])
    assert chunks(work([Chunks()], given).table) == [
        ["a red bus", "a street"], [], [], ["a man", "a horse"], ["a red bus", "a street"],
    ]  # fmt: skip


def test_a_slice_of_a_shard_is_a_shard() -> None:
    given = regions(*([region(("brief", f"a man rides {name}"))] for name in ("a horse", "a bus", "a cow")))
    assert chunks(run(Chunks(), given.slice(1, 1)).table) == [["a man", "a bus"]]


def test_nothing_else_changes() -> None:
    given = regions([region(("brief", "a man rides a horse"))])
    done = run(Chunks(), given).table
    assert done.drop_columns(["regions"]).equals(given.drop_columns(["regions"]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=3), max_size=4))
def test_any_text_is_survived(texts: list[list[str]]) -> None:
    given = regions([region(*(("brief", text) for text in one)) for one in texts])
    done = run(Chunks(), given).table
    assert run(Chunks(), done).table.equals(done)
    for found, said in zip(chunks(done), texts, strict=True):
        assert all(any(chunk in text for text in said) for chunk in found)


@pytest.mark.parametrize("wrong", [{"max_foreign": 2}, {"max_foreign": "much"}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="chunks"):
        Chunks(**wrong)


def test_a_pipeline_that_is_not_there() -> None:
    with pytest.raises(ChainError, match="no_such_pipeline"):
        Chunks(pipeline="no_such_pipeline").check()
