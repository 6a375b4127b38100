"""Ledgers: what counts as done, and books that must balance."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakes import ORIGIN, dataset, table

from engine import records
from engine.ledger import BooksError, Ledger, StageBooks, census, ledger_file, load_ledgers, total_counts, total_stages
from engine.shards import shard_file
from engine.storage import Folder


@pytest.fixture
def made(tmp_path: Path) -> Folder:
    return dataset(tmp_path, [2, 3])


def shard_path(folder: Folder, index: int = 0) -> Path:
    return Path(folder.path(shard_file(f"part-{index:06d}")))


def test_committed_shards_are_found(made: Folder) -> None:
    ledgers = load_ledgers(made)
    assert list(ledgers) == ["part-000000", "part-000001"]
    assert [ledger.images for ledger in ledgers.values()] == [2, 3]


def test_a_ledger_comes_back_as_it_was(made: Folder) -> None:
    ledger = load_ledgers(made)["part-000000"]
    ledger.stages = [StageBooks("s", 2, 0.5, 1, {"texts": 1}, {"texts": 2}, {"texts": {"rule": 1}}, {"texts": 2})]
    ledger.write(made)
    assert load_ledgers(made)["part-000000"] == ledger


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"X"),
    ],
    ids=["gone", "shorter", "changed"],
)
def test_a_shard_that_does_not_hold_does_not_exist(made: Folder, damage: object) -> None:
    damage(shard_path(made))  # type: ignore[operator]
    assert list(load_ledgers(made)) == ["part-000001"]


def test_a_copied_shard_holds_by_its_checksum(made: Folder) -> None:
    os.utime(shard_path(made), (1, 1))
    assert list(load_ledgers(made)) == ["part-000000", "part-000001"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"shard": 1}', b"\xff"])
def test_a_damaged_ledger_is_as_if_never_written(made: Folder, content: bytes) -> None:
    Path(made.path(ledger_file("part-000000"))).write_bytes(content)
    assert list(load_ledgers(made)) == ["part-000001"]


def test_a_ledger_under_another_name_counts_for_nothing(made: Folder) -> None:
    data = Path(made.path(ledger_file("part-000000"))).read_bytes()
    Path(made.path(ledger_file("part-000007"))).write_bytes(data)
    assert list(load_ledgers(made)) == ["part-000000", "part-000001"]


@pytest.mark.parametrize(
    ("before", "added", "dropped", "after", "balanced"),
    [(3, 2, 1, 4, True), (0, 0, 0, 0, True), (3, 0, 1, 3, False), (3, 0, 0, 2, False)],
)
def test_books_balance_or_raise(before: int, added: int, dropped: int, after: int, balanced: bool) -> None:
    books = StageBooks(
        "s", before={"texts": before}, added={"texts": added}, dropped={"texts": {"r": dropped}}, after={"texts": after}
    )
    if balanced:
        books.balance()
    else:
        with pytest.raises(BooksError, match="'s'"):
            books.balance()


def test_totals_add_up_in_the_chains_order() -> None:
    one = Ledger("a", "", 1, stages=[StageBooks("x", 1, 1.0), StageBooks("y", 1)], counts={"texts": {"brief": 1}})
    two = Ledger("b", "", 2, stages=[StageBooks("x", 2, 2.0), StageBooks("y", 2)], counts={"texts": {"brief": 2}})
    assert [(s.name, s.images, s.seconds) for s in total_stages([one, two])] == [("x", 3, 3.0), ("y", 3, 0.0)]
    assert total_counts([one, two]) == {"texts": {"brief": 3}}


def test_the_census_counts_everything() -> None:
    rows = table(2)
    label = records.label("phrase", "dog", ORIGIN)
    region = records.region("r", "object", [0, 0, 5, 5], records.HUMAN, labels=[label, label])
    rows = records.append(rows, "regions", [[region], [region]])
    rows = records.append(rows, "texts", [[records.text("t", "brief", "x", ORIGIN)], []])
    rows = records.append(rows, "faults", [[], [{"stage": "ocr", "error": "x"}]])
    assert census(rows) == {
        "texts": {"brief": 1},
        "regions": {"object": 2},
        "labels": {"phrase": 4},
        "masks": {},
        "phrases": {},
        "human": {"regions": 2},
        "faults": {"ocr": 1},
    }
