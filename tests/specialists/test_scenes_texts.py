"""Texts of generated scenes, and scenes as a source: what is said is there, and nobody is told the answers."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import fsspec
import pytest

from engine.images import Limits
from engine.sources import SourceError, spec
from engine.sources.fetch import Usable, fetch
from engine.sources.inputs import Spec, merge
from specialists.bundled.scenes import nouns, source, truth
from specialists.bundled.scenes.catalogue import by_name
from specialists.bundled.scenes.scene import draw
from specialists.bundled.scenes.source import KIND, SceneFiles, Wanted
from specialists.bundled.scenes.told import Told
from specialists.bundled.scenes.truth import Truth


@cache
def told(count: int = 48) -> list[Truth]:
    return [draw("public", 21, index, ("easy", "normal", "hard")[index % 3])[1] for index in range(count)]


def names(truth: Truth) -> dict[str, str]:
    """What each region is: its category, or what is written."""
    return {region["id"]: region["labels"][0]["text"] for region in truth.regions}


def mentions(truth: Truth, kind: str = "object") -> list[tuple[str, list[str]]]:
    """What each phrase says that names regions of a kind, and which ones."""
    texts = {text["id"]: text["text"] for text in truth.texts}
    kinds = {region["id"]: region["kind"] for region in truth.regions}
    found = [(texts[p["text_id"]][p["start"] : p["end"]], p["region_ids"]) for p in truth.phrases]
    return [(words, ids) for words, ids in found if {kinds[id] for id in ids} == {kind}]


# Texts


def test_each_granularity_has_a_text_of_about_its_length() -> None:
    lengths: dict[str, list[int]] = {}
    for said in told():
        assert [text["granularity"] for text in said.texts] == ["brief", "detailed", "more_detailed"]
        for text in said.texts:
            lengths.setdefault(text["granularity"], []).append(len(text["text"].split()))
    mean = {key: sum(values) / len(values) for key, values in lengths.items()}
    assert 6 < mean["brief"] < 12
    assert 24 < mean["detailed"] < 38
    assert 54 < mean["more_detailed"] < 90
    assert min(lengths["more_detailed"]) > 30


def test_a_phrase_names_the_category_of_its_regions() -> None:
    for said in told():
        called = names(said)
        for words, ids in mentions(said):
            kinds = {called[id] for id in ids}
            category = by_name()[kinds.pop()]
            assert not kinds  # one mention is of one category
            known = (category.noun, category.plurals, *category.also)
            assert any(re.search(rf"\b{name}\b", words) for name in known), words


def test_what_is_written_is_quoted_letter_for_letter() -> None:
    quotes = 0
    for said in told():
        called = names(said)
        for words, ids in mentions(said, "text"):
            quotes += 1
            assert words == " ".join(called[id] for id in ids)
            assert any(f'"{words}"' in text["text"] for text in said.texts)
        assert len(mentions(said)) + len(mentions(said, "text")) == len(said.phrases)
    assert quotes > 5


def test_a_number_is_how_many_regions_there_are() -> None:
    several = 0
    for said in told():
        total = Counter(names(said).values())
        for words, ids in mentions(said):
            first = words.split()[0].lower()
            if len(ids) > 1 and first in nouns.NUMBERS:
                several += 1
                assert nouns.NUMBERS.index(first) == len(ids) == total[names(said)[ids[0]]]
            elif first in ("a", "an"):
                assert len(ids) == 1
    assert several > 5


def test_a_colour_that_is_said_is_the_colour_of_the_region() -> None:
    checked = 0
    for said in told():
        colours: dict[str, set[str]] = {}
        for row in said.attributes:
            if row["name"].endswith("colour"):
                colours.setdefault(row["region_id"], set()).add(row["value"])
        for words, ids in mentions(said):
            if len(ids) == 1 and ids[0] in colours:
                named = set(re.findall(r"\b(red|yellow|green|blue|purple|pink|black|white|gray)\b", words))
                assert named <= colours[ids[0]], words
                checked += bool(named)
    assert checked > 100


@pytest.mark.parametrize(
    "bad", [r"  ", r" [.,]", r"\ba [aeiou]", r"\ban [^aeiou]", r"\.\.", r"\ba \w+s are\b", r"\bis two\b"]
)
def test_texts_are_well_formed(bad: str) -> None:
    for said in told():
        for text in said.texts:
            plain = re.sub(r'"[^"]*"', '""', text["text"])  # signs are written as they like
            assert not re.search(bad, plain.lower()), text["text"]


def test_sentences_begin_with_a_capital_and_end_with_a_stop() -> None:
    for said in told():
        for text in said.texts:
            plain = re.sub(r'"[^"]*"', '""', text["text"])
            assert plain.endswith(".")
            assert all(sentence[0].isupper() for sentence in plain[:-1].split(". "))


def test_one_is_and_two_are() -> None:
    seen = 0
    for said in told():
        written = {region["id"] for region in said.regions if region["kind"] == "text"}
        for text in said.texts:
            for phrase in said.phrases:
                if written & set(phrase["region_ids"]):
                    continue
                after = text["text"][phrase["end"] :].split(" ")[1:2]
                if phrase["text_id"] == text["id"] and after and after[0] in ("is", "are"):
                    seen += 1
                    assert after[0] == ("is" if len(phrase["region_ids"]) == 1 else "are"), text["text"]
    assert seen > 30


def test_no_category_is_named_but_by_a_phrase() -> None:
    words = {word for category in by_name().values() for word in (category.noun, category.plurals, *category.also)}
    pattern = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in sorted(words, key=len, reverse=True)))
    for said in told():
        for text in said.texts:
            rest = text["text"]
            for phrase in said.phrases:
                if phrase["text_id"] == text["id"]:
                    rest = rest[: phrase["start"]] + "#" * (phrase["end"] - phrase["start"]) + rest[phrase["end"] :]
            assert not pattern.search(rest), text["text"]


def test_texts_vary() -> None:
    openings = Counter(" ".join(text["text"].split()[:2]) for said in told() for text in said.texts)
    assert len(openings) > 40
    assert len({text["text"] for said in told() for text in said.texts}) > 0.97 * 3 * len(told())


@pytest.mark.parametrize(
    ("noun", "with_article"),
    [("apple", "an apple"), ("umbrella", "an umbrella"), ("red apple", "a red apple"), ("orange cat", "an orange cat")],
)
def test_article(noun: str, with_article: str) -> None:
    assert nouns.article(noun) == with_article


def test_a_text_keeps_its_spans_while_it_is_written() -> None:
    told = Told("brief")
    told.name("a red car", ["a"])
    told.say("is behind", "")
    told.name("a sign", ["b"])
    told.say("that reads")
    told.quote("OPEN 24 h", ["b.0"])
    told.stop()
    told.say("it is late")
    told.stop()
    assert told.text == 'A red car is behind a sign that reads "OPEN 24 h". It is late.'
    assert [told.text[s.start : s.end] for s in told.spans] == ["A red car", "a sign", "OPEN 24 h"]


# The source


def asked(location: str = "5", **options: str) -> Spec:
    return Spec(f"scenes:{location}", "scenes", location, options)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an installation: the kind among the sources, the protocol among fsspec's."""
    monkeypatch.setitem(spec._kinds(), "scenes", KIND)
    fsspec.register_implementation("scenes", SceneFiles, clobber=True)


@pytest.mark.usefixtures("known")
def test_a_source_is_parsed_and_drawn_lazily() -> None:
    pairs = source.scenes("scenes:1000000?split=held-out&seed=7&difficulty=easy")
    scene, said = next(pairs)
    assert (scene, said) == draw("held-out", 7, 0, "easy")
    assert next(pairs)[0] == draw("held-out", 7, 1, "easy")[0]


@pytest.mark.parametrize(
    ("location", "options", "says"),
    [
        ("many", {}, "number of scenes"),
        ("0", {}, "number of scenes"),
        ("5", {"split": "train"}, "public, pool, held-out"),
        ("5", {"seed": "-1"}, "seed"),
        ("5", {"seed": "99999999999"}, "seed"),
        ("5", {"difficulty": "brutal"}, "easy, normal, hard"),
    ],
)
def test_a_source_that_is_none_says_why(location: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        source.wanted(asked(location, **options))


def test_what_is_left_out_is_the_pool_at_normal_difficulty() -> None:
    assert source.wanted(asked("3")) == Wanted(3, "pool", 0, "normal")


@pytest.mark.usefixtures("known")
def test_an_ingest_sees_pictures_and_nothing_of_their_truth() -> None:
    inputs = merge([KIND.list(asked("4", seed="9"))])
    assert inputs["texts"].to_pylist() == inputs["regions"].to_pylist() == [[]] * 4
    for index, outcome in enumerate(fetch(inputs, Limits())):
        scene, said = draw("pool", 9, index)
        assert isinstance(outcome, Usable)
        assert (outcome.image_id, outcome.data) == (said.image_id, scene.data)
        assert outcome.texts == outcome.regions == []


def test_the_truth_comes_out_of_another_door_by_image_id() -> None:
    assert KIND.truth is not None
    tables = list(KIND.truth(asked("3", seed="9", difficulty="hard")))
    assert [table.schema.equals(truth.SCHEMA) for table in tables] == [True]
    expected = [draw("pool", 9, index, "hard")[1] for index in range(3)]
    assert tables[0]["image_id"].to_pylist() == [said.image_id for said in expected]
    rows: list[dict[str, Any]] = tables[0].to_pylist()
    assert [len(row["regions"]) for row in rows] == [len(said.regions) for said in expected]


def test_a_path_that_names_no_scene_is_missing() -> None:
    for path in ("pool/0/normal", "pool/0/brutal/1", "pool/0/normal/x"):
        with pytest.raises(FileNotFoundError, match="no scene"):
            SceneFiles().cat_file(path)
