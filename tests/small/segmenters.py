"""Segmenters of a few thousand parameters that look at 128 x 128 pixels and give 32 x 32 logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

EYE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 128, "patch_size": 16,
    "output_channels": 16, "window_size": 4, "global_attn_indexes": [1], "mlp_dim": 32, "num_pos_feats": 8,
}  # fmt: skip
PROMPTS = {"hidden_size": 16, "image_size": 128, "patch_size": 16, "mask_input_channels": 4}
DECODER = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 32, "iou_head_hidden_dim": 16,
}  # fmt: skip


def sam(folder: Path) -> Path:
    """SAM with random weights."""
    import torch
    from transformers import SamConfig, SamModel, SamProcessor

    torch.manual_seed(0)
    model = SamModel(SamConfig(vision_config=EYE, prompt_encoder_config=PROMPTS, mask_decoder_config=DECODER))
    _sharpen(model)
    model.save_pretrained(folder)
    SamProcessor(_images()).save_pretrained(folder)
    return folder


def sam_hq(folder: Path) -> Path:
    """SAM-HQ with random weights."""
    import torch
    from transformers import SamHQConfig, SamHQModel, SamHQProcessor

    torch.manual_seed(0)
    decoder = {**DECODER, "vit_dim": EYE["hidden_size"]}
    model = SamHQModel(SamHQConfig(vision_config=EYE, prompt_encoder_config=PROMPTS, mask_decoder_config=decoder))
    _sharpen(model)
    model.save_pretrained(folder)
    SamHQProcessor(_images()).save_pretrained(folder)
    return folder


def sam2(folder: Path) -> Path:
    """SAM 2 with random weights; its image processor wants torchvision."""
    import torch
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor

    torch.manual_seed(0)
    backbone = {
        "hidden_size": 8, "num_attention_heads": 1, "image_size": [128, 128], "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64], "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, 8, 4], "window_positional_embedding_background_size": [4, 4],
        "global_attention_blocks": [3], "model_type": "sam2_hiera_det_model",
    }  # fmt: skip
    eye = {
        "backbone_config": backbone, "backbone_channel_list": [64, 32, 16, 8], "fpn_hidden_size": 16,
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
    }  # fmt: skip
    model = Sam2Model(Sam2Config(vision_config=eye, prompt_encoder_config=PROMPTS, mask_decoder_config=DECODER))
    _sharpen(model)
    model.save_pretrained(folder)
    images = Sam2ImageProcessor(size={"height": 128, "width": 128}, mask_size={"height": 32, "width": 32})
    Sam2Processor(images, target_size=128).save_pretrained(folder)
    return folder


def sam3(folder: Path) -> Path:
    """The tracker of SAM 3, which takes boxes, with random weights; 126 x 126 pixels; it wants torchvision too."""
    import torch
    from transformers import Sam3ImageProcessor, Sam3TrackerConfig, Sam3TrackerModel, Sam3TrackerProcessor

    torch.manual_seed(0)
    backbone = {
        "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 126, "pretrain_image_size": 126, "patch_size": 14, "window_size": 3, "global_attn_indexes": [1],
        "model_type": "sam3_vit_model",
    }  # fmt: skip
    eye = {
        "backbone_config": backbone, "fpn_hidden_size": 16, "backbone_feature_sizes": [[36, 36], [18, 18], [9, 9]],
        "model_type": "sam3_vision_model",
    }  # fmt: skip
    prompts = {**PROMPTS, "image_size": 126, "patch_size": 14}
    model = Sam3TrackerModel(
        Sam3TrackerConfig(vision_config=eye, prompt_encoder_config=prompts, mask_decoder_config=DECODER)
    )
    _sharpen(model)
    model.save_pretrained(folder)
    Sam3TrackerProcessor(Sam3ImageProcessor(size={"height": 126, "width": 126}), target_size=126).save_pretrained(
        folder
    )
    return folder


def _sharpen(model: Any) -> None:
    """Large enough weights that masks differ, from one box and one pixel to the next."""
    import torch

    with torch.no_grad():
        for name, weight in model.mask_decoder.named_parameters():
            if weight.dim() > 1:
                weight.mul_(20 if "embed" in name or "token" in name else 5)


def _images() -> Any:
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    return SamImageProcessorPil(
        size={"longest_edge": 128}, pad_size={"height": 128, "width": 128},
        mask_size={"longest_edge": 32}, mask_pad_size={"height": 32, "width": 32},
    )  # fmt: skip
