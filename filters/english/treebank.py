"""Reads a Universal Dependencies treebank (CoNLL-U) into spaCy documents.

One paragraph becomes one document, so that a parser trained on them learns to find the
sentences of a raw text by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spacy.tokens import Doc
from spacy.vocab import Vocab

# Features of style, spelling and etymology multiply the morphologizer's classes and help no caption.
KEPT_FEATURES = re.compile(
    "(Case|Definite|Degree|Gender|Mood|Number|NumType|Person|Poss|PronType|Reflex|Tense|VerbForm|Voice)="
)


@dataclass(frozen=True)
class Token:
    """One syntactic word; `head` is an index into its sentence, its own index for a root."""

    form: str
    lemma: str
    pos: str
    tag: str
    morph: str
    head: int
    dep: str
    space: bool


Sentence = list[Token]


def read_paragraphs(path: Path) -> Iterator[list[Sentence]]:
    """Yields the paragraphs of a CoNLL-U file as lists of sentences."""
    paragraph: list[Sentence] = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.split("\n")
        if paragraph and any(line.startswith(("# newdoc", "# newpar")) for line in lines):
            yield paragraph
            paragraph = []
        paragraph.append(_sentence(lines))
    if paragraph:
        yield paragraph


def to_doc(vocab: Vocab, paragraph: Iterable[Sentence]) -> Doc:
    """Joins sentences into one document; heads become indices into the document."""
    words: list[Token] = []
    heads: list[int] = []
    starts: list[bool] = []
    for sentence in paragraph:
        offset = len(words)
        words += sentence
        heads += [offset + token.head for token in sentence]
        starts += [index == 0 for index in range(len(sentence))]
    return Doc(
        vocab,
        words=[token.form for token in words],
        spaces=[token.space for token in words],
        lemmas=[token.lemma for token in words],
        pos=[token.pos for token in words],
        tags=[token.tag for token in words],
        morphs=[token.morph for token in words],
        heads=heads,
        deps=[token.dep for token in words],
        sent_starts=starts,
    )


def _sentence(lines: list[str]) -> Sentence:
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    glued = _inside_multiword(rows)
    return [_token(row, row[0] in glued) for row in rows if row[0].isdigit()]


def _inside_multiword(rows: list[list[str]]) -> set[str]:
    """Ids of the words that no space follows because their written word goes on or ends without one."""
    glued: set[str] = set()
    for row in rows:
        if "-" in row[0]:
            first, last = (int(part) for part in row[0].split("-"))
            glued |= {str(index) for index in range(first, last)}
            if "SpaceAfter=No" in row[9]:
                glued.add(str(last))
    return glued


def _token(row: list[str], glued: bool) -> Token:
    index, form, lemma, pos, tag, feats, head, dep, _, misc = row
    position = int(index) - 1
    return Token(
        form=form,
        lemma=form if lemma == "_" else lemma,
        pos=pos,
        tag=tag,
        morph="|".join(f for f in feats.split("|") if KEPT_FEATURES.match(f)),
        head=position if head == "0" else int(head) - 1,
        dep="ROOT" if head == "0" else dep,
        space=not glued and "SpaceAfter=No" not in misc,
    )
