"""Whole captions: one sentence or fragment, or several sentences."""

from __future__ import annotations

from filters.english.captions.clauses import Clauses
from filters.english.captions.phrases import ANYTHING
from filters.english.captions.verbs import SUBJECTS
from filters.english.treebank import Sentence, Token
from filters.english.words import Node, mark


class Grammar(Clauses):
    """Each method, here and in what it stands on, draws one kind of phrase and gives the node at its top."""

    def text(self) -> list[Sentence]:
        """A short caption, or a detailed one of several sentences."""
        if self.maybe(0.75):
            return [self.short()]
        return [self.sentence(self.clause(), stop=True) for _ in range(self.choose((2, 2, 3, 4)))]

    def short(self) -> Sentence:
        root = self.fragment() if self.maybe(0.55) else self.clause()
        return self.sentence(root, stop=self.maybe(0.45))

    def sentence(self, root: Node, stop: bool) -> Sentence:
        if stop or self.maybe(0.1):
            if stop:
                root.glue_last()
            root.right.append(mark("."))
        words = root.words()
        if self.maybe(0.6 if stop else 0.35):
            words[0].form = words[0].form[0].upper() + words[0].form[1:]
        elif self.maybe(0.5):
            for word in words:
                word.form = word.form.lower()
        return linearised(words)

    def fragment(self) -> Node:
        """A caption without a finite verb."""
        return self.pick(
            (6, lambda: self.np(SUBJECTS)),
            (4, lambda: self.with_pp(self.np(ANYTHING))),
            (7, lambda: self.with_participle(self.np(SUBJECTS))),
            (3, lambda: self.with_passive(self.np(ANYTHING))),
            (3, lambda: self.coordinate(lambda: self.np(ANYTHING))),
            (2, lambda: self.with_pp(self.coordinate(lambda: self.np(ANYTHING, plain=True)))),
            (2, lambda: self.with_participle(self.coordinate(lambda: self.np(SUBJECTS, plain=True)))),
            (2, lambda: self.with_relative(self.np(SUBJECTS))),
            (1, lambda: self.with_pp(self.name())),
            (2, lambda: self.view_of(self.pick((1, self.scene), (1, lambda: self.np(ANYTHING))))),
        )


def linearised(words: list[Node]) -> Sentence:
    """The words of one tree, in order, as a sentence of the treebank."""
    place = {id(word): index for index, word in enumerate(words)}
    heads = {id(child): place[id(word)] for word in words for child in word.left + word.right}
    return [
        Token(w.form, w.lemma, w.pos, w.tag, w.morph, heads.get(id(w), index), w.dep, space=not w.glued)
        for index, w in enumerate(words)
    ]
