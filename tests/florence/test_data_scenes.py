"""Generated scenes, whose truth is all known, through the loader: every task, and every target true of its pixels."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from curated import curated

from engine import records
from florence import presets, tokenizer
from florence.codec import Box, Outline, Task, asked, decode
from florence.data import Batch, DataSettings, Loader
from florence.presets import Florence
from specialists.bundled.scenes.source import scenes
from specialists.bundled.scenes.truth import record_table

SIDE = 128
SHAPES = presets.Preset((8, 8, 16, 16), (1, 1, 2, 2), (1, 1, 1, 1), 32, 1, 2, 900, SIDE, window=4, positions=700)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Scenes with pixels; of every third one has writing."""
    drawn = list(scenes("scenes:24?seed=5&difficulty=easy"))
    table = record_table([truth for _, truth in drawn])
    pixels = pa.array([{"bytes": scene.data, "path": scene.format} for scene, _ in drawn], records.IMAGE)
    return records.replace(table, "image", pixels).to_pylist()


@pytest.fixture(scope="module")
def florence(rows: list[dict[str, Any]]) -> Florence:
    words = [text["text"] for row in rows for text in row["texts"]]
    return presets.new(SHAPES, tokenizer.train(words, SHAPES.words))


@pytest.fixture(scope="module")
def batches(rows: list[dict[str, Any]], florence: Florence, tmp_path_factory: pytest.TempPathFactory) -> list[Batch]:
    where = curated(tmp_path_factory.mktemp("scenes"), rows)
    given = DataSettings(image_size=SIDE, batch_size=20, tasks=dict.fromkeys(Task, 1.0), tasks_per_image=12, pad_to=8)
    with closing(iter(Loader(where, florence, given))) as made:  # type: ignore[type-var]
        return list(islice(made, 24))


def spoken(florence: Florence, batch: Batch, at: int) -> tuple[Task, str, str]:
    """A sample's task, prompt and target as texts."""
    image = presets.image_tokens(SIDE)
    ids = batch.input_ids[at][batch.attention_mask[at].bool()].tolist()[image + 1 : -1]
    labels = [token for token in batch.labels[at].tolist() if token >= 0][1:-1]
    return (
        Task(batch.tasks[at]),
        tokenizer.decode(florence.tokenizer, ids),
        tokenizer.decode(florence.tokenizer, labels),
    )


def test_every_task_comes(batches: list[Batch]) -> None:
    counts = Counter(task for batch in batches for task in batch.tasks)
    assert set(counts) == set(Task)


def test_everything_reads_back_without_a_fault(florence: Florence, batches: list[Batch]) -> None:
    for batch in batches:
        for at in range(len(batch.tasks)):
            task, prompt, target = spoken(florence, batch, at)
            assert asked(task, prompt).invalid == 0
            found = decode(task, target, (SIDE, SIDE))
            assert found.items
            assert found.invalid == 0


def test_an_outline_is_where_its_region_is_asked_for(florence: Florence, batches: list[Batch]) -> None:
    """Of mirrored and cropped images too: the outline fills the box in the prompt."""
    seen = 0
    for batch in batches:
        for at in range(len(batch.tasks)):
            task, prompt, target = spoken(florence, batch, at)
            if task != Task.REGION_TO_SEGMENTATION:
                continue
            (region,), (shape,) = asked(task, prompt, (1000, 1000)).items, decode(task, target, (1000, 1000)).items
            assert isinstance(region, Box)
            assert isinstance(shape, Outline)
            points = np.concatenate([np.reshape(ring, (-1, 2)) for ring in shape.polygons])
            assert np.allclose([*points.min(axis=0), *points.max(axis=0)], region.box, atol=8)
            seen += 1
    assert seen > 5


def test_images_are_mirrored_but_not_those_with_writing(rows: list[dict[str, Any]], batches: list[Batch]) -> None:
    """A mirrored image is nearer to the mirrored pixels of its own than to them as they are."""
    from florence.data.pictures import Look
    from florence.data.views import View

    look = Look(SIDE, presets.BICUBIC, 1 / 255, presets.MEAN, presets.DEVIATION)
    by_id = {row["image_id"]: row for row in rows}
    turned: dict[bool, set[bool]] = {True: set(), False: set()}
    for batch in batches:
        for id, image in zip(batch.image_ids, batch.images.numpy(), strict=True):
            row = by_id[id]
            size = (row["width"], row["height"])
            plain = look.normalised([look.planes(row["image"]["bytes"], size, View((0, 0, *size), False))])[0]
            written = any(region["kind"] == "text" for region in row["regions"])
            turned[written].add(bool(np.abs(image - plain[..., ::-1]).mean() < np.abs(image - plain).mean()))
    assert turned == {True: {False}, False: {True, False}}
