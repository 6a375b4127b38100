"""The crop captioner: a noun phrase for what a crop shows, in the manner of recipes/captioner.py.

    python -m specialists.bundled.recipes.crop_captioning --pack PACK --work WORK --out FOLDER

0.5M parameters. Most crops are smaller than 96 px as they are, so that is what they are stretched to: 6 x 6 image
tokens, a seventh of the captioner's cost, and so many more crops to learn from. In training their mean tells the
category and the colour. Boxes are as wrong as a detector's, a third of the crops is mirrored, rare things come more
often.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import torch

from specialists.bundled.recipes import captioner
from specialists.bundled.recipes.captioner import Learner, Shape, asking, loss, padded
from specialists.bundled.recipes.examples import COLOURS, THINGS, Choice, around, colours, named, picture
from specialists.bundled.recipes.options import read, save
from specialists.bundled.recipes.pack import Pack, Public
from specialists.bundled.recipes.training import Plan, train
from specialists.bundled.recipes.views import category, objects
from specialists.captioning.captioners import Florence2

# All ours.
PLAN = Plan(steps=2300, batch=48, rate=1.5e-3, average=0.995)
SHAPE = Shape(side=96, channels=(24, 48, 88), depths=(0, 1, 2), width=64, layers=1, tokens=62, words=480)
LISTENED = 3000  # scenes whose phrases the tokenizer is learnt from
TOGETHER = 4  # crops of a scene: reading it costs more than they do
MIRRORED = 1 / 3
QUESTION = "What does the image describe?"  # as the processor puts Florence-2's task


def build(pack: Pack) -> tuple[Any, Any]:
    """A model with random weights, and its processor."""
    truths = islice(pack.truths("regions"), LISTENED)
    return captioner.build(SHAPE, (text for truth in truths for text in (*map(named, objects(truth)), QUESTION)))


class Lessons:
    """The batches of the steps: scenes in their order, and crops of some of the things in each."""

    def __init__(self, pack: Pack, processor: Any, batch: int) -> None:
        self.pack, self.scenes, self.tokenizer = pack, max(1, batch // TOGETHER), processor.tokenizer
        self.ask, self.choice = asking(processor, Florence2.prompts["brief"]), Choice(pack)

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        """What `captioner.loss` takes."""
        rng = np.random.default_rng((1, step))
        scenes = [self.pack[(step * self.scenes + at) % len(self.pack)] for at in range(self.scenes)]
        taken = [(scene, thing) for scene in scenes for thing in self.choice.some(scene, TOGETHER, rng)]
        names = [THINGS.index(category(thing)) for _, thing in taken]
        hues = [COLOURS.index(colours(scene.truth)[thing["id"]]) for scene, thing in taken]
        pixels = np.stack([_crop(scene, thing["box"], rng) for scene, thing in taken])
        return {
            "pixels": torch.from_numpy(pixels).permute(0, 3, 1, 2),
            "things": torch.eye(len(THINGS))[names][:, None],
            "colours": torch.eye(len(COLOURS))[hues][:, None],
            "of": torch.arange(len(taken)),
            "asked": padded([self.ask] * len(taken)),
            "written": padded(self.tokenizer([named(thing) for _, thing in taken]).input_ids),
        }


def _crop(scene: Public, box: list[float], rng: np.random.Generator) -> np.ndarray:
    left, top, right, bottom = around(box, scene.pixels.shape, rng)
    cut = picture(scene.pixels[top:bottom, left:right], SHAPE.side)
    return cut[:, ::-1] if rng.random() < MIRRORED else cut


def main() -> None:
    """Train and save."""
    given = read(PLAN)
    model, processor = build(given.pack)
    learner, lessons = (
        Learner(model, torch.ones(len(processor.tokenizer))),
        Lessons(given.pack, processor, given.plan.batch),
    )
    train(learner, loss, lessons, given.plan, given.work)
    save(given.out, model, processor)


if __name__ == "__main__":
    main()
