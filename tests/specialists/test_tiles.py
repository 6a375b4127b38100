"""Tiles cover the image and overlap as promised; what an ideal detector sees through them comes back once."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.geometry import boxes_to_quads
from specialists.tiles import STRETCH, THIN, broad, cut, settle, windows

SIDES = st.integers(20, 3000)
TILES = st.integers(64, 800)
OVERLAPS = st.floats(0.0, 0.6)


@given(SIDES, SIDES, TILES, OVERLAPS)
def test_the_whole_image_comes_first_and_tiles_cover_every_pixel(
    width: int, height: int, tile: int, overlap: float
) -> None:
    found = windows(width, height, tile, overlap)
    assert found[0].tolist() == [0, 0, width, height]
    if max(width, height) <= STRETCH * tile:
        assert len(found) == 1
        return
    tiles = found[1:]
    sides = [side if side <= STRETCH * tile else tile for side in (width, height)]
    assert (tiles[:, 2:] - tiles[:, :2] == sides).all()
    for low, high, length in ((0, 2, width), (1, 3, height)):
        starts, ends = np.unique(tiles[:, low]), np.unique(tiles[:, high])
        assert (starts[0], ends[-1]) == (0, length)
        assert (ends[:-1] - starts[1:] >= int(overlap * min(tile, length)) - 1).all()


@given(SIDES, SIDES, TILES, st.floats(0.1, 0.6), st.data())
def test_what_is_not_longer_than_the_overlap_is_whole_in_a_tile(
    width: int, height: int, tile: int, overlap: float, data: st.DataObject
) -> None:
    found = windows(width, height, tile, overlap)
    most = max(1, int(overlap * min(tile, width, height)) - 1)
    w, h = data.draw(st.integers(1, most)), data.draw(st.integers(1, most))
    x, y = data.draw(st.integers(0, width - w)), data.draw(st.integers(0, height - h))
    tiles = found[1:] if len(found) > 1 else found
    assert ((tiles[:, :2] <= (x, y)).all(axis=1) & (tiles[:, 2:] >= (x + w, y + h)).all(axis=1)).any()


def test_no_tiles_without_a_tile_size() -> None:
    assert windows(5000, 4000, 0, 0.2).tolist() == [[0, 0, 5000, 4000]]


@pytest.mark.parametrize(
    ("box", "touches"),
    [([10, 10, 50, 50], False), ([10, 10, 99, 50], True), ([0, 10, 30, 50], False), ([10, 70, 50, 100], True)],
)
def test_only_a_tiles_inner_borders_cut(box: list[float], touches: bool) -> None:
    window = np.array([0, 0, 100, 100])
    assert cut(np.array([box], float), window, 300, 300).tolist() == [touches]
    assert not cut(np.array([box], float), window, 100, 100).any()


def seen(truth: np.ndarray, width: int, height: int, tile: int) -> tuple[np.ndarray, ...]:
    """What an ideal detector gives: each object as far as a window shows it; the whole image only large ones."""
    boxes, scores, groups, fragments = [], [], [], []
    for place, window in enumerate(windows(width, height, tile, 0.4)):
        for number, box in enumerate(truth):
            part = np.concatenate([np.maximum(box[:2], window[:2]), np.minimum(box[2:], window[2:])])
            visible = (part[2:] > part[:2]).all() and (place > 0 or (box[2:] - box[:2]).max() > 60)
            if visible:
                boxes.append(part)
                scores.append(0.5 + 0.4 * np.prod(part[2:] - part[:2]) / np.prod(box[2:] - box[:2]))
                groups.append(number % 2)
                fragments.append(bool(cut(part[None], window, width, height)[0]))
    return np.array(boxes).reshape(-1, 4), np.array(scores), np.array(groups), np.array(fragments, bool)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.booleans())
def test_every_object_comes_back_once_and_whole(seed: int, as_quads: bool) -> None:
    rng = np.random.default_rng(seed)
    width, height, tile = 900, 700, 256
    # In cells of their own, so that no two are one thing by any rule; small ones fit into the overlap.
    cells = rng.permutation(9 * 7)[:8]
    corner = np.stack([cells % 9 * 100 + 5, cells // 9 * 100 + 5], axis=1) + rng.uniform(0, 10, (8, 2))
    truth = np.concatenate([corner, corner + rng.uniform(12, 80, (8, 2))], axis=1)
    boxes, scores, groups, fragments = seen(truth, width, height, tile)
    keep = settle(boxes_to_quads(boxes) if as_quads else boxes, scores, groups, fragments)
    assert sorted(map(tuple, boxes[keep].tolist())) == sorted(map(tuple, truth.tolist()))


def test_a_fragment_loses_to_the_whole_whatever_its_score_and_another_class_keeps_it() -> None:
    boxes = np.array([[0, 0, 100, 100], [50, 0, 100, 100], [50, 0, 100, 100]], float)
    scores, fragments = np.array([0.3, 0.9, 0.8]), np.array([False, True, True])
    assert settle(boxes, scores, np.array([0, 0, 1]), fragments).tolist() == [0, 2]


def test_a_small_thing_inside_a_large_one_of_its_class_stays_if_it_is_no_fragment() -> None:
    boxes = np.array([[0, 0, 100, 100], [40, 40, 60, 60]], float)
    assert settle(boxes, np.array([0.9, 0.5]), np.zeros(2), np.zeros(2, bool)).tolist() == [0, 1]


def test_what_one_look_shows_twice_is_not_its_business() -> None:
    boxes, none = np.array([[0, 0, 100, 100], [25, 0, 125, 100]], float), np.zeros(2, bool)
    scores = np.array([0.9, 0.8])
    assert settle(boxes, scores, np.zeros(2), none, np.array([3, 3])).tolist() == [0, 1]
    assert settle(boxes, scores, np.zeros(2), none, np.array([0, 3])).tolist() == [0]


@pytest.mark.parametrize("as_quads", [False, True])
def test_the_fuller_of_two_fragments_stays_whatever_its_score(as_quads: bool) -> None:
    boxes = np.array([[0, 0, 60, 100], [0, 0, 200, 100], [180, 0, 400, 100]], float)
    shapes = boxes_to_quads(boxes) if as_quads else boxes
    keep = settle(shapes, np.array([0.9, 0.8, 0.7]), np.zeros(3), np.ones(3, bool), np.arange(3))
    assert keep.tolist() == [1, 2]


def test_a_fragment_stays_that_has_a_small_whole_thing_of_its_class_inside() -> None:
    boxes, fragments = np.array([[0, 0, 200, 100], [40, 40, 60, 60]], float), np.array([True, False])
    assert settle(boxes, np.array([0.5, 0.9]), np.zeros(2), fragments, np.arange(2)).tolist() == [0, 1]


def test_many_finds_of_many_tiles_take_moments_and_little_memory() -> None:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 8000, (20_000, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(10, 40, (20_000, 2))], axis=1)
    tracemalloc.start()
    keep = settle(boxes, rng.random(20_000), rng.integers(0, 80, 20_000), rng.random(20_000) < 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 19_000 < len(keep) <= 20_000
    assert peak < 100e6  # of all pairs one float each would be 3.2 GB


def test_nothing_found_is_nothing_left() -> None:
    assert settle(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros(0, bool)).tolist() == []


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1), (7, 351), (7, 350), (30, 40), (1, 1), (1, 51)])
def test_what_is_too_thin_is_shown_broader_with_every_pixel_in_its_place(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    shown = broad(pixels)
    assert (shown[: size[0], : size[1]] == pixels).all()
    assert max(shown.shape[:2]) == max(size)
    assert max(size) <= THIN * min(shown.shape[:2])
    assert (shown.shape == pixels.shape) == (max(size) <= THIN * min(size))
