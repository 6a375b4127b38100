"""docs/filters.md: the figures as tables, with what they say and what they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from string import Template

from benchmarks.corpus.bad import HELD_OUT, KINDS, TUNED
from benchmarks.corpus.measure import Judged, Rates, by
from engine import records
from engine.ledger import StageBooks

EXAMPLE = 110  # characters of a text that is shown
LOST = 8  # good texts shown of each rule

PAGE = Template("""\
# What the default filters find

```
python -m benchmarks.corpus --seed $seed
```

writes this page, in half a minute on one core. The corpus (`benchmarks/corpus/`) has $texts texts over $images images
with written lines and objects; $bad texts are bad on purpose, in $kinds ways, each as often in each granularity. It was
written without the filters' rules: bad is what captioners, scraped pages and broken tools leave behind. Good texts come
from a grammar of their own: with and without a verb, questions, numbers, names, quoted signs, boilerplate openings
(which are to be cut and do not make a text bad). No text has a score or a similarity, so that only the words count.

The chain is the default one (`pipelines.config.FILTERS`). A bad text is found when it is dropped; one that is mended
and stays counts as missed.

## Precision and recall

Precision: bad texts among those dropped. Recall: dropped ones among the bad. Kept: good texts that stay. In percent.

$rates

Held-out kinds were not looked at when a filter was mended. Either half has half of the bad texts and all of the good
ones, so that its precision is below the whole's.

Across other seeds ($other_seeds): recall $other_recall, kept $other_kept.

## The waterfall

$waterfall

## By kind and rule

Each row: the bad texts of one kind, by the rule that dropped them.

$confusion

## Good texts that are lost

$lost

$examples

## How to read this

- **What goes is nearly always form.** The rules see length, loops, copies of the image's own print, near-duplicates of
  a sibling, and whether a parse ties objects and actions together. A fluent sentence that says nothing of the image
  passes all of them: prompts, moods, posts, adverts. So does whatever a parser can make a sentence of: menus, logs,
  words in no order.
- **Cut-off captions, refusals and broken encoding** are `text_leftovers`' own: it was written when this page showed
  that no other rule saw them, after these three tuned kinds, so that their rows say how well it fits and not how well
  it generalises. A caption that breaks off behind a noun or a verb reads as whole, and stays.
- **Another language** in Latin letters is judged by the English parser, and mostly passes; texts mostly of another
  script are not judged by syntax at all.
- **Loops** are found, those with a new word in each turn ("a red car, a blue car, ..") by the word that they repeat too
  often. **Copies of a sibling** are, too, until a short one differs in two words.
- **Print** is recognised only where OCR read it: of the dumps here it has the signs, and `text_ocr` asks for half.
- **Text filters alone are no judge of truth.** What a text says of the image is for image-text similarity (`scoring`,
  with `text_score.min_similarity`) and for grounding (`text_support`, `phrase_score.ungrounded`), which are off by
  default. How many of the bad texts these would find was not measured: the corpus has no pixels.
- **The good texts are a grammar's**, correct and about one scene. Real captions are messier, and a share of kept texts
  so high should be expected of no other corpus. Detailed texts without a verb go by design (`text_syntax.min_actions`),
  a few because the parser takes a verb for a noun; briefs of one or two words go by `text_length.min_words`. A good
  text that goes as a duplicate does say what its sibling says.
""")


def page(judged: Sequence[Judged], books: Sequence[StageBooks], seed: int, others: dict[int, Rates]) -> str:
    """The whole page; `others` are the rates over the corpora of other seeds."""
    return PAGE.substitute(
        seed=seed,
        texts=f"{len(judged):,}",
        images=f"{len({each.truth.image_id for each in judged}):,}",
        bad=f"{sum(each.bad for each in judged):,}",
        kinds=len(KINDS),
        rates=_rates(judged),
        other_seeds=", ".join(map(str, others)),
        other_recall=" and ".join(_percent(rates.recall) for rates in others.values()),
        other_kept=" and ".join(_percent(rates.kept) for rates in others.values()),
        waterfall=_waterfall(books),
        confusion=_confusion(judged),
        lost=_lost(judged),
        examples=_examples(judged),
    )


def _rates(judged: Sequence[Judged]) -> str:
    groups = {"all": list(judged)}
    groups |= by(judged, lambda each: each.truth.granularity.replace("_", " "))
    for name, kinds in (("tuned kinds", TUNED), ("held-out kinds", HELD_OUT)):
        groups[name] = [each for each in judged if not each.bad or each.truth.kind in kinds]
    rows = []
    for name, members in groups.items():
        rates = Rates.of(members)
        shares = (_percent(share) for share in (rates.precision, rates.recall, rates.kept))
        rows.append([name, rates.good, rates.bad, rates.dropped_good, rates.dropped_bad, *shares])
    return _table(["texts", "good", "bad", "good dropped", "bad dropped", "precision", "recall", "kept"], rows)


def _waterfall(books: Sequence[StageBooks]) -> str:
    """What came in, what each rule dropped, what stayed, by kind."""
    rows: list[list[object]] = []
    for kind in ("texts", "regions", "phrases"):
        rows.append([kind, "in", books[0].before.get(kind, 0)])
        for account in books:
            if account.added.get(kind):
                rows.append(["", f"`{account.name}`", f"+ {account.added[kind]:,}"])
            dropped = account.dropped.get(kind, {})
            rows += [["", f"`{rule}`", f"- {count:,}"] for rule, count in dropped.items()]
        rows.append(["", "out", books[-1].after.get(kind, 0)])
    return _table(["", "", "annotations"], rows)


def _confusion(judged: Sequence[Judged]) -> str:
    rules = sorted({each.rule for each in judged if each.dropped})
    groups = by(judged, lambda each: each.truth.kind)
    rows = []
    for half, kinds in (("tuned", TUNED), ("held out", HELD_OUT)):
        rows += [_confused(f"{kind.replace('_', ' ')} ({half})", groups.get(kind, []), rules) for kind in kinds]
    rows.append(_confused("**good texts**", groups[""], rules))
    names = [rule.removeprefix("text_").replace("_", " ") for rule in rules]
    return _table(["kind", "texts", *names, "stay", "dropped %"], rows)


def _confused(name: str, members: Sequence[Judged], rules: Sequence[str]) -> list[object]:
    counts = Counter(each.rule for each in members)
    share = _percent(1 - counts[""] / max(1, len(members)))
    return [name, len(members), *(counts[rule] or "" for rule in rules), counts[""], share]


def _lost(judged: Sequence[Judged]) -> str:
    lost = Counter((each.rule, each.truth.granularity) for each in judged if each.dropped and not each.bad)
    rules = sorted({rule for rule, _ in lost})
    rows = [[f"`{rule}`", *(lost[rule, grain] or "" for grain in records.GRANULARITIES)] for rule in rules]
    return _table(["rule", *(grain.replace("_", " ") for grain in records.GRANULARITIES)], rows)


def _examples(judged: Sequence[Judged]) -> str:
    groups = by((each for each in judged if each.dropped and not each.bad), lambda each: each.rule)
    return "\n".join(
        f"- `{rule}`: " + "; ".join(f"“{_short(each.truth.text)}”" for each in groups[rule][:LOST])
        for rule in sorted(groups)
    )


def _short(text: str) -> str:
    return text if len(text) <= EXAMPLE else text[: EXAMPLE - 2].rsplit(" ", 1)[0] + " .."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *([f"{cell:,}" if isinstance(cell, int) else cell for cell in r] for r in rows)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
