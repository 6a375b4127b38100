"""A cluster of two nodes on loopback that loses one of them in the middle of a run: the run ends complete."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Boxes, chain, dataset, files

from engine import cluster, local
from engine.plan import make_plan
from engine.stage import Resources
from engine.storage import Folder

pytestmark = pytest.mark.filterwarnings("ignore:::ray", "ignore::ResourceWarning", "ignore::FutureWarning")


@pytest.fixture
def nodes() -> Iterator[Any]:
    """A head and a second node with one CPU each, and this process as their driver."""
    from ray.cluster_utils import Cluster

    cluster_ = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster_.add_node(num_cpus=1)
    cluster.connect(cluster_.address)
    yield cluster_
    import ray

    ray.shutdown()
    cluster_.shutdown()


def test_a_node_that_dies_costs_a_retry(nodes: Any, tmp_path: Path) -> None:
    images = dataset(tmp_path / "images", [4] * 6)
    log = tmp_path / "log"
    resources = Resources(cpus=0.7, batch_size=4, actors=(1, 2))
    stages = chain(Boxes(seconds=0.3, log=str(log), resources=resources))
    second = next(iter(nodes.worker_nodes))

    def kill_when_both_work() -> None:
        deadline = time.time() + 90
        while time.time() < deadline:
            lines = log.read_text().splitlines() if log.exists() else []
            if len({line for line in lines if line.startswith("open")}) == 2 and len(lines) > 6:
                break
            time.sleep(0.1)
        nodes.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill_when_both_work)
    killer.start()
    ledgers = list(cluster.run(make_plan(stages, images, Folder.at(tmp_path / "ray"))))
    killer.join()
    assert sorted(ledger.shard for ledger in ledgers) == [f"part-{i:06d}" for i in range(6)]
    list(local.run(make_plan(stages, images, Folder.at(tmp_path / "local"))))
    assert files(tmp_path / "ray") == files(tmp_path / "local")
