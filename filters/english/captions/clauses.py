"""Main clauses, the frames that captioners use included."""

from __future__ import annotations

from filters.english.captions.phrases import ANYTHING
from filters.english.captions.verbs import SUBJECTS, Verbs
from filters.english.words import (
    PROGRESSIVE,
    WORDS,
    Node,
    article,
    be,
    can,
    conjunction,
    determiner,
    mark,
    noun,
    preposition,
    pronoun,
    verb,
)

WEARERS = [("she", "Gender=Fem|Number=Sing"), ("he", "Gender=Masc|Number=Sing"), ("they", "Number=Plur")]


class Clauses(Verbs):
    """Each gives the root of a sentence."""

    def clause(self) -> Node:
        """A main clause, the frames of detailed captions included."""
        return self.pick(
            (8, self.progressive),
            (5, self.present),
            (5, self.passive_clause),
            (4, self.existential),
            (5, self.copular),
            (3, self.image_shows),
            (2, self.wearing),
            (2, self.subordinate),
            (2, self.be_seen),
            (2, self.has),
        )

    def progressive(self) -> Node:
        subject = self.np(SUBJECTS, light=True)
        root = self.verb_phrase("VBG")
        root.morph = PROGRESSIVE
        root.left[:0] = [subject.as_("nsubj"), be(subject, "aux")]
        return self.extend(root)

    def present(self) -> Node:
        subject = self.np(SUBJECTS, light=True)
        root = self.verb_phrase("VBP" if subject.plural else "VBZ")
        root.left.insert(0, subject.as_("nsubj"))
        return self.extend(root)

    def passive_clause(self) -> Node:
        subject = self.np(ANYTHING, light=True)
        root = self.passive_phrase()
        root.left[:0] = [subject.as_("nsubj:pass"), be(subject, "aux:pass")]
        return root

    def existential(self) -> Node:
        subject = self.scene()
        root = be(subject, "ROOT")
        root.pos = "VERB"
        root.left.append(pronoun("there", "EX", "", "expl"))
        root.right.append(subject.as_("nsubj"))
        return self.front(root)

    def copular(self) -> Node:
        subject = self.np(ANYTHING, light=True)
        root = self.pick(
            (2, self.adjective),
            (1, lambda: self.coordinate(self.adjective)),
            (3, self.place),
            (1, lambda: self.with_pp(self.np(ANYTHING, plain=True))),
        )
        root.left[:0] = [subject.as_("nsubj"), be(subject, "cop")]
        return self.front(root.as_("ROOT"))

    def image_shows(self) -> Node:
        view = noun(self.choose((*WORDS["views"][:6], "scene")))
        view.left.append(self.choose((article("the"), determiner("this", "Number=Sing|PronType=Dem"))))
        if self.maybe(0.3):
            view.left.insert(0, preposition("in"))
            root: Node = self.choose((self.progressive, self.existential, self.we_see))()
            return self.put_front(root, view.as_("obl"))
        if self.maybe(0.3):
            inner = self.np_of("view" if self.maybe(0.3) else self.choose(WORDS["views"]), plain=True)
            root = self.add_of(inner, self.scene())
            root.left[:0] = [view.as_("nsubj"), be(view, "cop")]
            return root
        root = verb(self.choose(("show", "feature", "depict", "capture", "display", "contain")), "VBZ")
        root.left.append(view.as_("nsubj"))
        root.right.append(self.scene().as_("obj"))
        return root

    def we_see(self) -> Node:
        word, person = self.choose((("we", "Number=Plur|Person=1"), ("you", "Person=2")))
        root = verb("see", "VB")
        root.left = [pronoun(word, "PRP", f"Case=Nom|{person}|PronType=Prs", "nsubj"), can()]
        root.right = [self.scene().as_("obj")]
        return root

    def wearing(self) -> Node:
        """She is wearing A and B and holding C."""
        word, features = self.choose(WEARERS)
        subject = pronoun(word, "PRP", f"Case=Nom|{features}|Person=3|PronType=Prs", "nsubj")
        if self.maybe(0.4):
            subject = self.np_of(self.choose(WORDS["people"]), plain=True).as_("nsubj")
        root = verb("wear", "VBG", PROGRESSIVE)
        root.left = [subject, be(subject, "aux")]
        root.right = [self.pick((1, self.outfit), (1, lambda: self.coordinate(self.outfit))).as_("obj")]
        return self.extend(root)

    def be_seen(self) -> Node:
        subject = self.np(ANYTHING, light=True)
        root = verb("see", "VBN")
        infinitive = Node("be", "be", "AUX", "VB", "VerbForm=Inf", "aux:pass")
        root.left = [subject.as_("nsubj:pass"), can(), infinitive]
        root.right = [self.pick((2, lambda: self.place().as_("obl")), (1, lambda: self.participle("advcl")))]
        return root

    def has(self) -> Node:
        subject = self.np(ANYTHING, light=True)
        root = verb("have", "VBP" if subject.plural else "VBZ")
        root.left = [subject.as_("nsubj")]
        part: Node = self.pick(
            (2, lambda: self.np([(1, "parts")], plain=True)),
            (1, lambda: self.coordinate(lambda: self.np([(1, "parts"), (1, "furniture")], plain=True))),
        )
        if self.maybe(0.25):
            part = self.with_pp(part)
        root.right = [part.as_("obj")]
        return self.extend(root)

    def subordinate(self) -> Node:
        root: Node = self.choose((self.progressive, self.present))()
        word = self.choose(("while", "as"))
        other: Node = self.choose((self.progressive, self.present))()
        if other.left[0].dep != "obl":
            other.left.insert(0, Node(word, word, "SCONJ", "IN", dep="mark"))
            root.right.append(other.as_("advcl"))
        return root

    def extend(self, root: Node) -> Node:
        """Sometimes goes on: a second verb phrase, or a participle after a comma."""
        draw = self.rng.random()
        if draw < 0.15:
            second = self.verb_phrase(root.tag).as_("conj")
            second.morph = PROGRESSIVE if root.tag == "VBG" else second.morph
            second.left.insert(0, conjunction("and"))
            root.right.append(second)
        elif draw < 0.3:
            root.glue_last()
            adverbial = self.participle("advcl")
            adverbial.left.insert(0, mark(","))
            root.right.append(adverbial)
        elif draw < 0.4:
            return self.front(root)
        return root

    def front(self, root: Node) -> Node:
        """Sometimes puts a place first: In the background, ..."""
        if self.maybe(0.75):
            return root
        return self.put_front(root, self.pick((1, self.place), (2, self.region)).as_("obl"))

    def put_front(self, root: Node, place: Node) -> Node:
        if self.maybe(0.8):
            place.glue_last()
            root.left.insert(0, mark(","))
        root.left.insert(0, place)
        return root

    def scene(self) -> Node:
        return self.pick(
            (3, lambda: self.with_participle(self.np(SUBJECTS))),
            (2, lambda: self.with_pp(self.np(ANYTHING))),
            (1, lambda: self.with_passive(self.np(ANYTHING))),
            (1, lambda: self.coordinate(lambda: self.np(ANYTHING))),
        )

    def view_of(self, scene: Node) -> Node:
        return self.add_of(self.head(self.choose(WORDS["views"]), modified=0.5), scene)
