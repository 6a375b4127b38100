"""WebDataset tars: each member that is no known sidecar is an input, found by reading headers only.

Members with one key (the path up to the first dot of the name) are one sample, whose end `_Samples` tells.
Its `.txt` and `.caption`, and the string `caption` or `text` of its `.json`, become brief texts of its
images. Sidecars are known by suffix; anything else may be an image, which its content decides later.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

import pyarrow as pa

from engine import content
from engine.images import Unusable
from engine.sources import location
from engine.sources.files import containers, seems
from engine.sources.inputs import Found, Rows, Spec, alt_text

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_NO_IMAGES = (
    "json jsonl txt caption cls cls2 index inx id url csv tsv yaml yml xml html md npy npz pyd pickle pkl pth "
    "pt ten tensor bbox"
)
_SIDECARS = frozenset(_NO_IMAGES.split())
_TEXTS = ("txt", "caption", "json")
_MAX_TEXT_BYTES = 1 << 20
_OPENERS: dict[str, Callable[[Any], Any]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zstd": lambda file: pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd"),
}
_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)


def list_tar(spec: Spec) -> pa.Table:
    """The members of an archive, a glob of archives or a folder of them.

    What cannot be listed in a damaged one is one refused input (truncated) at PATH#@OFFSET.
    """
    rows = Rows(spec.text)
    for uri, found in containers(spec, SUFFIXES):
        try:
            with _Forward(uri) as stream:
                _list_one(spec, uri, found, stream, rows)
        except _DAMAGE as error:
            what = f"{location.says(error)}{seems(uri, 'tar', *_OPENERS)}"
            raise spec.error(f"{uri} cannot be read as tar: {what}") from error
    return rows.table()


def is_compressed(uri: str) -> bool:
    """Whether an archive's members can only be read in order."""
    with location.open_uri(uri) as file:
        return content.kind(file.read(512)) in _OPENERS


def _list_one(spec: Spec, uri: str, found: Found, stream: _Forward, rows: Rows) -> None:
    """Add an archive's inputs; raises where not even its first header can be read."""
    samples = _Samples()
    names: set[str] = set()
    archive = tarfile.TarFile(fileobj=cast(IO[bytes], stream), encoding="utf-8")
    at = 0
    try:
        for member in _members(archive):
            at = archive.offset
            name = _name(member)
            key, _, suffix = _key(name)
            if _is_skipped(member, name):
                continue
            is_sidecar = member.isreg() and suffix.rpartition(".")[2] in _SIDECARS and not location.climbs_out(name)
            texts = samples.texts(key, suffix, is_sidecar)
            if is_sidecar:
                _add_texts(texts, _text(stream, member, suffix))
                continue
            shown = name if name not in names else f"{name}@{member.offset_data}"
            names.add(name)
            place = {"container": uri, "offset": member.offset_data, "length": member.size}
            look = _look(member, name) or Found(member.size, found.stamp)
            rows.add(f"{uri}#{shown}", look, **place, texts=texts)
        stream.check_end()
    except _DAMAGE as error:
        detail = f"the archive is damaged or ends after byte {at}: {location.says(error)}"
        rows.add(f"{uri}#@{at}", Found(None, found.stamp, "truncated", detail))


class _Samples:
    """Which members belong together: a run of members with one key, in which no suffix comes twice.

    An archive of a folder can have a sample's members apart, so that a run without an image, or without a
    caption, is continued by the key's next run.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Sample] = {}
        self._last: str | None = None

    def texts(self, key: str, suffix: str, is_sidecar: bool) -> list[dict[str, Any]]:
        """The captions, for all its members one list, of the sample that a member belongs to."""
        sample = self._open.get(key)
        if sample is None or suffix in sample.suffixes or (key != self._last and sample.has_image and sample.texts):
            sample = self._open[key] = _Sample()
        sample.suffixes.append(sys.intern(suffix))
        sample.has_image |= not is_sidecar
        self._last = key
        return sample.texts


class _Sample:
    __slots__ = ("has_image", "suffixes", "texts")  # an archive can have a million

    def __init__(self) -> None:
        self.suffixes: list[str] = []
        self.texts: list[dict[str, Any]] = []
        self.has_image = False


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        yield member
        archive.members = []  # type: ignore[attr-defined] # it would keep them all


def _name(member: tarfile.TarInfo) -> str:
    """A member's name without "./"; bytes that are not UTF-8 percent-encoded."""
    name = member.name.removeprefix("./") if member.name != "." else ""
    return name if location.is_utf8(name) else location.quoted(name)


def _key(name: str) -> tuple[str, str, str]:
    folder, slash, base = name.rpartition("/")
    stem, dot, suffix = base.partition(".")
    return folder + slash + stem, dot, suffix.lower()


def _is_skipped(member: tarfile.TarInfo, name: str) -> bool:
    """A folder, or a hidden file, as in a folder."""
    hidden = any(part.startswith(".") and part != ".." for part in name.split("/"))
    return member.isdir() or (hidden and member.isreg() and not location.climbs_out(name))


def _look(member: tarfile.TarInfo, name: str) -> Found | None:
    """Why a member is refused, if it is."""
    if location.climbs_out(name):
        return location.refused("points_outside", f"the name {name!r} leads out of the archive")
    if member.issym() or member.islnk():
        base = os.path.dirname(name) if member.issym() else ""
        target = os.path.join(base, member.linkname)
        reason = "points_outside" if location.climbs_out(target) else "not_a_file"
        return location.refused(reason, f"a link to {location.printable(member.linkname)}")
    if not member.isreg() or member.issparse():
        return location.refused("not_a_file", f"a member of type {member.type!r}, not a plain file")
    return None


def _text(stream: _Forward, member: tarfile.TarInfo, suffix: str) -> str | None:
    """The caption in a sidecar, if it holds one."""
    if suffix not in _TEXTS or member.size > _MAX_TEXT_BYTES or member.issparse():
        return None
    data = stream.read_at(member.offset_data, member.size)
    try:
        text = data.decode("utf-8-sig")
        if suffix != "json":
            return text
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = [value.get(key) for key in ("caption", "text")] if isinstance(value, dict) else []
    return next((text for text in found if isinstance(text, str)), None)


def _add_texts(texts: list[dict[str, Any]], text: str | None) -> None:
    """Add a caption, once: writers often put the same one into the .txt and the .json."""
    if text and text.strip() and location.is_utf8(text) and alt_text(text) not in texts:
        texts.append(alt_text(text))


class Reader:
    """Reads members of one compressed archive; in ascending order the archive is decompressed once."""

    def __init__(self, container: str, column: None = None) -> None:
        self._container = container
        self._stream = _Forward(container)

    def read(self, row: dict[str, Any], check: Callable[[int], None]) -> bytes:
        """The member of a row of INPUTS. Raises Unusable."""
        offset, length = row["offset"], row["length"]
        check(length)
        try:
            if offset < self._stream.tell():
                self.close()
                self._stream = _Forward(self._container)
            data = self._stream.read_at(offset, length)
        except _DAMAGE as error:
            raise Unusable("truncated", f"the archive is damaged: {location.says(error)}") from error
        if len(data) < length:
            raise Unusable("truncated", f"the archive ends after {len(data)} of {length} bytes")
        return data

    def close(self) -> None:
        self._stream.close()


class _Forward:
    """An archive's decompressed bytes, read from the beginning to the end; seeking skips."""

    def __init__(self, uri: str) -> None:
        self._file = location.open_uri(uri)
        kind = content.kind(self._file.read(512))
        self._file.seek(0)
        self._compressed = kind in _OPENERS
        self._stream: Any = _OPENERS[kind](self._file) if self._compressed else self._file
        self._at = 0
        self._last = b""

    def __enter__(self) -> _Forward:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0 and (part := self._stream.read(size)):
            parts.append(part)
            size -= len(part)
        self._last = b"".join(parts)
        self._at += len(self._last)
        return self._last

    def seek(self, offset: int) -> int:
        if offset < self._at:
            raise tarfile.StreamError("cannot go back in an archive")
        if not self._compressed:
            self._at = self._stream.seek(offset)
        while self._at < offset and self.read(min(offset - self._at, 1 << 20)):
            continue
        return self._at

    def read_at(self, offset: int, size: int) -> bytes:
        self.seek(offset)
        return self.read(size)

    def check_end(self) -> None:
        """Raise ReadError unless the block read last is the one of zeros that ends an archive."""
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("no end mark" if not self._last else "no header where one should be")

    def close(self) -> None:
        if self._compressed:
            self._stream.close()
        self._file.close()
