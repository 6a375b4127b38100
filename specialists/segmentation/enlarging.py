"""From a mask's few logits to the pixels of the image.

A mask decoder gives a square of logits, 256 x 256 for SAM. The reference, `post_process_masks` of the public
processor, enlarges each to the model's square, cuts the padding off, scales it to the image and looks where it
is above 0. Both steps are linear along each axis, so both together are one matrix for each axis. And a pixel
can be above 0 only where a logit nearby is: so only the window around those is ever computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.geometry import Rle, encode_window, outlines

# Columns of an image that are computed together: they need few of a mask's logits.
STRIP = 512


class Shape(NamedTuple):
    """A mask at the image's resolution, and its parts as clockwise rings (k, 2) in pixels, largest first."""

    mask: Rle
    rings: list[np.ndarray]


@dataclass(frozen=True)
class Frame:
    """Where an image lies in what the model sees: sizes are (height, width) in pixels.

    The upright image, continued to `shown` where it is too thin, is scaled to `filled`, and stands in the upper left
    of `padded`, where it is padded at all.
    """

    image: tuple[int, int]
    filled: tuple[int, int]
    padded: tuple[int, int] | None
    shown: tuple[int, int] | None = None  # None: the image as it is

    def prompts(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) of the image in pixels of what the model sees."""
        down, across = (filled / shown for filled, shown in zip(self.filled, self.shown or self.image, strict=True))
        return boxes * np.array([across, down, across, down])

    def shapes(self, logits: Any, tolerance: float) -> Iterator[Shape | None]:
        """The shape of each mask, of logits (n, h, w); None where it is empty.

        `tolerance` is a share of the image's longer side, a pixel at least; 0 keeps every corner.
        """
        height, width = self.image
        stray = max(1.0, tolerance * max(self.image)) if tolerance else 0.0
        for window, left, top in self._windows(logits):
            if not window.any():
                yield None
                continue
            place = np.array([left, top])
            rings = [ring + place for ring in outlines(window, stray)]
            yield Shape(encode_window(window, left, top, height, width), rings)

    def _windows(self, logits: Any) -> Iterator[tuple[np.ndarray, int, int]]:
        """Where each mask is above 0: bool (h, w), with its left and top; nothing outside is."""
        import torch

        down, across = (self._axis(side, logits) for side in (0, 1))
        above = logits > 0
        spans = zip(down.spans(above.any(dim=2)), across.spans(above.any(dim=1)), strict=True)
        for one, ((top, bottom), (left, right)) in zip(logits, spans, strict=True):
            rows, needed = down.part(top, bottom)
            tall = rows @ one[needed]
            strips = [np.zeros((bottom - top, 0), bool)]
            for start in range(left, right, STRIP):
                columns, needed = across.part(start, min(start + STRIP, right))
                strips.append(torch.gt(tall[:, needed] @ columns.T, 0).cpu().numpy())
            yield np.concatenate(strips, axis=1), left, top

    def _axis(self, side: int, logits: Any) -> _Axis:
        import torch
        from torch.nn.functional import interpolate

        few = logits.shape[1 + side]
        # What the reference makes of each logit alone.
        weights = torch.eye(few, device=logits.device)[None, None]
        if self.padded:
            weights = interpolate(weights, (self.padded[side], few), mode="bilinear")[:, :, : self.filled[side]]
        shown = (self.shown or self.image)[side]
        return _Axis(interpolate(weights, (shown, few), mode="bilinear")[0, 0, : self.image[side]])


class _Axis:
    """One axis of an image: `weights` (pixels, logits), of which no pixel has more than a few neighbours above 0."""

    def __init__(self, weights: Any) -> None:
        self._weights = weights
        used = (weights > 0).int()
        self._first: list[int] = used.argmax(dim=1).tolist()
        self._stop: list[int] = (weights.shape[1] - used.flip(1).argmax(dim=1)).tolist()

    def spans(self, above: Any) -> list[tuple[int, int]]:
        """For each of n masks the first pixel that may be above 0 and the one past the last; (0, 0) for none.

        `above` is bool (n, logits): whether any logit there is above 0.
        """
        may = (above.float() @ self._weights.T > 0).int()
        first, stop = may.argmax(dim=1), may.shape[1] - may.flip(1).argmax(dim=1)
        some = may.any(dim=1)
        return list(zip((first * some).tolist(), (stop * some).tolist(), strict=True))

    def part(self, start: int, stop: int) -> tuple[Any, slice]:
        """The weights of some pixels, and which logits they are for."""
        if start >= stop:
            return self._weights[:0, :0], slice(0)
        needed = slice(self._first[start], self._stop[stop - 1])
        return self._weights[start:stop, needed], needed
