"""One forward pass: an image is seen once, whatever number of samples are about it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from florence.data.batches import IGNORED, Batch


def sample_losses(model: Any, batch: Batch, device: Any) -> Any:
    """Each sample's negative log likelihood, summed over its target's tokens: float32 (b,), in nats.

    The same as Florence2ForConditionalGeneration's own forward, but for the images, which it wants once per sample,
    and for the vocabulary's scores, which it also makes where there is padding.
    """
    import torch
    from torch.nn.functional import cross_entropy

    flat = batch.labels.flatten()
    there = (flat != IGNORED).nonzero()[:, 0]  # found on the CPU, so that a GPU is not waited for
    images, image_of, input_ids, mask, before, there, wanted = (
        tensor.to(device, non_blocking=True)
        for tensor in (
            batch.images, batch.image_of, batch.input_ids, batch.attention_mask, shifted(model, batch.labels),
            there, flat[there],
        )
    )  # fmt: skip
    features = model.get_image_features(images).pooler_output  # (m, image tokens, width)
    embedded = model.get_input_embeddings()(input_ids)  # (b, p, width)
    seen = (input_ids == model.config.image_token_id).unsqueeze(-1)
    embedded = embedded.masked_scatter(seen, features.to(embedded.dtype)[image_of])
    hidden = model.model(
        inputs_embeds=embedded, attention_mask=mask, decoder_input_ids=before, use_cache=False
    ).last_hidden_state
    scores = model.lm_head(hidden.flatten(0, 1)[there])
    each = cross_entropy(scores.float(), wanted, reduction="none")
    return torch.zeros(flat.numel(), device=each.device).index_put((there,), each).view(batch.labels.shape).sum(dim=1)


def shifted(model: Any, labels: Any) -> Any:
    """What stands before each token of a target, int64 (b, t): the start token, then the target."""
    text = model.config.text_config
    before = labels.new_full(labels.shape, text.decoder_start_token_id)
    before[:, 1:] = labels[:, :-1].masked_fill(labels[:, :-1] == IGNORED, text.pad_token_id)
    return before


def pinned(batch: Batch) -> Batch:
    """The batch in memory from which a GPU reads by itself."""
    tensors = {each.name: getattr(batch, each.name) for each in fields(batch)}
    return replace(
        batch, **{name: value.pin_memory() for name, value in tensors.items() if hasattr(value, "pin_memory")}
    )
