"""The record's contract: what is let through, what is refused, and that nothing changes on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fakes import ORIGIN, table
from hypothesis import given
from hypothesis import strategies as st

from engine import records
from engine.checks import check
from engine.records import RecordError, label, region, text


def phrase(**changes: Any) -> dict[str, Any]:
    return {**records.phrase("p", "t", (0, 3), ORIGIN, region_ids=["r"]), **changes}


def annotated() -> pa.Table:
    """Two images; the first with a text, two regions and a phrase that ties them."""
    rows = table(2)
    rows = records.append(rows, "texts", [[text("t", "brief", "dog on sofa", ORIGIN, 0.5)], []])
    two = [region("r", "object", [0, 0, 5, 5], ORIGIN), region("s", "text", [1, 1, 2, 2], ORIGIN, quad=[1] * 8)]
    rows = records.append(rows, "regions", [two, [region("r", "proposal", [0, 0, 40, 30], ORIGIN, score=1.0)]])
    return records.append(rows, "phrases", [[phrase(region_ids=["r", "s"])], []])


def test_valid_records_pass() -> None:
    rows = annotated()
    check(rows)
    assert rows.schema.equals(records.SCHEMA)


@pytest.mark.parametrize(
    ("column", "item", "said"),
    [
        ("texts", text("t", "long", "x", ORIGIN), "granularity"),
        ("texts", text("t", "brief", "x", ORIGIN, 1.5), "score outside"),
        ("texts", text("t", "brief", "x", ORIGIN, float("nan")), "score outside"),
        ("texts", text("t", "brief", None, ORIGIN), "no text"),  # type: ignore[arg-type]
        ("regions", region("r", "thing", [0, 0, 1, 1], ORIGIN), "kind"),
        ("regions", region("r", "object", [0, 0, 41, 1], ORIGIN), "not inside"),
        ("regions", region("r", "object", [-1, 0, 1, 1], ORIGIN), "not inside"),
        ("regions", region("r", "object", [0, float("nan"), 1, 1], ORIGIN), "not inside"),
        ("regions", region("r", "object", [3, 0, 3, 1], ORIGIN), "without area"),
        ("regions", region("r", "object", [5, 0, 3, 1], ORIGIN), "without area"),
        ("regions", region("r", "object", None, ORIGIN), "no box"),  # type: ignore[arg-type]
        ("regions", region("r", "text", [0, 0, 1, 1], ORIGIN, quad=[0, 0, 99, 0, 9, 9, 0, 9]), "quad"),
        ("regions", region("r", "object", [0, 0, 1, 1], ORIGIN, best=0), "best label"),
        ("regions", region("r", "object", [0, 0, 1, 1], ORIGIN, labels=[label("word", "x", ORIGIN)]), "granularity"),
        ("regions", region("r", "object", [0, 0, 1, 1], ORIGIN, score=-0.1), "score outside"),
        ("phrases", phrase(text_id="u"), "text that the record does not have"),
        ("phrases", phrase(end=99), "span"),
        ("phrases", phrase(start=3), "span"),
        ("phrases", phrase(region_ids=["nowhere"]), "region that the record does not have"),
    ],
)
def test_broken_records_are_refused_by_name(column: str, item: dict[str, Any], said: str) -> None:
    rows = table(2)
    if column == "phrases":
        rows = records.append(rows, "texts", [[], [text("t", "brief", "dog", ORIGIN)]])
        rows = records.append(rows, "regions", [[], [region("r", "object", [0, 0, 5, 5], ORIGIN)]])
    rows = records.append(rows, column, [[], [item]])
    with pytest.raises(RecordError, match=said) as caught:
        check(rows)
    assert rows["image_id"][1].as_py() in str(caught.value)


def test_the_same_id_twice_is_refused() -> None:
    rows = records.append(table(1), "texts", [[text("t", "brief", "x", ORIGIN)] * 2])
    with pytest.raises(RecordError, match="id that another one has"):
        check(rows)


def test_the_same_id_on_two_images_is_fine() -> None:
    check(records.append(table(2), "texts", [[text("t", "brief", "x", ORIGIN)]] * 2))


def test_spans_count_characters_not_bytes() -> None:
    rows = records.append(table(1), "texts", [[text("t", "brief", "日本語", ORIGIN)]])
    check(records.append(rows, "phrases", [[phrase(end=3, region_ids=[])]]))
    with pytest.raises(RecordError, match="span"):
        check(records.append(rows, "phrases", [[phrase(end=4, region_ids=[])]]))


def test_another_schema_is_refused() -> None:
    with pytest.raises(RecordError, match="phash"):
        check(table(1).drop_columns(["phash"]))


def drop(rows: pa.Table, column: str, keep: list[bool], **more: Any) -> tuple[pa.Table, pa.Table]:
    return records.drop(
        rows, column, np.array(keep), stage="s", rule="rule", **{"value": 0.1, "threshold": 0.5, **more}
    )


def test_a_drop_keeps_the_annotation_and_its_reason() -> None:
    rows = annotated()
    left, rejects = drop(rows, "regions", [True, False, True], value=[0.9, 0.1, 0.9], detail=["", "why", ""])
    check(left)
    assert rejects.to_pylist() == [
        {
            "image_id": rows["image_id"][0].as_py(), "kind": "regions", "id": "s", "stage": "s", "rule": "rule",
            "value": 0.1, "threshold": 0.5, "detail": "why", "text": None, "phrase": None,
            "region": rows["regions"][0].as_py()[1],
        }
    ]  # fmt: skip


def test_a_dropped_region_leaves_its_phrases_with_the_others() -> None:
    left, _ = drop(annotated(), "regions", [False, True, True])
    assert left["phrases"][0].as_py()[0]["region_ids"] == ["s"]
    check(left)


def test_a_dropped_text_takes_its_phrases_along() -> None:
    left, rejects = drop(annotated(), "texts", [False])
    check(left)
    assert left["phrases"].to_pylist() == [[], []]
    assert rejects["rule"].to_pylist() == ["rule", "text_dropped"]


def test_nothing_dropped_is_the_same_table() -> None:
    rows = annotated()
    left, rejects = drop(rows, "regions", [True] * 3)
    assert left is rows
    assert len(rejects) == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_append_puts_each_rows_items_behind_its_own(old: list[int], new: list[int]) -> None:
    count = min(len(old), len(new))
    first = [[text(f"a{i}", "brief", f"{row}", ORIGIN) for i in range(old[row])] for row in range(count)]
    second = [[text(f"b{i}", "brief", f"{row}", ORIGIN) for i in range(new[row])] for row in range(count)]
    rows = records.append(records.append(table(count), "texts", first), "texts", second)
    assert rows["texts"].to_pylist() == [a + b for a, b in zip(first, second, strict=True)]


@given(st.lists(st.lists(st.booleans(), max_size=4), min_size=1, max_size=5))
def test_drop_keeps_what_it_is_told_to(keep: list[list[bool]]) -> None:
    rows = records.append(
        table(len(keep)), "texts", [[text(str(i), "brief", "x", ORIGIN) for i in range(len(k))] for k in keep]
    )
    left, rejects = drop(rows, "texts", [flag for row in keep for flag in row])
    assert [[t["id"] for t in row] for row in left["texts"].to_pylist()] == [
        [str(i) for i, flag in enumerate(row) if flag] for row in keep
    ]
    assert len(rejects) == sum(not flag for row in keep for flag in row)


def test_slices_of_a_table_are_like_tables() -> None:
    rows = annotated().slice(1, 1)
    check(rows)
    at, items = records.flatten(rows, "regions")
    assert at.tolist() == [0]
    assert items.field("kind").to_pylist() == ["proposal"]


def older(rows: pa.Table, version: int) -> pa.Table:
    return rows.replace_schema_metadata({records.VERSION_KEY: str(version).encode()})


def test_an_older_version_is_read_with_nulls_for_what_it_lacks() -> None:
    rows = annotated()
    kept = [f for f in records.REGION if f.name not in ("crowd", "polygons")]
    at, items = records.flatten(rows, "regions")
    slim = pa.StructArray.from_arrays([items.field(f.name) for f in kept], fields=kept)
    lists = records.unflatten(at, slim, 2, pa.list_(pa.struct(kept)))
    old = rows.drop_columns(["phash", "phrases"]).set_column(7, "regions", lists)
    new = records.conform(older(old, 0), "old.parquet")
    check(new)
    assert new["phash"].to_pylist() == [None, None]
    assert new["phrases"].to_pylist() == [[], []]
    assert new["regions"].to_pylist() == rows["regions"].to_pylist()


def test_version_1_is_read_without_similarities() -> None:
    rows = annotated()
    plain = pa.struct([field for field in records.TEXT if field.name != "similarity"])
    at, items = records.flatten(rows, "texts")
    slim = pa.StructArray.from_arrays([items.field(field.name) for field in plain], fields=list(plain))
    old = rows.set_column(
        rows.schema.get_field_index("texts"), "texts", records.unflatten(at, slim, 2, pa.list_(plain))
    )
    assert records.conform(older(old, 1))["texts"].to_pylist() == rows["texts"].to_pylist()


def test_amend_exchanges_some_fields_and_leaves_the_rest() -> None:
    rows = annotated()
    done = records.amend(rows, "regions", score=pa.array([0.25, None, 0.5], pa.float32()))
    check(done)
    assert [[r["score"] for r in row] for row in done["regions"].to_pylist()] == [[0.25, None], [0.5]]
    assert [[r["box"] for r in row] for row in done["regions"].to_pylist()] == [
        [r["box"] for r in row] for row in rows["regions"].to_pylist()
    ]


def test_a_newer_version_is_refused_by_name() -> None:
    with pytest.raises(RecordError, match=r"new\.parquet.*version 99"):
        records.conform(older(table(1), 99), "new.parquet")
