"""What `syntax` reads off a tree, in both label schemes, and that no text breaks it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from filters.english import MODEL
from filters.syntax import LONGEST_TEXT, Extent, NounPhrase, Syntax, Word, analyse, read, readable


@pytest.fixture(scope="module")
def english() -> Language:
    return spacy.load(MODEL)


@dataclass(frozen=True)
class Tree:
    """One row per word: word, part of speech, tag, relation, head (0: the root, else counted from 1)."""

    rows: str

    def doc(self) -> Doc:
        rows = [row.split() for row in self.rows.strip().split("\n")]
        words, pos, tags, deps, heads = (list(column) for column in zip(*rows, strict=True))
        return Doc(
            Vocab(),
            words=words,
            pos=pos,
            tags=tags,
            lemmas=[{"men": "man", "is": "be", "dogs": "dog"}.get(word, word) for word in words],
            deps=["ROOT" if head == "0" else dep for dep, head in zip(deps, heads, strict=True)],
            heads=[index if head == "0" else int(head) - 1 for index, head in enumerate(heads)],
        )


SHIRT_UD = Tree("""
a DET DT det 2
man NOUN NN root 0
in ADP IN case 6
a DET DT det 6
blue ADJ JJ amod 6
shirt NOUN NN nmod 2
""")
SHIRT_CLEAR = Tree("""
a DET DT det 2
man NOUN NN root 0
in ADP IN prep 2
a DET DT det 6
blue ADJ JJ amod 6
shirt NOUN NN pobj 3
""")
CARS_UD = Tree("""
cars NOUN NNS root 0
, PUNCT , punct 3
buses NOUN NNS conj 1
and CCONJ CC cc 5
people NOUN NNS conj 1
""")
CARS_CLEAR = Tree("""
cars NOUN NNS root 0
, PUNCT , punct 1
buses NOUN NNS conj 1
and CCONJ CC cc 3
people NOUN NNS conj 3
""")
RIDER_UD = Tree(
    """
Anna PROPN NNP nsubj 3
is AUX VBZ aux 3
riding VERB VBG root 0
the DET DT det 6
boy NOUN NN nmod:poss 8
's PART POS case 5
tired VERB VBN amod 8
horse NOUN NN obj 3
that PRON WDT nsubj 10
sleeps VERB VBZ acl:relcl 8
. PUNCT . punct 3
""".replace("the DET DT det 6", "the DET DT det 5")
)
RIDER_CLEAR = Tree("""
Anna PROPN NNP nsubj 3
is AUX VBZ aux 3
riding VERB VBG root 0
the DET DT det 5
boy NOUN NN poss 8
's PART POS case 5
tired VERB VBN amod 8
horse NOUN NN dobj 3
that PRON WDT nsubj 10
sleeps VERB VBZ relcl 8
. PUNCT . punct 3
""")
HAPPY_UD = Tree("""
men NOUN NNS nsubj 6
in ADP IN case 3
front NOUN NN nmod 1
of ADP IN case 5
it PRON PRP nmod 3
happy ADJ JJ root 0
""")
HAPPY_CLEAR = Tree("""
men NOUN NNS nsubj 6
in ADP IN prep 1
front NOUN NN pobj 2
of ADP IN prep 3
it PRON PRP pobj 4
is AUX VBZ root 0
happy ADJ JJ acomp 6
""")
THERE_UD = Tree("""
There PRON EX expl 2
is VERB VBZ root 0
a DET DT det 5
tennis NOUN NN compound 5
racket NOUN NN nsubj 2
""")
THERE_CLEAR = Tree("""
There PRON EX expl 2
is VERB VBZ root 0
a DET DT det 5
tennis NOUN NN compound 5
racket NOUN NN attr 2
""")


def texts(syntax: Syntax) -> list[str]:
    return [phrase.text for phrase in syntax.noun_phrases]


@pytest.mark.parametrize("tree", [SHIRT_UD, SHIRT_CLEAR])
@pytest.mark.parametrize(
    ("extent", "expected"),
    [
        (Extent.BARE, ["a man", "a blue shirt"]),
        (Extent.FULL, ["a man in a blue shirt", "a blue shirt"]),
        (Extent.BOTH, ["a man", "a man in a blue shirt", "a blue shirt"]),
    ],
)
def test_extent(tree: Tree, extent: Extent, expected: list[str]) -> None:
    doc = tree.doc()
    assert texts(read(doc, doc.text, extent=extent)) == expected


RIDER = ["Anna", "the boy", "the boy 's tired horse"]
CASES = [
    (CARS_UD, ["cars", "buses", "people"], ["cars", "buses", "people"], [], [], []),
    (CARS_CLEAR, ["cars", "buses", "people"], ["cars", "buses", "people"], [], [], []),
    (RIDER_UD, RIDER, ["boy", "horse"], ["tired"], ["riding", "sleeps"], ["Anna"]),
    (RIDER_CLEAR, RIDER, ["boy", "horse"], ["tired"], ["riding", "sleeps"], ["Anna"]),
    (HAPPY_UD, ["men", "it"], ["men"], ["happy"], [], []),
    (HAPPY_CLEAR, ["men", "it"], ["men"], ["happy"], [], []),
    (THERE_UD, ["a tennis racket"], ["racket"], [], [], []),
    (THERE_CLEAR, ["a tennis racket"], ["racket"], [], [], []),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "phrases", "objects", "attributes", "actions", "proper"), CASES)
def test_both_schemes(
    tree: Tree, phrases: list[str], objects: list[str], attributes: list[str], actions: list[str], proper: list[str]
) -> None:
    doc = tree.doc()
    syntax = read(doc, doc.text)
    assert texts(syntax) == phrases
    assert [word.text for word in syntax.objects] == objects
    assert [word.text for word in syntax.attributes] == attributes
    assert [word.text for word in syntax.actions] == actions
    assert [word.text for word in syntax.proper_nouns] == proper


def test_relative_clause_belongs_to_the_full_phrase() -> None:
    for tree in (RIDER_UD, RIDER_CLEAR):
        doc = tree.doc()
        assert "the boy 's tired horse that sleeps" in texts(read(doc, doc.text, extent=Extent.FULL))


def test_degree_counts_edges_both_ways_without_punctuation() -> None:
    doc = CARS_UD.doc()
    assert [word.degree for word in read(doc, doc.text).objects] == [2, 1, 2]
    doc = SHIRT_UD.doc()
    assert [word.degree for word in read(doc, doc.text).objects] == [2, 4]
    doc = RIDER_UD.doc()
    assert [word.degree for word in read(doc, doc.text).actions] == [3, 2]


def test_head_and_lemma() -> None:
    doc = HAPPY_UD.doc()
    phrase = read(doc, doc.text).noun_phrases[0]
    assert (phrase.head.text, phrase.head.lemma, phrase.head.start, phrase.head.end) == ("men", "man", 0, 3)


def test_a_tree_without_lemmas_gives_lower_cased_words() -> None:
    doc = Doc(Vocab(), words=["Dogs"], pos=["NOUN"], tags=["NNS"], deps=["ROOT"], heads=[0])
    assert read(doc, doc.text).objects[0].lemma == "dogs"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("two dogs", "two dogs"),
        ("  two\t\n dogs ", "two dogs"),
        ("two\x00dogs\x07", "two dogs"),
        ("\ufefftwo do\u00adgs", "two dogs"),
        ("👨\u200d👩 dogs", "👨\u200d👩 dogs"),
        ("x" * 101 + " dogs", "dogs"),
        ("", ""),
        (" \n", ""),
        ("\ud800", ""),
    ],
)
def test_readable(text: str, clean: str) -> None:
    found, places = readable(text)
    assert found == clean
    if places is not None:
        assert all(
            text[place] == character for place, character in zip(places, clean, strict=False) if character != " "
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two  dogs on\na\tsofa", ["two  dogs", "a\tsofa"]),
        ("\ufefftwo dogs 😀 on a sofa", ["two dogs", "a sofa"]),
        ("a man in a blue shirt https://example.com/a-man.jpg", ["a man", "a blue shirt"]),
        ("cars, buses and people", ["cars", "buses", "people"]),
        ("two do\u00adgs on a sofa", ["two do\u00adgs", "a sofa"]),
    ],
)
def test_spans_are_those_of_the_original_text(english: Language, text: str, expected: list[str]) -> None:
    (syntax,) = analyse(english, [text])
    assert texts(syntax) == expected
    assert all(text[phrase.start : phrase.end] == phrase.text for phrase in syntax.noun_phrases)


HOSTILE = [
    *("", " ", "\n\t\x00", "-", "'s", "\ud800", "😀😀😀", "👨\u200d👩\u200d👧\u200d👦", "a\u0301 cafe\u0301"),
    *("犬がソファの上にいる。", "كلب على الأريكة", "собака на диване", "." * 99 + " dog", "dog\r\n" * 2000),
    *("a" * LONGEST_TEXT, "!" * LONGEST_TEXT, "( " * (LONGEST_TEXT // 2), "http://a.b/" + "c/" * 5000),
    *("a dog on a sofa " * 700, "dog and " * 1250, "the dog of " * 900),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_it_or_takes_long(english: Language, text: str) -> None:
    begin = time.perf_counter()
    (syntax,) = analyse(english, [text], Extent.BOTH)
    assert time.perf_counter() - begin < 10
    words = (*syntax.objects, *syntax.attributes, *syntax.actions, *syntax.proper_nouns)
    items: list[Word | NounPhrase] = [*words, *syntax.noun_phrases]
    for item in items:
        assert 0 <= item.start < item.end <= len(text)
        assert text[item.start : item.end] == item.text


def test_order_and_count_of_a_batch(english: Language) -> None:
    batch = ["a dog", "", "two cats", "  ", "a red car"] * 60
    found = list(analyse(english, batch, batch_size=7))
    assert [len(syntax.objects) for syntax in found] == [1, 0, 1, 0, 1] * 60


def test_what_follows_the_longest_text_is_not_read(english: Language) -> None:
    (syntax,) = analyse(english, ["a dog " * 3000])
    assert syntax.noun_phrases[-1].end <= LONGEST_TEXT
