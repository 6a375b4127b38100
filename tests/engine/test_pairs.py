"""Pairs of shapes that overlap, against the plain matrices."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from engine.geometry import box_ios, box_iou, box_overlaps, boxes_to_quads, quad_iou, quad_overlaps, survivors


def made(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crowded boxes, their groups and their sources."""
    rng = np.random.default_rng(seed)
    corner, size = rng.integers(0, 30, (count, 2)), rng.integers(1, 40, (count, 2))
    return np.concatenate([corner, corner + size], axis=1), rng.integers(0, 3, count), rng.integers(0, 2, count)


@pytest.mark.parametrize("iou", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_of_one_group_and_two_sources_are_paired_once(seed: int, iou: float) -> None:
    boxes, groups, sources = made(seed)
    values, inside = box_iou(boxes, boxes), box_ios(boxes, boxes)
    found = box_overlaps(boxes, groups, sources, iou)
    expected = {
        (i, j)
        for i, j in combinations(range(len(boxes)), 2)
        if groups[i] == groups[j] and sources[i] != sources[j] and values[i, j] >= iou and values[i, j] > 0
    }
    pairs = list(zip(np.minimum(found.first, found.second), np.maximum(found.first, found.second), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected
    np.testing.assert_allclose(found.iou, values[found.first, found.second])
    np.testing.assert_allclose(found.inside, inside[found.first, found.second])


@pytest.mark.parametrize("seed", range(3))
def test_quads_are_paired_as_polygons(seed: int) -> None:
    boxes, groups, sources = made(seed, 30)
    quads = boxes_to_quads(boxes) + np.random.default_rng(seed).uniform(-2, 2, (30, 8))
    values = quad_iou(quads, quads)
    found = quad_overlaps(quads, groups, sources, 0.3)
    able = (groups[:, None] == groups) & (sources[:, None] != sources) & (values >= 0.3)
    pairs = {frozenset(pair) for pair in zip(found.first.tolist(), found.second.tolist(), strict=True)}
    assert pairs == {frozenset(pair) for pair in zip(*np.nonzero(able), strict=True)}
    np.testing.assert_allclose(found.iou, values[found.first, found.second], atol=1e-9)


def test_size_and_inside_of_a_box_in_a_box() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]])
    found = box_overlaps(boxes, np.zeros(2, int), np.arange(2), 0.1)
    assert (found.iou, found.inside, found.size) == (0.5, 1.0, 0.5)


def test_survivors_are_greedy_from_the_highest_rank() -> None:
    # 0 beats 1, so that 1 cannot beat 2; 2 beats 3.
    assert survivors(np.array([0, 1, 2]), np.array([1, 2, 3]), 5).tolist() == [True, False, True, False, True]
