"""fld train: teach the multitask model on curated shards, here or, by several workers, on Ray."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import cluster
from engine.lock import Lock
from engine.stage import ChainError, digest
from engine.storage import Folder, StorageError
from florence import training
from florence.training import TrainingError, TrainSettings, Worker, checkpoints
from florence.training.devices import choose
from florence.training.settings import Phase
from florence.training.starting import check
from pipelines.chain import Runner, claim, dataset_of
from pipelines.config import ConfigError, build, read_yaml
from pipelines.progress import EVERY, progress
from pipelines.report import FAILED, STEP, Report
from specialists.checkpoints.weights import find


def train(curated: Folder, out: Folder, config: Path | None, start: str, runner: Runner) -> Report:
    """Train to the last step, from where the run in `out` ended; leave the model, the curve and the summary."""
    settings = load_settings(config, start)
    told, begin = settings, unpacked(start, "--from")
    settings = dataclasses.replace(told, vision=told.vision and unpacked(told.vision, "vision"))
    _check(curated, out, settings, begin, runner)
    start = begin if Path(start).exists() else start
    report, folder = Report("train"), Path(out.root)
    with _leaving_nothing(folder), Lock(out, "fld train") as lock:
        _claim(curated, out, told, start)
        out.sweep()
        training.begin(curated.url, folder, settings, begin)
        try:
            _run(curated, folder, settings, runner, lock.check)
        except TrainingError as error:
            report.fail(FAILED, str(error))
        report.data = {"from": start, "total_steps": settings.steps, **training.summary(folder)}
        report.lines = list(_say(report.data))
        if not report.code:
            report.lines += [f"model      {out.url}/{training.MODEL}", f"look       {out.url}/plots/loss.csv"]
        report.write(out)
    return report


def unpacked(weights: str, who: str) -> str:
    """The folder of `bundled:NAME`, the whole path of a folder, or what else names a checkpoint."""
    if weights.startswith("bundled:"):
        return str(find(weights, who).folder)
    return str(Path(weights).resolve()) if Path(weights).exists() else weights


def load_settings(path: Path | None, start: str) -> TrainSettings:
    """The defaults of what is begun with, and a file's values in their place. Raises ConfigError, naming the key."""
    base = training.defaults(start)
    if path is None:
        return base
    values, where = read_yaml(path), str(path)
    given = dict(_mapping({} if values is None else values, where))
    if "phases" in given:
        if not isinstance(given["phases"], list):
            raise ConfigError(f"{where}: phases: expected a list, found {given['phases']!r}")
        phases = [build(Phase, each, f"{where}: phases[{number}]") for number, each in enumerate(given["phases"])]
        # A short curriculum has no room for a long one's warm-up.
        given = {"warmup": min(base.warmup, sum(phase.steps for phase in phases)), **given, "phases": tuple(phases)}
    data = _mapping(given.get("data", {}), f"{where}: data")
    if "image_size" in data:
        raise ConfigError(f"{where}: data: image_size is a phase's: give it in phases")
    given["data"] = {**dataclasses.asdict(base.data), **data}
    kept = {each.name: getattr(base, each.name) for each in dataclasses.fields(base) if each.name not in given}
    return build(TrainSettings, {**kept, **given}, where)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected keys and values, found {value!r}")
    return value


@contextmanager
def _leaving_nothing(folder: Path) -> Iterator[None]:
    """Take away a folder that was not there before, where what was asked for is refused before a step is taken."""
    was_there = folder.exists()
    try:
        yield
    except (ChainError, ConfigError, StorageError):
        if not was_there and checkpoints.latest(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _check(curated: Folder, out: Folder, settings: TrainSettings, start: str, runner: Runner) -> None:
    """Raise what would come up later, before anything is written."""
    if not out.local:
        raise StorageError(f"{out.url}: fld train writes to a folder of this machine, or one that all workers share")
    made = (curated.read_json(STEP) or {}).get("command")  # images alone are nothing to train on
    if made in ("ingest", "run", "train"):
        hint = f": {curated.url}/curated" if made == "run" else ""
        raise StorageError(f"{curated.url} is the output of `fld {made}`; `fld train` wants that of `fld curate`{hint}")
    check(start, settings)
    workers = max(runner.workers, 1)
    if settings.data.batch_size % workers:
        raise ConfigError(f"data.batch_size is {settings.data.batch_size}: no multiple of {workers} workers")
    if not runner.ray:
        choose(settings.device)


def _claim(curated: Folder, out: Folder, settings: TrainSettings, start: str) -> None:
    """Mark `out` as this run's; refuse a folder that is another one's, unless nothing was learnt there yet."""
    step = {"source": curated.url, "dataset": dataset_of(curated), "from": start, "settings": settings.identity()}
    found = out.read_json(STEP) or {}
    if found.get("command") == "train":
        others = [each for each in _differences(found, {"command": "train", **step}, "") if each[0] != "source"]
        if others and training.summary(Path(out.root)).get("steps"):
            where, was, now = others[0]
            raise StorageError(
                f"{out.url} holds a run with other settings: {where} was {was!r}, and now is {now!r}. Go on with "
                "those, or give another output folder"
            )
        if others:
            training.forget(Path(out.root))
    claim(out, "train", step)


def _differences(was: Any, now: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Each place where two JSON values are not the same, with both."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in sorted({*was, *now}):
            yield from _differences(was.get(name), now.get(name), f"{where}.{name}" if where else name)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for at, pair in enumerate(zip(was, now, strict=True)):
            yield from _differences(*pair, f"{where}[{at}]")
    elif digest(was) != digest(now):
        yield where, was, now


def _run(curated: Folder, out: Path, settings: TrainSettings, runner: Runner, guard: Callable[[], None]) -> None:
    done = training.summary(out)["steps"]
    if done == settings.steps and (out / training.MODEL).exists():
        return
    with progress("train", settings.steps - done, "steps") as advance:
        told = _Told(done, advance)
        if not runner.ray:
            training.train(curated.url, out, settings, advance=told, guard=guard)
            return
        with _following(out, told):
            _on_ray(curated, out, settings, runner)


class _Told:
    """Gets the lines of the metrics; moves the bar and, where there is none, says the loss now and then."""

    def __init__(self, done: int, advance: Callable[[int], None]) -> None:
        self.done, self.advance, self.said = done, advance, time.monotonic()

    def __call__(self, line: dict[str, Any]) -> None:
        if line["step"] <= self.done:
            return
        self.advance(line["step"] - self.done)
        self.done = line["step"]
        if not sys.stderr.isatty() and time.monotonic() - self.said >= EVERY:
            self.said = time.monotonic()
            print(f"train: step {line['step']}, phase {line['phase']}, loss {line['loss']:.4f}", file=sys.stderr)


@contextmanager
def _following(out: Path, told: _Told) -> Iterator[None]:
    """Tell of lines that other processes write, as they come."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(1.0):
            for line in training.lines(out, told.done):
                told(line)

    thread = threading.Thread(target=follow, daemon=True, name="metrics")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _on_ray(curated: Folder, out: Path, settings: TrainSettings, runner: Runner) -> None:
    """Train on a Ray cluster, or on Ray started here; each worker has a GPU where there are enough."""
    workers = max(runner.workers, 1)
    with cluster.session(runner.address):
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer

        room = ray.cluster_resources()
        gpus = settings.device != "cpu" and room.get("GPU", 0) >= workers
        if room.get("CPU", 0) < workers:
            raise cluster.PlanError(f"{workers} workers want a CPU each, and the cluster has {room.get('CPU', 0):g}")
        with tempfile.TemporaryDirectory(prefix="fld-train-") as scratch:
            trainer = TorchTrainer(
                _work,
                train_loop_config={"curated": curated.url, "out": str(out), "settings": settings, "gpus": gpus},
                scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus),
                torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
                # What fails is gone on with by the same command, from the checkpoints in `out`.
                run_config=RunConfig(storage_path=scratch, failure_config=FailureConfig(max_failures=0)),
            )
            _fit(trainer)


def _work(config: dict[str, Any]) -> None:
    """What each of Ray's workers does."""
    import ray.train
    from ray.train.torch import get_device

    context = ray.train.get_context()
    worker = Worker(
        context.get_world_rank(), context.get_world_size(), context.get_local_world_size(),
        str(get_device()) if config["gpus"] else "cpu",
    )  # fmt: skip
    training.train(config["curated"], Path(config["out"]), config["settings"], worker)


def _fit(trainer: Any) -> None:
    """Run, and raise what a worker raised, in its own words; of several, not what only followed from another."""
    from ray.train import TrainingFailedError

    try:
        trainer.fit()
    except TrainingFailedError as error:
        failures = list(getattr(error, "worker_failures", {}).values())
        for failure in failures:
            if isinstance(failure, TrainingError | ChainError | OSError):
                raise failure from error
        first = str(failures[0] if failures else error).strip().splitlines()
        raise cluster.RunError(first[0] if first else type(error).__name__) from error


def _say(data: dict[str, Any]) -> Iterator[str]:
    """For people."""
    steps = f"{data['steps']:,} of {data['total_steps']:,} steps"
    if data["loss"] is None:
        yield f"{steps}: nothing was learnt"
        return
    yield (
        f"{steps}: loss {data['first_loss']:.3f} -> {data['loss']:.3f}; {data['samples']:,} samples in "
        f"{data['seconds']:,.1f} s, of which {data['seconds_waiting_for_data']:,.1f} s were waited for data"
    )
    machine, used = data["machine"], data["model_flop_utilisation"]
    known = f"model FLOP utilisation {used:.1%}" if used is not None else "its peak is not known: see peak_tflops"
    yield (
        f"  {data['samples_per_second']:,.1f} samples/s, {data['tokens_per_second']:,.0f} tokens/s, "
        f"{data['model_gflops_per_second']:,.1f} GFLOP/s on {machine['workers']} x {machine['device']}, "
        f"{machine['precision']} ({known})"
    )
    yield "  loss by task: " + ", ".join(f"{task} {loss:.3f}" for task, loss in data["loss_by_task"].items())
    for name, counts in (("rows skipped", data["skipped"]), ("samples too long", data["unfit"])):
        if counts:
            yield f"  {name}: " + ", ".join(f"{what} {count:,}" for what, count in counts.items())
