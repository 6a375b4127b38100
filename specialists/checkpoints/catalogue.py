"""What is known of the checkpoints that the bundled profiles name: licence, parameters and size.

docs/models.md says what of it could be looked up, and when. Where only one of the two could, a parameter counts four
bytes, so the size is the most that it can be.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """A checkpoint of a hub."""

    licence: str
    parameters: int  # in millions
    gigabytes: float  # to fetch, and on disk


CATALOGUE = {
    "ustc-community/dfine-xlarge-obj2coco": Known("Apache-2.0", 63, 0.25),
    "ustc-community/dfine-medium-obj2coco": Known("Apache-2.0", 20, 0.08),
    "florence-community/Florence-2-large": Known("MIT", 771, 3.3),
    "florence-community/Florence-2-base": Known("MIT", 232, 1.1),
    "openmmlab-community/mm_grounding_dino_large_all": Known("Apache-2.0", 343, 1.4),
    "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_v3det": Known("Apache-2.0", 173, 0.7),
    "facebook/sam-vit-huge": Known("Apache-2.0", 641, 2.6),
    "facebook/sam-vit-base": Known("Apache-2.0", 94, 0.4),
    "google/siglip2-so400m-patch14-384": Known("Apache-2.0", 1136, 4.6),
    "google/siglip2-base-patch16-224": Known("Apache-2.0", 375, 1.5),
}


def known(weights: str) -> Known | None:
    """Of a hub id, whatever its revision."""
    return CATALOGUE.get(weights.partition("@")[0])
