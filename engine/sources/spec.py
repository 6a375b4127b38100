"""From the text that a user types to the lister of what it names: `[kind:]location[?key=value&..]`.

The kind may be left out where the location tells it. An existing path is always taken literally; elsewhere
`?` begins the options if `key=` follows, and is a glob's character if not. `%26` stands for & in a value.
"""

from __future__ import annotations

import glob
import os
import re
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

import pyarrow as pa

from engine import content
from engine.sources import coco, files, location, parquet, tar
from engine.sources.inputs import SourceError, Spec, merge, writable


@dataclass(frozen=True)
class Kind:
    """A kind of source: how it is listed, the options that it knows, and its truth if it holds that back.

    A truth is records of which image_id and the annotations are read; no record that is ingested has it.
    """

    list: Callable[[Spec], pa.Table]
    options: tuple[str, ...] = ()
    truth: Callable[[Spec], Iterator[pa.Table]] | None = None


KINDS: dict[str, Kind] = {
    "folder": Kind(files.list_folder),
    "glob": Kind(files.list_glob),
    "list": Kind(files.list_list),
    "file": Kind(files.list_file),
    "parquet": Kind(parquet.list_parquet, ("column", "text")),
    "tar": Kind(tar.list_tar),
    "coco": Kind(coco.list_coco, ("images",)),
}
# Another package adds a kind of its own among these entry points; what it lists is read by its URL, through fsspec.
GROUP = "fld.sources"
_BY_SUFFIX = (
    ((".parquet",), "parquet"),
    (tar.SUFFIXES, "tar"),
    ((".json",), "coco"),
    ((".txt", ".lst"), "list"),
)


def list_inputs(specs: Sequence[str], *, follow_links: bool = False) -> pa.Table:
    """All inputs of all sources as INPUTS, each uri once; see `merge` for the order. Raises SourceError."""
    return merge([_list(parse(text, follow_links=follow_links)) for text in specs])


def parse(text: str, *, follow_links: bool = False) -> Spec:
    """A typed source taken apart. Raises SourceError where the kind or an option is unknown."""
    kind, rest = _split_kind(text)
    place, options = _split_options(rest)
    if not place:
        raise SourceError(f"source {text!r} names no place")
    spec = Spec(text, kind or _kind_of(text, place), place, options, follow_links)
    known = _kinds()[spec.kind].options
    for key in options:
        if key not in known:
            there = ", ".join(known) if known else "none"
            raise spec.error(f"unknown option {key!r}; options of {spec.kind}: {there}")
    return spec


def truth_tables(spec: Spec) -> Iterator[pa.Table] | None:
    """The truth that a source holds back, or None where what it says of its images is all that it knows."""
    truth = _kinds()[spec.kind].truth
    return truth(spec) if truth else None


def _list(spec: Spec) -> pa.Table:
    return _kinds()[spec.kind].list(spec)


@cache
def _kinds() -> dict[str, Kind]:
    """All kinds by name, those of other packages among them."""
    return {**{point.name: point.load() for point in entry_points(group=GROUP)}, **KINDS}


def _split_kind(text: str) -> tuple[str | None, str]:
    kind, colon, rest = text.partition(":")
    if colon and kind in _kinds() and not rest.startswith("//") and not os.path.lexists(text):
        return kind, rest
    return None, text


def _split_options(text: str) -> tuple[str, dict[str, str]]:
    match = re.search(r"\?(?=[A-Za-z_]+=)", text)
    if not match or os.path.lexists(location.local_path(text)):
        return text, {}
    pairs = [pair.partition("=") for pair in text[match.end() :].split("&")]
    return text[: match.start()], {key: urllib.parse.unquote(value) for key, _, value in pairs}


def _kind_of(text: str, place: str) -> str:
    """The kind that a location tells; a glob of archives is of the archives' kind."""
    path = location.local_path(place)
    if not location.is_url(place) and os.path.isdir(path):
        return "folder"
    for suffixes, kind in _BY_SUFFIX:
        if path.lower().endswith(suffixes):
            return kind
    if glob.has_magic(path) and not os.path.lexists(path):
        return "glob"
    if content.claims_image(path):
        return "file"
    if location.is_url(place):
        return "folder"
    if not os.path.lexists(path):
        raise SourceError(writable(f"source {text!r}: there is no {path}"))
    what = f"what kind of source is it? Say so in front, as in list:{place}; kinds: {', '.join(_kinds())}"
    raise SourceError(writable(f"source {text!r}: {what}"))
