"""A client for services that are slow, busy, wrong or out of reach now and then, and cost money.

Each answer is asked for once: it is kept on disk under the digest of its question. A failure that will pass is
tried again, with growing and jittered waits, or after the time that the service names. One that no image can be
blamed for (a key that is refused, a budget that is spent) ends the run; what is left costs that image alone.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import httpx
import tenacity

from engine.stage import Halt
from engine.storage import Folder
from specialists.online.replies import Failed, Malformed, OutOfService, Passing, excerpt, judge
from specialists.online.spending import Budget, Pace, Requests

Item = TypeVar("Item")
Answer = TypeVar("Answer")
MALFORMED_ATTEMPTS = 3  # ours: who answers nonsense three times has nothing else to say


class Client:
    """Asks one address. `who` is the stage; `key` is looked for in what comes back, so that it is never repeated.

    `salt` tells answers apart that the same question gets from different models at this address.
    """

    def __init__(
        self, who: str, url: str, headers: dict[str, str], requests: Requests, cache: Folder, *,
        key: str = "", key_env: str = "", salt: str = "",
    ) -> None:  # fmt: skip
        self._who, self._url, self._requests, self._cache = who, url, requests, cache
        self._key, self._key_env, self._salt = key, key_env if key else "", salt
        # httpx's timeout is for each piece of an answer; the deadline for all of it is ours, below.
        limits = httpx.Limits(max_connections=requests.at_once)
        self._http = httpx.Client(headers=headers, timeout=requests.timeout, limits=limits)
        weakref.finalize(self, self._http.close)
        self._threads = ThreadPoolExecutor(requests.at_once, who)
        self._pace, self._budget = Pace(requests.per_minute), Budget(requests.budget, requests.token_budget)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._last: Halt | None = None
        self._given_up: dict[str, str] = {}
        self._failures = 0

    def each(self, items: Sequence[Item], ask: Callable[[Item], Answer]) -> list[Answer]:
        """`ask` of each item, several at once; results in order. Raises once all are through: Halt before others."""
        futures = [self._threads.submit(ask, item) for item in items]
        try:
            wait(futures)
        except BaseException:  # the user's interrupt: nobody waits for what is under way
            self._end(Halt("interrupted"))
            raise
        errors = [error for error in (future.exception() for future in futures) if error]
        for error in sorted(errors, key=lambda each: not isinstance(each, Halt)):
            raise error
        return [future.result() for future in futures]

    def ask(self, body: bytes, read: Callable[[Any], Answer]) -> Answer:
        """What `read` makes of the JSON answer to a body; Malformed from it has the question asked again.

        Raises Failed or Halt.
        """
        name = hashlib.sha256(b"\0".join([self._url.encode(), self._salt.encode(), body])).hexdigest()
        file = f"{self._who.partition('@')[0]}/{name[:2]}/{name}.json"
        kept = self._kept(file, read)
        if kept:
            return kept[0]
        if name in self._given_up:  # a batch is halved to find whose fault it is: that must not cost again
            raise Failed(self._given_up[name])
        try:
            text, answer = self._retrying()(self._attempt, body, read)
        except Halt as halt:
            raise self._end(halt) from None
        except (Passing, Malformed, Failed) as error:
            raise self._give_up(name, error) from None
        self._failures = 0
        self._cache.write(file, text.encode())
        return answer

    def _kept(self, file: str, read: Callable[[Any], Answer]) -> tuple[Answer] | None:
        """The answer that is on disk, if it is there and whole."""
        try:
            return (_read(self._cache.read(file).decode(), read),)
        except (FileNotFoundError, ValueError):
            return None

    def _retrying(self) -> tenacity.Retrying:
        growing = tenacity.wait_random_exponential(self._requests.first_wait, self._requests.longest_wait)

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            named = error.after if isinstance(error, Passing) else None
            return growing(state) if named is None else named

        def is_last(state: tenacity.RetryCallState) -> bool:
            nonsense = state.outcome is not None and isinstance(state.outcome.exception(), Malformed)
            attempts = self._requests.attempts
            return state.attempt_number >= (min(MALFORMED_ATTEMPTS, attempts) if nonsense else attempts)

        again = tenacity.retry_if_exception_type((Passing, Malformed))
        return tenacity.Retrying(retry=again, wait=pause, stop=is_last, sleep=self._sleep, reraise=True)

    def _attempt(self, body: bytes, read: Callable[[Any], Answer]) -> tuple[str, Answer]:
        """The answer as text, and read."""
        self._sleep(self._pace.turn())
        self._budget.spend()
        status, headers, text = self._send(body)
        try:
            judge(status, headers, text, self._key_env)
        except Passing as error:
            if error.after is not None and error.after > self._requests.longest_wait:
                raise OutOfService(
                    f"{error}. It asks to wait {error.after:.0f} s, more than requests.longest_wait"
                ) from None
            self._pace.rest(error.after or 0)  # the others would be refused as well
            raise
        return text, _read(text, read, self._budget.count)

    def _send(self, body: bytes) -> tuple[int, httpx.Headers, str]:
        """Status, headers and text of an answer that arrives before the deadline."""
        deadline = time.monotonic() + self._requests.timeout
        try:
            with self._http.stream("POST", self._url, content=body) as response:
                pieces = []
                for piece in response.iter_bytes():
                    pieces.append(piece)
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer trickles")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Passing(f"{self._url} cannot be reached: {error}", shared=True) from None
        except httpx.TimeoutException:
            raise Passing(f"no answer within {self._requests.timeout:g} s") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Passing(f"the connection broke: {error}") from None
        text = b"".join(pieces).decode(errors="replace")
        return response.status_code, response.headers, text.replace(self._key, "***") if self._key else text

    def _give_up(self, name: str, error: Exception) -> Exception:
        message = f"no usable answer: {error}" if isinstance(error, Malformed) else str(error)
        with self._lock:
            self._given_up[name] = message
            self._failures += 1
            failures = self._failures
        if isinstance(error, Passing) and error.shared:
            return self._end(OutOfService(message))
        if failures >= self._requests.failures:
            kind = OutOfService if isinstance(error, Passing) else Halt
            return self._end(kind(f"{message}. That was failure number {failures} in a row"))
        return Failed(message)

    def _sleep(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise self._last_word()

    def _end(self, halt: Halt) -> Halt:
        """Nothing is asked any more; what is under way is heard out."""
        with self._lock:
            self._last = self._last or type(halt)(f"{self._who}: {halt}")
        self._over.set()
        return self._last_word()

    def _last_word(self) -> Halt:
        """A fresh one for each thread that raises it."""
        assert self._last
        return type(self._last)(str(self._last))


def _read(text: str, read: Callable[[Any], Answer], seen: Callable[[Any], None] = lambda answer: None) -> Answer:
    """What `read` makes of a text's JSON, once `seen` has seen it; Malformed where it is none or of another form."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise Malformed(f"not JSON: {excerpt(text)}") from None
    seen(answer)
    try:
        return read(answer)
    except Malformed:
        raise
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"not of the expected form ({error!r}): {excerpt(text)}") from None
