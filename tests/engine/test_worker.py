"""A worker confines failures to the images that cause them, and lets no stage cheat the books."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from fakes import ORIGIN, Boxes, Broken, Dropper, Reader, Spent, Unmasker, boxes, table
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records, worker
from engine.stage import Batch, Halt, Outcome, Resources, Stage
from engine.worker import Work, Worker


def work(rows: pa.Table, *stages: Stage) -> Work:
    return Worker(stages, 2)(Work.of(rows))


def test_stages_follow_each_other_and_the_books_say_what_each_did() -> None:
    done = work(table(5), Boxes(count=3), Dropper())
    assert [len(row) for row in done.table["regions"].to_pylist()] == [2, 1, 2, 1, 2]
    made, dropped = done.books
    assert (made.images, made.added["regions"], made.after["regions"]) == (5, 15, 15)
    assert (dropped.before["regions"], dropped.dropped, dropped.after["regions"]) == (
        15, {"regions": {"second": 7}}, 8,
    )  # fmt: skip
    assert len(done.rejects) == 7


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 10)), st.integers(1, 12))
def test_only_the_images_that_break_a_stage_get_a_fault(bad: set[int], batch: int) -> None:
    rows = table(11)
    names = tuple(rows["image_id"][i].as_py() for i in bad)
    done = work(rows, Broken(bad=names, resources=Resources(batch_size=batch)))
    faulty = {i for i, faults in enumerate(done.table["faults"].to_pylist()) if faults}
    annotated = {i for i, regions in enumerate(done.table["regions"].to_pylist()) if regions}
    assert (faulty, annotated) == (bad, set(range(11)) - bad)
    assert done.books[0].faults == len(bad)
    assert done.table["image_id"].equals(rows["image_id"])


def test_a_fault_names_the_stage_and_the_error() -> None:
    rows = table(1)
    done = work(rows, Broken(bad=(rows["image_id"][0].as_py(),)))
    assert done.table["faults"].to_pylist() == [[{"stage": "broken", "error": "RuntimeError: cannot look at this"}]]


def test_after_out_of_memory_the_smaller_batch_is_remembered() -> None:
    stage = Broken(largest=2, resources=Resources(batch_size=8))
    done = work(table(16), stage)
    assert done.books[0].faults == 0
    assert stage.sizes == [8, 4, 2, 2, 4, 2, 2, *[2] * 4]


def test_another_error_does_not_shrink_the_batch() -> None:
    rows = table(16)
    stage = Broken(bad=(rows["image_id"][0].as_py(),), resources=Resources(batch_size=8))
    work(rows, stage)
    assert stage.sizes == [8, 4, 2, 1, 1, 2, 4, 8]


def test_a_pack_decodes_each_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    real = worker.decode
    monkeypatch.setattr(worker, "decode", lambda data: (seen.append(data), real(data))[1])
    rows = table(6)
    work(rows, Boxes(resources=Resources(batch_size=2)), Broken(resources=Resources(batch_size=3)))
    assert sorted(seen) == sorted(row["bytes"] for row in rows["image"].to_pylist())


def test_no_image_is_decoded_for_stages_that_do_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "decode", lambda data: pytest.fail("decoded"))
    assert work(table(3), Reader()).books[0].images == 3


def test_slices_hold_a_bounded_number_of_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "DECODE_BUDGET", 3 * 40 * 30 * 2)
    stage = Broken(resources=Resources(batch_size=8))
    done = work(table(5), stage)
    assert stage.sizes == [2, 2, 1]
    assert done.books[0].images == 5


def test_an_image_that_does_not_decode_is_a_fault_of_that_image() -> None:
    rows = table(3)
    images = [{"bytes": b"not a picture", "path": "x"} if i == 1 else rows["image"][i].as_py() for i in range(3)]
    done = work(records.replace(rows, "image", pa.array(images, records.IMAGE)), Boxes())
    assert [len(faults) for faults in done.table["faults"].to_pylist()] == [0, 1, 0]
    assert [len(regions) for regions in done.table["regions"].to_pylist()] == [2, 0, 2]


def test_a_shard_without_rows() -> None:
    done = work(table(0), Boxes(), Dropper())
    assert len(done.table) == 0
    assert done.table.schema.equals(records.SCHEMA)


@dataclass
class Cheat(Stage):
    """Breaks its word in one way or another."""

    name: ClassVar[str] = "cheat"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    how: str = ""
    resources: Resources = field(default_factory=lambda: Resources(batch_size=100))

    def __call__(self, batch: Batch) -> Outcome:
        rows = batch.table
        match self.how:
            case "outside":
                region = records.region("x", "object", [0, 0, 500, 5], ORIGIN)
                return Outcome(records.append(rows, "regions", [[region]] * len(rows)))
            case "undeclared":
                return Outcome(records.append(rows, "texts", [[records.text("t", "brief", "x", ORIGIN)]] * len(rows)))
            case "silent":
                return Outcome(records.drop(rows, "regions", np.zeros(2 * len(rows), bool), stage="cheat", rule="r",
                                            value=1.0, threshold=1.0)[0])  # fmt: skip
            case "image":
                return Outcome(records.replace(rows, "width", pa.array([1] * len(rows), pa.int32())))
        raise AssertionError(self.how)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("outside", "not inside the image"),
        ("undeclared", "changed ['texts'], which it does not write"),
        ("silent", "2 regions are gone and 0 are among its rejects"),
        ("image", "changed ['width']"),
    ],
)
def test_a_stage_that_breaks_its_word_changes_nothing_and_is_named(how: str, said: str) -> None:
    done = work(table(2), Boxes(), Cheat(how))
    assert [len(regions) for regions in done.table["regions"].to_pylist()] == [2, 2]
    assert done.table["texts"].to_pylist() == [[], []]
    faults = done.table["faults"].to_pylist()
    assert all(said in row[0]["error"] for row in faults)


def test_a_stage_cannot_lose_images() -> None:
    class Loser(Boxes):
        def __call__(self, batch: Batch) -> Outcome:
            return Outcome(boxes(batch, "boxes").table.slice(1))

    rows = table(3)
    done = work(rows, Loser())
    assert done.table["image_id"].equals(rows["image_id"])
    assert done.books[0].faults == 3


def masked() -> pa.Table:
    """One image with two regions that have a mask, and one that has none."""
    mask = {"size": [30, 40], "counts": b"0"}
    rows = [records.region(f"r{i}", "object", [0, 0, 9, 9], ORIGIN, mask=mask if i < 2 else None) for i in range(3)]
    return records.append(table(1), "regions", [rows])


def test_a_mask_that_is_dropped_is_in_the_books_and_its_region_stays() -> None:
    done = work(masked(), Unmasker())
    (regions,) = done.table["regions"].to_pylist()
    assert [region["mask"] is not None for region in regions] == [True, False, False]
    assert done.books[0].dropped == {"masks": {"not_first": 1}}
    assert (done.books[0].before["masks"], done.books[0].after["masks"]) == (2, 1)
    (reject,) = done.rejects.to_pylist()
    assert (reject["kind"], reject["id"], reject["rule"]) == ("masks", "r1", "not_first")
    assert reject["region"]["mask"] is not None


def test_a_mask_goes_with_its_region_by_the_regions_rule() -> None:
    done = work(masked(), Dropper())
    assert done.books[0].dropped == {"regions": {"second": 1}, "masks": {"second": 1}}


def test_a_mask_that_vanishes_costs_the_stage_its_image() -> None:
    done = work(masked(), Unmasker(honest=False))
    assert "1 masks are gone and 0 are among its rejects" in done.table["faults"].to_pylist()[0][0]["error"]
    assert done.table["regions"].equals(masked()["regions"])


def test_a_stage_that_can_go_no_further_ends_the_work(tmp_path: Path) -> None:
    with pytest.raises(Halt, match="the budget is spent"):
        work(table(5), Spent(log=str(tmp_path / "log"), budget=4))
