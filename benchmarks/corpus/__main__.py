"""python -m benchmarks.corpus: runs the default filters over the corpus and writes docs/filters.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.corpus.images import IMAGES, Corpus
from benchmarks.corpus.measure import Rates, judge
from benchmarks.corpus.report import page

OTHERS = 2  # corpora of further seeds, to see how much a figure owes to chance


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--out", type=Path, default=Path("docs/filters.md"))
    given = parser.parse_args()
    judged, books = judge(Corpus.make(given.seed, given.images))
    seeds = range(given.seed + 1, given.seed + 1 + OTHERS)
    others = {seed: Rates.of(judge(Corpus.make(seed, given.images))[0]) for seed in seeds}
    given.out.write_text(page(judged, books, given.seed, others), encoding="utf-8")
    rates = Rates.of(judged)
    print(f"precision {rates.precision:.3f}, recall {rates.recall:.3f}, kept {rates.kept:.3f}: {given.out}")


if __name__ == "__main__":
    main()
