"""What is in a scene and where, before anything of it is drawn but its backdrop."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from specialists.bundled.scenes import writing
from specialists.bundled.scenes.backdrops.zones import Place, Zone
from specialists.bundled.scenes.catalogue import Category, by_name, categories, frequencies
from specialists.bundled.scenes.dressing import dress, pick
from specialists.bundled.scenes.pen import Frame
from specialists.bundled.scenes.seeds import Difficulty
from specialists.bundled.scenes.thing import Outfit, Thing

# All ours.
_TRIES = 10
_REPEATED = 0.16  # how often a thing is asked for twice or three times
_OUTLINED = 0.2  # how often a scene is drawn with outlines
_BARE = 0.3  # how often a table stands empty
_LEAST_HEIGHT = 11  # px: what is smaller nobody recognises
_SMALL, _LARGE = 0.75, 1.12  # beside the usual height
_UPRIGHT = ("furniture", "building")
_LEVEL = ("sky", "wall", "deep", "rails")  # zones where what is higher up is not farther away


def choices_in(place: Place) -> tuple[list[Category], np.ndarray]:
    """The categories that may be there, and how likely each is to be asked for (n,)."""
    kinds = {kind for zone in place.zones for kind in zone.kinds}
    fits = [bool(kinds & set(c.where)) and c.name not in place.excludes for c in categories()]
    odds = frequencies() * fits * [_rarity(set(c.where)) for c in categories()]
    return [c for c, fit in zip(categories(), fits, strict=True) if fit], odds[odds > 0] / odds.sum()


def _rarity(where: set[str]) -> float:
    """What has few places to be is asked for more often there: trains on rails, boats on water."""
    if where & {"ground", "floor", "top"}:
        return 1.0
    return 1.6 if "sky" in where else 4.0


@dataclass
class Composer:
    """Fills a place, `wide` x `high` px."""

    place: Place
    wide: int
    high: int
    difficulty: Difficulty
    rng: np.random.Generator
    things: list[Thing] = field(default_factory=list)
    outlined: bool = False  # whether all things have drawn outlines

    def compose(self) -> list[Thing]:
        """The things of the scene, the farthest first."""
        self.outlined = bool(self.rng.random() < _OUTLINED)
        wanted = int(self.rng.integers(self.difficulty.objects[0], self.difficulty.objects[1] + 1))
        choices, odds = choices_in(self.place)
        while wanted > 0:
            category = choices[int(self.rng.choice(len(choices), p=odds))]
            count = int(self.rng.integers(2, 4)) if self.rng.random() < _REPEATED else 1
            like: Thing | None = None
            for _ in range(min(count, wanted)):
                like = self._add(category, like) or like
                wanted -= 1
        return sorted(self.things, key=lambda thing: (thing.depth, thing.on is not None))

    def _add(self, category: Category, like: Thing | None) -> Thing | None:
        """A thing where there is room for it, with what it carries; None where there is none."""
        zones = [zone for zone in self.place.zones if set(zone.kinds) & set(category.where)]
        zones = [zone for zone in zones if like is None or zone.kinds[0] == like.zone]
        zone = zones[int(self.rng.integers(len(zones)))]
        outfit = like.outfit if like else self._dress(category, zone.kinds[0])
        for _ in range(_TRIES):
            thing = self._stand(category, zone, outfit)
            if self._fits(thing):
                self.things += [thing, *self._laden(thing)]
                return thing
        return None

    def _dress(self, category: Category, zone: str) -> Outfit:
        return dress(category, zone, self.place.light.name, self.rng, outlined=self.outlined)

    def _stand(self, category: Category, zone: Zone, outfit: Outfit) -> Thing:
        rng, kind = self.rng, zone.kinds[0]
        aspect = writing.aspect(outfit.lines, outfit.font) if outfit.lines else category.aspect
        usual = category.height * self.high * self.place.close * min(1.0, self.wide / self.high) ** 0.5
        foot = float(rng.uniform(zone.y0, zone.y1))
        height = usual * float(rng.uniform(*self.difficulty.scale)) * self._nearness(foot, kind)
        height = min(height, 0.8 * self.high, (0.38 if outfit.lines else 0.8) * self.wide / aspect)
        if outfit.lines:
            height = max(height, writing.least_height(outfit.lines, outfit.look.pose))
        # It may stick out of the picture, but for what is written.
        inside = (0.5 * aspect + (0.05 if outfit.lines else -0.12)) * height
        x = float(rng.uniform(inside, max(inside, self.wide - inside)))
        turn = (
            0.0
            if category.family in _UPRIGHT or kind == "wall"
            else float(rng.normal(0, 6 if kind in ("sky", "deep") else 1.6))
        )
        mirrored = bool(rng.random() < 0.5) and not outfit.lines
        frame = Frame(x - height * aspect / 2, foot * self.high - height, height, aspect, mirrored, turn)
        size = "small" if height < _SMALL * usual else "large" if height > _LARGE * usual else "medium"
        return Thing(category, outfit, frame, 0.0 if kind in ("sky", "wall") else foot, kind, size=size)

    def _nearness(self, foot: float, kind: str) -> float:
        """How much larger than in the middle of the depth a thing is that stands at `foot`."""
        if kind in _LEVEL:
            return 1.0
        reach = (foot - self.place.horizon) / (1 - self.place.horizon)
        if kind == "water":
            return 0.45 + 1.05 * reach
        return 0.55 + 0.8 * reach if self.place.close == 1 else 0.8 + 0.35 * reach

    def _fits(self, thing: Thing) -> bool:
        """Whether it is in the picture, and neither hides nor is hidden too much: by the frames, to be quick."""
        x0, y0, x1, y1 = thing.frame.box
        if y0 < 0.01 * self.high or thing.frame.height < _LEAST_HEIGHT:
            return False
        for other in self.things:
            a0, b0, a1, b1 = other.frame.box
            shared = max(0.0, min(x1, a1) - max(x0, a0)) * max(0.0, min(y1, b1) - max(y0, b0))
            limit = 0.02 if thing.lines or other.lines else 1 - self.difficulty.least_visible
            if shared > limit * min((x1 - x0) * (y1 - y0), (a1 - a0) * (b1 - b0)):
                return False
        return True

    def _laden(self, carrier: Thing) -> list[Thing]:
        """What stands or lies on a thing that can carry others."""
        surface, rng = carrier.category.surface, self.rng
        if not surface or rng.random() < _BARE:
            return []
        x0, x1, y = surface
        if carrier.frame.mirrored:
            x0, x1 = carrier.frame.aspect - x1, carrier.frame.aspect - x0
        count = int(rng.integers(1, 4)) if carrier.category.name == "table" else 1
        laden: list[Thing] = []
        for slot in range(count):
            category = by_name()[pick(carrier.category.carries, rng)]
            scale = carrier.frame.height / carrier.category.height * 1.1
            height = category.height * scale * float(rng.uniform(0.85, 1.1))
            x = x0 + (x1 - x0) * (slot + float(rng.uniform(0.2, 0.8))) / count
            left = carrier.frame.left + x * carrier.frame.height - height * category.aspect / 2
            top = carrier.frame.top + y * carrier.frame.height - height
            frame = Frame(left, top, height, category.aspect, bool(rng.random() < 0.5))
            outfit = self._dress(category, "surface")
            clear = not laden or left > laden[-1].frame.box[2] - 1
            if clear and height >= _LEAST_HEIGHT and 0 < left < self.wide - height * category.aspect:
                laden.append(Thing(category, outfit, frame, carrier.depth, "surface", on=carrier))
        return laden
