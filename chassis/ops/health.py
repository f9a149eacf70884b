"""Liveness, readiness and metrics of processes that serve no HTTP otherwise (relay, worker, courier).

Alive: every loop that announced itself with ``beat`` did so again within its limit. Ready: every check passes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import orjson

from chassis.ops import metrics
from chassis.ops.addresses import addresses

Check = Callable[[], bool]


class Health:
    """State of one process, named ``<service>.<kind>``; ``limit`` seconds without a beat mean that a loop hangs."""

    def __init__(self, process: str = "", limit: float = 60) -> None:
        self.process, self.limit = process, limit
        self._beats: dict[str, float] = {}
        self._checks: dict[str, Check] = {}

    def beat(self, loop: str) -> None:
        self._beats[loop] = monotonic()
        metrics.BEAT.labels(self.process, loop).set_to_current_time()

    def check(self, name: str, passes: Check) -> None:
        self._checks[name] = passes

    def live(self) -> dict[str, bool]:
        now = monotonic()
        return {loop: now - at < self.limit for loop, at in dict(self._beats).items()}

    def ready(self) -> dict[str, bool]:
        return {name: _passes(check) for name, check in dict(self._checks).items()}

    def serve(self, host: str, port: int) -> ThreadingHTTPServer | None:
        """Answers ``/live``, ``/ready`` and ``/metrics`` in a thread; does nothing for port 0."""
        if not port:
            return None
        server = ThreadingHTTPServer((host, port), _handler(self))
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
        return server


def _passes(check: Check) -> bool:
    try:
        return check()
    except Exception:  # a check that cannot be made has not passed
        return False


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics" and addresses().are_operators({"client": self.client_address}, _lower(self.headers)):
                self._answer(200, *metrics.exposition())
            elif self.path in ("/live", "/ready"):
                parts = health.live() if self.path == "/live" else health.ready()
                status = 200 if all(parts.values()) else 503
                self._answer(status, orjson.dumps({"ok": status == 200, "parts": parts}), "application/json")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
