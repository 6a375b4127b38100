"""Which samples come how often: by task, by score, by how rare a category is."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from curated import MODEL, curated, model, picture, region, row, text

from florence.codec import Task
from florence.data import DataSettings, Loader
from florence.data.blocks import Blocks
from florence.data.picking import drafts, drawn
from florence.data.repeats import factor, factors
from florence.presets import Florence

TASKS: dict[str, float] = {Task.CAPTION: 3.0, Task.DETAILED_CAPTION: 1.0, Task.REGION_TO_CATEGORY: 4.0}
DRAWS = 4000


@pytest.fixture(scope="module")
def florence() -> Florence:
    return model()


def record(*scores: float | None) -> dict[str, Any]:
    """Two captions, and regions with these scores."""
    regions = [
        region(f"r{at}", [at, at, at + 5, at + 5], f"thing {at}", score=score) for at, score in enumerate(scores)
    ]
    return row(b"", texts=[text("a", "brief"), text("b", "detailed", "detailed")], regions=regions)


def first(given: dict[str, Any], settings: DataSettings) -> list[float]:
    """How often each of a record's samples is drawn first."""
    found = drafts(given, settings.tasks)
    rng = np.random.default_rng(0)
    counts = Counter(drawn(found, settings, rng.random(len(found)))[0] for _ in range(DRAWS))
    return [counts[at] / DRAWS for at in range(len(found))]


def test_a_task_is_drawn_by_its_weight_however_many_samples_it_has() -> None:
    settings = DataSettings(tasks=TASKS)
    assert np.allclose(first(record(None, None), settings), [3 / 8, 1 / 8, 2 / 8, 2 / 8], atol=0.03)
    assert np.allclose(first(record(*[None] * 8), settings), [3 / 8, 1 / 8, *[4 / 64] * 8], atol=0.03)


def test_a_low_score_is_drawn_less() -> None:
    linear = first(record(0.8, 0.2), DataSettings(tasks=TASKS, score_power=1))
    assert np.allclose(np.array(linear) / sum(linear), np.array([3, 1, 1.6, 0.4]) / 6, atol=0.03)
    assert np.allclose(first(record(0.8, 0.2), DataSettings(tasks=TASKS, score_power=0))[2:], [0.25, 0.25], atol=0.03)
    steep = first(record(0.8, 0.2), DataSettings(tasks=TASKS, score_power=2))
    assert np.isclose(steep[2] / steep[3], 16, rtol=0.4)


def test_none_is_drawn_twice_and_what_scored_nothing_comes_last() -> None:
    settings = DataSettings(tasks=TASKS)
    found = drafts(record(0.0, 0.9), settings.tasks)
    orders = [drawn(found, settings, np.random.default_rng(seed).random(4)) for seed in range(200)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert np.mean([order[-1] == 2 for order in orders]) > 0.9


def test_a_task_without_weight_does_not_come(florence: Florence, tmp_path: Path) -> None:
    where = curated(tmp_path, [row(picture(0), texts=[text("a", "brief"), text("b", "detailed", "detailed")])])
    given = DataSettings(image_size=64, batch_size=4, max_target=60, tasks={Task.CAPTION: 1.0, Task.OD: 1.0})
    (batch,) = islice(Loader(where, florence, given), 1)
    assert set(batch.tasks) == {"CAPTION"}


def test_weights_of_the_loss_are_scores_where_asked_for(florence: Florence, tmp_path: Path) -> None:
    where = curated(tmp_path, [row(picture(0), texts=[text("a", "brief", score=0.25), text("b", "other")])])
    given: dict[str, Any] = {"image_size": 64, "batch_size": 2, "max_target": 60, "tasks": {Task.CAPTION: 1.0}}
    for power, weights in ((0.0, [1, 1]), (0.5, [0.5, 1]), (1.0, [0.25, 1])):
        (batch,) = islice(Loader(where, florence, DataSettings(**given, weight_power=power)), 1)
        assert sorted(batch.weights.tolist()) == pytest.approx(weights)


def named(seed: int, *names: str) -> dict[str, Any]:
    return row(
        picture(seed, (16, 16)), (16, 16), regions=[region(f"r{i}", [0, 0, 9, 9], n) for i, n in enumerate(names)]
    )


def test_the_repeat_factor_is_that_of_the_rarest_category(tmp_path: Path) -> None:
    """LVIS: sqrt(threshold / share) of the images that have it, however often."""
    rows = [named(seed, "cat", "cat") for seed in range(16)] + [named(20, "cat", "lynx"), named(21, "lynx", "ocelot")]
    blocks = Blocks(curated(tmp_path, rows, per_shard=7))
    found = factors(blocks, DataSettings(repeat_threshold=0.5, repeat_limit=2.5))
    assert found == pytest.approx({"lynx": (0.5 / (2 / 18)) ** 0.5, "ocelot": 2.5})
    assert [factor(each, found) for each in (rows[0], rows[16], rows[17])] == pytest.approx([1, 4.5**0.5, 2.5])
    assert factors(blocks, DataSettings(repeat_threshold=0)) == {}


def test_rare_categories_come_more_often(florence: Florence, tmp_path: Path) -> None:
    rows = [named(seed, "cat") for seed in range(30)] + [named(40, "lynx")]
    where = curated(tmp_path, rows)
    given: dict[str, Any] = {
        "image_size": 64, "batch_size": 1, "tasks_per_image": 1, "max_target": 60, "tasks": {Task.OD: 1.0}
    }  # fmt: skip
    for limit, least, most in ((1.0, 1, 1), (2.5, 2, 3)):
        settings = DataSettings(**given, repeat_threshold=0.5, repeat_limit=limit)
        counts: list[Counter[str]] = [Counter() for _ in range(6)]
        for batch in Loader(where, florence, settings):
            if batch.epoch == len(counts):
                break
            counts[batch.epoch].update(batch.image_ids)
        lynx = [count.pop(rows[-1]["image_id"]) for count in counts]
        assert {min(lynx), max(lynx)} == {least, most}
        assert all(set(count.values()) == {1} for count in counts)


def test_phrases_of_other_granularities_are_no_categories(tmp_path: Path) -> None:
    from engine import records

    labels = [records.label("brief", "a cat", MODEL), records.label("ocr", "CAT", MODEL)]
    rows = [row(picture(0), regions=[records.region("r", "object", [0, 0, 9, 9], MODEL, labels=labels)])]
    rows += [row(picture(seed)) for seed in range(1, 9)]
    assert factors(Blocks(curated(tmp_path, rows)), DataSettings(repeat_threshold=1.0)) == {}
