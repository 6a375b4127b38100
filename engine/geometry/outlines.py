"""The outlines of a mask along pixel edges, traced from corner to corner, all parts at once."""

from __future__ import annotations

import numpy as np
import shapely

from engine.geometry.arrays import signed_areas


def outlines(mask: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """The parts of a mask (height, width) as clockwise rings (k, 2), largest area first, holes filled.

    Pixels are of one part where they share a side. Simplified by Douglas and Peucker's way as shapely does it,
    which keeps a ring simple: what is left are points of the outline, and of those that go few lie farther than
    `tolerance` px from the ring, none twice as far.
    """
    points, ring = _rings(np.asarray(mask, bool))
    if not len(points):
        return []
    rings = shapely.linearrings(points.astype(np.float64), indices=ring)
    rings = rings[np.argsort(-shapely.area(shapely.polygons(rings)), kind="stable")]
    if tolerance:
        rings = _simplified(rings, tolerance)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    return [closed[:-1] for closed in np.split(points, _starts(ring)[1:])]


def _simplified(rings: np.ndarray, tolerance: float) -> np.ndarray:
    """Simple rings (n,) with fewer points. Minding what crosses what is slow, and needed only where something does."""
    fewer = shapely.simplify(rings, tolerance, preserve_topology=False)
    # Clockwise to us is counterclockwise to shapely, whose y points up.
    good = shapely.is_valid(fewer) & (shapely.get_num_coordinates(fewer) > 3) & shapely.is_ccw(fewer)
    bad = np.flatnonzero(~good)
    careful = shapely.simplify(shapely.polygons(rings[bad]), tolerance)
    fewer[bad] = shapely.get_exterior_ring(careful)
    return fewer


def _rings(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points (n, 2) of all parts' outer outlines, ring after ring, each simple and clockwise, and their rings (n,).

    Each corner has one horizontal and one vertical edge. Along a row of corners the edges lead from the first to
    the second, from the third to the fourth, and so on; along a column too. Where two parts touch at a corner,
    that corner is there twice, once for each.
    """
    points, down = _corners(mask)
    # Across, then up or down: every ring is walked twice, and clockwise from its top left corner, an even one.
    across = np.arange(len(points)) ^ 1
    cycle, order = _cycles(down[across])
    order = order[cycle[order] % 2 == 0]
    ring, points = np.repeat(cycle[order], 2), points[np.stack([order, across[order]], axis=1).ravel()]
    # That corner's own pixel, to its lower right, is in the part, or in a hole.
    starts = _starts(ring)
    outer = np.repeat(mask[tuple(points[starts, ::-1].T)], np.diff(starts, append=len(ring)))
    points, ring = _without_loops(points[outer], ring[outer])
    return points, np.unique(ring, return_inverse=True)[1]


def _cycles(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a permutation (n,): each item's cycle (n,), which is its lowest item, and all items cycle by cycle.

    By doubling: each round every item sees twice as far.
    """
    cycle, ahead = np.arange(len(following)), following
    rounds = max(len(following) - 1, 0).bit_length()
    for _ in range(rounds):
        cycle = np.minimum(cycle, cycle[ahead])
        ahead = ahead[ahead]
    ahead = np.where(following == cycle, np.arange(len(following)), following)
    left = (following != cycle).astype(np.int64)  # steps to the cycle's last item
    for _ in range(rounds):
        left += left[ahead]
        ahead = ahead[ahead]
    return cycle, np.argsort(cycle * len(following) - left)


def _starts(ring: np.ndarray) -> np.ndarray:
    """Where each ring begins among points (n,) that are sorted by it."""
    return np.flatnonzero(np.r_[True, ring[1:] != ring[:-1]][: len(ring)])


def _without_loops(points: np.ndarray, ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) and their rings (n,) with those rings mended that touch themselves, around a hole."""
    place = points[:, 1] * (points[:, 0].max(initial=0) + 1) + points[:, 0]
    code = np.sort(ring * (place.max(initial=0) + 1) + place)
    touching = np.unique(code[1:][code[1:] == code[:-1]] // (place.max(initial=0) + 1))
    keep = np.ones(len(points), bool)
    for one in touching.tolist():
        at = np.arange(*np.searchsorted(ring, (one, one + 1)))
        keep[at] = False
        keep[at[_longest_loop(points[at], place[at].tolist())]] = True
    return points[keep], ring[keep]


def _corners(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners' points (n, 2), row by row, and where (n,) each one's vertical edge leads.

    Their horizontal edges lead from the first to the second, from the third to the fourth, and back.
    """
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
    return np.stack([x, y], axis=1), down


def _longest_loop(points: np.ndarray, places: list[int]) -> list[int]:
    """Of a ring (k, 2) that touches itself the outline alone, without the holes that it closes off: indices.

    `places` (k,) are numbers, equal for equal points.
    """
    loops: list[list[int]] = []
    path: list[int] = []
    depth: dict[int, int] = {}
    for at, place in enumerate(places):
        if place in depth:
            cut = depth[place]
            loops.append(path[cut:])
            for gone in path[cut:]:
                del depth[places[gone]]
            del path[cut:]
        depth[place] = len(path)
        path.append(at)
    # Holes run the other way round.
    areas = [signed_areas(points[None, loop].astype(np.float64))[0] for loop in (*loops, path)]
    return (*loops, path)[int(np.argmax(areas))]
