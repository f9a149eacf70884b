"""Pooled connections that the server closed while nobody used them are replaced, not handed to a request."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from chassis.db import engine as module
from chassis.db.engine import make_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal


def backend(engine: module.Engine) -> int:
    with UnitOfWork(engine, Principal.system("test"), read_only=True) as uow:
        return int(uow.scalar(text("SELECT pg_backend_pid()")))


def test_a_connection_closed_by_the_server_is_replaced(database_server: str) -> None:
    engine, other = make_engine(database_server, size=1), make_engine(database_server, size=1)
    first = backend(engine)
    assert backend(engine) == first, "kept while it works"
    with UnitOfWork(other, Principal.system("test")) as uow:
        uow.rows(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": first})
    assert backend(engine) != first
    engine.dispose()
    other.dispose()


def test_idle_connections_end_by_themselves(database_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPTIONS", module.OPTIONS.replace(f"={module.IDLE_SECONDS * 1000}", "=100"))
    engine, other = make_engine(database_server, size=1), make_engine(database_server, size=1)
    first = backend(engine)
    with UnitOfWork(other, Principal.system("test")) as uow:
        for _ in range(50):
            if not uow.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"), {"pid": first}):
                break
            uow.rows(text("SELECT pg_sleep(0.1)"))
            uow.rows(text("SELECT pg_stat_clear_snapshot()"))
    assert backend(engine) != first
    engine.dispose()
    other.dispose()
