"""Eyes for the bundled multitask model: what `vision: FOLDER` of `fld train` begins with.

DaViT as the bundled captioner has learnt it, and behind it the way into the text model: projector and text encoder
in the shapes of the preset `mini`. On public scenes each image token learns to tell, by linear heads that are thrown
away, in which box its middle lies, of what thing and in which colour, and whether it is the middle of one. A box's
sides are told as places on the curve with which the preset's location tokens begin, so that a decoder finds in each
token what it has to write. By texts alone that is learnt many times slower.

    python -m specialists.bundled.recipes.eyes --pack PACK --work WORK --out FOLDER

All values are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from specialists.bundled.recipes import captioner, options, views
from specialists.bundled.recipes.captioner import Shape, normal
from specialists.bundled.recipes.examples import COLOURS, THINGS, colours
from specialists.bundled.recipes.mosaics import Mosaic
from specialists.bundled.recipes.pack import Pack
from specialists.bundled.recipes.training import Plan, train

PLAN = Plan(steps=6000, batch=16, rate=1.5e-3, cooldown=0.5, average=0.995)
SHAPE = Shape(side=192, channels=(24, 56, 104), depths=(0, 1, 2), width=160, layers=1, tokens=512, words=300)
BEGINNING = Path(__file__).parents[1] / "weights" / "captioning" / "model.safetensors"
MOSAICS = 0.4  # share of the pictures
PLACES, FINEST = 1000, 100  # location tokens, and the half waves by which the finest of them differ
BLUR = 6.0  # of a side's place, in location tokens
EMPTY = 0.25  # weight of image tokens that show no thing
SEEING = ("model.vision_tower.", "model.multi_modal_projector.", "model.language_model.encoder.")


def build() -> Any:
    """The model, whose decoder is never used."""
    model, _ = captioner.build(SHAPE, ["a", "the", "image"])
    seen = load_file(BEGINNING)
    own = {name.removeprefix(SEEING[0]): value.float() for name, value in seen.items() if name.startswith(SEEING[0])}
    model.model.vision_tower.load_state_dict(own)
    with torch.no_grad():
        for table in model.model.multi_modal_projector.image_position_embed.parameters():
            table.copy_(0.5 * curve(len(table), table.shape[1], len(table)))
    return model


def curve(places: int, width: int, finest: float) -> torch.Tensor:
    """Places along a line as waves of growing frequency, (places, width): those of the presets in `florence`."""
    waves = torch.linspace(0, 1, places)[:, None] * torch.logspace(0, math.log10(finest), -(-width // 2)) * math.pi
    return torch.stack([waves.sin(), waves.cos()], -1).flatten(1)[:, :width] * 2**0.5


class Learner(nn.Module):  # type: ignore[misc]
    """The eyes, and the heads that are thrown away."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, width = model, SHAPE.width
        self.names, self.centre = nn.Linear(width, len(THINGS) + len(COLOURS)), nn.Linear(width, 1)
        self.sides = nn.Linear(width, 4 * width)
        self.register_buffer("places", curve(PLACES, width, FINEST), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the text encoder makes of the image tokens of pictures (n, 3, side, side): (n, tokens, width)."""
        model = self.model.model
        tokens = self.model.get_image_features(normal(pixels)).pooler_output
        encoded: torch.Tensor = model.language_model.encoder(inputs_embeds=tokens).last_hidden_state
        return encoded[:, 1:]  # the first is the mean of all


def loss(learner: Learner, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """How far from the truth the image tokens are.

    `pixels` (n, 3, side, side); of each token, (n, t): the numbers of its `thing` and `colour`, 0 for none, whether it
    is the `centre` of one; and its `box` (n, t, 4), xyxy in location tokens.
    """
    tokens, shows = learner(batch["pixels"]), batch["thing"] > 0
    things, hues = learner.names(tokens).float().flatten(0, 1).split([len(THINGS), len(COLOURS)], 1)
    weight = torch.where(shows, 1.0, EMPTY).flatten()
    sides = learner.sides(tokens[shows]).unflatten(1, (4, -1))
    return {
        "things": (F.cross_entropy(things, batch["thing"].flatten(), reduction="none") * weight).sum() / weight.sum(),
        "colours": 0.5 * F.cross_entropy(hues[shows.flatten()], batch["colour"][shows]),
        "centres": F.binary_cross_entropy_with_logits(
            learner.centre(tokens)[..., 0].float(), batch["centre"].float(), pos_weight=torch.tensor(3.0)
        ),
        "boxes": F.cross_entropy(
            (sides @ learner.places.T.to(sides.dtype)).float().flatten(0, 1), _blurred(batch["box"][shows].flatten())
        ),
    }


def _blurred(places: torch.Tensor) -> torch.Tensor:
    """Chances (n, PLACES) around places (n,)."""
    off = (torch.arange(PLACES, device=places.device) - places[:, None]) / BLUR
    return (-off.square() / 2).softmax(1)


class Lessons:
    """The batches of the steps: windows of scenes, and mosaics of their things."""

    def __init__(self, pack: Pack, batch: int) -> None:
        self._pack, self._batch = pack, batch
        scenes = [[views.category(thing) for thing in views.objects(truth)] for truth in pack.truths("regions")]
        self._chances, self._mosaic = views.chances(scenes), Mosaic(pack, scenes)

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        """What `loss` takes."""
        rng = np.random.default_rng([3, step])
        made = [self._picture(int(index), rng) for index in rng.choice(len(self._pack), self._batch, p=self._chances)]
        joined = {name: torch.from_numpy(np.stack([each[name] for each in made])) for name in made[0]}
        return joined | {"pixels": joined["pixels"].permute(0, 3, 1, 2)}

    def _picture(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if rng.random() < MOSAICS:
            view, called = self._mosaic(SHAPE.side, rng)
            hues = np.full(len(called), -100)  # not known: the mosaic tells names alone
        else:
            scene = self._pack[index]
            things, known = views.objects(scene.truth), colours(scene.truth)
            view = views.cut(scene.pixels, views.boxes_of(things), SHAPE.side, rng, least=0.7)
            called = [views.category(thing) for thing in things]
            hues = np.array([COLOURS.index(known[thing["id"]]) for thing in things], np.int64)
        names = np.array([THINGS.index(name) for name in called], np.int64)
        return {"pixels": view.pixels} | _told(view.boxes[view.kept], names[view.kept], hues[view.kept], SHAPE.cells)


def _told(boxes: np.ndarray, names: np.ndarray, hues: np.ndarray, cells: int) -> dict[str, np.ndarray]:
    """What each cell has to tell: the smallest box of boxes (n, 4), in shares, that its middle is in."""
    middle = (np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).reshape(-1, 2) + 0.5) / cells
    size = boxes[:, 2:] - boxes[:, :2]
    within = (middle[:, None] > boxes[None, :, :2]).all(-1) & (middle[:, None] < boxes[None, :, 2:]).all(-1)
    cost = np.concatenate([np.where(within, size.prod(1)[None], np.inf), np.full((cells**2, 1), 1e9)], 1)
    best = cost.argmin(1)  # the last row is no box
    best[best == len(boxes)] = -1
    centre = np.zeros(cells**2, bool)
    for at in np.argsort(-size.prod(1)):
        x, y = (((boxes[at, :2] + boxes[at, 2:]) / 2 * cells).astype(int)).clip(0, cells - 1)
        centre[y * cells + x] = True
        if size[at].max() * cells < 1.5 or best[y * cells + x] == -1:  # so small that no middle may be in it
            best[y * cells + x] = at
    blank = np.zeros(1, np.int64)
    rows = np.concatenate([boxes, np.zeros((1, 4))])[best]
    return {
        "thing": np.concatenate([names, blank])[best],
        "colour": np.concatenate([hues, blank])[best],
        "centre": centre,
        "box": (rows * PLACES).clip(0, PLACES - 1).astype(np.float32),
    }


def save(folder: Path, model: Any) -> None:
    """Write what sees, in half precision, and its shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.detach().half().contiguous()
        for name, value in model.named_parameters()
        if name.startswith(SEEING) and "embed_tokens" not in name
    }
    model.config.save_pretrained(folder)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def main() -> None:
    """Train and save."""
    given = options.read(PLAN)
    model = build()
    train(Learner(model), loss, Lessons(given.pack, given.plan.batch), given.plan, given.work)
    save(given.out, model)


if __name__ == "__main__":
    main()
