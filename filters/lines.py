"""What is no written line: signs without letters, and letters of scripts that nobody writes in here.

An OCR that finds writing where there is none reads bars, wheels and branches, mostly as single characters of the
script with the most shapes. FLD-5B names no such filter; all values are ours.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from engine import records
from engine.stage import Batch, ChainError, Outcome, Resources, Stage
from filters.columns import Regions
from filters.regions import LIGHT


@dataclass(frozen=True)
class LineText(Stage):
    """Drops text regions with too few letters and digits ("line_letters"), or of another script ("line_script").

    `scripts` are names as Unicode has them, "latin" or "cyrillic" say, of which each letter must be; None takes any.
    What a person wrote down stays, and so does a line that nobody has read.
    """

    name: ClassVar[str] = "line_text"
    reads: ClassVar[frozenset[str]] = frozenset({"regions"})
    writes: ClassVar[frozenset[str]] = frozenset({"regions"})

    min_letters: int = 1
    scripts: tuple[str, ...] | None = None
    resources: Resources = LIGHT

    def __post_init__(self) -> None:
        if self.min_letters < 0:
            raise ChainError(f"{self.name}: min_letters must be at least 0, not {self.min_letters}")
        for script in self.scripts or ():
            if script.casefold() not in _scripts():
                raise ChainError(
                    f"{self.name}: Unicode has no script {script!r}: latin, cyrillic, greek, cjk, for some"
                )

    def __call__(self, batch: Batch) -> Outcome:
        regions = Regions(batch.table)
        lines = pc.equal(regions.field("kind"), "text").to_numpy(zero_copy_only=False) & ~regions.human
        texts = regions.names().to_pylist()
        read = np.array([text is not None for text in texts], bool) & lines
        letters = np.array([sum(map(str.isalnum, text or "")) for text in texts], np.float64)
        strange = [self._strange(text) if here else "" for text, here in zip(texts, read.tolist(), strict=True)]
        foreign = np.array([len(found) for found in strange], np.float64)
        few = read & (letters < self.min_letters)
        other = read & (foreign > 0)
        return Outcome(
            *records.drop(
                batch.table, "regions", ~(few | other), stage=self.name,
                rule=np.where(few, "line_letters", "line_script"), value=np.where(few, letters, foreign),
                threshold=np.where(few, self.min_letters, 0), detail=[found or None for found in strange],
            )
        )  # fmt: skip

    def _strange(self, text: str | None) -> str:
        """The letters that are of none of the scripts."""
        if self.scripts is None or text is None:
            return ""
        wanted = {script.casefold() for script in self.scripts}
        return "".join(letter for letter in text if letter.isalpha() and _script(letter) not in wanted)


@cache
def _script(letter: str) -> str:
    """What the name of a letter begins with; a full-width letter is one of its own script."""
    return unicodedata.name(unicodedata.normalize("NFKC", letter)[:1], "").partition(" ")[0].casefold()


@cache
def _scripts() -> frozenset[str]:
    """Of all letters of the first three planes."""
    return frozenset(_script(chr(at)) for at in range(0x30000) if chr(at).isalpha()) - {""}
