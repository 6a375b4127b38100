"""What every specialist behind a service shares: its address, its key, and images as it wants them.

A key comes from an environment variable, of which only the name is ever written: into settings, messages, answers.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import numpy as np
from PIL import Image

from engine.stage import ChainError, Resources, Stage
from engine.storage import Folder
from specialists.checkpoints.digests import cache_folder
from specialists.online.client import Client
from specialists.online.spending import Requests

SECONDS = 5.0  # that an endpoint may take to show that it is there; ours


@dataclass
class OnlineStage(Stage):
    """A specialist that asks a service. What it is asked, not where, decides the output and so the fingerprint."""

    endpoint_env: ClassVar[str]  # where the endpoint stands if no setting names it
    usual_key_env: ClassVar[str]
    needs_key: ClassVar[bool] = False

    endpoint: str = ""
    key_env: str = ""  # the name of the variable that holds the key, never the key
    requests: Requests = field(default_factory=Requests)
    resources: Resources = field(default_factory=lambda: Resources(cpus=0.5, batch_size=64))
    _client: Client | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        self._named_key = bool(self.key_env) or self.needs_key
        from_environment = not self.endpoint and self.endpoint_env in os.environ
        self.endpoint = (self.endpoint or os.environ.get(self.endpoint_env, "")).rstrip("/")
        # The usual key goes to the usual place only: another server has not been told it.
        if not self.key_env and (from_environment or self.needs_key):
            self.key_env = self.usual_key_env

    def settings(self) -> dict[str, Any]:
        return {k: v for k, v in super().settings().items() if k not in ("endpoint", "key_env", "requests")}

    def check(self) -> None:
        """Endpoint and key must be there, and the answers must have a place; nothing is asked yet."""
        self._require_endpoint()
        self._key()
        folder = self._cache()
        if folder.local and not _writable(Path(folder.root)):
            raise ChainError(f"{self.name}: no answer can be kept in {folder.url}: name another place in $FLD_CACHE")

    def reached(self) -> str:
        """What there is at the endpoint, asked without the key; raises ChainError where nobody answers."""
        try:
            with httpx.stream("GET", self.endpoint, timeout=SECONDS) as response:
                status = response.status_code
        except httpx.HTTPError as error:
            raise ChainError(f"{self.name}: {self.endpoint} cannot be reached: {error}") from error
        if status in (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT):
            raise ChainError(f"{self.name}: {self.endpoint} answers {status}: the service behind it is down")
        key = f", with the key in ${self.key_env}, which is set" if self._key() else ""
        return f"{self.revision()} at {self.endpoint}, which answers{key}"

    def _require_endpoint(self) -> None:
        if not self.endpoint:
            raise ChainError(f"{self.name}: no endpoint: name its URL in `endpoint` or in ${self.endpoint_env}")
        try:
            url = httpx.URL(self.endpoint)
        except httpx.InvalidURL as error:
            raise ChainError(f"{self.name}: the endpoint is no URL: {error}") from error
        if url.userinfo or url.query:
            raise ChainError(f"{self.name}: the endpoint must hold no password and no query; keys come from `key_env`")
        if url.scheme not in ("http", "https") or not url.host:
            raise ChainError(f"{self.name}: the endpoint must begin with http:// or https://, not {self.endpoint!r}")

    def _key(self) -> str:
        """The key; empty where none is needed. Raises ChainError where one is and there is none."""
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        if not key and self._named_key:
            raise ChainError(f"{self.name}: no key: put it into the environment variable {self.key_env}")
        if not (key.isascii() and key.isprintable()):  # as a header it would end in an error that shows it
            raise ChainError(f"{self.name}: what {self.key_env} holds is no key: it has characters that no key has")
        return key

    def _cache(self) -> Folder:
        return (Folder.at(self.requests.cache) if self.requests.cache else cache_folder()) / "answers"

    def client(self, path: str, headers: dict[str, str], salt: str = "") -> Client:
        """A client for a path below the endpoint; headers are those beside the key's."""
        key = self._key()
        return Client(
            self.name, f"{self.endpoint}{path}", headers | (self.key_header(key) if key else {}), self.requests,
            self._cache(), key=key, key_env=self.key_env, salt=salt,
        )  # fmt: skip

    def key_header(self, key: str) -> dict[str, str]:
        """How the service wants its key."""
        return {"Authorization": f"Bearer {key}"}


def shrunk(pixels: np.ndarray, max_side: int) -> Image.Image:
    """An RGB image (height, width, 3), its longer side at most `max_side` px."""
    image = Image.fromarray(pixels)
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)  # keeps the proportions, never enlarges
    return image


def jpeg(image: Image.Image, quality: int) -> bytes:
    """An image's JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
