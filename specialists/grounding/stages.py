"""Grounding: boxes for the noun phrases of an image's texts; and detection as grounding.

Stands where FLD-5B used Grounding DINO for its text-phrase-region triplets (arXiv 2311.06242, section 4.2). Each box
is tied to the exact characters of its phrase: `passes` says what is asked, `grounders` what the scores are,
`sightings` what becomes of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import ClassVar

from engine import records
from engine.stage import Batch, ChainError, Outcome
from specialists.checkpoints import hub
from specialists.checkpoints.proofs import once
from specialists.grounding.looking import Looking
from specialists.grounding.passes import marks_of, plain, tokenised
from specialists.grounding.phrasebook import Phrasebook
from specialists.model import load_processor


@dataclass
class Grounding(Looking):
    """Boxes for each phrase that names no region yet, as regions whose labels are the phrases that they fit.

    A phrase's score is that of the best of its regions; without any, the best that a box had for it, so that what
    was looked for in vain is not looked for again.
    """

    name: ClassVar[str] = "grounding"
    reads: ClassVar[frozenset[str]] = frozenset({"image", "texts", "phrases"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object", "regions.labels", "phrases.regions"})

    def __call__(self, batch: Batch) -> Outcome:
        book = Phrasebook(batch.table)
        asked = book.asked()
        answers = self._found(batch, [self._grounder.queries(phrases) for phrases in asked])
        new = []
        for row, (phrases, here, ids) in enumerate(zip(asked, answers, self._ids(batch), strict=True)):
            regions = self._regions(here.seen, [book.forms(row, phrase) for phrase in phrases], ids)
            new.append(regions)
            for number, phrase in enumerate(phrases):
                found = {
                    region["id"]: seen.phrases[number]
                    for region, seen in zip(regions, here.seen, strict=True)
                    if number in seen.phrases
                }
                book.tell(row, phrase, found, max(found.values(), default=here.scores[number]))
        return Outcome(book.written(records.append(batch.table, "regions", new)))


@dataclass
class CategoryGrounding(Looking):
    """The objects of a list of categories: detection as grounding of all their names (GLIP, arXiv 2112.03857).

    A name with a definition is asked as "name, definition" (DetCLIP, arXiv 2209.09407); the label is the name. With a
    score for each token, it is the name's tokens that count, which have seen the definition's.
    """

    name: ClassVar[str] = "category_grounding"
    reads: ClassVar[frozenset[str]] = frozenset({"image"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions.object", "regions.labels"})

    categories: tuple[str, ...] = ()
    definitions: dict[str, str] = field(default_factory=dict)  # of some or all of them, by name

    def __post_init__(self) -> None:
        super().__post_init__()
        self.categories = tuple(self.categories)
        asked = [plain(category) for category in self.categories]
        if not all(asked) or not asked:
            raise ChainError(f"{self.name}: give `categories:` a list of names, none of them empty")
        twice = [category for at, category in enumerate(self.categories) if plain(category) in asked[:at]]
        if twice:
            raise ChainError(f"{self.name}: categories: {twice[0]!r} stands there twice")
        unknown = [category for category in self.definitions if category not in self.categories]
        if unknown:
            raise ChainError(f"{self.name}: definitions: {unknown[0]!r} is none of the categories")

    def check(self) -> None:
        super().check()
        once(self._check_words, "words", self.checkpoint.revision, version("transformers"), *self.categories)

    def _check_words(self) -> None:
        hub.stay_offline()
        try:
            tokenizer = load_processor(self.checkpoint).tokenizer
        except Exception as error:
            raise ChainError(f"{self.name}: {self.weights} has no processor that can be loaded: {error}") from error
        queries = tokenised(tokenizer, self.categories, [""] * len(self.categories), marks_of(tokenizer))
        for category, query in zip(self.categories, queries, strict=True):
            if not query.named:
                raise ChainError(
                    f"{self.name}: categories: the vocabulary of {self.weights} has no word of {category!r}"
                )

    def __call__(self, batch: Batch) -> Outcome:
        queries = self._grounder.queries(self.categories, self.definitions)
        found = self._found(batch, [queries] * len(batch))
        names = [[category] for category in self.categories]
        new = [self._regions(here.seen, names, ids) for here, ids in zip(found, self._ids(batch), strict=True)]
        return Outcome(records.append(batch.table, "regions", new))
