"""COCO json: its images, and what people said of them: boxes, polygons, masks and captions."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from engine.sources import location
from engine.sources.coco_columns import Captions, Images, Regions, row_digests
from engine.sources.coco_json import Malformed, read
from engine.sources.inputs import Found, Rows, Spec

_TRIES = 32  # images looked for in each folder where they may be


def list_coco(spec: Spec) -> pa.Table:
    """The images of one json; `?images=` names their folder where it is not found beside the json."""
    uri = location.absolute(spec.location)
    images, regions, captions, categories = Images(), Regions(), Captions(), dict[Any, str]()
    readers: dict[str, Callable[[Any], None]] = {
        "images": images.add,
        "annotations": lambda one: (captions if _is_caption(one) else regions).add(one),
        "categories": lambda one: categories.__setitem__(one["id"], str(one["name"])),
    }
    try:
        read(_load(spec, uri), readers)
        regions.check_finite()
        rows_of = images.rows_of([*regions.image, *captions.image])
        texts = captions.table(rows_of[len(regions.image) :], len(images.names))
        boxes = regions.table(rows_of[: len(regions.image)], len(images.names), categories)
    except Malformed as error:
        raise spec.error(f"{uri} is not the COCO json that it should be: {error}") from error
    each = np.concatenate([regions.all_digests(categories), np.frombuffer(captions.digests, np.uint64)])
    digests = row_digests(rows_of, len(images.names), each)
    rows = Rows(spec.text)
    folder = _Folder(spec, _image_folder(spec, uri, images.names))
    remarks = regions.nameless(rows_of[: len(regions.image)], categories)
    for row, (name, frame, digest) in enumerate(zip(images.names, images.frames, digests, strict=True)):
        place, found = folder.look(name)
        if row in remarks and not found.refused:
            found = found._replace(detail=remarks[row])
        rows.add(place, found, frame=frame, digest=digest)
    return rows.table(texts=texts, regions=boxes)


def _is_caption(one: dict[str, Any]) -> bool:
    return "caption" in one and "bbox" not in one


def _load(spec: Spec, uri: str) -> str:
    try:
        with location.open_uri(uri) as file:
            return file.read().decode("utf-8-sig")
    except Exception as error:
        raise spec.error(f"{uri} cannot be read: {location.says(error)}") from error


def _image_folder(spec: Spec, uri: str, names: list[str]) -> str:
    """Where the images are: as the option says, or in the first usual place that has any of them."""
    if "images" in spec.options:
        return location.absolute(spec.options["images"])
    home = location.parent(uri)
    split = re.sub(r"^[a-z]+_(keypoints_)?|\.json$", "", uri.rpartition("/")[2])
    places = [home, location.join(home, "images")]
    places += [location.join(location.parent(home), part) for part in (split, f"images/{split}", "images")]
    for place in places:
        folder = _Folder(spec, place)
        if any(not folder.look(name)[1].refused for name in names[:_TRIES]):
            return place
    raise spec.error(f"its images are in none of {', '.join(places)}: say where by ?images=FOLDER")


class _Folder:
    """The images' folder."""

    def __init__(self, spec: Spec, uri: str) -> None:
        self._uri = uri
        self._follow = spec.follow_links
        self._remote = _listed(uri) if location.is_url(uri) else None
        self._real = "" if self._remote is not None else os.path.realpath(location.local_path(uri))
        self._inside = functools.cache(self._is_inside)

    def look(self, name: str) -> tuple[str, Found]:
        """An image's uri, and what lies there; refused where the name points out of the folder."""
        if self._remote is None:
            name = self._relative(name)
        if location.is_url(name) or location.climbs_out(name):
            return self._outside(name)
        uri = location.join(self._uri, os.path.normpath(name))
        if self._remote is not None:
            return uri, self._remote.get(uri, location.refused("missing", "no such file"))
        if not self._follow and not self._inside(location.parent(uri)):
            return uri, location.outside(os.path.realpath(uri))
        return uri, location.look(uri, self._real, follow_links=self._follow)

    def _relative(self, name: str) -> str:
        """The name without this folder, if it is an absolute path in it."""
        folder = location.local_path(self._uri).rstrip("/") + "/"
        return name.removeprefix(folder) or name

    def _outside(self, name: str) -> tuple[str, Found]:
        return location.join(self._uri, name), location.refused(
            "points_outside", f"file_name {name!r} leads out of {self._uri}"
        )

    def _is_inside(self, folder: str) -> bool:
        return location.is_inside(os.path.realpath(folder), self._real)


def _listed(url: str) -> dict[str, Found]:
    """All files below a URL: one question instead of one per image."""
    system, path = location.filesystem(url)
    system.invalidate_cache()
    try:
        found = system.find(path, detail=True)
    except FileNotFoundError:
        return {}
    return {str(system.unstrip_protocol(name)): location.found_remote(info) for name, info in found.items()}
