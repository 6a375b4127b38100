"""Captioners of a few thousand parameters, one of each family, with tokenizers of bytes or of a few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ("a", "dog", "cat", "red", "bus", "on", "the", "grass", "sits", "man", "shirt", "with")
CHAT = (
    "{% for message in messages %}<s>{{ message['role'] }}:{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def florence2(folder: Path) -> Path:
    """Florence-2 with random weights, that looks at 64 x 64 pixels."""
    import torch
    from transformers import Florence2Config, Florence2ForConditionalGeneration, Florence2Processor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _bytes(post="<s> $A </s>")
    config = Florence2Config(
        vision_config={
            "embed_dim": [8, 8, 16, 16], "num_heads": [1, 1, 2, 2], "num_groups": [1, 1, 2, 2], "depths": [1, 1, 1, 1],
            "projection_dim": 32, "window_size": 4,
        },
        text_config={
            "model_type": "bart", "vocab_size": len(tokenizer), "d_model": 32, "encoder_layers": 1, "decoder_layers": 1,
            "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
            "max_position_embeddings": 512, "decoder_start_token_id": 2, "forced_bos_token_id": 0, "init_std": 0.5,
        },
        image_token_id=tokenizer.image_token_id,
    )  # fmt: skip
    model = Florence2ForConditionalGeneration(config)
    model.generation_config.no_repeat_ngram_size = 3
    model.save_pretrained(folder)
    # Of 64 x 64 pixels 2 x 2 patches are left, and a token for all of them.
    images = CLIPImageProcessorPil(size={"height": 64, "width": 64}, do_center_crop=False, image_seq_length=5)
    Florence2Processor(images, tokenizer).save_pretrained(folder)
    return folder


def blip(folder: Path) -> Path:
    """BLIP with random weights, that looks at 32 x 32 pixels."""
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _words()
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BlipConfig(
        text_config={
            **size, "vocab_size": len(tokenizer), "projection_dim": 32, "encoder_hidden_size": 32, "bos_token_id": 4,
            "eos_token_id": 2, "sep_token_id": 2, "pad_token_id": 0, "max_position_embeddings": 128,
            "initializer_range": 0.5,
        },
        vision_config={**size, "image_size": 32, "patch_size": 16, "projection_dim": 32, "initializer_range": 0.5},
        projection_dim=32, image_text_hidden_size=32,
    )  # fmt: skip
    model = BlipForConditionalGeneration(config)
    model.text_decoder.cls.predictions.bias.data[:6] = -100  # words, and no special token
    model.save_pretrained(folder)
    BlipProcessor(BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def llava(folder: Path) -> Path:
    """LLaVA with random weights, that looks at 32 x 32 pixels."""
    import torch
    from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _bytes(post="<s> $A")
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **_SIZE, "image_size": 32, "patch_size": 16},
        text_config={**_text("llama"), "vocab_size": len(tokenizer)},
        image_token_index=tokenizer.image_token_id, vision_feature_layer=-1,
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    images = LlavaImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    LlavaProcessor(
        images, tokenizer, patch_size=16, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=CHAT,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def idefics3(folder: Path) -> Path:
    """Idefics 3 with random weights, that looks at tiles of 32 x 32 pixels: longer inputs for larger images."""
    import torch
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    torch.manual_seed(0)
    tokenizer = _bytes(post="<s> $A", more=("<fake_token_around_image>", "<global-img>", "<end_of_utterance>"))
    images = Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = Idefics3Processor(images, tokenizer, image_seq_len=1, chat_template=CHAT)
    config = Idefics3Config(
        vision_config={**_SIZE, "image_size": 32, "patch_size": 16},
        text_config={**_text("llama"), "vocab_size": len(tokenizer)},
        image_token_id=processor.image_token_id, scale_factor=2,
    )  # fmt: skip
    Idefics3ForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


_SIZE = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "initializer_range": 0.5,
}  # fmt: skip


def _text(model_type: str) -> dict[str, Any]:
    ids = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    return {"model_type": model_type, **_SIZE, **ids, "num_key_value_heads": 1, "max_position_embeddings": 2048}


def _bytes(post: str, more: tuple[str, ...] = ()) -> Any:
    """A tokenizer whose tokens are the bytes, and special ones: <s> 0, <pad> 1, </s> 2, <image> 3."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ("<s>", "<pad>", "</s>", "<image>", *more)
    names = (*special, *sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer = Tokenizer(models.BPE(vocab={name: at for at, name in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    ends = [(name, names.index(name)) for name in post.split() if name in special]
    tokenizer.post_processor = processors.TemplateProcessing(single=post, special_tokens=ends)
    tokenizer.add_special_tokens(list(special))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"}, padding_side="right",
    )  # fmt: skip


def _words() -> Any:
    """BERT's tokenizer with the words above."""
    from transformers import BertTokenizer

    names = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[DEC]", "[MASK]", *WORDS, "##s", ".", ",")
    return BertTokenizer(vocab={name: at for at, name in enumerate(names)}, extra_special_tokens=["[DEC]"])
