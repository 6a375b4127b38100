"""COCO json: its images, and what people said of them: boxes, polygons, masks and captions."""

from __future__ import annotations

import functools
import os
import re

import numpy as np
import pyarrow as pa

from engine.sources import location
from engine.sources.coco_annotations import Annotations
from engine.sources.coco_columns import Categories, Images, row_digests
from engine.sources.coco_json import Malformed, read
from engine.sources.coco_remarks import Remarks, without_surrogates
from engine.sources.files import seems
from engine.sources.inputs import Found, Rows, Spec

_TRIES = 32  # images looked for in each folder where they may be


def list_coco(spec: Spec) -> pa.Table:
    """The images of one json; `?images=` names their folder where it is not found beside the json."""
    uri = location.absolute(spec.location)
    images, annotations, categories = Images(), Annotations(), Categories()
    try:
        read(_load(spec, uri), {"images": images.add, "annotations": annotations.add, "categories": categories.add})
        annotations.check(images.ids)
    except Malformed as error:
        what = f"{error}{seems(uri, 'json', 'text')}"
        raise spec.error(f"{uri} is not the COCO json that it should be: {what}") from error
    rows = _rows(spec, uri, images, annotations.remark(categories), _digests(images, annotations, categories))
    regions, captions = annotations.regions, annotations.captions
    texts = captions.table(images.rows_of(captions.image), len(images.names))
    boxes = regions.table(images.rows_of(regions.image), len(images.names), categories)
    return rows.table(texts=texts, regions=boxes)


def _digests(images: Images, annotations: Annotations, categories: Categories) -> list[str | None]:
    """Per image, of all its annotations."""
    rows = images.rows_of([image for sort in annotations.sorts for image in sort.image])
    others = [np.frombuffer(sort.digests, np.uint64) for sort in annotations.sorts[1:]]
    each = np.concatenate([annotations.regions.all_digests(categories), *others])
    return row_digests(rows, len(images.names), each)


def _rows(spec: Spec, uri: str, images: Images, remarks: Remarks, digests: list[str | None]) -> Rows:
    rows = Rows(spec.text)
    folder = _Folder(spec, _image_folder(spec, uri, images.names))
    for key, name, frame, digest in zip(images.ids, images.names, images.frames, digests, strict=True):
        place, found = folder.look(name)
        if not found.refused:
            found = found._replace(detail=remarks.text(key))
        rows.add(place, found, frame=frame, digest=digest)
    return rows


def _load(spec: Spec, uri: str) -> str:
    try:
        with location.open_uri(uri) as file:
            data = file.read()
    except Exception as error:
        raise spec.error(f"{uri} cannot be read: {location.says(error)}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise spec.error(f"{uri} is no json, which is UTF-8{seems(uri, 'json', 'text')}") from error


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
        name = self._spelled(name)
        if location.is_url(name) or location.climbs_out(name):
            return self._outside(name)
        uri = location.join(self._uri, os.path.normpath(name))
        if self._remote is not None:
            return uri, self._remote.get(uri, location.refused("missing", "no such file"))
        if not self._follow and not self._inside(location.parent(uri)):
            return uri, location.outside(os.path.realpath(uri))
        return uri, location.look(uri, self._real, follow_links=self._follow)

    def _spelled(self, name: str) -> str:
        """The name as the folder's system can have it, and without this folder if it is an absolute path in it."""
        if self._remote is not None:
            return without_surrogates(name)
        try:
            os.fsencode(name)  # which knows the surrogates that stand for bytes of a name, but no others
        except UnicodeEncodeError:
            name = without_surrogates(name)
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
