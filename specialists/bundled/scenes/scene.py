"""One scene: its picture, and apart from it, its truth.

A scene is drawn from (split, seed, index, difficulty) alone: the same bytes each time, wherever the versions of
NumPy, OpenCV and Pillow are the same. What is rounded otherwise on another processor (OpenCV's warps and weighted
sums, matrix products) is done by other means.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from specialists.bundled.scenes import painting, relations, seeds, truth
from specialists.bundled.scenes.backdrops import country, indoors, town, water
from specialists.bundled.scenes.backdrops.brush import Brush
from specialists.bundled.scenes.backdrops.zones import Place
from specialists.bundled.scenes.composing import Composer
from specialists.bundled.scenes.telling import Teller
from specialists.bundled.scenes.thing import Thing
from specialists.bundled.scenes.truth import Truth

# How often each backdrop comes; ours.
BACKDROPS = (
    (country.meadow, 10), (town.road, 14), (town.city, 12), (country.farm, 7), (water.beach, 8),
    (water.lake, 7), (country.snow, 6), (country.desert, 4), (country.railway, 4), (water.underwater, 4),
    (indoors.living_room, 14), (indoors.bedroom, 6), (indoors.kitchen, 12), (indoors.workshop, 5),
)  # fmt: skip
RATIOS = (4 / 3, 4 / 3, 3 / 2, 1.0, 16 / 9, 3 / 4)  # width by height
LONGER = (256, 640)  # px
PNG_SHARE = 0.1  # of the easy ones: where there is noise, PNG is large


@dataclass(frozen=True)
class Scene:
    """An image file: all that a specialist, a filter or a model may see."""

    split: str
    seed: int
    index: int
    difficulty: str
    data: bytes  # JPEG or PNG
    width: int
    height: int

    @property
    def image_id(self) -> str:
        """sha256 of the bytes, as in the record."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def format(self) -> str:
        """png or jpg."""
        return "png" if self.data.startswith(b"\x89PNG") else "jpg"


def draw(split: str, seed: int, index: int, difficulty: str = "normal") -> tuple[Scene, Truth]:
    """The image of one scene, and in an object of its own the truth. Raises ValueError for a number out of range."""
    scene, drawn, rng = _drawn(split, seed, index, difficulty)
    return scene, tell(drawn, scene.image_id, rng)


def draw_image(split: str, seed: int, index: int, difficulty: str = "normal") -> Scene:
    """The image alone, as `draw` gives it."""
    return _drawn(split, seed, index, difficulty)[0]


def _drawn(split: str, seed: int, index: int, difficulty: str) -> tuple[Scene, Drawn, np.random.Generator]:
    rng = seeds.generator(split, seed, index, difficulty)
    drawn = render(rng, difficulty)
    height, width = drawn.pixels.shape[:2]
    scene = Scene(split, seed, index, difficulty, encode(drawn.pixels, difficulty, rng), width, height)
    return scene, drawn, rng


def tell(drawn: Drawn, image_id: str, rng: np.random.Generator) -> Truth:
    """All that is true of a drawn scene."""
    height, width = drawn.pixels.shape[:2]
    for place, thing in enumerate(drawn.things):
        thing.id = f"scenes.{place}"
    related = relations.relate(drawn.things)
    texts, phrases = truth.texts_and_phrases(Teller(drawn.place, drawn.things, related, width, rng).all())
    regions = [region for thing in drawn.things for region in truth.objects(thing, width, height, rng)]
    attributes = [row for thing in drawn.things for row in truth.attributes(thing)]
    return Truth(image_id, width, height, texts, regions, phrases, attributes, truth.relations(related))


@dataclass
class Drawn:
    """A scene before it is told: pixels RGB uint8 (height, width, 3), the place, the things that are to be seen."""

    pixels: np.ndarray
    place: Place
    things: list[Thing]


def render(rng: np.random.Generator, difficulty: str) -> Drawn:
    """Draw one scene."""
    hard = seeds.DIFFICULTIES[difficulty]
    ratio = RATIOS[int(rng.integers(len(RATIOS)))]
    longer = int(rng.integers(LONGER[0] // 16, LONGER[1] // 16 + 1)) * 16 if rng.random() < 0.4 else 512
    wide, high = (longer, round(longer / ratio)) if ratio >= 1 else (round(longer * ratio), longer)
    brush = Brush(wide, high, rng)
    odds = np.array([weight for _, weight in BACKDROPS], float)
    backdrop = BACKDROPS[int(rng.choice(len(BACKDROPS), p=odds / odds.sum()))][0]
    place = backdrop(brush)
    things = Composer(place, wide, high, hard, rng).compose()
    things = painting.paint(brush.image, things, place.light, hard, rng)
    return Drawn(painting.develop(brush.image, hard, rng), place, things)


def encode(pixels: np.ndarray, difficulty: str, rng: np.random.Generator) -> bytes:
    """As JPEG, now and then as PNG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    quality = int(rng.integers(*seeds.DIFFICULTIES[difficulty].quality))
    if difficulty == "easy" and rng.random() < PNG_SHARE:
        return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
