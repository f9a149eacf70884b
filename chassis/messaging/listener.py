"""Long-lived database connections beside the pool, and waiting for what the database notifies."""

from __future__ import annotations

import select

import psycopg2

from chassis.db.statements import ServerSession
from chassis.messaging.outbox import CHANNEL
from chassis.ops.loops import Stop


def connect(url: str, name: str, wait: int = 5) -> ServerSession:
    """A connection kept for long, under the system's scope: a peer that vanished is noticed within a minute."""
    return psycopg2.connect(
        url,
        connection_factory=ServerSession,
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
        self.connection: ServerSession = connect(url, name)
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
