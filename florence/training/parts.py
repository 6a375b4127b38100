"""What of a model learns, and the optimizer that makes it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from florence.training.settings import PARTS, TrainSettings


def part(model: Any, name: str) -> Any:
    """The module of a part: vision, projector, words, encoder or decoder."""
    whole = model.model
    text = whole.language_model
    modules = (whole.vision_tower, whole.multi_modal_projector, text.shared, text.encoder, text.decoder)
    return dict(zip(PARTS, modules, strict=True))[name]


def freeze(model: Any, frozen: Collection[str]) -> None:
    """Let all parts learn but these, which also drop nothing out; without their gradients of before."""
    words = part(model, "words").weight
    model.train()
    for name in PARTS:
        module = part(model, name)
        module.train(name not in frozen)
        for parameter in module.parameters():
            if name == "words" or parameter is not words:  # both stacks hold the words too
                parameter.requires_grad_(name not in frozen)
                parameter.grad = None


def learning(model: Any) -> Iterator[Any]:
    """The parameters that learn."""
    return (parameter for parameter in model.parameters() if parameter.requires_grad)


def optimizer(model: Any, settings: TrainSettings) -> Any:
    """AdamW over all parameters, frozen ones too: what has no gradient stays as it is. Only matrices decay."""
    import torch

    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=settings.betas, fused=True)
