"""How well a segmenter draws: the mean IoU of its masks with those of scenes, each asked for by its true box.

A detector's boxes are a little off; so may these be, by as much as the recipe's are (`segmentation_batches.jittered`).

    python -m specialists.bundled.recipes.masks FOLDER 'scenes:300?split=held-out&seed=1' --off 0.05
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from engine import records
from engine.geometry import box_iou, rle_area, rle_iou
from engine.images import decode
from engine.stage import Batch
from specialists.bundled.recipes import views
from specialists.bundled.recipes.segmentation_batches import jittered
from specialists.bundled.scenes.scene import Scene
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import ORIGIN, Truth
from specialists.segmentation.stage import Segmentation

AT_ONCE = 16  # images
SMALL = 32**2  # px of a true mask, as COCO has it


def measure(weights: str, source: str, off: float, cpus: int = 1) -> np.ndarray:
    """For each thing in the scenes (n, 3): its mask's IoU, that of the box that was given, and its true area in px.

    The sides of the boxes are off by `off` of their size: a standard deviation, cut at two.
    """
    stage, rng = Segmentation(weights=weights), np.random.default_rng(0)
    stage.open(cpus)
    drawn = list(scenes(source))
    chunks = [drawn[at : at + AT_ONCE] for at in range(0, len(drawn), AT_ONCE)]
    found = [row for some in chunks for row in _rows(stage, some, off, rng)]
    return np.array(found).reshape(-1, 3)


def _rows(
    stage: Segmentation, drawn: Sequence[tuple[Scene, Truth]], off: float, rng: np.random.Generator
) -> Iterator[tuple[float, float, int]]:
    true = [views.objects(truth.row()) for _, truth in drawn]
    boxes = [
        jittered(views.boxes_of(things), rng, off, off).clip(0, (truth.width, truth.height) * 2)
        for things, (_, truth) in zip(true, drawn, strict=True)
    ]
    asked = [
        [records.region(thing["id"], "object", box, ORIGIN) for thing, box in zip(things, given.tolist(), strict=True)]
        for things, given in zip(true, boxes, strict=True)
    ]
    rows = [
        {"image_id": truth.image_id, "width": truth.width, "height": truth.height, "regions": regions}
        for regions, (_, truth) in zip(asked, drawn, strict=True)
    ]
    pixels = [decode(scene.data) for scene, _ in drawn]
    done = stage(Batch(pa.Table.from_pylist(rows, records.SCHEMA), pixels.__getitem__)).table
    for things, given, regions in zip(true, boxes, done["regions"].to_pylist(), strict=True):
        for thing, box, region in zip(things, given, regions, strict=True):
            mask = region["mask"]
            overlap = float(rle_iou([mask], [thing["mask"]])[0, 0]) if mask else 0.0
            yield overlap, float(box_iou(box[None], views.boxes_of([thing]))[0, 0]), rle_area(thing["mask"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", help="folder of the checkpoint")
    parser.add_argument("source", help="scenes:300?split=held-out&seed=1")
    parser.add_argument("--off", type=float, default=0.0, help="spread of the sides, as a share of a box's size")
    given = parser.parse_args()
    mask, box, area = measure(given.weights, given.source, given.off).T
    small = area < SMALL
    print(
        f"mask IoU {mask.mean():.3f} of {len(mask)} things (box IoU {box.mean():.3f}); "
        f"of {small.sum()} under 32 x 32 px {mask[small].mean():.3f}, of the others {mask[~small].mean():.3f}; "
        f"{(mask > 0.5).mean():.3f} of them above 0.5"
    )


if __name__ == "__main__":
    main()
