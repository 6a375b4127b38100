"""Mosaics: windows of several public scenes side by side, each around a thing of a category drawn at random.

Things keep about the size that they have in a scene, so that what is learnt here is what is asked there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from specialists.bundled.recipes import views
from specialists.bundled.recipes.pack import Pack

GRIDS = (2, 3)  # windows along a side
ZOOM = (0.75, 1.25)  # of a window beside its share of the scene; ours
ROOM = 1.2  # times the thing: a window is at least so large


class Mosaic:
    """Draws them; `scenes` are the categories of each scene's things, in their order."""

    def __init__(self, pack: Pack, scenes: Sequence[Sequence[str]]) -> None:
        self._pack = pack
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, names in enumerate(scenes):
            for place, name in enumerate(names):
                places[name].append((index, place))
        self._places = [places[name] for name in sorted(places)]

    def __call__(self, side: int, rng: np.random.Generator) -> tuple[views.View, list[str]]:
        """A square of so many pixels, and what its boxes are called."""
        grid = int(rng.choice(GRIDS))
        edges = np.linspace(0, side, grid + 1).astype(int)
        pixels, boxes, kept, called = np.zeros((side, side, 3), np.uint8), [], [], list[str]()
        for row in range(grid):
            for column in range(grid):
                top, left = int(edges[row]), int(edges[column])
                size = int(edges[row + 1]) - top, int(edges[column + 1]) - left
                view, names = self._window(max(size), 1 / grid, rng)
                pixels[top : top + size[0], left : left + size[1]] = view.pixels[: size[0], : size[1]]
                boxes.append((view.boxes * max(size) + np.tile((left, top), 2)) / side)
                kept.append(view.kept)
                called += names
        joined = np.concatenate(boxes).clip(0, 1).astype(np.float32)
        return views.View(pixels, joined, np.concatenate(kept), False), called

    def _window(self, side: int, share: float, rng: np.random.Generator) -> tuple[views.View, list[str]]:
        places = self._places[int(rng.integers(len(self._places)))]
        index, at = places[int(rng.integers(len(places)))]
        scene = self._pack[index]
        things = views.objects(scene.truth)
        all_boxes = views.boxes_of(things)
        size = np.array(scene.pixels.shape[1::-1])
        low, high = all_boxes[at, :2], all_boxes[at, 2:]
        zoom = max(rng.uniform(*ZOOM) * share, ROOM * float(((high - low) / size).max()))
        wanted = np.maximum(np.minimum(zoom, 1) * size, 1).round().astype(int)
        # Anywhere such that the thing lies within.
        least, most = np.maximum(high - wanted, 0), np.minimum(low, size - wanted)
        corner = rng.uniform(np.minimum(least, most), np.maximum(least, most)).astype(int)
        place = (int(corner[0]), int(corner[1]), int(corner[0] + wanted[0]), int(corner[1] + wanted[1]))
        view = views.window(scene.pixels, all_boxes, place, side, bool(rng.random() < 0.5))
        return view, [views.category(thing) for thing in things]
