"""Verb phrases, and the participles and relative clauses that follow a noun."""

from __future__ import annotations

from filters.english.captions.chance import Weighted
from filters.english.captions.phrases import ANYTHING, PLACES, Phrases
from filters.english.words import (
    PROGRESSIVE,
    TABLES,
    WORDS,
    Node,
    adjective,
    adverb,
    be,
    particle,
    preposition,
    pronoun,
    verb,
)

SUBJECTS: list[Weighted] = [(5, "people"), (3, "animals"), (1, "vehicles"), (0.6, "outdoors"), (0.4, "furniture")]
HELD: list[Weighted] = [(4, "things"), (1, "animals"), (1, "vehicles"), (1, "foods"), (1.5, "compounds")]
PURPOSES = [("wait", "xcomp"), ("prepare", "xcomp"), ("try", "xcomp"), ("stop", "advcl"), ("get ready", "advcl")]


class Verbs(Phrases):
    """Each takes the tag of its verb, or the relation of what it makes."""

    def verb_phrase(self, tag: str) -> Node:
        return self.pick(
            (6, lambda: self.transitive(tag)),
            (5, lambda: self.intransitive(tag)),
            (1, lambda: self.looking(tag)),
            (1, lambda: self.with_particle(tag)),
            (0.5, lambda: self.purpose(tag)),
        )

    def transitive(self, tag: str) -> Node:
        root = verb(self.choose(WORDS["transitive"]), tag)
        if root.lemma in ("wear", "hold") and self.maybe(0.5):
            thing = self.coordinate(self.outfit) if self.maybe(0.3) else self.outfit()
        elif root.lemma in ("eat", "cook", "slice", "chop"):
            thing = self.np([(1, "foods")], light=True)
        elif self.maybe(0.12):
            thing = self.coordinate(lambda: self.np(HELD, plain=True))
        else:
            thing = self.np(HELD, light=True)
        root.right.append(thing.as_("obj"))
        return self.circumstance(root, 0.45)

    def intransitive(self, tag: str) -> Node:
        root = verb(self.choose(WORDS["intransitive"]), tag)
        if root.lemma in TABLES["particles"] and self.maybe(0.3):
            root.right.append(particle(self.choose(TABLES["particles"][root.lemma].split())))
        elif self.maybe(0.12):
            root.right.append(adverb(self.choose(WORDS["adverbs"])))
        root = self.circumstance(root, 0.9)
        if self.maybe(0.12):
            root.right.append(self.transitive("VBG").as_("advcl"))
            root.right[-1].morph = PROGRESSIVE
        return root

    def looking(self, tag: str) -> Node:
        root = verb(self.choose(WORDS["looking"]), tag)
        target = self.np(ANYTHING, light=True) if self.maybe(0.85) else self.each_other()
        target.left.insert(0, preposition(self.choose(("at", "at", "at", "into", "toward"))))
        root.right.append(target.as_("obl"))
        return self.circumstance(root, 0.2)

    def with_particle(self, tag: str) -> Node:
        lemma, word = self.choose(WORDS["taking_particle"]).split()
        root = verb(lemma, tag)
        root.right = [particle(word), self.np(HELD, light=True).as_("obj")]
        return self.circumstance(root, 0.3)

    def purpose(self, tag: str) -> Node:
        """waiting to cross a street; getting ready to dive"""
        words, dep = self.choose(PURPOSES)
        root = verb(words.split()[0], tag)
        root.right += [adjective(word, "xcomp") for word in words.split()[1:]]
        inner = self.transitive("VB") if self.maybe(0.7) else self.intransitive("VB")
        inner.left.insert(0, Node("to", "to", "PART", "TO", dep="mark"))
        (root.right[-1] if root.right else root).right.append(inner.as_(dep))
        return root

    def passive_phrase(self) -> Node:
        """covered with snow and leaves; parked on a street"""
        lemma, word = self.choose(WORDS["passives"]).split()
        root = verb(lemma, "VBN")
        if word in ("with", "by", "in", "of") and self.maybe(0.3):
            target = self.coordinate(lambda: self.np(ANYTHING, plain=True))
        else:
            target = self.np(PLACES if word in ("on", "in", "at") else ANYTHING, light=True)
        target.left.insert(0, preposition(word))
        root.right.append(target.as_("obl"))
        return root

    def being_done(self) -> Node:
        """being pushed by a nurse"""
        root = verb(self.choose(WORDS["transitive"]), "VBN")
        root.left.append(Node("being", "be", "AUX", "VBG", "VerbForm=Ger", "aux:pass"))
        agent = self.np(SUBJECTS, light=True)
        agent.left.insert(0, preposition("by"))
        root.right.append(agent.as_("obl:agent"))
        return root

    def participle(self, dep: str) -> Node:
        if self.maybe(0.2):
            return self.passive_phrase().as_(dep)
        root = self.verb_phrase("VBG").as_(dep)
        root.morph = root.morph if dep == "acl" else PROGRESSIVE
        return root

    def circumstance(self, root: Node, chance: float) -> Node:
        if self.maybe(chance):
            root.right.append(self.place().as_("obl"))
            if self.maybe(0.12):
                root.right.append(self.time().as_("obl"))
        return root

    def with_participle(self, head: Node) -> Node:
        head.right.append(self.participle("acl"))
        return head

    def with_passive(self, head: Node) -> Node:
        head.right.append((self.being_done() if self.maybe(0.2) else self.passive_phrase()).as_("acl"))
        return head

    def with_relative(self, head: Node) -> Node:
        who = head.lemma in WORDS["people"] and self.maybe(0.5)
        word, tag = ("who", "WP") if who else (self.choose(("that", "that", "which")), "WDT")
        relative = pronoun(word, tag, "PronType=Rel", "nsubj")
        if self.maybe(0.5):
            clause = self.verb_phrase("VBG")
            clause.morph = PROGRESSIVE
            clause.left[:0] = [relative, be(head, "aux")]
        elif self.maybe(0.5):
            clause = self.passive_phrase()
            clause.left[:0] = [relative.as_("nsubj:pass"), be(head, "aux:pass")]
        else:
            clause = self.verb_phrase("VBP" if head.plural else "VBZ")
            clause.left.insert(0, relative)
        head.right.append(clause.as_("acl:relcl"))
        return head
