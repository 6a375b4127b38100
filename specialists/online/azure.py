"""Azure AI Vision Read: an online OCR, as FLD-5B used one for its text regions (arXiv 2311.06242, section 4.2).

The Image Analysis 4.0 API, `imageanalysis:analyze` with the feature `read`; its maker closes it in September 2028.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow.compute as pc
from PIL import Image

from engine import records
from engine.geometry import order_quads
from engine.stage import Batch, ChainError, Outcome
from specialists.online.replies import Malformed
from specialists.online.stage import OnlineStage, jpeg, shrunk

API = "2024-02-01"
# The service's limits, by its documentation: sides in px, size in bytes.
LEAST_SIDE, MOST_SIDE, MOST_BYTES = 50, 16_000, 20_000_000


@dataclass
class AzureRead(OnlineStage):
    """Written lines with their quads; a line's score is the mean confidence of its words."""

    name: ClassVar[str] = "azure_read"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.text"})
    endpoint_env: ClassVar[str] = "VISION_ENDPOINT"
    usual_key_env: ClassVar[str] = "VISION_KEY"
    needs_key: ClassVar[bool] = True

    release: str = "latest"  # of the service's model (its model-version)
    max_side: int = 4096  # px of the image that is sent; ours
    quality: int = 95  # of its JPEG; ours

    def __post_init__(self) -> None:
        super().__post_init__()
        if not LEAST_SIDE <= self.max_side <= MOST_SIDE or not 1 <= self.quality <= 100:
            raise ChainError(f"{self.name}: max_side must be in [{LEAST_SIDE}, {MOST_SIDE}], quality in [1, 100]")

    def revision(self) -> str:
        return f"{API}-{self.release}"

    def open(self, cpus: int) -> None:
        path = f"/computervision/imageanalysis:analyze?api-version={API}&features=read&model-version={self.release}"
        self._client = self.client(path, {"Content-Type": "application/octet-stream"})

    def key_header(self, key: str) -> dict[str, str]:
        return {"Ocp-Apim-Subscription-Key": key}

    def __call__(self, batch: Batch) -> Outcome:
        """Append the lines of each image that it has not read yet."""
        assert self._client
        rows, regions = records.flatten(batch.table, "regions")
        own = pc.starts_with(regions.field("id"), f"{self.name}.").to_numpy(zero_copy_only=False)
        todo = np.setdiff1d(np.arange(len(batch)), rows[own]).tolist()
        lines = dict(zip(todo, self._client.each(todo, lambda row: self._read(batch.pixels(row))), strict=True))
        return Outcome(records.append(batch.table, "regions", [lines.get(row, []) for row in range(len(batch))]))

    def _read(self, pixels: np.ndarray) -> list[dict[str, Any]]:
        """The text regions of one upright RGB image (height, width, 3)."""
        assert self._client
        height, width = pixels.shape[:2]
        data, size = encode(pixels, self.max_side, self.quality)
        origin, lines = self._client.ask(data, self._lines)
        scale = np.array([width / size[0], height / size[1]])
        regions: list[dict[str, Any]] = []
        for quad, text, score in lines:
            inside = order_quads(np.clip(quad * scale, 0, (width, height)).astype(np.float32).reshape(1, 8))[0]
            corners = inside.reshape(4, 2)
            box = [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()]
            if box[0] < box[2] and box[1] < box[3]:  # else it lies in the margin of a small image, or has no area
                regions.append(
                    records.region(
                        f"{self.name}.{len(regions)}", "text", box, origin, score=score, quad=inside.tolist(), best=0,
                        labels=[records.label("ocr", text, origin, score)],
                    )
                )  # fmt: skip
        return regions

    def _lines(self, answer: Any) -> tuple[records.Origin, list[tuple[np.ndarray, str, float | None]]]:
        """Of an answer: its origin, and quads (4, 2) in pixels of the image sent, texts and scores of its lines."""
        origin = records.Origin("azure-read", str(answer["modelVersion"]))
        found = []
        for block in answer["readResult"]["blocks"]:
            for line in block["lines"]:
                quad = np.array([(point["x"], point["y"]) for point in line["boundingPolygon"]], np.float64)
                known = (float(word["confidence"]) for word in line.get("words") or ())
                scores = [score for score in known if math.isfinite(score)]
                score = min(max(sum(scores) / len(scores), 0.0), 1.0) if scores else None
                if quad.shape != (4, 2) or not np.isfinite(quad).all():
                    raise Malformed(f"a line without four corners: {line['boundingPolygon']}")
                found.append((quad, str(line["text"]), score))
        return origin, found


def encode(pixels: np.ndarray, max_side: int, quality: int) -> tuple[bytes, tuple[int, int]]:
    """An RGB image (height, width, 3) as a JPEG that the service takes, and the size to which it was scaled.

    Too small a side is filled up at the right or at the bottom, where it moves nothing.
    """
    small = shrunk(pixels, max_side)
    padded = Image.new("RGB", (max(small.width, LEAST_SIDE), max(small.height, LEAST_SIDE)), "white")
    padded.paste(small, (0, 0))
    data = jpeg(padded, quality)
    return (data, small.size) if len(data) <= MOST_BYTES else encode(pixels, max_side * 3 // 4, quality)
