"""What of a table is to be scored against which pixels, and where the answers go.

A view is what is looked at: a whole image, or a region of it. A phrasing is what is asked of it. Each is
embedded once, however many pairs there are.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records

SCORED = pa.array([kind for kind in records.REGION_KINDS if kind != "text"])
CANDIDATES = pa.array([granularity for granularity in records.LABEL_GRANULARITIES if granularity != "ocr"])


class Asked:
    """The pairs of a table that have no similarity yet, p in all: of its texts, then its labels, then its phrases.

    `views` are (row, box (4,) in pixels or None for the whole image), `phrasings` texts; `view` and `phrasing`
    (p,) are the numbers of each pair's.
    """

    def __init__(self, table: pa.Table) -> None:
        rows, self._texts = records.flatten(table, "texts")
        region_rows, self._regions = records.flatten(table, "regions")
        phrase_rows, self._phrases = records.flatten(table, "phrases")
        lists = self._regions.field("labels")
        self._labels, self._owner = lists.flatten(), np.repeat(np.arange(len(lists)), records.lengths(lists))
        self._scored = _bool(pc.is_in(self._regions.field("kind"), value_set=SCORED))
        named = _bool(pc.is_in(self._labels.field("granularity"), value_set=CANDIDATES))
        self._candidate = self._scored[self._owner] & named

        texts, labels = self._texts.field("text"), self._labels.field("text")
        spans = _spans(rows, self._texts, phrase_rows, self._phrases)
        self._text_at = np.flatnonzero(_open(self._texts, texts))
        self._label_at = np.flatnonzero(_open(self._labels, labels) & self._candidate)
        self._phrase_at, regions = self._grounded(phrase_rows, region_rows, _open(self._phrases, spans))
        asked = ((texts, self._text_at), (labels, self._label_at), (spans, self._phrase_at))
        self.phrasings, self.phrasing = _once(pa.concat_arrays([each.take(pa.array(at)) for each, at in asked]))

        # Numbers of views: a row for a whole image, and behind all rows a region.
        pairs = np.concatenate([rows[self._text_at], len(table) + np.r_[self._owner[self._label_at], regions]])
        used, self.view = np.unique(pairs, return_inverse=True)
        boxes = self._regions.field("box").flatten().to_numpy().reshape(-1, 4)
        self.views = [
            (at, None) if at < len(table) else (int(region_rows[at - len(table)]), boxes[at - len(table)])
            for at in used.tolist()
        ]

    def __len__(self) -> int:
        return len(self.view)

    def _grounded(self, phrase_rows: np.ndarray, region_rows: np.ndarray, open: np.ndarray) -> tuple[np.ndarray, ...]:
        """Phrases and regions (q,) that belong together: of each open phrase all regions that are scored."""
        lists = self._phrases.field("region_ids")
        phrase = np.repeat(np.arange(len(lists)), records.lengths(lists))
        known = records.keys(region_rows, self._regions.field("id"))
        region = pc.index_in(records.keys(phrase_rows[phrase], lists.flatten()), value_set=known)
        region = region.to_numpy(zero_copy_only=False).astype(np.int64)
        keep = open[phrase] & self._scored[region]
        return phrase[keep], region[keep]

    def answered(self, table: pa.Table, similarity: np.ndarray) -> pa.Table:
        """The table with the similarities (p,) of the pairs, and the best labels chosen anew."""
        ends = np.cumsum([len(self._text_at), len(self._label_at)])
        of_texts, of_labels, of_phrases = np.split(similarity, ends)
        best = np.zeros(len(self._phrases))
        np.maximum.at(best, self._phrase_at, of_phrases)
        grounded = np.unique(self._phrase_at)
        if len(of_texts):
            table = records.amend(table, "texts", similarity=_filled(self._texts, self._text_at, of_texts))
        if len(grounded):
            table = records.amend(table, "phrases", similarity=_filled(self._phrases, grounded, best[grounded]))
        if len(of_labels):
            scored = _filled(self._labels, self._label_at, of_labels)
            self._labels = records.amended(self._labels, similarity=scored)
            lists = self._regions.field("labels")
            lists = records.unflatten(self._owner, self._labels, len(lists), lists.type)
            table = records.amend(table, "regions", labels=lists)
        return self.chosen(table)

    def chosen(self, table: pa.Table) -> pa.Table:
        """The table with the most similar label of each region as its best, the first of equals.

        A region stays as it is that has a label by a person, or no label with a similarity.
        """
        similarity = self._labels.field("similarity").to_numpy(zero_copy_only=False)
        model = pc.struct_field(self._labels, ["origin", "model"])
        by_person = np.zeros(len(self._regions), bool)
        by_person[self._owner[_bool(pc.equal(model, records.HUMAN.model))]] = True
        at = np.flatnonzero(self._candidate & ~by_person[self._owner] & ~np.isnan(similarity))
        at = at[np.lexsort((at, -similarity[at], self._owner[at]))]
        regions, first = np.unique(self._owner[at], return_index=True)
        start = np.searchsorted(self._owner, np.arange(len(self._regions)))
        old = self._regions.field("best")
        best = old.to_numpy(zero_copy_only=False).astype(np.float64)
        best[regions] = at[first] - start[regions]
        new = pa.array(best, mask=np.isnan(best)).cast(old.type)
        return table if new.equals(old) else records.amend(table, "regions", best=new)


def _open(items: pa.StructArray, text: pa.Array) -> np.ndarray:
    """Which items (n,) have no similarity yet, and a text (n,) that says something."""
    blank = pc.equal(pc.utf8_trim_whitespace(text), "")
    return _bool(pc.and_(items.field("similarity").is_null(), pc.invert(blank)))


def _spans(rows: np.ndarray, texts: pa.StructArray, phrase_rows: np.ndarray, phrases: pa.StructArray) -> pa.Array:
    """What each phrase (m,) says."""
    known = records.keys(rows, texts.field("id"))
    at = pc.index_in(records.keys(phrase_rows, phrases.field("text_id")), value_set=known)
    starts, ends = (phrases.field(name).to_pylist() for name in ("start", "end"))
    said = zip(texts.field("text").take(at).to_pylist(), starts, ends, strict=True)
    return pa.array([text[start:end] for text, start, end in said], pa.string())


def _once(texts: pa.Array) -> tuple[list[str], np.ndarray]:
    """The different texts, each once, and the number (p,) of each one's. The short ones come first.

    So texts of about one length are embedded together, and little of a forward pass is padding.
    """
    encoded = texts.dictionary_encode()
    different = encoded.dictionary.to_pylist()
    order = sorted(range(len(different)), key=lambda i: (len(different[i]), different[i]))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return [different[i] for i in order], number[encoded.indices.to_numpy()]


def _filled(items: pa.StructArray, at: np.ndarray, similarity: np.ndarray) -> pa.Array:
    """The similarities (n,) of items with those at (m,) put in."""
    values = items.field("similarity").to_numpy(zero_copy_only=False).copy()
    values[at] = similarity
    return pa.array(values, pa.float32(), mask=np.isnan(values))


def _bool(array: pa.Array) -> np.ndarray:
    """Booleans (n,), false where null."""
    values: np.ndarray = pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    return values
