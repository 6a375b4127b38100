"""OCR reads what is written, where it is written, in the pixels of the upright image."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fakes import png
from PIL import Image, ImageDraw, ImageFont

from engine import records
from engine.checks import check
from engine.images import Limits, probe
from engine.stage import Chain, ChainError
from engine.worker import Work, Worker
from specialists import ocr
from specialists.ocr import Ocr


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker([Ocr()], 2)
    yield worker
    worker.close()


def page(lines: dict[tuple[int, int], str], size: tuple[int, int] = (640, 360), height: int = 40) -> Image.Image:
    """White paper with text at these places (left, top)."""
    image = Image.new("RGB", size, "white")
    font = ImageFont.load_default(height)
    for place, line in lines.items():
        ImageDraw.Draw(image).text(place, line, "black", font)
    return image


def jpeg(image: Image.Image, orientation: int = 1) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def table(*images: bytes) -> pa.Table:
    rows = []
    for data in images:
        found = probe(data, Limits(), "x.jpg")
        rows.append(
            {
                "image_id": hashlib.sha256(data).hexdigest(), "image": {"bytes": data, "path": "x.jpg"},
                "width": found.width, "height": found.height, "source": "t", "uri": "x.jpg", "phash": found.phash,
                "texts": [], "regions": [], "phrases": [], "faults": [],
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, records.SCHEMA)


def read(worker: Worker, *images: bytes) -> list[list[dict[str, Any]]]:
    done = worker(Work.of(table(*images)))
    check(done.table)
    assert done.table["faults"].to_pylist() == [[] for _ in images]
    return list(done.table["regions"].to_pylist())


def words(regions: list[dict[str, Any]]) -> list[str]:
    return [region["labels"][0]["text"] for region in regions]


def test_lines_are_read_with_their_places(worker: Worker) -> None:
    (regions,) = read(worker, jpeg(page({(40, 30): "EXIT ONLY", (300, 250): "Room 42"})))
    assert words(regions) == ["EXIT ONLY", "Room 42"]
    top, bottom = (region["box"] for region in regions)
    assert np.allclose(top[:2], (40, 30), atol=15)
    assert np.allclose(bottom[:2], (300, 250), atol=15)
    for region in regions:
        assert region["kind"] == "text"
        assert region["score"] > 0.8
        assert region["best"] == 0
        assert region["labels"][0]["granularity"] == "ocr"
        assert region["origin"] == {"model": "rapidocr", "revision": Ocr().revision(), "round": 0}


def test_quads_run_clockwise_from_the_top_left(worker: Worker) -> None:
    tilted = page({(120, 140): "TILTED SIGN"}, height=50).rotate(
        12, fillcolor="white", resample=Image.Resampling.BICUBIC
    )
    (regions,) = read(worker, jpeg(tilted))
    x, y = np.array(regions[0]["quad"]).reshape(4, 2).T
    assert x[0] < x[1]
    assert y[0] < y[3]
    assert y[1] < y[0]  # turned to the left, the text rises to the right
    assert 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0  # clockwise where y points down
    assert regions[0]["box"] == [x.min(), y.min(), x.max(), y.max()]


@pytest.mark.parametrize(("orientation", "turn"), [(6, Image.Transpose.ROTATE_90), (3, Image.Transpose.ROTATE_180)])
def test_coordinates_are_those_of_the_upright_image(worker: Worker, orientation: int, turn: Image.Transpose) -> None:
    upright = page({(40, 30): "UPRIGHT TEXT"}, size=(641, 359))
    plain, turned = read(worker, jpeg(upright), jpeg(upright.transpose(turn), orientation))
    assert words(plain) == words(turned) == ["UPRIGHT TEXT"]
    assert np.allclose(plain[0]["box"], turned[0]["box"], atol=4)


def test_a_large_image_is_read_small_and_its_boxes_are_not(worker: Worker) -> None:
    (regions,) = read(worker, jpeg(page({(2000, 1500): "FAR AWAY"}, size=(3001, 2003), height=120)))
    assert words(regions) == ["FAR AWAY"]
    assert np.allclose(regions[0]["box"][:2], (2000, 1500), atol=45)


def test_a_long_thin_strip_keeps_its_geometry(worker: Worker) -> None:
    (regions,) = read(worker, jpeg(page({(2200, 10): "END OF STRIP"}, size=(2700, 70), height=48)))
    assert " ".join(words(regions)) == "END OF STRIP"
    assert abs(min(region["box"][0] for region in regions) - 2200) < 40


def test_no_text_is_no_region_and_no_fault(worker: Worker) -> None:
    assert read(worker, jpeg(Image.new("RGB", (200, 100), "gray")), jpeg(page({}))) == [[], []]


def with_engine(engine: Any, *images: bytes) -> pa.Table:
    """What the adapter makes of an engine's answers."""
    single = Worker([Ocr()], 1)
    engines = single.stages[0]._engines  # type: ignore[attr-defined]
    engines.get()
    engines.put(engine)
    done = single(Work.of(table(*images)))
    single.close()
    return done.table


def answer(texts: list[str] | None, quads: Any) -> Any:
    from rapidocr.utils.output import RapidOCROutput

    scores = None if texts is None else [0.5] * len(texts)
    return lambda image: RapidOCROutput(boxes=np.array(quads, np.float32), txts=texts, scores=scores)


@pytest.mark.parametrize("text", ["Crème brûlée", "東京タワー", "صباح الخير", "🙂👍🏽", "a<b>&\n\u200b"])
def test_unicode_is_kept_as_the_model_gives_it(text: str) -> None:
    done = with_engine(answer([text], [[[1, 1], [9, 1], [9, 5], [1, 5]]]), png(1))
    assert words(done["regions"][0].as_py()) == [text]


def test_a_quad_that_sticks_out_ends_at_the_image() -> None:
    done = with_engine(answer(["x"], [[[-23, -22], [70, -19], [64, 53], [-19, 55]]]), png(1))
    check(done)
    assert done["regions"][0].as_py()[0]["box"] == [0, 0, 40, 30]


def test_what_the_package_swallows_is_a_fault_here() -> None:
    done = with_engine(answer(None, [[[1, 1], [9, 1], [9, 5], [1, 5]]]), png(1))
    assert "the recogniser gave nothing" in done["faults"][0].as_py()[0]["error"]


def test_cores_do_not_change_the_result(worker: Worker) -> None:
    images = [jpeg(page({(40, 30 + 10 * i): f"LINE NUMBER {i}"})) for i in range(4)]
    one = Worker([Ocr()], 1)
    assert one(Work.of(table(*images))).table.equals(worker(Work.of(table(*images))).table)
    one.close()


def test_the_revision_is_that_of_the_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = Chain((Ocr(),)).fingerprint("x")
    (tmp_path / "det.onnx").write_bytes(b"other weights")
    monkeypatch.setattr(ocr, "_weights", lambda: (tmp_path / "det.onnx",))
    ocr._digest.cache_clear()
    after = Chain((Ocr(),)).fingerprint("x")
    ocr._digest.cache_clear()
    assert before != after


def test_missing_weights_are_told_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_weights", lambda: ())
    with pytest.raises(ChainError, match="pip install --force-reinstall rapidocr"):
        Ocr().check()


@pytest.mark.parametrize("wrong", [{"min_score": 2}, {"max_side": 8}, {"min_side": 8}])
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="ocr"):
        Ocr(**wrong)


def test_a_small_image_is_read_where_it_is_enlarged_less() -> None:
    quick = Worker([Ocr(min_side=320)], 1)
    (regions,) = read(quick, jpeg(page({(30, 40): "OPEN", (60, 180): "CLOSED"}, (320, 320))))
    quick.close()
    assert words(regions) == ["OPEN", "CLOSED"]
    assert np.allclose([region["box"][:2] for region in regions], [(30, 40), (60, 180)], atol=14)


def test_a_large_page_is_read_in_tiles_each_line_once() -> None:
    lines = {
        (30, 40): "first corner",
        (900, 500): "across the seam of two",
        (1900, 1100): "last corner",
        (60, 1050): "17",
    }
    tiled = Worker([Ocr(tile=1024, max_side=1024)], 2)
    (regions,) = read(tiled, jpeg(page(lines, (2100, 1200), height=30)))
    tiled.close()
    assert sorted(words(regions)) == sorted(lines.values())
    for region in regions:
        place = next(place for place, line in lines.items() if line == region["labels"][0]["text"])
        assert np.allclose(region["box"][:2], place, atol=12)
    assert [region["id"] for region in regions] == [f"ocr.{i}" for i in range(4)]


def test_a_tall_thin_image_is_read_without_being_blown_up() -> None:
    seen = []

    class Engine:
        def __call__(self, image: np.ndarray) -> Any:
            seen.append(image.shape)
            return type("Result", (), {"boxes": None, "txts": None})()

    ocr._recognise(Engine(), np.zeros((3000, 17, 3), np.uint8), np.ones(2, np.float32))
    ocr._recognise(Engine(), np.zeros((60, 400, 3), np.uint8), np.ones(2, np.float32))
    assert seen == [(3000, 375, 3), (60, 400, 3)]
