"""The captioner: brief texts of whole images, in the manner of recipes/captioner.py.

    python -m specialists.bundled.recipes.captioning --pack PACK --work WORK --out FOLDER

1.1M parameters; 192 px become 12 x 12 image tokens, and in training each tells how much of it is filled by what. Most
of a scene is only the place, so some pictures are mosaics of things, for the image tokens alone. Detailed texts are
left to the aggregator, which is surer of what is there. Nothing is mirrored or recoloured: a run sees a scene hardly
more than once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch

from specialists.bundled.recipes import captioner
from specialists.bundled.recipes.captioner import STRIDE, Learner, Shape, asking, loss, padded, telling
from specialists.bundled.recipes.examples import Choice, Window, around, picture, plainly_told, shown, told
from specialists.bundled.recipes.options import read, save
from specialists.bundled.recipes.pack import Pack, Public
from specialists.bundled.recipes.training import Plan, train
from specialists.captioning.captioners import Florence2

# All ours.
PLAN = Plan(steps=9500, batch=12, rate=1.5e-3, average=0.995)
SHAPE = Shape(side=192, channels=(24, 56, 104), depths=(0, 1, 2), width=104, layers=2, tokens=226, words=680)
BEAMS, LONGER = 3, 2.0  # of beams that are about as likely, the one that tells more: greedily, it leaves things out
LISTENED = 3000  # scenes whose texts the tokenizer is learnt from
MOSAICS = 2  # pictures of a batch
ACROSS = 4  # crops in a row of a mosaic
TOGETHER = 4  # crops of a scene in a mosaic, at most
Shown = tuple[np.ndarray, np.ndarray, np.ndarray]  # pixels, and things and colours by cell
# As the processor puts Florence-2's tasks, so that they are a token for each word; the second one, and the words of
# detailed texts, are there for who trains on.
QUESTIONS = ("What does the image describe?", "Describe in detail what is shown in the image.")


def build(pack: Pack) -> tuple[Any, Any]:
    """A model with random weights, and its processor."""
    truths = islice(pack.truths("texts"), LISTENED)
    model, processor = captioner.build(
        SHAPE, (text for truth in truths for text in (told(truth, "brief"), told(truth, "detailed"), *QUESTIONS))
    )
    model.generation_config.update(num_beams=BEAMS, length_penalty=LONGER)
    return model, processor


class Lessons:
    """The batches of the steps: scenes in their order, each with its texts, and mosaics of their things."""

    def __init__(self, pack: Pack, processor: Any, batch: int) -> None:
        self.pack, self.scenes, self.tokenizer = pack, max(1, batch - MOSAICS), processor.tokenizer
        self.ask, self.choice = asking(processor, Florence2.prompts["brief"]), Choice(pack)

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        """What `captioner.loss` takes."""
        rng = np.random.default_rng((1, step))
        scenes = [self.pack[(step * self.scenes + at) % len(self.pack)] for at in range(self.scenes)]
        pictures = [_shown(scene, None, SHAPE.cells) for scene in scenes]
        pictures += [self._mosaic(scenes, rng) for _ in range(MOSAICS)]
        pixels, things, colours = (torch.from_numpy(np.stack(each)) for each in zip(*pictures, strict=True))
        return {
            "pixels": pixels.permute(0, 3, 1, 2),
            "things": things.flatten(1, 2),
            "colours": colours.flatten(1, 2),
            "of": torch.arange(len(scenes)),
            "asked": padded([self.ask] * len(scenes)),
            "written": padded(self.tokenizer([plainly_told(scene) for scene in scenes]).input_ids),
        }

    def _mosaic(self, scenes: Sequence[Public], rng: np.random.Generator) -> Shown:
        """Things of these scenes in rows and columns; where there are too few, some come again."""
        pairs = [(scene, thing) for scene in scenes for thing in self.choice.some(scene, TOGETHER, rng)]
        if not pairs:
            return _shown(scenes[0], None, SHAPE.cells)
        picked = [pairs[at] for at in np.resize(rng.permutation(len(pairs)), ACROSS**2)]
        windows = [around(thing["box"], scene.pixels.shape, rng) for scene, thing in picked]
        patches = [_shown(scene, window, SHAPE.cells // ACROSS) for (scene, _), window in
                   zip(picked, windows, strict=True)]  # fmt: skip
        pixels, things, colours = (_tiled(np.stack(each)) for each in zip(*patches, strict=True))
        return pixels, things, colours


def _shown(scene: Public, window: Window | None, cells: int) -> Shown:
    left, top, right, bottom = window or (0, 0, scene.pixels.shape[1], scene.pixels.shape[0])
    return picture(scene.pixels[top:bottom, left:right], cells * STRIDE), *shown(scene, cells, window)


def _tiled(patches: np.ndarray) -> np.ndarray:
    """Patches (ACROSS², side, side, k) as one sheet (ACROSS * side, ACROSS * side, k)."""
    side, last = patches.shape[1], patches.shape[-1]
    apart = patches.reshape(ACROSS, ACROSS, side, side, last).swapaxes(1, 2)
    return apart.reshape(ACROSS * side, ACROSS * side, last)


def main() -> None:
    """Train and save."""
    given = read(PLAN)
    model, processor = build(given.pack)
    learner, lessons = Learner(model, telling(processor.tokenizer)), Lessons(given.pack, processor, given.plan.batch)
    train(learner, loss, lessons, given.plan, given.work)
    save(given.out, model, processor)


if __name__ == "__main__":
    main()
