"""Files that are inputs themselves: a folder of them, a glob, a list, or a single one."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from engine import content
from engine.sources import location
from engine.sources.inputs import Found, Rows, Spec

_LOOKS_AT_ONCE = 16
_HEAD = 4096
_KINDS = {"parquet": "parquet", "tar": "tar", "json": "coco"}  # what content looks like, and is typed as


def list_folder(spec: Spec) -> pa.Table:
    """Every file below a folder or URL prefix, but for hidden ones (a name that starts with ".")."""
    rows = Rows(spec.text)
    if location.is_url(spec.location):
        for uri, found in _find(spec):
            rows.add(uri, found)
        return rows.table()
    root = os.path.abspath(location.local_path(spec.location))
    if not os.path.isdir(root):
        raise spec.error(f"there is no folder {root}")
    try:
        for path, found in walk(root, follow_links=spec.follow_links):
            rows.add(location.written(path), found)
    except OSError as error:
        raise spec.error(f"the folder {root} cannot be read: {location.says(error)}") from error
    return rows.table()


def list_glob(spec: Spec) -> pa.Table:
    """Every file that a pattern with * ? [ ] or ** matches."""
    rows = Rows(spec.text)
    for uri, found in expand(spec):
        rows.add(uri, found)
    return rows.table()


def list_file(spec: Spec) -> pa.Table:
    """One image file."""
    rows = Rows(spec.text)
    uri = location.absolute(spec.location)
    rows.add(uri, location.look(uri))
    return rows.table()


def list_list(spec: Spec) -> pa.Table:
    """The paths and URLs in a UTF-8 text file, one per line; # begins a comment line.

    A relative path is relative to the list's folder and may not climb out of it.
    """
    home = location.absolute(spec.location)
    names = dict.fromkeys(_lines(spec, home))
    if not names:
        raise spec.error("the list names nothing: it wants one path or URL per line")
    rows = Rows(spec.text)
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
        for uri, found in pool.map(lambda name: _listed(name, location.parent(home)), names):
            rows.add(uri, found)
    return rows.table()


def walk(root: str, *, follow_links: bool) -> Iterator[tuple[str, Found]]:
    """The files below a local folder; raises OSError where the folder itself cannot be read.

    A link to a folder inside is not walked twice: its files have a path of their own already.
    """
    inside = os.path.realpath(root)
    folders, links, seen = [(root, inside)], list[tuple[str, str]](), set[str]()
    while folders or links:
        # Real folders first, so that what two paths lead to is always listed under the one without links.
        path, real = folders.pop() if folders else links.pop(links.index(min(links)))
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = list(os.scandir(path))
        except OSError as error:
            if path == root:
                raise
            yield path, location.refusal(error)
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, f"{real.rstrip('/')}/{entry.name}"))
            elif entry.is_symlink() and _leads_to_folder(entry):
                target = os.path.realpath(entry.path)
                if follow_links or location.is_inside(target, inside):
                    links.append((entry.path, target))
                else:
                    yield entry.path, location.outside(target)
            else:
                yield entry.path, _look(entry, inside, follow_links)


def containers(spec: Spec, suffixes: tuple[str, ...]) -> list[tuple[str, Found]]:
    """The archives that a location names: itself, what a glob matches, or a folder's files so named."""
    path = location.local_path(spec.location)
    if glob.has_magic(path) and (location.is_url(path) or not os.path.lexists(path)):
        found = list(expand(spec))
    elif not location.is_url(path) and os.path.isdir(path):
        found = [(location.uri_of(path), look) for path, look in walk(path, follow_links=spec.follow_links)]
        found = [(uri, look) for uri, look in found if uri.lower().endswith(suffixes)]
    else:
        uri = location.absolute(spec.location)
        found = [(uri, location.look(uri))]
    if not found:
        raise spec.error(f"there is no {' or '.join(suffixes)} file in {path}")
    for uri, look in found:
        if look.refused:
            raise spec.error(f"{uri} cannot be read ({look.refused}: {look.detail})")
    return sorted(found, key=lambda pair: pair[0])


def seems(uri: str, *expected: str) -> str:
    """For the message about a file that is not what it is named: what it looks like, and what to type for it.

    Nothing where it looks `expected` (kinds of engine.content), or like nothing that has a name.
    """
    try:
        with location.open_uri(uri) as file:
            kind = content.kind(file.read(_HEAD))
    except Exception:  # noqa: BLE001 - each store has exceptions of its own, and the message has its error
        return ""
    if kind in (*expected, "binary"):
        return ""
    typed = "file" if kind in content.PICTURES else _KINDS.get(kind)
    return f"; it looks like {kind}" + (f": type {typed}:{uri}" if typed else "")


def expand(spec: Spec) -> Iterator[tuple[str, Found]]:
    """The files that a location with glob characters names: (uri, what lies there). None is an error."""
    if location.is_url(spec.location):
        yield from _find(spec)
        return
    pattern = os.path.abspath(location.local_path(spec.location))
    inside = os.path.realpath(_fixed_part(pattern))
    paths = [p for p in glob.iglob(pattern, recursive=True) if not os.path.isdir(p)]
    if not paths:
        raise spec.error(f"no file matches {pattern}")
    for path in dict.fromkeys(paths):
        uri = location.uri_of(path)
        yield uri, location.look(uri, inside, follow_links=spec.follow_links)


def _find(spec: Spec) -> Iterator[tuple[str, Found]]:
    """The files below a URL, or that a URL with glob characters names."""
    try:
        system, path = location.filesystem(spec.location)
        system.invalidate_cache()
        find = system.glob if glob.has_magic(path) and not system.exists(path) else system.find
        found = find(path, detail=True)
    except Exception as error:
        raise spec.error(
            f"{spec.location} cannot be listed: {location.says(error)}; check the name, the network and the credentials"
        ) from error
    below = path.rstrip("/") + "/"
    names = {n: info for n, info in found.items() if info["type"] == "file" and not n.endswith("/")}
    if not names:
        raise spec.error(f"there is nothing at {spec.location}")
    for name, info in names.items():
        if find == system.glob or not any(p.startswith(".") for p in name.removeprefix(below).split("/")):
            yield str(system.unstrip_protocol(name)), location.found_remote(info)


def _look(entry: os.DirEntry[str], inside: str, follow_links: bool) -> Found:
    try:
        if entry.is_file(follow_symlinks=False):
            return location.found_local(entry.path, entry.stat(follow_symlinks=False))
        return location.look_local(entry.path, inside, follow_links=follow_links)
    except OSError as error:
        return location.refusal(error)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _fixed_part(pattern: str) -> str:
    """The folder that all of a pattern's matches lie below."""
    parts = pattern.split("/")
    return "/".join(parts[: next(i for i, p in enumerate([*parts, "*"]) if glob.has_magic(p))]) or "/"


def _lines(spec: Spec, uri: str) -> list[str]:
    try:
        with location.open_uri(uri) as file:
            data = file.read()
    except Exception as error:
        raise spec.error(f"the list {uri} cannot be read: {location.says(error)}") from error
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise spec.error(f"the list {uri} is not UTF-8 in line {line}{seems(uri, 'text')}") from error
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _listed(name: str, folder: str) -> tuple[str, Found]:
    if location.is_url(name) or name.startswith(("/", "file://")):
        uri = location.absolute(name)
        return uri, location.look(uri)
    uri = location.join(folder, os.path.normpath(name))
    if location.climbs_out(name):
        return uri, location.refused("points_outside", f"{name!r} climbs out of the list's folder")
    return uri, location.look(uri)
