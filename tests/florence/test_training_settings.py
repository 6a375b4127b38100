"""What a training is told, the schedule it follows, and how its work is counted: no training here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from curated import SMALL
from hypothesis import given
from hypothesis import strategies as st

from engine.stage import ChainError
from florence import presets
from florence.data import DataSettings
from florence.training import Phase, TrainSettings, defaults
from florence.training.books import WIDTH, Books, Sums, Window
from florence.training.faults import out_of_memory
from florence.training.flops import Work, peak
from florence.training.schedule import share, stretches

PHASE = Phase(10, 1e-3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"phases": ()}, "phases"),
        ({"warmup": 11}, "warmup is 11: from 0 to the 10 steps"),
        ({"warmup": -1}, "warmup"),
        ({"clip": 0.0}, "clip"),
        ({"clip": float("nan")}, "clip"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"final": -0.1}, "final"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"precision": "fp8"}, "precision is 'fp8': one of auto"),
        ({"save_as": "int8"}, "save_as"),
        ({"log_every": 0}, "log_every"),
        ({"keep": 0}, "keep"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"peak_tflops": 0.0}, "peak_tflops"),
        ({"place_blur": -1.0}, "place_blur is -1.0"),
        ({"phases": (replace(PHASE, accumulate=3),)}, r"phases\[0\].accumulate is 3"),
        ({"phases": (PHASE, replace(PHASE, image_size=100))}, r"phases\[1\]: image_size is 100"),
        ({"phases": (PHASE, replace(PHASE, tasks={"OOD": 1.0}))}, r"phases\[1\]: tasks: there is no task 'OOD'"),
    ],
)
def test_what_makes_no_sense_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ChainError, match=words):
        TrainSettings(**{"phases": (PHASE,), **values})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"accumulate": 0}, "accumulate"),
        ({"frozen": ("eyes",)}, "there is no part 'eyes'; there are vision"),
        ({"frozen": ("vision", "projector", "words", "encoder", "decoder")}, "nothing would learn"),
    ],
)
def test_a_phase_that_makes_no_sense_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ChainError, match=words):
        replace(PHASE, **values)


def test_the_papers_curricula() -> None:
    base, large = defaults("base"), defaults("large")
    assert [phase.image_size for phase in base.phases + large.phases] == [384, 768, 384, 768]
    assert [round(phase.steps * base.data.batch_size / 1e9, 3) for phase in base.phases] == [3.0, 0.5]
    assert [round(phase.steps * large.data.batch_size / 1e9, 3) for phase in large.phases] == [3.0, 0.1]
    assert [phase.learning_rate for phase in base.phases + large.phases] == [1e-4, 1e-4, 1e-5, 1e-5]
    assert (base.warmup, large.warmup) == (5000, 5000)


def test_a_phase_has_its_own_size_tasks_and_order() -> None:
    settings = TrainSettings(
        (PHASE, replace(PHASE, image_size=128, tasks={"OD": 2.0}, accumulate=4)), DataSettings(batch_size=8)
    )
    first, second = settings.of_phase(0, 64), settings.of_phase(1, 64)
    assert (first.image_size, second.image_size) == (64, 128)
    assert (first.batch_size, second.batch_size) == (8, 2)
    assert (dict(first.tasks), dict(second.tasks)) == (dict(settings.data.tasks), {"OD": 2.0})
    assert first.order["seed"] != second.order["seed"]


def test_only_what_decides_the_numbers_is_a_runs_identity() -> None:
    settings = TrainSettings((PHASE,))
    free: dict[str, Any] = {"keep": 5, "checkpoint_every": 7, "threads": 3, "peak_tflops": 1.0, "device": "cpu"}
    same = replace(settings, **free, data=DataSettings(threads=2, prefetch=9), phases=(replace(PHASE, accumulate=8),))
    assert same.identity() == settings.identity()
    for other in ({"seed": 1}, {"clip": 2.0}, {"log_every": 3}, {"data": DataSettings(seed=1)}, {"dropout": 0.0}):
        assert replace(settings, **other).identity() != settings.identity()


@given(st.integers(1, 40), st.integers(0, 40), st.floats(0, 1))
def test_the_rate_rises_to_its_top_and_falls_to_its_end(steps: int, warmup: int, final: float) -> None:
    settings = TrainSettings((Phase(steps, 1.0),), warmup=min(warmup, steps), final=final)
    shares = [share(settings, step) for step in range(steps)]
    top = max(settings.warmup - 1, 0)
    assert all(0 < value <= 1 for value in shares[: top + 1])
    assert shares[top] == pytest.approx(1)
    assert shares[: top + 1] == sorted(shares[: top + 1])
    assert shares[top:] == sorted(shares[top:], reverse=True)
    if steps - settings.warmup > 1:
        assert shares[-1] == pytest.approx(final, abs=1e-12)


def test_phases_follow_each_other() -> None:
    found = stretches(TrainSettings((PHASE, replace(PHASE, steps=3))))
    assert [(each.number, each.first, each.end) for each in found] == [(0, 0, 10), (1, 10, 13)]


@pytest.mark.parametrize(
    ("device", "given", "bf16", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", None, True, 989.4),
        ("NVIDIA H100 PCIe", None, True, 756.0),
        ("NVIDIA H200", None, True, 989.4),
        ("NVIDIA A100-SXM4-80GB", None, True, 312.0),
        ("NVIDIA L40S", None, True, 362.0),
        ("NVIDIA GeForce RTX 4090", None, True, 165.2),
        ("NVIDIA H100 PCIe", None, False, None),
        ("NVIDIA A10G", None, True, None),
        ("cpu", None, True, None),
        ("cpu", 0.5, False, 0.5),
    ],
)
def test_the_peak_of_a_device(device: str, given: float | None, bf16: bool, tflops: float | None) -> None:
    found = peak(device, given, bf16)
    assert (found and found / 1e12) == tflops


def test_the_work_is_what_torch_counts() -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import Florence2ForConditionalGeneration

    # A side of 128 px is 32, 16, 8 and 4 patches: whole windows of 4, so torch counts no padding either.
    config = presets.config(SMALL)
    with torch.device("meta"):
        model = Florence2ForConditionalGeneration(config)
        model.set_attn_implementation("eager")  # torch counts no fused attention on this device
        images = torch.empty(2, 3, 128, 128)
        hidden, target = torch.empty(2, 30, 32), torch.empty(2, 7, dtype=torch.long)
    work = Work(config)
    with FlopCounterMode(display=False) as counter:
        model.get_image_features(images)
    assert sum(work.image(128, 2).values()) == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        model(inputs_embeds=hidden, decoder_input_ids=target)
    counted = work.texts(torch.tensor([30.0, 30.0]), torch.tensor([7.0, 7.0]))
    assert sum(counted.values()) == counter.get_total_flops()


def test_frozen_parts_cost_less() -> None:
    import torch

    work, tokens = Work(presets.config(SMALL)), torch.tensor([30.0])
    parts = {**work.image(128, 1), **work.texts(tokens, tokens)}
    total = work.of(128, 1, tokens, tokens)
    assert total == pytest.approx(3 * sum(parts.values()))
    assert total - work.of(128, 1, tokens, tokens, ("vision",)) == pytest.approx(2 * parts["vision"])
    # Its weights need no gradient, but what is before it does.
    assert total - work.of(128, 1, tokens, tokens, ("decoder",)) == pytest.approx(parts["decoder"])


def test_books_come_back_as_they_were() -> None:
    import json

    values = [0.1 + at for at in range(WIDTH)]
    books = Books()
    books.add(Sums.read(values), 0.7, 1.5, 0.25, 1e9)
    assert Books.read(json.loads(json.dumps(books.as_json()))) == books
    assert books.possible == 1.5e9
    books.add(Sums.read(values), 0.7, 1.5, 0.25, None)
    assert books.possible is None


def test_a_windows_means_are_per_token_and_per_step() -> None:
    values = [0.0] * WIDTH
    values[0], values[1] = 6.0, 3.0
    values[6], values[7] = 6.0, 4.0
    window = Window()
    window.add(Sums.read(values), 1.0)
    window.add(Sums.read(values), 3.0)
    assert window.means() == {"loss": 2.0, "gradient_norm": 2.0, "tasks": {"CAPTION": {"loss": 1.5, "tokens": 8}}}


def test_what_is_and_is_not_a_lack_of_memory() -> None:
    import torch

    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert out_of_memory(MemoryError())
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert out_of_memory(caught.value)
    assert not out_of_memory(RuntimeError("shape mismatch"))
    assert not out_of_memory(ValueError("not enough memory"))
