"""One visit of an image: its view decoded, its samples written; or another image in its stead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

import numpy as np

from engine.images import Unusable
from engine.stage import ChainError
from florence.data.batches import Page
from florence.data.order import Visit, Window
from florence.data.picking import Limits, Pick, drafts, drawn, written
from florence.data.pictures import Look
from florence.data.settings import DataSettings
from florence.data.views import view


@dataclass(frozen=True)
class Prepared:
    """A page, and of the making of it: rows skipped by reason; by task, samples left out as none of them fits."""

    page: Page
    skipped: Counter[str] = field(default_factory=Counter)
    unfit: Counter[str] = field(default_factory=Counter)


class Preparer:
    """Makes pages of visits, the same whichever worker or thread does it."""

    def __init__(self, look: Look, limits: Limits, settings: DataSettings) -> None:
        self._look, self._limits, self._settings = look, limits, settings

    def __call__(self, window: Window, at: int) -> Prepared:
        """The page of a window's visit, with as many samples as it is to have.

        Where the image gives none, the next one of the window stands in for it, so that all workers go on counting
        alike. Raises ChainError where no image of the window gives any.
        """
        skipped, unfit, wanted = Counter[str](), Counter[str](), window.visits[at].samples
        for visit in (*window.visits[at:], *window.visits[:at]):
            try:
                page = self._page(visit, unfit)
            except Unusable as reason:
                skipped[reason.reason] += 1
                continue
            # Fewer than wanted where some did not fit: then one comes twice.
            return Prepared(replace(page, picks=list(islice(cycle(page.picks), wanted))), skipped, unfit)
        why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(skipped.items()))
        raise ChainError(f"of {len(window.visits):,} showings of images in a row none can be used: {why}")

    def _page(self, visit: Visit, unfit: Counter[str]) -> Page:
        if not visit.data.is_valid:
            raise Unusable("no_pixels", "the record holds no image bytes")
        rng = np.random.default_rng(visit.key)
        size = (int(visit.row["width"]), int(visit.row["height"]))
        seen, row = view(visit.row, self._settings, rng.random(6).tolist())
        picks = self._picks(row, visit.samples, rng.random, unfit)
        return Page(str(row["image_id"]), self._look.planes(visit.data.as_py(), size, seen), picks)

    def _picks(self, row: Any, wanted: int, numbers: Callable[[int], np.ndarray], unfit: Counter[str]) -> list[Pick]:
        """The first samples that fit, in the order in which they are drawn."""
        try:
            found = drafts(row, self._settings.tasks)
            size = (float(row["width"]), float(row["height"]))
            picks: list[Pick] = []
            for place in drawn(found, self._settings, numbers(len(found))):
                pick = written(found[place], size, self._settings, self._limits)
                if pick is None:
                    unfit[str(found[place][0])] += 1
                else:
                    picks.append(pick)
                if len(picks) == wanted:
                    break
        except (ValueError, TypeError) as error:  # a coordinate that is no number, say
            raise Unusable("broken_record", str(error)) from error
        if not picks:
            raise Unusable("no_sample_fits", "prompts or targets are longer than there is room for")
        return picks
