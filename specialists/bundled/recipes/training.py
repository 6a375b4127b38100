"""The loop that all recipes share: AdamW, warm-up, a long plateau and a cool-down, a running average, resumable.

The batch of a step is a function of the step's number alone, so a run that was cut off goes on where its last
checkpoint was as if nothing had happened. What is kept in the end is the average of the weights.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

Loss = Callable[[Any, Any], Mapping[str, torch.Tensor]]  # (model, batch) -> parts, which are summed


@dataclass(frozen=True)
class Plan:
    """How long and how fast. All ours."""

    steps: int
    batch: int  # images, or whatever the recipe counts
    rate: float = 1e-3
    warmup: int = 200  # steps
    cooldown: float = 0.25  # share of the steps at the end in which the rate falls to nothing
    decay: float = 0.05
    clip: float = 1.0  # of the gradient's norm
    average: float = 0.998  # of the running average of the weights, per step
    precision: torch.dtype = torch.bfloat16  # of what autocast may do in it, where the device computes in it
    save_every: int = 250  # steps

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        left = (self.steps - step) / max(1, self.cooldown * self.steps)
        return self.rate * min(1.0, (step + 1) / self.warmup, left)


class Average:
    """A running average of weights; whole numbers and the like are taken as they are."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def update(self, model: torch.nn.Module, keep: float) -> None:
        """Move it towards the weights that the model has now."""
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - keep)
            else:
                self.weights[name].copy_(value)


def train(model: torch.nn.Module, loss: Loss, batch: Callable[[int], Any], plan: Plan, folder: Path) -> None:
    """Train the model, in place, and leave the averaged weights in it. Goes on from what the folder holds.

    `batch(step)` makes the batch of a step, on the CPU; it is called in another thread, one step ahead. What was
    measured on the way is in log.jsonl, a line for every 50 steps.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    optimizer = torch.optim.AdamW(_groups(model, plan.decay), lr=plan.rate, betas=(0.9, 0.98))
    average, begin = Average(model), 0
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / "last.pt"
    if saved.exists():
        state = torch.load(saved, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, begin = state["average"], state["step"]
        print(f"goes on at step {begin} of {plan.steps}", flush=True)
    meter, precision = _Meter(folder / "log.jsonl", plan, begin), _precision(plan, device)
    for step, ready in _ahead(batch, range(begin, plan.steps)):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate_at(step) * group["scale"]
        with torch.autocast(device, precision, enabled=precision != torch.float32):
            parts = loss(model, _moved(ready, device))
        total = torch.stack([part.float() for part in parts.values()]).sum()
        optimizer.zero_grad(set_to_none=True)
        if total.isfinite():
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
            optimizer.step()
            average.update(model, min(plan.average, (1 + step) / (10 + step)))
        meter.add(step, {name: float(part.detach()) for name, part in parts.items()})
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average.weights}
            torch.save(state | {"step": step + 1}, saved.with_suffix(".part"))
            saved.with_suffix(".part").replace(saved)
    model.load_state_dict(average.weights)
    model.eval()


def _precision(plan: Plan, device: str) -> torch.dtype:
    """The plan's; float32 on a CPU that has to emulate bf16, which was measured to be 90 times slower."""
    known = torch.cpu.get_capabilities()
    able = device != "cpu" or any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return plan.precision if able else torch.float32


def averaged(model: torch.nn.Module, folder: Path) -> torch.nn.Module:
    """The model with the averaged weights of a run that may not be over."""
    model.load_state_dict(torch.load(folder / "last.pt", map_location="cpu", weights_only=True)["average"])
    return model.eval()


def _groups(model: torch.nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices decay, norms and biases do not. A parameter may have a `rate_scale` of its own."""
    groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            scale = getattr(parameter, "rate_scale", 1.0)
            groups.setdefault((parameter.dim() > 1, scale), []).append(parameter)
    return [
        {"params": group, "weight_decay": decay if wide else 0.0, "scale": scale}
        for (wide, scale), group in groups.items()
    ]


def _ahead(batch: Callable[[int], Any], steps: range) -> Iterator[tuple[int, Any]]:
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(batch, steps.start) if steps else None
        for step in steps:
            assert coming is not None
            ready = coming.result()
            coming = thread.submit(batch, step + 1) if step + 1 < steps.stop else None
            yield step, ready


def _moved(batch: Any, device: str) -> Any:
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {name: _moved(value, device) for name, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(_moved(value, device) for value in batch)
    return batch


class _Meter:
    """Lines for people, and the same as JSON."""

    def __init__(self, path: Path, plan: Plan, begin: int) -> None:
        self._path, self._plan, self._begin = path, plan, begin
        self._start, self._sums, self._count = time.monotonic(), dict[str, float](), 0

    def add(self, step: int, parts: Mapping[str, float]) -> None:
        for name, value in parts.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if (step + 1) % 50 and step + 1 != self._plan.steps:
            return
        means = {name: round(value / self._count, 4) for name, value in self._sums.items()}
        rate = (step + 1 - self._begin) * self._plan.batch / (time.monotonic() - self._start)
        left = (self._plan.steps - step - 1) * self._plan.batch / rate
        line = {"step": step + 1, "per_second": round(rate, 1), **means}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        told = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
        print(f"step {step + 1} of {self._plan.steps}: {told}; {rate:.1f}/s, {left / 60:.0f} min left", flush=True)
        self._sums, self._count = {}, 0
