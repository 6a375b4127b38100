"""Where a profile's roles stand in the chain, and what a chain does not give."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.config import ConfigError, profile_chain
from pipelines.figure import FIGURE, FigureError, arrange, not_produced

ALL = [
    *(
        "ocr",
        "line_text",
        "detection",
        "region_nms",
        "captioning",
        "phrases",
        "grounding",
        "region_merge",
        "segmentation",
    ),
    *("crop_captioning", "chunks", "scoring", "aggregator", "text_support"),
]
AGAIN = ["phrases", "grounding", "region_merge", "segmentation", "crop_captioning", "chunks", "scoring"]


def test_all_roles_stand_in_the_papers_order_and_the_late_texts_go_the_same_way() -> None:
    roles = dict.fromkeys(reversed([place.role for place in FIGURE if not place.after]))
    assert list(arrange(roles)) == [*ALL, *(f"{name}@detailed" for name in AGAIN)]


@pytest.mark.parametrize(
    ("roles", "stages"),
    [
        ({"ocr": None}, ["ocr", "line_text", "region_nms"]),
        ({"captioning": None, "scoring": None}, ["captioning", "scoring"]),
        ({"detection": None, "segmentation": None}, ["detection", "region_nms", "segmentation"]),
        ({"grounding": None}, ["phrases", "grounding", "region_merge"]),
        ({"detection": None, "region_nms": False}, ["detection"]),
        ({"crop_captioning": None}, ["crop_captioning", "chunks"]),
        ({"detailed": None}, ["aggregator"]),
        ({"detection": None, "detailed": None}, ["detection", "region_nms", "aggregator", "text_support"]),
    ],
)
def test_a_filter_is_there_where_it_has_something_to_do(roles: dict[str, object], stages: list[str]) -> None:
    assert list(arrange(roles)) == stages


def test_a_role_is_played_by_the_stage_that_it_names_with_its_settings_in_both_turns() -> None:
    chain = arrange({"grounding": {"stage": "mine", "weights": "w"}, "detailed": {"stage": "large_model"}})
    assert chain["mine"] == chain["mine@detailed"] == {"weights": "w"}
    assert "large_model" in chain


def test_a_filter_shares_the_worker_of_the_specialist_before_it() -> None:
    chain = arrange({"ocr": None, "detection": {"resources": {"pack": "gpu"}}, "grounding": None, "segmentation": None})
    assert chain["region_nms"]["resources"] == chain["phrases"]["resources"] == {"pack": "gpu"}
    assert chain["region_merge"]["resources"] == {"pack": "grounding"}
    assert [next(iter(arrange({"grounding": None}).items()))] == [("phrases", {})]


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"detektion": None}, "no role 'detektion'"),
        ({"detection": 3}, "detection: expected keys and values"),
        ({"ocr": {"resources": 5}}, "ocr: resources: expected keys and values"),
        ({"captioning": None, "detailed": {"stage": "captioning"}}, "plays two roles"),
    ],
)
def test_roles_that_cannot_be_placed_are_named(roles: dict[str, object], words: str) -> None:
    with pytest.raises(FigureError, match=words):
        arrange(roles)


def test_further_stages_run_last_and_what_is_not_given_is_said(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text("roles: {ocr: {}}\nstages: {boxes: {count: 1}}")
    chain = profile_chain(str(profile))
    assert [stage.name for stage in chain.stages] == ["ocr", "line_text", "region_nms", "boxes"]
    missing = not_produced(chain)
    assert "masks (role segmentation)" in missing
    assert not any("written lines" in what or what.startswith("objects") for what in missing)


def test_a_stage_can_stand_in_a_chain_twice_under_two_names(tmp_path: Path) -> None:
    profile = tmp_path / "twice.yaml"
    profile.write_text("stages: {boxes: {count: 1}, boxes@more: {count: 2}}")
    assert [stage.name for stage in profile_chain(str(profile)).stages] == ["boxes", "boxes@more"]
    profile.write_text("roles: {ocr: {}}\nstages: {ocr: {}}")
    with pytest.raises(ConfigError, match="'ocr' stands among its roles and among its stages"):
        profile_chain(str(profile))
