"""What grounding is trained by: losses in which nothing is matched, and heads that need not be asked (grounding.py)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from specialists.bundled.recipes.grounding_batch import COLOURS, kinds

_BEGINS = 0.4  # IoU from which a query answers for a thing; ours


class Trainee(nn.Module):  # type: ignore[misc]
    """The grounder, and beside it heads that name what stands at a place without having been asked; thrown away."""

    def __init__(self, grounder: Any) -> None:
        super().__init__()
        self.grounder = grounder
        width = grounder.config.d_model
        self.kinds, self.colours = nn.Linear(width, len(kinds())), nn.Linear(width, len(COLOURS))

    def forward(self, inputs: dict[str, torch.Tensor]) -> tuple[Any, torch.Tensor]:
        """What the grounder says, and its pyramid before it met the text: (b, places, width)."""
        seen: list[torch.Tensor] = []

        def look(_module: nn.Module, _args: Any, given: dict[str, Any]) -> None:
            seen.append(given["vision_features"])

        hook = self.grounder.model.encoder.register_forward_pre_hook(look, with_kwargs=True)
        said = self.grounder(**inputs)
        hook.remove()
        return said, seen[0]


def loss(trainee: Trainee, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What is said wrongly by the heads, by the places of the pyramid and by the queries of each decoder layer."""
    said, pyramid = trainee(batch["inputs"])
    row, place = (batch["chosen"] >= 0).nonzero(as_tuple=True)
    thing = batch["chosen"][row, place]
    boxes = said.enc_outputs_coord_logits.float().sigmoid()
    quality = torch.ones_like(batch["chosen"], dtype=torch.float32)
    parts = {
        "kinds": functional.cross_entropy(trainee.kinds(pyramid[row, place]).float(), batch["kinds"][row, thing]),
        "colours": functional.cross_entropy(
            trainee.colours(pyramid[row, place]).float(), batch["colours"][row, thing], ignore_index=-1
        ),
        "places": _phrases(said.enc_outputs_class, batch["chosen"], quality, batch),
        "places' boxes": _boxes(boxes[row, place], batch["boxes"][row, thing]),
    }
    start = said.init_reference_points.detach().float()
    for layer in range(said.intermediate_hidden_states.shape[1]):
        hidden = said.intermediate_hidden_states[:, layer]
        text, asked = said.encoder_last_hidden_state_text, batch["inputs"]["attention_mask"].bool()
        logits = trainee.grounder.class_embed[layer](hidden, text, asked)
        off = trainee.grounder.bbox_embed[layer](hidden).float()
        boxes = (off + torch.special.logit(start, eps=1e-5)).sigmoid()
        parts[f"queries {layer}"], parts[f"boxes {layer}"] = _of_queries(logits, boxes, start, batch)
        start = boxes.detach()
    return parts


def _of_queries(
    logits: torch.Tensor, boxes: torch.Tensor, start: torch.Tensor, batch: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of one layer, whose queries set out from boxes `start` (b, q, 4)."""
    with torch.no_grad():
        things = batch["boxes"][:, None]
        overlap = torch.maximum(_iou(start[:, :, None], things), _iou(boxes[:, :, None], things))  # (b, q, n)
        reach, chosen = overlap.max(-1)
        chosen = torch.where(reach >= _BEGINS, chosen, -1)
    row, query = (chosen >= 0).nonzero(as_tuple=True)
    mine, truth = boxes[row, query], batch["boxes"][row, chosen[row, query]]
    quality = torch.zeros_like(reach)
    quality[row, query] = _iou(mine, truth).detach()
    return _phrases(logits, chosen, quality, batch), _boxes(mine, truth)


def _phrases(logits: torch.Tensor, chosen: torch.Tensor, quality: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
    """Varifocal loss (Zhang et al., arXiv 2008.13367) of token logits (b, p, t), where `chosen` (b, p) says whose.

    `right` (b, n + 1, t) is what each thing, and in the end nothing, has to say of each token: 1, 0, or -1 for
    either; `share` (b, t) one over the number of a phrase's tokens, 0 outside of phrases.
    """
    right, share = batch["right"], batch["share"]
    width = share.shape[1]
    at = torch.where(chosen >= 0, chosen, right.shape[1] - 1)
    told = right.gather(1, at[..., None].expand(-1, -1, width))
    target = told.clamp(min=0) * quality[..., None]
    logits = logits[..., :width].float().masked_fill(~batch["inputs"]["attention_mask"].bool()[:, None], 0.0)
    weight = torch.where(told > 0, target, 0.75 * logits.detach().sigmoid().square()) * share[:, None] * (told >= 0)
    plain = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (plain * weight).sum() / (target * share[:, None]).sum().clamp(min=1)


def _boxes(mine: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """L1 and GIoU of boxes (m, 4): centre and size, shares of the image."""
    count = max(1, len(mine))
    return (5 * (mine - truth).abs().sum() + 2 * (1 - _iou(mine, truth, generalised=True)).sum()) / count


def _iou(mine: torch.Tensor, truth: torch.Tensor, generalised: bool = False) -> torch.Tensor:
    """Of boxes (.., 4) with boxes (.., 4), centre and size, as far as their shapes are stretched to each other."""
    low_a, high_a = mine[..., :2] - mine[..., 2:] / 2, mine[..., :2] + mine[..., 2:] / 2
    low_b, high_b = truth[..., :2] - truth[..., 2:] / 2, truth[..., :2] + truth[..., 2:] / 2
    shared = (torch.minimum(high_a, high_b) - torch.maximum(low_a, low_b)).clamp(min=0).prod(-1)
    union = mine[..., 2:].prod(-1) + truth[..., 2:].prod(-1) - shared
    iou = shared / union.clamp(min=1e-6)
    if not generalised:
        return iou
    around = (torch.maximum(high_a, high_b) - torch.minimum(low_a, low_b)).prod(-1)
    return iou - (around - union) / around.clamp(min=1e-6)
