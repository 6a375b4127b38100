"""The presets: their sizes, and a model that is made, saved, loaded, trained on and saved again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.stage import ChainError
from florence import presets, tokenizer
from florence.presets import Florence, Preset

SMALL = Preset((8, 8, 16, 16), (1, 1, 2, 2), (1, 1, 1, 1), 32, 1, 2, 300, 64, window=4, positions=128)


@pytest.fixture(scope="module")
def words() -> Any:
    return tokenizer.train(["a dog on a mat", "two dogs on the mat"] * 2, 300)


@pytest.fixture(scope="module")
def made(words: Any) -> Florence:
    return presets.new(SMALL, words)


@pytest.fixture(scope="module")
def saved(made: Florence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    made.save(folder)
    return folder


def logits(florence: Florence) -> Any:
    import torch

    pixels = np.arange(80 * 100 * 3, dtype=np.uint8).reshape(80, 100, 3)
    inputs = florence.processor(
        images=[pixels], text=["<CAPTION>"], return_tensors="pt", input_data_format="channels_last"
    )
    labels = florence.tokenizer("a dog<loc_1><loc_2><loc_3><loc_4>", return_tensors="pt").input_ids
    with torch.inference_mode():
        return florence.model.eval()(**inputs, labels=labels).logits


@pytest.mark.parametrize(
    ("name", "paper", "counted", "tower"),
    [
        ("base", 232e6, 231_443_968, 90_368_000),
        ("large", 771e6, 770_213_888, 360_632_320),
        ("tiny", 10.5e6, 10_778_624, 3_316_736),
        ("mini", 2.24e6, 2_238_256, 580_688),
    ],
)
def test_a_preset_has_as_many_parameters_as_it_should(name: str, paper: float, counted: int, tower: int) -> None:
    import torch
    from transformers import Florence2ForConditionalGeneration

    with torch.device("meta"):
        model = Florence2ForConditionalGeneration(presets.config(presets.preset(name)))
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    total = sum(parameter.numel() for parameter in model.parameters())
    assert total == counted
    assert abs(total / paper - 1) < (0.01 if name != "tiny" else 0.05)
    assert sum(parameter.numel() for parameter in model.model.vision_tower.parameters()) == tower


def test_a_vocabulary_of_barts_words_has_the_released_ids() -> None:
    config = presets.config(presets.preset("base"))
    assert (config.image_token_id, config.text_config.vocab_size) == (51289, 51328)


def test_a_model_has_the_same_weights_for_the_same_seed(made: Florence, words: Any) -> None:
    import torch

    assert torch.equal(logits(made), logits(presets.new(SMALL, words)))
    assert not torch.equal(logits(made), logits(presets.new(SMALL, words, seed=1)))


def test_near_places_begin_alike(made: Florence, words: Any) -> None:
    import torch

    table = made.model.get_input_embeddings().weight
    first, near, far = (table[words.convert_tokens_to_ids(f"<loc_{at}>")] for at in (400, 401, 900))
    assert torch.cosine_similarity(first, near, 0) > 0.9 > torch.cosine_similarity(first, far, 0) + 0.4
    assert 0.9 < first.std() / presets.preset("tiny").deviation < 1.1


def test_a_preset_begins_with_another_ones_eyes(made: Florence, saved: Path, words: Any) -> None:
    import torch

    other, again = (presets.new(SMALL, words, seed=1) for _ in range(2))
    for florence in (other, again):
        presets.see_as(florence, saved)
    assert torch.equal(logits(other), logits(again))
    theirs, ours = (florence.model.model.vision_tower.state_dict() for florence in (made, other))
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    assert not torch.equal(logits(made), logits(other))


def test_with_the_eyes_comes_the_way_into_the_text_model_where_it_fits(saved: Path, words: Any) -> None:
    import torch

    def encoder(florence: Florence) -> dict[str, Any]:
        parts = florence.model.model.language_model.encoder, florence.model.model.multi_modal_projector
        return {
            name: value for part in parts for name, value in part.state_dict().items() if "embed_tokens" not in name
        }

    theirs = encoder(presets.load(saved))
    alike, deeper = presets.new(SMALL, words, seed=1), presets.new(replace(SMALL, encoder_layers=2), words, seed=1)
    before = {name: value.clone() for name, value in encoder(deeper).items()}
    for florence in (alike, deeper):
        presets.see_as(florence, saved)
    assert all(torch.equal(value, theirs[name]) for name, value in encoder(alike).items())
    changed = {name for name, value in encoder(deeper).items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in changed} == {"image_position_embed"}  # as loud as what it now sees
    own = presets.new(SMALL, words, seed=1).model.model.language_model.shared.weight
    assert torch.equal(alike.model.model.language_model.shared.weight, own)


def test_eyes_that_do_not_fit_are_refused(saved: Path, words: Any, tmp_path: Path) -> None:
    wide = presets.new(replace(SMALL, embed_dim=(8, 8, 16, 32)), words)
    with pytest.raises(ChainError, match=r"model\.safetensors has an image encoder of other shapes"):
        presets.see_as(wide, saved)
    with pytest.raises(ChainError, match=r"vision: .*no weights that could be read"):
        presets.see_as(wide, tmp_path)


def test_a_preset_may_have_tokens_of_16_px(words: Any) -> None:
    short = Preset((8, 8, 16), (1, 1, 2), (0, 1, 1), 32, 1, 2, 300, 64, window=4, positions=128)
    florence = presets.new(short, words)
    assert presets.stride(florence.model) == 16
    assert florence.processor.image_processor.image_seq_length == presets.image_tokens(64, 16) == 17
    assert logits(florence).shape[0] == 1


def test_what_is_saved_and_loaded_says_the_same(made: Florence, saved: Path) -> None:
    import torch
    from transformers import Florence2ForConditionalGeneration

    loaded = presets.load(saved)
    assert torch.equal(logits(loaded), logits(made))
    plain = Florence2ForConditionalGeneration.from_pretrained(saved)
    assert torch.equal(logits(Florence(plain, loaded.processor)), logits(made))
    assert loaded.tokenizer.backend_tokenizer.to_str() == made.tokenizer.backend_tokenizer.to_str()
    assert not list(saved.glob("*.bin"))


def test_a_loaded_model_learns_and_is_saved_anew(saved: Path, tmp_path: Path) -> None:
    import torch

    florence = presets.load(saved)
    inputs = florence.processor(images=[np.zeros((64, 64, 3), np.uint8)], text=["<OD>"], return_tensors="pt")
    labels = florence.tokenizer("dog<loc_1><loc_2><loc_3><loc_4>", return_tensors="pt").input_ids
    optimizer = torch.optim.AdamW(florence.model.parameters(), 1e-2)
    losses = []
    for _ in range(8):
        loss = florence.model(**inputs, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    florence.save(tmp_path)
    assert torch.equal(logits(presets.load(tmp_path)), logits(florence))


def test_a_model_writes_what_begins_and_ends(made: Florence) -> None:
    inputs = made.processor(images=[np.zeros((64, 64, 3), np.uint8)], text=["<OD>"], return_tensors="pt")
    written = made.model.generate(**inputs, max_new_tokens=4, do_sample=False)[0].tolist()
    assert written[:2] == [2, 0]  # the decoder's start, <s>
    assert written[-1] == 2


@pytest.mark.parametrize(("size", "count"), [(64, 5), (384, 145), (768, 577)])
def test_an_image_has_a_token_for_each_patch_and_their_mean(words: Any, size: int, count: int) -> None:
    processor = presets.processor(words, size)
    made = processor(images=[np.zeros((50, 90, 3), np.uint8)], text=["<OD>"], return_tensors="pt")
    assert made["pixel_values"].shape == (1, 3, size, size)
    assert int((made["input_ids"] == words.image_token_id).sum()) == count == presets.image_tokens(size)


def test_one_model_takes_another_size(made: Florence, words: Any) -> None:
    assert logits(Florence(made.model, presets.processor(words, 96))).shape == logits(made).shape


def changed(saved: Path, folder: Path, name: str, change: Any) -> Path:
    """A copy of a checkpoint with one of its files changed."""
    for file in saved.iterdir():
        (folder / file.name).write_bytes(change(file.read_bytes()) if file.name == name else file.read_bytes())
    return folder


def config(**given: Any) -> Any:
    return lambda content: json.dumps({**json.loads(content), **given}).encode()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.json", config(auto_map={"AutoModel": "a.B"}), "code of its own.*florence-community"),
        ("config.json", config(model_type="blip"), "a checkpoint of blip, not of florence2"),
        ("config.json", lambda content: b"{", "could be loaded"),
        ("model.safetensors", lambda content: content[:-100], "could be loaded"),
        ("tokenizer_config.json", lambda content: content.replace(b"image_token", b"other"), "could be loaded"),
        ("processor_config.json", lambda content: b"[", "could be loaded"),
        ("tokenizer.json", lambda content: content.replace(b"<loc_7>", b"<loc_q>"), "location tokens out of order"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_refused(
    saved: Path, tmp_path: Path, name: str, change: Any, message: str
) -> None:
    with pytest.raises(ChainError, match=message) as raised:
        presets.load(changed(saved, tmp_path, name, change))
    assert str(tmp_path) in str(raised.value)


def test_a_checkpoint_without_some_of_its_weights_is_refused(saved: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = changed(saved, tmp_path, "", None)
    weights = load_file(folder / "model.safetensors")
    del weights["model.language_model.shared.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ChainError, match="lacks weights"):
        presets.load(folder)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_that_is_no_checkpoint_is_refused(saved: Path, tmp_path: Path, missing: str) -> None:
    (changed(saved, tmp_path, "", None) / missing).unlink()
    with pytest.raises(ChainError, match=f"has no {missing}"):
        presets.load(tmp_path)


def test_an_unknown_preset_and_an_odd_size_are_refused(words: Any) -> None:
    with pytest.raises(ChainError, match="take one of mini, tiny, base, large"):
        presets.preset("huge")
    with pytest.raises(ChainError, match="a multiple of 32"):
        presets.processor(words, 100)
