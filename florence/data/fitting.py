"""What the model is shown and how much it has room for, by its checkpoint and the settings."""

from __future__ import annotations

from engine.stage import ChainError
from florence.codec import IMAGE
from florence.data.batches import Binder
from florence.data.picking import Limits
from florence.data.pictures import Look
from florence.data.settings import DataSettings
from florence.presets import Florence, image_tokens, stride

LEAST_PROMPT = 16  # tokens: what the shortest prompts need


def fitted(florence: Florence, settings: DataSettings) -> tuple[Look, Limits, Binder]:
    """How the model sees and reads; ChainError where it has no room for what the settings want."""
    tokenizer, seen = florence.tokenizer, image_tokens(settings.image_size, stride(florence.model))
    room = int(florence.model.config.text_config.max_position_embeddings)
    places = int(florence.model.config.vision_config.max_position_embeddings)
    if settings.image_size // stride(florence.model) > places:
        raise ChainError(
            f"image_size is {settings.image_size}: the model takes images up to {places * stride(florence.model)} px"
        )
    if seen + LEAST_PROMPT > room:
        raise ChainError(
            f"image_size is {settings.image_size}: such an image is {seen} tokens, and the model has room for {room}"
        )
    if settings.max_target > room:
        raise ChainError(f"max_target is {settings.max_target}: the model has room for {room} tokens")
    # One of our own: asking another thread's for padding while this one reads is an error.
    words = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    words.no_padding()
    words.no_truncation()
    limits = Limits(room - seen, settings.max_target, lambda text: words.encode(text).ids)
    look = Look.of(florence.processor, settings.image_size)
    image = int(tokenizer.convert_tokens_to_ids(IMAGE))
    return look, limits, Binder(look, image, seen, int(tokenizer.pad_token_id), settings.pad_to)
