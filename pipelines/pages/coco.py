"""The sample as COCO json, which other viewers open, with its pictures beside it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from engine.geometry import compress_rle
from engine.storage import Folder
from pipelines.pages.plain import name_of
from pipelines.pages.sample import Seen

_QUALITY = 90


def write_picture(folder: Folder, seen: Seen, picture: Image.Image) -> None:
    """The upright picture in its own size, so that the boxes fit whatever a viewer makes of EXIF."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    folder.write(file_name(seen.record), file.getvalue())


def file_name(record: dict[str, Any]) -> str:
    """An image's file beside the json."""
    return f"{record['image_id'][:16]}.jpg"


def coco(sample: Sequence[Seen]) -> dict[str, Any]:
    """Regions as COCO's instances: categories are best labels, lines are `text`; texts are an image's captions."""
    names: dict[tuple[str, str], int] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for at, seen in enumerate(sample, 1):
        record = seen.record
        images.append(
            {
                "id": at, "file_name": file_name(record), "width": record["width"], "height": record["height"],
                "image_id": record["image_id"], "uri": record["uri"],
                "captions": [text["text"] for text in record["texts"]],
            }
        )  # fmt: skip
        for region in record["regions"]:
            name = region["kind"] if region["kind"] != "object" else name_of(region) or "object"
            category = names.setdefault((name, region["kind"]), len(names) + 1)
            annotations.append({"id": len(annotations) + 1, "image_id": at, "category_id": category} | _region(region))
    categories = [{"id": id, "name": name, "supercategory": kind} for (name, kind), id in names.items()]
    return {
        "info": {"description": "A sample of a dataset's annotations"},
        "images": images, "annotations": annotations, "categories": categories,
    }  # fmt: skip


def _region(region: dict[str, Any]) -> dict[str, Any]:
    x0, y0, x1, y1 = (round(float(value), 2) for value in region["box"])
    found: dict[str, Any] = {
        "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)],
        "iscrowd": int(bool(region["crowd"])),
    }
    found |= {"area": round((x1 - x0) * (y1 - y0), 1), "segmentation": _shape(region)}
    if region["score"] is not None:
        found["score"] = round(region["score"], 4)
    if region["kind"] == "text" and region["labels"]:
        found["text"] = name_of(region)
    return found


def _shape(region: dict[str, Any]) -> Any:
    if region["mask"]:
        rle = compress_rle(region["mask"])
        return {"size": rle["size"], "counts": rle["counts"].decode()}
    rings = region["polygons"] or ([region["quad"]] if region["quad"] else [])
    return [[round(float(value), 2) for value in np.ravel(ring)] for ring in rings]
