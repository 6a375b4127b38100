"""fld report: what the page says, what it must not do, and what lies beside it. The browser has a file of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import reported
from pycocotools.coco import COCO
from typer.testing import CliRunner

from engine import records
from engine.ledger import Ledger
from engine.storage import Folder
from pipelines.cli import app
from pipelines.pages import Options, making, report
from pipelines.pages.html import Markup, tag
from pipelines.pages.numbers import falls, figures_of, spread, steps_of
from pipelines.pages.page import embedded
from pipelines.report import OK, USAGE


def fld(*arguments: object, code: int = OK) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.exit_code, result.output, result.exception)
    return result


class Page(HTMLParser):
    """A page as a reader of HTML sees it: its elements, its words by section, and the data inside it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, str] = {}
        self.data: Any = None
        self.code: list[str] = []
        self._inside, self._section = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        self._inside = f"{tag} {found.get('id', '')}".strip()
        if tag == "section":
            self._section = found["id"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script data":
            self.data = json.loads(data)
        elif self._inside in ("script", "style"):
            self.code.append(data)
        else:
            self.words[self._section] = self.words.get(self._section, "") + data + " "


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reported.dataset(tmp_path_factory.mktemp("report") / "mine")


@pytest.fixture(scope="module")
def text(out: Path) -> str:
    fld("report", out, "--cpu-hour", 0.1, "--gpu-hour", 2)
    return (out / "report.html").read_text()


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_headline_numbers_are_those_of_the_books(page: Page) -> None:
    said = " ".join(page.words["overview"].split())
    for part in ("4 images", "8 texts", "12 regions", "12 phrases", "1 faults"):
        number, name = part.split()
        assert f"{name} {number}" in said
    assert "5 inputs = 4 images + 1 duplicates + 0 quarantined." in said


def test_the_waterfall_names_each_rule_and_ends_with_what_is_left(page: Page) -> None:
    said = " ".join(page.words["drops"].split())
    assert "detector raw +16" in said
    assert "region_score curated −4 left 12" in said


def test_faults_are_shown_with_their_errors(page: Page) -> None:
    assert "captioner" in page.words["trouble"]
    assert reported.SCRIPT in page.words["trouble"]


def test_the_papers_figures_stand_beside_ours(page: Page) -> None:
    said = " ".join(page.words["amounts"].split())
    for figure in ("235M", "7.95", "70.53", "1,289M", "10.25", "28.06", "4.38"):
        assert figure in said
    assert "Of 8 texts" in said


def test_time_and_price_by_stage(page: Page) -> None:
    said = " ".join(page.words["time"].split())
    # 36 s for 4 images: 2.5 hours for 1,000, of 2 CPUs and half a GPU.
    assert "detector raw 4 36.0 0.1 2 0.5 3" in said
    assert "At 0.1 per CPU-hour and 2 per GPU-hour" in said


def test_without_a_price_there_is_none(out: Path, tmp_path: Path) -> None:
    other = shutil.copytree(out, tmp_path / "copy")
    fld("report", other, "--images", 0)
    words = Page((other / "report.html").read_text()).words
    assert "--gpu-hour" in words["time"]
    assert "There are no images to show." in words["gallery"]


def test_sections_have_titles_and_the_menu_leads_to_each(page: Page) -> None:
    ids = [found["id"] for name, found in page.tags if name == "section"]
    links = [found["href"] for name, found in page.tags if name == "a" and found.get("href") != "#content"]
    assert links == [f"#{id}" for id in ids]
    titles = {found["id"] for name, found in page.tags if name == "h2"}
    assert {found["aria-labelledby"] for name, found in page.tags if name == "section"} == titles
    assert len({found.get("id") for _, found in page.tags if found.get("id")}) == sum(
        bool(found.get("id")) for _, found in page.tags
    )


def test_rejected_annotations_are_crops_with_their_reason(page: Page) -> None:
    said = " ".join(page.words["rejected"].split())
    assert said.startswith("Rejected, by reason region_score regions 4")
    assert "<b>bench</b> · a small <b>bench</b>" in said
    assert "value 0.1, threshold 0.4" in said
    crops = [found["src"] for name, found in page.tags if name == "img"]
    assert len(crops) == 4
    assert all(str(source).startswith("data:image/webp;base64,") for source in crops)


def test_a_dropped_phrase_is_told_by_its_words_and_its_region(tmp_path: Path) -> None:
    out = Folder.at(reported.dataset(tmp_path / "out", phrase_score={"min_score": 0.5}))
    report(out, Options())
    page = Page(out.read("report.html").decode())
    said = " ".join(page.words["rejected"].split())
    assert said.count("dog value 0.4, threshold 0.5") == 4
    assert len([found for name, found in page.tags if name == "img"]) == 8


def test_what_comes_from_images_and_texts_is_text(text: str, page: Page) -> None:
    assert [name for name, _ in page.tags if name in ("script", "b", "img")].count("script") == 2
    assert not [name for name, _ in page.tags if name == "b"]
    assert not [key for _, found in page.tags for key in found if key.startswith("on")]
    assert "<script>window" not in text
    assert reported.HARM in {item["text"] for image in page.data["images"] for item in image["views"]["raw"]["texts"]}
    # The parser of a browser leaves a script element at the first of these, whatever stands around it.
    inside = text[text.index('type="application/json"') : text.index('<script type="module">')]
    assert inside.count("</script") == 1
    assert "<!--" not in text
    assert "\u2028" not in inside


def test_nothing_is_asked_of_anywhere(text: str, page: Page) -> None:
    for name, found in page.tags:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            value = found.get(key)
            assert value is None or value.startswith(("data:", "#")), (name, key, value)
    for word in ("fetch(", "XMLHttpRequest", "import(", "@import", "url(", "WebSocket", "sendBeacon"):
        assert word not in "".join(page.code)
    (policy,) = [found["content"] for _, found in page.tags if found.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    for part in page.code:  # the style and the code, and nothing else
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_the_gallery_has_every_step_of_an_image(page: Page) -> None:
    image = next(image for image in page.data["images"] if image["id"].startswith("2"))
    assert list(image["views"]) == ["raw", "curated"]
    assert [region["id"] for region in image["views"]["raw"]["regions"]] == ["r0", "r1", "r2", "l0"]
    assert [region["id"] for region in image["views"]["curated"]["regions"]] == ["r0", "r1", "l0"]
    assert image["rejects"] == [
        {
            "kind": "regions", "id": "r2", "stage": "region_score", "rule": "region_score",
            "value": 0.1, "threshold": 0.4, "detail": None,
        }
    ]  # fmt: skip
    by = {origin["model"]: origin["round"] for origin in page.data["origins"]}
    assert by == {"captioner": 0, "multitask": 1, "detector": 0}


def test_the_same_images_are_chosen_again_and_no_more_than_asked_for(out: Path, tmp_path: Path) -> None:
    other = Folder.at(reported.dataset(tmp_path / "two", shards=3, each=3))
    first, second = (report(other, Options(images=4)).data["images"] for _ in range(2))
    assert first == second == 4
    ids = [[image["id"][0] for image in Page(other.read("report.html").decode()).data["images"]]]
    assert ids == [["0", "3", "6", "7"]]  # of each shard those whose digests come first


def test_before_shows_an_earlier_state_of_the_same_images(out: Path, tmp_path: Path) -> None:
    other = shutil.copytree(out, tmp_path / "later")
    fld("report", other, "--before", out / "raw")
    image = Page((other / "report.html").read_text()).data["images"][0]
    assert list(image["views"]) == ["before", "raw", "curated"]
    (other / "raw" / "step.json").write_text('{"command": "annotate", "dataset": "two"}')
    result = fld("report", out, "--before", other / "raw", code=USAGE)
    assert "made from other images" in result.stderr


def test_a_step_alone_and_pictures_that_are_gone(out: Path, tmp_path: Path) -> None:
    other = shutil.copytree(out / "curated", tmp_path / "alone")
    fld("report", other)
    page = Page((other / "report.html").read_text())
    assert {image["picture"] for image in page.data["images"]} == {None}
    assert "12" in page.words["overview"]


def test_figures_of_evaluate_are_shown_by_step(out: Path, tmp_path: Path) -> None:
    other = shutil.copytree(out, tmp_path / "measured")
    for step, f1 in (("raw", 0.25), ("curated", 0.5)):
        figures = {
            "predictions": f"/elsewhere/{step}", "truth": "truth.json", "images": {"matched": 4},
            "label_f1": {"texts": None, "regions": f1, "phrases": f1, "mean": f1},
            "regions": {"ap": f1 / 2}, "texts": {}, "phrases": {}, "lines": {},
        }  # fmt: skip
        (other / f"figures-{step}.json").write_text(json.dumps(figures))
    fld("report", other)
    said = " ".join(Page((other / "report.html").read_text()).words["quality"].split())
    assert "raw – 0.250 0.250 0.250 4 curated – 0.500 0.500 0.500 4" in said
    assert "AP raw 0.125 curated 0.250" in said
    result = fld("report", other, "--figures", other / "step.json", code=USAGE)
    assert "fld evaluate --json" in result.stderr


def test_what_is_no_output_is_refused(tmp_path: Path) -> None:
    assert "is not the output of a fld command" in fld("report", tmp_path, code=USAGE).stderr
    (tmp_path / "step.json").write_text('{"command": "ingest"}')
    assert "has no finished shard" in fld("report", tmp_path, code=USAGE).stderr


def test_the_coco_json_opens_elsewhere_and_comes_in_again(out: Path, text: str, tmp_path: Path) -> None:
    coco = COCO(str(out / "report.coco.json"))
    assert len(coco.getImgIds()) == 4
    assert sorted(cat["name"] for cat in coco.loadCats(coco.getCatIds())) == ["cat", "dog", "text"]
    first = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(["cat"])))[0]
    assert first["bbox"] == [5, 10, 15, 30]
    assert coco.annToMask(first).any()
    fld("ingest", f"{out / 'report.coco.json'}?images={out / 'report.images'}", tmp_path / "again")
    (only,) = steps_of(Folder.at(tmp_path / "again"))
    assert only.books["images"] == 4
    assert only.books["annotations"]["regions"]["object"] == 12


def test_falls_end_with_what_the_last_step_has(out: Path) -> None:
    steps = steps_of(Folder.at(out))
    for kind in records.ANNOTATIONS:
        _, _, left = falls(steps, kind)
        assert left == sum(steps[-1].books["annotations"][kind].values())


def test_ledgers_with_statistics_are_enough(tmp_path: Path) -> None:
    """The shards of what is measured are not opened: here they are no Parquet at all."""
    out = Folder.at(reported.dataset(tmp_path / "out"))
    step = steps_of(out)[-1]
    assert figures_of(step).sampled is False  # the one shard was looked at
    counts = {"amounts": {"text.brief.annotations": 7}, "names": {"cat": 3}}
    mark = out.write("curated/shards/part-000000.parquet", b"no Parquet")
    ledger = Ledger("part-000000", "x", 4, files={"shards/part-000000.parquet": mark}, counts=counts)
    ledger.write(out / "curated")
    assert figures_of(steps_of(out)[-1]).groups == counts


def test_the_page_stays_small_and_says_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Folder.at(reported.dataset(tmp_path / "out"))
    whole = report(out, Options()).data
    monkeypatch.setattr(making, "BUDGET", 9_000)
    part = report(out, Options()).data
    assert 0 < part["images"] < whole["images"]
    assert part["bytes"] < whole["bytes"]
    assert "would have made this file too large" in Page(out.read("report.html").decode()).words["gallery"]


@pytest.mark.parametrize(("count", "most", "expected"), [(3, 8, "abc"), (8, 4, "aceg"), (0, 4, ""), (5, 2, "ac")])
def test_spread(count: int, most: int, expected: str) -> None:
    assert spread("abcdefgh"[:count], most) == list(expected)


def test_tags_escape_all_but_markup() -> None:
    assert tag("p", "<b>", Markup("<i></i>"), 3, None, ["&", "x"], title='"<') == (
        '<p title="&quot;&lt;">&lt;b&gt;<i></i>3&amp;x</p>'
    )
    assert tag("input", type="checkbox", checked=True, disabled=False) == '<input type="checkbox" checked>'


def test_embedded_json_is_ascii_without_angle_brackets() -> None:
    value = {"</script>": "<!-- \u2028\u2029 & 犬"}
    assert re.fullmatch(r"[ -;=?-~]*", embedded(value).replace("&", "<"))
    assert json.loads(embedded(value)) == value
