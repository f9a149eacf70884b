"""Connection pool. Transactions are opened by text in front of the first statement, so BEGIN, scope and first query
are one round trip (decision note 0001)."""

from __future__ import annotations

import select
from typing import Any
from uuid import UUID, SafeUUID

import orjson
import psycopg2.extras
from psycopg2 import extensions
from sqlalchemy import Engine, NullPool, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

from chassis.db import statements
from chassis.db.rows import dumps
from chassis.ops import metrics

psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]
_UUID, _UUIDS = 2950, 2951  # PostgreSQL's numbers of the types
_members: Any = vars(UUID)
_new, _int, _safe, _unknown = object.__new__, _members["int"].__set__, _members["is_safe"].__set__, SafeUUID.unknown


def _uuid(text: Any, _cursor: object) -> UUID | None:
    """What the server writes is a UUID: it needs no looking at, which is most of what ``UUID(text)`` costs. A page has hundreds."""
    if text is None:
        return None
    made = _new(UUID)
    _int(made, int(text.replace("-", ""), 16))
    _safe(made, _unknown)
    return made


_one = extensions.new_type((_UUID,), "UUID", _uuid)
_many = extensions.new_array_type((_UUIDS,), "UUID[]", _one)

GATE = "hashtext('aftersales.commits')"
"""Key of the advisory lock that a backup holds in all databases for a moment, so that its snapshots lie between commits."""
COMMIT_GATE = f"SELECT pg_advisory_xact_lock_shared({GATE})"
"""Sent in front of the COMMIT of every unit of work that may have written: shared by all, but for a backup's moment."""
IDLE_SECONDS = 60
"""After a peak the server closes pooled connections nobody used for so long: each keeps megabytes in it."""
# Lists read a page by index: PostgreSQL must not think that a disk's head moves for it, nor compile what ends in a millisecond.
PLANNER = "-c random_page_cost=1.1 -c jit=off"
OPTIONS = (
    "-c timezone=UTC -c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"
    f" -c idle_session_timeout={IDLE_SECONDS * 1000} {PLANNER}"
)


def with_driver(url: str) -> str:
    """A postgresql:// URL as SQLAlchemy wants it for psycopg2."""
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def make_engine(url: str, *, size: int = 8, application: str = "aftersales", connect_timeout: int = 5) -> Engine:
    """``url``: libpq or postgresql:// URL of the service's own role. ``size``: connections of this process at most.
    Safe to make before a fork as long as nothing was executed."""
    engine = create_engine(
        with_driver(url),
        isolation_level="AUTOCOMMIT",
        pool_size=size,
        max_overflow=0,
        pool_timeout=10,
        pool_reset_on_return=None,
        pool_use_lifo=True,
        json_serializer=dumps,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # of a failed statement: they are people's data, and errors are logged
        connect_args={
            "connection_factory": statements.ServerSession,
            "application_name": application,
            "connect_timeout": connect_timeout,
            "options": OPTIONS,
            "keepalives_idle": 30,
        },
    )

    @event.listens_for(engine, "connect")
    def _take_uuids(connection: Any, _record: Any) -> None:
        """For this connection: SQLAlchemy has just told it to take them otherwise."""
        extensions.register_type(_one, connection)
        extensions.register_type(_many, connection)

    statements.follow(engine)

    @event.listens_for(engine, "checkout")
    def _leave_closed(connection: Any, _record: Any, _fairy: Any) -> None:
        """An idle connection with something to read was closed by the server (idle, or restarted): take another, instead
        of failing a request. Costs no round trip."""
        if _readable(connection.fileno()):
            raise DisconnectionError("closed by the server while idle")

    return engine


def owner_engine(url: str) -> Engine:
    """For what the owner of a database does now and then: migrations, new keys. Nothing is pooled."""
    return create_engine(with_driver(url), poolclass=NullPool, hide_parameters=True)


def watched(service: str, engine: Engine) -> Engine:
    """The engine, whose pool now tells how many of its connections are in use."""
    pool = engine.pool
    if isinstance(pool, QueuePool):
        metrics.POOL_SIZE.labels(service).set(pool.size())
        used = metrics.POOL.labels(service)
        used.set(0)
        event.listen(engine, "checkout", lambda *_: used.inc())
        event.listen(engine, "checkin", lambda *_: used.dec())
    return engine


def _readable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # eventlet takes it away
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
