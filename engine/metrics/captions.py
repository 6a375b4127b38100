"""Texts against true texts of the same image: BLEU and CIDEr."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Gram = tuple[str, ...]

LONGEST = 4  # words of an n-gram
SIGMA = 6.0  # of CIDEr-D's penalty for another length


def words(text: str) -> list[str]:
    """Lower-cased words without punctuation, as the captioning metrics count them."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.lower())


def bleu(found: Sequence[str], truth: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU-4 in [0, 1] of n texts, each against one or more true ones (Papineni et al., ACL 2002).

    By sacrebleu, without smoothing, on lower-cased words without punctuation. NaN for no text.
    """
    from sacrebleu.metrics.bleu import BLEU

    if not found:
        return math.nan
    most = max(map(len, truth))
    # Texts have different numbers of true ones; sacrebleu wants them as columns and passes over None.
    streams: list[Any] = [
        [" ".join(words(each[at])) if at < len(each) else None for each in truth] for at in range(most)
    ]
    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    score = metric.corpus_score([" ".join(words(text)) for text in found], streams).score
    return min(float(score) / 100, 1.0)  # a mean of logarithms, which rounding can take above 0


def cider(found: Sequence[str], truth: Sequence[Sequence[str]]) -> float:
    """CIDEr-D of n texts, each against one or more true ones; 0 to 10 (Vedantam et al., arXiv 1411.5726).

    As in the COCO caption evaluation: n-grams of 1 to 4 words weighted by tf-idf, where the documents are the n
    sets of true texts; counts clipped; a Gaussian penalty on the difference in length; no stemming. With one
    document all weights are 0, and so is the score. NaN for no text.
    """
    if not found:
        return math.nan
    sets = [[_grams(text) for text in each] for each in truth]
    documents = Counter(gram for each in sets for gram in {gram for grams in each for gram in grams})
    rarest = math.log(len(sets))
    idf = {gram: rarest - math.log(count) for gram, count in documents.items()}
    scores = []
    for text, each in zip(found, sets, strict=True):
        said = _Weighted.of(_grams(text), idf, rarest)
        scores.append(np.mean([said.likeness(_Weighted.of(grams, idf, rarest)) for grams in each]))
    return float(10 * np.mean(scores))


def _grams(text: str) -> Counter[Gram]:
    said = words(text)
    return Counter(tuple(said[at : at + n]) for n in range(1, LONGEST + 1) for at in range(len(said) - n + 1))


@dataclass(frozen=True)
class _Weighted:
    """A text's n-grams with their tf-idf, by n; the Euclidean norm of each n's; and how many 2-grams it has."""

    weights: list[dict[Gram, float]]
    norms: list[float]
    length: int  # the COCO code takes the number of 2-grams for it

    @classmethod
    def of(cls, grams: Counter[Gram], idf: dict[Gram, float], rarest: float) -> _Weighted:
        weights: list[dict[Gram, float]] = [{} for _ in range(LONGEST)]
        for gram, count in grams.items():
            weights[len(gram) - 1][gram] = count * idf.get(gram, rarest)
        norms = [math.sqrt(sum(weight**2 for weight in each.values())) for each in weights]
        return cls(weights, norms, sum(count for gram, count in grams.items() if len(gram) == 2))

    def likeness(self, true: _Weighted) -> float:
        """The mean over n of the clipped cosine with a true text, with CIDEr-D's penalty."""
        total = 0.0
        for one, other, norm, other_norm in zip(self.weights, true.weights, self.norms, true.norms, strict=True):
            shared = sum(min(weight, other[gram]) * other[gram] for gram, weight in one.items() if gram in other)
            total += shared / (norm * other_norm) if norm and other_norm else 0.0
        return total / LONGEST * math.exp(-((self.length - true.length) ** 2) / (2 * SIGMA**2))
