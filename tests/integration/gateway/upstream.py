"""A service behind the gateway that behaves as told: it reports what reached it, breaks off, answers in pieces."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept connections. Every request is remembered in ``server.seen``."""

    protocol_version = "HTTP/1.1"
    server: Any

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": {k.lower(): v for k, v in self.headers.items()},
            "body": self.body,
        }
        self.server.seen.append(seen)
        answer: Answer = self.server.answers.pop(0) if self.server.answers else echo
        answer(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


def echo(handler: Handler) -> None:
    """200 with what arrived."""
    seen = {**handler.server.seen[-1], "body": len(handler.body)}
    handler.reply(200, json.dumps(seen).encode(), X_Upstream="yes", Connection="x-hop", X_Hop="dropped")


def break_off(handler: Handler) -> None:
    """The connection ends without an answer, after the request was read."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def break_in_the_middle(handler: Handler) -> None:
    """Half of the promised body, then the end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 500)
    handler.wfile.flush()
    break_off(handler)


def in_pieces(handler: Handler) -> None:
    """Two pieces, half a second apart, without a length."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/csv")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for piece in (b"first\n", b"second\n"):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.flush()
        time.sleep(0.5)
    handler.wfile.write(b"0\r\n\r\n")


class Upstream:
    """Runs in a thread of the test; can go away and come back on the same port."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.seen: list[dict[str, Any]] = []
        self.answers: list[Answer] = []
        self.server: Any = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.seen, self.server.answers, self.server.connections = self.seen, self.answers, set()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        for connection in self.server.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def clear(self) -> None:
        self.seen.clear()
        self.answers.clear()
