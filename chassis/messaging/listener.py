"""Waiting: for a notification of the database, for a signal to stop, or for time to pass, whichever comes first."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

import psycopg2

from chassis.messaging.outbox import CHANNEL, PgConnection


class Stop:
    """A flag that every thread can wait on beside its sockets; once set it stays set."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.is_set = False

    def set(self) -> None:
        if not self.is_set:
            self.is_set = True
            os.write(self._write, b"x")  # never read: the pipe stays readable for everybody

    def wait(self, seconds: float) -> bool:
        """Sleeps up to so many seconds; whether to stop."""
        if not self.is_set:
            select.select([self._read], [], [], seconds)
        return self.is_set

    def on_signals(self) -> None:
        """Set by SIGTERM and SIGINT: finish what is in hand, then end."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def fileno(self) -> int:
        return self._read


def connect(url: str, name: str, wait: int = 5) -> PgConnection:
    """A connection kept for long, under the system's scope: a peer that vanished is noticed within a minute."""
    return psycopg2.connect(
        url,
        options="-c app.scope=/",
        application_name=name,
        connect_timeout=wait,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
    )


class Listener:
    """A database connection of its own for taking outbox rows, woken when others commit new ones. Its marks do not wait for
    the disk: what a crash forgets was sent is sent again, and dropped by the inbox."""

    def __init__(self, url: str, name: str) -> None:
        self.connection: PgConnection = connect(url, name)
        self.connection.autocommit = True
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET synchronous_commit = off; LISTEN {CHANNEL}")

    def wait(self, seconds: float, *others: Stop) -> bool:
        """Between transactions: returns on a notification (or one that came since the last call), one of the others or time-out;
        whether it was a notification."""
        self.connection.poll()  # one may have come with an answer
        if not self.connection.notifies:
            select.select([self.connection.fileno(), *(other.fileno() for other in others)], [], [], seconds)
            self.connection.poll()
        notified = bool(self.connection.notifies)
        self.connection.notifies.clear()
        return notified

    def close(self) -> None:
        self.connection.close()
