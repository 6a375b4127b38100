"""How fast is our NMS? 100 images x 300 boxes, against the `supervision` package where it is installed.

Without `supervision` the floor is the plain greedy loop per image and class below. `supervision` is no
dependency of ours; `pip install supervision` into a throw-away environment measures against it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.figure import Figure, Options, compare
from engine.geometry import box_iou, nms

IMAGES, BOXES, SIDE, IOU = 100, 300, 1000.0, 0.5

Floor = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def measure(options: Options) -> Iterator[Figure]:
    """Boxes scattered and crowded, of many classes, some, and one."""
    name, floor = _floor()
    for layout in (_scattered, _crowded):
        for classes in (80, 10, 1):
            boxes, labels = layout(np.random.default_rng(0), classes)
            what = f"NMS, {layout.__name__[1:]}, {classes} classes, vs {name}"
            yield _compare(what, floor, boxes, labels, options.rounds)


def _compare(name: str, floor: Floor, boxes: np.ndarray, labels: np.ndarray, rounds: int) -> Figure:
    """Times both on boxes (IMAGES, BOXES, 4) in pixels with labels (IMAGES, BOXES)."""
    scores = np.random.default_rng(1).permutation(labels.size).reshape(labels.shape) / labels.size
    groups = (np.arange(IMAGES)[:, None] * (labels.max() + 1) + labels).ravel()

    def ours() -> np.ndarray:
        return nms(boxes.reshape(-1, 4), scores.ravel(), groups, IOU).keep

    def theirs() -> np.ndarray:
        return np.concatenate([floor(*image) for image in zip(boxes, scores, labels, strict=True)])

    if not (ours() == theirs()).all():
        raise SystemExit(f"{name}: the results differ")
    return compare(name, ours, theirs, rounds)


def _scattered(rng: np.random.Generator, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes anywhere, of any class: little to suppress."""
    size = rng.uniform(10, 300, (IMAGES, BOXES, 2))
    corner = rng.random(size.shape) * (SIDE - size)
    boxes = np.concatenate([corner, corner + size], axis=2).astype(np.float32)
    return boxes, rng.integers(0, classes, (IMAGES, BOXES))


def _crowded(rng: np.random.Generator, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes around 20 objects an image, as a detector emits them: nearly all to suppress."""
    objects, labels = _scattered(rng, classes)
    chosen = rng.integers(0, 20, (IMAGES, BOXES))
    boxes = np.take_along_axis(objects, chosen[..., None], axis=1)
    side = np.tile(boxes[..., 2:] - boxes[..., :2], 2)
    boxes = np.clip(boxes + rng.normal(0, 0.08, boxes.shape) * side, 0, SIDE)
    low, high = np.minimum(boxes[..., :2], boxes[..., 2:]), np.maximum(boxes[..., :2], boxes[..., 2:])
    boxes = np.concatenate([low, high], axis=2).astype(np.float32)
    return boxes, np.take_along_axis(labels, chosen, axis=1)


def _floor() -> tuple[str, Floor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import supervision  # type: ignore[import-not-found]
    except ImportError:
        return "plain numpy", _plain
    suppress = supervision.box_non_max_suppression

    def floor(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        keep: np.ndarray = suppress(np.column_stack([boxes, scores, labels]), IOU)
        return keep

    return f"supervision {supervision.__version__}", floor


def _plain(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Greedy NMS of one image, class by class: boxes (n, 4), scores (n,), labels (n,) -> keep (n,)."""
    keep = np.zeros(len(boxes), bool)
    for label in np.unique(labels):
        left = np.flatnonzero(labels == label)
        left = left[np.argsort(-scores[left], kind="stable")]
        while len(left):
            best, left = left[0], left[1:]
            keep[best] = True
            left = left[box_iou(boxes[best][None], boxes[left])[0] <= IOU]
    return keep
