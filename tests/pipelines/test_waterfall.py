"""The books as they are summed up for people: what came in, what was added and dropped, and what is left."""

from __future__ import annotations

from engine.ledger import Ledger, StageBooks
from pipelines.report import books


def stage(name: str, before: int, added: int, dropped: dict[str, int]) -> StageBooks:
    after = before + added - sum(dropped.values())
    return StageBooks(
        name, 2, 0.5, 0, {"regions": before}, {"regions": added}, {"regions": dropped}, {"regions": after}
    )


def test_a_rule_of_two_stages_is_counted_for_both() -> None:
    ledger = Ledger("part-000000", "f" * 16, 2)
    ledger.stages = [
        stage("detection", 0, 12, {}),
        stage("region_merge", 12, 0, {"merged": 3}),
        stage("grounding", 9, 4, {}),
        stage("region_merge@detailed", 13, 0, {"merged": 2, "small": 1}),
    ]
    fall = books([ledger])["waterfall"]["regions"]
    assert fall["dropped"] == {"merged": 5, "small": 1}
    assert fall["in"] + sum(fall["added"].values()) - sum(fall["dropped"].values()) == fall["out"] == 10
