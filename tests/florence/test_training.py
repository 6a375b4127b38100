"""The training loop: what a step is, what a phase does, and what is left when it cannot go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from curated import curated, model, rich

from engine.stage import ChainError
from engine.storage import Folder
from florence import presets, training
from florence.data import Batch, DataSettings, Loader
from florence.presets import Florence
from florence.tokenizer import locations
from florence.training import Phase, TrainingError, TrainSettings, checkpoints, loop
from florence.training.losses import Blur, sample_losses
from florence.training.parts import freeze, learning, part
from florence.training.settings import PARTS

DATA = DataSettings(image_size=64, batch_size=4, max_target=100, threads=1)
QUICK = TrainSettings(
    (Phase(4, 1e-2, 64, name="coarse"), Phase(3, 1e-2, 96, frozen=("vision",), tasks={"OD": 1.0}, name="fine")),
    DATA, warmup=2, log_every=2, checkpoint_every=3, keep=9, threads=1, device="cpu", save_as="float32",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Curated shards beside a checkpoint to start from."""
    where = tmp_path_factory.mktemp("place")
    model().save(where / "start")
    return curated(where, [rich(seed) for seed in range(12)])


@pytest.fixture(scope="module")
def small(place: Path) -> Florence:
    return presets.load(place.parent / "start")


@pytest.fixture(scope="module")
def done(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(place, tmp_path_factory.mktemp("done"), QUICK)


def run(place: Path, out: Path, settings: TrainSettings) -> Path:
    training.begin(place, out, settings, str(place.parent / "start"))
    training.train(place, out, settings)
    return out


def weights(folder: Path) -> dict[str, Any]:
    return dict(presets.load(folder).model.state_dict())


def batch(place: Path, small: Florence, size: int = 4) -> Batch:
    return next(iter(Loader(place, small, replace(DATA, batch_size=size))))


def test_a_samples_loss_is_that_of_the_models_own_forward_pass(place: Path, small: Florence) -> None:
    import torch

    given = batch(place, small, 6)
    assert len(given.images) < len(given.image_of)  # an image has several samples, and is seen once
    seen = []
    hook = small.model.model.vision_tower.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    with torch.inference_mode():
        mine = sample_losses(small.model.eval(), given, torch.device("cpu"))
        hook.remove()
        whole = small.model(
            input_ids=given.input_ids, attention_mask=given.attention_mask, labels=given.labels,
            pixel_values=given.images[given.image_of],
        )  # fmt: skip
    assert seen == [len(given.images)]
    assert float(mine.sum() / (given.labels != -100).sum()) == pytest.approx(float(whole.loss), rel=1e-5)
    each = torch.nn.functional.cross_entropy(whole.logits.transpose(1, 2), given.labels, reduction="none").sum(dim=1)
    assert torch.allclose(mine, each, rtol=1e-4)


def test_a_place_missed_by_a_little_is_nearly_right_where_places_are_blurred() -> None:
    import torch

    blur, first = Blur(bins=4.0, first=10), 10  # tokens 10 to 1009 are places, and 20 more are words
    wanted = torch.tensor([3, first + 500, first, first + 999, 1015])

    def told(*places: int) -> Any:
        """Scores whose chances are a bell of 4 bins around these places."""
        scores = torch.full((len(places), 1030), -60.0)
        bins = torch.arange(1000)
        for row, place in enumerate(places):
            scores[row, first : first + 1000] = -((bins - place) / 4.0).square() / 2
        return scores

    right, near, far = (blur(told(0, 500 + off, off, 999 - off, 0), wanted) for off in (0, 2, 20))
    plain = torch.nn.functional.cross_entropy(told(0, 500, 0, 999, 0), wanted, reduction="none")
    assert torch.allclose(right[[0, 4]], plain[[0, 4]])  # words are judged as ever
    assert (right[1:4] < 0.02).all()  # nothing is left but the ends of the bell, which are cut
    assert near[1] == pytest.approx((2 / 4) ** 2 / 2, abs=0.01)  # Kullback-Leibler, of two bells 2 bins apart
    assert (right < near)[1:4].all()
    assert (near < far)[1:4].all()
    assert all(loss.isfinite().all() for loss in (right, near, far))


def test_blurred_places_leave_a_samples_words_as_they_were(place: Path, small: Florence) -> None:
    import torch

    given, cpu = batch(place, small, 6), torch.device("cpu")
    blur = Blur(5.0, locations(small.tokenizer).start)
    with torch.inference_mode():
        plain, blurred = (sample_losses(small.model.eval(), given, cpu, each) for each in (None, blur))
    ids = locations(small.tokenizer)
    placed = ((given.labels >= ids.start) & (given.labels < ids.stop)).any(dim=1)
    assert placed.any()
    assert torch.equal(plain[~placed], blurred[~placed])
    assert (plain != blurred)[placed].all()


def test_the_curve_falls_and_the_model_is_saved(done: Path) -> None:
    found = training.lines(done)
    # Two lines of two steps, then a phase of three: every second step, and the last of each phase.
    assert [(line["step"], line["phase"]) for line in found] == [(2, "coarse"), (4, "coarse"), (6, "fine"), (7, "fine")]
    assert found[-1]["loss"] < found[0]["loss"]
    assert {*found[-1]["tasks"]} == {"OD"} < {*found[0]["tasks"]}
    assert found[-1]["samples"] == 7 * 4
    learnt = presets.load(done / "model")
    assert learnt.processor.image_processor.size["height"] == 96
    assert all((value == checkpoint).all() for value, checkpoint in both(weights(done / "model"), state(done, 7)))
    assert [path.name for path in sorted((done / "checkpoints").iterdir())] == [
        f"step-{step:09}" for step in (0, 3, 4, 6, 7)
    ]


def state(out: Path, step: int) -> dict[str, Any]:
    return weights(out / "checkpoints" / f"step-{step:09}")


def both(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    assert one.keys() == other.keys()
    return ((one[name], other[name]) for name in one)


def test_plots_and_summary_say_what_the_metrics_say(done: Path) -> None:
    found, said = training.lines(done), training.summary(done)
    rows = (done / "plots" / "loss.csv").read_text().splitlines()
    assert rows[0] == "step,loss,learning_rate"
    assert rows[1:] == [f"{line['step']},{line['loss']},{line['learning_rate']}" for line in found]
    tasks = (done / "plots" / "tasks.csv").read_text().splitlines()
    assert len(tasks) == 1 + sum(len(line["tasks"]) for line in found)
    assert (said["steps"], said["samples"], said["machine"]["workers"]) == (7, 28, 1)
    assert said["model_flop_utilisation"] is None  # of a CPU nothing is known
    assert said["samples_per_second"] == pytest.approx(28 / said["seconds"])
    assert 0 <= said["seconds_waiting_for_data"] < said["seconds"]
    assert said["loss"] == pytest.approx(sum(line["loss"] for line in found) / len(found))


def test_utilisation_is_of_the_peak_that_is_given(place: Path, tmp_path: Path) -> None:
    said = training.summary(run(place, tmp_path, replace(QUICK, phases=(Phase(2, 1e-3, 64),), peak_tflops=0.5)))
    assert said["model_flop_utilisation"] == pytest.approx(said["model_gflops_per_second"] / 500)
    assert said["model_flop_utilisation"] > 0


def test_frozen_parts_stay_as_they_are_and_the_others_do_not(done: Path) -> None:
    coarse, fine = state(done, 4), state(done, 7)
    moved = {name for name in coarse if not (coarse[name] == fine[name]).all()}
    assert moved
    assert not {name for name in moved if "vision_tower" in name}
    start = state(done, 0)
    assert any("vision_tower" in name and not (start[name] == coarse[name]).all() for name in start)


@pytest.mark.parametrize("frozen", [*((name,) for name in PARTS), PARTS[:4]])
def test_a_part_is_frozen_alone(small: Florence, frozen: tuple[str, ...]) -> None:
    freeze(small.model, frozen)
    left = {id(parameter) for parameter in learning(small.model)}
    words = part(small.model, "words").weight
    for name in PARTS:
        mine = [each for each in part(small.model, name).parameters() if name == "words" or each is not words]
        assert {id(each) in left for each in mine} == {name not in frozen}
        assert part(small.model, name).training == (name not in frozen)
    freeze(small.model, ())
    assert len(list(learning(small.model))) == len(list(small.model.parameters()))


def test_a_step_in_pieces_is_the_same_step(place: Path, tmp_path: Path) -> None:
    # What is dropped out is drawn anew for each piece; without it only rounding differs.
    settings = replace(QUICK, phases=(Phase(3, 1e-2, 64),), log_every=1, dropout=0.0, drop_path=0.0)
    one = training.lines(run(place, tmp_path / "one", settings))
    pieces = replace(settings, phases=(Phase(3, 1e-2, 64, accumulate=4),))
    assert pieces.identity() == settings.identity()
    for mine, other in zip(one, training.lines(run(place, tmp_path / "four", pieces)), strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-5)
        assert mine["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-4)
        assert mine["samples"] == other["samples"]


def test_every_checkpoint_leads_to_the_same_end(place: Path, done: Path, tmp_path: Path) -> None:
    for step in (3, 4):  # inside a phase, and between two
        out = tmp_path / str(step)
        (out / "checkpoints").mkdir(parents=True)
        name = f"checkpoints/step-{step:09}"
        shutil.copytree(done / name, out / name)
        # The lines after the checkpoint, and a last one that was not finished, were written by the run that ended.
        (out / "metrics.jsonl").write_bytes((done / "metrics.jsonl").read_bytes()[:-20])
        training.train(place, out, QUICK)
        assert (out / "metrics.jsonl").read_bytes() == (done / "metrics.jsonl").read_bytes()
        assert (out / "plots/loss.csv").read_bytes() == (done / "plots/loss.csv").read_bytes()
        assert all((one == other).all() for one, other in both(weights(out / "model"), weights(done / "model")))


def test_only_the_last_checkpoints_are_kept(place: Path, tmp_path: Path) -> None:
    out = run(place, tmp_path, replace(QUICK, phases=(Phase(4, 1e-2, 64),), keep=2, checkpoint_every=1))
    assert [path.name for path in sorted((out / "checkpoints").iterdir())] == ["step-000000003", "step-000000004"]


def test_a_loss_that_is_not_finite_ends_it_before_the_step(place: Path, tmp_path: Path) -> None:
    settings = replace(QUICK, phases=(Phase(9, 1e30, 64),), warmup=0)
    with pytest.raises(TrainingError, match=r"step 2: the loss is (nan|inf), of [A-Z_]+ of image .*step-000000001"):
        run(place, tmp_path, settings)
    last = checkpoints.latest(tmp_path)
    assert last is not None
    assert last.name == "step-000000001"
    presets.load(last)  # it can be begun with
    assert not (tmp_path / "model").exists()


class Greedy(Loader):
    """Its third batch has more images than any machine has room for."""

    def __iter__(self) -> Iterator[Batch]:
        for each in super().__iter__():
            # 10^10 images of the same memory: nothing is allocated before the model looks at them.
            yield each if each.step != 2 else replace(each, images=each.images[:1].expand(10**10, -1, -1, -1))


def test_no_memory_left_ends_it_with_a_checkpoint_from_which_smaller_pieces_go_on(
    place: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loop, "Loader", Greedy)
        with pytest.raises(
            TrainingError, match=r"step 3: no memory left for 4 samples of 64 px.*phases\[0\].accumulate"
        ):
            run(place, tmp_path, QUICK)
    last = checkpoints.latest(tmp_path)
    assert last is not None
    assert last.name == "step-000000002"
    pieces = tuple(replace(phase, accumulate=2) for phase in QUICK.phases)
    training.train(place, tmp_path, replace(QUICK, phases=pieces))
    steps = [[(line["step"], line["tokens"]) for line in training.lines(out)] for out in (tmp_path, done)]
    assert steps[0] == steps[1]


def test_in_bf16_it_is_nearly_the_same_and_the_weights_stay_float32(place: Path, done: Path, tmp_path: Path) -> None:
    run(place, tmp_path, replace(QUICK, phases=QUICK.phases[:1], precision="bf16"))
    for mine, other in zip(training.lines(tmp_path), training.lines(done), strict=False):
        assert mine["loss"] == pytest.approx(other["loss"], rel=0.02)
        assert mine["loss"] != other["loss"]
    assert training.summary(tmp_path)["machine"]["precision"] == "bf16"
    assert {str(value.dtype) for value in state(tmp_path, 4).values()} == {"torch.float32"}


def test_an_interrupt_keeps_what_was_learnt(place: Path, done: Path, tmp_path: Path) -> None:
    def stop(line: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    training.begin(place, tmp_path, QUICK, str(place.parent / "start"))
    with pytest.raises(KeyboardInterrupt):
        training.train(place, tmp_path, QUICK, advance=stop)
    training.train(place, tmp_path, QUICK)
    assert (tmp_path / "metrics.jsonl").read_bytes() == (done / "metrics.jsonl").read_bytes()


def test_nothing_is_written_where_the_guard_says_no(place: Path, tmp_path: Path) -> None:
    def refuse() -> None:
        raise PermissionError("taken over")

    training.begin(place, tmp_path, QUICK, str(place.parent / "start"))
    with pytest.raises(PermissionError, match="taken over"):
        training.train(place, tmp_path, QUICK, guard=refuse)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000000000"]


def test_other_shards_are_not_gone_on_with(place: Path, done: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "checkpoints").mkdir(parents=True)
    shutil.copytree(done / "checkpoints/step-000000003", tmp_path / "out/checkpoints/step-000000003")
    others = curated(tmp_path, [rich(seed) for seed in range(5)])
    with pytest.raises(ChainError, match="other shards"):
        training.train(others, tmp_path / "out", QUICK)


def test_corrupt_rows_are_counted_once_however_often_it_is_gone_on(place: Path, tmp_path: Path) -> None:
    rows = [rich(seed) for seed in range(6)]
    rows[2]["image"] = {"bytes": b"\x89PNG", "path": "broken"}
    broken = curated(tmp_path, rows)
    settings = replace(QUICK, phases=(Phase(6, 1e-3, 64), Phase(2, 1e-3, 64)), checkpoint_every=5)
    training.begin(broken, tmp_path / "out", settings, str(place.parent / "start"))
    training.train(broken, tmp_path / "out", settings)
    counts = [
        sum(checkpoints.state(path)["loader"].get("skipped", {}).values())
        for path in sorted((tmp_path / "out/checkpoints").iterdir())
    ]
    assert counts[-1] > 0
    assert counts == sorted(counts)
    for later in (6, 8):
        shutil.rmtree(tmp_path / f"out/checkpoints/step-{later:09}")
    training.train(broken, tmp_path / "out", settings)
    assert sum(training.summary(tmp_path / "out")["skipped"].values()) == counts[-1]


def test_a_checkpoint_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def write() -> None:
        with checkpoints.whole(tmp_path / "made") as folder:
            (folder / "half").write_text("half")
            raise OSError(28, "full")

    with pytest.raises(OSError, match="no space left"):
        write()
    assert not list(tmp_path.iterdir())
    with checkpoints.whole(tmp_path / "made") as folder:
        (folder / "all").write_text("all")
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "all"]


def test_a_damaged_optimizer_is_named(place: Path, tmp_path: Path) -> None:
    training.begin(place, tmp_path, QUICK, str(place.parent / "start"))
    (tmp_path / "checkpoints/step-000000000/optimizer.pt").write_bytes(b"PK")
    with pytest.raises(ChainError, match=r"optimizer.pt cannot be read"):
        training.train(place, tmp_path, QUICK)


def test_from_nothing_a_tokenizer_is_learnt_from_the_curated_texts(place: Path, tmp_path: Path) -> None:
    settings = replace(training.defaults("tiny"), threads=1)
    training.begin(place, tmp_path / "one", settings, "tiny")
    training.begin(place, tmp_path / "two", settings, "tiny")
    one, two = (presets.load(tmp_path / name / "checkpoints/step-000000000") for name in ("one", "two"))
    assert one.tokenizer.tokenize("a cat on it") == two.tokenizer.tokenize("a cat on it") == ["a", "Ġcat", "Ġon", "Ġit"]
    assert json.loads(Folder.at(tmp_path / "one/checkpoints/step-000000000").read("state.json"))["step"] == 0
    assert all((a == b).all() for a, b in both(dict(one.model.state_dict()), dict(two.model.state_dict())))
    assert one.model.config.vision_config.embed_dim == list(presets.PRESETS["tiny"].embed_dim)
    assert all(parameter.isfinite().all() for parameter in one.model.parameters())
