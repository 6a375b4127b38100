"""Segmentation: a mask for each box."""

from specialists.segmentation.stage import Segmentation

__all__ = ["Segmentation"]
