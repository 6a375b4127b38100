"""Phrases: do they point at what they name?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from engine import metrics, records
from engine.metrics import F1, Grounded
from filters.columns import Regions
from filters.evaluation.mentions import Reader
from filters.evaluation.objects import Objects
from filters.evaluation.vocabulary import NONE
from filters.texts import Spans, Texts


class _Phrase(NamedTuple):
    """A phrase: image, text with its granularity, span, and the numbers of its regions, the best first."""

    row: int
    text: str
    granularity: int
    start: int
    end: int
    regions: list[int]

    @property
    def key(self) -> tuple[int, str, int, int]:
        """What two phrases that say the same of an image, in the same words, have in common."""
        return self.row, self.text, self.start, self.end


class _Judged(NamedTuple):
    """A phrase that can be judged: what it should point at, and the category that it names, or NONE."""

    phrase: _Phrase
    target: list[int]
    category: int


def measure(found: pa.Table, truth: pa.Table, objects: Objects, reader: Reader) -> dict[str, Any]:
    """All that is measured of phrases, by granularity and category too; NaN where the truth has nothing to measure by.

    `reader` has read the texts.
    """
    said, true = _phrases(found), _phrases(truth)
    judged, unknown = _judge(said, true, objects, reader)
    targets, owner = _flat([each.target for each in judged])
    regions, phrase = _flat([each.phrase.regions for each in judged])
    boxes, true_boxes = (Regions(table).box.astype(np.float64) for table in (found, truth))
    grounded = metrics.ground(boxes[regions], phrase, true_boxes[targets], owner, len(judged))
    pointed = sum(bool(each.phrase.regions) for each in judged)
    wanted = {region for each in true for region in each.regions}
    reached = wanted & {*targets[grounded.hit].tolist()}
    f1 = F1(int((grounded.first < 1).sum()), pointed, len(reached), len(wanted))
    granularity = [each.phrase.granularity for each in judged]
    category = [each.category for each in judged]
    return {
        "true": len(true),
        "found": len(said),
        "judged": len(judged),
        "without_region": len(judged) - pointed,
        "named_unknown": unknown,
        **grounded.rates(),
        "precision": f1.precision,
        "recall": f1.recall,
        "f1": f1.f1 if wanted else math.nan,
        "by_granularity": _by(grounded, granularity, records.GRANULARITIES),
        "by_category": _by(grounded, category, reader.vocabulary.names),
    }


def _phrases(table: pa.Table) -> list[_Phrase]:
    texts, regions = Texts(table), Regions(table)
    spans = Spans(table, texts)
    number = {key: at for at, key in enumerate(records.keys(regions.row, regions.id).to_pylist())}
    score = np.nan_to_num(regions.score, nan=1.0).tolist()  # as everywhere here
    found = []
    columns = (spans.row.tolist(), spans.text.tolist(), spans.start.tolist(), spans.end.tolist())
    for row, text, start, end, ids in zip(*columns, spans.items.field("region_ids").to_pylist(), strict=True):
        at = [number[key] for key in (f"{row}:{name}" for name in ids) if key in number]
        at.sort(key=lambda region: -score[region])
        found.append(_Phrase(row, texts.text[text], int(texts.granularity[text]), start, end, at))
    return found


def _judge(
    said: Sequence[_Phrase], true: Sequence[_Phrase], objects: Objects, reader: Reader
) -> tuple[list[_Judged], int]:
    """What each phrase should point at, and how many name nothing that the truth knows, and cannot be judged.

    The truth's own phrase of the same words decides; else the true regions that the words name.
    """
    given: dict[tuple[int, str, int, int], list[int]] = defaultdict(list)
    for each in true:
        given[each.key] += each.regions
    there: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, category, number in zip(
        *(a.tolist() for a in (objects.row, objects.category, objects.number)), strict=True
    ):
        there[row, category].append(number)
    judged, unknown = [], 0
    for each in said:
        category = reader.phrase(each.text, each.start, each.end)
        known = each.key in given
        if not known and category == NONE:
            unknown += 1
            continue
        target = given[each.key] if known else there[each.row, category]
        # Where nothing is and nothing was found, the phrase does what it should: the mistake is the text's.
        if each.regions or target:
            judged.append(_Judged(each, target, category))
    return judged, unknown


def _flat(lists: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers in lists (n,) as one array (k,), and which list each is of."""
    counts = [len(each) for each in lists]
    return np.array([number for each in lists for number in each], np.int64), np.repeat(np.arange(len(lists)), counts)


def _by(grounded: Grounded, number: Sequence[int], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The rates of phrases (n,) by what their numbers (n,) stand for."""
    numbers = np.array(number, np.int64)
    return {
        name: {"judged": int((numbers == at).sum()), **grounded.rates(numbers == at)} for at, name in enumerate(names)
    }
