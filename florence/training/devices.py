"""The device and its precision, and torch set up for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.local import cores
from engine.stage import ChainError
from florence.training.settings import TrainSettings
from florence.training.workers import Worker


@contextmanager
def ready(settings: TrainSettings, worker: Worker) -> Iterator[Any]:
    """The torch.device to train on. Meanwhile torch shares the cores with the machine's other workers.

    On a CPU every operation is one that gives the same numbers again; as everything is afterwards as it was, a process
    may train and then do something else.
    """
    import torch

    device = choose(worker.device if worker.device != "auto" else settings.device)
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_num_threads(settings.threads or max(1, cores() // worker.local))
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and only hides errors
    try:
        with torch.random.fork_rng(devices=[]):
            yield device
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.utils.deterministic.fill_uninitialized_memory = filled
        torch.set_num_threads(threads)


def choose(name: str) -> Any:
    """A torch.device by its name, `auto` for a GPU where there is one; ChainError where it cannot be used."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        what = str(error).partition("\n")[0]
        raise ChainError(f"device: {name!r} cannot be used here ({what}). Take auto, cpu, cuda or cuda:0") from error


def in_bf16(settings: TrainSettings, device: Any) -> bool:
    """Whether the model computes in bfloat16; its weights and their sums stay float32 either way."""
    import torch

    if settings.precision == "auto":
        return bool(device.type == "cuda" and torch.cuda.is_bf16_supported())
    return settings.precision == "bf16"


def describe(device: Any) -> str:
    """The name of a GPU, or "cpu"."""
    import torch

    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else str(device.type)
