"""Region filters: confidence, size, and the same thing found twice.

The paper names a confidence threshold and then NMS (Xiao et al., arXiv 2311.06242, section 4.2) and gives no
values, so every default here is ours. Human annotations pass all three filters: a rule that doubts a model
has no say over a person, and what a person drew wrongly is for a person to mend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from engine import geometry, records
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters.columns import Regions, require_between
from filters.union import Merges, redirected

# Filters load nothing, so that a batch costs no more than its rows.
LIGHT = Resources(batch_size=1024, pack="regions")  # one worker for all that judges regions


@dataclass(frozen=True)
class RegionScore(Stage):
    """Drops regions whose score is below their kind's minimum; a region without a score stays."""

    name: ClassVar[str] = "region_score"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    object: float = 0.4  # ours, as are the next two; each in [0, 1]
    text: float = 0.5
    proposal: float = 0.3
    resources: Resources = LIGHT

    def __post_init__(self) -> None:
        for kind in records.REGION_KINDS:
            require_between(self, kind, 0, 1)

    def __call__(self, batch: Batch) -> Outcome:
        regions = Regions(batch.table)
        # Scores are float32: a minimum of 0.7 must not drop the score that a model meant as 0.7.
        minimum = np.array([getattr(self, kind) for kind in records.REGION_KINDS], np.float32)[regions.kind]
        low = (regions.score < minimum) & ~regions.human
        return Outcome(
            *records.drop(
                batch.table, "regions", ~low, stage=self.name, rule=self.name,
                value=regions.score, threshold=minimum,
            )
        )  # fmt: skip


@dataclass(frozen=True)
class RegionSize(Stage):
    """Drops regions that are too small, too large or too thin; None switches a rule off.

    A text region is measured along its quad, if it has one: its width is the mean length of the quad's top
    and bottom, its height that of the other two. The first rule that a region breaks is the one recorded, in
    the order of the fields.
    """

    name: ClassVar[str] = "region_size"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    min_side: float | None = 4.0  # pixels; ours
    min_area: float | None = None  # share of the image's area, in [0, 1]
    max_area: float | None = None  # share of the image's area, in [0, 1]
    max_aspect: float | None = 50.0  # the longer side over the shorter, at least 1; ours: a line of text is long
    resources: Resources = LIGHT

    def __post_init__(self) -> None:
        for rule, low, high in (
            ("min_side", 0, np.inf),
            ("min_area", 0, 1),
            ("max_area", 0, 1),
            ("max_aspect", 1, np.inf),
        ):
            if getattr(self, rule) is not None:
                require_between(self, rule, low, high)
        if self.min_area is not None and self.max_area is not None and self.min_area > self.max_area:
            raise ChainError(
                f"{self.name}: min_area {self.min_area} is above max_area {self.max_area}, so nothing would stay"
            )

    def __call__(self, batch: Batch) -> Outcome:
        regions = Regions(batch.table)
        verdict = _Verdict(len(regions))
        short, long = regions.sides()
        area = regions.area_shares()
        aspect = np.divide(long, short, out=np.full(len(regions), np.inf), where=short > 0)
        for rule, value, least, most in (
            ("region_min_side", short, self.min_side, None),
            ("region_min_area", area, self.min_area, None),
            ("region_max_area", area, None, self.max_area),
            ("region_max_aspect", aspect, None, self.max_aspect),
        ):
            bad = np.zeros(len(regions), bool)
            if least is not None:
                bad = value < least
            if most is not None:
                bad = value > most
            at = np.flatnonzero(bad & ~regions.human & ~verdict.dropped)
            verdict.drop(at, rule, value[at], most if least is None else least)
        return verdict.outcome(batch.table, self.name, regions.id)


@dataclass(frozen=True)
class RegionNms(Stage):
    """Drops the lower-ranking of two regions of one kind that lie on the same place of an image.

    First within each class, then, with `iou_across`, over all classes. A region's class is the text of its
    best label, or of its first, without regard to case; regions without a label are a class of their own. A
    text region's class is so what it reads: the first step drops a word that was read twice, the second one
    of two readings of one place. Boxes are compared as boxes, text regions as quads. A human region ranks
    first and never goes; then a higher score is better than a lower one, any score than none, an earlier
    region than a later one. A crowd region stands around many objects and takes no part. A phrase that pointed at
    one that goes points at the one that stays in its place.
    """

    name: ClassVar[str] = "region_nms"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})
    version: ClassVar[int] = 2  # 2: phrases follow the winner

    iou: float = 0.5  # ours; of one class, those that overlap more are one thing
    iou_across: float | None = 0.7  # ours; of any class: one thing has a name of its own by each source; None = off
    resources: Resources = LIGHT

    def __post_init__(self) -> None:
        require_between(self, "iou", 0, 1)
        if self.iou_across is not None:
            require_between(self, "iou_across", 0, 1)

    def __call__(self, batch: Batch) -> Outcome:
        regions = Regions(batch.table)
        verdict = _Verdict(len(regions))
        place = regions.row * len(records.REGION_KINDS) + regions.kind
        classes, _ = regions.classes()
        self._judge(regions, verdict, "region_nms_class", place * (classes.max(initial=0) + 1) + classes, self.iou)
        self._judge(regions, verdict, "region_nms_across", place, self.iou_across)
        lost, winner = verdict.beaten()
        nothing = np.zeros(len(lost))
        table = redirected(batch.table, regions, Merges(winner, lost, nothing, nothing))
        return verdict.outcome(table, self.name, regions.id)

    def _judge(self, regions: Regions, verdict: _Verdict, rule: str, group: np.ndarray, iou: float | None) -> None:
        if iou is None:
            return
        text = regions.kind == records.REGION_KINDS.index("text")
        for nms, shapes, chosen in (
            (geometry.nms, regions.box, ~text),
            (geometry.nms_quads, regions.quad, text),
        ):
            at = np.flatnonzero(chosen & ~regions.crowd & ~verdict.dropped)
            found = nms(shapes[at], regions.score[at], group[at], iou, regions.human[at])
            lost = ~found.keep
            verdict.drop(at[lost], rule, found.overlap[lost], iou, at[found.winner[lost]])


class _Verdict:
    """What is to go, of n regions, and why: the first reason given is the one that counts."""

    def __init__(self, length: int) -> None:
        self.dropped = np.zeros(length, bool)
        self._rule = np.full(length, "", object)
        self._value, self._threshold = np.zeros(length), np.zeros(length)
        self._winner = np.full(length, -1)

    def drop(self, at: np.ndarray, rule: str, value: np.ndarray, threshold: Any, winner: Any = -1) -> None:
        """Regions at (p,) go, at value (p,); threshold and winner are scalars or (p,)."""
        self.dropped[at], self._rule[at] = True, rule
        self._value[at], self._threshold[at], self._winner[at] = value, threshold, winner

    def beaten(self) -> tuple[np.ndarray, np.ndarray]:
        """Those that go because of another one (m,), and which one stays in the place of each (m,)."""
        lost = np.flatnonzero(self._winner >= 0)
        winner = self._winner[lost]
        while (gone := self.dropped[winner]).any():  # a winner that another rule dropped
            winner = np.where(gone, self._winner[winner], winner)
        return lost, winner

    def outcome(self, table: pa.Table, stage: str, ids: pa.Array) -> Outcome:
        """The table without them; `ids` (n,) are the regions' own, for the winner's name in `detail`."""
        winner = pa.array(self._winner, mask=self._winner < 0)
        left, rejects = records.drop(
            table, "regions", ~self.dropped, stage=stage, rule=self._rule, value=self._value,
            threshold=self._threshold, detail=ids.take(winner),
        )  # fmt: skip
        return Outcome(left, rejects)
