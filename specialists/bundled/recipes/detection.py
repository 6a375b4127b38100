"""The bundled detector: RT-DETR v2 (Lv et al., arXiv 2407.17140) of two million parameters at 288 px.

Set matching learns slowly from scratch. So while it trains, a dense head like that of FCOS (Tian et al., arXiv
1904.01355) reads the same features: each place in the middle of a thing says what stands there, as in RT-DETRv3
(arXiv 2409.08475). The head is thrown away.

A scene is mostly backdrop; so most images are mosaics, which show three times as many things, all categories alike.

    python -m specialists.bundled.recipes.detection --pack PACK --work WORK --out FOLDER
    python -m specialists.bundled.recipes.detection --pack PACK --work OTHER --out FOLDER --begin FOLDER

The second goes on from a checkpoint for a while, by the detector's own loss alone. All values are ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from specialists.bundled.recipes import options, views
from specialists.bundled.recipes.mosaics import Mosaic
from specialists.bundled.recipes.pack import Pack
from specialists.bundled.recipes.training import Plan, train

SIDE = 288  # px, to which an image is stretched
SIDES = ((192, 224, 256), (256, 288, 320))  # one of them for each step, in its first half and in its second
MOSAICS = (0.6, 0.2)  # share of the images that are one, until the cool-down and in it
STRIDES = (8, 16, 32)
WIDTH = 96
PLAN = Plan(steps=6100, batch=8, rate=6e-4)
ONWARD = Plan(steps=3000, batch=8, rate=3e-4, cooldown=0.8)  # of what begins with a checkpoint


def build(names: list[str]) -> tuple[Any, Any]:
    """Model and image processor for these categories."""
    from transformers import RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    hidden = [24, 48, 96, 144]
    backbone = RTDetrResNetConfig(
        embedding_size=24, hidden_sizes=hidden, depths=[1, 2, 2, 1], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = RTDetrV2Config(
        backbone_config=backbone, freeze_backbone_batch_norms=False, encoder_in_channels=hidden[1:],
        encoder_hidden_dim=WIDTH, encoder_ffn_dim=2 * WIDTH, hidden_expansion=0.5, encoder_attention_heads=3,
        d_model=WIDTH, decoder_ffn_dim=2 * WIDTH, decoder_attention_heads=3, decoder_layers=3,
        decoder_in_channels=[WIDTH] * 3, num_queries=80, num_denoising=60,
        id2label=dict(enumerate(names)), label2id={name: at for at, name in enumerate(names)},
    )  # fmt: skip
    return RTDetrV2ForObjectDetection(config), RTDetrImageProcessorPil(size={"height": SIDE, "width": SIDE})


class Trainee(nn.Module):  # type: ignore[misc]
    """The detector, and beside it the dense head, which what is trained already does without."""

    def __init__(self, detector: Any, categories: int, onward: bool = False) -> None:
        super().__init__()
        self.detector, self.onward = detector, onward
        self.tower = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.GroupNorm(8, WIDTH), nn.SiLU())
        self.classes, self.sides = nn.Conv2d(WIDTH, categories, 1), nn.Conv2d(WIDTH, 4, 1)
        nn.init.constant_(self.classes.bias, -4.6)  # a chance of one in a hundred, as in RetinaNet

    def forward(self, pixels: torch.Tensor, labels: list[dict[str, torch.Tensor]]) -> tuple[Any, torch.Tensor]:
        """What the detector says of images (b, 3, s, s), and what of the pyramid the dense head: (b, places, c + 4)."""
        seen: list[Any] = []
        hook = self.detector.model.encoder.register_forward_hook(lambda *call: seen.append(call[-1]))
        output = self.detector(pixel_values=pixels, labels=labels)
        hook.remove()
        towers = [self.tower(level) for level in seen[0].last_hidden_state]
        dense = [torch.cat([self.classes(level), self.sides(level)], 1).flatten(2) for level in towers]
        return output, torch.cat(dense, 2).transpose(1, 2).float()


def loss(trainee: Trainee, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The detector's own loss, and that of the dense head."""
    output, dense = trainee(batch["pixels"], batch["labels"])
    if trainee.onward:
        return {"detector": output.loss}
    classes, sides = dense[..., :-4], dense[..., -4:]
    chosen = batch["chosen"]  # (b, places): number of the thing in its image's list, -1 for none
    found = chosen >= 0
    target = torch.zeros_like(classes)
    named = torch.cat([label["class_labels"][at[at >= 0]] for label, at in zip(batch["labels"], chosen, strict=True)])
    target[found] = functional.one_hot(named, classes.shape[-1]).float()
    boxes = torch.cat([label["boxes"][at[at >= 0]] for label, at in zip(batch["labels"], chosen, strict=True)])
    overlap = _overlap(_corners(batch["places"][found.nonzero()[:, 1]], sides[found]), boxes)
    count = found.sum().clamp(min=1)
    return {
        "detector": output.loss,
        "dense": _focal(classes, target) / count + 2 * (1 - overlap).sum() / count,
    }


def _corners(places: torch.Tensor, sides: torch.Tensor) -> torch.Tensor:
    """Boxes (n, 4), xyxy, from places (n, 3): x, y and reach, all shares, and how far each side is from there."""
    reach = sides.exp().clamp(max=50) * places[:, 2:]
    return torch.cat([places[:, :2] - reach[:, :2], places[:, :2] + reach[:, 2:]], 1)


def _overlap(mine: torch.Tensor, centred: torch.Tensor) -> torch.Tensor:
    """Generalised IoU (n,) of boxes xyxy with boxes of centre and size."""
    theirs = torch.cat([centred[:, :2] - centred[:, 2:] / 2, centred[:, :2] + centred[:, 2:] / 2], 1)
    low, high = torch.maximum(mine[:, :2], theirs[:, :2]), torch.minimum(mine[:, 2:], theirs[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = (mine[:, 2:] - mine[:, :2]).prod(1) + centred[:, 2:].prod(1) - shared
    around = (torch.maximum(mine[:, 2:], theirs[:, 2:]) - torch.minimum(mine[:, :2], theirs[:, :2])).prod(1)
    return shared / union.clamp(min=1e-6) - (around - union) / around.clamp(min=1e-6)


def _focal(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    plain = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    off = (target - logits.sigmoid()).abs()
    return ((0.25 * target + 0.75 * (1 - target)) * off.square() * plain).sum()


class Batches:
    """The batch of each step: images, what is in them, and which place of the pyramid answers for which thing."""

    def __init__(self, pack: Pack, names: list[str], plan: Plan, seed: int = 0, onward: bool = False) -> None:
        self._pack, self._plan, self._seed, self._onward = pack, plan, seed, onward
        self._number = {name: at for at, name in enumerate(names)}
        scenes = [[views.category(thing) for thing in views.objects(truth)] for truth in pack.truths("regions")]
        self._chances, self._mosaic = views.chances(scenes), Mosaic(pack, scenes)

    def __call__(self, step: int) -> dict[str, Any]:
        rng = np.random.default_rng([self._seed, step])
        side = int(rng.choice(SIDES[self._onward or 2 * step >= self._plan.steps]))
        chosen = rng.choice(len(self._pack), self._plan.batch, p=self._chances)
        share = MOSAICS[step >= (1 - self._plan.cooldown) * self._plan.steps]
        seen = [self._seen(int(index), side, rng, bool(rng.random() < share)) for index in chosen]
        places = _places(side)
        pixels = np.stack([view.pixels for view, _ in seen])
        return {
            "pixels": torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255,
            "labels": [{"class_labels": torch.from_numpy(names), "boxes": _centred(view)} for view, names in seen],
            "chosen": torch.from_numpy(np.stack([_answering(places, view.boxes[view.kept]) for view, _ in seen])),
            "places": torch.from_numpy(places).float(),
        }

    def _seen(self, index: int, side: int, rng: np.random.Generator, mosaic: bool) -> tuple[views.View, np.ndarray]:
        if mosaic:
            view, called = self._mosaic(side, rng)
        else:
            scene = self._pack[index]
            things = views.objects(scene.truth)
            view = views.cut(scene.pixels, views.boxes_of(things), side, rng)
            called = [views.category(thing) for thing in things]
        return view, np.array([self._number[name] for name in called], np.int64)[view.kept]


def _centred(view: views.View) -> torch.Tensor:
    boxes = torch.from_numpy(view.boxes[view.kept])
    return torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)


def _places(side: int) -> np.ndarray:
    """Each place of the pyramid (p, 3): x, y and four strides, as shares of the side."""
    levels = []
    for stride in STRIDES:
        count = -(-side // stride)
        y, x = np.mgrid[:count, :count]
        middle = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride / side
        levels.append(np.concatenate([middle, np.full((len(middle), 1), 4 * stride / side)], 1))
    return np.concatenate(levels)


def _answering(places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """For each place (p,) the number of the box that it answers for, the smallest of several, or -1.

    It must lie within a stride and a half of the box's middle, and inside; a level answers for boxes of four to
    about ten strides, the outer ones for all beyond.
    """
    if not len(boxes):
        return np.full(len(places), -1)
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    off = np.abs(places[:, None, :2] - middle[None])
    near = (off < 1.5 / 4 * places[:, None, 2:]).all(-1) & (off < size[None] / 2).all(-1)
    reach, smallest, largest = places[:, 2:], places[:, 2].min(), places[:, 2].max()
    longest = size.max(1)[None]
    fits = ((longest >= 0.9 * reach) | (reach == smallest)) & ((longest < 2.2 * reach) | (reach == largest))
    cost = np.where(near & fits, size.prod(1)[None], np.inf)
    best = cost.argmin(1)
    return np.where(np.isfinite(cost.min(1)), best, -1)


def main() -> None:
    given = options.read(PLAN, ONWARD)
    names, onward = views.categories(given.pack), given.begin is not None
    detector, processor = build(names)
    trainee = Trainee(options.begun(given, detector), len(names), onward)
    batches = Batches(given.pack, names, given.plan, seed=int(onward), onward=onward)
    train(trainee, loss, batches, given.plan, given.work)
    options.save(given.out, trainee.detector, processor)


if __name__ == "__main__":
    main()
