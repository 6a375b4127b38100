"""English nouns in sentences: plurals, articles, number words, lists. inflect knows the words; the lists are ours.

inflect takes every word for a singular that can be counted. What is neither stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import inflect

Kind = Literal["count", "mass", "sole", "pair", "many"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# No plural and no article: "grass".
MASS = _set("""
    asphalt bacon bread broccoli butter celery cheese chocolate clothing coffee concrete corn cutlery dirt equipment
    fabric fire fog foliage food footwear fruit fur furniture garlic grass gravel hair hay ice jewelry jewellery juice
    ketchup lettuce luggage machinery makeup meat milk money moss mud mustard paint paper pasta pavement plastic pork
    rain rice salad salt sand scaffolding seafood silverware skin smoke snow soil soup spinach steam stuff sugar tea
    text toast traffic vegetation water wheat wine wood wool writing
""")
# Only one of it: "the sky".
SOLE = _set("floor ground horizon moon ocean sea sky sun")
# One of it is a pair: "a pair of scissors".
PAIR = _set("""
    binoculars glasses goggles jeans leggings pajamas panties pants pliers pyjamas scissors shears shorts skis
    sunglasses tights tongs trousers tweezers
""")
# Plural, and of uncertain number: "some cattle".
MANY = _set("cattle clothes headphones earphones police poultry")
# Singular although they end as plurals do.
SINGULAR = _set("atlas canvas chassis chess christmas gas lens news pancreas series species tennis texas")
# Plural although they end as singulars do.
PLURAL = _set("bikinis kiwis menus taxis zucchinis")
NO_MEN = _set("caiman caman human german norman ottoman roman shaman talisman")  # no -men in their plural
_LETTER_AN = "AEFHILMNORSX"  # "an SUV": letters whose names begin with a vowel


@dataclass(frozen=True)
class Noun:
    """A name in its singular, perhaps of several words, and how it is counted."""

    name: str
    kind: Kind = "count"

    @property
    def counts(self) -> bool:
        """Whether there can be one of it, and two."""
        return self.kind in ("count", "pair")

    def indefinite(self, number: int | None, attribute: str = "") -> str:
        """As it is first named; number None for some: "a brown dog", "two brown dogs", "some brown dogs"."""
        said = _join(attribute, self.name)
        if self.kind == "sole":
            return f"the {said}"
        if self.kind == "mass":
            return said
        if self.kind == "many":
            return f"some {said}"
        if self.kind == "pair":
            return f"a pair of {said}" if number == 1 else f"{_some(number)} pairs of {said}"
        if number == 1:
            return article(said)
        return f"{_some(number)} {_join(attribute, plural(self.name))}"

    def definite(self, number: int | None) -> str:
        """As it is named again: "the dog", "the dogs"."""
        if self.kind in ("sole", "mass", "many") or (self.kind == "pair" and number == 1):
            return f"the {self.name}"
        if self.kind == "pair":
            return f"the pairs of {self.name}"
        return f"the {self.name if number == 1 else plural(self.name)}"

    def is_plural(self, number: int | None, *, definite: bool) -> bool:
        """Whether the verb is: "a pair of scissors is", "the scissors are"."""
        if self.kind in ("sole", "mass"):
            return False
        if self.kind == "pair":
            return definite or number != 1
        return self.kind == "many" or number != 1


def noun(name: str) -> tuple[Noun, bool]:
    """The noun that a name in lower case stands for, and whether the name was a plural: "dogs" is (dog, True)."""
    before, head, behind = _parts(name)
    for kind, words in (("mass", MASS), ("sole", SOLE), ("pair", PAIR), ("many", MANY)):
        if head in words and not behind:
            return Noun(name, kind), kind == "many"  # type: ignore[arg-type]
    one = singular(head)
    return Noun(_join(before, one or head, behind)), one is not None


@cache
def singular(word: str) -> str | None:
    """The singular of a plural; None for what is none."""
    if word.isupper() or word in SINGULAR or (word.endswith(("ss", "us", "is")) and word not in PLURAL):
        return None
    if word.endswith("men") and plural(word[:-3] + "man") == word:
        return word[:-3] + "man"
    one = _engine().singular_noun(word) or ""
    return one if one and one != word and plural(one) == word else None


@cache
def plural(name: str) -> str:
    """The plural of a singular name: "mother-in-law" and "cup of tea" in their heads."""
    before, head, behind = _parts(name)
    if head.endswith("man") and head not in NO_MEN:
        many = head[:-3] + "men"
    elif head in ("passerby", "passer-by"):
        many = head.replace("er", "ers")
    elif head.isupper():
        many = head + "s"  # "SUVs"
    else:
        many = _engine().plural_noun(head)
    return _join(before, many, behind)


@cache
def article(said: str) -> str:
    """A phrase with a or an before it."""
    first = said.split()[0].split("-")[0]
    if first.isdigit():
        an = first.startswith("8") or first in ("11", "18")
        return f"{'an' if an else 'a'} {said}"
    if first.isupper():
        return f"{'an' if first[0] in _LETTER_AN else 'a'} {said}"
    return str(_engine().a(said))


def spelled(number: int) -> str:
    """A number in words, where one would count: up to a hundred, and "many" above it."""
    return str(_engine().number_to_words(str(number))) if number <= 100 else "many"


def listed(items: Sequence[str]) -> str:
    """One or more items as a list: "a", "a and b", "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _some(number: int | None) -> str:
    return "some" if number is None else spelled(number)


def _parts(name: str) -> tuple[str, str, str]:
    """What stands before the head, the head, and what follows it: "", "cup", "of tea"."""
    front, of, behind = name.partition(" of ")
    before, _, head = front.rpartition(" ")
    return before, head, f"of {behind}" if of else ""


def _join(*words: str) -> str:
    return " ".join(filter(None, words))


@cache
def _engine() -> inflect.engine:
    import inflect  # takes a second

    return inflect.engine()
