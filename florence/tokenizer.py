"""The tokenizer: BART's byte-level BPE with Florence-2's markers behind it, in the released order.

<s> 0, <pad> 1, </s> 2, <unk> 3, then words, <mask>, <od> </od> <ocr> </ocr>, <loc_0> .. <loc_999>, <cap> .. <and>,
<image>. A released checkpoint brings the same with BART's 50,265 tokens before <od>; for the tiny preset we train fewer
of our own. Every byte is a word, so no text is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from engine.stage import ChainError
from florence.codec.markup import ADDED, BINS, BOS, EOS, IMAGE, MASK, PAD, UNK

FIRST = (BOS, PAD, EOS, UNK)
LEAST = len(FIRST) + 256 + 1  # with a word for each byte, and the mask


def train(texts: Iterable[str], words: int, min_frequency: int = 2) -> Any:
    """A tokenizer of at most so many tokens before the markers, learnt from texts; the same texts give the same.

    The texts are plain ones: captions, labels and prompts, not targets. Pairs of words that are seen less often
    than `min_frequency` are not joined; ours, like the number of words of a preset.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    if words < LEAST:
        raise ChainError(f"a tokenizer of {words} tokens is too small: at least {LEAST}, a token for each byte")
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=words - 1, min_frequency=min_frequency, special_tokens=list(FIRST), show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    learner.train_from_iterator(texts, trainer)
    learnt = json.loads(learner.to_str())["model"]
    return build(learnt["vocab"], [tuple(pair) for pair in learnt["merges"]])


def build(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    """The tokenizer of these words, whose first four are BART's; the markers come behind them."""
    from tokenizers import AddedToken
    from transformers import BartTokenizerFast

    behind = (*(() if MASK in vocab else (MASK,)), *ADDED, IMAGE)
    vocab = vocab | {token: len(vocab) + at for at, token in enumerate(behind)}
    tokenizer = BartTokenizerFast(
        vocab=vocab, merges=merges, extra_special_tokens={"image_token": IMAGE}, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    markers = [AddedToken(token, normalized=False, special=True) for token in ADDED]
    tokenizer.add_special_tokens({"extra_special_tokens": markers}, replace_extra_special_tokens=False)
    check(tokenizer, "a new tokenizer")
    return tokenizer


def check(tokenizer: Any, name: str) -> None:
    """Raise ChainError where a tokenizer lacks a marker, or has the locations apart."""
    vocab = tokenizer.get_vocab()
    lacking = [token for token in (*FIRST, *ADDED, IMAGE) if token not in vocab]
    if lacking:
        raise ChainError(
            f"{name}: its tokenizer has no {lacking[0]}, and lacks {len(lacking)} in all: it is none of Florence-2 in "
            "transformers' own format. Take one of florence-community, or one that this project trained"
        )
    first = vocab["<loc_0>"]
    if [vocab[f"<loc_{bin}>"] for bin in range(BINS)] != list(range(first, first + BINS)):
        raise ChainError(f"{name}: its tokenizer has the location tokens out of order")


def locations(tokenizer: Any) -> range:
    """The ids of <loc_0> to <loc_999>."""
    first: int = tokenizer.convert_tokens_to_ids("<loc_0>")
    return range(first, first + BINS)


def length(tokenizer: Any, text: str) -> int:
    """How many tokens a prompt or target has, with the <s> and </s> around it: what `encode` counts by."""
    return len(tokenizer(text).input_ids)


def decode(tokenizer: Any, ids: Iterable[int]) -> str:
    """What the model wrote, for the codec to read: markers stay, and spaces are as they were."""
    text: str = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
