"""Florence-2 in small: what the recipes of the captioner and of the crop captioner share.

DaViT and BART as Florence-2 has them (Xiao et al., arXiv 2311.06242), with one stage fewer: an image token is 16 px
wide and not 32, since a dog in a landscape would be a part of one. The first stage has no blocks, for at a quarter of
the input's side they would cost more than all others together. BART writes some hundred words.

From scratch, texts alone teach seeing slowly. So in training the image tokens also tell what is to be seen and in
which colour, by linear heads that are thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from specialists.bundled.recipes.examples import COLOURS, THINGS
from specialists.bundled.scenes.catalogue import categories

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<image>")
BOS, PAD, EOS = 0, 1, 2
TELLING = 4.0  # ours
STRIDE = 16  # px of a picture for a side of an image token
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Shape:
    """Sizes of a captioner."""

    side: int  # px of its pictures
    channels: tuple[int, int, int]  # of DaViT's stages
    depths: tuple[int, int, int]
    width: int  # of BART, with four heads
    layers: int  # of its decoder; the encoder has one
    tokens: int  # of an input or a text, at most
    words: int  # of the tokenizer, at most

    @property
    def cells(self) -> int:
        """Image tokens along a side."""
        return self.side // STRIDE


def build(shape: Shape, texts: Iterable[str]) -> tuple[Any, Any]:
    """A model with random weights, and its processor with a tokenizer learnt from these texts."""
    from transformers import Florence2Config, Florence2ForConditionalGeneration, Florence2Processor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    words = tokenizer(shape.words, texts)
    config = Florence2Config(
        vision_config={
            "embed_dim": shape.channels, "depths": shape.depths, "num_heads": (1, 2, 4), "num_groups": (1, 2, 4),
            "patch_size": (7, 3, 3), "patch_stride": (4, 2, 2), "patch_padding": (3, 1, 1),
            "patch_prenorm": (False, True, True), "window_size": shape.cells, "mlp_ratio": 3.0, "drop_path_rate": 0.0,
            "projection_dim": shape.width, "max_position_embeddings": shape.cells, "max_temporal_embeddings": 1,
            "initializer_range": 0.06,
        },
        text_config={
            "model_type": "bart", "vocab_size": len(words), "d_model": shape.width, "encoder_layers": 1,
            "decoder_layers": shape.layers, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
            "encoder_ffn_dim": 2 * shape.width, "decoder_ffn_dim": 2 * shape.width, "dropout": 0.0, "init_std": 0.06,
            "max_position_embeddings": shape.tokens, "decoder_start_token_id": EOS, "forced_bos_token_id": BOS,
        },
        image_token_id=words.image_token_id,
    )  # fmt: skip
    model = Florence2ForConditionalGeneration(config)
    model.generation_config.update(
        bos_token_id=BOS, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=EOS, forced_bos_token_id=BOS
    )
    images = CLIPImageProcessorPil(
        size={"height": shape.side, "width": shape.side}, do_center_crop=False, image_mean=list(MEAN),
        image_std=list(DEVIATION), image_seq_length=shape.cells**2 + 1,
    )  # fmt: skip
    return model, Florence2Processor(images, words)


def tokenizer(words: int, texts: Iterable[str]) -> Any:
    """A byte-level BPE of at most so many tokens, learnt from texts."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=words, special_tokens=[*SPECIAL], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    learner.train_from_iterator(texts, trainer)
    ends = [("<s>", BOS), ("</s>", EOS)]
    learner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=learner, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"}, padding_side="right",
    )  # fmt: skip


def asking(processor: Any, prompt: str) -> list[int]:
    """The tokens of a prompt as the processor puts them behind those of the image."""
    blank = np.zeros((8, 8, 3), np.uint8)
    ids: list[int] = processor(images=[blank], text=[prompt])["input_ids"][0]
    return [token for token in ids if token != processor.tokenizer.image_token_id]


def padded(rows: Iterable[list[int]]) -> torch.Tensor:
    """Rows of tokens as one tensor (rows, tokens)."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


def telling(tokenizer: Any) -> torch.Tensor:
    """What each token counts in a text, (words,): names of things and colours TELLING times as much as others."""
    names = [*COLOURS, *(name for kind in categories() for name in (kind.name, kind.plurals, *kind.also))]
    weights = torch.ones(len(tokenizer))
    weights[[token for name in names for token in tokenizer(f" {name}", add_special_tokens=False).input_ids]] = TELLING
    return weights


class Learner(nn.Module):  # type: ignore[misc]
    """A captioner with what it has only while it learns: heads that tell things and colours, and weights of tokens."""

    def __init__(self, model: Any, weights: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self.model, width = model, model.config.text_config.d_model
        self.things, self.colours = nn.Linear(width, len(THINGS)), nn.Linear(width, len(COLOURS))


def loss(learner: Learner, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """How far from the truth the texts are, row by row, and what is seen.

    `pixels` (n, 3, side, side) are the pictures; row r of `asked` and `written` (rows, tokens) is about picture
    `of[r]`. `things` and `colours` (n, t, names) are what its image tokens show, in shares; where t is 1, what all of
    it shows.
    """
    tokens = learner.model.get_image_features(normal(batch["pixels"])).pooler_output
    seen = tokens[:, :1] if batch["things"].shape[1] == 1 else tokens[:, 1:]  # the first is the mean of all
    logits = written(learner.model, tokens[batch["of"]], batch["asked"], batch["written"])
    weights = learner.weights * (torch.arange(len(learner.weights), device=tokens.device) != PAD)
    each = F.cross_entropy(logits.flatten(0, 1).float(), batch["written"].flatten(), weights, reduction="none")
    rows = each.view(batch["written"].shape).sum(1) / weights[batch["written"]].sum(1)
    return {
        "texts": rows.mean(),
        "things": 2 * F.cross_entropy(learner.things(seen).float().flatten(0, 1), batch["things"].flatten(0, 1)),
        "colours": F.cross_entropy(learner.colours(seen).float().flatten(0, 1), batch["colours"].flatten(0, 1)),
    }


def normal(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (n, 3, height, width), 0 to 255, as the image processor hands them to the model."""
    mean, deviation = (torch.tensor(each, device=pixels.device).view(3, 1, 1) * 255 for each in (MEAN, DEVIATION))
    return (pixels.float() - mean) / deviation


def written(model: Any, images: torch.Tensor, asked: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """Logits (rows, tokens, words) of each token of `text` (rows, tokens) after those before it.

    `images` (rows, image tokens, width) and `asked` (rows, tokens) are what the encoder gets: as in the model's own
    `forward`, but that several texts share the image tokens of one picture.
    """
    language = model.model.language_model
    inputs = torch.cat([images, language.shared(asked).to(images.dtype)], 1)
    mask = F.pad(asked != PAD, (images.shape[1], 0), value=True).long()
    states = language.encoder(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    before = F.pad(text[:, :-1], (1, 0), value=EOS)
    states = language.decoder(before, encoder_hidden_states=states, encoder_attention_mask=mask).last_hidden_state
    logits: torch.Tensor = model.lm_head(states)
    return logits
