"""The batches that scoring learns from: views, texts, and of each pair whether it is right and what it weighs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from specialists.bundled.recipes import claims
from specialists.bundled.recipes.claims import Claim, Look
from specialists.bundled.recipes.pack import Pack, Public
from specialists.bundled.recipes.views import boxes_of, category, chances, objects

# All ours.
SIDE, PATCH, WINDOW = 96, 12, 48  # px, px, tokens
SCENES, CROPS, EMPTY = 16, 4, 4  # of a step: scenes, things of each, crops of the background
MARGIN, JITTER = 0.1, 0.06  # of a side of the box: the stage's; deviation
REACH = 150  # characters of a text that surely lie in the window: what is exchanged behind them is not seen
RESAMPLE = Image.Resampling.BILINEAR
NOTHING = Look(-1, -1, -1, -1, "")


class Batches:
    """Makes the batch of a step from packed public scenes, those with rare things more often."""

    def __init__(self, pack: Pack, tokenizer: Any, scenes: int = SCENES) -> None:
        self._pack, self._tokenizer, self._scenes = pack, tokenizer, scenes
        self._chances = chances([[category(one) for one in objects(truth)] for truth in pack.truths("regions")])

    def __call__(self, step: int) -> dict[str, Any]:
        """`pixels` uint8 (v, 3, SIDE, SIDE), the n crops before the k whole images, and the truth about them.

        `looks` (n, 3): category, colour and pattern, -1 for none. `patches` (k, p, 2): category and colour under each
        patch, 0 for none. `labels` and `texts` (m, WINDOW) are tokens; `label_right` and `text_right` (n or k, m) say
        what fits, `label_weight` and `text_weight` what each pair counts, `label_told` and
        `text_told` where a view's own texts are, 1, and where these with one thing exchanged, 0; all else is -1.
        """
        rng = np.random.default_rng((0, step))
        drawn = rng.choice(len(self._pack), self._scenes, p=self._chances)
        scenes = [self._pack[int(index)] for index in drawn]
        crops, labels, texts = _Crops(rng), _Said(), _Said()
        for number, scene in enumerate(scenes):
            seen = claims.looks(scene.truth)
            _label(scene, number, seen, crops, labels, rng)
            _tell(scene, number, seen, texts, rng)
        for scene in scenes[: EMPTY * self._scenes // SCENES]:
            crops.background(scene)
        for name in claims.names():
            labels.offer(claims.claim(name, claims.names().index(name)))
        wholes = [resized(scene.pixels) for scene in scenes]
        label_right = claims.judged(crops.looks, labels.claims)
        label_right[tuple(np.array(labels.right).T)] = 1
        near = labels.near(crops.scenes) | claims.kin(crops.looks, labels.claims)
        text_right = np.zeros((len(scenes), len(texts.claims)), np.int8)
        text_right[tuple(np.array(texts.right).T)] = 1
        known = np.array([[look.category, look.colour, look.pattern] for look in crops.looks])
        return {
            "pixels": np.stack([*crops.pixels, *wholes]).transpose(0, 3, 1, 2),
            "looks": known,
            "patches": np.stack([_patches(scene) for scene in scenes]),
            "labels": self._tokens(labels),
            "label_right": label_right == 1,
            "label_weight": weights(label_right, near),
            "label_told": labels.told(len(crops.looks)),
            "texts": self._tokens(texts),
            "text_right": text_right == 1,
            "text_weight": weights(text_right, texts.near(np.arange(len(scenes)))),
            "text_told": texts.told(len(scenes)),
        }

    def _tokens(self, said: _Said) -> np.ndarray:
        lines = [one.text.lower() for one in said.claims]
        tokens = self._tokenizer(lines, padding="max_length", truncation=True, max_length=WINDOW, return_tensors="np")
        ids: np.ndarray = tokens["input_ids"]
        return ids


def weights(right: np.ndarray, near: np.ndarray) -> np.ndarray:
    """What each pair (n, m) counts: of each view's, a half is right, 0.4 wrong and near, 0.1 wrong. Ours."""
    of = np.zeros(right.shape)
    for which, share in ((right == 1, 0.5), ((right == 0) & near, 0.4), ((right == 0) & ~near, 0.1)):
        of += share * which / np.maximum(which.sum(1, keepdims=True), 1)
    return (of / len(of)).astype(np.float32)


def resized(pixels: np.ndarray) -> np.ndarray:
    """An RGB image (height, width, 3) as the checkpoint's own processor resizes it: (SIDE, SIDE, 3)."""
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), RESAMPLE))


def words_of(truth: dict[str, Any]) -> list[str]:
    """All that is said in a scene's texts and labels, for a tokenizer."""
    labels = [label["text"] for region in objects(truth) for label in region["labels"]]
    return [text["text"] for text in truth["texts"]] + labels


class _Crops:
    """Crops of things and of nothing, how those look, and the numbers of their scenes."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.pixels, self.looks, self.scenes = list[np.ndarray](), list[Look](), list[int]()
        self._rng = rng

    def add(self, pixels: np.ndarray, box: np.ndarray, look: Look, scene: int) -> bool:
        """Whether there is anything to be seen in the box (4,) of the image."""
        height, width = pixels.shape[:2]
        size = np.tile(box[2:] - box[:2], 2)
        around = box + size * (MARGIN * np.array((-1, -1, 1, 1)) + np.clip(self._rng.normal(0, JITTER, 4), -0.15, 0.15))
        left, top, right, bottom = np.rint(around.clip(0, (width, height, width, height))).astype(int)
        part = pixels[top:bottom, left:right]
        if min(part.shape[:2]) < 4:
            return False
        part = resized(part)
        self.pixels.append(part[:, ::-1] if self._rng.random() < 0.5 else part)
        self.looks.append(look)
        self.scenes.append(scene)
        return True

    def background(self, scene: Public) -> None:
        """A box that nothing reaches into much, if one is found in a few trials."""
        height, width = scene.pixels.shape[:2]
        boxes = boxes_of(objects(scene.truth))
        for _ in range(8):
            size = self._rng.uniform(0.08, 0.4, 2) * (width, height)
            corner = self._rng.uniform(0, 1, 2) * ((width, height) - size)
            box = np.r_[corner, corner + size]
            shared = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
            if (shared.clip(0).prod(1) < 0.1 * size.prod()).all():
                self.add(scene.pixels, box, NOTHING, -1)
                return


class _Said:
    """Texts, each once, with the pairs (view, text) that are right, and those that are near."""

    def __init__(self) -> None:
        self.claims, self.right = list[Claim](), list[tuple[int, int]]()
        self._at, self._near, self._home = dict[str, int](), list[tuple[int, int]](), list[tuple[int, int]]()

    def add(self, one: Claim, view: int, scene: int, *, right: bool) -> None:
        """A text that is right for a view, or nearly."""
        at = self.offer(one)
        (self.right if right else self._near).append((view, at))
        self._home.append((scene, at))

    def offer(self, one: Claim) -> int:
        """The number of a text, which may be about none of the views."""
        at = self._at.setdefault(one.text.lower(), len(self.claims))
        if at == len(self.claims):
            self.claims.append(one)
        return at

    def told(self, views: int) -> np.ndarray:
        """Of each view (n), which texts (m) are its own: int8 (n, m), 1; with one thing exchanged 0, any others -1."""
        told = np.full((views, len(self.claims)), -1, np.int8)
        for pairs, value in ((self._near, 0), (self.right, 1)):
            for view, at in pairs:
                told[view, at] = value
        return told

    def near(self, scenes: Sequence[int] | np.ndarray) -> np.ndarray:
        """Which texts (m) have to do with each view (n) of these scenes: bool (n, m)."""
        near = np.zeros((len(scenes), len(self.claims)), bool)
        for scene, at in self._home:
            near[np.asarray(scenes) == scene, at] = True
        for view, at in self._near:
            near[view, at] = True
        return near


def _label(
    scene: Public, number: int, seen: dict[str, Look], crops: _Crops, labels: _Said, rng: np.random.Generator
) -> None:
    """Crops of some things of a scene, with what fits them and what nearly does."""
    things, told = objects(scene.truth), mentions(scene.truth, seen)
    for at in rng.permutation(len(things))[:CROPS].tolist():
        region, view = things[at], len(crops.looks)
        look = seen[region["id"]]
        if not crops.add(scene.pixels, np.array(region["box"]), look, number):
            continue
        said = [claims.claim(label["text"], look.category) for label in region["labels"]]
        longer = said[1 + int(rng.integers(2))]
        phrases = [one for one, ids in told if region["id"] in ids and rng.random() < 0.3]
        for one in (said[0], longer, *phrases[:1]):
            labels.add(one, view, number, right=True)
        wrong = claims.altered(longer, rng)
        if wrong and claims.judged([look], [wrong])[0, 0] == 0:
            labels.add(wrong, view, number, right=False)


def _tell(scene: Public, number: int, seen: dict[str, Look], texts: _Said, rng: np.random.Generator) -> None:
    """One text of a scene, and the same with one thing in it exchanged."""
    text = scene.truth["texts"][int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
    texts.add(Claim(text["text"], -1), number, number, right=True)
    for _ in range(2):
        wrong = exchanged(scene.truth, text, seen, rng)
        if wrong:
            texts.add(Claim(wrong, -1), number, number, right=False)


def exchanged(
    truth: dict[str, Any], text: dict[str, Any], seen: dict[str, Look], rng: np.random.Generator
) -> str | None:
    """A text with a colour, pattern or category exchanged for one that nothing in the image has."""
    spans = [one for one in truth["phrases"] if one["text_id"] == text["id"] and one["end"] <= REACH]
    spans = [one for one in spans if one["region_ids"][0] in seen]
    if not spans:
        return None
    span = spans[int(rng.integers(len(spans)))]
    start, end, ids = span["start"], span["end"], span["region_ids"]
    said: str = text["text"]
    old = claims.claim(said[start:end], seen[ids[0]].category, several=len(ids) > 1)
    new = claims.altered(old, rng)
    if new is None or claims.judged(list(seen.values()), [new]).any():
        return None
    return said[:start] + new.text + said[end:]


def mentions(truth: dict[str, Any], seen: dict[str, Look]) -> list[tuple[Claim, list[str]]]:
    """What the phrases of a scene's texts claim, and of which things."""
    texts = {text["id"]: text["text"] for text in truth["texts"]}
    said = []
    for one in truth["phrases"]:
        ids = one["region_ids"]
        if ids and ids[0] in seen:
            words = texts[one["text_id"]][one["start"] : one["end"]]
            said.append((claims.claim(words, seen[ids[0]].category, several=len(ids) > 1), ids))
    return said


def _patches(scene: Public) -> np.ndarray:
    """Category and colour, from 1 on, of the smallest box around the centre of each patch; 0 for none: (p, 2)."""
    height, width = scene.pixels.shape[:2]
    steps = (np.arange(SIDE // PATCH) + 0.5) * PATCH / SIDE
    x, y = steps[None] * width, steps[:, None] * height
    seen = claims.looks(scene.truth)
    found = np.zeros((len(steps), len(steps), 2), np.int64)
    for region in sorted(objects(scene.truth), key=lambda one: -_area(one["box"])):
        left, top, right, bottom = region["box"]
        look = seen[region["id"]]
        found[(x >= left) & (x < right) & (y >= top) & (y < bottom)] = (look.category + 1, look.colour + 1)
    return found.reshape(-1, 2)


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
