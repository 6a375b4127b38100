"""Random checkpoints with the proportions of real ones, a size or two below: a second or less for an image here."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def detector(folder: Path) -> Path:
    """RT-DETR v2 with a ResNet-18, 300 queries and COCO's 80 categories, at 320 x 320 pixels."""
    from transformers import RTDetrResNetConfig, RTDetrV2Config, RTDetrV2ForObjectDetection
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    backbone = RTDetrResNetConfig(
        embedding_size=64, hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = RTDetrV2Config(
        backbone_config=backbone, encoder_in_channels=[128, 256, 512], decoder_layers=3, num_labels=80
    )
    RTDetrV2ForObjectDetection(config).save_pretrained(folder)
    RTDetrImageProcessorPil(size={"height": 320, "width": 320}).save_pretrained(folder)
    return folder


def captioner(folder: Path) -> Path:
    """BLIP with a ViT of 6 layers at 224 x 224 pixels and a vocabulary of 30,000."""
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    tokenizer = words()
    size = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 6}
    text = {
        **size, "vocab_size": len(tokenizer), "encoder_hidden_size": 384, "bos_token_id": 4, "eos_token_id": 2,
        "sep_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    vision = {**size, "image_size": 224, "patch_size": 16}
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision))
    model.text_decoder.cls.predictions.bias.data[:6] = -100  # words, and no special token: all are equally long
    model.save_pretrained(folder)
    BlipProcessor(BlipImageProcessorPil(size={"height": 224, "width": 224}), tokenizer).save_pretrained(folder)
    return folder


def grounder(folder: Path) -> Path:
    """Grounding DINO with a small Swin, 2 and 3 layers and 900 queries, at 320 pixels."""
    from transformers import (
        BertConfig,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoProcessor,
        SwinConfig,
    )
    from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil

    tokenizer = words()
    backbone = SwinConfig(embed_dim=48, depths=[2, 2, 4, 2], out_features=["stage2", "stage3", "stage4"])
    text = BertConfig(
        vocab_size=len(tokenizer), hidden_size=384, num_hidden_layers=4, num_attention_heads=6, intermediate_size=1536
    )
    config = GroundingDinoConfig(backbone_config=backbone, text_config=text, encoder_layers=2, decoder_layers=3)
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    images = GroundingDinoImageProcessorPil(size={"shortest_edge": 320, "longest_edge": 480})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def segmenter(folder: Path) -> Path:
    """SAM with a ViT of 4 layers at its own 1024 x 1024 pixels."""
    from transformers import SamConfig, SamModel, SamProcessor
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    vision = {
        "hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 4, "mlp_dim": 768,
        "global_attn_indexes": [3],
    }  # fmt: skip
    model = SamModel(SamConfig(vision_config=vision))
    # Random logits are speckled, and a trained model's masks are not: here they follow the box alone, smoothly.
    model.vision_encoder.neck.layer_norm2.weight.data.zero_()
    for step in (model.mask_decoder.upscale_conv1, model.mask_decoder.upscale_conv2):
        step.weight.data[:] = step.weight.data.mean(dim=(2, 3), keepdim=True)
    model.save_pretrained(folder)
    SamProcessor(SamImageProcessorPil()).save_pretrained(folder)
    return folder


def scorer(folder: Path) -> Path:
    """CLIP with two towers of 6 layers, at 224 x 224 pixels."""
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = words()
    size = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 6}
    text = {**size, "vocab_size": len(tokenizer), "eos_token_id": 2, "bos_token_id": 4, "pad_token_id": 0}
    vision = {**size, "image_size": 224, "patch_size": 16}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    CLIPProcessor(CLIPImageProcessorPil(), tokenizer).save_pretrained(folder)
    return folder


def words() -> Any:
    """A BERT tokenizer of 30,000 words: w0, w1 .. and the few that the benchmark's phrases are made of."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import BertTokenizerFast

    names = ["[PAD]", "[UNK]", "[SEP]", "[MASK]", "[CLS]", "[DEC]", ".", "?", "a", "red", "dog", "blue", "car", "tree"]
    names += [f"w{i}" for i in range(30_000 - len(names))]
    core = Tokenizer(WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    core.normalizer, core.pre_tokenizer = BertNormalizer(lowercase=True), BertPreTokenizer()
    core.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 4), ("[SEP]", 2)])
    return BertTokenizerFast(tokenizer_object=core, model_max_length=256)
