"""Statistics that add up over shards."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import reported

from engine import records
from engine.ledger import add_counts
from engine.statistics import AREA, CENTRE, statistics, words


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return pa.Table.from_pylist([reported.row(at) for at in range(5)], schema=records.SCHEMA)


def test_the_sum_over_shards_is_the_figure_of_the_whole(table: pa.Table) -> None:
    total: dict[str, dict[str, int]] = {}
    for part in (table.slice(0, 2), table.slice(2, 0), table.slice(2)):
        for group, counts in statistics(part).items():
            add_counts(total.setdefault(group, {}), counts)
    assert total == statistics(table)


def test_amounts_are_those_of_the_papers_table(table: pa.Table) -> None:
    amounts = statistics(table)["amounts"]
    assert amounts["text.detailed.annotations"] == 5
    assert amounts["text.detailed.words"] == 5 * 12
    assert amounts["region.phrase.regions"] == 15
    assert amounts["region.phrase.annotations"] == 5  # images
    assert amounts["region.ocr.words"] == 5 * 2
    assert amounts["triplet.brief.annotations"] == 5  # texts with a phrase that has a region
    assert amounts["triplet.brief.regions"] == 10
    assert amounts["triplet.brief.region_words"] == 5 * (2 + 1)  # "A cat", "dog"
    assert amounts["triplet.detailed.annotations"] == 0  # its phrase has no region


def test_names_are_best_labels_and_lines_have_none(table: pa.Table) -> None:
    assert statistics(table)["names"] == {"cat": 5, "dog": 5, "<b>bench</b>": 5}
    labels = [records.label("phrase", name, reported.DETECTOR) for name in ("Car", "Red CAR")]
    chosen = records.region("r", "object", [0, 0, 9, 9], reported.DETECTOR, best=1, labels=labels)
    one = pa.Table.from_pylist([{**reported.row(0), "regions": [chosen], "phrases": []}], schema=records.SCHEMA)
    assert statistics(one)["names"] == {"red car": 1}


def test_histograms_place_a_box_by_area_ratio_and_centre() -> None:
    box = records.region("r", "object", [0, 0, 50, 50], reported.DETECTOR)
    row = {**reported.row(0), "width": 100, "height": 100, "regions": [box], "phrases": []}
    found = statistics(pa.Table.from_pylist([row], schema=records.SCHEMA))
    assert found["area:object"] == {str(int(np.searchsorted(AREA, -2))): 1}  # a quarter of the image
    assert found["aspect:object"] == {"16": 1}  # the bin that begins at 1:1
    assert found["centre:object"] == {str(CENTRE // 4 * CENTRE + CENTRE // 4): 1}
    assert "area:grounded" not in found


def test_grounded_regions_are_those_that_phrases_name(table: pa.Table) -> None:
    assert sum(statistics(table)["area:grounded"].values()) == 10
    assert sum(statistics(table)["area:object"].values()) == 15


def test_boxes_without_area_and_at_the_edge_have_a_bin() -> None:
    boxes = [[0, 0, 0, 0], [80, 60, 80, 60], [0, 0, 80, 60]]
    regions = [records.region(f"r{i}", "object", box, reported.DETECTOR) for i, box in enumerate(boxes)]
    row = {**reported.row(0), "regions": regions, "phrases": []}
    found = statistics(pa.Table.from_pylist([row], schema=records.SCHEMA))
    assert found["area:object"] == {"0": 2, str(len(AREA) - 2): 1}
    assert sum(found["centre:object"].values()) == 3


def test_origins_tell_kind_round_and_model(table: pa.Table) -> None:
    assert statistics(table)["origins"]["texts 1 multitask"] == 5
    assert statistics(table)["origins"]["regions 0 detector"] == 20


def test_no_images_have_no_figures() -> None:
    found = statistics(records.empty())
    assert not any(found["amounts"].values())
    assert not found["names"]


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("A cat.", 2), ("the dog's bowl", 3), ("twenty-one", 1), ("犬 が 走る", 3), ("3.5 km", 2), ("-- !", 0)],
)
def test_words(text: str, count: int) -> None:
    assert words(pa.array([text, None])).tolist() == [count, 0]
