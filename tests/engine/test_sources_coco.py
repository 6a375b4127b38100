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
    assert fault["error"] == "1 regions without a label: category_id 8 is none of the json's"


class TestOdd:
    """What is odd in a json is said at its image, and takes nothing else with it."""

    def one(self, folder: Path, annotations: list[Any], **more: Any) -> tuple[Usable, str]:
        (folder / "a.jpg").write_bytes(jpeg())
        outcome = usable(write(folder, [image(1, "a.jpg")], annotations, **more))
        (fault,) = outcome.faults
        return outcome, fault["error"]

    def test_half_characters_become_the_replacement_character(self, tmp_path: Path) -> None:
        said = [boxed(1, [1, 1, 2, 2]), {"id": 3, "image_id": 1, "caption": "a \ud800 cat, \U0001f600"}]
        outcome, remark = self.one(tmp_path, said, categories=[{"id": 7, "name": "c\udfff"}])
        assert outcome.texts[0]["text"] == "a \ufffd cat, \U0001f600"
        assert outcome.regions[0]["labels"][0]["text"] == "c\ufffd"
        assert remark == (
            "1 captions with half characters, now U+FFFD: id 3; "
            "1 labels with half characters: category_id 7 has U+FFFD for them"
        )

    @pytest.mark.parametrize("name", ["\ud800.jpg", "\ud800/\udce9.jpg"])
    def test_a_file_name_with_half_characters_is_missing(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        system = fsspec.filesystem("memory")
        system.pipe("/odd/a.jpg", jpeg())
        spec = write(tmp_path, [image(1, "a.jpg"), image(2, name)], [])
        for folder in (str(tmp_path), "memory://odd"):
            assert list_inputs([f"{spec}?images={folder}"])["refused"].to_pylist().count("missing") == 1
        system.rm("/odd", recursive=True)

    def test_a_file_name_of_other_bytes_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "caf\udce9.jpg").write_bytes(jpeg())
        assert usable(write(tmp_path, [image(1, "caf\udce9.jpg")], [])).uri.endswith("caf%E9.jpg")

    def test_captions_that_are_none(self, tmp_path: Path) -> None:
        said = [{"id": i, "image_id": 1, "caption": text} for i, text in enumerate([None, "one", 5, " \n", "two"])]
        outcome, remark = self.one(tmp_path, said)
        assert [text["text"] for text in outcome.texts] == ["one", "two"]
        assert remark == "3 captions without a text: id 0, id 2, id 3"

    @pytest.mark.parametrize("category", [{"name": None}, {"name": 5}, {"name": " "}, {}])
    def test_categories_without_a_name(self, tmp_path: Path, category: dict[str, Any]) -> None:
        said = [boxed(1, [1, 1, 2, 2]), boxed(1, [1, 1, 2, 3], category_id=8), boxed(1, [1, 1, 2, 4])]
        outcome, remark = self.one(tmp_path, said, categories=[{"id": 7, **category}])
        assert [(region["labels"], region["best"]) for region in outcome.regions] == [([], None)] * 3
        assert remark == ("3 regions without a label: category_id 7 has no name, category_id 8 is none of the json's")

    def test_rings_that_are_no_outlines(self, tmp_path: Path) -> None:
        good = [1.0, 1.0, 5.0, 1.0, 5.0, 5.0]
        shapes = [[[1, 2, 3, 4, 5, 6, 7], good, [1, 2, 3, 4], []], [[1, 2]], [9, 9, 9, 9, 9]]
        said = [boxed(1, [1, 1, 4, 4], id=i, segmentation=shape) for i, shape in enumerate(shapes)]
        outcome, remark = self.one(tmp_path, said)
        assert [region["polygons"] for region in outcome.regions] == [[good], None, None]
        assert remark == (
            "5 polygon rings left out: id 0 (7 numbers), id 0 (4 numbers), id 0 (0 numbers), id 1 (2 numbers), "
            "id 2 (5 numbers)"
        )

    def test_polygons_are_clipped_to_the_image_and_exact_inside(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        ring = [-3.5, 1.1, 44.4, 1.1, 20.3, 99.0, 7.7, 29.9]
        spec = write(tmp_path, [image(1, "a.jpg")], [boxed(1, [1, 1, 30, 20], segmentation=[ring])])
        clipped = [0, 1.1, WIDTH, 1.1, 20.3, HEIGHT, 7.7, 29.9]
        assert usable(spec).regions[0]["polygons"] == [np.float32(clipped).tolist()]

    BAD = (
        ({"bbox": "1,2,3,4"}, "its bbox is '1,2,3,4', not four numbers"),
        ({"bbox": [1, 2, 3]}, "its bbox is [1, 2, 3], not four numbers"),
        ({"bbox": [1, 2, None, 4]}, "its bbox is [1, 2, None, 4]: must be real number, not NoneType"),
        ({"bbox": [1, 2, float("nan"), 4]}, "its bbox has a coordinate that is NaN or infinite"),
        ({"bbox": [1, 2, 1e300, 4]}, "its bbox has a coordinate that is NaN or infinite"),
        ({"segmentation": [[1, 2, 3, float("inf"), 5, 6]]}, "segmentation has a coordinate that is NaN or infinite"),
        ({"segmentation": "x"}, "its segmentation is 'x'"),
        ({"segmentation": {"size": [3, 4], "counts": [1, 2]}}, "the runs of a mask of 3 x 4 pixels add up to 3"),
        ({"segmentation": {"size": [3, 4]}}, "it has no 'counts'"),
        ({"segmentation": {"size": [10**12, 4], "counts": "1"}}, "its mask has the size [1000000000000, 4]"),
        ({"bbox": None, "segmentation": {"size": [3, 4], "counts": "o" * 9}}, "the runs of its mask do not fill"),
        ({"bbox": None, "segmentation": [[1, 2]]}, "neither a caption, nor a bbox, nor a segmentation"),
        ({"category_id": [7]}, "unhashable type: 'list'"),
    )  # fmt: skip

    @pytest.mark.parametrize(("fault", "message"), BAD)
    def test_a_bad_annotation_is_left_out_alone(self, tmp_path: Path, fault: dict[str, Any], message: str) -> None:
        good = [boxed(1, [i, 1, 2, 2]) for i in range(9)]
        outcome, remark = self.one(tmp_path, [*good[:5], boxed(1, [0, 0, 9, 9], id="x1") | fault, *good[5:]])
        assert [region["box"][0] for region in outcome.regions] == list(range(9))
        assert all(region["labels"] for region in outcome.regions)
        assert remark.startswith("1 annotations left out: id 'x1' (")
        assert message in remark

    def test_one_that_is_mended_is_a_new_input(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        good = [boxed(1, [i, 1, 2, 2]) for i in range(9)]
        specs = [[*good, *more] for more in ([], [boxed(1, [1])], [boxed(1, [1, 1, 1, 1])])]
        stamps = {list_inputs([write(tmp_path, [image(1, "a.jpg")], said)])["stamp"][0].as_py() for said in specs}
        assert len(stamps) == 3

    def test_too_many_bad_ones_are_no_coco(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        said = [boxed(1, [1], id=i) if i % 9 == 0 else boxed(1, [1, 1, 2, 2], id=i) for i in range(60)]
        message = r"7 of its 60 annotations are bad, .* no COCO json: id 0 \(.*\), id 9 .* id 36 \(.*\) and 2 more"
        with pytest.raises(SourceError, match=message):
            list_inputs([write(tmp_path, [image(1, "a.jpg")], said)])

    def test_annotations_of_no_image_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg())
        said = [boxed(1, [1, 1, 2, 2], id=i) for i in range(20)]
        said += [boxed(i, [1, 1, 2, 2], id=f"n{i}") for i in range(2, 9)] + [{"id": 5, "image_id": 9, "caption": "x"}]
        message = r"8 annotations have .*: id 'n2' \(image_id 2\), .* id 'n6' \(image_id 6\) and 3 more"
        with pytest.raises(SourceError, match=message):
            list_inputs([write(tmp_path, [image(1, "a.jpg")], said)])


class TestMalformed:
    @pytest.mark.parametrize(
        ("annotation", "message"),
        [
            (boxed(5, [1, 1, 2, 2]), r"1 annotations have an image_id .*: one without id \(image_id 5\)"),
            (boxed(1, [1, 1, 2]), r"number 1 \(its bbox is \[1, 1, 2\], not four numbers\)"),
            (boxed(1, ["a", 1, 2, 2]), "its bbox is .'a', 1, 2, 2.: must be real number"),
            (boxed(1, [float("nan"), 1, 2, 2]), "NaN"),
            ({"image_id": 1, "category_id": 7}, "neither a caption, nor a bbox"),
            ({"bbox": [1, 1, 2, 2]}, "it has no 'image_id'"),
            ("text", r"line \d+: an entry of 'annotations'"),
            (boxed([1], [1, 1, 2, 2]), "an entry of 'annotations' .* unhashable"),
            (boxed(1, [1, 1, 2, 2], segmentation={"size": [30, 40], "counts": [1, 2]}), "add up to 3"),
            (boxed(1, [1, 1, 2, 2], segmentation=[["x"]]), "its segmentation is .'x'.: must be real number"),
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
            ('{"images": ' + "[" * 100_000, "nested too deeply"),
            (
                '{"images": [{"id": 1, "file_name": "a", "width": 9, "height": 1e12}]}',
                "image 1 has 9 x 1000000000000",
            ),
            ('{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]}', "two images have the id 1"),
        ],
    )
    def test_files(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(SourceError, match=message):
            list_inputs([str(tmp_path / "x.json")])

    def test_what_is_something_else_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        for data, message in {
            jpeg(): f"is no json, which is UTF-8; it looks like jpeg: type file:{path}$",
            b"PAR1\xff": f"it looks like parquet: type parquet:{path}$",
            b"<html>404</html>": "expected '{'; it looks like html$",
            b"\xff\xfe{": "is no json, which is UTF-8$",
        }.items():
            path.write_bytes(data)
            with pytest.raises(SourceError, match=message):
                list_inputs([str(path)])
        path.write_bytes(jpeg())
        assert isinstance(fetched(f"file:{path}")["a.json"], Usable)
