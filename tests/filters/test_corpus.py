"""The corpus that the filters are measured on keeps its promises."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.corpus.bad import HELD_OUT, KINDS, TUNED
from benchmarks.corpus.images import BAD, EACH, Corpus
from engine import records
from engine.checks import check

IMAGES = 340  # the least that have 2,000 texts


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.make(0, IMAGES)


def test_a_seed_makes_one_corpus(corpus: Corpus) -> None:
    again, other = Corpus.make(0, IMAGES), Corpus.make(1, IMAGES)
    assert corpus.truths == again.truths
    assert corpus.table.equals(again.table)
    assert corpus.truths != other.truths


def test_a_quarter_is_bad_in_every_granularity_and_each_kind_as_often(corpus: Corpus) -> None:
    assert len(corpus.truths) == IMAGES * EACH * 3 > 2000
    for granularity in records.GRANULARITIES:
        kinds = Counter(each.kind for each in corpus.truths if each.granularity == granularity)
        total, good = kinds.total(), kinds.pop("")
        assert total - good == round(BAD * total)
        assert set(kinds) == set(KINDS)
        assert max(kinds.values()) - min(kinds.values()) <= 1


def test_the_kinds_are_halved() -> None:
    assert len(TUNED) == len(HELD_OUT) == len(KINDS) / 2
    assert not set(TUNED) & set(HELD_OUT)


def test_the_records_are_such_as_the_chain_takes_and_say_what_the_truth_says(corpus: Corpus) -> None:
    check(corpus.table)
    items = records.flatten(corpus.table, "texts")[1]
    assert items.field("text").to_pylist() == [each.text for each in corpus.truths]
    assert items.field("id").to_pylist() == [each.id for each in corpus.truths]


def test_most_images_have_written_lines(corpus: Corpus) -> None:
    with_lines = sum(any(region["kind"] == "text" for region in row) for row in corpus.table["regions"].to_pylist())
    assert with_lines > IMAGES / 2


def test_good_texts_are_whole_and_seldom_the_same(corpus: Corpus) -> None:
    good = [each for each in corpus.truths if not each.kind]
    assert all(each.text.strip() and "  " not in each.text for each in good)
    assert len({each.text for each in good}) > 0.95 * len(good)
    longer = [each.text for each in good if each.granularity != "brief"]
    assert all(text.endswith(".") for text in longer)


def test_texts_grow_with_their_granularity(corpus: Corpus) -> None:
    means = []
    for granularity in records.GRANULARITIES:
        counts = [len(e.text.split()) for e in corpus.truths if not e.kind and e.granularity == granularity]
        means.append(sum(counts) / len(counts))
    assert 5 < means[0] < means[1] / 2 < means[2] / 3 < 25


def test_a_bad_text_is_no_good_one(corpus: Corpus) -> None:
    good = {each.text for each in corpus.truths if not each.kind}
    assert not [each for each in corpus.truths if each.kind and each.text in good]


def test_a_copy_stands_behind_the_text_that_it_changes_a_little(corpus: Corpus) -> None:
    for before, each in zip(corpus.truths, corpus.truths[1:], strict=False):
        if each.kind == "edited_copy":
            assert not before.kind
            assert (before.image_id, before.granularity) == (each.image_id, each.granularity)
            assert set(before.text.split()) & set(each.text.split())
