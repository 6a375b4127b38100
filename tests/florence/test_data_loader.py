"""Batches from curated shards: which samples come, in which order, to whom; and what is skipped."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curated import MODEL, curated, model, picture, region, rich, row, text
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import records
from engine.images import decode
from engine.stage import ChainError
from engine.storage import StorageError
from florence import tokenizer
from florence.codec import Task
from florence.data import Batch, DataSettings, Loader
from florence.presets import Florence

IMAGES = 30
FEW: dict[str, Any] = {"image_size": 64, "batch_size": 6, "window": 16, "max_target": 60, "threads": 2, "prefetch": 2}
PLAIN: dict[str, Any] = {**FEW, "mirror": 0, "crop": 0}


@pytest.fixture(scope="module")
def florence() -> Florence:
    return model()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curated(tmp_path_factory.mktemp("rich"), [rich(seed) for seed in range(IMAGES)], per_shard=12)


def take(loader: Loader, count: int) -> list[Batch]:
    """The next batches; the iterator, and its threads, end with it."""
    batches = iter(loader)
    try:
        return list(islice(batches, count))
    finally:
        batches.close()  # type: ignore[attr-defined]


def samples(batches: Iterable[Batch]) -> list[tuple[Any, ...]]:
    """Each sample with all that it is, and nothing of its neighbours: no padding, no place in a batch."""
    found = []
    for batch in batches:
        for at, task in enumerate(batch.tasks):
            image = int(batch.image_of[at])
            there = batch.attention_mask[at].bool()
            labels = batch.labels[at]
            found.append(
                (
                    batch.image_ids[image], batch.images[image].numpy().tobytes(), task,
                    tuple(batch.input_ids[at][there].tolist()), tuple(labels[labels >= 0].tolist()),
                    float(batch.weights[at]),
                )
            )  # fmt: skip
    return found


def whole(batches: Iterable[Batch]) -> list[tuple[Any, ...]]:
    """Batches bit for bit."""
    tensors = ("images", "image_of", "input_ids", "attention_mask", "labels", "weights")
    return [
        (*(getattr(b, name).numpy().tobytes() for name in tensors), b.tasks, b.image_ids, b.epoch, b.step)
        for b in batches
    ]


def test_a_batch_is_what_the_processor_and_the_tokenizer_give(florence: Florence, tmp_path: Path) -> None:
    cat = row(picture(1), texts=[text("t", "a cat")], regions=[region("r", [8, 6, 40, 30], "cat")])
    where = curated(tmp_path, [cat])
    tasks = {Task.CAPTION: 1.0, Task.OD: 1.0}
    (batch,) = take(Loader(where, florence, DataSettings(**{**PLAIN, "batch_size": 2, "tasks": tasks})), 1)
    assert sorted(batch.tasks) == ["CAPTION", "OD"]
    assert (batch.image_ids, batch.image_of.tolist()) == ([cat["image_id"]], [0, 0])
    pixels = decode(picture(1))
    for at, task in enumerate(batch.tasks):
        theirs = florence.processor(
            images=[pixels], text=[f"<{task}>"], return_tensors="pt", input_data_format="channels_last"
        )
        ids = batch.input_ids[at][batch.attention_mask[at].bool()]
        assert ids.tolist() == theirs.input_ids[0].tolist()
        assert np.allclose(batch.images[0], theirs.pixel_values[0], atol=1e-5)
        target = {"CAPTION": "a cat", "OD": "cat<loc_100><loc_100><loc_500><loc_500>"}[task]
        labels = batch.labels[at]
        assert labels[labels != -100].tolist() == florence.tokenizer(target).input_ids
    assert batch.input_ids[batch.attention_mask == 0].tolist() in ([], [1] * int((batch.attention_mask == 0).sum()))
    assert batch.weights.tolist() == [1, 1]


def test_the_model_learns_from_a_batch(florence: Florence, shards: Path) -> None:
    import torch

    (batch,) = take(Loader(shards, florence, DataSettings(**FEW)), 1)
    with torch.inference_mode():
        loss = florence.model(
            pixel_values=batch.images[batch.image_of], input_ids=batch.input_ids,
            attention_mask=batch.attention_mask, labels=batch.labels,
        ).loss  # fmt: skip
    assert torch.isfinite(loss)


def test_cut_anywhere_the_rest_is_the_same(florence: Florence, shards: Path) -> None:
    """At every batch of an epoch and of the next one's beginning, bit for bit, counts and all."""
    straight = Loader(shards, florence, DataSettings(**FEW))
    batches, states = [], [straight.state()]
    with closing(iter(straight)) as made:  # type: ignore[type-var]
        for batch in islice(made, 27):
            batches.append(batch)
            states.append(json.loads(json.dumps(straight.state())))
    assert {batch.epoch for batch in batches} == {0, 1}
    assert [batch.step for batch in batches] == list(range(27))
    for cut in range(25):
        other = Loader(shards, florence, DataSettings(**FEW))
        other.load_state(states[cut])
        assert whole(take(other, 2)) == whole(batches[cut : cut + 2])
        assert other.state() == states[cut + 2]


@given(st.integers(0, 40), st.sampled_from([1, 2, 3, 6]), st.sampled_from([1, 2, 5]), st.integers(0, 2**40))
@settings(max_examples=6, deadline=None)
def test_cut_anywhere_whatever_the_settings(
    florence: Florence, shards: Path, cut: int, size: int, tasks: int, seed: int
) -> None:
    given = DataSettings(**{**FEW, "batch_size": size, "tasks_per_image": tasks, "seed": seed, "prefetch": 1})
    straight = Loader(shards, florence, given)
    take(straight, cut)
    state = straight.state()
    rest = take(straight, 2)
    other = Loader(shards, florence, given)
    other.load_state(state)
    assert whole(take(other, 2)) == whole(rest)


def test_a_state_is_where_the_batches_handed_out_end_whatever_was_made_ahead(florence: Florence, shards: Path) -> None:
    loader = Loader(shards, florence, DataSettings(**FEW))
    batches = iter(loader)
    seen = [loader.state()["step"] for _ in zip(range(3), batches, strict=False)]
    batches.close()  # type: ignore[attr-defined]
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("world", [2, 3])
def test_workers_share_what_one_would_have(florence: Florence, shards: Path, world: int) -> None:
    given = DataSettings(**{**FEW, "tasks_per_image": 3})
    alone = take(Loader(shards, florence, given), 25)
    parts = [take(Loader(shards, florence, given, rank, world), 25) for rank in range(world)]
    for step, batch in enumerate(alone):
        together = [part[step] for part in parts]
        assert samples(together) == samples([batch])
        assert {len(part.tasks) for part in together} == {6 // world}
        assert together[0].epoch == batch.epoch


def test_more_workers_go_on_where_one_was(florence: Florence, shards: Path) -> None:
    given = DataSettings(**FEW)
    alone = Loader(shards, florence, given)
    take(alone, 7)
    state, rest = alone.state(), take(alone, 3)
    parts = []
    for rank in range(2):
        loader = Loader(shards, florence, given, rank, 2)
        loader.load_state(state)
        parts.append(take(loader, 3))
    assert [samples(step) for step in zip(*parts, strict=True)] == [samples([batch]) for batch in rest]


def test_an_epoch_shows_every_image_once_and_each_epoch_in_another_order(florence: Florence, shards: Path) -> None:
    loader = Loader(shards, florence, DataSettings(**{**FEW, "batch_size": 2, "tasks_per_image": 2}))
    assert (loader.images, loader.samples_per_epoch) == (IMAGES, 2 * IMAGES)
    batches = take(loader, 2 * IMAGES)
    first, second = (
        [id for batch in batches for id in batch.image_ids if batch.epoch == epoch] for epoch in (0, 1)
    )  # fmt: skip
    assert len(set(first)) == len(first) == IMAGES
    assert set(second) == set(first)
    assert second != first


def test_number_of_threads_and_prefetch_change_nothing(florence: Florence, shards: Path) -> None:
    made = [
        whole(take(Loader(shards, florence, DataSettings(**{**FEW, "threads": threads, "prefetch": ahead})), 8))
        for threads, ahead in ((1, 1), (4, 7))
    ]
    assert made[0] == made[1]
    other = whole(take(Loader(shards, florence, DataSettings(**{**FEW, "seed": 1})), 8))
    assert other != made[0]


def test_pixels_are_found_where_the_steps_say_or_where_told(florence: Florence, tmp_path: Path) -> None:
    rows = [rich(seed) for seed in range(5)]
    within, apart = curated(tmp_path / "a", rows), curated(tmp_path / "b", rows, apart=True)
    given = DataSettings(**FEW)
    assert samples(take(Loader(apart, florence, given), 3)) != []
    # The shards are others, so the fingerprint is; their samples are the same.
    assert samples(take(Loader(apart, florence, given), 3)) == samples(take(Loader(within, florence, given), 3))
    (tmp_path / "b/images").rename(tmp_path / "b/moved")
    with pytest.raises(ChainError, match="holds no pixels, and the images that it was made from are not"):
        Loader(apart, florence, given)
    assert take(Loader(apart, florence, given, images=tmp_path / "b/moved"), 1)


@pytest.mark.parametrize("apart", [False, True])
def test_a_shard_is_read_by_row_groups(florence: Florence, tmp_path: Path, apart: bool) -> None:
    """Each image comes with its own caption, wherever in the shard it is."""
    rows = [row(picture(seed, (16, 16)), (16, 16), texts=[text("t", f"{seed}")]) for seed in range(150)]
    where = curated(tmp_path, rows, per_shard=140, apart=apart)
    given = DataSettings(**{**PLAIN, "batch_size": 50, "window": 70})
    seen: dict[str, str] = {}
    for batch in take(Loader(where, florence, given), 3):
        captions = [florence.tokenizer.decode(ids[ids >= 0], skip_special_tokens=True) for ids in batch.labels]
        seen |= dict(zip(batch.image_ids, captions, strict=True))
    assert seen == {each["image_id"]: each["texts"][0]["text"] for each in rows}


def test_several_datasets_are_one(florence: Florence, tmp_path: Path) -> None:
    places = [curated(tmp_path / name, [rich(seed)]) for seed, name in enumerate("ab")]
    loader = Loader(places, florence, DataSettings(**FEW))
    assert loader.images == 2
    assert len({id for batch in take(loader, 3) for id in batch.image_ids}) == 2


def test_what_is_corrupt_is_skipped_and_counted(florence: Florence, tmp_path: Path) -> None:
    """Each worker counts what it met; another image stands in for one that cannot be shown."""
    good = [rich(seed) for seed in range(8)]
    whole_file = picture(90)
    broken = [
        {**rich(20), "image": {"bytes": whole_file[:200], "path": "x"}},
        {**rich(21), "image": {"bytes": b"no picture", "path": "x"}},
        {**rich(22), "width": 81},
        {**rich(23), "texts": [text("t", "a cat"), text("t", "the same id")]},
        {**rich(24), "regions": [region("r", [9, 9, 5, 5], "inside out")], "phrases": []},
        {**rich(25), "regions": [region("r", [0, 0, 5, 5], "x", polygons=[[float("nan")] * 6])], "phrases": []},
        row(picture(26)),
    ]
    where = curated(tmp_path, [*good, *broken])
    given = {**FEW, "batch_size": 4, "tasks": {Task.REGION_TO_SEGMENTATION: 1.0}, "tasks_per_image": 1}
    loader = Loader(where, florence, DataSettings(**given))
    # Eight good images and four that fail only when they are shown.
    batches = take(loader, 3)
    assert {len(batch.tasks) for batch in batches} == {4}
    shown = {id for batch in batches for id in batch.image_ids}
    assert shown == {each["image_id"] for each in good}
    # Each at least once, and again where it was to stand in for another.
    least = {"truncated": 1, "not_an_image": 1, "wrong_size": 1, "broken_record": 3, "no_sample": 1}
    assert loader.counts.keys() == least.keys()
    assert all(loader.counts[reason] >= count for reason, count in least.items())
    parts = [Loader(where, florence, DataSettings(**given), rank, 2) for rank in range(2)]
    together = [take(part, 3) for part in parts]
    assert [samples(step) for step in zip(*together, strict=True)] == [samples([batch]) for batch in batches]
    assert sum((Counter(part.counts) for part in parts), Counter()) == Counter(loader.counts)


def test_a_shard_of_corrupt_images_stops_nothing(florence: Florence, tmp_path: Path) -> None:
    """Wherever in an epoch it comes: what is left behind the last window is no window of its own."""
    rows = [rich(seed) for seed in range(16)] + [{**rich(seed), "height": 61} for seed in range(30, 34)]
    loader = Loader(curated(tmp_path, rows, per_shard=4), florence, DataSettings(**{**FEW, "batch_size": 16}))
    batches = take(loader, 30)
    assert {batch.epoch for batch in batches} >= set(range(5))
    assert {id for batch in batches for id in batch.image_ids} == {each["image_id"] for each in rows[:16]}


def test_counts_go_on_with_the_state(florence: Florence, tmp_path: Path) -> None:
    rows = [*(rich(seed) for seed in range(6)), row(picture(50)), {**rich(51), "width": 99}]
    where = curated(tmp_path, rows)
    straight = Loader(where, florence, DataSettings(**FEW))
    take(straight, 12)
    cut = Loader(where, florence, DataSettings(**FEW))
    for _ in range(12):
        take(cut, 1)
        state, cut = cut.state(), Loader(where, florence, DataSettings(**FEW))
        cut.load_state(state)
    assert cut.counts == straight.counts
    assert cut.counts["no_sample"] >= 2


def test_what_does_not_fit_is_cut_passed_over_and_counted(florence: Florence, tmp_path: Path) -> None:
    many = [region(f"r{at}", [at, at, at + 9, at + 9], "cat") for at in range(12)]
    long = "a long caption of very many words " * 9
    where = curated(tmp_path, [row(picture(1), regions=many, texts=[text("t", long)])])
    tasks = {Task.OD: 1.0, Task.CAPTION: 1.0}
    loader = Loader(where, florence, DataSettings(**{**PLAIN, "batch_size": 2, "max_target": 23, "tasks": tasks}))
    (batch,) = take(loader, 1)
    assert batch.tasks == ["OD", "OD"]  # the caption does not fit, so the other sample comes twice
    assert batch.labels.shape[1] <= 23
    places = tokenizer.locations(florence.tokenizer)
    fitting = sum(token in places for token in batch.labels[0].tolist()) // 4
    assert 0 < fitting < 12
    assert loader.cut == {"OD": 2 * (12 - fitting)}
    assert loader.unfit == {"CAPTION": 1}


def test_a_prompt_has_the_room_that_the_image_leaves(florence: Florence, tmp_path: Path) -> None:
    ask = text("t", "a cat " * 40)
    phrases = [records.phrase("p", "t", (0, 5), MODEL, region_ids=["r"])]
    record = row(picture(1), regions=[region("r", [0, 0, 9, 9], "cat")], texts=[ask], phrases=phrases)
    where = curated(tmp_path, [record])
    tasks = {Task.CAPTION_TO_PHRASE_GROUNDING: 1.0, Task.OD: 1.0}
    for side, unfit in ((64, {}), (320, {"CAPTION_TO_PHRASE_GROUNDING": 1})):
        loader = Loader(where, florence, DataSettings(**{**PLAIN, "batch_size": 2, "image_size": side, "tasks": tasks}))
        (batch,) = take(loader, 1)
        assert loader.unfit == unfit
        assert batch.input_ids.shape[1] <= 160


def test_nothing_to_train_on_is_said(florence: Florence, tmp_path: Path) -> None:
    where = curated(tmp_path, [row(picture(seed)) for seed in range(3)])
    with pytest.raises(ChainError, match="none of 3 images gives a sample of the tasks wanted: 3 no_sample"):
        take(Loader(where, florence, DataSettings(**FEW)), 1)
    where = curated(tmp_path / "b", [{**rich(seed), "width": 99} for seed in range(3)])
    with pytest.raises(ChainError, match="none can be used: 3 wrong_size"):
        take(Loader(where, florence, DataSettings(**FEW)), 1)
    with pytest.raises(StorageError, match="holds no committed shards"):
        Loader(tmp_path / "nothing", florence, DataSettings(**FEW))


def test_another_dataset_or_order_refuses_the_state(florence: Florence, shards: Path, tmp_path: Path) -> None:
    state = Loader(shards, florence, DataSettings(**FEW)).state()
    for where, changed in ((shards, {"seed": 3}), (curated(tmp_path, [rich(1)]), {})):
        with pytest.raises(ChainError, match="written with other shards, or with another seed"):
            Loader(where, florence, DataSettings(**{**FEW, **changed})).load_state(state)
    Loader(shards, florence, DataSettings(**{**FEW, "batch_size": 2, "mirror": 0})).load_state(state)
    with pytest.raises(ChainError, match="no state of a loader"):
        Loader(shards, florence, DataSettings(**FEW)).load_state({"step": 1})


@pytest.mark.parametrize(
    ("changed", "rank", "world", "says"),
    [
        ({"batch_size": 5}, 0, 2, "batch_size is 5: it must be a multiple of the 2 workers"),
        ({}, 2, 2, "there is no worker 2 of 2"),
        ({"image_size": 512}, 0, 1, "such an image is 257 tokens, and the model has room for 160"),
        ({"max_target": 500}, 0, 1, "max_target is 500: the model has room for 160"),
    ],
)
def test_settings_that_do_not_fit(
    florence: Florence, shards: Path, changed: dict[str, Any], rank: int, world: int, says: str
) -> None:
    with pytest.raises(ChainError, match=says):
        Loader(shards, florence, DataSettings(**{**FEW, **changed}), rank, world)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"image_size": 100}, "must be a multiple of 32"),
        ({"batch_size": 0}, "whole number of at least 1"),
        ({"batch_size": True}, "whole number of at least 1"),
        ({"seed": 1.5}, "whole number of at least 0"),
        ({"mirror": 2}, "from 0 to 1"),
        ({"crop": float("nan")}, "from 0 to 1"),
        ({"repeat_limit": 0.5}, "at least 1"),
        ({"score_power": float("inf")}, "at least 0"),
        ({"max_target": 2}, "at least <s>"),
        ({"tasks": {"SING": 1}}, "there is no task 'SING'; take of CAPTION"),
        ({"tasks": {"OD": -1}}, "the weight of OD"),
        ({"tasks": {"OD": 0}}, "no task has a weight above 0"),
    ],
)
def test_settings_that_make_no_sense(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ChainError, match=says):
        DataSettings(**changed)


def test_lengths_are_padded_to_a_multiple(florence: Florence, shards: Path) -> None:
    (batch,) = take(Loader(shards, florence, DataSettings(**{**FEW, "pad_to": 16})), 1)
    assert batch.input_ids.shape[1] % 16 == batch.labels.shape[1] % 16 == 0


def test_an_iterator_that_is_closed_leaves_no_thread(florence: Florence, shards: Path) -> None:
    before = threading.active_count()
    loader = Loader(shards, florence, DataSettings(**FEW))
    assert len(take(loader, 2)) == 2
    assert threading.active_count() == before


def test_images_that_a_model_has_no_places_for_are_refused(florence: Florence, shards: Path) -> None:
    places = florence.model.config.vision_config.max_position_embeddings
    with pytest.raises(ChainError, match=f"takes images up to {32 * places} px"):
        Loader(shards, florence, DataSettings(**{**FEW, "image_size": 32 * places + 32}))
