"""The outlines of a mask along pixel edges, traced from corner to corner."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely

Point = tuple[int, int]


def outlines(mask: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """The parts of a mask (height, width) as clockwise rings (k, 2), largest area first, holes filled.

    Pixels are of one part where they share a side. Simplified by Douglas and Peucker's way as shapely does it,
    which keeps a ring simple: no point of the outline lies farther than `tolerance` px from the ring. Its points
    are all points of the outline.
    """
    rings = [np.array(ring, np.float64) for ring in _rings(np.asarray(mask, bool))]
    if not rings:
        return []
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    shapes = shapely.polygons(shapely.linearrings(np.concatenate(rings), indices=owner))
    order = np.argsort(-shapely.area(shapes), kind="stable")
    if not tolerance:
        return [rings[at] for at in order]
    simple = shapely.get_exterior_ring(shapely.simplify(shapes[order], tolerance))
    points, owner = shapely.get_coordinates(simple, return_index=True)
    return [ring[:-1] for ring in np.split(points, np.flatnonzero(np.diff(owner)) + 1)]


def _rings(mask: np.ndarray) -> Iterator[list[Point]]:
    """The outer outlines of all parts, each simple and clockwise, by the place of their top left corner.

    Each corner has one horizontal and one vertical edge. Along a row of corners the edges lead from the first to
    the second, from the third to the fourth, and so on; along a column too. Where two parts touch at a corner,
    that corner is there twice, once for each.
    """
    x, y, across, down = _corners(mask)
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    inside = mask[np.minimum(y, mask.shape[0] - 1), np.minimum(x, mask.shape[1] - 1)].tolist()
    seen = np.zeros(len(points), bool).tolist()
    for start in range(0, len(points), 2):
        ring, at = [], start
        while not seen[at]:
            other = across[at]
            seen[at] = seen[other] = True
            ring += [points[at], points[other]]
            at = down[other]
        # The top left corner's own pixel, to its lower right, is in the part, or in a hole.
        if ring and inside[start]:
            yield max(_loops(ring), key=_area) if len(set(ring)) < len(ring) else ring


def _corners(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int], list[int]]:
    """x and y (n,) of the corners, row by row; where each one's horizontal and its vertical edge leads."""
    padded = np.pad(mask, 1)
    nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    twice = (nw == se) & (ne == sw) & (nw != ne)
    y, x = np.nonzero(nw ^ ne ^ sw ^ se | twice)
    double = twice[y, x]
    falling = np.repeat(nw[y, x], 1 + double)  # where a corner is there twice: the parts lie upper left and lower right
    first = np.cumsum(1 + double) - 1 - double
    y, x = np.repeat(y, 1 + double), np.repeat(x, 1 + double)
    # Of two at one place, the one with an edge to the left comes first in its row, the one with an edge up in its
    # column: the same one where the parts fall, else the other.
    second = np.ones(len(x), bool)
    second[first] = False
    column = np.lexsort((second == falling, y, x))
    down = np.empty(len(x), np.int64)
    down[column] = column.reshape(-1, 2)[:, ::-1].ravel()
    return x, y, (np.arange(len(x)) ^ 1).tolist(), down.tolist()


def _loops(ring: list[Point]) -> Iterator[list[Point]]:
    """The simple rings of one that touches itself: the outline, and the holes that it closes off."""
    path: list[Point] = []
    place: dict[Point, int] = {}
    for point in ring:
        if point in place:
            cut = place[point]
            yield path[cut:]
            for gone in path[cut:]:
                del place[gone]
            del path[cut:]
        place[point] = len(path)
        path.append(point)
    yield path


def _area(ring: list[Point]) -> float:
    """Above 0 where clockwise."""
    x, y = np.array(ring, np.float64).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
