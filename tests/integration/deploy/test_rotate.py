"""Turning the key ring (G-24): everything under the new key, cut off anywhere and gone on with, nothing forgotten that is
needed; and what an older release left legible is sealed by the migration, down to the database's files."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg2
import pytest

from chassis import crypto
from chassis.db import migrate, resealing
from chassis.db.engine import make_engine, owner_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from chassis.messaging import inbox, listener, outbox
from chassis.service import find_service
from deploy import rotate
from deploy.local import keys
from deploy.local.backup import archive, restore
from deploy.local.backup.archive import Archive
from deploy.local.databases import Database, drop_databases, ensure_databases
from deploy.local.postgres import EmbeddedPostgres
from deploy.prepare import migrate_all
from services.callcenter.customers import usecases
from services.callcenter.customers.customer import Customer
from services.orders.app import SERVICE as ORDERS
from services.orders.masters import CustomerCopy

CUSTOMERS = 30


class Place:
    """Five databases and a ring of their own, with customers, their copies, and events sent, waiting and failed."""

    def __init__(self, server: str, folder: Path) -> None:
        self.server, self.prefix, self.ring = server, f"k{uuid.uuid4().hex[:8]}_", folder / "keyring.json"
        keys.ensure_keyring(self.ring)
        passwords: dict[str, str] = {}
        self.databases = ensure_databases(server, self.prefix, lambda role: passwords.setdefault(role, uuid.uuid4().hex))
        migrate_all(self.databases)
        self.engines = {name: make_engine(self.databases[name].app_url, size=2) for name in ("callcenter", "orders")}
        for number in range(CUSTOMERS):
            self.customer(f"客户{number:03d}", f"1380013{number:04d}")
        self.deliver()

    def unit(self, service: str) -> UnitOfWork:
        return UnitOfWork(self.engines[service], Principal.system("test"))

    def customer(self, name: str, phone: str) -> None:
        with self.unit("callcenter") as uow:
            usecases.create(uow, name, phone)

    def deliver(self) -> None:
        with closing(listener.connect(self.databases["callcenter"].app_url, "test")) as connection:
            connection.autocommit = more = True
            while more:
                with outbox.claim(connection, 500) as claim:
                    for row in claim.rows:
                        assert inbox.receive(ORDERS, self.engines["orders"], orjson.loads(row.body)) == "done"
                    claim.sent([row.position for row in claim.rows])
                more = claim.full

    def names(self) -> tuple[list[str], list[str]]:
        with self.unit("callcenter") as here, self.unit("orders") as there:
            return sorted(c.name for c in here.find(Customer)), sorted(c.name for c in there.find(CustomerCopy))

    def used(self) -> set[str]:
        found: set[str] = set()
        for name, database in self.databases.items():
            found |= set(resealing.in_use(owner_engine(database.owner_url), find_service(name)))
        return found

    def close(self) -> None:
        for engine in self.engines.values():
            engine.dispose()
        drop_databases(self.server, self.prefix)


@pytest.fixture(scope="module")
def lived_in(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(database_server, tmp_path_factory.mktemp("ring"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def place(lived_in: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(rotate, "LOOK_EVERY", 0.0)
    crypto.use(lived_in.ring)
    yield lived_in
    crypto.use(None)


def quiet(_: str) -> None:
    pass


def test_everything_is_sealed_again_and_the_former_key_retires(place: Place, tmp_path: Path):
    first, wanted = crypto.ring().current, place.names()
    rotate.rotate(place.ring, place.databases, quiet)
    ring = crypto.ring()
    assert ring.current != first and ring.keys[first].retired_at is not None
    assert place.used() == {ring.current} and place.names() == wanted
    assert place.ring.stat().st_mode & 0o777 == 0o600
    with pytest.raises(rotate.NotTurned, match="ago"):
        rotate.forget(place.ring, place.databases, quiet)


def test_forgotten_only_when_no_row_needs_it(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rotate, "SETTLED", timedelta(0))
    first = crypto.ring().current
    kept, wanted = crypto.ring().retired(first).rotated(), place.names()
    keys.write_private(place.ring, kept.text())
    with pytest.raises(rotate.NotTurned, match=first):
        rotate.forget(place.ring, place.databases, quiet)
    rotate.rotate(place.ring, place.databases, quiet)
    rotate.forget(place.ring, place.databases, quiet)
    assert list(crypto.ring().keys) == [crypto.ring().current] and place.names() == wanted


def test_cut_off_at_every_transaction_and_gone_on_with(place: Place, monkeypatch: pytest.MonkeyPatch):
    """Every few rows the power fails; each repetition finishes a little more, under the same new key."""
    monkeypatch.setattr(resealing, "BATCH", 7)
    wanted, former = place.names(), crypto.ring().current
    whole, done = resealing._batch, 0

    def fails(connection: Any, where: Any, after: Any) -> Any:
        nonlocal done
        found = whole(connection, where, after)
        done += bool(found)
        if found and done % 3 == 0:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(resealing, "_batch", fails)
    cut_off, currents = 0, set()
    for _ in range(60):
        try:
            rotate.rotate(place.ring, place.databases, quiet)
            break
        except KeyboardInterrupt:
            cut_off += 1
            currents.add(crypto.ring().current)
            assert place.names() == wanted
    assert cut_off > 2 and currents == {crypto.ring().current}, "one new key, however often it is begun"
    assert place.used() == {crypto.ring().current} and crypto.ring().keys[former].retired_at


def test_beside_writers(place: Place):
    """Customers are made and changed meanwhile: nobody is refused, and nothing stays under the former key."""
    stop, failures = threading.Event(), []

    def write(thread: int) -> None:
        number = 0
        try:
            while not stop.wait(0.03):  # as somebody at a counter writes, not as a load test
                number += 1
                place.customer(f"并行{thread}-{number}", f"139{thread:04d}{number:04d}")
                with place.unit("callcenter") as uow:
                    for one in uow.find(Customer, limit=3, order_by=[Customer.id], lock=True):
                        one.change(name=f"改{thread}-{number}")
        except BaseException as failure:
            failures.append(failure)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(1)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            rotate.rotate(place.ring, place.databases, quiet)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not failures
    place.deliver()
    assert place.names()[0] == place.names()[1]
    assert len([key for key in crypto.ring().keys.values() if key.retired_at is None]) == 1


def test_another_ring_is_refused_before_anything_runs(place: Place, tmp_path: Path):
    """A lost ring would be made anew, and every customer could not be read: the start says so instead."""
    keys.ensure_keyring(tmp_path / "made anew.json")
    with pytest.raises(crypto.RingError, match="was sealed under the key"):
        migrate_all(place.databases)
    crypto.use(place.ring)
    migrate_all(place.databases)


def test_two_at_once_do_not_turn_it_twice(place: Place):
    with rotate._alone(place.ring), pytest.raises(rotate.NotTurned, match="already"):
        rotate.rotate(place.ring, place.databases, quiet)


def test_a_backup_of_before_is_restored_after_turning(place: Place, tmp_path: Path):
    wanted = place.names()
    file = tmp_path / "one.backup"
    archive.write(file, place.databases, "f01dab1e")
    assert b"\xe5\xae\xa2\xe6\x88\xb7" not in file.read_bytes()
    rotate.rotate(place.ring, place.databases, quiet)
    with closing(Archive(file)) as saved:
        assert saved.manifest.opens_with(crypto.ring()) and not saved.manifest.opens_with(crypto.Ring.new())
        passwords: dict[str, str] = {}
        prefix = f"{place.prefix}r_"
        databases = ensure_databases(place.server, prefix, lambda role: passwords.setdefault(role, uuid.uuid4().hex))
        try:
            restore.fill(saved, databases, quiet)
            engine = make_engine(databases["callcenter"].app_url, size=1)
            with UnitOfWork(engine, Principal.system("test")) as uow:
                assert sorted(c.name for c in uow.find(Customer)) == wanted[0]
            engine.dispose()
        finally:
            drop_databases(place.server, prefix)


def test_what_an_older_release_left_is_sealed_down_to_the_files(tmp_path: Path):
    """Rows and events of the release before, in a cluster of its own: after the migration neither tables nor their files
    know a name, and both searches find it."""
    name, number = "诸葛孔明亮", "+8613844443333"
    keys.ensure_keyring(tmp_path / "keyring.json")
    passwords: dict[str, str] = {}
    try:
        with EmbeddedPostgres(tmp_path / "postgres") as postgres:
            databases = ensure_databases(postgres.url(), "", lambda role: passwords.setdefault(role, uuid.uuid4().hex))
            _older(databases, name, number)
            _checkpoint(postgres.url())
            assert _files(tmp_path / "postgres", name), "the file of the table is looked at"
            migrate_all(databases)
            for service, found in (("callcenter", Customer), ("orders", CustomerCopy)):
                engine = make_engine(databases[service].app_url, size=1)
                with UnitOfWork(engine, Principal.system("test")) as uow:
                    [one] = uow.find(found)
                    assert (one.name, one.phones) == (name, [number])
                engine.dispose()
                used = resealing.in_use(owner_engine(databases[service].owner_url), find_service(service))
                assert set(used) == {crypto.ring().current}
            with closing(psycopg2.connect(databases["gateway"].owner_url)) as owner, owner.cursor() as cursor:
                cursor.execute("SELECT set_config('app.scope', '/', true)")
                cursor.execute("SELECT content FROM audit_entries")
                assert cursor.fetchall() == [({"name": "***", "phone": "***", "phones": "***"},)]
            _checkpoint(postgres.url())
            assert _files(tmp_path / "postgres", name) == []
            assert _files(tmp_path / "postgres", number) == []
    finally:
        crypto.use(None)


def _older(databases: dict[str, Database], name: str, number: str) -> None:
    """Both services as the release before left them."""
    id, event = str(uuid.uuid4()), str(uuid.uuid4())
    envelope = {"id": event, "type": "aftersales.callcenter.customer.created.v1", "data": {"name": name, "phones": [number]}}
    stamp = "1, now(), 'x', now(), 'x'"
    older = {
        "callcenter": ("0002", [
            (f"INSERT INTO customers (id, name, name_key, phones, version, created_at, created_by, updated_at, updated_by)"
             f" VALUES (%s, %s, %s, %s, {stamp})", (id, name, name, orjson.dumps([number]).decode())),
            ("INSERT INTO outbox (id, type, subject, sequence, envelope, created_at, sent_at) VALUES (%s, %s, %s, 1, %s, now(), now())",
             (event, envelope["type"], id, orjson.dumps(envelope).decode())),
        ]),
        "orders": ("0002", [
            ("INSERT INTO customer_copies (id, name, phones, sequence) VALUES (%s, %s, %s, 1)",
             (id, name, orjson.dumps([number]).decode())),
            ("INSERT INTO inbox (event_id, type, source, subject, sequence, state, envelope, received_at)"
             " VALUES (%s, %s, '/callcenter', %s, 1, 'parked', %s, now())",
             (event, envelope["type"], id, orjson.dumps(envelope).decode())),
            ("INSERT INTO customer_phones (digits, customer_id) VALUES (%s, %s)", (number[1:], id)),
        ]),
    }
    entry = {"name": name, "phone": "***", "phones": ["***"]}
    older["gateway"] = ("0002", [
        ("INSERT INTO audit_entries (at, username, address, method, path, operation, status, trace_id, content, org_path)"
         " VALUES (now(), 'x', '', 'POST', '/api/v1/customers', 'callcenter.customers.create', 201, '', %s, '/HQ/')",
         (orjson.dumps(entry).decode(),)),
    ])
    for service, (revision, statements) in older.items():
        migrate.upgrade(find_service(service), databases[service].owner_url, revision)
        with closing(psycopg2.connect(databases[service].owner_url)) as owner, owner, owner.cursor() as cursor:
            cursor.execute("SELECT set_config('app.scope', '/', true)")
            for statement, values in statements:
                cursor.execute(statement, values)


def _checkpoint(url: str) -> None:
    """What was committed is in the files, and files of dropped tables are gone."""
    with closing(psycopg2.connect(url)) as server:
        server.autocommit = True
        server.cursor().execute("CHECKPOINT")


def _files(folder: Path, text: str) -> list[str]:
    """Files of tables and indexes that hold the text; the write-ahead log, which is written over in time, is not looked at."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*")
            if path.is_file() and "pg_wal" not in path.parts and text.encode() in path.read_bytes()]
