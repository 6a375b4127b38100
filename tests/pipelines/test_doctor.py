"""fld doctor on profiles: it finds all that is wrong, and says how to mend it; and what the bundled ones promise."""

from __future__ import annotations

import math
import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from misbehaving import Reply, closed_port, serve

from engine.stage import pack_resources
from engine.storage import Folder
from pipelines.config import load_profile, profile_chain
from pipelines.doctor import doctor
from pipelines.fetch import hub_ids
from pipelines.readiness import Finding, examine
from pipelines.report import USAGE
from specialists.checkpoints.catalogue import CATALOGUE

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
PROFILES = ("hub", "hub-small")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLD_CACHE", str(tmp_path / "cache"))
    for name in ("FLD_PINS", "OPENAI_API_KEY", "OPENAI_BASE_URL", "VISION_KEY", "VISION_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def found(profile: str, tmp_path: Path) -> dict[str, Finding]:
    path = tmp_path / "mine.yaml"
    path.write_text(profile)
    return {finding.name: finding for finding in examine(str(path)).findings}


def test_all_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    profile = """
    roles:
      ocr: {max_sid: 3}
      detection: {weights: facebook/sam-vit-huge@v1}
      segmentation: {weights: /no/folder}
    stages:
      nobodys: {}
      azure_read: {}
    """
    seen = found(profile, tmp_path)
    assert "unknown key 'max_sid'" in seen["ocr"].seen
    assert seen["detection"].seen == "facebook/sam-vit-huge@v1 is not here (Apache-2.0, 2.6 GB at most)"
    assert seen["detection"].mend == f"fld fetch --profile {tmp_path / 'mine.yaml'}"
    assert "there is no folder /no/folder" in seen["segmentation"].seen
    assert "no stage is registered as 'nobodys'" in seen["nobodys"].seen
    assert "no endpoint" in seen["azure_read"].seen
    assert seen["weights"].works
    assert "2.6 GB at most to fetch" in seen["weights"].seen
    assert not any(seen[name].works for name in ("ocr", "detection", "segmentation", "nobodys", "azure_read"))


def test_a_profile_that_is_none_is_wrong_use_and_all_else_is_looked_at_still(tmp_path: Path) -> None:
    report = doctor(str(tmp_path / "none.yaml"), address=None, out=Folder.at(tmp_path))
    assert report.code == USAGE
    assert any(line.startswith("FAIL  profile") for line in report.lines)
    assert any(line.startswith("ok    disk") for line in report.lines)


def test_a_key_is_looked_for_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda asked: Reply("who?", 401)) as service:
        monkeypatch.setenv("VISION_ENDPOINT", service.url)
        assert "VISION_KEY" in found("stages: {azure_read: {}}", tmp_path)["azure_read"].seen
        monkeypatch.setenv("VISION_KEY", "secret0123456789")
        seen = found("stages: {azure_read: {}}", tmp_path)
    assert seen["azure_read"].works
    assert f"at {service.url}, which answers, with the key in $VISION_KEY, which is set" in seen["azure_read"].seen
    assert "secret" not in str(seen)
    assert [asked.body for asked in service.asked] == [b""]
    assert "secret" not in str(service.asked)


def test_an_endpoint_where_nobody_answers_is_told(tmp_path: Path) -> None:
    url = closed_port()
    seen = found(f"stages: {{large_model: {{endpoint: {url}, model: m}}}}", tmp_path)["large_model"]
    assert not seen.works
    assert f"{url} cannot be reached" in seen.seen
    with serve(lambda asked: Reply("", 503)) as service:
        seen = found(f"stages: {{large_model: {{endpoint: {service.url}, model: m}}}}", tmp_path)["large_model"]
    assert not seen.works
    assert "answers 503" in seen.seen


def test_what_runs_twice_is_looked_at_once(tmp_path: Path) -> None:
    profile = """
    roles:
      detection: {weights: a/b, resources: {pack: one}}
      grounding: {weights: a/c}
      detailed: {resources: {pack: late}}
    stages:
      boxes: {count: 1}
      boxes@more: {count: 2}
    """
    seen = found(profile, tmp_path)
    assert set(seen) >= {"phrases", "region_merge", "grounding", "boxes", "boxes@more"}
    assert not [name for name in seen if name.endswith("@detailed")]


def test_no_cluster_is_looked_at_that_nobody_asked_for(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("stages: {boxes: {resources: {cpus: 1000}}}")
    report = doctor("mine.yaml", address=None, out=Folder.at(tmp_path))
    (seen,) = [finding for finding in report.data["findings"] if finding["name"] == "ray cluster"]
    assert seen["works"]
    assert "not looked at" in seen["seen"]
    assert not [problem for problem in report.problems if "cluster" in problem]


def test_weights_that_two_stages_name_are_counted_once(tmp_path: Path) -> None:
    profile = """
    roles:
      detection: {weights: facebook/sam-vit-huge}
      segmentation: {weights: facebook/sam-vit-huge}
      crop_captioning: {weights: someone/unknown}
    """
    assert "2.6 GB at most and 1 of unknown size to fetch" in found(profile, tmp_path)["weights"].seen


@pytest.mark.parametrize("profile", PROFILES)
def test_a_hub_profile_names_all_roles_and_what_is_known_of_its_weights(profile: str) -> None:
    text = (files("pipelines") / "profiles" / f"{profile}.yaml").read_text()
    roles = load_profile(profile).roles
    named = {settings["weights"] for settings in roles.values() if "weights" in settings}
    assert len(named) == 5
    assert set(roles) >= {"ocr", "detection", "captioning", "grounding", "segmentation", "crop_captioning", "scoring"}
    documented = DOCS.read_text()
    for weights in named:
        known = CATALOGUE[weights]
        assert re.search(rf"\| `{weights}` \|.*\| {known.licence} \|.*{known.gigabytes:g} GB", documented), weights
    total = sum(CATALOGUE[weights].gigabytes for weights in named)
    assert f"gets {total:.0f} GB" in text


@pytest.mark.parametrize(("profile", "gpu"), [("hub", 80), ("hub-small", 16)])
def test_the_weights_of_a_hub_profiles_workers_fit_their_gpu_with_as_much_room_again(profile: str, gpu: float) -> None:
    roles = load_profile(profile).roles
    shares = sum(settings.get("resources", {}).get("gpus", 0) for settings in roles.values())
    weights = sum({s["weights"]: CATALOGUE[s["weights"]].gigabytes for s in roles.values() if "weights" in s}.values())
    assert math.floor(1 / shares + 1e-9) * weights * 2 <= gpu


@pytest.mark.parametrize("profile", PROFILES)
def test_a_hub_profile_makes_a_chain_of_two_workers(profile: str) -> None:
    chain = profile_chain(profile)
    assert [name for name, _ in chain.packs()] == ["ocr", "gpu"]
    assert pack_resources(chain.packs()[1][1]).gpus <= 1
    assert len(set(hub_ids(chain))) == 5
    assert yaml.safe_load((files("pipelines") / "profiles" / f"{profile}.yaml").read_text())["description"]
