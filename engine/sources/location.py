"""Local paths and URLs as one: how a place is written down, looked at and opened.

A local file is written as its absolute path, links not resolved; one whose name is not valid UTF-8 as
`file://` and its bytes percent-encoded. Everything else is a URL that fsspec knows.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
import time
import urllib.parse
from collections.abc import Callable
from typing import Any, BinaryIO

import fsspec

from engine.images import Unusable
from engine.sources.inputs import Found, writable

RETRY_SECONDS = (0.1, 0.4, 1.6)

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def is_url(text: str) -> bool:
    """Whether this is a URL of another place than the local disk."""
    return bool(_URL.match(text)) and not text.startswith("file://")


def local_path(uri: str) -> str:
    """The path of a local uri, with os.fsdecode's surrogates for bytes that are not UTF-8."""
    if uri.startswith("file://"):
        return os.fsdecode(urllib.parse.unquote_to_bytes(uri.removeprefix("file://")))
    return uri


def uri_of(path: str) -> str:
    """A local path as uri."""
    return written(os.path.abspath(path))


def written(path: str) -> str:
    """An absolute local path, without detours, as uri."""
    return path if is_utf8(path) else "file://" + quoted(path)


def quoted(text: str) -> str:
    """Text with surrogates for bytes that are not UTF-8, percent-encoded."""
    return urllib.parse.quote_from_bytes(os.fsencode(text))


def printable(text: str) -> str:
    """The text, quoted only where it is not valid Unicode."""
    return text if is_utf8(text) else quoted(text)


def is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def absolute(location: str) -> str:
    """A typed location as uri: each place is written in one way only."""
    if not is_url(location):
        return uri_of(local_path(location))
    system, path = filesystem(location)
    return str(system.unstrip_protocol(path))


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec filesystem of a URL, and the path in it."""
    system, path = fsspec.core.url_to_fs(url)
    return system, path


def join(folder: str, name: str) -> str:
    """A uri below a folder's uri; `name` is relative, with "/"."""
    if not is_url(folder):
        return uri_of(os.path.join(local_path(folder), name))
    protocol, _, path = folder.partition("://")
    return f"{protocol}://{posixpath.normpath(f'{path}/{name}')}"


def parent(uri: str) -> str:
    """The uri of the folder that a file lies in."""
    return uri.rpartition("/")[0] if is_url(uri) else os.path.dirname(local_path(uri))


def climbs_out(name: str) -> bool:
    """Whether a relative path, taken literally, leads out of the folder that it is relative to."""
    return os.path.isabs(name) or os.path.normpath(name).split("/")[0] == ".."


def is_inside(real: str, folder: str) -> bool:
    """Whether a resolved local path lies in a resolved folder."""
    return real == folder or real.startswith(folder.rstrip("/") + "/")


def look(uri: str, inside: str | None = None, *, follow_links: bool = False) -> Found:
    """What lies at a uri, never opened. A local link that leads out of the folder `inside` is refused."""
    try:
        if is_url(uri):
            system, path = filesystem(uri)
            return found_remote(system.info(path))
        return look_local(local_path(uri), inside, follow_links=follow_links)
    except Exception as error:  # noqa: BLE001 - each store has exceptions of its own
        return refusal(error)


def look_local(path: str, inside: str | None, *, follow_links: bool) -> Found:
    """`look` at a local path; raises OSError."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        status = os.stat(path)
        if inside is not None and not follow_links:
            real = os.path.realpath(path)
            if not is_inside(real, inside):
                return outside(real)
    return found_local(path, status)


def outside(real: str) -> Found:
    """A link that leads out of its source."""
    return refused("points_outside", f"a link to {printable(real)}; follow_links lets it through")


def found_local(path: str, status: os.stat_result) -> Found:
    """A local file's size and stamp; refused where it is no regular file."""
    if stat.S_ISREG(status.st_mode):
        # chmod moves neither time nor size, but what it lets be read must count as another input.
        mark = "" if os.access(path, os.R_OK) else "+unreadable"
        return Found(status.st_size, f"{status.st_mtime_ns}:{status.st_size}{mark}")
    what = next((name for check, name in _KINDS if check(status.st_mode)), "something unknown")
    return refused("not_a_file", f"{what}, not a file")


def found_remote(info: dict[str, Any]) -> Found:
    """A remote file's size and stamp from what its store says of it."""
    if info.get("type") != "file":
        return refused("not_a_file", f"a {info.get('type')}, not a file")
    marks = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "updated")
    mark = next((info[name] for name in (*marks, "created") if info.get(name)), "")
    return Found(info.get("size"), f"{str(mark).strip(chr(34))}:{info.get('size')}")


def refused(reason: str, detail: str) -> Found:
    return Found(refused=reason, detail=writable(detail))


def refusal(error: Exception) -> Found:
    """What an error on opening or looking makes of an input."""
    if isinstance(error, PermissionError):
        return refused("permission_denied", says(error))
    gone = isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.ENAMETOOLONG)
    if gone or isinstance(error, FileNotFoundError | NotADirectoryError | ValueError):
        return refused("missing", says(error))
    if isinstance(error, IsADirectoryError):
        return refused("not_a_file", says(error))
    return refused("unreadable", says(error))


def says(error: BaseException) -> str:
    """An error's text without the path, which stands in the uri, on one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.encode(errors="replace").decode().split()) or type(error).__name__


def read(uri: str, check: Callable[[int], None], place: tuple[int, int] | None, size: int | None) -> bytes:
    """A file's bytes, or those at `place` (offset, length). Raises Unusable.

    `check` is given the size before anything is read, and raises where that says enough. What a store fails
    to deliver is asked for again up to three times, unless it says that the answer will be the same.
    """
    try:
        if is_url(uri):
            return _patiently(lambda: _read_remote(uri, check, place, size))
        return _read_local(local_path(uri), check, place)
    except OSError as error:
        found = refusal(error)
        raise Unusable(found.refused or "unreadable", found.detail or "") from error


def _patiently(ask: Callable[[], bytes]) -> bytes:
    """The answer of a store; what it raises at last becomes OSError or Unusable."""
    for wait in (*RETRY_SECONDS, None):
        try:
            return ask()
        except (Unusable, FileNotFoundError, PermissionError, IsADirectoryError):
            raise
        except Exception as error:  # each store has exceptions of its own
            if wait is None:
                raise Unusable("unreadable", says(error)) from error
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _read_local(path: str, check: Callable[[int], None], place: tuple[int, int] | None) -> bytes:
    with open_local(path) as file:
        start, length = place or (0, os.fstat(file.fileno()).st_size)
        check(length)
        file.seek(start)
        return _whole(file.read(length), length)


def _read_remote(uri: str, check: Callable[[int], None], place: tuple[int, int] | None, size: int | None) -> bytes:
    system, path = filesystem(uri)
    if place:
        check(place[1])
        return _whole(system.cat_file(path, start=place[0], end=sum(place)), place[1])
    check(system.info(path)["size"] if size is None else size)
    data: bytes = system.cat_file(path)
    check(len(data))
    return data


def _whole(data: bytes, length: int) -> bytes:
    if len(data) < length:
        raise Unusable("truncated", f"the file ends after {len(data)} of {length} bytes")
    return data


def open_uri(uri: str) -> BinaryIO:
    """A file to read from, seekable. A local one is opened only if it is a regular file."""
    if is_url(uri):
        system, path = filesystem(uri)
        file: BinaryIO = system.open(path, "rb")
        return file
    return open_local(local_path(uri))


def open_local(path: str) -> BinaryIO:
    """A local regular file; anything else raises IsADirectoryError before it can block or act."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, "not a regular file", path)
    return os.fdopen(descriptor, "rb")
