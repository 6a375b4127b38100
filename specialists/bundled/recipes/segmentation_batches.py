"""What the segmenter learns from: images as its stage would show them, boxes a little off, and masks on its grid."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch

from engine.geometry import decode_rle
from specialists.bundled.recipes import views
from specialists.bundled.recipes.pack import Pack
from specialists.segmentation.enlarging import Frame

SIDE = 192  # px, which the image's longer side fills
PATCH = 8  # px
GRID = 4 * SIDE // PATCH  # points along each side of a mask
BOXES = 6  # of each image and step; ours


class Batches:
    """The batch of each step: images as the stage would show them, boxes a little off, and the masks."""

    def __init__(self, pack: Pack, processor: Any, size: int, seed: int = 0) -> None:
        self._pack, self._size, self._seed = pack, size, seed
        self._prepare = processor.image_processor

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self._seed, step])
        seen = [self._seen(rng) for _ in range(self._size)]
        return {name: torch.stack([one[name] for one in seen]) for name in seen[0]}

    def _seen(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        things: list[dict[str, Any]] = []
        while not things:
            scene = self._pack[int(rng.integers(len(self._pack)))]
            things = views.objects(scene.truth)
        boxes, masks = views.boxes_of(things), [decode_rle(thing["mask"]).astype(np.float32) for thing in things]
        pixels = cv2.convertScaleAbs(scene.pixels, alpha=rng.uniform(0.85, 1.15), beta=rng.uniform(-15, 15))
        if rng.random() < 0.5:
            pixels, masks = np.ascontiguousarray(pixels[:, ::-1]), [mask[:, ::-1] for mask in masks]
            boxes = np.stack(
                [pixels.shape[1] - boxes[:, 2], boxes[:, 1], pixels.shape[1] - boxes[:, 0], boxes[:, 3]], 1
            )
        inputs = self._prepare(images=pixels, input_data_format="channels_last", return_tensors="pt")
        height, width = (int(size) for size in inputs["reshaped_input_sizes"][0])
        frame = Frame((pixels.shape[0], pixels.shape[1]), (height, width), (SIDE, SIDE))
        shares = torch.stack([_share(mask, height, width) for mask in masks])
        boxes = frame.prompts(boxes)
        few = len(things) < BOXES
        asked = rng.choice(len(things), BOXES, replace=few)
        given = jittered(boxes[asked], rng).clip(0, (width, height, width, height))
        return {
            "pixels": inputs["pixel_values"][0],
            "boxes": torch.from_numpy(given).float(),
            "masks": shares[asked],
            "near": torch.from_numpy(np.stack([_near(box) for box in given])),
            "dense": _dense(shares, boxes),
        }


def jittered(boxes: np.ndarray, rng: np.random.Generator, least: float = 0.0, most: float = 0.08) -> np.ndarray:
    """Boxes (n, 4) whose sides are off by a share of their size; how far they spread is drawn for each box."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    off = rng.normal(size=boxes.shape).clip(-2, 2) * rng.uniform(least, most, (len(boxes), 1))
    moved: np.ndarray = boxes + off * size
    return moved


def _share(mask: np.ndarray, height: int, width: int) -> torch.Tensor:
    """How much of each point (g, g) a mask of the whole image covers; it fills (height, width) px of the square."""
    square = np.zeros((SIDE, SIDE), np.float32)
    square[:height, :width] = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(cv2.resize(square, (GRID, GRID), interpolation=cv2.INTER_AREA))


def _near(box: np.ndarray) -> np.ndarray:
    """The points (g, g) in the box and a tenth of its size around."""
    middle, reach = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * 0.6 + SIDE / GRID
    points = (np.arange(GRID) + 0.5) * SIDE / GRID
    across, down = (np.abs(points - middle[axis]) < reach[axis] for axis in (0, 1))
    return (down[:, None] & across[None]).astype(np.float32)


def _dense(shares: torch.Tensor, boxes: np.ndarray) -> torch.Tensor:
    """For each point (5, g, g): whether a thing stands there, and where its box's sides are, in shares of the square.

    The sides are told from the point: left, top, right, bottom.
    """
    share, thing = shares.max(0)
    stands = (share > 0.5).float()
    sides = torch.from_numpy(boxes / SIDE).float()[thing].permute(2, 0, 1)
    points = (torch.arange(GRID) + 0.5) / GRID
    across, down = points[None].expand(GRID, GRID), points[:, None].expand(GRID, GRID)
    return torch.cat([stands[None], sides - torch.stack([across, down, across, down])])
