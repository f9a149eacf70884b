"""A server that is asked to end answers what was already on its way, and nobody else."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from deploy import serving


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Running:
    server: serving.Server
    thread: threading.Thread
    port: int

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.connect()
        return connection

    def end(self) -> None:
        """Asks it to, and returns when it has heard."""
        self.server.should_exit = True
        deadline = time.monotonic() + 5
        while not self.server.closing and time.monotonic() < deadline:  # type: ignore[attr-defined]
            time.sleep(0.005)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    class Told(serving.Server):
        closing = False

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            self.closing = True
            await super().shutdown(sockets)

    monkeypatch.setattr(serving, "Server", Told)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(8)
    server = serving.server(application, log_config=None, lifespan="off", timeout_graceful_shutdown=2)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Running(server, thread, listening.getsockname()[1])
    server.should_exit = True
    thread.join(5)


def ask(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers.get("connection")


def test_connections_that_are_open_are_answered_once_more(running: Running) -> None:
    kept, fresh = running.connect(), running.connect()
    assert ask(kept) == (200, None)
    running.end()
    assert ask(kept) == (200, "close")
    assert ask(fresh) == (200, "close"), "it had been accepted before a byte was read"
    running.thread.join(5)
    assert not running.thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        running.connect()


def test_nobody_is_waited_for(running: Running) -> None:
    silent = running.connect()
    began = time.monotonic()
    running.end()
    running.thread.join(5)
    assert time.monotonic() - began < serving.LINGER + 1.0
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(silent)
