"""What can be said of a scene in a caption: each way of saying something, on its own."""

from __future__ import annotations

import random

from benchmarks.corpus.scene import Actor, Scene, lists


class Sayings:
    """Ways to say something about one scene; nothing is said twice before the next text."""

    def __init__(self, scene: Scene, rng: random.Random) -> None:
        self.scene, self.rng = scene, rng
        self._left: dict[str, list[int]] = {}

    def _next(self, name: str, count: int) -> int | None:
        left = self._left.setdefault(name, self.rng.sample(range(count), count))
        return left.pop() if left else None

    # What there is to say, each once a text

    def actor(self) -> Actor | None:
        at = self._next("actors", len(self.scene.actors))
        return None if at is None else self.scene.actors[at]

    def thing(self) -> tuple[str, str] | None:
        at = self._next("things", len(self.scene.things))
        return None if at is None else self.scene.things[at]

    def fact(self) -> str:
        at = self._next("facts", len(self.scene.facts))
        return "" if at is None else self.scene.facts[at]

    def place(self) -> str:
        at = self._next("places", len(self.scene.places))
        return self.scene.name if at is None else self.scene.places[at]

    def sign(self) -> str:
        if not self.scene.signs:
            return ""
        return f'"{self.rng.choice(self.scene.signs)}"'

    def carrier(self) -> str:
        return self.rng.choice(lists()["signs"]["carriers"])

    def acting(self) -> str:
        who = self.actor()
        return f"{who.phrase} {who.doing} {self.place()}" if who else self.fact()

    def shown(self) -> str:
        """With a captioner's opening."""
        frame = self.rng.choice(("the image shows", "a photo of", "we can see", "here is a picture of"))
        return f"{frame} {self.acting()}"

    def acting_now(self) -> str:
        who = self.actor()
        if who is None:
            return self.fact()
        return f"{who.phrase} {who.are} {who.doing}" + self._maybe(f" {self.place()}")

    def present(self) -> str:
        who = self.actor()
        return f"{who.phrase} {who.present}" + self._maybe(f" {self.scene.time}") if who else self.fact()

    def still(self) -> str:
        thing, state = self.thing() or ("", "")
        return f"{thing} {state}"

    def plain_thing(self) -> str:
        thing, _ = self.thing() or ("", "")
        return f"{thing} {self.place()}"

    def two_things(self) -> str:
        (one, _), (other, _) = self.thing() or ("", ""), self.thing() or ("", "")
        return f"{one} and {other}" + self._maybe(f" {self.place()}")

    def place_first(self) -> str:
        who = self.actor()
        return f"{self.place()}, {who.phrase} {who.present}" if who else self.fact()

    def moment(self) -> str:
        return (
            f"{self.scene.time}: {self.acting()}" if self.rng.random() < 0.3 else f"{self.acting()} {self.scene.time}"
        )

    def question(self) -> str:
        who, (thing, _) = self.actor(), self.thing() or ("", "")
        assert who
        where, why = f"where {who.are} {who.phrase} going?", f"why is no one {who.doing}?"
        return self.rng.choice((where, why, f"who left {thing} {self.place()}?"))

    def named(self) -> str:
        who = self.actor()
        return f"{who.phrase} {who.doing} {self.scene.name}" if who else self.fact()

    def seen(self) -> str:
        thing, state = self.thing() or ("", "")
        how = self.rng.choice(
            ("seen from above", "close up", "half in shadow", "reflected in a puddle", "out of focus")
        )
        return f"{thing}, {how}" if self.rng.random() < 0.5 else f"{thing} {state}, {how}"

    def with_thing(self) -> str:
        who, (thing, state) = self.actor(), self.thing() or ("", "")
        return f"{who.phrase} {who.doing}, with {thing} {state}" if who else self.still()

    def bare(self) -> str:
        """Two to five words, as people write them."""
        who, (thing, _) = self.actor(), self.thing() or ("", "")
        assert who
        naked = who.phrase.split(maxsplit=1)[1] if who.phrase.startswith(("a ", "an ")) else who.phrase
        return self.rng.choice((f"{naked} {who.doing}", f"{thing} {self.place()}", f"{self.place()} {self.scene.time}"))

    def actors(self) -> str:
        one, other = self.actor(), self.actor()
        assert one
        assert other
        return f"{one.phrase} and {other.phrase}" + self._maybe(f" {self.place()}")

    def reading(self) -> str:
        thing, _ = self.thing() or ("", "")
        verb = self.rng.choice(("that says", "reading", "with the words", "saying"))
        return f"{self.carrier()} {verb} {self.sign()} " + self.rng.choice((f"above {thing}", self.place()))

    def reading_now(self) -> str:
        if self._next("signs", 1) is None:
            return self.fact()
        carrier = self.carrier()
        return self.rng.choice((f"{carrier} reads {self.sign()}", f"{self.sign()} is written on {carrier}"))

    def listing(self) -> str:
        some = [found[0] for found in (self.thing(), self.thing(), self.thing()) if found]
        if len(some) < 3:
            return self.fact()
        named = f"{', '.join(some[:-1])} and {some[-1]}"
        return named + self.rng.choice(("", f" {self.place()}", " together in one corner"))

    def telegram(self) -> str:
        """Two or three words, as tags of albums are."""
        who, (thing, _) = self.actor(), self.thing() or ("", "")
        assert who
        return self.rng.choice(
            (who.phrase, thing, f"{who.doing.split()[0]} {self.scene.time}", f"{self.scene.kind} scene")
        )

    def absent(self) -> str:
        who, (thing, _) = self.actor(), self.thing() or ("", "")
        assert who
        return self.rng.choice((f"{thing} without anyone {who.doing}", f"no {thing.split()[-1]} left {self.place()}"))

    def long(self) -> str:
        who, found = self.actor(), self.thing()
        if not (who and found):
            return self.fact()
        tail = self.rng.choice(
            (f"as {found[0]} {'are' if many(found[0]) else 'is'} {found[1]}", f"because {self.fact()}")
        )
        return f"{who.phrase}, who {who.are} {who.doing} {self.place()}, does not notice anything else, {tail}"

    def _maybe(self, addition: str) -> str:
        return addition if self.rng.random() < 0.5 else ""


def many(thing: str) -> bool:
    first, head = thing.split()[0], thing.split(" of ")[0].split()[-1]
    return first not in ("a", "an", "the") and (head.endswith("s") or head == "fish")
