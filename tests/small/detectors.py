"""Detectors of a few thousand parameters, one of each family, with three classes of which one has no name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = {
    "id2label": {0: "cat", 1: "dog", 2: "N/A"},
    "label2id": {"cat": 0, "dog": 1, "N/A": 2},
}
_RT = {
    "encoder_in_channels": [16, 24, 32], "encoder_hidden_dim": 32, "encoder_ffn_dim": 32, "d_model": 32,
    "decoder_ffn_dim": 32, "decoder_attention_heads": 2, "encoder_attention_heads": 2, "decoder_layers": 2,
    "num_queries": 20, "decoder_in_channels": [32, 32, 32], **NAMES,
}  # fmt: skip
_DETR = {
    "use_timm_backbone": False, "backbone": None, "use_pretrained_backbone": False, "d_model": 32, "encoder_layers": 1,
    "decoder_layers": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "num_queries": 20, **NAMES,
}  # fmt: skip
_STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}


def rt_detr(folder: Path) -> Path:
    """RT-DETR with random weights, that looks at 64 x 64 pixels."""
    from transformers import RTDetrConfig, RTDetrForObjectDetection

    return _saved(folder, RTDetrForObjectDetection, RTDetrConfig(backbone_config=_rt_backbone(), **_RT), _square())


def rt_detr_v2(folder: Path) -> Path:
    """RT-DETR v2 with random weights, that looks at 64 x 64 pixels."""
    from transformers import RTDetrV2Config, RTDetrV2ForObjectDetection

    return _saved(folder, RTDetrV2ForObjectDetection, RTDetrV2Config(backbone_config=_rt_backbone(), **_RT), _square())


def d_fine(folder: Path) -> Path:
    """D-FINE with random weights, that looks at 64 x 64 pixels."""
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

    backbone = HGNetV2Config(
        **_STAGES, out_features=["stage2", "stage3", "stage4"], stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 16, 24], stage_mid_channels=[8, 8, 8, 8], stage_out_channels=[8, 16, 24, 32],
        stage_num_blocks=[1, 1, 1, 1], stage_downsample=[False, True, True, True], stage_light_block=[False] * 4,
        stage_kernel_size=[3, 3, 3, 3], stage_numb_of_layers=[1, 1, 1, 1],
    )  # fmt: skip
    return _saved(folder, DFineForObjectDetection, DFineConfig(backbone_config=backbone, **_RT), _square())


def detr(folder: Path) -> Path:
    """DETR with random weights, that keeps an image's proportions and pads."""
    from transformers import DetrConfig, DetrForObjectDetection
    from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil

    config = DetrConfig(backbone_config=_resnet("stage4"), **_DETR)
    return _saved(folder, DetrForObjectDetection, config, _padding(DetrImageProcessorPil))


def deformable_detr(folder: Path) -> Path:
    """Deformable DETR with random weights, that keeps an image's proportions and pads."""
    from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection
    from transformers.models.deformable_detr.image_processing_pil_deformable_detr import DeformableDetrImageProcessorPil

    config = DeformableDetrConfig(backbone_config=_resnet("stage2", "stage3", "stage4"), num_feature_levels=4, **_DETR)
    return _saved(folder, DeformableDetrForObjectDetection, config, _padding(DeformableDetrImageProcessorPil))


def yolos(folder: Path) -> Path:
    """YOLOS with random weights, that keeps an image's proportions and pads."""
    from transformers import YolosConfig, YolosForObjectDetection
    from transformers.models.yolos.image_processing_pil_yolos import YolosImageProcessorPil

    config = YolosConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=[64, 96],
        patch_size=16, num_detection_tokens=20, **NAMES,
    )  # fmt: skip
    return _saved(folder, YolosForObjectDetection, config, _padding(YolosImageProcessorPil))


def rf_detr(folder: Path) -> Path:
    """RF-DETR with random weights; its image processor wants torchvision, so its settings are written by hand."""
    from transformers import RfDetrConfig, RfDetrDinov2Config, RfDetrForObjectDetection

    backbone = RfDetrDinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=56, num_windows=1,
        out_indices=[2, 4],
    )  # fmt: skip
    config = RfDetrConfig(
        backbone_config=backbone, d_model=32, decoder_ffn_dim=32, decoder_layers=2, decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2, num_queries=20, group_detr=1, **NAMES,
    )  # fmt: skip
    RfDetrForObjectDetection(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"image_processor_type": "RfDetrImageProcessor"}')
    return folder


def _saved(folder: Path, model: Any, config: Any, processor: Any) -> Path:
    import torch

    torch.manual_seed(0)
    model(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _rt_backbone() -> Any:
    from transformers import RTDetrResNetConfig

    return RTDetrResNetConfig(**_STAGES, out_features=["stage2", "stage3", "stage4"])


def _resnet(*features: str) -> Any:
    from transformers import ResNetConfig

    return ResNetConfig(**_STAGES, layer_type="basic", out_features=list(features))


def _square() -> Any:
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    return RTDetrImageProcessorPil(size={"height": 64, "width": 64})


def _padding(kind: Any) -> Any:
    return kind(size={"shortest_edge": 64, "longest_edge": 96})
