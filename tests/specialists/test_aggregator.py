"""The aggregator: what it says of regions, in correct English, and never more than they show."""

from __future__ import annotations

import re
from typing import Any

import fakes
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.checks import check
from engine.stage import ChainError
from engine.worker import Work, Worker
from filters.text import TextDuplicates, TextLength, TextRepetition
from specialists.aggregator.naming import name_of
from specialists.aggregator.nouns import article, listed, noun
from specialists.aggregator.positions import Box, place, relation
from specialists.aggregator.stage import Aggregator

ORIGIN = records.Origin("m")
WIDTH, HEIGHT = 600, 400

LEFT, RIGHT, TOP = (10, 150, 150, 350), (400, 150, 590, 350), (250, 0, 350, 60)


def region(box: tuple[float, ...], *labels: str, kind: str = "object", score: float | None = 0.8, **given: Any) -> Any:
    """One region; the first label is its category, the others are noun chunks, unless "granularity:" says another."""
    told = [each.partition(":") for each in labels]
    made = [
        records.label(head if tail else ("chunk" if i else "phrase"), tail or head, ORIGIN)
        for i, (head, _, tail) in enumerate(told)
    ]
    return records.region("?", kind, box, ORIGIN, score=score, labels=made, best=0 if made else None, **given)


def table(*images: list[Any]) -> pa.Table:
    rows = fakes.table(len(images)).to_pylist()
    for row, regions in zip(rows, images, strict=True):
        named = [each | {"id": f"r{i}"} for i, each in enumerate(regions)]
        row |= {"width": WIDTH, "height": HEIGHT, "regions": named}
    return pa.Table.from_pylist(rows, records.SCHEMA)


def run(given: pa.Table, *more: Any, cpus: int = 1, **setting: Any) -> Work:
    worker = Worker([Aggregator(**setting), *more], cpus)
    done = worker(Work.of(given))
    worker.close()
    check(done.table)
    assert not any(done.table["faults"].to_pylist())
    return done


def said(*regions: Any, granularity: str = "more_detailed", **setting: Any) -> str:
    texts = run(table(list(regions)), **setting).table["texts"].to_pylist()[0]
    return next((each["text"] for each in texts if each["granularity"] == granularity), "")


# Nouns


@pytest.mark.parametrize(
    ("name", "one", "two", "again"),
    [
        ("dog", "a dog", "two dogs", "the dog"),
        ("umbrella", "an umbrella", "two umbrellas", "the umbrella"),
        ("unicorn", "a unicorn", "two unicorns", "the unicorn"),
        ("hourglass", "an hourglass", "two hourglasses", "the hourglass"),
        ("honest man", "an honest man", "two honest men", "the honest man"),
        ("SUV", "an SUV", "two SUVs", "the SUV"),
        ("TV", "a TV", "two TVs", "the TV"),
        ("person", "a person", "two people", "the person"),
        ("policewoman", "a policewoman", "two policewomen", "the policewoman"),
        ("wolf", "a wolf", "two wolves", "the wolf"),
        ("sheep", "a sheep", "two sheep", "the sheep"),
        ("bus", "a bus", "two buses", "the bus"),
        ("glass", "a glass", "two glasses", "the glass"),
        ("wine glass", "a wine glass", "two wine glasses", "the wine glass"),
        ("cup of tea", "a cup of tea", "two cups of tea", "the cup of tea"),
        ("passerby", "a passerby", "two passersby", "the passerby"),
        ("tooth", "a tooth", "two teeth", "the tooth"),
        ("lens", "a lens", "two lenses", "the lens"),
        ("scissors", "a pair of scissors", "two pairs of scissors", "the scissors"),
        ("grass", "grass", "grass", "the grass"),
        ("broccoli", "broccoli", "broccoli", "the broccoli"),
        ("sky", "the sky", "the sky", "the sky"),
        ("cattle", "some cattle", "some cattle", "the cattle"),
    ],
)
def test_nouns(name: str, one: str, two: str, again: str) -> None:
    found, is_plural = noun(name)
    assert (found.indefinite(1), found.indefinite(2), found.definite(1)) == (one, two, again)
    assert is_plural == (name == "cattle")


@pytest.mark.parametrize(
    ("name", "one"),
    [("dogs", "dog"), ("people", "person"), ("men", "man"), ("shelves", "shelf"), ("buses", "bus"),
     ("dresses", "dress"), ("taxis", "taxi"), ("two-seaters", "two-seater"), ("children", "child")],
)  # fmt: skip
def test_plurals_are_known_as_such(name: str, one: str) -> None:
    found, is_plural = noun(name)
    assert (found.name, is_plural) == (one, True)


@pytest.mark.parametrize("name", ["dress", "bus", "cactus", "tennis", "gas", "iris", "canvas", "octopus", "deer"])
def test_what_ends_as_a_plural_and_is_none(name: str) -> None:
    assert noun(name)[0].name == name
    assert not noun(name)[1]


def test_articles_and_lists() -> None:
    assert [article(each) for each in ("18-wheeler", "8 ball", "x-ray", "LED lamp", "used car", "old car")] == [
        "an 18-wheeler", "an 8 ball", "an x-ray", "an LED lamp", "a used car", "an old car",
    ]  # fmt: skip
    assert [listed(list("abc")[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("label", "granularity", "name"),
    [
        ("Dog", "phrase", "dog"), ("a brown dog", "phrase", "brown dog"), ("the man in a hat", "chunk", "man"),
        ("traffic_light", "phrase", "traffic light"), ("car_(automobile)", "phrase", "car"), ("TV", "phrase", "TV"),
        ("headband/hat", "phrase", "headband"), ("two dogs", "chunk", "dogs"), ("his dog.", "chunk", "dog"),
        ("cup of tea", "phrase", "cup of tea"), ("dog, wet", "chunk", "dog"),
        ("LABEL_3", "phrase", ""), ("", "phrase", ""), ("???", "phrase", ""), ("the", "chunk", ""),
        ("犬", "phrase", ""),
        ("man walking dog", "phrase", ""), ("a very long name of a thing", "phrase", ""), ("of", "phrase", ""),
        ("a brown dog on a sofa", "brief", "brown dog"), ("a woman holds a dog", "brief", ""), ("dog", "brief", ""),
        ("a dog runs", "brief", ""), ("EXIT", "ocr", ""),
    ],
)  # fmt: skip
def test_names_in_labels(label: str, granularity: str, name: str) -> None:
    assert " ".join(name_of(label, granularity)) == name


# Places


@pytest.mark.parametrize(
    ("box", "where"),
    [
        ((0, 0, 0.2, 0.2), "at the top left"), ((0.4, 0.4, 0.6, 0.6), "in the middle"),
        ((0.8, 0.4, 1, 0.6), "on the right"), ((0.4, 0.8, 0.6, 1), "at the bottom"),
        ((0, 0.8, 1, 1), "across the bottom"), ((0, 0, 0.9, 0.9), "across most of the image"),
    ],
)  # fmt: skip
def test_places(box: tuple[float, float, float, float], where: str) -> None:
    assert where in place(Box(*box))


@pytest.mark.parametrize(
    ("other", "how"),
    [
        ((0.5, 0.3, 0.7, 0.6), "to the left of"), ((0, 0.3, 0.1, 0.6), "to the right of"),
        ((0.3, 0.7, 0.4, 0.9), "above"), ((0.3, 0, 0.4, 0.2), "below"),
        ((0.3, 0.3, 0.5, 0.6), ""),  # they overlap: which is before the other, a box does not tell
        ((0.6, 0.7, 0.7, 0.9), ""),  # across the corner
    ],
)  # fmt: skip
def test_relations(other: tuple[float, float, float, float], how: str) -> None:
    assert relation(Box(0.2, 0.3, 0.4, 0.6), Box(*other)) == how


# Texts


def test_one_image_in_words() -> None:
    regions = (region(LEFT, "dog", "a brown dog"), region(RIGHT, "sofa"), region(TOP, "lamp", score=0.5))
    text = said(*regions)
    assert re.match(r"A sofa, a brown dog and a lamp (can be seen|are shown|are pictured)\. ", text)
    assert re.search(r"The dog (is|can be found|can be seen) on the left", text)
    assert re.search(r"The sofa (is|can be seen) to the right of the dog\.", text)
    assert re.search(r"The lamp appears smaller than the sofa\.", text)
    assert text.count(".") >= 5
    detailed = said(*regions, granularity="detailed")
    assert 2 <= detailed.count(".") <= 3
    assert len(detailed) < len(text)


def test_what_it_writes() -> None:
    done = run(table([region(LEFT, "dog"), region(RIGHT, "cat", score=0.4), region(TOP, "cup", score=0.1)], []))
    first, second = done.table["texts"].to_pylist()
    assert [(each["id"], each["granularity"]) for each in first] == [
        ("aggregator.detailed", "detailed"), ("aggregator.more_detailed", "more_detailed"),
    ]  # fmt: skip
    assert first[0]["score"] == pytest.approx(0.6)  # of what it speaks of; the cup is not sure enough
    assert "cup" not in first[1]["text"]
    assert first[0]["origin"] == {"model": "aggregator", "revision": "3", "round": 0}
    assert second == []


def test_unscored_regions_give_no_score() -> None:
    (texts,) = run(table([region(LEFT, "dog", score=None)])).table["texts"].to_pylist()
    assert [each["score"] for each in texts] == [None, None]


def test_numbers_attributes_and_places_of_several() -> None:
    text = said(
        region(LEFT, "dog", "a brown dog"), region(RIGHT, "dog", "the black dog"), region(TOP, "dog", "black dog")
    )
    assert text.startswith("Three dogs ")
    assert re.search(r"he dogs are spread across the image[,.]", text)
    assert re.search(r"Two of the dogs are black and one is brown\.|One of the dogs is brown and two are black\.", text)
    two = said(region(LEFT, "dog", "a brown dog"), region(RIGHT, "dog", "brown dog"))
    assert two.startswith("Two brown dogs ")
    assert re.search(r"One of the dogs is on the (left|right).* and the other is on the (left|right)", two)


def test_a_colour_in_the_only_name_makes_no_thing_of_another_name() -> None:
    assert said(region(LEFT, "a brown dog"), region(RIGHT, "dog", "brown dog")).startswith("Two brown dogs ")
    assert said(region(LEFT, "orange")).startswith("An orange ")


def test_what_two_signs_say_is_told_once() -> None:
    lines = [region((20, 160, 90, 200), "ocr:EXIT", kind="text"), region((420, 160, 500, 200), "ocr:EXIT", kind="text")]
    assert said(region(LEFT, "sign"), region(RIGHT, "sign"), *lines).count('"EXIT"') == 1


def test_plural_labels_and_crowds_are_not_counted() -> None:
    assert said(region(LEFT, "people")).startswith("Some people ")
    assert said(region(LEFT, "person", crowd=True), region(RIGHT, "person")).startswith("Some people ")
    assert not re.search(r"The (people is|person)", said(region(LEFT, "people"), region(RIGHT, "person")))


def test_mass_nouns_are_never_counted() -> None:
    text = said(region(LEFT, "grass"), region(RIGHT, "grass"))
    assert text.startswith("Grass ")
    assert not re.search(r"one of|two|grasses|a grass|grass are", text)


def test_what_no_label_names_is_an_object_and_a_proposal_nothing() -> None:
    assert said(region(LEFT, "LABEL_3"), region(RIGHT, kind="object")).startswith("Two objects ")
    assert said(region(LEFT, kind="proposal")) == ""
    assert said(region(LEFT, "dog", kind="proposal")).startswith("A dog ")


def test_writing_is_on_a_sign_only_where_it_lies_in_its_box() -> None:
    line = region((420, 160, 500, 200), "ocr:EXIT \n ONLY", kind="text")
    assert 'The sign reads "EXIT ONLY".' in said(region(RIGHT, "sign"), line)
    assert re.search(r'The text "EXIT ONLY" (can be read|is written) ', said(region(LEFT, "sign"), line))
    assert re.search(r'The text "EXIT ONLY" (can be read|is written) ', said(region(RIGHT, "dog"), line))
    assert 'One of the signs reads "EXIT ONLY".' in said(region(LEFT, "sign"), region(RIGHT, "road sign", "sign"), line)


def test_writing_alone_makes_a_text_too() -> None:
    text = said(region(LEFT, 'ocr:The "A" team', kind="text"), region(TOP, "ocr:x", kind="text"))
    assert re.fullmatch(r"The text \"The 'A' team\" (can be read|is written) .*\.", text)


def test_texts_that_are_there_are_left_alone() -> None:
    given = table([region(LEFT, "dog")])
    row = given.to_pylist()[0]
    row["texts"] = [records.text("mine", "detailed", "My dog.", records.HUMAN)]
    done = run(pa.Table.from_pylist([row], records.SCHEMA))
    assert [each["id"] for each in done.table["texts"].to_pylist()[0]] == ["mine", "aggregator.more_detailed"]
    assert run(done.table).table.equals(done.table)


def test_the_same_image_gets_the_same_words_and_others_get_others() -> None:
    given = table(*[[region(LEFT, "dog"), region(RIGHT, "cat"), region(TOP, "lamp")]] * 12)
    one, two = run(given), run(given, cpus=2)
    assert one.table.equals(two.table)
    texts = [row[1]["text"] for row in one.table["texts"].to_pylist()]
    assert len(set(texts)) >= 4


def test_curate_lets_its_texts_pass() -> None:
    regions = [region(LEFT, "dog", "a brown dog"), region(RIGHT, "sofa"), region(TOP, "lamp"), region(LEFT, "person"),
               region((420, 160, 500, 200), "ocr:EXIT", kind="text")]  # fmt: skip
    done = run(table(*[regions] * 8), TextLength(), TextRepetition(), TextDuplicates())
    assert done.rejects["rule"].to_pylist() == []


def test_a_setting_that_makes_no_sense() -> None:
    with pytest.raises(ChainError, match="min_score"):
        Aggregator(min_score=2)


# Anything at all

NOUNS = {  # article, plural, and whether "the ..." of one takes a plural verb; by hand
    "dog": ("a", "dogs", False), "owl": ("an", "owls", False), "person": ("a", "people", False),
    "knife": ("a", "knives", False), "hour": ("an", "hours", False), "unicorn": ("a", "unicorns", False),
    "wine glass": ("a", "wine glasses", False), "SUV": ("an", "SUVs", False), "sign": ("a", "signs", False),
    "object": ("an", "objects", False), "scissors": ("", "scissors", True), "grass": ("", "grass", False),
    "sky": ("", "sky", False), "cattle": ("", "cattle", True),
}  # fmt: skip
ATTRIBUTES = {"": "", "brown": "a", "orange": "an", "old": "an", "small": "a"}
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight")
TEMPLATES = """
    a an the some one other pair pairs of and is are can be seen shown pictured found read reads written text at in on
    across spread from to top bottom left right middle center upper lower part side places different above below take
    takes up cover covers appear appears smaller than image all nearly most about half third quarter small very
"""
VOCABULARY = {*TEMPLATES.split(), *NUMBERS, "QUOTED"}

sides = st.tuples(st.integers(0, 99), st.integers(1, 100)).map(lambda pair: (pair[0], min(100, pair[0] + pair[1])))
boxes = st.tuples(sides, sides).map(lambda xy: (xy[0][0] * 6, xy[1][0] * 4, xy[0][1] * 6, xy[1][1] * 4))
scores = st.none() | st.floats(0.5, 1, width=32)
lines = st.builds(
    lambda box, line, score: region(box, f"ocr:{line}", kind="text", score=score),
    boxes, st.text(st.characters(codec="utf-8"), max_size=20), scores,
)  # fmt: skip


@st.composite
def named(draw: st.DrawFn) -> Any:
    """A region of one of the nouns, with an attribute in its chunk."""
    name, attribute = draw(st.sampled_from(sorted(NOUNS))), draw(st.sampled_from(sorted(ATTRIBUTES)))
    labels = [name, f"{draw(st.sampled_from(['', 'the ', 'a ']))}{attribute} {name}", "brief:a cat or the like"]
    return region(draw(boxes), *labels, score=draw(scores), crowd=draw(st.sampled_from([None, True])))


@given(st.lists(st.lists(named() | lines, max_size=10), min_size=1, max_size=3))
@settings(deadline=None, max_examples=150)
def test_any_things_are_told_in_correct_english_and_nothing_else(images: list[list[Any]]) -> None:
    for regions, row in zip(images, run(table(*images)).table["texts"].to_pylist(), strict=True):
        for text in row:
            bare = _bare(text["text"])
            _names_only(bare, regions)
            _articles_fit(bare)
            _verbs_agree(bare)
            assert not re.search(r"\b(\w+) \1\b", bare), bare


def _bare(text: str) -> str:
    """A text with QUOTED for what it quotes; its sentences must be ones."""
    assert text == " ".join(text.split())
    bare = re.sub(r'"[^"]+"', "QUOTED", text)
    assert re.fullmatch(r"([A-ZÀ-Ý][^.]*\. )*[A-ZÀ-Ý][^.]*\.", bare), text
    assert not re.search(r",,| ,| \.|,\.| and and |, and,", bare), text
    return bare


def _names_only(bare: str, regions: list[Any]) -> None:
    labels = [label["text"] for each in regions for label in each["labels"][:2] if each["kind"] == "object"]
    names = [name for name in NOUNS if any(label.endswith(name) for label in labels)]
    shown = {word for name in names for form in (name, NOUNS[name][1]) for word in form.split()}
    shown |= {word for label in labels for word in label.split() if word in ATTRIBUTES}
    strange = {word for word in re.findall(r"[\w-]+", bare) if {word, word.lower()} & (VOCABULARY | shown) == set()}
    assert not strange, bare


def _articles_fit(bare: str) -> None:
    nouns = {name.split()[0]: article for name, (article, _, _) in NOUNS.items()}
    template = dict.fromkeys(("pair", "very", "small", "third", "quarter"), "a")
    for found, word in re.findall(r"\b(an?|An?) ([\w-]+)", bare):
        assert found.lower() == (template | nouns | ATTRIBUTES)[word], bare


def _verbs_agree(bare: str) -> None:
    counted = rf"\b({'|'.join(NUMBERS)}) (?!of|are)(?:pairs of )?([\w ]+)"
    plurals = tuple(many.lower() for _, many, _ in NOUNS.values())
    for _, rest in re.findall(counted, bare.lower()):
        assert any(rest.removeprefix(f"{each} ").startswith(plurals) for each in ATTRIBUTES), bare
    for subject, verb in re.findall(r"(?:^|\. )(.*?) (is|are) (?:shown|pictured)\.", bare):
        several = " and " in subject or subject.split()[0].lower() in ("some", *NUMBERS)
        assert verb == ("are" if several else "is"), bare
    forms = {name: verbs for name, (_, _, verbs) in NOUNS.items()}
    forms |= {many: True for name, (_, many, _) in NOUNS.items() if many != name}
    for noun_, verb in re.findall(rf"(?:^|\. )The ({'|'.join(forms)}) (is|are|appears?|covers?|takes?|reads?)\b", bare):
        assert (verb in ("are", "appear", "cover", "take", "read")) == forms[noun_], bare


labelled = st.builds(lambda box, label: region(box, f"phrase:{label}", f"brief:{label}"), boxes, st.text(max_size=30))


@given(st.lists(labelled | lines, max_size=6))
@settings(deadline=None, max_examples=100)
def test_any_labels_give_whole_sentences(regions: list[Any]) -> None:
    for text in run(table(regions)).table["texts"].to_pylist()[0]:
        _bare(text["text"])
