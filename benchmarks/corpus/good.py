"""Good texts about a scene: short and long, with and without a verb, questions, numbers, names, quoted signs."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.corpus.sentences import Sentences

NUMBERS = {"brief": (1, 1), "detailed": (2, 4), "more_detailed": (5, 8)}  # sentences


class Writer(Sentences):
    """Writes about one scene; no text says the same thing twice."""

    def text(self, granularity: str) -> str:
        """A new text of this granularity."""
        self._left = {}
        if granularity == "brief":
            return self._framed(self._finish(self._any(self.short())()))
        low, high = NUMBERS[granularity]
        first = self._any(self.opening())()
        rest = [self._any(self.going_on())() for _ in range(self.rng.randint(low, high) - 1)]
        return self._framed(" ".join(_sentence(each) for each in self._joined([first, *filter(None, rest)])))

    def _joined(self, said: list[str]) -> list[str]:
        """Some neighbours made one sentence."""
        out = [said[0]]
        for each in said[1:]:
            if self.rng.random() < 0.2 and "," not in out[-1] and not each.startswith('"'):
                out[-1] += self.rng.choice((", and ", "; ", ", while ", ", but ")) + each
            else:
                out.append(each)
        return out

    def _framed(self, text: str) -> str:
        """Now and then with a captioner's frame before it, which is to be cut and costs the text nothing."""
        frames = ("In this picture, ", "In the image, ", "In this photo, ", "Caption: ")
        return self.rng.choice(frames) + text[0].lower() + text[1:] if self.rng.random() < 0.06 else text

    def _finish(self, text: str) -> str:
        if text.endswith("?"):
            return _capital(text)
        draw = self.rng.random()
        return _sentence(text) if draw < 0.45 else _capital(text) if draw < 0.65 else text

    def short(self) -> list[Callable[[], str]]:
        ways = [
            self.acting, self.acting, self.acting_now, self.acting_now, self.present, self.still, self.still,
            self.two_things, self.place_first, self.moment, self.question, self.named, self.seen, self.with_thing,
            self.bare, self.fact, self.plain_thing, self.actors, self.listing, self.telegram, self.absent, self.long,
            self.shown,
        ]  # fmt: skip
        return ways + [self.reading, self.reading] * bool(self.scene.signs)

    def opening(self) -> list[Callable[[], str]]:
        return [self.acting_now, self.present, self.place_first, self.named, self.with_thing, self.there, self.moment,
                self.acting, self.listing, self.long, self.shown]  # fmt: skip

    def going_on(self) -> list[Callable[[], str]]:
        ways = [
            self.fact, self.fact, self.there, self.thing_is, self.thing_is, self.acting_now, self.present,
            self.meanwhile, self.nothing, self.behind, self.looks, self.counted,
            self.listing, self.sides, self.again,
        ]  # fmt: skip
        return ways + [self.reading_now] * bool(self.scene.signs)

    def _any(self, ways: list[Callable[[], str]]) -> Callable[[], str]:
        return self.rng.choice(ways)


def _capital(text: str) -> str:
    at = 1 if text.startswith('"') else 0
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]


def _sentence(text: str) -> str:
    return _capital(text) + ("" if text.endswith(("?", ".")) else ".")
