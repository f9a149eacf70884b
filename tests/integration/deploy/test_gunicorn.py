"""Gunicorn as the image runs it, ended by SIGTERM under load: whoever has a connection gets every answer."""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy import process
from tests.support.client import eventually
from tests.support.suites import free_port

ROOT = Path(__file__).resolve().parents[3]
CALLERS = 12


@contextmanager
def gunicorn(log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """One with two workers, and its port."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "WEB_CONCURRENCY": "2", "PYTHONPATH": str(ROOT)}
    options = [f"--bind=127.0.0.1:{port}" if option.startswith("--bind") else option for option in process.gunicorn_options()]
    with log.open("wb") as file:
        running = subprocess.Popen([sys.executable, "-m", "gunicorn", *options, "tests.integration.deploy.slow:app"], cwd=ROOT,
                                   env=environment, stdout=file, stderr=file)
    try:
        eventually(lambda: serves(port), f"gunicorn serves: {log.read_text()}", 60)
        yield running, port
    finally:
        running.terminate()  # not killed: its workers would stay
        running.wait(process.GRACE + 10)


def serves(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@dataclass
class Callers:
    """Clients that keep their connections, as the gateway does, and open new ones only where the address still leads."""

    address: int
    answered: int = 0
    told_to_go: int = 0
    lost: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.address, timeout=20)
        connection.connect()
        while not self.stop.is_set():
            time.sleep(random.uniform(0.0, 0.15))  # so that at any moment some have nothing on its way
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.lost.append(repr(error))
                return
            with self.lock:
                self.answered += 1
                if answer.headers.get("connection") == "close":
                    self.told_to_go += 1
            if answer.headers.get("connection") == "close":
                connection = http.client.HTTPConnection("127.0.0.1", self.address, timeout=20)


def test_nobody_loses_a_request_when_one_of_two_ends(tmp_path: Path) -> None:
    with gunicorn(tmp_path / "first") as (first, port), gunicorn(tmp_path / "second") as (_, other):
        callers = Callers(port)
        threads = [threading.Thread(target=callers.call) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        eventually(lambda: callers.answered > 100, "work is going on", 60)
        callers.address = other  # what preStop waits for: new connections are led elsewhere
        first.send_signal(signal.SIGTERM)
        assert first.wait(process.GRACE + 10) == 0, (tmp_path / "first").read_text()
        reached = callers.answered
        eventually(lambda: callers.answered > reached + 50, "the other one serves", 30)
        callers.stop.set()
        for thread in threads:
            thread.join(30)
    assert callers.lost == []
    assert callers.told_to_go >= CALLERS, "every caller was told, with an answer, to go elsewhere"


def test_an_idle_connection_holds_nobody_up(tmp_path: Path) -> None:
    with gunicorn(tmp_path / "log") as (running, port):
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        idle.connect()
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        assert time.monotonic() - began < process.GRACE
