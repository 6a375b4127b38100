"""What a shard's annotations look like in numbers that can be added up: the part of a ledger that a report draws from.

Every figure is a count, so that the sum over shards is the figure of the dataset. Histograms have fixed bins.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine import records
from engine.geometry import box_areas
from engine.ledger import Counts

COLUMNS = ("width", "height", *records.ANNOTATIONS)  # of a record, that are looked at
AREA = np.linspace(-16, 0, 33)  # edges: log2 of a box's share of its image
ASPECT = np.linspace(-4, 4, 33)  # edges: log2 of width / height
CENTRE = 20  # cells a side, over the image
SCORE = 20  # bins from 0 to 1
GROUNDED = "grounded"  # regions that a phrase names, beside the kinds of regions
# Letters and digits of any script, with what joins them: the paper does not say what its tokens are; ours.
WORD = r"[\pL\pM\pN]+(?:['’.-][\pL\pM\pN]+)*"

# Of each byte of an ASCII text, whether it is part of a word (a), joins two parts (j), or neither.
_SHAPE = bytes(ord("a" if chr(byte).isalnum() else "j" if chr(byte) in "'.-" else " ") for byte in range(256))


def statistics(table: pa.Table) -> dict[str, Counts]:
    """Counts by group: "amounts" as FLD-5B's Table 2 needs them, "names" of objects, "origins", and histograms.

    The groups of histograms are "area", "aspect", "centre" and "score", a colon, and a kind; their keys are bins.
    """
    rows, regions = records.flatten(table, "regions")
    named = _grounded(table, rows, regions)
    said = words(records.flatten(table, "texts")[1].field("text"))
    amounts = _texts(table, said) | _labels(rows, regions) | _triplets(table, said)
    found = {"amounts": amounts, "names": _names(regions)}
    found["origins"] = _origins(table)
    kinds = regions.field("kind").to_numpy(zero_copy_only=False)
    shapes = _shapes(table, rows, regions)
    for kind in (*records.REGION_KINDS, GROUNDED):
        mine = named if kind == GROUNDED else kinds == kind
        if mine.any():
            found |= {f"{group}:{kind}": _histogram(bins[mine]) for group, bins in shapes.items()}
    for column in records.ANNOTATIONS:
        found |= _scores(column, records.flatten(table, column)[1].field("score"))
    return found


def words(texts: pa.Array) -> np.ndarray:
    """How many words each text has: int (n,); 0 for null."""
    known = pc.dictionary_encode(texts, null_encoding="encode")  # labels repeat: to count is what costs
    plain = pc.fill_null(pc.string_is_ascii(known.dictionary), True).to_numpy(zero_copy_only=False)
    counts = np.zeros(len(plain), np.int64)
    counts[plain] = [_plain_words(text) if text else 0 for text in known.dictionary.filter(pa.array(plain)).to_pylist()]
    if not plain.all():
        counts[~plain] = pc.count_substring_regex(known.dictionary.filter(pa.array(~plain)), WORD)
    return counts.take(known.indices.to_numpy())


def _plain_words(text: str) -> int:
    """As WORD counts the words of a text in ASCII, in a fifth of its time."""
    shape = text.encode().translate(_SHAPE)
    # Words that share a letter need a second look: "a-b-c".
    joined = shape.replace(b"aja", b"aa").replace(b"aja", b"aa")
    return (b" " + joined.replace(b"j", b" ")).count(b" a")


def _texts(table: pa.Table, counts: np.ndarray) -> Counts:
    _, texts = records.flatten(table, "texts")
    kinds = texts.field("granularity").to_numpy(zero_copy_only=False)
    found: Counts = {}
    for kind in records.GRANULARITIES:
        mine = kinds == kind
        found |= {f"text.{kind}.annotations": int(mine.sum()), f"text.{kind}.words": int(counts[mine].sum())}
    return found


def _labels(rows: np.ndarray, regions: pa.StructArray) -> Counts:
    lists = regions.field("labels")
    labels, owner = lists.flatten(), np.repeat(np.arange(len(lists)), records.lengths(lists))
    kinds, counts = labels.field("granularity").to_numpy(zero_copy_only=False), words(labels.field("text"))
    found: Counts = {}
    for kind in records.LABEL_GRANULARITIES:
        mine = kinds == kind
        holders = np.unique(owner[mine])
        found |= {
            f"region.{kind}.annotations": len(np.unique(rows[holders])), f"region.{kind}.regions": len(holders),
            f"region.{kind}.labels": int(mine.sum()), f"region.{kind}.words": int(counts[mine].sum()),
        }  # fmt: skip
    return found


def _triplets(table: pa.Table, whole: np.ndarray) -> Counts:
    """Texts with phrases that have regions; a region's words are those of its phrase. `whole`: words of each text."""
    rows, phrases = records.flatten(table, "phrases")
    owners, texts = records.flatten(table, "texts")
    home = pc.index_in(
        records.keys(rows, phrases.field("text_id")), value_set=records.keys(owners, texts.field("id"))
    ).fill_null(-1).to_numpy(zero_copy_only=False)  # fmt: skip
    pointing = records.lengths(phrases.field("region_ids"))
    real = np.flatnonzero((home >= 0) & (pointing > 0))
    home, count = home[real], pointing[real]
    ends = [phrases.field(name).to_numpy(zero_copy_only=False)[real].tolist() for name in ("start", "end")]
    said = texts.field("text").take(pa.array(home)).to_pylist()
    spoken = words(pa.array([text[a:b] for text, a, b in zip(said, *ends, strict=True)], pa.string()))
    kinds = texts.field("granularity").to_numpy(zero_copy_only=False)
    found: Counts = {}
    for kind in records.GRANULARITIES:
        mine = kinds[home] == kind
        each = np.unique(home[mine])
        found |= {
            f"triplet.{kind}.annotations": len(each), f"triplet.{kind}.words": int(whole[each].sum()),
            f"triplet.{kind}.regions": int(count[mine].sum()),
            f"triplet.{kind}.region_words": int((spoken[mine] * count[mine]).sum()),
        }  # fmt: skip
    return found


def _grounded(table: pa.Table, rows: np.ndarray, regions: pa.StructArray) -> np.ndarray:
    """Which regions (n,) a phrase names: bool (n,)."""
    owners, phrases = records.flatten(table, "phrases")
    refs = phrases.field("region_ids")
    pointed = records.keys(np.repeat(owners, records.lengths(refs)), refs.flatten())
    found: np.ndarray = pc.is_in(records.keys(rows, regions.field("id")), value_set=pointed).to_numpy(
        zero_copy_only=False
    )
    return found


def _shapes(table: pa.Table, rows: np.ndarray, regions: pa.StructArray) -> dict[str, np.ndarray]:
    """Each region's bin, by histogram: int (n,)."""
    boxes = regions.field("box").flatten().to_numpy(zero_copy_only=False).reshape(-1, 4).astype(float)
    size = np.stack([records.column_of(table, side).to_numpy(zero_copy_only=False) for side in ("width", "height")], 1)
    size = np.maximum(size[rows].astype(float), 1)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    with np.errstate(divide="ignore"):
        area = np.log2(box_areas(boxes) / size.prod(1))
    cells = np.clip(((boxes[:, :2] + boxes[:, 2:]) / 2 / size * CENTRE).astype(int), 0, CENTRE - 1)
    return {
        "area": _binned(area, AREA),
        "aspect": _binned(np.log2(sides[:, 0] / sides[:, 1]), ASPECT),
        "centre": cells[:, 1] * CENTRE + cells[:, 0],
    }


def _binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    bins: np.ndarray = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return bins


def _histogram(bins: np.ndarray) -> Counts:
    return {str(at): int(count) for at, count in enumerate(np.bincount(bins)) if count}


def _scores(column: str, scores: pa.Array) -> dict[str, Counts]:
    given = scores.drop_null().to_numpy(zero_copy_only=False)
    if not len(given):
        return {}
    return {f"score:{column}": _histogram(np.clip((given * SCORE).astype(int), 0, SCORE - 1))}


def _names(regions: pa.StructArray) -> Counts:
    """What objects are called: the best label, else the first; lower-cased."""
    objects = regions.filter(pc.equal(regions.field("kind"), "object"))
    lists = objects.field("labels")
    count = records.lengths(lists)
    first = np.cumsum(count) - count
    best = pc.fill_null(objects.field("best"), 0).to_numpy(zero_copy_only=False)
    at = (first + best)[count > 0]
    names = pc.utf8_lower(lists.flatten().field("text").take(pa.array(at)))
    return _counted(names)


def _origins(table: pa.Table) -> Counts:
    """By kind, round and model: "texts 0 captioner"."""
    found: Counts = {}
    for column in records.ANNOTATIONS:
        origin = records.flatten(table, column)[1].field("origin")
        rounds = pc.cast(pc.fill_null(origin.field("round"), 0), pa.string())
        found |= _counted(pc.binary_join_element_wise(column, rounds, origin.field("model"), " "))
    return found


def _counted(values: pa.Array) -> Counts:
    found = pc.value_counts(values).to_pylist()
    return {item["values"]: item["counts"] for item in found if item["values"] is not None}
