"""The gallery's data and frame, and the rejected annotations as crops: all within a budget of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from pipelines.pages import pictures
from pipelines.pages.html import Markup, tag
from pipelines.pages.page import embedded
from pipelines.pages.plain import Origins, reject, view
from pipelines.pages.sample import Rejected, Seen


@dataclass
class Gallery:
    """Pictures and annotations for the page, up to `budget` bytes; what does not fit is left out and counted."""

    budget: int
    origins: Origins = field(default_factory=Origins)
    images: list[dict[str, Any]] = field(default_factory=list)
    rejects: dict[tuple[str, str, str], list[Markup]] = field(default_factory=dict)  # by stage, rule and kind
    left_out: int = 0

    def add(self, seen: Seen, picture: Image.Image | None) -> bool:
        """One image; False where it no longer fits."""
        record = seen.record
        found = {
            "id": record["image_id"], "uri": record["uri"], "source": record["source"],
            "width": record["width"], "height": record["height"],
            "picture": pictures.thumbnail(picture) if picture else None,
            "views": {name: view(each, self.origins) for name, each in seen.views.items()},
            "rejects": [reject(row) for row in seen.rejects],
        }  # fmt: skip
        if fits := self._paid(len(embedded(found))):
            self.images.append(found)
        return fits

    def add_rejected(self, rejected: Rejected) -> None:
        """One dropped annotation: a crop of the picture where it points at one, and what it says."""
        row, parts = rejected.row, []
        picture = pictures.opened(rejected.data) if rejected.box else None
        if picture is not None and rejected.box:
            parts.append(tag("img", src=pictures.crop(picture, rejected.box), alt="", loading="lazy"))
        numbers = [f"{name} {row[name]:.3g}" for name in ("value", "threshold") if row[name] is not None]
        said = tag("span", rejected.said, class_="said") if rejected.said else ""
        parts.append(tag("figcaption", said, *_lines(numbers, row["detail"])))
        card = tag("figure", parts, class_="reject")
        if self._paid(len(card)):
            self.rejects.setdefault((row["stage"], row["rule"], row["kind"]), []).append(card)

    def _paid(self, size: int) -> bool:
        fits = size <= self.budget
        self.budget -= size if fits else 0
        self.left_out += not fits
        return fits

    def data(self) -> dict[str, Any]:
        """For the page's code."""
        return {"origins": self.origins.list, "images": self.images}


def _lines(numbers: Sequence[str], detail: str | None) -> list[Markup]:
    return [tag("span", line, class_="quiet") for line in (", ".join(numbers), detail) if line]


def frame(gallery: Gallery) -> list[Markup]:
    """Where the page's code puts the gallery."""
    if not gallery.images:
        return [tag("p", "There are no images to show.")]
    say = f"A sample of {len(gallery.images):,} images"
    if gallery.left_out:
        say += f"; {gallery.left_out:,} more pictures would have made this file too large"
    return [
        tag("p", f"{say}. Open one to read it; a phrase and its boxes light each other up."),
        tag("noscript", tag("p", "The gallery needs this page's own script, which your browser does not run.")),
        tag("form", id="filters", role="search", aria_label="What the gallery shows"),
        tag("p", id="count", role="status", class_="quiet"),
        tag("div", id="cards", class_="cards"),
    ]


def rejected(gallery: Gallery, counts: dict[tuple[str, str, str], int]) -> list[Markup]:
    """Dropped annotations by reason, the commonest first; `counts` are those of the whole dataset."""
    groups = sorted(gallery.rejects.items(), key=lambda item: (-counts.get(item[0], 0), item[0]))
    parts = []
    for at, ((stage, rule, kind), cards) in enumerate(groups):
        count = counts.get((stage, rule, kind), len(cards))
        where = kind if stage == rule else f"{stage}, {kind}"
        head = [
            tag("strong", rule),
            tag("span", f" {where}", class_="quiet"),
            tag("span", f"{count:,}", class_="figure"),
        ]
        parts.append(
            tag("details", tag("summary", head), tag("div", cards, class_="crops"), open=at == 0, class_="reason")
        )
    return parts or [tag("p", "The sample has no dropped annotations.")]
