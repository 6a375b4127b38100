"""Azure AI Vision Read: what is sent, and that its lines land on the pixels of the upright image."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pyarrow as pa
import pytest
from misbehaving import Asked, Reply, Service, serve
from PIL import Image

from engine import records
from engine.checks import check
from engine.images import Limits, probe
from engine.stage import ChainError, Halt
from engine.worker import Work, Worker
from specialists.online.azure import AzureRead, encode
from specialists.online.spending import Requests

KEY = "0123456789abcdef-secret"
RED = (255, 0, 0)


def answer(*lines: dict[str, Any]) -> dict[str, Any]:
    """In the form of the service's documentation."""
    return {
        "modelVersion": "2023-10-01", "metadata": {"width": 1, "height": 1},
        "readResult": {"blocks": [{"lines": list(lines)}]},
    }  # fmt: skip


def line(text: str, x0: float, y0: float, x1: float, y1: float, *confidences: float) -> dict[str, Any]:
    corners = [{"x": x, "y": y} for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    words = [{"text": "w", "boundingPolygon": corners, "confidence": each} for each in confidences]
    return {"text": text, "boundingPolygon": corners, "words": words}


def red(asked: Asked) -> Reply:
    """Reads a line where the picture that it was sent is red."""
    pixels = np.asarray(Image.open(io.BytesIO(asked.body)).convert("RGB")).astype(int)
    y, x = np.nonzero((pixels[..., 0] > 150) & (pixels[..., 1:].max(axis=2) < 100))
    edges = (int(edge) for edge in (x.min(), y.min(), x.max() + 1, y.max() + 1))
    return Reply(answer(line("RED", *edges, 0.5, 1.0)))


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("FLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("VISION_KEY", KEY)
    monkeypatch.delenv("VISION_ENDPOINT", raising=False)
    with serve(red) as running:
        yield running


def stage(service: Service, **settings: Any) -> AzureRead:
    return AzureRead(endpoint=service.url, requests=Requests(first_wait=0.001, attempts=3), **settings)


def run(reader: AzureRead, given: pa.Table, cpus: int = 1) -> Work:
    worker = Worker([reader], cpus)
    try:
        done = worker(Work.of(given))
    finally:
        worker.close()
    check(done.table)
    return done


def table(image: Image.Image, orientation: int = 1) -> pa.Table:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    data = file.getvalue()
    found = probe(data, Limits(), "x.png")
    row = fakes.table(1).to_pylist()[0] | {
        "image": {"bytes": data, "path": "x.png"}, "width": found.width, "height": found.height,
    }  # fmt: skip
    return pa.Table.from_pylist([row], records.SCHEMA)


def painted(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    image = Image.new("RGB", size, "white")
    image.paste(RED, box)
    return image


def test_a_line_is_a_text_region(service: Service) -> None:
    done = run(stage(service), table(painted((641, 359), (40, 30, 140, 60))))
    (region,) = done.table["regions"].to_pylist()[0]
    origin = {"model": "azure-read", "revision": "2023-10-01", "round": 0}
    assert region["id"] == "azure_read.0"
    assert (region["kind"], region["score"], region["best"], region["origin"]) == ("text", 0.75, 0, origin)
    assert region["labels"] == [
        {"granularity": "ocr", "text": "RED", "score": 0.75, "origin": origin, "similarity": None}
    ]
    assert np.allclose(region["quad"], [40, 30, 140, 30, 140, 60, 40, 60], atol=2)
    assert region["box"] == [*region["quad"][:2], *region["quad"][4:6]]


def test_how_the_service_is_asked(service: Service) -> None:
    run(stage(service, release="2023-10-01"), table(painted((64, 60), (4, 3, 40, 30))))
    (asked,) = service.asked
    path, _, query = asked.path.partition("?")
    assert path == "/computervision/imageanalysis:analyze"
    assert query.split("&") == ["api-version=2024-02-01", "features=read", "model-version=2023-10-01"]
    assert asked.headers["ocp-apim-subscription-key"] == KEY
    assert asked.headers["content-type"] == "application/octet-stream"
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(("orientation", "turn"), [(6, Image.Transpose.ROTATE_90), (3, Image.Transpose.ROTATE_180)])
@pytest.mark.parametrize("max_side", [4096, 150])
def test_quads_are_in_pixels_of_the_upright_image(
    service: Service, orientation: int, turn: Image.Transpose, max_side: int
) -> None:
    box = (300, 200, 501, 289)
    upright = painted((641, 359), box)
    done = run(stage(service, max_side=max_side), table(upright.transpose(turn), orientation))
    assert Image.open(io.BytesIO(service.asked[0].body)).size == ((641, 359) if max_side > 641 else (150, 84))
    assert np.allclose(done.table["regions"].to_pylist()[0][0]["box"], box, atol=641 / min(max_side, 641) * 1.5)


@pytest.mark.parametrize(("size", "sent"), [((40, 30), (50, 50)), ((3000, 40), (1500, 50)), ((50, 51), (50, 51))])
def test_a_small_side_is_filled_up_and_moves_nothing(
    service: Service, size: tuple[int, int], sent: tuple[int, int]
) -> None:
    box = (8, 8, 32, 24)
    done = run(stage(service, max_side=1500), table(painted(size, box)))
    assert Image.open(io.BytesIO(service.asked[0].body)).size == sent
    assert np.allclose(done.table["regions"].to_pylist()[0][0]["box"], box, atol=4)


def test_a_file_too_large_for_the_service_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    whole, _ = encode(noise, 4096, 95)
    monkeypatch.setattr("specialists.online.azure.MOST_BYTES", len(whole) // 2)
    data, size = encode(noise, 4096, 95)
    assert len(data) <= len(whole) // 2
    assert Image.open(io.BytesIO(data)).size == size
    assert abs(size[0] / size[1] - 1.5) < 0.02


def test_lines_of_all_blocks_in_order_those_without_area_left_out(service: Service) -> None:
    found = answer(line("one", -5, 0, 20, 10, 0.9), line("flat", 1, 5, 30, 5), line("no words", 0, 20, 20, 29))
    found["readResult"]["blocks"].append({"lines": [line("two", 60, 60, 80, 80), line("東京", 30, 20, 60, 50, 1.7)]})
    service.usual = lambda asked: Reply(found)
    (regions,) = run(stage(service), fakes.table(1)).table["regions"].to_pylist()
    assert [region["labels"][0]["text"] for region in regions] == ["one", "no words", "東京"]
    assert [region["id"] for region in regions] == ["azure_read.0", "azure_read.1", "azure_read.2"]
    assert [region["box"] for region in regions] == [[0, 0, 20, 10], [0, 20, 20, 29], [30, 20, 40, 30]]
    assert regions[0]["score"] == pytest.approx(0.9)
    assert [region["score"] for region in regions[1:]] == [None, 1.0]


def test_no_text_is_no_region_and_no_fault(service: Service) -> None:
    service.usual = lambda asked: Reply({"modelVersion": "2023-10-01", "readResult": {"blocks": []}})
    done = run(stage(service), fakes.table(2))
    assert done.table["regions"].to_pylist() == done.table["faults"].to_pylist() == [[], []]


def test_what_is_read_is_not_read_again(service: Service) -> None:
    done = run(stage(service), table(painted((64, 60), (4, 3, 40, 30))))
    assert run(stage(service), done.table).table.equals(done.table)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"readResult": {"blocks": []}},
        {"modelVersion": "1", "readResult": None},
        answer({"text": "three corners", "boundingPolygon": [{"x": 1, "y": 1}] * 3}),
        answer({"text": "no corners", "boundingPolygon": [{"x": None, "y": 1}] * 4}),
    ],
)
def test_an_answer_of_another_form_is_asked_for_again_then_a_fault(service: Service, bad: dict[str, Any]) -> None:
    service.script = [Reply(bad)]
    given = table(painted((64, 60), (4, 3, 40, 30)))
    assert len(run(stage(service), given).table["regions"].to_pylist()[0]) == 1
    service.usual = lambda asked: Reply(bad)
    done = run(stage(service, release="other"), given)
    assert "no usable answer" in done.table["faults"].to_pylist()[0][0]["error"]


def test_a_refused_key_ends_the_run(service: Service) -> None:
    service.usual = lambda asked: Reply({"error": {"code": "401", "message": "Access denied"}}, 401)
    with pytest.raises(Halt, match=r"azure_read: .*Access denied.*Is the key in \$VISION_KEY right"):
        run(stage(service), fakes.table(2))


def test_cores_and_repetition_do_not_change_the_result(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pa.concat_tables([table(painted((64 + i, 60), (4, 3, 40, 30))) for i in range(3)])
    rows = [row | {"image_id": str(i)} for i, row in enumerate(given.to_pylist())]
    given = pa.Table.from_pylist(rows, records.SCHEMA)
    one, two = run(stage(service), given), run(stage(service), given, cpus=2)
    assert one.table.equals(two.table)


@pytest.mark.parametrize(
    ("gone", "setting", "said"),
    [
        ("VISION_KEY", {"endpoint": "http://host"}, "environment variable VISION_KEY"),
        ("", {}, "in `endpoint` or in \\$VISION_ENDPOINT"),
        ("", {"endpoint": "host.example"}, "must begin with http"),
        ("", {"endpoint": "http://host", "key_env": "OTHER_KEY"}, "environment variable OTHER_KEY"),
    ],
)
def test_what_is_missing_is_told_before_the_run(
    service: Service, monkeypatch: pytest.MonkeyPatch, gone: str, setting: dict[str, Any], said: str
) -> None:
    if gone:
        monkeypatch.delenv(gone)
    with pytest.raises(ChainError, match=f"azure_read: .*{said}"):
        AzureRead(**setting).check()


@pytest.mark.parametrize("setting", [{"max_side": 20}, {"max_side": 20_000}, {"quality": 0}])
def test_settings_that_make_no_sense(setting: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="azure_read"):
        AzureRead(**setting)
