"""Captioning: texts of images and of their regions (captioners: the families of models)."""

from specialists.captioning.stages import Captioning, CropCaptioning

__all__ = ["Captioning", "CropCaptioning"]
