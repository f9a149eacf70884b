"""Old messages go; what waits or was given up stays; a restore still sends again what it must and nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from chassis.db import pruning
from chassis.db.engine import make_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from contracts import reconcile
from deploy.local.backup.restore import send_again
from deploy.local.databases import Database, drop_databases, ensure_databases
from deploy.prepare import migrate_all

TYPE = "aftersales.orders.work_order.quote_approved.v1"
SENT = """INSERT INTO outbox (id, type, subject, sequence, envelope, created_at, sent_at)
    VALUES (%s, %s, %s, 1, %s, now() - make_interval(days => %s), now() - make_interval(days => %s))"""
RECEIVED = """INSERT INTO inbox (event_id, type, source, subject, sequence, state, received_at, handled_at)
    VALUES (%s, %s, '/orders', 'x', 1, %s, now() - make_interval(days => %s), now() - make_interval(days => %s))"""


@pytest.fixture(scope="module")
def made(database_server: str) -> Iterator[dict[str, Database]]:
    prefix = f"p{uuid.uuid4().hex[:8]}_"
    found = ensure_databases(database_server, prefix, lambda role: f"secret-{role}")
    try:
        migrate_all(found)
        yield found
    finally:
        drop_databases(database_server, prefix)


@pytest.fixture
def databases(made: dict[str, Database]) -> dict[str, Database]:
    for database in made.values():
        run(database, "TRUNCATE outbox, inbox")
    return made


def run(database: Database, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """As the owner, who sees every row."""
    with closing(psycopg2.connect(database.owner_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def sent(database: Database, days: int | None) -> str:
    """An event of orders, sent so many days ago; None: made long ago and not sent yet."""
    id_ = str(uuid.uuid4())
    run(database, SENT, id_, TYPE, id_, json.dumps({"data": {}}), 99, days)
    return id_


def handled(database: Database, event: str, days: int, state: str = "done") -> None:
    run(database, RECEIVED, event, TYPE, state, days, days if state == "done" else None)


def prune(database: Database) -> None:
    """As the service's own timer does."""
    engine = make_engine(database.app_url, size=1)
    try:
        with UnitOfWork(engine, Principal.system("orders.worker")) as uow:
            pruning.prune(uow)
    finally:
        engine.dispose()


def ids(database: Database, table: str) -> set[str]:
    return {row[0] for row in run(database, f"SELECT {'id' if table == 'outbox' else 'event_id'}::text FROM {table}")}


def test_only_what_everybody_has_had_for_long_goes(databases: dict[str, Database]) -> None:
    orders, inventory = databases["orders"], databases["inventory"]
    old, young, waiting = sent(orders, 31), sent(orders, 29), sent(orders, None)
    known = {days: str(uuid.uuid4()) for days in (61, 59)}
    for days, event in known.items():
        handled(inventory, event, days)
    parked, retried = str(uuid.uuid4()), str(uuid.uuid4())
    handled(inventory, parked, 400, "parked")
    handled(inventory, retried, 400, "retry")
    prune(orders), prune(inventory)
    assert ids(orders, "outbox") == {young, waiting} and old not in ids(orders, "outbox")
    assert ids(inventory, "inbox") == {known[59], parked, retried}


def test_a_restore_sends_again_what_nobody_is_known_to_have(databases: dict[str, Database]) -> None:
    subscribers = reconcile.subscribers().by_type[TYPE]
    assert "inventory" in subscribers
    unhandled = sent(databases["orders"], 29)
    events = {days: sent(databases["orders"], days) for days in (29, 45, 70)}
    for days, event in events.items():
        for name in subscribers:
            handled(databases[name], event, days)
    for name in (*subscribers, "orders"):  # the inboxes first, which is the worse order
        prune(databases[name])
    assert ids(databases["orders"], "outbox") == {unhandled, events[29]}
    assert ids(databases["inventory"], "inbox") == {events[29], events[45]}
    assert send_again(databases) == 1
    assert run(databases["orders"], "SELECT id::text FROM outbox WHERE sent_at IS NULL") == [(unhandled,)]


def test_a_little_at_a_time(databases: dict[str, Database]) -> None:
    events = [sent(databases["orders"], 40) for _ in range(5)]
    assert run(databases["orders"], "SELECT prune_messages(2)") == [(2,)]
    assert ids(databases["orders"], "outbox") == set(events[2:]), "the oldest first"


@pytest.mark.parametrize("name", ["orders", "inventory", "finance", "callcenter", "gateway"])
def test_the_application_may_have_it_done_and_not_do_it(name: str, databases: dict[str, Database]) -> None:
    with closing(psycopg2.connect(databases[name].app_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', false), prune_messages(10)")
        connection.commit()
        for table in ("outbox", "inbox"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f"DELETE FROM {table}")
            connection.rollback()
