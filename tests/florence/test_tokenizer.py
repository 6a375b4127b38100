"""The tokenizer: the released markers in their order, one token each, and nothing lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stage import ChainError
from florence import tokenizer as tokens
from florence.codec import ADDED, BINS, IMAGE, MASK, Box, Task, Text, encode, prompt, read

CORPUS = ["a dog on a mat", "two dogs and a cat on the mat", "Locate the objects in the image."] * 3
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.lists(
    st.sampled_from(["<loc_5>", "<mask>", IMAGE, "<s>", "</s>", "<od>", " ", "\n", "<", "\\", "犬", "🙂", "a dog"]),
    max_size=6,
).map("".join)


class Unseen:
    """Keeps a tokenizer from hypothesis, which would print it whole."""

    def __init__(self, it: Any) -> None:
        self.it = it


@pytest.fixture(scope="module")
def trained() -> Any:
    return tokens.train(CORPUS, 320)


@pytest.fixture(scope="module", params=["trained", "saved and loaded"])
def tokenizer(request: pytest.FixtureRequest, trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if request.param == "trained":
        return trained
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    trained.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def unseen(tokenizer: Any) -> Unseen:
    return Unseen(tokenizer)


def test_the_markers_stand_behind_the_words_in_the_released_order(tokenizer: Any) -> None:
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == ["<s>", "<pad>", "</s>", "<unk>"]
    mask = tokenizer.convert_tokens_to_ids(MASK)
    assert tokenizer.convert_tokens_to_ids(list(ADDED)) == list(range(mask + 1, mask + 1025))
    assert (tokenizer.image_token, tokenizer.image_token_id, len(tokenizer)) == (IMAGE, mask + 1025, mask + 1026)


def test_behind_as_many_words_as_barts_the_ids_are_the_released_ones() -> None:
    words = ["<s>", "<pad>", "</s>", "<unk>", *map(str, range(50260)), MASK]
    tokenizer = tokens.build({word: at for at, word in enumerate(words)}, [])
    released = {"<od>": 50265, "<loc_0>": 50269, "<loc_999>": 51268, "<cap>": 51269, "<and>": 51288, IMAGE: 51289}
    assert {token: tokenizer.convert_tokens_to_ids(token) for token in released} == released


def test_a_location_is_one_token(tokenizer: Any) -> None:
    ids = tokens.locations(tokenizer)
    assert len(ids) == BINS
    text = "".join(f"<loc_{bin}>" for bin in range(BINS))
    assert tokenizer(text, add_special_tokens=False).input_ids == list(ids)


def test_a_marker_is_one_token_wherever_it_stands(tokenizer: Any) -> None:
    for marker in ADDED[:4] + ADDED[-20:]:
        assert tokenizer.convert_tokens_to_ids(marker) in tokenizer(f"a{marker} dog").input_ids


@given(text=TEXTS)
@settings(deadline=None, max_examples=150)
def test_what_is_written_comes_back_through_the_tokens(unseen: Unseen, text: str) -> None:
    tokenizer = unseen.it
    for task, item in ((Task.CAPTION, Text(text)), (Task.OD, Box(text, (1, 2, 3, 4)))):
        target = encode(task, [item], (1000, 1000)).text
        ids = tokenizer(target).input_ids
        assert (ids[0], ids[-1]) == (0, 2)
        assert tokens.decode(tokenizer, ids) == f"<s>{target}</s>"
        assert read(task, tokens.decode(tokenizer, [2, *ids, 1, 1])).items == (item,)
        special = set(ids[1:-1]) & set(tokenizer.all_special_ids)
        assert special == ({*tokens.locations(tokenizer)[1:5]} if task == Task.OD else set())


@given(text=TEXTS)
@settings(deadline=None, max_examples=50)
def test_no_text_in_a_prompt_becomes_a_marker(unseen: Unseen, text: str) -> None:
    tokenizer = unseen.it
    ids = tokenizer(prompt(Task.CAPTION_TO_PHRASE_GROUNDING, [Text(text)]), add_special_tokens=False).input_ids
    assert not set(ids) & set(tokenizer.all_special_ids)


def test_length_counts_what_stands_around(tokenizer: Any) -> None:
    assert tokens.length(tokenizer, "<loc_1><loc_2>") == 4


def test_the_same_texts_give_the_same_tokenizer(trained: Any) -> None:
    again = tokens.train(iter(CORPUS), 320)
    assert again.backend_tokenizer.to_str() == trained.backend_tokenizer.to_str()
    assert trained.backend_tokenizer.to_str() != tokens.train(CORPUS, 280).backend_tokenizer.to_str()


def test_words_that_are_seen_often_are_one_token(trained: Any) -> None:
    assert trained.tokenize(" dog") == ["Ġdog"]


def test_as_many_tokens_as_were_asked_for() -> None:
    assert len(tokens.train(CORPUS, 280)) == 280 + len(ADDED) + 1


def test_a_tokenizer_without_a_token_for_each_byte_is_refused() -> None:
    with pytest.raises(ChainError, match="at least 261"):
        tokens.train(CORPUS, 260)


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    from transformers import BartTokenizerFast

    bart = BartTokenizerFast(vocab={"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "<mask>": 5}, merges=[])
    with pytest.raises(ChainError, match="this: its tokenizer has no <od>, and lacks 1025"):
        tokens.check(bart, "this")
    bart.add_tokens([*ADDED[:4], *reversed(ADDED[4:]), IMAGE], special_tokens=True)
    with pytest.raises(ChainError, match="out of order"):
        tokens.check(bart, "this")
