"""Text filters: each rule on small tables, cleaning with its spans, and any text at all."""

from __future__ import annotations

from typing import Any

import pytest
from captioned import image, phrase, rules, run, spans, table, text, texts, work
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import records
from engine.stage import ChainError, Stage
from filters.blacklist import Blacklist
from filters.cleaning import TextClean
from filters.phrases import Phrases
from filters.text import TextDuplicates, TextLength, TextOcr, TextRepetition, TextSyntax

FILTERS: list[Stage] = [
    TextClean(), TextLength(), TextRepetition(), TextOcr(), TextDuplicates(), TextSyntax(), Phrases(), Blacklist(),
]  # fmt: skip
GOOD = "A man in a blue shirt rides a brown horse."


def dropped(stage: Stage, words: str, granularity: str = "brief", **given: Any) -> str | None:
    """The rule by which a text goes, if it does."""
    outcome = run(stage, table(image(text(words, granularity=granularity), **given)))
    return next(iter(rules(outcome)), None)


# Length


@pytest.mark.parametrize(
    ("words", "granularity", "rule"),
    [
        ("two dogs", "brief", "text_min_words"),
        ("two wet dogs", "brief", None),
        ("two, wet!", "brief", "text_min_words"),  # punctuation is no word
        ("word " * 40, "brief", None),
        ("word " * 41, "brief", "text_max_words"),
        ("two wet dogs", "detailed", "text_min_words"),
        ("word " * 41, "detailed", None),
        ("word " * 19, "more_detailed", "text_min_words"),
        ("犬が走る", "brief", None),  # no spaces: each character counts
        ("", "brief", "text_min_words"),
    ],
)
def test_length(words: str, granularity: str, rule: str | None) -> None:
    assert dropped(TextLength(), words, granularity) == rule


def test_a_limit_can_be_given_for_all_granularities_for_one_or_not_at_all() -> None:
    assert dropped(TextLength(min_words=None), "dogs", "detailed") is None
    assert dropped(TextLength(min_words=2), "dogs", "detailed") == "text_min_words"
    assert dropped(TextLength(min_words={"brief": None}), "dogs") is None
    assert dropped(TextLength(min_words={"brief": None}), "dogs", "detailed") == "text_min_words"
    assert TextLength(min_words={"brief": 5}).settings()["min_words"] == {
        "brief": 5, "detailed": 8, "more_detailed": 20,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "setting"),
    [
        (TextLength, {"min_words": {"breif": 3}}),
        (TextLength, {"min_words": -1}),
        (TextLength, {"min_words": True}),
        (TextOcr, {"max_share": 1.5}),
        (TextOcr, {"min_match": 0}),
        (TextSyntax, {"max_foreign": 2}),
        (TextClean, {"markup": "strip"}),
        (TextClean, {"min_letters": 7}),
    ],
)
def test_settings_that_make_no_sense_are_refused(stage: type[Any], setting: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match=next(iter(setting))):
        stage(**setting)


def test_a_drop_says_value_and_threshold() -> None:
    (reject,) = run(TextLength(), table(image("two dogs"))).rejects.to_pylist()
    assert (reject["stage"], reject["value"], reject["threshold"]) == ("text_length", 2, 3)
    assert reject["text"]["text"] == "two dogs"


# Syntax


@pytest.mark.parametrize(
    ("words", "granularity", "rule"),
    [
        (GOOD, "brief", None),
        (GOOD, "detailed", None),
        ("two dogs on a sofa", "brief", None),
        ("two dogs on a sofa", "detailed", "text_actions"),
        ("dog", "brief", "text_object_degree"),
        ("It is here and there.", "brief", "text_object_degree"),
        ("dogs, cats, cows, pigs, hens, ducks, geese, sheep, goats, horses and mice", "brief", "text_objects"),
        ("собака на диване", "detailed", None),  # not for the English parser to say
    ],
)
def test_syntax(words: str, granularity: str, rule: str | None) -> None:
    assert dropped(TextSyntax(), words, granularity) == rule


def test_each_rule_of_syntax_can_be_switched_off() -> None:
    stage = TextSyntax(max_objects=None, min_object_degree=None, min_actions=None, min_action_degree=None)
    assert dropped(stage, "dog", "detailed") is None


def test_another_script_is_judged_where_the_pipeline_knows_it() -> None:
    assert dropped(TextSyntax(max_foreign=None, min_actions=9), "собака на диване") is not None


# Repetition


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("a dog and a dog and a dog", "text_loop"),
        ("a cat on a mat on a mat", "text_loop"),
        ("a sign that says no no no no no", "text_loop"),
        ("a very very long train", None),
        ("two people side by side", None),
        ("A thermos goes from hand to hand. To one side, a dog waits.", None),
        ("A dog. On a mat on a mat.", "text_loop"),
        ("A dog runs. A dog runs. A dog runs.", "text_loop"),
        ("a man and a man on a bench", None),
        ("A dog on the grass. It is wet. A dog on the grass.", "text_sentences"),
        ("a red car next to a blue car behind a car near some car", "text_word"),
        ("a man in a red hat, a woman in a red hat and a boy in a red hat", None),
        (
            "a hat on the left side of a shelf, a bag on the left side of a shelf, a cup on the left side of a shelf",
            "text_repeated",
        ),
        (GOOD, None),
    ],
)
def test_repetition(words: str, rule: str | None) -> None:
    assert dropped(TextRepetition(), words) == rule


def test_a_loop_is_named() -> None:
    (reject,) = run(TextRepetition(), table(image("a dog and a dog and a dog"))).rejects.to_pylist()
    assert (reject["detail"], reject["value"], reject["threshold"]) == ("a dog and", 1, 0)


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=12), st.integers(2, 4))
@settings(deadline=None)
def test_what_is_said_again_at_once_is_a_loop(said: list[str], times: int) -> None:
    outcome = run(TextRepetition(max_word=None, max_share=None), table(image(" ".join(said * (times + 1)))))
    assert rules(outcome) == ["text_loop"]


# OCR


@pytest.mark.parametrize(
    ("words", "written", "rule"),
    [
        ("Grand Opening Sale Today", ["GRAND OPENING", "SALE TODAY"], "text_ocr"),
        ("Grand Opening Sale Today", [], None),
        ("a sign that says stop", ["STOP"], None),
        ("a can of coca cola on a table", ["Coca Cola"], None),
        ("grand opening", ["GRANDOPENING"], "text_ocr"),  # OCR loses spaces
        ("art in a part", ["PARTY", "START"], None),
        ("the and of a", ["the and of a"], None),  # what every page of print has
        ("the cat in a hat", ["the", "in", "a", "is"], None),
    ],
)
def test_ocr(words: str, written: list[str], rule: str | None) -> None:
    assert dropped(TextOcr(), words, written=written) == rule


def test_ocr_of_another_image_does_not_count() -> None:
    given = table(image("Grand Opening Sale"), image("a red door", written=["GRAND OPENING SALE"]))
    assert not rules(run(TextOcr(), given))


# Duplicates


def test_of_two_texts_alike_the_better_stays() -> None:
    low = text("a man rides a brown horse here", "low", score=0.2)
    high = text("A man rides a brown horse", "high", score=0.9)
    (reject,) = run(TextDuplicates(), table(image(low, high))).rejects.to_pylist()
    assert (reject["id"], reject["rule"], reject["detail"]) == ("low", "text_duplicate", "high")


def test_a_human_text_is_the_better_one_and_two_human_texts_stay() -> None:
    person, model = text("a brown horse", "person", human=True), text("a brown horse", "model", score=1.0)
    assert run(TextDuplicates(), table(image(model, person))).rejects["id"].to_pylist() == ["model"]
    assert not rules(run(TextDuplicates(), table(image(person, text("a brown horse", "other", human=True)))))


def test_any_score_is_better_than_none_and_an_earlier_text_than_a_later_one() -> None:
    texts = [text("a brown horse", "a"), text("a brown horse", "b"), text("a brown horse", "c", score=0.1)]
    assert set(run(TextDuplicates(), table(image(*texts))).rejects["id"].to_pylist()) == {"a", "b"}
    assert run(TextDuplicates(), table(image(*texts[:2]))).rejects["id"].to_pylist() == ["b"]


def test_texts_of_other_images_and_granularities_are_no_duplicates() -> None:
    first, second = text("a brown horse"), text("a brown horse", "u", "detailed")
    assert not rules(run(TextDuplicates(), table(image(first, second), image(first))))


# Cleaning


@pytest.mark.parametrize(
    ("words", "clean"),
    [
        (GOOD, GOOD),
        ("The image shows a dog.", "a dog."),
        ("In this picture, we can see two dogs", "two dogs"),
        ("a photo of my dog", "my dog"),
        ("The image shows a close-up of a cat", "a cat"),
        ("In the picture frame is a dog", "In the picture frame is a dog"),
        ("A photo album on a desk", "A photo album on a desk"),
        ("the image shower runs", "the image shower runs"),
        ("<p>A dog &amp; a <b>cat</b></p>", "A dog & a cat"),
        ("a dog<loc_12><loc_3>cat<pad></s>", "a dog cat"),
        ("**A dog** on a [mat](http://x.y/z)", "A dog on a mat"),
        ("Assistant: a dog runs", "a dog runs"),
        ('{"caption": "a dog on a mat"}', "a dog on a mat"),
        ("&amp;lt;b&amp;gt;a dog", "a dog"),
        ("a\x00 dog\u200b \n here\t", "a dog here"),
        ("a sign [sic] with 1 < 2", "a sign [sic] with 1 < 2"),
        ("I <3 dogs", "I <3 dogs"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("a family 👨‍👩‍👧 at home", "a family 👨‍👩‍👧 at home"),
    ],
)
def test_cleaning(words: str, clean: str) -> None:
    outcome = run(TextClean(), table(image(words)))
    assert texts(outcome.table) == [clean]
    assert not len(outcome.rejects)


@pytest.mark.parametrize(
    ("words", "setting", "rule"),
    [
        ("", {}, "text_empty"),
        (" \n\u200b", {}, "text_empty"),
        ("🙂🙂", {}, "text_empty"),
        ("", {"empty": False, "min_letters": None}, None),
        ("555 123-4567 dog", {}, "text_letters"),
        ("สวัสดี", {}, None),
        ("The image shows", {}, "text_opening"),
        ("The image shows a dog", {"openings": "drop"}, "text_opening"),
        ("The image shows a dog", {"openings": None}, None),
        ("a <b>dog</b>", {"markup": "drop"}, "text_markup"),
        ("a <b>dog</b>", {"markup": None}, None),
        ('{"caption": "a dog", "score": 0.9}', {}, "text_markup"),  # cannot be mended
        ("a\x00dog", {"controls": "drop"}, "text_controls"),
        ("a\x00dog", {"controls": None}, None),
    ],
)
def test_what_cleaning_drops(words: str, setting: dict[str, Any], rule: str | None) -> None:
    outcome = run(TextClean(**setting), table(image(words)))
    assert rules(outcome) == ([rule] if rule else [])
    assert [reject["text"]["text"] for reject in outcome.rejects.to_pylist()] == [words] * bool(rule)


def test_phrases_move_with_their_text_and_what_was_cut_is_rejected() -> None:
    said = "The image shows a dog on a <b>red</b> sofa"
    found = [phrase("cut", "t0", 0, 9), phrase("dog", "t0", 16, 21), phrase("sofa", "t0", 25, 42)]
    outcome = run(TextClean(), table(image(said, phrases=found)))
    assert spans(outcome.table) == ["a dog", "a red sofa"]
    (reject,) = outcome.rejects.to_pylist()
    assert (reject["kind"], reject["rule"], reject["detail"]) == ("phrases", "text_cut", "t0")
    assert (reject["phrase"]["start"], reject["phrase"]["end"]) == (0, 9)


def test_a_phrase_half_in_an_opening_is_cut_with_it() -> None:
    outcome = run(TextClean(), table(image("a photo of my dog", phrases=[phrase("p", "t0", 0, 17)])))
    assert (texts(outcome.table), rules(outcome)) == (["my dog"], ["text_cut"])


def test_a_text_in_which_a_person_marked_something_stays_as_it_is() -> None:
    found = [phrase("p", "t0", 0, 9, human=True)]
    outcome = run(TextClean(), table(image("The image shows a dog", phrases=found)))
    assert (texts(outcome.table), rules(outcome)) == (["The image shows a dog"], [])


def test_a_cleaned_text_keeps_id_score_and_origin() -> None:
    before = text("The image shows a dog", "x", score=0.5)
    ((after,),) = run(TextClean(), table(image(before))).table["texts"].to_pylist()
    assert after == {**before, "text": "a dog"}


def test_a_cleaned_text_takes_its_phrases_along_when_it_is_dropped() -> None:
    given = table(image("a dog", "!!! dog !!!!", phrases=[phrase("p", "t1", 4, 7)]))
    assert sorted(rules(run(TextClean(), given))) == ["text_dropped", "text_letters"]


# All of them


@pytest.mark.parametrize("stage", FILTERS[:6], ids=lambda stage: stage.name)
def test_human_texts_pass(stage: Stage) -> None:
    bad = ["", "dog", "no no no no", "The image shows <b>a</b>\x00", "SALE SALE", "SALE SALE", "x " * 2000]
    given = table(image(*(text(each, f"t{i}", human=True) for i, each in enumerate(bad)), written=["SALE"]))
    outcome = run(stage, given)
    assert texts(outcome.table) == bad
    assert not len(outcome.rejects)


@pytest.mark.parametrize("stage", FILTERS, ids=lambda stage: stage.name)
def test_an_empty_shard_and_an_image_without_texts(stage: Stage) -> None:
    assert len(run(stage, table()).table) == 0
    assert len(run(stage, table(image(), image())).table) == 2


ANY = st.text(st.characters(codec="utf-8"), max_size=60) | st.lists(
    st.sampled_from(
        ["The image shows", "<b>", "&amp;", "a dog", "**", '{"a": "', '"}', "\x00", " ", "犬", "\u200b", "🙂"]
    )
).map("".join)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_any_text_goes_through_all_filters_with_balanced_books(data: st.DataObject) -> None:
    images = []
    for _ in range(data.draw(st.integers(1, 3))):
        said = data.draw(st.lists(ANY, max_size=3))
        marked = []
        for i, each in enumerate(said):
            for n in range(2 if each else 0):
                start = data.draw(st.integers(0, len(each) - 1))
                marked.append(phrase(f"p{i}.{n}", f"t{i}", start, data.draw(st.integers(start + 1, len(each)))))
        images.append(image(*said, phrases=marked, written=data.draw(st.lists(ANY, max_size=2))))
    off = [TextClean(empty=False, min_letters=None), *FILTERS[5:]]
    for stages in (FILTERS, off):
        work(stages, table(*images))


@given(ANY, st.data())
@settings(deadline=None)
def test_stripping_changes_no_phrase_that_it_leaves(tail: str, data: st.DataObject) -> None:
    said = "The image shows " + tail + " dog"
    start = data.draw(st.integers(0, len(said) - 1))
    end = data.draw(st.integers(start + 1, len(said)))
    given = table(image(text(said, "t0"), phrases=[phrase("p", "t0", start, end)]))
    outcome = run(TextClean(markup=None, controls=None, min_letters=None), given)
    assert texts(outcome.table)[0] in said
    assert spans(outcome.table) in ([said[start:end].strip()], [])
    # What stands behind the opening is never lost.
    assert not (start >= len(said) - len(texts(outcome.table)[0]) and said[start:end].strip()) or spans(outcome.table)


@given(st.lists(ANY, max_size=4))
@example(["A}\x1b"])
@settings(deadline=None)
def test_cleaning_twice_changes_nothing_more(said: list[str]) -> None:
    once = run(TextClean(), table(image(*said)))
    again = run(TextClean(), once.table)
    assert texts(again.table) == texts(once.table)
    assert not len(again.rejects)


def test_ids_and_order_stay() -> None:
    given = table(image("a photo of a dog", GOOD, "x", "the image shows two cats on a mat"))
    done = work(FILTERS, given)
    kept = records.flatten(done.table, "texts")[1].field("id").to_pylist()
    assert kept == ["t1", "t3"]
