"""Phrases that nothing can be pointed at for: by head and as a whole, never inside a word."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path

import pytest
from captioned import image, phrase, run, spans, table, text, work

from engine.stage import ChainError
from filters.blacklist import BUNDLED, Blacklist, normalised, read_lists
from filters.phrases import Phrases


def judged(words: str, stage: Blacklist | None = None, extent: str = "bare") -> tuple[list[str], list[str]]:
    """The phrases of a text that stay, and the rules of those that go."""
    given = run(Phrases(extent=extent), table(image(words))).table  # type: ignore[arg-type]
    outcome = run(stage or Blacklist(), given)
    return spans(outcome.table), outcome.rejects["rule"].to_pylist()


@pytest.mark.parametrize(
    ("words", "kept", "rules"),
    [
        ("He holds a red cup.", ["a red cup"], ["blacklist_head"]),
        ("The image shows a dog.", ["a dog"], ["blacklist_phrase"]),
        ("a group of people", ["people"], ["blacklist_phrase"]),
        ("a dog in the background", ["a dog"], ["blacklist_head"]),
        ("a framed photo on the wall", ["a framed photo", "the wall"], []),
        ("a photo on the wall", ["the wall"], ["blacklist_phrase"]),
        ("a woman with a feeling of great joy", ["a woman"], ["blacklist_head", "blacklist_head"]),
        ("a cart at the party", ["a cart", "the party"], []),
        ("many things on a table", ["a table"], ["blacklist_head"]),
        ("THE IMAGE of a CAT", ["a CAT"], ["blacklist_phrase"]),
        ("a cartoon character on a rock formation", ["a cartoon character", "a rock formation"], []),
    ],
)
def test_what_goes(words: str, kept: list[str], rules: list[str]) -> None:
    assert judged(words) == (kept, rules)


def test_a_group_of_something_is_more_than_a_group() -> None:
    assert judged("a group of people", extent="full")[0] == ["a group of people", "people"]


def test_a_drop_names_entry_and_list() -> None:
    given = run(Phrases(), table(image("They paint with emotions"))).table
    rejects = run(Blacklist(), given).rejects.to_pylist()
    assert [reject["detail"] for reject in rejects] == ["they (pronouns)", "emotion (abstract)"]
    assert all(reject["kind"] == "phrases" and reject["phrase"] for reject in rejects)


def test_lists_of_ones_own_by_lemma_and_by_phrase(tmp_path: Path) -> None:
    own = tmp_path / "mine.txt"
    own.write_text('# Mine.\nart\n"Big  Dog"\n\nred cup\n')
    stage = Blacklist(lists=(), own=(str(own),))
    assert judged("the arts of a cart at a party", stage)[0] == ["a cart", "a party"]
    assert judged("a big dog", stage) == ([], ["blacklist_phrase"])
    assert judged("a very big dog and a red cup", stage) == (["a very big dog"], ["blacklist_phrase"])
    assert judged("they", stage)[0] == ["they"]


def test_the_fingerprint_follows_the_lists(tmp_path: Path) -> None:
    own = tmp_path / "mine.txt"
    own.write_text("art\n")
    before = Blacklist(own=(str(own),)).revision()
    read_lists.cache_clear()
    own.write_text("cart\n")
    assert len({before, Blacklist(own=(str(own),)).revision(), Blacklist(lists=()).revision()}) == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"lists": ("nouns",)}, "no bundled list 'nouns'"), ({"own": ("no/such.txt",)}, "no/such.txt cannot be read")],
)
def test_lists_that_are_not_there_are_refused(setting: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(ChainError, match=message):
        Blacklist(**setting).check()  # type: ignore[arg-type]


def test_a_phrase_that_is_no_noun_phrase_is_judged_by_the_noun_inside() -> None:
    given = table(image("a strong feeling of hope here", phrases=[phrase("p", "t0", 2, 16)]))
    assert run(Blacklist(), given).rejects["detail"].to_pylist() == ["feeling (abstract)"]


def test_a_phrase_that_a_person_marked_stays() -> None:
    given = table(image(text("They run"), phrases=[phrase("p", "t", 0, 4, human=True)]))
    assert not len(run(Blacklist(), given).rejects)


@pytest.mark.parametrize(
    ("phrase", "plain"),
    [
        ("The  Image", "image"), ("the image's", "image"), ("all of it,", "of it"), ("the", "the"), ("", ""),
        ("my other dog", "other dog"), ("...", ""), ("A few", "few"),
    ],
)  # fmt: skip
def test_the_plain_form_of_a_phrase(phrase: str, plain: str) -> None:
    assert normalised(phrase) == plain


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_lists_say_what_they_are_and_are_not_empty(name: str) -> None:
    lines = (files("filters") / "blacklists" / f"{name}.txt").read_text().splitlines()
    assert lines[0].startswith("# ")
    entries = [line for line in lines if line.strip() and not line.startswith("#")]
    assert len(entries) == len(set(entries)) >= 60


def test_thousands_of_entries_cost_nothing_noticeable(tmp_path: Path) -> None:
    own = tmp_path / "long.txt"
    own.write_text("".join(f"word{i}\n" for i in range(20_000)))
    given = run(Phrases(), table(*[image("a dog on a mat")] * 200)).table
    short, long = Blacklist(), Blacklist(own=(str(own),))
    times = []
    for stage in (short, long):
        run(stage, given)  # reads the lists
        start = time.process_time()
        run(stage, given)
        times.append(time.process_time() - start)
    assert times[1] < 5 * times[0] + 0.05


def test_books_balance() -> None:
    done = work([Phrases(extent="both"), Blacklist()], table(image("The image shows him with a dog"), image("a cat")))
    assert spans(done.table) == ["a dog", "a cat"]
