"""A hub on loopback: as much of the Hub's API as fetching weights needs, and ways to make it misbehave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """Commits, each with its files, and what revisions stand for."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    claims: int = 0  # bytes that each file is said to have, instead of its own


@dataclass
class Hub:
    """Repositories by name; `asked` is every request so far, `cut` how often a file of weights breaks off halfway."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut: int = 0

    def push(self, name: str, files: dict[str, bytes] | Path, revision: str = "main") -> str:
        """A new commit that a revision stands for from now on; returns it."""
        if isinstance(files, Path):
            files = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
        repository = self.repositories.setdefault(name, Repository())
        text = json.dumps(
            [len(repository.commits), {name: hashlib.sha1(data).hexdigest() for name, data in files.items()}]
        )
        commit = hashlib.sha1(text.encode()).hexdigest()
        repository.commits[commit] = files
        repository.revisions[revision] = commit
        return commit


@contextmanager
def serving() -> Iterator[Hub]:
    """An empty hub, as long as the block lasts."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def _route(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if api else parts[:2])
        rest = parts[4:] if api else parts[2:]
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._refuse(404, "RepoNotFound")
            return
        if repository.gated:
            self._refuse(401, "GatedRepo")
            return
        revision = rest[1] if len(rest) > 1 else "main"
        commit = revision if revision in repository.commits else repository.revisions.get(revision)
        if commit is None:
            self._refuse(404, "RevisionNotFound")
        elif api:
            self._tell(name, repository, commit, tree=rest[:1] == ["tree"])
        else:
            self._send(repository, commit, "/".join(rest[2:]))

    def _tell(self, name: str, repository: Repository, commit: str, *, tree: bool) -> None:
        files = repository.commits[commit]
        sizes = {path: repository.claims or len(data) for path, data in files.items()}
        if tree:
            oids = {path: hashlib.sha1(data).hexdigest() for path, data in files.items()}
            answer: object = [{"type": "file", "path": path, "size": sizes[path], "oid": oids[path]} for path in files]
        else:
            siblings = [{"rfilename": path, "size": sizes[path], "blobId": commit} for path in files]
            answer = {"id": name, "modelId": name, "sha": commit, "private": False, "tags": [], "siblings": siblings}
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, repository: Repository, commit: str, file: str) -> None:
        data = repository.commits[commit].get(file)
        if data is None:
            self._refuse(404, "EntryNotFound")
            return
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if self.command == "GET" and self.hub.cut and file.endswith(".safetensors"):
            self.hub.cut -= 1
            self._answer(206 if asked else 200, data[start:], headers, send=(len(data) - start) // 2)
            self.close_connection = True
        else:
            self._answer(206 if asked else 200, data[start:], headers)

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _answer(self, status: int, body: bytes, headers: dict[str, str], send: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if send is None else body[:send])
