"""Folders of files, local or behind any fsspec URL, written so that a reader sees a whole file or none."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

import fsspec

TEMPORARY = ".writing-"


class StorageError(OSError):
    """A folder or file that could not be used; the message says which, why, and how to go on.

    `errno` is set where the machine is at fault (a full disk, say), not where the folder is the wrong one.
    """

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.message, self.errno = message, errno

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Any:
        return StorageError, (self.message, self.errno)


@dataclass(frozen=True)
class FileMark:
    """What is known of a written file. `stamp` changes whenever the file may have: it spares the checksum."""

    size: int  # in bytes
    checksum: str  # sha256
    stamp: str


@dataclass(frozen=True)
class Folder:
    """A folder by its URL or path. Cheap to copy to another process."""

    url: str

    @classmethod
    def at(cls, location: str | os.PathLike[str]) -> Folder:
        """The folder at a path (made absolute) or a URL."""
        text = os.fspath(location)
        if "://" not in text:
            return cls(str(Path(text).absolute()))
        return cls(text.rstrip("/"))

    @cached_property
    def _fs(self) -> Any:
        try:
            # Listings go stale under a running job, and another process may be the one that wrote.
            return fsspec.core.url_to_fs(self.url, use_listings_cache=False)[0]
        except (ValueError, ImportError) as error:
            raise StorageError(f"{self.url}: {error}") from error

    @cached_property
    def root(self) -> str:
        """The path inside its file system."""
        return str(fsspec.core.url_to_fs(self.url)[1])

    @property
    def local(self) -> bool:
        """Whether it is on this machine's file system."""
        return "://" not in self.url or self.url.startswith("file://")

    def __truediv__(self, name: str) -> Folder:
        return Folder(f"{self.url}/{name}")

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url}

    def path(self, name: str) -> str:
        """A file's path inside the file system."""
        return f"{self.root}/{name}"

    def marks(self) -> dict[str, tuple[int, str]]:
        """(size, stamp) of every file below, by its name relative to here; one listing, no file is opened."""
        if self.local:
            return dict(_walk(self.root, ""))
        try:
            found = self._fs.find(self.root, detail=True)
        except FileNotFoundError:
            return {}
        return {path[len(self.root) + 1 :]: (int(info["size"]), _stamp(info)) for path, info in found.items()}

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return bool(self._fs.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """A file's bytes; raises FileNotFoundError."""
        return cast(bytes, self._fs.cat_file(self.path(name)))

    def read_json(self, name: str) -> Any:
        """A JSON file's value, or None where there is no such file; raises StorageError where it is no JSON."""
        try:
            return parse(self.read(name), f"{self.url}/{name}")
        except FileNotFoundError:
            return None

    def read_many(self, names: list[str]) -> dict[str, bytes]:
        """Several files' bytes by name, fetched at once where the file system can."""
        if self.local or not names:
            return {name: Path(self.path(name)).read_bytes() for name in names}
        found = self._fs.cat([self.path(name) for name in names])
        return {name: found[self.path(name)] for name in names}

    def open(self, name: str) -> IO[bytes]:
        """A file to read at random."""
        return cast(IO[bytes], self._fs.open(self.path(name), "rb"))

    def checksum(self, name: str) -> str:
        """sha256 of a file as it stands now."""
        with self.open(name) as file:
            return hashlib.file_digest(cast(io.BufferedIOBase, file), "sha256").hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file; it is no error if there is none."""
        try:
            self._fs.rm_file(self.path(name))
        except FileNotFoundError:
            return

    def sweep(self, *, below: bool = True) -> None:
        """Remove what a killed writer left half-written. Only for who holds the folder's lock.

        Not `below`: a folder inside may be somebody else's to write, with a lock of its own.
        """
        if not self.local:
            return
        find = Path(self.root).rglob if below else Path(self.root).glob
        for path in list(find(f"{TEMPORARY}*")):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def write(self, name: str, data: bytes) -> FileMark:
        """Write a file, whole or not at all."""
        with self.create(name) as file:
            file.write(data)
        return file.mark

    def write_json(self, name: str, value: Any) -> FileMark:
        """Write a value as readable JSON."""
        return self.write(
            name, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
        )

    @contextmanager
    def create(self, name: str) -> Iterator[Sink]:
        """A file to write front to back. It appears, durable, when the block ends, or never."""
        try:
            with self._create_local(name) if self.local else self._create_remote(name) as sink:
                yield sink
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise unwritable(f"{self.url}/{name}", error) from error

    @contextmanager
    def _create_local(self, name: str) -> Iterator[Sink]:
        final = Path(self.path(name))
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.with_name(f"{TEMPORARY}{uuid.uuid4().hex}-{final.name}")
        try:
            with temporary.open("wb") as file:
                sink = Sink(file)
                yield sink
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(final.parent)
        status = final.stat()
        sink.close(_local_stamp(status))

    @contextmanager
    def _create_remote(self, name: str) -> Iterator[Sink]:
        # An object store shows an object when its upload is complete; a writer that fails uploads nothing.
        with tempfile.NamedTemporaryFile() as file:
            sink = Sink(file)
            yield sink
            file.flush()
            self._fs.put_file(file.name, self.path(name))
        sink.close(_stamp(self._fs.info(self.path(name))))


class Sink:
    """A writable file that knows what went into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash, self._size, self._stamp = file, hashlib.sha256(), 0, ""
        self.closed = False

    def write(self, data: Any) -> int:
        """Append bytes."""
        view = memoryview(data)
        self._hash.update(view)
        self._size += view.nbytes
        self._file.write(view)
        return view.nbytes

    def flush(self) -> None:
        """Nothing: the block's end flushes."""
        return

    def tell(self) -> int:
        """Bytes so far."""
        return self._size

    def close(self, stamp: str = "") -> None:
        """Note the file's final stamp."""
        self._stamp = stamp or self._stamp

    @property
    def mark(self) -> FileMark:
        """Size, checksum and stamp, once the block has ended."""
        return FileMark(self._size, self._hash.hexdigest(), self._stamp)


def parse(data: bytes, where: str) -> Any:
    """JSON, or a StorageError that names the file."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise StorageError(f"{where} is not JSON ({error}); remove it and run the same command again") from error


def unwritable(where: str, error: OSError) -> StorageError:
    """Why a file or folder could not be written, and how to go on."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = f"{where}: no space left. Free some and run the same command again: it goes on where it stopped"
    else:
        message = f"{where} cannot be written: {os.strerror(error.errno) if error.errno else error}"
    return StorageError(message, error.errno or errno.EIO)


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, tuple[int, str]]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry.path, f"{prefix}{entry.name}/")
        elif entry.is_file():
            status = entry.stat()
            yield f"{prefix}{entry.name}", (status.st_size, _local_stamp(status))


def _local_stamp(status: os.stat_result) -> str:
    return str(status.st_mtime_ns)


def _stamp(info: dict[str, Any]) -> str:
    for key in ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created"):
        value = info.get(key)
        if value:
            return str(value.timestamp() if isinstance(value, datetime) else value)
    return ""


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
