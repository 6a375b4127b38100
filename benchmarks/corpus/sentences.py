"""What a longer text goes on with."""

from __future__ import annotations

from benchmarks.corpus.sayings import Sayings, many
from benchmarks.corpus.scene import PRONOUNS, lists


class Sentences(Sayings):
    """Clauses without a capital and a full stop."""

    def sides(self) -> str:
        """The same words twice, as people do who compare."""
        one, other = self.thing(), self.thing()
        if not (one and other):
            return self.fact()
        what = self.rng.choice(("doorway", "lamp", "pillar", "wall", "steps"))
        left, right = ("are" if many(found[0]) else "is" for found in (one, other))
        return f"to the left of the {what} there {left} {one[0]}, to the right of the {what} there {right} {other[0]}"

    def again(self) -> str:
        """More about someone who was named before, or will be."""
        who = self.rng.choice(self.scene.actors)
        if self._next("again", 1) is None:
            return self.fact()
        _, his, him = PRONOUNS[who.gender]
        has = "have" if who.are == "are" else "has"
        says = (
            f"{who.they} {who.are} not alone", f"{who.they} {has} done this before, it seems",
            f"{his} face is turned away", f"nothing else around {him} moves",
        )  # fmt: skip
        return self.rng.choice(says)

    def there(self) -> str:
        found = self.thing()
        if found is None:
            return self.fact()
        verb = "are" if many(found[0]) else "is"
        return f"there {verb} {found[0]} {found[1]}" if self.rng.random() < 0.6 else f"nearby {verb} {found[0]}"

    def thing_is(self) -> str:
        found = self.thing()
        if found is None:
            return self.fact()
        thing, state = found
        return f"{thing} {'are' if many(thing) else 'is'} {state}"

    def meanwhile(self) -> str:
        who = self.actor()
        word = self.rng.choice(
            ("meanwhile", "to one side", "a little further back", "on the left", "in the foreground")
        )
        return f"{word}, {who.phrase} {who.are} {who.doing}" if who else self.behind()

    def behind(self) -> str:
        found = self.thing()
        word = self.rng.choice(("behind all this", "in the background", "on the right", "at the edge of the picture"))
        return f"{word}, {found[0]} can be seen" if found else self.fact()

    def nothing(self) -> str:
        if self._next("nothing", 1) is None:
            return self.fact()
        return self.rng.choice((
            "nobody is looking at the camera", "no cars are in sight", "the light is soft",
            f"it was taken {self.scene.time}", f"the place seems to be {self.scene.name}", "the colors are muted",
        ))  # fmt: skip

    def looks(self) -> str:
        if self._next("looks", 1) is None:
            return self.fact()
        color = self.rng.choice(lists()["signs"]["colors"])
        wear = self.rng.choice(("scarf", "cap", "sweater", "jacket", "pair of boots", "shirt"))
        return self.rng.choice((f"someone else wears a {color} {wear}", f"a {color} {wear} lies {self.place()}"))

    def counted(self) -> str:
        if self._next("counted", 1) is None:
            return self.fact()
        total = self.rng.randint(3, 14)
        people = self.rng.choice(("people", "windows", "birds", "chairs", "bags", "lamps"))
        return self.rng.choice(
            (f"about {total * 5} {people} can be counted", f"of the {total} {people}, two are {self.place()}")
        )
