"""Generates captions with their Universal Dependencies trees, as the treebank would annotate them.

A treebank of letters, reviews and news has few bare noun phrases, few participles after a noun and
hardly any text in lower case without a full stop; captions are made of these. The grammar is small:
noun phrases with modifiers on either side, clauses with and without an auxiliary, and the frames
that captioners use ("There is ...", "The image shows ..."). What it says makes no sense, so that
only the form of a text can be learnt from it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from filters.english.lexicon import lookup_table
from filters.english.treebank import Sentence, Token, to_doc
from filters.english.words import (
    PASSIVE,
    PROGRESSIVE,
    TABLES,
    WORDS,
    Node,
    adjective,
    adverb,
    article,
    be,
    can,
    conjunction,
    determiner,
    mark,
    noun,
    number,
    particle,
    plural_of,
    preposition,
    pronoun,
    verb,
)

Weighted = tuple[float, str]  # a weight and the name of a word list

SUBJECTS: list[Weighted] = [(5, "people"), (3, "animals"), (1, "vehicles"), (0.6, "outdoors"), (0.4, "furniture")]
ANYTHING: list[Weighted] = [
    (2, "people"), (2, "animals"), (2, "vehicles"), (2, "things"), (2, "furniture"), (2, "foods"), (2, "outdoors"),
    (1.5, "places"), (2.5, "compounds"), (0.5, "clothes"),
]  # fmt: skip
HELD: list[Weighted] = [(4, "things"), (1, "animals"), (1, "vehicles"), (1, "foods"), (1.5, "compounds")]
PLACES: list[Weighted] = [(4, "places"), (2, "outdoors"), (2, "furniture"), (1, "vehicles"), (1, "compounds")]
REGIONS = [
    ("in", "background"), ("in", "background"), ("in", "foreground"), ("in", "distance"), ("on", "left"),
    ("on", "right"), ("in", "center"), ("in", "middle"), ("to", "left"), ("to", "right"), ("at", "top"),
    ("at", "bottom"), ("on", "side"), ("in", "front"), ("on", "ground"), ("in", "air"), ("in", "corner"),
]  # fmt: skip
NEVER_DIVIDED = ("background", "foreground", "distance", "air", "ground")
POSSESSIVES = [
    ("his", "Gender=Masc|Number=Sing"), ("her", "Gender=Fem|Number=Sing"), ("its", "Gender=Neut|Number=Sing"),
    ("their", "Number=Plur"),
]  # fmt: skip
WEARERS = [("she", "Gender=Fem|Number=Sing"), ("he", "Gender=Masc|Number=Sing"), ("they", "Number=Plur")]
PURPOSES = [("wait", "xcomp"), ("prepare", "xcomp"), ("try", "xcomp"), ("stop", "advcl"), ("get ready", "advcl")]


def caption_docs(vocab: Vocab, count: int, seed: int) -> list[Doc]:
    """Generates `count` texts of one to four sentences; the same seed gives the same texts."""
    grammar = Grammar(random.Random(seed))
    return [to_doc(vocab, grammar.text()) for _ in range(count)]


class Grammar:
    """Each method draws one kind of phrase and gives the node at its top."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rare_nouns = unambiguous("noun")
        self.rare_adjectives = unambiguous("adj")

    # Texts

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

    def scene(self) -> Node:
        return self.pick(
            (3, lambda: self.with_participle(self.np(SUBJECTS))),
            (2, lambda: self.with_pp(self.np(ANYTHING))),
            (1, lambda: self.with_passive(self.np(ANYTHING))),
            (1, lambda: self.coordinate(lambda: self.np(ANYTHING))),
        )

    # Clauses

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

    # Verb phrases

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

    # Noun phrases

    def np(self, kinds: list[Weighted], plain: bool = False, light: bool = False) -> Node:
        return self.np_of(self.noun_of(kinds), plain, light)

    def np_of(self, word: str, plain: bool = False, light: bool = False) -> Node:
        """`plain`: nothing after the noun; `light`: seldom anything."""
        if self.maybe(0.06):
            return self.add_of(self.head(self.choose(WORDS["groups"]), modified=0.2), self.head(word, many=True))
        head = self.head(word)
        if plain:
            return head
        draw = self.rng.random()
        for chance, extend in (
            (0.06 if light else 0.2, self.with_pp),
            (0.06 if light else 0.15, self.dressed if word in WORDS["people"] else self.with_part),
            (0.02 if light else 0.1, self.with_participle),
            (0.02 if light else 0.05, self.with_passive),
            (0.01 if light else 0.04, self.with_relative),
        ):
            if draw < chance:
                return extend(head)
            draw -= chance
        return head

    def head(self, word: str, many: bool = False, modified: float = 0.42) -> Node:
        """Determiner, adjectives, compound and noun."""
        *first, last = word.split()
        mass = word in WORDS["mass"] + WORDS["mass_outdoors"] + WORDS["times"]
        plural = word in WORDS["pairs"] or (not mass and (many or self.maybe(0.3)))
        form = plural_of(last) if plural and word not in WORDS["pairs"] else last
        node = noun(form, "people" if form == "people" else last, plural)
        node.left = [noun(part, dep="compound") for part in first]
        if not first and self.maybe(0.06):
            node.left = [noun(self.choose(WORDS["materials"]), dep="compound")]
        if self.maybe(modified):
            node.left = [*self.modifiers(), *node.left]
        if self.maybe(0.04):
            node.left.insert(0, self.owner())
        elif first_word := self.determiner(plural, mass or many):
            node.left.insert(0, first_word)
            if first_word.form == "a" and node.words()[1].form[0] in "aeiou":
                first_word.form = "an"
        return node

    def owner(self) -> Node:
        owner = self.head(self.choose(WORDS["people"]), modified=0.2)
        owner.glue_last()
        owner.right.append(Node("'" if owner.form.endswith("s") else "'s", "'s", "PART", "POS", dep="case"))
        return owner.as_("nmod:poss")

    def determiner(self, plural: bool, bare: bool) -> Node | None:
        if self.maybe(0.6 if bare else 0.12):
            return None
        if self.maybe(0.3):
            return article("the")
        if self.maybe(0.12):
            word, features = self.choose(POSSESSIVES)
            return pronoun(word, "PRP$", f"Case=Gen|{features}|Person=3|Poss=Yes|PronType=Prs", "nmod:poss")
        some = determiner("some", "PronType=Ind")
        if not plural:
            rare = (0.05, lambda: number("one")), (0.05, lambda: determiner("another", "PronType=Ind"))
            return some if bare else self.pick((0.9, lambda: article("a")), *rare)
        return self.pick(
            (0.4, lambda: number(self.choose(WORDS["numbers"]))),
            (0.06, lambda: adjective("few", "amod")),
            (0.22, lambda: adjective(self.choose(("many", "several", "many", "several", "various", "other")), "amod")),
            (0.2, lambda: some),
            (0.12, lambda: None),
        )

    def modifiers(self) -> list[Node]:
        return self.pick(
            (8, lambda: [self.adjective().as_("amod")]),
            (3, lambda: [self.adjective().as_("amod"), self.adjective().as_("amod")]),
            (2, lambda: [self.color_pair()]),
            (3, lambda: [self.participial()]),
            (1, lambda: [self.adjective().as_("amod"), self.participial()]),
            (1, lambda: [self.hyphenated()]),
            (0.7, self.comma_pair),
        )

    def adjective(self) -> Node:
        rare = self.maybe(0.15)
        node = adjective(
            self.choose(WORDS["colors"] if self.maybe(0.35) else self.rare_adjectives if rare else WORDS["adjectives"])
        )
        if self.maybe(0.06):
            degree = self.choose(("very", "light", "dark", "brightly", "partially", "extremely"))
            node.left.append(adjective(degree, "amod") if degree in ("light", "dark") else adverb(degree))
        return node

    def comma_pair(self) -> list[Node]:
        first, second = self.adjective().as_("amod"), self.adjective().as_("amod")
        first.glue_last()
        return [first, mark(","), second]

    def color_pair(self) -> Node:
        first, second = (self.choose(WORDS["colors"]) for _ in range(2))
        node, other = adjective(first, "amod"), adjective(second, "conj")
        other.left.append(conjunction("and"))
        node.right.append(other)
        return node

    def participial(self) -> Node:
        lemma, form = self.choose(list(TABLES["participial"].items()))
        tag, morph = ("VBG", "VerbForm=Ger") if form.endswith("ing") else ("VBN", PASSIVE)
        return Node(form, lemma, "VERB", tag, morph, "amod")

    def hyphenated(self) -> Node:
        first, last = self.choose(WORDS["hyphenated"]).split()
        word = adverb(first) if first.endswith("ly") or first == "well" else adjective(first, "amod")
        if first in ("snow", "tree"):
            word = noun(first, dep="compound")
        hyphen = Node("-", "-", "PUNCT", "HYPH", dep="punct", glued=True)
        word.glued = True
        node = adjective(last, "amod")
        node.left = [word, hyphen]
        return node

    def with_pp(self, head: Node) -> Node:
        draw = self.rng.random()
        if draw < 0.2:
            return self.add_of(head, self.np(ANYTHING, plain=True))
        if draw < 0.25:
            return self.full_of(head)
        head.right.append(self.place().as_("nmod"))
        return head

    def with_part(self, head: Node) -> Node:
        """a cup with a handle; a table with plates, cups and a vase on it"""
        inside: list[Weighted] = [(1, "parts"), (1, "furniture"), (1, "foods")]
        part = self.pick(
            (3, lambda: self.np([(1, "parts")], plain=True)),
            (2, lambda: self.coordinate(lambda: self.np(inside, plain=True))),
            (1, lambda: self.np(ANYTHING, plain=True)),
        )
        part.left.insert(0, preposition("with"))
        if self.maybe(0.15):
            it = pronoun("it", "PRP", "Case=Acc|Gender=Neut|Number=Sing|Person=3|PronType=Prs", "nmod")
            it.left.append(preposition(self.choose(("on", "in", "behind"))))
            part.right.append(it)
        head.right.append(part.as_("nmod"))
        return head

    def dressed(self, head: Node) -> Node:
        clothes = self.coordinate(self.outfit) if self.maybe(0.2) else self.outfit()
        if self.maybe(0.3):
            wearing = verb("wear", "VBG").as_("acl")
            wearing.right.append(clothes.as_("obj"))
            head.right.append(wearing)
        else:
            clothes.left.insert(0, preposition(self.choose(("in", "in", "with"))))
            head.right.append(clothes.as_("nmod"))
        return head

    def outfit(self) -> Node:
        return self.head(self.choose(WORDS["pairs" if self.maybe(0.25) else "clothes"]), modified=0.7)

    def full_of(self, head: Node) -> Node:
        contents = self.head(self.noun_of(ANYTHING), many=True, modified=0.3)
        contents.left.insert(0, preposition("of"))
        full = adjective("full", "amod")
        full.right.append(contents.as_("obl"))
        head.right.append(full)
        return head

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

    def view_of(self, scene: Node) -> Node:
        return self.add_of(self.head(self.choose(WORDS["views"]), modified=0.5), scene)

    def add_of(self, head: Node, contents: Node) -> Node:
        contents.left.insert(0, preposition("of"))
        head.right.append(contents.as_("nmod"))
        return head

    def coordinate(self, make: Callable[[], Node]) -> Node:
        """A and B; A, B and C; A, B, and C"""
        first = make()
        count = self.choose((1, 1, 1, 2, 2, 3))
        serial = self.maybe(0.4)
        for index in range(count):
            last = index == count - 1
            other = make().as_("conj")
            if last:
                other.left.insert(0, conjunction("or" if self.maybe(0.05) else "and"))
            if not last or (serial and count > 1):
                first.glue_last()
                other.left.insert(0, mark(","))
            first.right.append(other)
        first.plural = first.plural or first.pos == "NOUN"
        return first

    def place(self) -> Node:
        """A prepositional phrase, as its noun with the preposition for a dependent."""
        if self.maybe(0.08):
            return self.region()
        words = self.choose(WORDS["prepositions"] if self.maybe(0.5) else WORDS["static"]).split()
        target = self.name() if self.maybe(0.06) else self.np(PLACES, light=True)
        if len(words) < 3:
            target.left[:0] = [preposition(word) for word in words]
            return target
        top = noun(next(word for word in words[1:] if word != "the"))
        top.left = [preposition(words[0]), *(article("the") for word in words if word == "the")]
        return self.add_of(top, target)

    def region(self) -> Node:
        """in the background; on the left side of the table"""
        word, name = self.choose(REGIONS)
        node = noun(name)
        node.left = [preposition(word), article("the")]
        if name in ("side", "corner"):
            node.left.append(adjective(self.choose(("left", "right", "other")), "amod"))
        if name not in NEVER_DIVIDED and self.maybe(0.4):
            self.add_of(node, self.np(ANYTHING, plain=True))
        return node

    def time(self) -> Node:
        node = noun(self.choose(WORDS["times"]))
        node.left = [preposition("at")]
        return node

    def name(self) -> Node:
        *rest, last = (Node(word, word, "PROPN", "NNP", "Number=Sing") for word in self.choose(WORDS["names"]).split())
        last.left = [word.as_("compound") for word in rest]
        return last

    def each_other(self) -> Node:
        return Node("each", "each", "DET", "DT", "PronType=Rcp", right=[adjective("other", "fixed")])

    # Chance

    def noun_of(self, kinds: list[Weighted]) -> str:
        if self.maybe(0.1):
            return self.rng.choice(self.rare_nouns)
        lists = [WORDS[name] for _, name in kinds]
        return self.rng.choice(self.rng.choices(lists, [weight for weight, _ in kinds])[0])

    def maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def choose(self, options: Any) -> Any:
        return self.rng.choice(options)

    def pick(self, *options: tuple[float, Callable[[], Any]]) -> Any:
        return self.rng.choices([make for _, make in options], [weight for weight, _ in options])[0]()


def linearised(words: list[Node]) -> Sentence:
    """The words of one tree, in order, as a sentence of the treebank."""
    place = {id(word): index for index, word in enumerate(words)}
    heads = {id(child): place[id(word)] for word in words for child in word.left + word.right}
    return [
        Token(w.form, w.lemma, w.pos, w.tag, w.morph, heads.get(id(w), index), w.dep, space=not w.glued)
        for index, w in enumerate(words)
    ]


def unambiguous(pos: str) -> list[str]:
    """Fairly common words that WordNet lists under one part of speech only."""
    index, probs = lookup_table("lemma_index"), lookup_table("lexeme_prob")
    others = {word for other in index if other != pos for word in index[other]}
    words = set(index[pos]) - others - set(lookup_table("lemma_exc")["verb"])
    return sorted(w for w in words if len(w) > 3 and w.isalpha() and w[-1] != "s" and -14 < probs.get(w, -20) < -9)
