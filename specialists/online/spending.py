"""How fast and how much a service may be asked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, fields
from typing import Any

from engine.stage import ChainError, Halt

_LEAST = {"at_once": 1, "attempts": 1, "failures": 1, "timeout": 1e-3}


@dataclass(frozen=True)
class Requests:
    """How a service is asked. None of this changes an answer, so none of it is in a fingerprint. Values are ours.

    Budget, rate and `at_once` hold for one worker in one run; a stage of several workers has them each. Requests
    under way when the tokens run out are still answered, and count.
    """

    at_once: int = 8
    per_minute: float = 0  # 0: as fast as it goes
    timeout: float = 120.0  # seconds until the answer is there whole
    attempts: int = 6
    first_wait: float = 1.0  # seconds; doubled with each attempt, of which then anything from nothing to all is waited
    longest_wait: float = 60.0  # seconds; a service that asks for more ends the run
    failures: int = 8  # in a row, each after its attempts, until the run ends
    budget: int = 0  # requests; 0: no limit
    token_budget: int = 0  # tokens, as the answers count them; 0: no limit
    cache: str = ""  # folder or URL for the answers; $FLD_CACHE, else fld in the user's cache folder

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), _LEAST.get(field.name, 0)
            if not isinstance(value, str) and not value >= least:
                raise ChainError(f"requests: {field.name} must be at least {least}, not {value!r}")


class Pace:
    """Evenly spaced turns, so many a minute; 0 for any number."""

    def __init__(self, per_minute: float) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def turn(self) -> float:
        """Take the next turn: seconds until it comes."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
            return turn - now

    def rest(self, seconds: float) -> None:
        """No turn for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class Budget:
    """Requests and tokens that may be spent; 0 for any number."""

    def __init__(self, requests: int, tokens: int) -> None:
        self._most, self._most_tokens = requests, tokens
        self._requests = self._tokens = 0
        self._lock = threading.Lock()

    def spend(self) -> None:
        """One request; raises Halt where there is none left."""
        with self._lock:
            if self._most and self._requests >= self._most:
                raise Halt(f"the budget of {self._most:,} requests is spent")
            if self._most_tokens and self._tokens >= self._most_tokens:
                raise Halt(f"the budget of {self._most_tokens:,} tokens is spent ({self._tokens:,})")
            self._requests += 1

    def count(self, answer: Any) -> None:
        """The tokens that an answer says it cost."""
        usage = answer.get("usage") if isinstance(answer, dict) else None
        tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
        with self._lock:
            self._tokens += tokens if isinstance(tokens, int) else 0
