"""One forward pass: an image is seen once, whatever number of samples are about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from florence.codec.markup import BINS
from florence.data.batches import IGNORED, Batch

# Samples of a batch are written together while the shortest is at least this share of the longest; ours. A label has
# three tokens and a long text hundreds: all together, seven of ten tokens would be padding.
ALIKE = 0.6


@dataclass(frozen=True)
class Blur:
    """How location tokens are taught: not one place alone, but a bell of a deviation of `bins` around it.

    A place that is missed by a little is then nearly right, as it is for IoU; by itself cross entropy knows right and
    wrong only. `first` is the token of bin 0. Ours; in the manner of distributions over places in Generalized Focal
    Loss (Li et al., arXiv 2006.04388, 3.2).
    """

    bins: float
    first: int

    def __call__(self, scores: Any, wanted: Any) -> Any:
        """Cross entropy of scores (n, vocabulary) with tokens (n,), in nats; a bell's own entropy is taken off.

        So each loss can fall to nothing, as that of a word can.
        """
        import torch
        from torch.nn.functional import cross_entropy

        each = cross_entropy(scores, wanted, reduction="none")
        bins = wanted - self.first
        places = ((bins >= 0) & (bins < BINS)).nonzero()[:, 0]
        reach = math.ceil(REACH * self.bins)
        off = torch.arange(-reach, reach + 1, device=scores.device)
        near = bins[places, None] + off  # (p, 2 reach + 1)
        bell = (-(off / self.bins).square() / 2).expand(near.shape).masked_fill((near < 0) | (near >= BINS), -math.inf)
        bell = bell.softmax(dim=1)
        said = scores[places].log_softmax(dim=1).gather(1, near.clamp(0, BINS - 1) + self.first)
        return each.index_put((places,), (bell * ((bell + TINY).log() - said)).sum(dim=1))


REACH = 3.0  # deviations to both sides, as far as a bell goes
TINY = 1e-30  # of a place beyond the last, so that its logarithm is finite


def sample_losses(model: Any, batch: Batch, device: Any, blur: Blur | None = None) -> Any:
    """Each sample's negative log likelihood, summed over its target's tokens: float32 (b,), in nats.

    With `blur`, location tokens are judged by that.

    The same as Florence2ForConditionalGeneration's own forward, but for the images, which it wants once per sample,
    for samples of unlike lengths, which it fills up to the longest, and for the vocabulary's scores, which it also
    makes where there is padding.
    """
    import torch

    features = model.get_image_features(batch.images.to(device, non_blocking=True)).pooler_output
    lengths = (batch.labels != IGNORED).sum(dim=1)
    groups = alike(lengths.tolist())
    losses = [_written(model, batch, features, torch.tensor(group), device, blur) for group in groups]
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


def _written(model: Any, batch: Batch, features: Any, rows: Any, device: Any, blur: Blur | None) -> Any:
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
    each = blur(scores.float(), wanted) if blur else cross_entropy(scores.float(), wanted, reduction="none")
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
