"""Boxes, quads, masks, orientation and suppression, at their public surface."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps

from engine import geometry

# pycocotools 2.0.11 and NumPy 2: nothing that a caller could mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
UPRIGHT = {6: 8, 8: 6}  # every other orientation undoes itself


def random_boxes(rng: np.random.Generator, length: int, side: float = 100.0) -> np.ndarray:
    # Quarter pixels, so that equal boxes, touching boxes and exact ties occur.
    corner = rng.integers(0, 4 * side, (length, 2)) / 4
    return np.concatenate([corner, corner + rng.integers(0, 2 * side, (length, 2)) / 4], axis=1)


def rectangle(centre: tuple[float, float], length: float, height: float, degrees: float) -> np.ndarray:
    """A quad (8,) clockwise from the top left of a text tilted clockwise by `degrees`."""
    corners = np.array([[-length, -height], [length, -height], [length, height], [-length, height]]) / 2
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return (corners @ rotation + centre).ravel()


# Boxes


def test_box_formats_are_each_others_reverse() -> None:
    xywh = np.array([[10, 20, 30, 40], [0, 0, 0, 5]])
    xyxy = geometry.xywh_to_xyxy(xywh)
    assert xyxy.tolist() == [[10, 20, 40, 60], [0, 0, 0, 5]]
    assert geometry.xyxy_to_xywh(xyxy).tolist() == xywh.tolist()


@pytest.mark.parametrize(
    ("box", "area"), [((0, 0, 4, 3), 12), ((1, 1, 1, 9), 0), ((5, 5, 2, 2), 0), ((-2, 0, 2, 1), 4)]
)
def test_box_areas(box: tuple[float, ...], area: float) -> None:
    assert geometry.box_areas(np.array([box])) == [area]


@pytest.mark.parametrize(
    ("a", "b", "iou", "ios"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1, 1),
        ((0, 0, 10, 10), (0, 0, 10, 5), 0.5, 1),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3, 0.5),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0, 0),  # a shared edge has no area
        ((0, 0, 10, 10), (40, 40, 50, 50), 0, 0),
        ((0, 0, 10, 10), (3, 3, 3, 8), 0, 0),
        ((3, 3, 3, 3), (3, 3, 3, 3), 0, 0),
    ],
)
def test_box_overlap(a: tuple[float, ...], b: tuple[float, ...], iou: float, ios: float) -> None:
    assert geometry.box_iou(np.array([a]), np.array([b])) == pytest.approx(iou)
    assert geometry.box_ios(np.array([a]), np.array([b])) == pytest.approx(ios)


def test_overlap_of_integer_boxes_does_not_wrap_around() -> None:
    box = np.array([[0, 0, 60_000, 60_000]], np.int32)
    assert geometry.box_iou(box, box) == 1


def test_pairwise_shapes_with_nothing_to_compare() -> None:
    assert geometry.box_iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    assert geometry.quad_iou(np.zeros((2, 8)), np.zeros((0, 8))).shape == (2, 0)


def test_clip_takes_one_size_or_a_size_for_each_box() -> None:
    boxes = np.array([[-5.0, -5, 50, 50], [90, 90, 120, 120]])
    assert geometry.clip_boxes(boxes, 100, 40).tolist() == [[0, 0, 50, 40], [90, 40, 100, 40]]
    each = geometry.clip_boxes(boxes, np.array([10, 100]), np.array([20, 200]))
    assert each.tolist() == [[0, 0, 10, 20], [90, 90, 100, 120]]


@quick
@given(seeds)
def test_box_iou_is_symmetric_bounded_and_one_with_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_boxes(rng, 6), random_boxes(rng, 5)
    iou = geometry.box_iou(a, b)
    assert (iou == geometry.box_iou(b, a).T).all()
    assert ((iou >= 0) & (iou <= 1)).all()
    assert (iou <= geometry.box_ios(a, b) + 1e-12).all()
    assert (np.diag(geometry.box_iou(a, a)) == (geometry.box_areas(a) > 0)).all()


# Quads


@pytest.mark.parametrize("degrees", [-44, -30, -5, 0, 5, 30, 44])
@pytest.mark.parametrize(("length", "height"), [(200, 10), (40, 40), (10, 200)])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 3, 0, 1], [3, 2, 1, 0], [0, 2, 1, 3]])
def test_a_tilted_quad_begins_at_the_top_left_of_its_text(
    degrees: float, length: float, height: float, order: list[int]
) -> None:
    quad = rectangle((300, 300), length, height, degrees)
    shuffled = quad.reshape(4, 2)[order].reshape(1, 8)
    assert geometry.order_quads(shuffled)[0].tolist() == quad.tolist()


def test_at_45_degrees_the_higher_corner_begins() -> None:
    assert geometry.order_quads(np.array([0, 5, 5, 10, 10, 5, 5, 0])).tolist() == [[5, 0, 10, 5, 5, 10, 0, 5]]


@pytest.mark.parametrize(
    "quad",
    [
        (1, 1, 1, 1, 1, 1, 1, 1),
        (0, 0, 5, 0, 5, 0, 0, 0),
        (0, 0, 0, 5, 0, 9, 0, 2),
        (0, 0, 3, 3, 6, 6, 9, 9),
        (0, 0, 10, 10, 10, 0, 0, 10),  # a bow tie
        (0, 0, 10, 0, 5, 2, 5, 10),  # a dart
        (0, 0, 0, 0, 10, 0, 0, 10),  # a triangle
    ],
)
def test_an_odd_quad_keeps_its_corners_and_overlaps_without_an_error(quad: tuple[float, ...]) -> None:
    ordered = geometry.order_quads(np.array([quad]))
    pairs = sorted(zip(quad[::2], quad[1::2], strict=True))
    assert sorted(map(tuple, ordered.reshape(4, 2).tolist())) == pairs
    others = np.array([quad, (0, 0, 10, 0, 10, 10, 0, 10)])
    iou = geometry.quad_iou(np.array([quad]), others)
    assert ((iou >= 0) & (iou <= 1)).all()
    assert geometry.nms_quads(others, np.array([0.5, 0.4]), np.zeros(2, int), 0.5).keep[0]


@pytest.mark.parametrize(
    ("quad", "convex"),
    [
        ((0, 0, 4, 0, 4, 4, 0, 4), True),
        ((0, 4, 4, 4, 4, 0, 0, 0), True),
        ((0, 0, 10, 0, 5, 2, 5, 10), False),
        ((0, 0, 10, 10, 10, 0, 0, 10), False),
        ((0, 0, 3, 3, 6, 6, 9, 9), False),
    ],
)
def test_convexity(quad: tuple[float, ...], convex: bool) -> None:
    assert geometry.quads_are_convex(np.array([quad])) == [convex]


@quick
@given(arrays(np.float32, 8, elements=st.integers(0, 12).map(float)), st.permutations(range(4)))
def test_quad_order_depends_on_the_corners_alone(quad: np.ndarray, order: list[int]) -> None:
    ordered = geometry.order_quads(quad)
    assert (geometry.order_quads(quad.reshape(4, 2)[order]) == ordered).all()
    assert (geometry.order_quads(ordered) == ordered).all()
    assert ordered.dtype == quad.dtype


def test_quads_of_boxes_overlap_as_the_boxes_do() -> None:
    boxes = random_boxes(np.random.default_rng(5), 30)
    quads = geometry.boxes_to_quads(boxes)
    assert (geometry.quads_to_boxes(quads) == boxes).all()
    assert geometry.quad_areas(quads) == pytest.approx(geometry.box_areas(boxes))
    assert geometry.quad_iou(quads, quads) == pytest.approx(geometry.box_iou(boxes, boxes))


def test_a_quad_overlaps_as_its_own_shape_not_as_its_box() -> None:
    diamond, corner = np.array([5, 0, 10, 5, 5, 10, 0, 5]), np.array([0, 0, 2, 0, 2, 2, 0, 2])
    assert geometry.quad_iou(diamond, corner) == 0
    assert geometry.quad_iou(diamond, np.array([0, 0, 10, 0, 10, 10, 0, 10])) == pytest.approx(0.5)


# Polygons and masks


def test_rings_turn_clockwise_and_keep_their_start() -> None:
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]])
    assert geometry.clockwise(square).tolist() == square.tolist()
    assert geometry.clockwise(np.array([0, 0, 0, 4, 4, 4, 4, 0])).tolist() == square.tolist()
    assert geometry.ring_area(square) == geometry.ring_area(square[::-1]) == 16


@quick
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 9), st.integers(0, 9))
def test_ring_to_mask_keeps_area_and_box(width: int, height: int, left: int, top: int) -> None:
    ring = [left, top, left + width, top, left + width, top + height, left, top + height]
    rle = geometry.rings_to_rle([ring], 40, 30)
    assert rle["size"] == [40, 30]
    assert geometry.rle_area(rle) == geometry.ring_area(np.array(ring))
    assert geometry.rle_box(rle).tolist() == [left, top, left + width, top + height]
    (back,) = geometry.rle_to_rings(rle)
    assert sorted(back.ravel()) == sorted(ring)


@quick
@given(arrays(bool, (7, 9)))
def test_mask_to_rings_and_back(mask: np.ndarray) -> None:
    rle = geometry.encode_mask(mask)
    assert (geometry.decode_rle(rle) == mask).all()
    rings = geometry.rle_to_rings(rle)
    covered = geometry.decode_rle(geometry.rings_to_rle(rings, 7, 9))
    assert (covered | mask == covered).all()
    area = sum(map(geometry.ring_area, rings))
    assert area >= mask.sum()
    if area == mask.sum():  # no holes
        assert (covered == mask).all()
    assert all((geometry.clockwise(ring) == ring).all() for ring in rings)


def test_rings_without_area_give_an_empty_mask() -> None:
    empty = geometry.rings_to_rle([[1, 1, 5, 5]], 10, 10)
    assert geometry.rle_area(empty) == 0
    assert geometry.rle_box(empty).tolist() == [0, 0, 0, 0]
    assert geometry.rle_to_rings(empty) == []


def test_runs_are_compressed_and_counted() -> None:
    rle = geometry.compress_rle({"size": [2, 3], "counts": [1, 2, 3]})
    assert geometry.decode_rle(rle).tolist() == [[False, True, False], [True, False, False]]
    as_text = {"size": [2, 3], "counts": rle["counts"].decode()}
    assert geometry.compress_rle(as_text) == geometry.compress_rle(rle) == rle
    with pytest.raises(ValueError, match=r"2 x 3 pixels add up to 7"):
        geometry.compress_rle({"size": [2, 3], "counts": [1, 2, 4]})


def test_mask_iou() -> None:
    left, all_of_it, none = (geometry.encode_mask(np.arange(8).reshape(2, 4) % 4 < n) for n in (2, 4, 0))
    assert geometry.rle_iou([left, none], [left, all_of_it, none]).tolist() == [[1, 0.5, 0], [0, 0, 0]]
    assert geometry.rle_iou([], [left]).shape == (0, 1)


# EXIF orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orient_agrees_with_pillow(orientation: int) -> None:
    width, height, x, y = 7, 4, 5, 1
    raw = np.zeros((height, width), np.uint8)
    raw[y, x] = 255
    image = Image.fromarray(raw)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image)) > 0
    centre = geometry.orient(np.array([[x + 0.5, y + 0.5]]), orientation, width, height)
    assert np.argwhere(upright).tolist() == (centre[:, ::-1] - 0.5).tolist()
    box = geometry.orient_boxes(np.array([[x, y, x + 1, y + 1]]), orientation, width, height)
    mask = geometry.orient_rle(geometry.encode_mask(raw > 0), orientation)
    assert (geometry.decode_rle(mask) == upright).all()
    assert geometry.rle_box(mask).tolist() == box[0].tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orient_is_undone_by_its_inverse(orientation: int) -> None:
    points = np.random.default_rng(0).uniform(0, [30, 20], (5, 2))
    upright = geometry.orient(points, orientation, 30, 20)
    size = (20, 30) if orientation >= 5 else (30, 20)
    assert ((upright >= 0) & (upright <= size)).all()
    assert geometry.orient(upright, UPRIGHT.get(orientation, orientation), *size) == pytest.approx(points)


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_an_unknown_orientation_is_refused(orientation: int) -> None:
    with pytest.raises(ValueError, match="not one of 1 to 8"):
        geometry.orient(np.zeros((1, 2)), orientation, 10, 10)
    with pytest.raises(ValueError, match="not one of 1 to 8"):
        geometry.orient_rle(geometry.encode_mask(np.ones((2, 2))), orientation)


# Suppression


def naive(overlaps: np.ndarray, scores: np.ndarray, groups: np.ndarray, iou: float, priority: np.ndarray) -> list[int]:
    """The winner of each, -1 where kept: the textbook's loop."""
    winner = [-1] * len(scores)
    ranked = sorted(range(len(scores)), key=lambda i: (not priority[i], np.isnan(scores[i]), -scores[i], i))
    kept: list[int] = []
    for low in ranked:
        winners = (k for k in kept if groups[k] == groups[low] and overlaps[k, low] > iou)
        winner[low] = -1 if priority[low] else next(winners, -1)
        kept += [low] if winner[low] < 0 else []
    return winner


@pytest.mark.parametrize("iou", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", ["box", "quad"])
@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_nms_equals_the_naive_loop(seed: int, shape: str, iou: float) -> None:
    rng = np.random.default_rng(seed)
    length = int(rng.integers(0, 60))
    boxes = random_boxes(rng, length, side=rng.choice([10, 60, 400]))
    scores = rng.integers(0, 10, length) / 10  # with ties
    scores[rng.random(length) < 0.1] = np.nan
    groups = rng.choice([-7, 0, 3, 10**12], length)
    priority = rng.random(length) < 0.1
    if shape == "box":
        overlaps = geometry.box_iou(boxes, boxes)
        found = geometry.nms(boxes, scores, groups, iou, priority)
    else:
        quads = geometry.boxes_to_quads(boxes) + rng.integers(-5, 6, (length, 8))
        overlaps = geometry.quad_iou(quads, quads)
        found = geometry.nms_quads(quads, scores, groups, iou, priority)
    winner = naive(overlaps, scores, groups, iou, priority)
    assert found.winner.tolist() == winner
    assert found.keep.tolist() == [w < 0 for w in winner]
    expected = [0 if w < 0 else overlaps[w, i] for i, w in enumerate(winner)]
    assert found.overlap == pytest.approx(np.array(expected, float))


def test_nms_of_many_groups_at_once_equals_one_at_a_time() -> None:
    rng = np.random.default_rng(1)
    boxes, scores, groups = random_boxes(rng, 4000), rng.random(4000), rng.integers(0, 20, 4000)
    found = geometry.nms(boxes, scores, groups, 0.4)
    for group in range(20):
        at = np.flatnonzero(groups == group)
        alone = geometry.nms(boxes[at], scores[at], np.zeros(len(at), int), 0.4)
        assert (found.keep[at] == alone.keep).all()
        kept = at[alone.keep]
        overlaps = geometry.box_iou(boxes[kept], boxes[kept]) * (1 - np.eye(len(kept)))
        assert overlaps.max() <= 0.4
    lost = np.flatnonzero(~found.keep)
    winner = found.winner[lost]
    assert found.keep[winner].all()
    assert (scores[winner] >= scores[lost]).all()
    assert (groups[winner] == groups[lost]).all()
    assert (found.overlap[lost] > 0.4).all()


def test_a_suppressed_box_suppresses_nothing() -> None:
    row = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])
    found = geometry.nms(row, np.array([0.9, 0.8, 0.7]), np.zeros(3, int), 0.4)
    assert found.keep.tolist() == [True, False, True]
    assert found.winner.tolist() == [-1, 0, -1]


def test_a_long_chain_of_boxes_is_settled_one_after_the_other() -> None:
    left = np.arange(300.0) * 4
    row = np.stack([left, 0 * left, left + 10, 0 * left + 10], axis=1)
    found = geometry.nms(row, -left, np.zeros(300, int), 0.4)
    assert found.keep.tolist() == [True, False] * 150


def test_overlap_at_the_threshold_is_allowed() -> None:
    halves = np.array([[0, 0, 10, 10], [0, 0, 10, 5]])
    assert geometry.nms(halves, np.array([0.9, 0.8]), np.zeros(2, int), 0.5).keep.all()


def test_priority_wins_against_any_score_and_never_loses() -> None:
    same = np.tile([0.0, 0, 10, 10], (4, 1))
    found = geometry.nms(
        same, np.array([0.9, np.nan, 0.1, 0.99]), np.zeros(4, int), 0.5, np.array([False, True, True, False])
    )
    assert found.keep.tolist() == [False, True, True, False]
    assert found.winner.tolist() == [2, -1, -1, 2]
