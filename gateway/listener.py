"""A thread that hears what the database announces (LISTEN/NOTIFY) and hands it on; it connects again when cut off."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

import psycopg2

from chassis.db.statements import ServerSession
from gateway.identity.announce import LISTENER

log = logging.getLogger("aftersales.gateway.listener")
SYSTEM_SCOPE = "SELECT set_config('app.scope', '/', false)"
IDLE = 10.0
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


class Subscriber(Protocol):
    """Who wants to hear a channel. Both are called in the listener's thread."""

    channel: str

    def connected(self, cursor: Any) -> None:
        """Listening has begun (again): read what was missed."""

    def heard(self, news: Sequence[str], cursor: Any) -> None:
        """Payloads in the order of their commits."""


class Listener:
    """One connection of its own, under a system scope, in autocommit."""

    def __init__(self, url: str, subscribers: Sequence[Subscriber]) -> None:
        self._url = url
        self._subscribers = {subscriber.channel: subscriber for subscriber in subscribers}
        self._stopped = threading.Event()
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._connected = threading.Event()
        self._cut_since: float | None = None

    def start(self) -> None:
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether listening has begun, and what came before is known, within this time."""
        return self._connected.wait(seconds)

    def stop(self) -> None:
        self._stopped.set()
        os.write(self._waker, b"x")
        self._thread.join(timeout=5)
        os.close(self._wake)
        os.close(self._waker)

    @property
    def deaf_seconds(self) -> float:
        """How long nothing could be heard; 0 while connected, without end before the first time."""
        if not self._connected.is_set():
            return float("inf")
        since = self._cut_since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                self._listen()
            except (psycopg2.Error, OSError) as error:
                if self._cut_since is None:
                    self._cut_since, failures = time.monotonic(), 0
                log.warning("not listening to the database: %s", str(error).strip())
                self._stopped.wait(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1

    def _listen(self) -> None:
        connection = psycopg2.connect(self._url, connection_factory=ServerSession, application_name=LISTENER, connect_timeout=5)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(SYSTEM_SCOPE)
                cursor.execute("; ".join(f"LISTEN {channel}" for channel in self._subscribers))
                for subscriber in self._subscribers.values():
                    subscriber.connected(cursor)
                self._cut_since = None
                self._connected.set()
                self._hand_on(connection, cursor)  # what came in while the subscribers read
                while not self._stopped.is_set():
                    readable, _, _ = select.select([connection.fileno(), self._wake], [], [], IDLE)
                    if not readable:
                        cursor.execute("SELECT 1")  # a connection that died silently is found out here
                    connection.poll()
                    self._hand_on(connection, cursor)
        finally:
            connection.close()

    def _hand_on(self, connection: Any, cursor: Any) -> None:
        """Until nothing is left: what comes while a subscriber uses the connection is read from the socket with its answer, so that
        nobody would look at it before the next word arrives."""
        while connection.notifies:
            news: dict[str, list[str]] = {}
            while connection.notifies:
                notification = connection.notifies.pop(0)
                news.setdefault(notification.channel, []).append(notification.payload)
            for channel, payloads in news.items():
                self._subscribers[channel].heard(payloads, cursor)
