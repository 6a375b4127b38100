"""The multitask model as a specialist: any role of a profile, played by one checkpoint of Florence-2, released or ours.

A stage for each role, all asking the same model by its own tasks (Xiao et al., arXiv 2311.06242): `asking` says how.
"""

from specialists.multitask.grounding import MultitaskGrounding
from specialists.multitask.places import MultitaskDetection, MultitaskOcr
from specialists.multitask.regions import MultitaskCropCaptioning, MultitaskSegmentation
from specialists.multitask.texts import MultitaskCaptioning

__all__ = [
    "MultitaskCaptioning",
    "MultitaskCropCaptioning",
    "MultitaskDetection",
    "MultitaskGrounding",
    "MultitaskOcr",
    "MultitaskSegmentation",
]
