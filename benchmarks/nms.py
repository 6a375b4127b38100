"""How fast is our NMS? 100 images x 300 boxes, against the `supervision` package where it is installed.

    python benchmarks/nms.py

Without `supervision` the floor is the plain greedy loop per image and class below. `supervision` is no
dependency of ours; `pip install supervision` into a throw-away environment measures against it. The line of
JSON is the case with the least ratio.
"""

from __future__ import annotations

import json
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np

from engine.geometry import box_iou, nms

IMAGES, BOXES, SIDE, IOU, RUNS = 100, 300, 1000.0, 0.5, 7

Floor = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    name, floor = _floor()
    print(f"{IMAGES} images x {BOXES} boxes, IoU {IOU}, medians of {RUNS} runs, against {name}")
    print(f"{'boxes':10}{'classes':>8}{'kept':>8}{'ours ms':>10}{'floor ms':>10}{'ratio':>8}")
    results = []
    for layout in (_scattered, _crowded):
        for classes in (80, 10, 1):
            boxes, labels = layout(np.random.default_rng(0), classes)
            result = _measure(f"nms {layout.__name__[1:]} {classes} vs {name}", floor, boxes, labels)
            results.append(result)
    print(json.dumps(min(results, key=lambda result: float(result["ratio"]))))


def _measure(name: str, floor: Floor, boxes: np.ndarray, labels: np.ndarray) -> dict[str, str | float]:
    """Times both on boxes (IMAGES, BOXES, 4) in pixels with labels (IMAGES, BOXES)."""
    scores = np.random.default_rng(1).permutation(labels.size).reshape(labels.shape) / labels.size
    groups = (np.arange(IMAGES)[:, None] * (labels.max() + 1) + labels).ravel()

    def ours() -> np.ndarray:
        return nms(boxes.reshape(-1, 4), scores.ravel(), groups, IOU).keep

    def theirs() -> np.ndarray:
        return np.concatenate([floor(*image) for image in zip(boxes, scores, labels, strict=True)])

    if not (ours() == theirs()).all():
        raise SystemExit(f"{name}: the results differ")
    # In turns, so that whatever else the machine does slows both alike.
    seconds = [(_seconds(ours), _seconds(theirs)) for _ in range(RUNS)]
    ours_s, floor_s = (statistics.median(column) for column in zip(*seconds, strict=True))
    ratio = floor_s / ours_s
    layout, classes = name.split()[1:3]
    print(f"{layout:10}{classes:>8}{ours().sum():8}{ours_s * 1e3:10.1f}{floor_s * 1e3:10.1f}{ratio:8.1f}")
    return {"name": name, "ours_s": round(ours_s, 5), "floor_s": round(floor_s, 5), "ratio": round(ratio, 2)}


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


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
            import supervision
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


if __name__ == "__main__":
    main()
