"""An HTTP server on loopback that answers as it is told, badly if need be, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer. A dict as body becomes JSON; `before` and `between` are seconds, the latter after each byte."""

    body: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    before: float = 0.0
    between: float = 0.0
    reset: bool = False  # the connection, after nothing was said

    def encoded(self) -> bytes:
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """Gives the replies of `script` one after the other, then always what `usual` makes of the request."""

    def __init__(self, usual: Callable[[Asked], Reply]) -> None:
        self.usual = usual
        self.script: list[Reply] = []
        self.asked: list[Asked] = []
        self.under_way = self.most_at_once = 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        asked = Asked(handler.path, {k.lower(): v for k, v in handler.headers.items()}, body, time.monotonic())
        with self.lock:
            self.asked.append(asked)
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
            reply = self.script.pop(0) if self.script else None
        reply = reply or self.usual(asked)
        self.stopping.wait(reply.before)
        with self.lock:
            self.under_way -= 1
        self._write(handler, reply)

    def _write(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.reset:  # closed with unsent data to forget: the peer gets a reset, not an end
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.shutdown(socket.SHUT_RD)
            handler.close_connection = True
            return
        data = reply.encoded()
        handler.send_response(reply.status)
        for name, value in ({"content-length": str(len(data))} | reply.headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in [data] if not reply.between else [data[i : i + 1] for i in range(len(data))]:
            handler.wfile.write(piece)
            handler.wfile.flush()
            if self.stopping.wait(reply.between):
                return


@contextmanager
def serve(usual: Callable[[Asked], Reply]) -> Iterator[Service]:
    """The service, on a free port of loopback."""
    service = Service(usual)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            try:
                service.answer(self)
            except OSError:  # the client hung up, as it should on some of these
                self.close_connection = True

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield service
    finally:
        service.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"
