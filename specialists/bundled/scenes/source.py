"""Scenes as a source like any other: `scenes:1000?split=pool&seed=7&difficulty=hard`.

Image k of it is the URL scenes://pool/7/hard/k, which fsspec opens by drawing it: nothing is stored. The pictures are
all that an ingest gets; their truth comes out of another door, KIND.truth, for those who measure.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from fsspec import AbstractFileSystem

from engine.sources.inputs import Found, Rows, Spec
from engine.sources.spec import Kind, parse
from specialists.bundled.scenes.seeds import DIFFICULTIES, GENERATION, IMAGES, SEEDS, SPLITS

if TYPE_CHECKING:
    from specialists.bundled.scenes.scene import Scene
    from specialists.bundled.scenes.truth import Truth

OPTIONS = ("split", "seed", "difficulty")
_TRUTHS_AT_ONCE = 256


@dataclass(frozen=True)
class Wanted:
    """Which scenes a source names: the first `count` of a split, a seed and a difficulty."""

    count: int
    split: str = "pool"
    seed: int = 0
    difficulty: str = "normal"

    def url(self, index: int) -> str:
        """Where fsspec finds one of them."""
        return f"scenes://{self.split}/{self.seed}/{self.difficulty}/{index}"


def wanted(spec: Spec) -> Wanted:
    """What a source asks for. Raises SourceError, which says what is wrong with it."""
    count = _number(spec, "the number of scenes", spec.location, 1, IMAGES)
    seed = _number(spec, "seed", spec.options.get("seed", "0"), 0, SEEDS - 1)
    split, difficulty = spec.options.get("split", "pool"), spec.options.get("difficulty", "normal")
    for name, given, known in (("split", split, SPLITS), ("difficulty", difficulty, tuple(DIFFICULTIES))):
        if given not in known:
            raise spec.error(f"{name} {given!r}: one of {', '.join(known)}")
    return Wanted(count, split, seed, difficulty)


def list_scenes(spec: Spec) -> pa.Table:
    """A row per scene; none is drawn yet."""
    which, rows = wanted(spec), Rows(spec.text)
    for index in range(which.count):
        rows.add(which.url(index), Found(stamp=f"scenes-{GENERATION}"))
    return rows.table()


def scenes(source: str | Wanted) -> Iterator[tuple[Scene, Truth]]:
    """Each picture and its truth, drawn when it is asked for. Raises SourceError where no scenes are named."""
    from specialists.bundled.scenes.scene import draw

    which = wanted(_scenes_only(parse(source))) if isinstance(source, str) else source
    for index in range(which.count):
        yield draw(which.split, which.seed, index, which.difficulty)


def truth_tables(spec: Spec) -> Iterator[pa.Table]:
    """The truth of the scenes that a source names, as tables of truth.SCHEMA in the order of the scenes."""
    from specialists.bundled.scenes.truth import table

    truths = (truth for _, truth in scenes(wanted(spec)))
    while some := list(islice(truths, _TRUTHS_AT_ONCE)):
        yield table(some)


KIND = Kind(list_scenes, OPTIONS, truth_tables)


class SceneFiles(AbstractFileSystem):  # type: ignore[misc]
    """What opens scenes://split/seed/difficulty/index: a file system that can only be read, one file at a time."""

    protocol = "scenes"

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size in bytes and type; the picture is drawn for it, and kept for the reading that follows."""
        return {"name": path, "size": len(self.cat_file(path)), "type": "file"}

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """A picture's bytes. Raises FileNotFoundError where the path names no scene."""
        return _bytes(self._strip_protocol(path))[start:end]

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BytesIO:
        if mode != "rb":
            raise OSError(f"{path}: scenes can only be read")
        return io.BytesIO(self.cat_file(path))


@lru_cache(maxsize=64)
def _bytes(path: str) -> bytes:
    from specialists.bundled.scenes.scene import draw_image

    try:
        split, seed, difficulty, index = path.split("/")
        return draw_image(split, int(seed), int(index), difficulty).data
    except ValueError as error:
        raise FileNotFoundError(f"scenes://{path} is no scene, as scenes://pool/7/normal/0 is: {error}") from error


def _scenes_only(spec: Spec) -> Spec:
    if spec.kind != "scenes":
        raise spec.error("not generated scenes, as scenes:100?seed=7 is")
    return spec


def _number(spec: Spec, name: str, given: str, least: int, most: int) -> int:
    if not given.isdecimal() or not least <= int(given) <= most:
        raise spec.error(f"{name} must be a whole number from {least} to {most}, not {given!r}")
    return int(given)
