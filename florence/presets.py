"""The model in four sizes, on transformers' own Florence-2 classes, and its processor; made, loaded, saved.

base and large have the shapes of Xiao et al., arXiv 2311.06242 (its model variants), and BART's heads of 64. The
paper gives 232M and 771M parameters; counted here are 231,443,968 and 770,213,888, of which 90,368,000 and
360,632,320 are the vision encoder's. tiny, 10,778,624 with all its words, is ours: for images of 256 to 384 px. So is
mini, for generated scenes at 192 px: DaViT as the bundled captioner's, one stage short, so that a token is 16 px wide.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.stage import ChainError
from florence import tokenizer as tokens
from florence.codec.markup import ADDED, BINS, IMAGE

STRIDE = 32  # pixels of one image token's side, in the released models
FINEST = 100  # half waves over an image, of the finest by which first location tokens differ
SHARE = 0.5  # of an image token's loudness: its place's, at the start. Ours
ROUND = 64  # the vocabulary's size is a multiple of it, as in florence-community's checkpoints: faster on a GPU
# The public image processor's.
MEAN, DEVIATION, BICUBIC = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 3
WEIGHTS, CONFIG = "model.safetensors", "config.json"
# Of a checkpoint: what sees, and what leads from there into the text model.
_EYES, _WAY = "model.vision_tower.", ("model.multi_modal_projector.", "model.language_model.encoder.")


@dataclass(frozen=True)
class Preset:
    """A model's shapes: DaViT's by stage, then BART's.

    `words` are the tokens before the markers; `image_size`, in px, is what training begins with. `deviation` is that of
    the first weights.
    """

    embed_dim: tuple[int, ...]
    heads: tuple[int, ...]  # and as many channel groups
    depths: tuple[int, ...]
    width: int
    layers: int  # of the decoder, and, unless `encoder_layers` is given, as many of the encoder
    text_heads: int
    words: int
    image_size: int
    window: int = 12  # in patches of a stage
    positions: int = 1024  # the most tokens of an input or of a target
    encoder_layers: int | None = None
    ffn_ratio: int = 4  # of BART
    places: int = 50  # the most image tokens along a side
    mlp_ratio: float = 4.0  # of DaViT
    deviation: float = 0.02

    @property
    def stride(self) -> int:
        """Pixels of one image token's side."""
        return 4 * 2 ** (len(self.depths) - 1)


BART_WORDS = 50265
PRESETS = {
    "mini": Preset(
        (24, 56, 104), (1, 2, 4), (0, 1, 2), 160, 3, 4, 1024, 192,
        positions=512, encoder_layers=1, ffn_ratio=2, places=12, mlp_ratio=3.0, deviation=0.06,
    ),
    "tiny": Preset((32, 64, 128, 256), (1, 2, 4, 8), (1, 1, 3, 1), 256, 3, 4, 4096, 384),
    "base": Preset((128, 256, 512, 1024), (4, 8, 16, 32), (1, 1, 9, 1), 768, 6, 12, BART_WORDS, 384),
    "large": Preset((256, 512, 1024, 2048), (8, 16, 32, 64), (1, 1, 9, 1), 1024, 12, 16, BART_WORDS, 384),
}  # fmt: skip


@dataclass(frozen=True)
class Florence:
    """A model and its processor, as a checkpoint holds them."""

    model: Any  # Florence2ForConditionalGeneration
    processor: Any  # Florence2Processor

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write both into a folder as save_pretrained does: safetensors, config, tokenizer and processor."""
        import transformers

        transformers.utils.logging.disable_progress_bar()
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)


def preset(name: str) -> Preset:
    """The preset of this name; ChainError where there is none."""
    if name not in PRESETS:
        raise ChainError(f"no preset {name!r}: take one of {', '.join(PRESETS)}")
    return PRESETS[name]


def new(shape: Preset, tokenizer: Any, seed: int = 0, image_size: int | None = None) -> Florence:
    """A model with random weights, the same for the same seed, in float32.

    The tokenizer is one of `tokenizer.train` or a released one; it decides the size of the vocabulary.
    """
    import torch
    from transformers import Florence2ForConditionalGeneration

    tokens.check(tokenizer, "the tokenizer")
    settings = config(shape, len(tokenizer), tokenizer.convert_tokens_to_ids(IMAGE))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Florence2ForConditionalGeneration(settings)
        _place(model, tokenizer, shape.deviation)
    model.generation_config.update(
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_bos_token_id=0
    )
    return Florence(model, processor(tokenizer, image_size or shape.image_size, shape.stride))


def _place(model: Any, tokenizer: Any, deviation: float) -> None:
    """Begin with location tokens on a curve, so that near places are alike; from random ones that would be learnt."""
    import torch

    table = model.model.language_model.shared.weight
    with torch.no_grad():
        table[tokenizer.convert_tokens_to_ids([f"<loc_{at}>" for at in range(BINS)])] = deviation * _curve(
            BINS, table.shape[1], FINEST
        )


def _curve(places: int, width: int, finest: float) -> Any:
    """Places along a line as waves of growing frequency, (places, width), with a deviation of about 1. Ours."""
    import torch

    waves = torch.linspace(0, 1, places)[:, None] * torch.logspace(0, math.log10(finest), -(-width // 2)) * math.pi
    return torch.stack([waves.sin(), waves.cos()], -1).flatten(1)[:, :width] * 2**0.5


def see_as(florence: Florence, folder: str | os.PathLike[str]) -> None:
    """Begin with the image encoder of a checkpoint of Florence-2 in a folder.

    With it comes the way from there into the text model, projector and text encoder, where the checkpoint has one of
    the same shapes. Where it has none, places begin as loud as what the image encoder says.
    Raises ChainError where there is no image encoder, or it has other shapes.
    """
    from safetensors import SafetensorError, safe_open

    file = Path(folder) / WEIGHTS
    try:
        with safe_open(file, "pt") as weights:
            names = [name for name in weights.keys() if name.startswith((_EYES, *_WAY))]  # noqa: SIM118  no mapping
            values = {name: weights.get_tensor(name).float() for name in names if "embed_tokens" not in name}
    except (OSError, SafetensorError) as error:
        raise ChainError(f"vision: {file}: no weights that could be read: {error}") from error
    wrong = _unlike(florence.model, values, (_EYES,))
    if wrong:
        raise ChainError(f"vision: {file} has an image encoder of other shapes: {wrong}")
    if _unlike(florence.model, values, _WAY):
        values = {name: value for name, value in values.items() if name.startswith(_EYES)}
    learnt = {name for name, _ in florence.model.named_parameters()}
    florence.model.load_state_dict({name: values[name] for name in values.keys() & learnt}, strict=False)
    if all(name.startswith(_EYES) for name in values):
        _speak_up(florence)


def _unlike(model: Any, values: Mapping[str, Any], parts: tuple[str, ...]) -> str:
    """The first weight of these parts of a model that the values lack, or have in another shape; else nothing."""
    for name, own in model.named_parameters():
        if name.startswith(parts) and "embed_tokens" not in name:
            theirs = values.get(name)
            if theirs is None or theirs.shape != own.shape:
                return (
                    f"{name} is {tuple(own.shape)} here, {'missing' if theirs is None else tuple(theirs.shape)} there"
                )
    return ""


def _speak_up(florence: Florence) -> None:
    """Begin with places on a curve, as loud as what the image encoder says."""
    import torch

    model = florence.model.model
    side = florence.processor.image_processor.size["height"]
    model.vision_tower.eval()  # nothing dropped out: the same start each time
    with torch.no_grad():
        noise = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(0))
        loud = model.vision_tower(noise).last_hidden_state.std()
        for table in model.multi_modal_projector.image_position_embed.parameters():
            table.copy_(_curve(len(table), table.shape[1], len(table)) * loud * SHARE)
    model.vision_tower.train(model.training)


def config(shape: Preset, vocabulary: int | None = None, image_token: int | None = None) -> Any:
    """The Florence2Config of a preset; by default with its own number of words, markers and the image token last."""
    from transformers import Florence2Config

    vocabulary, later = vocabulary or shape.words + len(ADDED) + 1, len(shape.depths) - 1
    return Florence2Config(
        vision_config={
            "embed_dim": shape.embed_dim, "num_heads": shape.heads, "num_groups": shape.heads, "depths": shape.depths,
            "window_size": shape.window, "projection_dim": shape.width, "mlp_ratio": shape.mlp_ratio,
            "initializer_range": shape.deviation,
            "patch_size": (7, *[3] * later), "patch_stride": (4, *[2] * later), "patch_padding": (3, *[1] * later),
            "patch_prenorm": (False, *[True] * later), "max_position_embeddings": shape.places,
        },
        text_config={
            "model_type": "bart", "vocab_size": -(-vocabulary // ROUND) * ROUND, "d_model": shape.width,
            "encoder_layers": shape.encoder_layers or shape.layers, "decoder_layers": shape.layers,
            "encoder_attention_heads": shape.text_heads, "decoder_attention_heads": shape.text_heads,
            "encoder_ffn_dim": shape.ffn_ratio * shape.width, "decoder_ffn_dim": shape.ffn_ratio * shape.width,
            "max_position_embeddings": shape.positions, "init_std": shape.deviation,
        },
        image_token_id=vocabulary - 1 if image_token is None else image_token,
    )  # fmt: skip


def stride(model: Any) -> int:
    """Pixels of one image token's side of a model."""
    return math.prod(model.config.vision_config.patch_stride)


def processor(tokenizer: Any, image_size: int, stride: int = STRIDE) -> Any:
    """The Florence2Processor for square images of this many pixels, a multiple of the model's stride.

    A model takes several sizes, 384 and 768 px in the paper, each with a processor of its own.
    """
    from transformers import Florence2Processor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    if image_size < stride or image_size % stride:
        raise ChainError(f"images of {image_size} px: their size must be a multiple of {stride}")
    side = {"height": image_size, "width": image_size}
    images = CLIPImageProcessorPil(
        size=side, crop_size=side, do_center_crop=False, resample=BICUBIC, image_mean=list(MEAN),
        image_std=list(DEVIATION), image_seq_length=image_tokens(image_size, stride),
    )  # fmt: skip
    # Without these keys the processor refuses to read what the model wrote.
    kinds = (
        "pure_text", "ocr", "phrase_grounding", "description_with_bboxes", "description_with_polygons", "polygons",
        "bboxes", "description_with_bboxes_or_polygons",
    )  # fmt: skip
    return Florence2Processor(images, tokenizer, post_processor_config={kind: {} for kind in kinds})


def image_tokens(image_size: int, stride: int = STRIDE) -> int:
    """How many tokens a square image of this many pixels is: one for each patch, and their mean."""
    return (image_size // stride) ** 2 + 1


def load(where: str | os.PathLike[str], revision: str | None = None, dtype: str = "float32") -> Florence:
    """A checkpoint from a folder, or from a hub by its id and revision: a released one, or what `save` wrote.

    Raises ChainError where there is none, where it is laid out for code of its own, or lacks weights.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoProcessor, Florence2ForConditionalGeneration, PretrainedConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    _check_folder(Path(where))
    try:
        settings, _ = PretrainedConfig.get_config_dict(where, revision=revision)
        _check_layout(settings, str(where))
        model, seen = Florence2ForConditionalGeneration.from_pretrained(
            where, revision=revision, dtype=getattr(torch, dtype), use_safetensors=True, output_loading_info=True
        )
        made = AutoProcessor.from_pretrained(where, revision=revision, backend="pil")
    except ChainError:
        raise
    except (OSError, RuntimeError, ValueError, AttributeError, SafetensorError) as error:
        raise ChainError(f"{where}: no checkpoint of Florence-2 that could be loaded: {error}") from error
    if seen["missing_keys"]:  # transformers would fill them with random numbers
        missing = sorted(seen["missing_keys"])
        raise ChainError(f"{where} lacks weights of its model: {missing[0]}, and {len(missing) - 1} more")
    tokens.check(made.tokenizer, str(where))
    return Florence(model.eval(), made)


def _check_folder(folder: Path) -> None:
    """Raise ChainError where something is there that is no checkpoint."""
    whole = (folder / WEIGHTS).is_file() or (folder / f"{WEIGHTS}.index.json").is_file()
    if folder.exists() and not (whole and (folder / CONFIG).is_file()):
        raise ChainError(
            f"{folder} has no {CONFIG if whole else WEIGHTS}: it is no checkpoint that save_pretrained wrote"
        )


def _check_layout(settings: dict[str, Any], name: str) -> None:
    if settings.get("model_type") != "florence2":
        raise ChainError(f"{name} is a checkpoint of {settings.get('model_type')}, not of florence2")
    if "auto_map" in settings:
        raise ChainError(
            f"{name} is laid out for code of its own, which is refused; transformers would read it wrongly. Take the "
            "same weights of florence-community, as florence-community/Florence-2-base"
        )
