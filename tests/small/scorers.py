"""Image-text models of a few thousand parameters that look at 32 x 32 pixels and read a few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WINDOW = 16  # tokens
_SIZE = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
}  # fmt: skip


def clip(folder: Path) -> Path:
    """CLIP with random weights."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _bytes("<s> $A </s>")
    model = CLIPModel(CLIPConfig(text_config=_text(tokenizer), vision_config=_vision(), projection_dim=24))
    _sharpen(model)
    model.save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def siglip(folder: Path) -> Path:
    """SigLIP, or SigLIP 2 of one resolution, with random weights."""
    import torch
    from transformers import SiglipConfig, SiglipModel, SiglipProcessor
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _bytes("$A </s>")
    model = SiglipModel(SiglipConfig(text_config=_text(tokenizer), vision_config=_vision()))
    _sharpen(model)
    model.save_pretrained(folder)
    SiglipProcessor(SiglipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def siglip2(folder: Path) -> Path:
    """SigLIP 2 that keeps an image's proportions, with random weights; at most 16 patches of 8 x 8 pixels."""
    import torch
    from transformers import Siglip2Config, Siglip2Model, Siglip2Processor, Siglip2Tokenizer
    from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

    torch.manual_seed(0)
    names = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁")
    tokenizer = Siglip2Tokenizer(vocab={name: at for at, name in enumerate(names)})
    vision = {**_SIZE, "num_patches": 16, "patch_size": 8}
    model = Siglip2Model(Siglip2Config(text_config=_text(tokenizer), vision_config=vision))
    _sharpen(model)
    model.save_pretrained(folder)
    Siglip2Processor(Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16), tokenizer).save_pretrained(folder)
    return folder


def _vision() -> dict[str, Any]:
    return {**_SIZE, "image_size": 32, "patch_size": 8}


def _text(tokenizer: Any) -> dict[str, Any]:
    return {
        **_SIZE, "vocab_size": len(tokenizer), "max_position_embeddings": WINDOW, "projection_size": 32,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip


def _sharpen(model: Any) -> None:
    """Large enough weights that embeddings differ, with a seed that leaves cosines above 0."""
    import torch

    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, weight[0].numel() ** -0.5, generator=generator)
            elif name in ("logit_scale", "logit_bias"):
                weight.fill_(1.0 if name == "logit_scale" else -1.0)


def _bytes(post: str) -> Any:
    """A tokenizer whose tokens are the bytes of a text, and <s>, <pad> and </s> in front, behind and at the end."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    # </s> is the last: CLIP looks for the highest token.
    names = ("<s>", "<pad>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "</s>")
    tokenizer = Tokenizer(models.BPE(vocab={name: at for at, name in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    ends = [(name, names.index(name)) for name in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(single=post, special_tokens=ends)
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>", padding_side="right"
    )
