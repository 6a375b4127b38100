"""What an answer over HTTP means: good, worth another attempt, nobody's to mend, or the end of the run."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from engine.stage import Halt

BUSY = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
KEY = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
ADDRESS = (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED, httpx.codes.PAYMENT_REQUIRED)


class Malformed(ValueError):
    """An answer that cannot be used; raised by who reads it, and asked for again."""


class Failed(RuntimeError):
    """A question that stays without an answer: a fault of its image."""


class OutOfService(Halt):
    """A service that nobody can use now: out of reach, too busy, or without a liking for key or address."""


class Passing(Exception):
    """A failure that may pass, `after` so many seconds if the service says so. `shared`: no image is to blame."""

    def __init__(self, message: str, *, after: float | None = None, shared: bool = False) -> None:
        super().__init__(message)
        self.after, self.shared = after, shared


def judge(status: int, headers: httpx.Headers, text: str, key_env: str) -> None:
    """Nothing for a good answer; else raises OutOfService, Passing or Failed. `key_env` names the key's variable."""
    if status == httpx.codes.OK:
        return
    said = f"the service answered {status}: {excerpt(text)}"
    if status in KEY:
        mend = f"Is the key in ${key_env} right?" if key_env else "If it wants a key, name its variable in key_env"
        raise OutOfService(f"{said}. {mend}")
    if status in ADDRESS or httpx.codes.is_redirect(status):
        raise OutOfService(f"{said}. Are endpoint and model right, and is the account in credit?")
    if status in BUSY or httpx.codes.is_server_error(status):
        raise Passing(said, after=_retry_after(headers), shared=status == httpx.codes.TOO_MANY_REQUESTS)
    raise Failed(said)


def excerpt(text: str) -> str:
    """The beginning of a text, on one line."""
    return " ".join(text.split())[:200] or "nothing"


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that the service asks to wait: a number or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
