"""Boxes, quads, polygons, masks, overlap and suppression: pure functions on arrays.

Coordinates are in pixels of one image, x to the right, y down, and count pixel edges: the first pixel of a
row spans 0 to 1, so that x lies in [0, width] and y in [0, height]. Unless a docstring says otherwise the
image is the upright one. Areas are in square pixels, and arithmetic is in float64.
"""

from engine.geometry.boxes import box_areas, box_ios, box_iou, clip_boxes, xywh_to_xyxy, xyxy_to_xywh
from engine.geometry.masks import (
    Rle,
    clockwise,
    compress_rle,
    decode_rle,
    encode_mask,
    encode_window,
    ring_area,
    rings_to_rle,
    rle_area,
    rle_box,
    rle_iou,
    rle_to_rings,
)
from engine.geometry.orientation import orient, orient_boxes, orient_rle
from engine.geometry.outlines import outlines
from engine.geometry.pairs import NEARLY, Overlaps, box_overlaps, quad_overlaps
from engine.geometry.quads import (
    boxes_to_quads,
    order_quads,
    quad_areas,
    quad_iou,
    quads_are_convex,
    quads_to_boxes,
)
from engine.geometry.suppression import Suppression, nms, nms_quads, survivors

__all__ = [
    "NEARLY",
    "Overlaps",
    "Rle",
    "Suppression",
    "box_areas",
    "box_ios",
    "box_iou",
    "box_overlaps",
    "boxes_to_quads",
    "clip_boxes",
    "clockwise",
    "compress_rle",
    "decode_rle",
    "encode_mask",
    "encode_window",
    "nms",
    "nms_quads",
    "order_quads",
    "orient",
    "orient_boxes",
    "orient_rle",
    "outlines",
    "quad_areas",
    "quad_iou",
    "quad_overlaps",
    "quads_are_convex",
    "quads_to_boxes",
    "ring_area",
    "rings_to_rle",
    "rle_area",
    "rle_box",
    "rle_iou",
    "rle_to_rings",
    "survivors",
    "xywh_to_xyxy",
    "xyxy_to_xywh",
]
