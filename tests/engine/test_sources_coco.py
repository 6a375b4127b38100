"""COCO json: what people said of an image arrives exactly, in upright pixels, or is accounted for."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from engine import geometry, records
from engine.checks import check
from engine.images import Limits
from engine.sources import SourceError, list_inputs
from engine.sources.fetch import Refused, Usable, fetch

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

WIDTH, HEIGHT = 40, 30


def jpeg(size: tuple[int, int] = (WIDTH, HEIGHT), orientation: int = 1) -> bytes:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (size[0], orientation, 0)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def image(id: Any, name: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "file_name": name, "width": WIDTH, "height": HEIGHT} | more


def boxed(image_id: Any, box: list[float], **more: Any) -> dict[str, Any]:
    return {"image_id": image_id, "bbox": box, "category_id": 7} | more


def write(folder: Path, images: list[Any], annotations: list[Any], name: str = "i.json", **more: Any) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"info": {"x": [1]}, "images": images, "annotations": annotations}
    whole |= {"categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}]} | more
    (folder / name).write_text(json.dumps(whole, indent=1))
    return str(folder / name)


def fetched(*specs: str, **options: Any) -> dict[str, Usable | Refused]:
    found = fetch(list_inputs(specs, **options), Limits())
    return {outcome.uri.rpartition("/")[2]: outcome for outcome in found}


def usable(*specs: str) -> Usable:
    (only,) = fetched(*specs).values()
    assert isinstance(only, Usable)
    return only


class TestAnnotations:
    def test_boxes_polygons_and_labels_arrive_exactly(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        (tmp_path / "b.jpg").write_bytes(jpeg((WIDTH, HEIGHT), 2))
        rings = [[1.13, 2.57, 10.01, 2.5, 10.3, 20.25, 1.13, 2.57], [3, 3, 4, 3, 4, 4]]
        spec = write(
            tmp_path,
            [image(1, "a.jpg"), image("b", "b.jpg")],
            [
                boxed("b", [0, 0, 40, 30], category_id=9),
                boxed(1, [1.13, 2.57, 9.17, 17.68], segmentation=rings, iscrowd=0, area=1),
                boxed(1, [5, 5, 1, 1]),
            ],
        )
        found = fetched(spec)
        a, b = found["a.jpg"], found["b.jpg"]
        assert isinstance(a, Usable)
        assert isinstance(b, Usable)
        first, second = a.regions
        assert first["box"] == np.float32([1.13, 2.57, 1.13 + 9.17, 2.57 + 17.68]).tolist()
        assert first["polygons"] == [np.float32(ring).tolist() for ring in rings]
        assert (first["id"], second["id"], b.regions[0]["id"]) == ("human.0", "human.1", "human.0")
        assert (first["crowd"], second["crowd"], second["polygons"]) == (False, None, None)
        assert (first["kind"], first["score"], first["best"]) == ("object", None, 0)
        assert first["labels"] == [records.label("phrase", "cat", records.HUMAN)]
        assert first["origin"] == records.HUMAN.as_dict()
        assert b.regions[0]["labels"][0]["text"] == "dog"

    def test_masks_of_every_writing(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
        mask[5:20, 3:30] = 1
        mask[7, 9] = 0
        flat = mask.ravel(order="F")
        edges = np.flatnonzero(np.diff(flat)) + 1
        runs = np.diff([0, *edges, flat.size]).tolist()
        compressed = coco.encode(mask)["counts"].decode()
        size = [HEIGHT, WIDTH]
        spec = write(
            tmp_path,
            [image(1, "a.jpg")],
            [
                boxed(1, [3, 5, 27, 15], segmentation={"size": size, "counts": runs}, iscrowd=1),
                {"image_id": 1, "segmentation": {"size": size, "counts": compressed}, "category_id": 7},
            ],
        )
        for region in usable(spec).regions:
            assert np.array_equal(geometry.decode_rle(region["mask"]), mask.astype(bool))
            assert region["box"] == [3, 5, 30, 20]
            assert region["polygons"] is None
        assert [region["crowd"] for region in usable(spec).regions] == [True, None]

    def test_captions(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        said = [{"image_id": 1, "caption": text} for text in ("A cat.\n", "Ein Kätzchen.")]
        outcome = usable(write(tmp_path, [image(1, "a.jpg")], said, categories=[]))
        assert [(t["id"], t["granularity"], t["text"]) for t in outcome.texts] == [
            ("human.0", "brief", "A cat."), ("human.1", "brief", "Ein Kätzchen."),
        ]  # fmt: skip

    def test_two_jsons_and_a_folder_are_one_input(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.jpg").write_bytes(jpeg())
        images = [image(1, "a.jpg")]
        one = write(tmp_path / "one", images, [boxed(1, [1, 1, 9, 9])])
        two = write(tmp_path / "two", images, [boxed(1, [2, 2, 9, 9]), {"image_id": 1, "caption": "x"}])
        specs = [f"{json}?images={tmp_path}/in" for json in (one, two)]
        outcome = usable(*specs, f"{tmp_path}/in")
        assert [region["id"] for region in outcome.regions] == ["human.0", "human.1"]
        assert [region["box"][0] for region in outcome.regions] == [1, 2]
        assert outcome.source == ", ".join([*specs, f"{tmp_path}/in"])
        assert len(outcome.texts) == 1

    def test_the_records_contract_holds(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        spec = write(tmp_path, [image(1, "a.jpg")], [boxed(1, [-5, -5, 100, 20]), boxed(1, [1, 1, 2, 2])])
        outcome = usable(spec)
        row = {"image_id": "x", "width": 40, "height": 30, "texts": outcome.texts, "regions": outcome.regions}
        table = records.pa.Table.from_pylist([row | {"phrases": [], "faults": []}], records.SCHEMA)
        check(table)


class TestStamps:
    def stamps(self, spec: str) -> list[str]:
        return list_inputs([spec])["stamp"].to_pylist()

    def test_they_follow_the_annotations_of_their_image_only(self, tmp_path: Path) -> None:
        for name in ("a.jpg", "b.jpg"):
            (tmp_path / name).write_bytes(jpeg())
        images = [image(1, "a.jpg"), image(2, "b.jpg")]
        before = self.stamps(write(tmp_path, images, [boxed(1, [1, 1, 2, 2]), boxed(2, [1, 1, 2, 2])]))
        again = self.stamps(write(tmp_path, images, [boxed(1, [1, 1, 2, 2]), boxed(2, [1, 1, 2, 2])]))
        moved = self.stamps(write(tmp_path, images, [boxed(1, [1, 1, 2, 2]), boxed(2, [1, 1, 2, 3])]))
        none = self.stamps(write(tmp_path, images, [boxed(1, [1, 1, 2, 2])]))
        assert before == again
        assert (before[0] == moved[0], before[1] == moved[1]) == (True, False)
        assert len({before[1], moved[1], none[1]}) == 3

    def test_a_category_by_another_name_is_another_stamp(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        given = [image(1, "a.jpg")], [boxed(1, [1, 1, 2, 2])]
        before = self.stamps(write(tmp_path, *given))
        assert self.stamps(write(tmp_path, *given, categories=[{"id": 7, "name": "kitten"}])) != before


class TestFrames:
    """The json states the size that it speaks of; EXIF may turn the image."""

    @pytest.mark.parametrize("orientation", [5, 6, 7, 8])
    def test_regions_turn_with_their_image(self, tmp_path: Path, orientation: int) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg((WIDTH, HEIGHT), orientation))
        mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
        mask[5:20, 3:10] = 1
        ring = [3.0, 5.0, 10.0, 5.0, 10.0, 20.0]
        shapes = [[ring], {"size": [HEIGHT, WIDTH], "counts": coco.encode(mask)["counts"].decode()}]
        spec = write(tmp_path, [image(1, "a.jpg")], [boxed(1, [3, 5, 7, 15], segmentation=shape) for shape in shapes])
        outcome = usable(spec)
        assert (outcome.width, outcome.height, outcome.faults, outcome.rejects) == (HEIGHT, WIDTH, [], [])
        turned = {5: np.transpose, 6: lambda m: np.rot90(m, -1), 7: lambda m: np.rot90(m.T, 2), 8: np.rot90}
        expected = turned[orientation](mask)
        rows, columns = np.nonzero(expected)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        with_ring, with_mask = outcome.regions
        assert with_ring["box"] == with_mask["box"] == [float(side) for side in box]
        assert np.array_equal(geometry.decode_rle(with_mask["mask"]), expected.astype(bool))
        points = geometry.orient(np.reshape(ring, (-1, 2)), orientation, WIDTH, HEIGHT)
        assert with_ring["polygons"] == [points.ravel().tolist()]

    def test_a_json_that_speaks_of_the_upright_image_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg((WIDTH, HEIGHT), 6))
        spec = write(tmp_path, [image(1, "a.jpg", width=HEIGHT, height=WIDTH)], [boxed(1, [3, 5, 7, 15])])
        assert usable(spec).regions[0]["box"] == [3, 5, 10, 20]

    def test_without_a_stated_size_regions_are_taken_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        spec = write(tmp_path, [{"id": 1, "file_name": "a.jpg"}], [boxed(1, [3, 5, 7, 15])])
        assert usable(spec).regions[0]["box"] == [3, 5, 10, 20]

    def test_another_size_keeps_the_image_and_rejects_its_regions(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        said = [boxed(1, [3, 5, 7, 15]), {"image_id": 1, "caption": "x"}]
        outcome = usable(write(tmp_path, [image(1, "a.jpg", width=80, height=60)], said))
        assert (outcome.regions, len(outcome.texts)) == ([], 1)
        (fault,) = outcome.faults
        assert fault["stage"] == "ingest"
        assert "80 x 60" in fault["error"]
        (reject,) = outcome.rejects
        assert (reject["rule"], reject["id"], reject["image_id"]) == (
            "frame_mismatch", "human.0", outcome.image_id,
        )  # fmt: skip
        table = records.pa.Table.from_pylist(outcome.rejects, records.REJECTS)
        assert table["region"][0].as_py()["box"] == [3, 5, 10, 20]

    def test_boxes_are_clipped_and_those_without_area_rejected(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        boxes = [[-5, 3, 10, 10], [35, 25, 10, 10], [50, 5, 5, 5], [5, 5, 0, 5], [5, 5, -3, 4]]
        outcome = usable(write(tmp_path, [image(1, "a.jpg")], [boxed(1, box) for box in boxes]))
        assert [region["box"] for region in outcome.regions] == [[0, 3, 5, 13], [35, 25, 40, 30]]
        assert [(r["id"], r["rule"], r["value"], r["threshold"]) for r in outcome.rejects] == [
            (f"human.{i}", "degenerate_box", 0.0, 0.0) for i in (2, 3, 4)
        ]

    @pytest.mark.parametrize("counts", ["", "0", "PP", "\x7f", "o" * 40, "1O1"])
    def test_a_mask_that_does_not_fill_its_size_is_rejected(self, tmp_path: Path, counts: str) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        shape = {"size": [HEIGHT, WIDTH], "counts": counts}
        outcome = usable(write(tmp_path, [image(1, "a.jpg")], [boxed(1, [1, 1, 5, 5], segmentation=shape)]))
        assert [reject["rule"] for reject in outcome.rejects] == ["mask_mismatch"]


class TestPlaces:
    @pytest.mark.parametrize(
        ("json_folder", "name", "image_folder"),
        [
            (".", "x.json", "."),
            (".", "x.json", "images"),
            ("annotations", "instances_val2017.json", "val2017"),
            ("annotations", "person_keypoints_val2017.json", "val2017"),
            ("annotations", "captions_val2017.json", "images/val2017"),
        ],
    )
    def test_images_are_found_in_the_usual_places(
        self, tmp_path: Path, json_folder: str, name: str, image_folder: str
    ) -> None:
        (tmp_path / image_folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / image_folder / "a.jpg").write_bytes(jpeg())
        spec = write(tmp_path / json_folder, [image(1, "a.jpg"), image(2, "gone.jpg")], [], name)
        found = fetched(spec)
        assert isinstance(found["a.jpg"], Usable)
        assert isinstance(found["gone.jpg"], Refused)
        assert found["gone.jpg"].reason == "missing"

    def test_nowhere(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"say where by \?images="):
            list_inputs([write(tmp_path, [image(1, "a.jpg")], [])])

    def test_names_that_point_outside(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        for name in ("in/a.jpg", "b.jpg"):
            (tmp_path / name).write_bytes(jpeg())
        (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "b.jpg")
        (tmp_path / "in" / "up").symlink_to(tmp_path)
        outside = ["../b.jpg", "link.jpg", "up/b.jpg", "s3://x/y.jpg", str(tmp_path / "b.jpg")]
        names = ["a.jpg", str(tmp_path / "in" / "a.jpg"), *outside]
        spec = write(tmp_path / "in", [image(i, name) for i, name in enumerate(names)], [])
        reasons = {row["uri"]: row["refused"] for row in list_inputs([spec]).to_pylist()}
        assert reasons.pop(str(tmp_path / "in" / "a.jpg")) is None
        assert set(reasons.values()) == {"points_outside"}
        assert len(reasons) == 4  # ../b.jpg and its absolute path are one
        followed = list_inputs([spec], follow_links=True).to_pylist()
        assert sum(row["refused"] is None for row in followed) == 3

    def test_over_a_url(self) -> None:
        system = fsspec.filesystem("memory")
        whole = {"images": [image(1, "a.jpg"), image(2, "b.jpg")], "annotations": [], "categories": []}
        system.pipe("/set/i.json", json.dumps(whole).encode())
        system.pipe("/set/images/a.jpg", jpeg())
        found = fetched("memory://set/i.json")
        assert isinstance(found["a.jpg"], Usable)
        assert isinstance(found["b.jpg"], Refused)
        system.rm("/set", recursive=True)


def test_a_region_of_an_unknown_category_is_kept_without_a_label_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    annotations = [boxed(1, [1, 1, 2, 2], category_id=8), boxed(1, [3, 3, 2, 2])]
    (found,) = fetch(list_inputs([write(tmp_path, [image(1, "a.jpg")], annotations)]), Limits())
    assert isinstance(found, Usable)
    assert [(len(region["labels"]), region["best"]) for region in found.regions] == [(0, None), (1, 0)]
    (fault,) = found.faults
    assert fault["error"] == "1 regions without a label: category_id [8] is none of the json's"


class TestMalformed:
    @pytest.mark.parametrize(
        ("annotation", "message"),
        [
            (boxed(5, [1, 1, 2, 2]), "1 annotations have an image_id .* the first is 5"),
            (boxed(1, [1, 1, 2]), r"line \d+: an entry of 'annotations'"),
            (boxed(1, ["a", 1, 2, 2]), "an entry of 'annotations'"),
            (boxed(1, [float("nan"), 1, 2, 2]), "NaN"),
            ({"image_id": 1, "category_id": 7}, "neither a caption, nor a bbox"),
            ({"bbox": [1, 1, 2, 2]}, "it has no 'image_id'"),
            ("text", "an entry of 'annotations'"),
            (boxed(1, [1, 1, 2, 2], segmentation={"size": [30, 40], "counts": [1, 2]}), "add up to 3"),
            (boxed(1, [1, 1, 2, 2], segmentation=[["x"]]), "an entry of 'annotations'"),
        ],
    )
    def test_annotations(self, tmp_path: Path, annotation: Any, message: str) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        with pytest.raises(SourceError, match=message):
            list_inputs([write(tmp_path, [image(1, "a.jpg")], [annotation])])

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"images": [\n{"id": 1,}]}', "line 2, column"),
            ('{"images": [{"id": 1}]}', "it has no 'file_name'"),
            ('{"images": [', "line 1, column"),
            ('{"shapes": [], "version": 1}', "no list of 'images'"),
            ('[{"id": 1}]', "expected '{'"),
            ("", "expected '{'"),
            ('{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]}', "two images have the id 1"),
        ],
    )
    def test_files(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(SourceError, match=message):
            list_inputs([str(tmp_path / "x.json")])
