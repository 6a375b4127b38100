"""Outlines of masks: the pixels' own edges, and what is left of them when simplified."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine import geometry

MASKS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda shape: arrays(bool, shape))
quick = settings(deadline=None, max_examples=150)


def drawn(*lines: str) -> np.ndarray:
    """A mask from text: a # is a pixel of it."""
    return np.array([[letter == "#" for letter in line] for line in lines])


def rings(*lines: str) -> list[list[list[int]]]:
    return [ring.astype(int).tolist() for ring in geometry.outlines(drawn(*lines), 0.0)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["..", ".."], []),
        (["#"], [[[0, 0], [1, 0], [1, 1], [0, 1]]]),
        ([".##", ".#."], [[[1, 0], [3, 0], [3, 1], [2, 1], [2, 2], [1, 2]]]),
        (["###", "#.#", "###"], [[[0, 0], [3, 0], [3, 3], [0, 3]]]),  # a hole is filled
        (["#.", ".#"], [[[0, 0], [1, 0], [1, 1], [0, 1]], [[1, 1], [2, 1], [2, 2], [1, 2]]]),
        ([".#", "#."], [[[1, 0], [2, 0], [2, 1], [1, 1]], [[0, 1], [1, 1], [1, 2], [0, 2]]]),
        # It closes a hole by touching itself at a corner.
        ([".##", "#.#", "###"], [[[1, 0], [3, 0], [3, 3], [0, 3], [0, 1], [1, 1]]]),
        # A part in another one's hole is a part of its own.
        (
            ["#####", "#...#", "#.#.#", "#...#", "#####"],
            [[[0, 0], [5, 0], [5, 5], [0, 5]], [[2, 2], [3, 2], [3, 3], [2, 3]]],
        ),
    ],
)  # fmt: skip
def test_outlines(lines: list[str], expected: list[list[list[int]]]) -> None:
    assert rings(*lines) == expected


@given(MASKS)
@quick
def test_outlines_are_those_of_the_pixels_together(mask: np.ndarray) -> None:
    y, x = np.nonzero(mask)
    together = shapely.union_all(shapely.box(x, y, x + 1, y + 1))
    expected = [shapely.Polygon(part.exterior) for part in shapely.get_parts(together)]
    found = [shapely.Polygon(ring) for ring in geometry.outlines(mask, 0.0)]
    assert all(shape.is_valid for shape in found)
    assert [shape.area for shape in found] == sorted((shape.area for shape in expected), reverse=True)
    assert shapely.union_all(found).symmetric_difference(shapely.union_all(expected)).area == 0


@given(MASKS, st.floats(0.1, 3))
@quick
def test_a_simplified_outline_strays_no_farther_than_it_may(mask: np.ndarray, tolerance: float) -> None:
    exact, simple = (geometry.outlines(mask, each) for each in (0.0, tolerance))
    assert len(exact) == len(simple)
    corners = {tuple(point) for ring in exact for point in ring}
    for ring, less in zip(exact, simple, strict=True):
        assert len(less) >= 3
        assert geometry.ring_area(less) > 0
        assert (geometry.clockwise(less) == less).all()
        assert {tuple(point) for point in less} <= corners
        assert shapely.Polygon(less).is_valid
        line = shapely.LinearRing(less)
        assert shapely.distance(shapely.points(ring), line).max() <= 2 * tolerance


@given(MASKS, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
@quick
def test_a_window_is_encoded_as_the_whole_would_be(
    mask: np.ndarray, left: int, top: int, right: int, bottom: int
) -> None:
    whole = np.pad(mask, ((top, bottom), (left, right)))
    assert geometry.encode_window(mask, left, top, *whole.shape) == geometry.encode_mask(whole)
