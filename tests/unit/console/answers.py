"""A small HTTP server that answers as the test says and remembers what it was asked: the other end of the
console's
gateway client. It knows no rules, so no test of a rule can pass because of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]
DROPPED = 0  # the status of an answer that never comes: the connection is closed with the request read
Rule = Answer | Callable[["Asked"], Answer]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Answers:
    """``rules``: ("GET", "/me") → (status, document), or a function of the request. ``hangs_up``: closes every
    connection after one answer without a word, as a restarted gateway does."""

    rules: dict[tuple[str, str], Rule] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    hangs_up: bool = False

    def __post_init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def calls(self, method: str, path: str) -> list[Asked]:
        return [a for a in self.asked if (a.method, a.path) == (method, path)]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        rule = self.rules.get(
            (asked.method, asked.path),
            (404, {"code": "not_found", "title": "Not found", "trace_id": "t-404"}),
        )
        return rule(asked) if callable(rule) else rule

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            split = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {k: v[0] for k, v in parse_qs(split.query).items()}
            asked = Asked(
                self.command,
                split.path.removeprefix("/api/v1"),
                query,
                dict(self.headers),
                json.loads(raw) if raw else None,
            )
            status, document = answers.answer(asked)
            if status == DROPPED:
                self.close_connection = True
                return
            payload = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header(
                "Content-Type", "application/json" if status < 400 else "application/problem+json"
            )
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
            self.close_connection = answers.hangs_up

        do_GET = do_POST = do_PUT = do_PATCH = handle_any

        def log_message(self, *_: object) -> None:
            pass

    return Handler
