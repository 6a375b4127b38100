"""Models of a few thousand parameters that ground phrases, and the words that their tokenizers know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WINDOW = 32  # tokens of one pass of Grounding DINO
LINE = 16  # tokens of one phrase for OWL
PATCHES = 8  # of OWL, along a side
# Whole words, and the pieces that "blueish" and "shirts" fall into. Anything else is unknown to Grounding DINO.
WORDS = (
    *("a", "man", "in", "blue", "shirt", "dog", "cat", "red", "hat", "the", "mr", "hill", "'", "s", "shop", ",", "-"),
    *("##ish", "##s", "cafe", "hund", "who", "walks", "café", "o", "clock", "&", "ø", "##l", "n", "animal", "small"),
)


def grounding_dino(folder: Path) -> Path:
    """Grounding DINO with random weights."""
    from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection

    return _dino(folder, GroundingDinoConfig, GroundingDinoForObjectDetection)


def mm_grounding_dino(folder: Path) -> Path:
    """MM-Grounding-DINO with random weights."""
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    return _dino(folder, MMGroundingDinoConfig, MMGroundingDinoForObjectDetection)


def _dino(folder: Path, config: Any, model: Any) -> Path:
    import torch
    from transformers import BertConfig, GroundingDinoProcessor, SwinConfig
    from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil

    torch.manual_seed(0)
    tokenizer = wordpiece()
    backbone = SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=2,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    words = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=WINDOW,
    )  # fmt: skip
    made = model(
        config(
            backbone_config=backbone, text_config=words, d_model=32, encoder_layers=1, encoder_ffn_dim=32,
            encoder_attention_heads=2, decoder_layers=2, decoder_ffn_dim=32, decoder_attention_heads=2,
            num_queries=20, max_text_len=WINDOW,
        )
    )  # fmt: skip
    made.save_pretrained(folder)
    images = GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def wordpiece() -> Any:
    """BERT's tokenizer over WORDS, with the marks where Grounding DINO's code wants them."""
    from transformers import BertTokenizer

    marks = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    taken = set(marks.values())
    free = (number for number in range(2000) if number not in taken)
    words = {**marks, **{word: next(free) for word in WORDS}}
    fill = {f"[unused{number}]": number for number in range(1030) if number not in set(words.values())}
    return BertTokenizer(vocab=words | fill)


def owlv2(folder: Path) -> Path:
    """OWLv2 with random weights, that looks at 64 x 64 pixels."""
    import torch
    from transformers import Owlv2Config, Owlv2ForObjectDetection, Owlv2Processor
    from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _bytes()
    Owlv2ForObjectDetection(Owlv2Config(**_owl(tokenizer))).save_pretrained(folder)
    Owlv2Processor(Owlv2ImageProcessorPil(size={"height": 64, "width": 64}), tokenizer).save_pretrained(folder)
    return folder


def owlvit(folder: Path) -> Path:
    """OWL-ViT with random weights, that looks at 64 x 64 pixels."""
    import torch
    from transformers import OwlViTConfig, OwlViTForObjectDetection, OwlViTProcessor
    from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _bytes()
    OwlViTForObjectDetection(OwlViTConfig(**_owl(tokenizer))).save_pretrained(folder)
    OwlViTProcessor(OwlViTImageProcessorPil(size={"height": 64, "width": 64}), tokenizer).save_pretrained(folder)
    return folder


def _owl(tokenizer: Any) -> dict[str, Any]:
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        **size, "vocab_size": len(tokenizer), "max_position_embeddings": LINE, "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    vision = {**size, "image_size": 64, "patch_size": 64 // PATCHES}
    return {"text_config": text, "vision_config": vision, "projection_dim": 32}


def _bytes() -> Any:
    """CLIP's tokenizer with a few merges over its bytes; the end has the highest number, as OWL wants it."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    merges = [("m", "a"), ("ma", "n</w>"), ("d", "o"), ("do", "g</w>"), ("b", "l"), ("bl", "u"), ("blu", "e</w>")]
    names = ["!", *(each for each in letters if each != "!"), *(f"{each}</w>" for each in letters)]
    names += ["".join(pair) for pair in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={name: at for at, name in enumerate(names)}, merges=merges, pad_token="!")
