"""Scoring: a small SigLIP (Zhai et al., arXiv 2303.15343) for crops with labels and for images with texts.

python -m specialists.bundled.recipes.scoring --pack PACK --work WORK --out FOLDER

A vision transformer of five layers, 96 wide, looks at 96 x 96 pixels in patches of 12: crops of things are seldom
larger. A text transformer of two layers, 64 wide, reads 48 tokens of a vocabulary of 1000, learned from the public
scenes' texts: brief and detailed ones fit, of longer ones the beginning. With that it stays below 2 MB in half
precision. Attention is the eager one: backward through PyTorch's fused attention on a CPU doubles the time of a step.

SigLIP's sigmoid loss asks of each pair alone whether it belongs together. Here that is known of all pairs of a batch
(claims.py), not only of each crop with its own label: two crops of red cars both fit "a red car". Of each view, right
pairs weigh as much as wrong ones, and most of these are near: claims about its category, one of its family or its
scene, and its own labels and texts with one colour, category or pattern exchanged. The names of all categories are in
each batch. In the end scale and bias are set anew, on public scenes: the sigmoid is to be the probability of a label
or text that is as often true as it has one thing wrong.

Views: crops with the stage's margin, jittered and mirrored; some of the background, which nothing fits; whole images
with their texts. Colours are left alone. Heads that are thrown away afterwards learn category, colour and pattern of
each crop, and category and colour of what lies under each patch of a whole image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from specialists.bundled.recipes import claims, options
from specialists.bundled.recipes.claims import COLOURS, PATTERNS
from specialists.bundled.recipes.scoring_batches import PATCH, RESAMPLE, SIDE, WINDOW, Batches, words_of
from specialists.bundled.recipes.training import Plan, train

# All ours.
PLAN = Plan(steps=1500, batch=84, rate=1.5e-3, warmup=150, save_every=100)
SEES, LAYERS, READS, TOKENS = 96, 5, 64, 1000
SPECIAL = ("<pad>", "</s>", "<unk>")
FROM = 4000  # scenes that the tokenizer is learned from
SETTLED = 40  # batches that scale and bias are set by in the end
HELP = 0.25  # weight of what the heads learn


class Taught(nn.Module):  # type: ignore[misc]
    """The model, with the heads that teach it. Of patches, 0 is nothing."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        sizes = (len(claims.names()), len(COLOURS), len(PATTERNS))
        self.crop = nn.ModuleList(nn.Linear(SEES, size) for size in sizes)
        self.patch = nn.ModuleList(nn.Linear(SEES, size + 1) for size in sizes[:2])


def tokenizer(lines: Sequence[str]) -> Any:
    """Byte-level BPE learned from lines of text in lower case; a text ends with </s>."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    learned = Tokenizer(models.BPE())
    learned.normalizer = normalizers.Lowercase()
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    learned.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    learned.train_from_iterator(lines, trainer)
    learned.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", SPECIAL.index("</s>"))]
    )
    pad, end, unknown = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=learned, pad_token=pad, eos_token=end, unk_token=unknown, padding_side="right",
        model_max_length=WINDOW,
    )  # fmt: skip


def build(lines: Sequence[str]) -> tuple[Any, Any]:
    """A SiglipModel with random weights, and its processor with a tokenizer learned from lines of text."""
    from transformers import SiglipConfig, SiglipModel, SiglipProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    words = tokenizer(lines)
    reads = {
        "hidden_size": READS, "intermediate_size": 3 * READS, "num_hidden_layers": 2, "num_attention_heads": 2,
        "vocab_size": len(words), "max_position_embeddings": WINDOW, "projection_size": SEES, "hidden_act": "gelu",
        "bos_token_id": words.eos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id,
    }  # fmt: skip
    sees = {
        "hidden_size": SEES, "intermediate_size": 3 * SEES, "num_hidden_layers": LAYERS, "num_attention_heads": 3,
        "image_size": SIDE, "patch_size": PATCH, "hidden_act": "gelu",
    }  # fmt: skip
    config = SiglipConfig(text_config=reads, vision_config=sees)
    model = SiglipModel._from_config(config, attn_implementation="eager")
    with torch.no_grad():
        model.logit_scale.fill_(math.log(10))
        model.logit_bias.fill_(-2)
    for parameter in (model.logit_scale, model.logit_bias):
        parameter.rate_scale = 5.0  # two numbers, that have a long way to go
    images = SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}, resample=RESAMPLE)
    return model, SiglipProcessor(images, words)


def loss(taught: Taught, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Of a batch by Batches: the sigmoid loss of crops and of whole images, and what the heads get wrong."""
    model, count = taught.model, len(batch["looks"])
    seen, cosines = _compared(model, batch)

    def pairs(cosine: torch.Tensor, what: str) -> torch.Tensor:
        logit = cosine * model.logit_scale.exp() + model.logit_bias
        right, weight = batch[f"{what}_right"].float(), batch[f"{what}_weight"]
        return functional.binary_cross_entropy_with_logits(logit, right, weight, reduction="sum")

    crops, under = seen.pooler_output[:count], seen.last_hidden_state[count:].flatten(0, 1)
    looks, patches = batch["looks"].unbind(-1), batch["patches"].flatten(0, 1).unbind(-1)
    asked = [(head(crops), known) for head, known in zip(taught.crop, looks, strict=True)]
    below = [(head(under), known) for head, known in zip(taught.patch, patches, strict=True)]
    return {
        **{f"{what}s": pairs(cosine, what) for what, cosine in cosines.items()},
        "crops": HELP * sum((_asked(*each) for each in asked), torch.zeros(())),
        "patches": HELP * sum((_asked(*each) for each in below), torch.zeros(())),
    }


def settle(model: Any, batches: Iterable[Mapping[str, torch.Tensor]]) -> None:
    """Set scale and bias so that the sigmoid is right of a text that is as often a view's own as one thing is wrong.

    Platt's scaling, fitted to the labels and the texts of a few batches, each kind and side of the same weight.
    """
    pooled: list[tuple[torch.Tensor, ...]] = []
    taken: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {"label": [], "text": []}
    with torch.no_grad():
        for batch in batches:
            for what, cosine in _compared(model, batch)[1].items():
                told = batch[f"{what}_told"]
                taken[what].append((cosine[told >= 0], told[told >= 0] == 1))
    for pairs in taken.values():
        cosine, right = (torch.cat(part) for part in zip(*pairs, strict=True))
        pooled.append((cosine, right.float(), torch.where(right, 1 / right.sum(), 1 / (~right).sum())))
    cosine, right, weight = (torch.cat(part) for part in zip(*pooled, strict=True))
    both = [model.logit_scale, model.logit_bias]
    search = torch.optim.LBFGS(both, max_iter=100, line_search_fn="strong_wolfe")

    def missed() -> torch.Tensor:
        search.zero_grad()
        logit = cosine * model.logit_scale.exp() + model.logit_bias
        wrong = functional.binary_cross_entropy_with_logits(logit, right, weight, reduction="sum")
        wrong.backward()
        return wrong

    search.step(missed)


def _compared(model: Any, batch: Mapping[str, torch.Tensor]) -> tuple[Any, dict[str, torch.Tensor]]:
    """What the vision tower says of a batch, and the cosines of crops with labels and of whole images with texts."""
    seen = model.vision_model(pixel_values=batch["pixels"].float() / 127.5 - 1)
    read = model.text_model(input_ids=torch.cat([batch["labels"], batch["texts"]])).pooler_output
    images, words = functional.normalize(seen.pooler_output.float()), functional.normalize(read.float())
    labels, texts = words.split([len(batch["labels"]), len(batch["texts"])])
    count = len(batch["looks"])
    return seen, {"label": images[:count] @ labels.T, "text": images[count:] @ texts.T}


def _asked(logits: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(logits.float(), known, ignore_index=-1)


def main() -> None:
    """Train and save."""
    given = options.read(PLAN)
    scenes = islice(given.pack.truths("texts", "regions"), FROM)
    model, processor = build([line for truth in scenes for line in words_of(truth)])
    batches = Batches(given.pack, processor.tokenizer)
    taught = Taught(model)
    train(taught, loss, lambda step: tensors(batches(step)), given.plan, given.work)
    settle(taught.model, (tensors(batches(given.plan.steps + more)) for more in range(SETTLED)))
    options.save(given.out, taught.model, processor)


def tensors(batch: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """A batch by Batches as the loss takes it."""
    return {name: torch.from_numpy(value.copy()) for name, value in batch.items()}


if __name__ == "__main__":
    main()
