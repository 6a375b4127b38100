"""What the paper says of FLD-5B (Xiao et al., arXiv 2311.06242), to stand beside ours."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A row of Table 2. Counts are in millions; None where the table has no figure."""

    type: str  # text, region or triplet
    text: str
    annotations: float | None = None
    words: float | None = None  # "tokens"
    regions: float | None = None
    average_regions: float | None = None
    region_words: float | None = None  # "regional tokens"


TABLE_2 = (
    Published("text", "brief", 235, 7.95),
    Published("text", "detailed", 126, 31.65),
    Published("text", "more_detailed", 126, 70.53),
    Published("region", "phrase", 126, None, 681, 5.42, 1.19),
    Published("region", "brief", 126, None, 681, 5.42, 2.55),
    Published("region", "chunk"),  # ours keeps the candidates that FLD-5B chose from, and what is written
    Published("region", "ocr"),
    Published("triplet", "brief", 235, 7.95, 1007, 4.27, 1.93),
    Published("triplet", "detailed", 126, 31.65, 1289, 10.25, 1.49),
    Published("triplet", "more_detailed", 126, 70.53, 1278, 10.17, 1.35),
)

# Per text, for brief, detailed and more detailed ones. How the paper tells parts of speech is unpublished.
TABLE_3 = {
    "objects": (3.23, 13.31, 28.06),
    "attributes": (2.80, 7.27, 16.25),
    "actions": (0.58, 4.21, 8.76),
    "proper nouns": (1.10, 2.40, 2.41),
    "object complexity": (2.80, 4.00, 4.02),
    "action complexity": (1.14, 3.63, 4.38),
}
