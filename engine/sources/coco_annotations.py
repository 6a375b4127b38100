"""A COCO json's annotations, sorted into columns; a bad one is left out, and said at its image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.sources.coco_columns import Captions, Categories, LeftOut, Regions, Said
from engine.sources.coco_json import FAULTS, Malformed, says
from engine.sources.coco_remarks import Remarks, shown, some, without_surrogates
from engine.sources.coco_shapes import shape_of

_BAD_SHARE = 0.1  # ours: with more than this, the file is taken for something else than COCO


class Annotations:
    """All annotations of one json."""

    def __init__(self) -> None:
        self.regions, self.captions, self.left_out = Regions(), Captions(), LeftOut()
        self.remarks = Remarks()
        self._images: dict[Any, Any] = {}  # each image_id once, though every annotation has its own copy
        self._count = 0

    @property
    def sorts(self) -> tuple[Said, ...]:
        return self.regions, self.captions, self.left_out

    def add(self, one: dict[str, Any]) -> None:
        """Raises one of FAULTS where there is no image to say it at."""
        self._count += 1
        image = self._images.setdefault(one["image_id"], one["image_id"])
        try:
            if "caption" in one and "bbox" not in one:
                self._add_caption(image, one)
            else:
                self._add_region(image, one)
        except FAULTS as error:
            self.left_out.add(image, one, f"{self._name(one)} ({says(error)})")

    def check(self, images: Mapping[Any, int]) -> None:
        """Raises Malformed where too many are bad, or one is of no image."""
        bad = self.left_out.cases
        if len(bad) > _BAD_SHARE * self._count:
            raise Malformed(
                f"{len(bad)} of its {self._count} annotations are bad, so it is probably no COCO json: {some(bad)}"
            )
        lost = [
            f"{shown(name)} (image_id {image!r})"
            for sort in self.sorts
            for image, name in zip(sort.image, sort.names, strict=True)
            if image not in images
        ]
        if lost:
            raise Malformed(f"{len(lost)} annotations have an image_id that is none of the images': {some(lost)}")

    def remark(self, categories: Categories) -> Remarks:
        """What is to be said of each image, by its id."""
        for image, case in zip(self.left_out.image, self.left_out.cases, strict=True):
            self.remarks.add(image, "annotations left out", case)
        self.regions.remark(self.remarks, categories)
        return self.remarks

    def _name(self, one: dict[str, Any]) -> str:
        return shown(one.get("id"), self._count)

    def _add_caption(self, image: Any, one: dict[str, Any]) -> None:
        given = one["caption"]
        text = without_surrogates(given).strip() if isinstance(given, str) else ""
        if not text:
            self.remarks.add(image, "captions without a text", self._name(one))
        elif text != given.strip():
            self.remarks.add(image, "captions with half characters, now U+FFFD", self._name(one))
        self.captions.add(image, one, text)

    def _add_region(self, image: Any, one: dict[str, Any]) -> None:
        shape = shape_of(one)
        self.regions.add(image, one, shape)
        for ring in shape.no_rings:
            self.remarks.add(image, "polygon rings left out", f"{self._name(one)} ({ring})")
