"""Chains that cannot work are refused before anything loads; fingerprints move with what decides the output."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from fakes import Boxes, Broken, Dropper, Reader, chain

from engine.stage import Chain, ChainError, Resources, Stage, pack_resources


def reader(*parts: str, **needs: object) -> Stage:
    """A stage that reads these parts of the record."""

    class Reading(Reader):
        reads: ClassVar[frozenset[str]] = frozenset(parts)

    return Reading(resources=Resources(**needs))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stages", "given"),
    [
        ((Boxes(), Dropper()), {"image"}),
        ((Dropper(),), {"regions"}),
        ((Dropper(),), {"regions.text"}),
        ((Boxes(), reader("regions.object")), {"image"}),
        ((reader("regions.object"),), {"regions"}),
    ],
)
def test_a_chain_that_has_what_it_reads(stages: tuple[Stage, ...], given: set[str]) -> None:
    chain(*stages).check(given)


@pytest.mark.parametrize(
    ("stages", "given", "said"),
    [
        ((Dropper(),), {"image"}, "'dropper' reads regions, which nothing before it writes"),
        ((Dropper(), Boxes()), {"image"}, "'dropper' reads regions"),
        ((Boxes(),), set(), "'boxes' reads image"),
        ((Boxes(), reader("regions.text")), {"image"}, "reads regions.text"),
        ((Boxes(), Boxes()), {"image"}, "'boxes' stands in the chain twice"),
        ((reader("regoins"),), {"image"}, "'regoins', which no record has"),
        ((reader("texts.long"),), {"image"}, "'texts.long', which no record has"),
    ],
)
def test_a_chain_that_lacks_something_is_refused(stages: tuple[Stage, ...], given: set[str], said: str) -> None:
    with pytest.raises(ChainError, match=said):
        chain(*stages).check(given)


def test_a_refused_chain_has_loaded_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ChainError):
        chain(Boxes(log=str(log)), reader("texts")).check({"image"})
    assert not log.exists()


def test_the_fingerprint_moves_with_settings_revision_version_order_and_input() -> None:
    class Newer(Boxes):
        version: ClassVar[int] = 2

    prints = [
        chain(Boxes(), Dropper()).fingerprint("a"),
        chain(Boxes(), Dropper()).fingerprint("b"),
        chain(Boxes(count=3), Dropper()).fingerprint("a"),
        chain(Boxes(weights="r2"), Dropper()).fingerprint("a"),
        chain(Newer(), Dropper()).fingerprint("a"),
        chain(Dropper(), Boxes()).fingerprint("a"),
        chain(Boxes()).fingerprint("a"),
    ]
    assert len(set(prints)) == len(prints)


def test_resources_do_not_move_the_fingerprint() -> None:
    more = Boxes(resources=Resources(cpus=8, batch_size=64, actors=(2, 4), pack="gpu"))
    assert chain(more).fingerprint("a") == chain(Boxes()).fingerprint("a")


def test_neighbours_with_the_same_pack_share_a_worker() -> None:
    packed = [Boxes(resources=Resources(pack="p")), Broken(resources=Resources(pack="p")), Reader(), Dropper()]
    names = [(name, [stage.name for stage in stages]) for name, stages in Chain(tuple(packed)).packs()]
    assert names == [("p", ["boxes", "broken"]), ("reader", ["reader"]), ("dropper", ["dropper"])]


def test_a_pack_takes_turns_on_the_cpu_and_holds_all_its_weights() -> None:
    one = reader(cpus=1, gpus=0.25, memory_gb=2, batch_size=8, actors=(1, 2))
    two = reader(cpus=2, gpus=0.5, memory_gb=1, batch_size=4, actors=(2, 2))
    assert pack_resources((one, two)) == Resources(cpus=2, gpus=0.75, memory_gb=3, batch_size=8, actors=(2, 2))


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"actors": (0, 1)}, {"actors": (3, 2)}, {"cpus": -1}])
def test_resources_that_make_no_sense(wrong: dict[str, object]) -> None:
    with pytest.raises(ChainError, match="must be"):
        Resources(**wrong)  # type: ignore[arg-type]
