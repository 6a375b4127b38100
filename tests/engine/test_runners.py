"""The same chain, the same bytes: here, in several processes, on Ray, with one worker or many, interrupted or not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Boxes, Broken, Dropper, Killer, Spent, chain, dataset, files, regions_of

from engine import cluster, local
from engine.cluster import PlanError, RunError
from engine.ledger import Ledger, load_ledgers
from engine.local import WorkerDied
from engine.lock import LockedError
from engine.plan import Plan, make_plan
from engine.stage import Chain, Halt, Resources
from engine.storage import Folder, StorageError

# Ray's own warnings are not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:::ray", "ignore::ResourceWarning", "ignore::FutureWarning")

SHARDS = [5, 3, 4, 1]


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A real Ray on this machine."""
    import ray

    cluster.connect(None)
    yield ray
    ray.shutdown()


@pytest.fixture
def images(tmp_path: Path) -> Folder:
    return dataset(tmp_path / "images", SHARDS)


def plan(images: Folder, out: Path, stages: Chain, **more: Any) -> Plan:
    return make_plan(stages, images, Folder.at(out), **more)


def once(images: Folder, out: Path, stages: Chain, **more: Any) -> dict[str, bytes]:
    """The bytes of an uninterrupted local run."""
    ledgers = list(local.run(plan(images, out, stages), **more))
    assert [ledger.images for ledger in sorted(ledgers, key=lambda ledger: ledger.shard)] == SHARDS
    return files(out)


def on_ray(images: Folder, out: Path, stages: Chain) -> dict[str, bytes]:
    ledgers = list(cluster.run(plan(images, out, stages)))
    assert sum(ledger.images for ledger in ledgers) == sum(SHARDS)
    return files(out)


def test_shards_are_committed_with_their_books(images: Folder, tmp_path: Path) -> None:
    once(images, tmp_path / "out", chain(Boxes(), Dropper()))
    ledgers = load_ledgers(Folder.at(tmp_path / "out"))
    assert [ledger.counts["regions"] for ledger in ledgers.values()] == [{"object": n} for n in SHARDS]
    assert all("shards/" in name or "rejects/" in name for ledger in ledgers.values() for name in ledger.files)
    assert sum(len(rows) for rows in regions_of(tmp_path / "out")) == sum(SHARDS)


def test_pixels_are_not_copied_unless_asked_for(images: Folder, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    stages = chain(Boxes())
    list(local.run(plan(images, tmp_path / "slim", stages)))
    list(local.run(plan(images, tmp_path / "whole", stages, embed=images)))
    slim, whole, source = (pq.read_table(tmp_path / name / "shards")["image"] for name in ("slim", "whole", "images"))
    assert slim.null_count == sum(SHARDS)
    assert whole.equals(source)


def test_processes_make_the_same_bytes(images: Folder, tmp_path: Path) -> None:
    stages = chain(Boxes(), Dropper())
    assert once(images, tmp_path / "one", stages) == once(images, tmp_path / "two", stages, workers=2)


@pytest.mark.parametrize("actors", [(1, 1), (2, 2)])
def test_ray_makes_the_same_bytes(images: Folder, tmp_path: Path, ray: Any, actors: tuple[int, int]) -> None:
    broken = Broken(bad=tuple(list_ids(images)[3:5]))
    stages = chain(Boxes(resources=Resources(cpus=0.4, batch_size=3, actors=actors)), broken, Dropper())
    assert on_ray(images, tmp_path / "ray", stages) == once(images, tmp_path / "local", stages)
    here, there = (load_ledgers(Folder.at(tmp_path / name)) for name in ("local", "ray"))
    assert [books(ledger) for ledger in here.values()] == [books(ledger) for ledger in there.values()]


def test_a_pack_on_ray_makes_the_same_bytes(images: Folder, tmp_path: Path, ray: Any) -> None:
    packed = chain(Boxes(resources=Resources(cpus=0.4, pack="p")), Broken(resources=Resources(cpus=0.4, pack="p")))
    apart = chain(Boxes(), Broken())
    assert on_ray(images, tmp_path / "ray", packed) == once(images, tmp_path / "local", apart)


def list_ids(images: Folder) -> list[str]:
    import pyarrow.parquet as pq

    return list(pq.read_table(Path(images.root, "shards"))["image_id"].to_pylist())


def books(ledger: Ledger) -> Any:
    """A ledger but for its seconds and stamps."""
    stages = [(s.name, s.images, s.faults, s.before, s.added, s.dropped, s.after) for s in ledger.stages]
    marks = {name: (mark.size, mark.checksum) for name, mark in ledger.files.items()}
    return ledger.shard, ledger.fingerprint, ledger.input, ledger.counts, stages, marks


def test_a_run_with_nothing_to_do_opens_nothing(images: Folder, tmp_path: Path) -> None:
    log = tmp_path / "log"
    once(images, tmp_path / "out", chain(Boxes(log=str(log))))
    before = log.read_text()
    again = plan(images, tmp_path / "out", chain(Boxes(log=str(log))))
    assert list(local.run(again)) == []
    assert (len(again.done), log.read_text()) == (len(SHARDS), before)


def test_an_interrupted_run_goes_on_where_it_stopped(images: Folder, tmp_path: Path) -> None:
    log = tmp_path / "log"
    stages = chain(Boxes(log=str(log)))
    running = local.run(plan(images, tmp_path / "out", stages))
    next(running)
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert len(plan(images, tmp_path / "out", stages).jobs) == 2
    list(local.run(plan(images, tmp_path / "out", stages)))
    assert files(tmp_path / "out") == once(images, tmp_path / "whole", chain(Boxes(log=str(log))))
    seen = Counter(line for line in log.read_text().splitlines() if line.startswith("image"))
    assert set(seen.values()) == {2}  # once in either output


@pytest.mark.parametrize(
    ("changed", "redone"),
    [(lambda: chain(Boxes(count=3)), 4), (lambda: chain(Boxes(weights="r2")), 4), (lambda: chain(Boxes()), 0)],
    ids=["setting", "revision", "nothing"],
)
def test_a_change_does_again_what_depends_on_it(
    images: Folder, tmp_path: Path, changed: Callable[[], Chain], redone: int
) -> None:
    once(images, tmp_path / "out", chain(Boxes()))
    assert len(plan(images, tmp_path / "out", changed()).jobs) == redone


def test_a_new_input_shard_is_the_only_work(images: Folder, tmp_path: Path) -> None:
    once(images, tmp_path / "out", chain(Boxes()))
    dataset(tmp_path / "images", [*SHARDS, 2])
    assert [job.shard for job in plan(images, tmp_path / "out", chain(Boxes())).jobs] == ["part-000004"]


def test_a_damaged_output_shard_is_made_again(images: Folder, tmp_path: Path) -> None:
    whole = once(images, tmp_path / "out", chain(Boxes()))
    (tmp_path / "out" / "shards" / "part-000001.parquet").write_bytes(b"x")
    list(local.run(plan(images, tmp_path / "out", chain(Boxes()))))
    assert files(tmp_path / "out") == whole


def test_rejects_of_an_earlier_setting_do_not_stay(images: Folder, tmp_path: Path) -> None:
    once(images, tmp_path / "out", chain(Boxes(), Dropper()))
    list(local.run(plan(images, tmp_path / "out", chain(Boxes()))))
    assert not list((tmp_path / "out" / "rejects").iterdir())


def test_faults_are_tried_again_when_asked_to(images: Folder, tmp_path: Path) -> None:
    once(images, tmp_path / "out", chain(Broken(bad=(list_ids(images)[6],))))
    stages = chain(Broken(bad=(list_ids(images)[6],)))
    assert plan(images, tmp_path / "out", stages).jobs == ()
    again = plan(images, tmp_path / "out", stages, retry_faults=True)
    assert [job.shard for job in again.jobs] == ["part-000001"]


def test_an_empty_source_and_a_strange_target_are_refused(images: Folder, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no committed shards"):
        plan(Folder.at(tmp_path / "nothing"), tmp_path / "out", chain(Boxes()))
    once(images, tmp_path / "out", chain(Boxes()))
    with pytest.raises(StorageError, match="made from something else"):
        plan(dataset(tmp_path / "other", [1]), tmp_path / "out", chain(Boxes()))


def test_a_run_whose_lock_was_taken_over_commits_nothing_more(images: Folder, tmp_path: Path) -> None:
    def lost() -> None:
        raise LockedError("taken over")

    for workers in (1, 2):
        with pytest.raises(LockedError):
            list(local.run(plan(images, tmp_path / "out", chain(Boxes())), workers=workers, guard=lost))
    assert load_ledgers(Folder.at(tmp_path / "out")) == {}


def test_progress_counts_every_image_once(images: Folder, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        done: list[int] = []
        once(images, tmp_path / name, chain(Boxes(), Dropper()), workers=workers, progress=done.append)
        assert sum(done) == sum(SHARDS)


def test_a_dead_worker_process_costs_a_retry(images: Folder, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    stages = chain(Killer(marker=str(marker)))
    list(local.run(plan(images, tmp_path / "out", stages), workers=2))
    assert not marker.exists()
    assert files(tmp_path / "out") == once(images, tmp_path / "whole", stages)


def test_a_dead_actor_costs_a_retry(images: Folder, tmp_path: Path, ray: Any) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    stages = chain(Killer(marker=str(marker)))
    assert on_ray(images, tmp_path / "ray", stages) == once(images, tmp_path / "local", stages)
    assert not marker.exists()


def test_a_shard_that_always_kills_its_worker_ends_the_run(images: Folder, tmp_path: Path, ray: Any) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    stages = chain(Killer(marker=str(marker), always=True))
    with pytest.raises(RunError):
        list(cluster.run(plan(images, tmp_path / "ray", stages)))
    with pytest.raises(WorkerDied, match="part-00000"):
        list(local.run(plan(images, tmp_path / "local", stages), workers=2))


def test_a_failed_commit_on_ray_ends_the_run_in_its_own_words(images: Folder, tmp_path: Path, ray: Any) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "shards").write_text("a file where the folder should be")
    with pytest.raises(RunError, match=r"part-00000\d"):
        list(cluster.run(plan(images, out, chain(Boxes()))))


def need(name: str = "ocr", **resources: Any) -> Any:
    return cluster._Need(name, Resources(**resources))


@pytest.mark.parametrize(
    ("needs", "nodes", "said"),
    [
        ([need(cpus=4)], [{"CPU": 2.0}, {"CPU": 3.0}], "no node has room for one worker of 'ocr', which needs 4 CPU"),
        ([need(gpus=1)], [{"CPU": 8.0}], "needs 1 CPU \\+ 1 GPU"),
        ([need(memory_gb=64)], [{"CPU": 8.0, "memory": 2.0**30}], "64.0 GB memory"),
        ([need(cpus=1), need("det", cpus=1)], [{"CPU": 2.0}], "0.2 CPU missing"),
        ([need(cpus=1, actors=(3, 3))], [{"CPU": 2.0}], "3 x ocr"),
        ([need(cpus=0.5, gpus=0.6), need("det", cpus=0.5, gpus=0.6)], [{"CPU": 8.0, "GPU": 1.0}], "0.2 GPU missing"),
    ],
)
def test_a_plan_that_the_cluster_can_never_place_is_refused(needs: Any, nodes: Any, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        cluster.check_room(needs, nodes)


def test_a_plan_that_fits_is_not_refused() -> None:
    cluster.check_room([need(cpus=0.5, gpus=0.5, actors=(2, 8))], [{"CPU": 1.2, "GPU": 1.0, "memory": 2.0**33}])


def test_too_large_a_plan_is_refused_before_anything_starts(images: Folder, tmp_path: Path, ray: Any) -> None:
    log = tmp_path / "log"
    stages = chain(Boxes(log=str(log), resources=Resources(cpus=4096)))
    with pytest.raises(PlanError, match="4096 CPU"):
        list(cluster.run(plan(images, tmp_path / "out", stages)))
    assert not log.exists()
    assert not (tmp_path / "out").exists()


def test_an_address_where_nobody_answers_is_a_clear_error() -> None:
    import subprocess
    import sys

    code = "from engine import cluster\ntry: cluster.connect('127.0.0.1:1')\nexcept cluster.PlanError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert "no Ray cluster answers at 127.0.0.1:1" in done.stdout


@pytest.mark.parametrize("where", ["here", "ray"])
def test_a_run_that_a_stage_ends_keeps_what_is_done(where: str, images: Folder, tmp_path: Path, ray: Any) -> None:
    stages = chain(Spent(log=str(tmp_path / "log"), budget=5))
    run = local.run if where == "here" else cluster.run
    with pytest.raises(Halt, match="the budget is spent"):
        list(run(plan(images, tmp_path / "out", stages)))
    done = len(plan(images, tmp_path / "out", stages).done)
    assert done == 1 if where == "here" else done <= 1
