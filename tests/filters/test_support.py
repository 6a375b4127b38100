"""Texts are believed as far as regions support what they name."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from captioned import ALPHABET, image, run, table, text
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.stage import ChainError
from engine.worker import Work, Worker
from filters.support import TextSupport

DETECTOR = records.Origin("detector")


def pictured(*texts: Any, labels: tuple[str, ...] = (), written: tuple[str, ...] = ()) -> dict[str, Any]:
    """An image with texts and a region for each label ("chunk:a dog" for one of another granularity than phrase)."""
    made = image(*texts, written=written)
    for i, each in enumerate(labels):
        head, _, tail = each.partition(":")
        label = records.label(head if tail else "phrase", tail or head, DETECTOR)
        made["regions"].append(records.region(f"o{i}", "object", [0, 0, 9, 9], DETECTOR, labels=[label], best=0))
    return made


def detailed(said: str, score: float | None = 0.8, **given: Any) -> dict[str, Any]:
    return text(said, granularity="detailed", score=score, **given)


def scores(given: pa.Table, **setting: Any) -> list[float | None]:
    outcome = run(TextSupport(**setting), given)
    assert not len(outcome.rejects)
    found = records.flatten(outcome.table, "texts")[1].field("score").to_pylist()
    return [each if each is None else round(each, 4) for each in found]


@pytest.mark.parametrize(
    ("said", "labels", "share"),
    [
        ("A brown dog sits on a sofa.", ("dog", "sofa"), 1),
        ("A brown dog sits on a sofa.", ("dog",), 1 / 2),
        ("A brown dog sits on a sofa beside a lamp and a cat.", ("dog",), 1 / 4),
        ("A brown dog sits on a sofa.", (), 0),
        ("Two dogs chase the dogs of a man.", ("dog", "man"), 1),  # plurals, by their lemmas
        ("A dog sits on a bench. The dog sleeps.", ("bench",), 1 / 2),  # what is named twice counts once
        ("A dog sits on a bench.", ("chunk:two brown dogs", "brief:a wooden bench in a park"), 1),
        ("A dog sits on a bench.", ("brief:a bench beside a dog",), 1 / 2),  # that region is the bench
        ("A white dog sits on a bench.", ("brown dog", "bench"), 1 / 2),
        ("A glass stands on a table.", ("wine glass", "dining_table"), 1),
        ("A hot dog lies on a plate.", ("DOG", "plate"), 1),  # words alone cannot tell
        ("A woman and two children ride horses.", ("person", "horse"), 1),
        ("A person rides a horse.", ("woman", "horse"), 1),
        ("A man rides a horse.", ("horse",), 1 / 2),
        ("In the background, on the left side of the image, a dog is in the middle of it.", ("dog",), 1),
        ("Two objects lie on a table.", ("LABEL_3",), 1 / 2),  # some object or other is there
        ("It is there.", (), 1),
        ("Running fast.", (), 1),
    ],
)
def test_the_share_of_things_that_a_region_shows(said: str, labels: tuple[str, ...], share: float) -> None:
    assert scores(table(pictured(detailed(said), labels=labels))) == [pytest.approx(0.8 * share, abs=1e-4)]


def test_what_ocr_has_read_is_supported() -> None:
    said = 'The sign reads "GRAND HOTEL".'
    assert scores(table(pictured(detailed(said), labels=("sign",)))) != [0.8]
    assert scores(table(pictured(detailed(said), labels=("sign",), written=("Grand", "Hotel")))) == [0.8]


def test_writing_is_supported_by_any_line() -> None:
    assert scores(table(pictured(detailed("A text can be read."), labels=("sign",)))) == [0]
    assert scores(table(pictured(detailed("A text can be read."), written=("Room 42",)))) == [0.8]


def test_a_text_without_a_score_gets_the_share() -> None:
    given = table(pictured(detailed("A dog sits on a sofa.", None), labels=("dog",)))
    assert scores(given) == [0.5]


def test_which_texts_are_judged() -> None:
    said = "A dog sits on a sofa."
    given = table(
        pictured(
            text(said, "brief", score=0.8), detailed(said, id="mine", human=True, score=None), detailed(said, id="yes"),
            text(said, "more", granularity="more_detailed", score=0.8), detailed("собака на диване", id="foreign"),
        ),
        pictured(),
    )  # fmt: skip
    assert scores(given) == [0.8, None, 0, 0, 0.8]
    assert scores(given, granularities=("brief",)) == [0, None, 0.8, 0.8, 0.8]
    assert scores(given, max_foreign=None)[-1] == 0


def test_each_image_is_judged_by_its_own_regions() -> None:
    said = "A dog sits."
    given = table(pictured(detailed(said), labels=("dog",)), pictured(detailed(said), labels=("cat",)))
    assert scores(given) == [0.8, 0]


def test_only_the_score_changes() -> None:
    given = table(pictured(detailed("A dog sits on a sofa."), "a dog", labels=("dog",)))
    before, after = (each.to_pylist()[0] for each in (given, run(TextSupport(), given).table))
    assert after["texts"][0] == {**before["texts"][0], "score": pytest.approx(0.4)}
    assert {**after, "texts": after["texts"][1:]} == {**before, "texts": before["texts"][1:]}


def test_a_second_run_lowers_the_score_again_which_is_why_a_chain_holds_it_once() -> None:
    given = table(pictured(detailed("A dog sits on a sofa."), labels=("dog",)))
    assert scores(run(TextSupport(), given).table) == [0.2]


def test_cores_and_batches_do_not_change_the_result() -> None:
    given = table(*[pictured(detailed(f"A {each} sits on a sofa."), labels=("dog",)) for each in ("dog", "cat", "man")])
    done = []
    for cpus in (1, 2):
        worker = Worker([TextSupport()], cpus)
        done.append(worker(Work.of(given)).table)
        worker.close()
    assert done[0].equals(done[1])
    parts = [run(TextSupport(), given.slice(i, 1)).table for i in range(3)]
    assert pa.concat_tables(parts).combine_chunks().equals(done[0].combine_chunks())


@pytest.mark.parametrize("setting", [{"granularities": ()}, {"granularities": ("long",)}, {"max_foreign": -1}])
def test_settings_that_make_no_sense(setting: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match=next(iter(setting))):
        TextSupport(**setting)


ANY = st.text(st.characters(**ALPHABET), max_size=30) | st.sampled_from(["A dog on a mat.", "two cats", " ", "?"])  # type: ignore[arg-type]


@given(st.lists(ANY, max_size=3), st.lists(ANY, max_size=3), st.lists(ANY, max_size=2))
@settings(deadline=None, max_examples=40)
def test_any_texts_and_labels_give_scores_that_only_fall(
    said: list[str], labels: list[str], written: list[str]
) -> None:
    made = pictured(*(detailed(each, id=f"t{i}") for i, each in enumerate(said)), written=tuple(written))
    for i, each in enumerate(labels):
        label = records.label("brief", each, DETECTOR)
        made["regions"].append(records.region(f"o{i}", "object", [0, 0, 9, 9], DETECTOR, labels=[label]))
    assert all(0 <= score <= 0.8 for score in scores(table(made)) if score is not None)
