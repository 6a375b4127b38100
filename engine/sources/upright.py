"""What a source says of an image, in the pixels of the image as it is seen.

Annotation files state the size of the image that they speak of. Where that is the size of the file as it is
stored, and EXIF turns the file by a quarter, the regions are turned with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine import geometry
from engine.images import Probe

Region = dict[str, Any]
STAGE = "ingest"


@dataclass
class Settled:
    """The regions that hold, and what became of the others."""

    regions: list[Region] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)


def settle(image_id: str, regions: list[Region], frame: dict[str, int] | None, image: Probe) -> Settled:
    """The regions in upright pixels of the image, boxes and polygons clipped to it; the others as rows of REJECTS.

    Rules: frame_mismatch (the stated size is not the image's), mask_mismatch (a mask of another size, or
    whose runs do not fill it), degenerate_box (no area inside the image; value is the area).
    """
    settled = Settled()
    if not regions:
        return settled
    size = (image.width, image.height)
    stated = (frame["width"], frame["height"]) if frame else size
    turned = stated != size and stated == size[::-1] and image.orientation >= 5
    if stated != size and not turned:
        what = f"annotated at {stated[0]} x {stated[1]} pixels, but the image has {size[0]} x {size[1]}"
        settled.faults.append({"stage": STAGE, "error": what})
        settled.rejects += [_reject(image_id, region, "frame_mismatch", detail=what) for region in regions]
        return settled
    for region in regions:
        if region["mask"] and not fills(region["mask"], *stated):
            settled.rejects.append(_reject(image_id, region, "mask_mismatch"))
            continue
        kept = _turn(region, image.orientation, *stated) if turned else region
        box, area = _clip(kept["box"], image.width, image.height)
        if area > 0:
            polygons = _clip_rings(kept["polygons"], image.width, image.height)
            settled.regions.append(kept | {"box": box, "polygons": polygons})
        else:
            settled.rejects.append(_reject(image_id, region, "degenerate_box", value=area, threshold=0.0))
    return settled


def _reject(image_id: str, region: Region, rule: str, **more: Any) -> dict[str, Any]:
    head = {"image_id": image_id, "kind": "regions", "id": region["id"], "stage": STAGE, "rule": rule}
    return head | {"value": None, "threshold": None, "detail": None} | more | {"region": region}


def _clip(box: list[float], width: int, height: int) -> tuple[list[float], float]:
    """A box, changed only where it sticks out, and its area inside; 0 for one inside out or not finite."""
    given = np.asarray(box, np.float32)
    if not np.isfinite(given).all():
        return box, 0.0
    clipped = geometry.clip_boxes(given[None], width, height).astype(np.float32)
    return clipped[0].tolist(), float(geometry.box_areas(clipped)[0])


def _clip_rings(rings: list[list[float]] | None, width: int, height: int) -> list[list[float]] | None:
    """Rings whose points outside are moved to the image's edge, as COCO's own tools do; exact where inside."""
    if rings is None:
        return None
    bound = np.array([width, height], np.float32)
    points = (np.asarray(ring, np.float32).reshape(-1, 2) for ring in rings)
    return [np.clip(ring, 0, bound).ravel().tolist() for ring in points]


def _turn(region: Region, orientation: int, width: int, height: int) -> Region:
    """A region of the stored image, `width` x `height` pixels, in pixels of the upright one."""

    def points(flat: list[float]) -> list[float]:
        raw = np.asarray(flat, np.float64).reshape(-1, 2)
        turned = geometry.orient(raw, orientation, width, height)
        return turned.astype(np.float32).ravel().tolist()

    box = geometry.orient_boxes(np.asarray([region["box"]]), orientation, width, height)
    more: Region = {"box": box[0].astype(np.float32).tolist()}
    if region["polygons"] is not None:
        more["polygons"] = [points(ring) for ring in region["polygons"]]
    if region["quad"] is not None:
        more["quad"] = points(region["quad"])
    if region["mask"] is not None:
        more["mask"] = geometry.orient_rle(region["mask"], orientation)
    return region | more


def fills(mask: dict[str, Any], width: int, height: int) -> bool:
    """Whether a mask is of this size and its runs add up to it: decoders write past their array if not."""
    return list(mask["size"]) == [height, width] and _run_sum(mask["counts"]) == width * height


def _run_sum(counts: bytes) -> int:
    """How many pixels COCO's compressed counts cover; -1 where they are none.

    Five bits of a run per character, the lowest first, the sixth says that more follow; from the third run
    on the difference to the run before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for byte in counts:
        bits = byte - 48
        if not 0 <= bits < 64:
            return -1
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        if runs[-1] < 0:
            return -1
        value = shift = 0
    return -1 if shift else sum(runs)
