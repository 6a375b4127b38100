"""Where a profile's roles stand in the chain, and what a chain does not give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import pipelines
from pipelines.config import ConfigError, load_profile, profile_chain
from pipelines.figure import FIGURE, FigureError, arrange, not_produced

PROFILES = Path(pipelines.__file__).parent / "profiles"
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
        ({"detektion": None}, r"no role 'detektion'; did you mean 'detection'\?"),
        (
            {"detection": {"stage": None}},
            "detection: stage: expected a stage's name, found None; without it, detection",
        ),
        ({"detailed": {"stage": ["aggregator"]}}, "without it, aggregator plays it"),
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


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ("detection: {stage: captioning}", "detection: the stage 'captioning' gives texts.brief, and this role stands"),
        ("grounding: {stage: category_grounding, categories: [dog]}", "this role stands for phrases.regions"),
        ("detailed: {stage: captioning, granularities: [brief]}", "stands for texts.detailed or texts.more_detailed"),
        ("segmentation: {stage: boxes}", "segmentation: the stage 'boxes' gives regions.object"),
        ("ocr: {stage: detection}", "ocr: the stage 'detection' gives regions.labels, regions.object"),
    ],
)
def test_a_stage_that_gives_something_else_cannot_play_a_role(tmp_path: Path, roles: str, words: str) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(f"roles: {{{roles}}}")
    with pytest.raises(ConfigError, match=re.escape(f"profile {profile}: ")) as error:
        profile_chain(str(profile))
    assert words in str(error.value)


@pytest.mark.parametrize(
    "roles",
    [
        "detection: {stage: category_grounding, categories: [dog]}",
        "detection: {proposals: true}",
        "detection: {stage: boxes}",
        "captioning: {granularities: [detailed]}",
        "detailed: {stage: large_model}",
        "ocr: {stage: azure_read}",
    ],
)
def test_a_stage_that_gives_some_of_what_its_role_stands_for_can_play_it(tmp_path: Path, roles: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"roles: {{{roles}}}")
    assert profile_chain(str(tmp_path / "mine.yaml")).stages


@pytest.mark.parametrize(
    ("roles", "said", "unsaid"),
    [
        ("grounding", ["phrases but for texts that the sources bring (role captioning)"], ["masks but"]),
        ("grounding", ["phrases' regions but for texts that the sources bring (role captioning)"], []),
        ("grounding, captioning", [], ["phrases"]),
        ("grounding, detailed", [], ["phrases"]),
        ("segmentation", ["masks but for objects that the sources bring (role detection)"], []),
        ("segmentation, ocr", ["masks but for objects that the sources bring (role detection)"], ["written lines"]),
        ("segmentation, detection", [], ["masks"]),
        ("segmentation, grounding", ["phrases but for texts"], ["masks"]),
        ("crop_captioning", ["brief texts of regions but for objects that the sources bring"], []),
        ("scoring", ["chosen labels and similarities but for texts and labels that the sources bring"], []),
        ("scoring, detection", [], ["chosen labels"]),
    ],
)
def test_what_only_the_sources_could_feed_is_said(
    tmp_path: Path, roles: str, said: list[str], unsaid: list[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"roles": dict.fromkeys(roles.split(", "))}))
    missing = "; ".join(not_produced(profile_chain(str(tmp_path / "mine.yaml"))))
    assert all(words in missing for words in said)
    assert not any(words in missing for words in unsaid)


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("roles:", "there are no stages. Give `roles:` one or some of ocr, detection"),
        ("", "there are no stages"),
        ("roles: [ocr]", "roles: expected keys and values, found ['ocr']"),
        ("roles: {ocr: {max_sid: 3}}", "mine.yaml: ocr: unknown key 'max_sid'; did you mean 'max_side'?"),
        ("roles: {ocr: {resources: {actors: 3}}}", "mine.yaml: ocr: resources: actors: expected a list, found 3"),
        ("roles:\n  ocr: {}\n  ocr: {min_score: 1}", "mine.yaml: line 3: the key 'ocr' stands there twice; keep one"),
        ("roles: {ocr: {min_score: 0, min_score: 1}}", "line 1: the key 'min_score' stands there twice"),
    ],
)
def test_a_profile_that_cannot_be_used_is_told_with_its_place(tmp_path: Path, profile: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(profile)
    with pytest.raises(ConfigError, match=re.escape(words)) as error:
        profile_chain(str(path))
    assert str(path) in str(error.value)


def test_keys_that_another_mapping_lends_may_be_given_anew(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("stages:\n  boxes: &one {count: 3}\n  boxes@more: {<<: *one, count: 4}")
    assert [stage.settings()["count"] for stage in profile_chain(str(path)).stages] == [3, 4]


@pytest.mark.parametrize("name", sorted(path.name for path in PROFILES.glob("*.yaml")))
def test_a_profile_that_comes_along_is_the_same_by_name_and_by_path(name: str) -> None:
    assert load_profile(name.removesuffix(".yaml")) == load_profile(str(PROFILES / name))
