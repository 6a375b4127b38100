"""One forward pass: an image is seen once, whatever number of samples are about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from florence.data.batches import IGNORED, Batch

# Samples of a batch are written together while the shortest is at least this share of the longest; ours. A label has
# three tokens and a long text hundreds: all together, seven of ten tokens would be padding.
ALIKE = 0.6


def sample_losses(model: Any, batch: Batch, device: Any) -> Any:
    """Each sample's negative log likelihood, summed over its target's tokens: float32 (b,), in nats.

    The same as Florence2ForConditionalGeneration's own forward, but for the images, which it wants once per sample,
    for samples of unlike lengths, which it fills up to the longest, and for the vocabulary's scores, which it also
    makes where there is padding.
    """
    import torch

    features = model.get_image_features(batch.images.to(device, non_blocking=True)).pooler_output
    lengths = (batch.labels != IGNORED).sum(dim=1)
    groups = alike(lengths.tolist())
    losses = [_written(model, batch, features, torch.tensor(group), device) for group in groups]
    back = torch.tensor([row for group in groups for row in group]).argsort().to(device)
    return torch.cat(losses)[back]


def alike(lengths: Sequence[int]) -> list[list[int]]:
    """Samples with targets of about one length, the longest first."""
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not groups or lengths[row] < ALIKE * lengths[groups[-1][0]]:
            groups.append([])
        groups[-1].append(row)
    return groups


def _written(model: Any, batch: Batch, features: Any, rows: Any, device: Any) -> Any:
    """The losses of some rows (r,); features are what the model sees, (m, image tokens, width)."""
    import torch
    from torch.nn.functional import cross_entropy

    asked = int(batch.attention_mask[rows].sum(dim=1).max())  # both are padded at their ends
    labels = batch.labels[rows, : int((batch.labels[rows] != IGNORED).sum(dim=1).max())]
    flat = labels.flatten()
    there = (flat != IGNORED).nonzero()[:, 0]  # found on the CPU, so that a GPU is not waited for
    image_of, input_ids, mask, before, there, wanted = (
        tensor.to(device, non_blocking=True)
        for tensor in (
            batch.image_of[rows], batch.input_ids[rows, :asked], batch.attention_mask[rows, :asked],
            shifted(model, labels), there, flat[there],
        )
    )  # fmt: skip
    embedded = model.get_input_embeddings()(input_ids)  # (r, p, width)
    seen = (input_ids == model.config.image_token_id).unsqueeze(-1)
    embedded = embedded.masked_scatter(seen, features.to(embedded.dtype)[image_of])
    hidden = model.model(
        inputs_embeds=embedded, attention_mask=mask, decoder_input_ids=before, use_cache=False
    ).last_hidden_state
    scores = model.lm_head(hidden.flatten(0, 1)[there])
    each = cross_entropy(scores.float(), wanted, reduction="none")
    return torch.zeros(flat.numel(), device=each.device).index_put((there,), each).view(labels.shape).sum(dim=1)


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
