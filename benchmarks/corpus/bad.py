"""Bad texts, by kind: each makes one from a scene and the good texts about it.

Nothing here asks the filters what they would drop. The kinds were written down before anything was measured. Half
of them, the tuned ones, may be looked at by whoever mends a filter; the others are held out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.corpus import debris
from benchmarks.corpus.good import Writer
from benchmarks.corpus.scene import Scene

SENTENCES = {"brief": 1, "detailed": 3, "more_detailed": 6}  # pieces that a bad text is made of


@dataclass(frozen=True)
class Given:
    """What a bad text is made from."""

    scene: Scene
    writer: Writer
    rng: random.Random
    granularity: str
    sibling: str  # a good text of the same image and granularity

    @property
    def pieces(self) -> int:
        return SENTENCES[self.granularity]

    def good(self) -> str:
        """A fresh good text."""
        return self.writer.text(self.granularity)

    def fill(self, make: Callable[[Given], str], between: str = " ") -> str:
        """As many pieces as the granularity asks for."""
        return between.join(make(self) for _ in range(self.pieces))

    def of(self, options: list[str], between: str = " ") -> str:
        """Some of these, each once as long as they last."""
        return between.join(self.rng.sample(options, min(len(options), self.pieces)))

    def words(self) -> list[str]:
        """The nouns of the scene, more or less."""
        things = [thing for thing, _ in self.scene.things]
        return [phrase.split()[-1] for phrase in (*things, *(actor.phrase for actor in self.scene.actors))]


def cut_off(given: Given) -> str:
    """The captioner's limit of tokens came before the end, in the middle of a phrase or a word."""
    words = given.good().split()
    kept = words[: max(3, given.rng.randint(len(words) // 2, max(3, len(words) - 2)))]
    if given.rng.random() < 0.4:
        kept[-1] = kept[-1][: max(1, len(kept[-1]) // 2)]
    else:
        kept.append(given.rng.choice(("a", "the", "with", "and", "of", "is", "in the", "and a", "next to a")))
    return " ".join(kept).rstrip(".,")


def word_salad(given: Given) -> str:
    """The right words in no order."""
    words = given.good().rstrip(".?").lower().split()
    given.rng.shuffle(words)
    return " ".join(words)


def template(given: Given) -> str:
    """A template that nobody filled in, or filled with nothing."""
    return given.of(debris.TEMPLATES)


def tag_list(given: Given) -> str:
    """A tagger's words, mostly of things that are not there."""
    words = given.words() + given.rng.sample(debris.TAGS, min(len(debris.TAGS), 6 * given.pieces))
    given.rng.shuffle(words)
    return given.rng.choice((", ", ", ", "; ", " ", " | ")).join(words[: 4 + 5 * given.pieces])


def ocr_dump(given: Given) -> str:
    """Print that was read as if it were a caption; only the signs are known to the image's OCR."""
    lines = [*given.scene.signs, *given.rng.sample(debris.PRINT, min(len(debris.PRINT), 3 * given.pieces))]
    given.rng.shuffle(lines)
    text = " ".join(lines)
    return text.replace("O", "0").replace("l", "1") if given.rng.random() < 0.3 else text


def navigation(given: Given) -> str:
    """A page's menus and buttons."""
    links = given.rng.sample(debris.LINKS, min(len(debris.LINKS), 5 * given.pieces + 2))
    return given.rng.choice((" ", " | ", " > ", " / ")).join(links)


def seo(given: Given) -> str:
    """What shops write for search engines."""
    ware = given.rng.choice(given.words()).title()
    return given.of([line.replace("@", ware) for line in debris.ADVERTS])


def file_name(given: Given) -> str:
    """The names of files, where a caption was meant to be."""

    def name(g: Given) -> str:
        number, word = g.rng.randint(1, 9999), g.rng.choice(g.words())
        return g.rng.choice(debris.FILES).format(number=number, word=word)

    return given.fill(name)


def exif(given: Given) -> str:
    """What the camera wrote."""
    lines = given.rng.sample(debris.EXIF, min(len(debris.EXIF), 2 + 3 * given.pieces))
    return given.rng.choice((", ", " ", "; ")).join(lines)


def refusal(given: Given) -> str:
    """A chat model that would rather not, or asks back."""
    return given.of(debris.REFUSALS)


def prompt(given: Given) -> str:
    """The instruction instead of the answer, or the prompt of an image generator."""
    if given.rng.random() < 0.5:
        return given.of(debris.PROMPTS)
    word = given.rng.choice(given.words())
    style = given.rng.sample(debris.STYLE, min(len(debris.STYLE), 4 * given.pieces))
    return ", ".join([word, *style])


def mixed_language(given: Given) -> str:
    """Begins in one language and goes on in another."""
    words = given.good().split()
    other = given.rng.choice(debris.FOREIGN)
    return f"{' '.join(words[: max(2, len(words) // 2)])} {given.of(other)}"


def mojibake(given: Given) -> str:
    """Text of another encoding than was believed."""
    scene = debris.ACCENTED[given.rng.randrange(len(debris.ACCENTED))]
    text = given.good().replace('"', "\u201d").replace("'", "\u2019")
    whole = f"{scene} {text}" if given.rng.random() < 0.5 else f"{text.rstrip('.')} {scene}"
    wrong = given.rng.choice(("cp1252", "cp1251", "latin-1", "ascii"))
    return whole.encode().decode(wrong, "replace")


def edited_copy(given: Given) -> str:
    """A text of the image again, with a word or two changed."""
    words = given.sibling.split()
    for _ in range(1 + len(words) // 20):
        at = given.rng.randrange(len(words))
        words[at] = debris.SWAPS.get(words[at].lower(), words[at])
    change = given.rng.randrange(3)
    if change == 0:
        words.insert(given.rng.randrange(len(words)), given.rng.choice(("quite", "nicely", "clearly", "just")))
    elif change == 1 and len(words) > 4:
        del words[given.rng.randrange(len(words))]
    else:
        words.append(given.rng.choice(("here", "today", "there", "now")))
    return " ".join(words)


def loop(given: Given) -> str:
    """A captioner that cannot stop: the same frame again, with the same word or another in it."""
    rng, word = given.rng, given.rng.choice(given.words())
    turns = 2 + given.pieces * 2
    others = [rng.choice(given.words() + debris.TAGS) for _ in range(turns)]
    colors = [rng.choice(debris.COLORS) for _ in range(turns)]
    return rng.choice((
        f"{given.writer.text('brief').rstrip('.')} " + " ".join([f"with a {word}"] * turns),
        "a " + " and a ".join(f"{other} in a {word}" for other in others),
        ", ".join(f"a {color} {word}" for color in colors),
        f"a {word} on a {others[0]} " + " ".join([f"on a {others[0]}"] * turns),
        " ".join(f"There is a {other} on the {word}." for other in others),
        " ".join([f"The {word} is {colors[0]}.", f"The {others[0]} is {colors[1]}."] * (1 + turns // 2)),
        f"{word} " * (turns + 2),
    )).strip()  # fmt: skip


def vague(given: Given) -> str:
    """Says that there is something, and nothing else."""
    return given.of(debris.VAGUE)


def atmosphere(given: Given) -> str:
    """Feelings and guesses about the image, which show nothing of it."""
    return given.of(debris.ATMOSPHERE)


def social(given: Given) -> str:
    """Posts, credits and comments under a picture."""
    word = given.rng.choice(given.words()).lower()
    return given.of([line.replace("@@", word) for line in debris.POSTS])


def error_log(given: Given) -> str:
    """The message of a tool that broke down."""
    return given.of(debris.ERRORS)


def detections(given: Given) -> str:
    """A detector's output, written out."""

    def one(g: Given) -> str:
        x, y, size = g.rng.randint(0, 400), g.rng.randint(0, 300), g.rng.randint(20, 90)
        score, word = g.rng.randint(30, 99) / 100, g.rng.choice(g.words())
        return g.rng.choice(debris.BOXES).format(word=word, score=score, x=x, y=y, x1=x + size, y1=y + size)

    return given.fill(lambda g: g.fill(one, " ") if g.granularity == "brief" else f"{one(g)} {one(g)}")


TUNED: dict[str, Callable[[Given], str]] = {
    make.__name__: make
    for make in (cut_off, template, tag_list, navigation, file_name, refusal, mojibake, edited_copy, vague, error_log)
}
HELD_OUT: dict[str, Callable[[Given], str]] = {
    make.__name__: make
    for make in (word_salad, ocr_dump, seo, exif, prompt, mixed_language, loop, atmosphere, social, detections)
}
KINDS = TUNED | HELD_OUT
