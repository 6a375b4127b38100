"""The bundled segmenter: Segment Anything (Kirillov et al., arXiv 2304.02643) of 0.6 million parameters at 192 px.

Patches of 8 px give 24 x 24 places and masks of 96 x 96: drawn as well as that grid can, the masks of scenes overlap
their truth by 0.94. Every other layer looks at windows of 8 x 8 places, the others at all. There are no relative
positions, which take three times as long as the rest of the eye; instead absolute ones start as waves along each axis.
So do those of the box's corners, whose usual random waves are shorter than a patch.

Boxes are jittered as a detector's are; images are mirrored, and seen in another light. The mask that fits best is
learned from, as in the paper, section 3, and the others a little. While it trains, a second head on the image's
features says of each point whether a thing stands there and which box that has; it is thrown away.

    python -m specialists.bundled.recipes.segmentation --pack PACK --work WORK --out FOLDER
    python -m specialists.bundled.recipes.segmentation --pack PACK --work OTHER --out FOLDER --begin FOLDER

The second goes on from a checkpoint for a while. All values are ours.
"""

from __future__ import annotations

import math
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from specialists.bundled.recipes import options
from specialists.bundled.recipes.segmentation_batches import GRID, PATCH, SIDE, Batches
from specialists.bundled.recipes.training import Plan, train

FINE = GRID * PATCH // SIDE  # points along each side of a patch
DEPTH, WIDTH, DECODER = 4, 96, 64
PLAN = Plan(steps=12000, batch=3, rate=1.5e-3, warmup=100, cooldown=0.6, precision=torch.float32)
ONWARD = Plan(steps=5000, batch=3, rate=7e-4, warmup=100, cooldown=0.8, precision=torch.float32)


def build() -> tuple[Any, Any]:
    """Model and processor."""
    from transformers import SamConfig, SamModel, SamProcessor
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    eye = {
        "image_size": SIDE, "patch_size": PATCH, "hidden_size": WIDTH, "mlp_dim": 2 * WIDTH,
        "num_hidden_layers": DEPTH, "num_attention_heads": 4, "window_size": 8, "global_attn_indexes": [1, 3],
        "use_rel_pos": False, "output_channels": DECODER, "num_pos_feats": DECODER // 2,
    }  # fmt: skip
    prompts = {"hidden_size": DECODER, "image_size": SIDE, "patch_size": PATCH, "mask_input_channels": 4}
    decoder = {
        "hidden_size": DECODER, "num_hidden_layers": 2, "num_attention_heads": 4, "mlp_dim": 2 * DECODER,
        "iou_head_hidden_dim": DECODER,
    }  # fmt: skip
    model = SamModel(SamConfig(vision_config=eye, prompt_encoder_config=prompts, mask_decoder_config=decoder))
    images = SamImageProcessorPil(
        size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": GRID}, mask_pad_size={"height": GRID, "width": GRID},
    )  # fmt: skip
    return _begun(model), SamProcessor(images)


def _begun(model: Any) -> Any:
    """First weights that fit so narrow layers, and positions as waves."""
    eye, asking = model.vision_encoder, model.mask_decoder.transformer.layers
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("positional_embedding"):
                weight.copy_(_waves(DECODER // 4))
            elif name.endswith(("_embed.weight", "_token.weight", "_tokens.weight")) or "point_embed" in name:
                nn.init.normal_(weight, std=0.5)
            elif weight.dim() > 1 and "pos_embed" not in name:
                nn.init.trunc_normal_(weight, std=(2 / (weight[0].numel() + len(weight))) ** 0.5)
        nn.init.trunc_normal_(eye.patch_embed.projection.weight, std=(3 * PATCH**2) ** -0.5)
        eye.pos_embed.copy_(0.5 * _positions())
        for layer in asking:
            _ask_where(layer.cross_attn_image_to_token)
        # Or what the eye says, noise as yet, drowns the positions.
        for norm in (eye.neck.layer_norm2, *(layer.layer_norm4 for layer in asking)):
            norm.weight.fill_(0.5)
    return model


def _positions() -> torch.Tensor:
    """Of all places (places, places, width)."""
    middle = (torch.arange(SIDE // PATCH) + 0.5) * PATCH / SIDE * 2 - 1
    angles = 2 * math.pi * torch.stack(torch.meshgrid(middle, middle, indexing="xy"), -1) @ _waves(WIDTH // 4)
    return torch.cat([angles.sin(), angles.cos()], -1)


def _ask_where(attention: Any) -> None:
    """Each place begins by looking at those corners of the box that it is right of, below, left of, above: a head each.

    sin(place - corner) = sin(place) cos(corner) - cos(place) sin(corner) rises as the place passes the corner, the
    sum of some long waves steeply.
    """
    waves, heads = DECODER // 4, attention.num_attention_heads
    size = attention.internal_dim // heads
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight.zero_()
    for head in range(heads):
        sign, axis = (1, -1)[head // 2], head % 2
        for pair in range(size // 2):
            sine = axis * waves + 2 * pair
            cosine, row = sine + 2 * waves, head * size + 2 * pair
            attention.q_proj.weight[[row, row + 1], [sine, cosine]] = 3.0
            attention.k_proj.weight[[row, row + 1], [cosine, sine]] = torch.tensor([1.0, -1.0]) * sign


def _waves(count: int) -> torch.Tensor:
    """So many waves along each axis (2, 2 * count), in turns for each unit: from half a turn for all of the image."""
    turns = torch.logspace(math.log2(0.125), math.log2(6), count, base=2)
    return torch.cat([torch.stack([turns, 0 * turns]), torch.stack([0 * turns, turns])], 1)


class Trainee(nn.Module):  # type: ignore[misc]
    """The segmenter, and beside it a head that reads the image's features alone."""

    def __init__(self, segmenter: Any) -> None:
        super().__init__()
        from transformers.models.sam.modeling_sam import SamVisionAttention

        self.segmenter = segmenter
        self.dense = nn.Conv2d(DECODER, 5 * FINE**2, 1)
        for layer in segmenter.vision_encoder.layers:
            if layer.window_size:  # the plain product is twice as fast as the fused one in so small a window
                layer.attn.forward = MethodType(SamVisionAttention.forward, layer.attn)

    def forward(self, pixels: torch.Tensor, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of images (b, 3, s, s) and boxes (b, n, 4) in their pixels.

        Logits of three masks for each box (b, n, 3, g, g), how well each is believed to fit (b, n, 3), and for each
        point (b, 5, g, g) whether a thing stands there and the sides of its box.
        """
        features = self.segmenter.vision_encoder(pixels).last_hidden_state
        with sdpa_kernel(SDPBackend.MATH):
            output = self.segmenter(image_embeddings=features, input_boxes=boxes)
        return output.pred_masks, output.iou_scores, functional.pixel_shuffle(self.dense(features), FINE)


def loss(trainee: Trainee, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """How far the masks are off, what was believed of them, and the second head's loss."""
    logits, believed, dense = trainee(batch["pixels"], batch["boxes"])
    target = batch["masks"][:, :, None].expand_as(logits)
    wrong = _crossed(logits, target, batch["near"][:, :, None]) + _apart(logits.sigmoid(), target)
    overlap = _overlap(logits.detach() > 0, target > 0.5)
    stands, sides = batch["dense"][:, :1], batch["dense"][:, 1:]
    off = functional.smooth_l1_loss(dense[:, 1:], sides, reduction="none", beta=0.1) * stands
    return {
        "best": 0.8 * wrong.amin(-1).mean(),
        "all": 0.2 * wrong.mean(),
        "belief": functional.mse_loss(believed, overlap),
        "thing": functional.binary_cross_entropy_with_logits(dense[:, :1], stands),
        "sides": off.sum() / stands.sum().clamp(min=1),
    }


def _crossed(logits: torch.Tensor, target: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of masks (..., g, g), mostly of what is near the box."""
    plain = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weight = near * 0.98 + 0.02
    return (plain * weight).sum((-1, -2)) / weight.sum((-1, -2))


def _apart(mine: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Dice loss of masks (..., g, g)."""
    both = (mine * target).sum((-1, -2))
    return 1 - (2 * both + 1) / (mine.sum((-1, -2)) + target.sum((-1, -2)) + 1)


def _overlap(mine: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """IoU of masks (..., g, g)."""
    return (mine & target).sum((-1, -2)) / (mine | target).sum((-1, -2)).clamp(min=1)


def main() -> None:
    given = options.read(PLAN, ONWARD)
    segmenter, processor = build()
    trainee = Trainee(options.begun(given, segmenter))
    batches = Batches(given.pack, processor, given.plan.batch, seed=int(given.begin is not None))
    train(trainee, loss, batches, given.plan, given.work)
    options.save(given.out, trainee.segmenter, processor)


if __name__ == "__main__":
    main()
