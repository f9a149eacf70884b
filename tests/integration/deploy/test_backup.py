"""Backup and restore on databases alone: the instant, the file, and what a restore makes of it (G-23)."""

from __future__ import annotations

import stat
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import pytest
import sqlalchemy as sa

from chassis.db.engine import GATE, make_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.principal import Principal
from chassis.messaging import inbox
from deploy.local import replacing
from deploy.local.backup import archive, cut as cuts, restore, tables
from deploy.local.backup.archive import Archive, Unusable
from deploy.local.databases import (
    NAMES,
    Database,
    drop_databases,
    ensure_databases,
    existing_databases,
    replace_databases,
)
from deploy.prepare import migrate_all
from services.finance.app import SERVICE as FINANCE
from tests.support.orders_events import WORKED, billing, order
from tests.support.serving import envelope


class Place:
    """Five migrated databases under a prefix of their own."""

    def __init__(self, server: str) -> None:
        self.server, self.prefix = server, f"b{uuid.uuid4().hex[:8]}_"
        self.passwords: dict[str, str] = {}
        self.databases = ensure_databases(server, self.prefix, self.secret)
        migrate_all(self.databases)

    def secret(self, role: str) -> str:
        return self.passwords.setdefault(role, uuid.uuid4().hex)

    def run(self, service: str, statement: str, *values: Any, who: str = "owner") -> list[tuple[Any, ...]]:
        database = self.databases[service]
        return run(database.owner_url if who == "owner" else database.app_url, statement, *values)


def run(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """As the role of the URL, under the system scope."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def place(database_server: str) -> Iterator[Place]:
    made = Place(database_server)
    try:
        yield made
    finally:
        drop_databases(database_server, made.prefix)


@pytest.fixture(scope="module")
def filled(place: Place) -> Place:
    """A paid bill with its ledger, by way of finance's own inbox; texts that COPY must quote; a sequence that was used."""
    engine = make_engine(place.databases["finance"].app_url)
    site, path = new_id(), "/HQ/N/S1/"
    try:
        told = {"code": "S1", "name": "网点\t一\n\\N", "org_path": path, "time_zone": "Asia/Shanghai"}
        assert inbox.receive(FINANCE, engine, envelope("aftersales.orders.site.created.v1", told, subject=site, org_path=path)) == "done"
        ready = order("ready", site_id=str(site), billing=billing(*WORKED))
        event = envelope("aftersales.orders.work_order.ready.v1", ready, subject=ready["id"], sequence=8, org_path=path)
        assert inbox.receive(FINANCE, engine, event) == "done"
    finally:
        engine.dispose()
    place.run("orders", "SELECT nextval('technician_serials') FROM generate_series(1, 7)")
    return place


def write(place: Place, path: Path) -> archive.Manifest:
    return archive.write(path, place.databases, "f01dab1e")


# ---------------------------------------------------------------- the instant


def test_commits_wait_while_a_backup_stands_between_them_and_nothing_else_does(place: Place) -> None:
    engine = make_engine(place.databases["orders"].app_url, size=3)
    committed = threading.Event()

    def work() -> None:
        with UnitOfWork(engine, Principal.system("test")) as uow:
            uow.execute(sa.text("INSERT INTO numbers (series, last) VALUES ('gate', 1)"))
        committed.set()

    with closing(psycopg2.connect(place.databases["orders"].owner_url)) as gate:
        gate.cursor().execute(f"SELECT pg_advisory_xact_lock({GATE})")
        writer = threading.Thread(target=work)
        writer.start()
        with UnitOfWork(engine, Principal.system("test"), read_only=True) as uow:
            assert uow.scalar(sa.text("SELECT count(*) FROM numbers WHERE series = 'gate'")) == 0
        assert not committed.wait(0.5)
        gate.rollback()
        assert committed.wait(5)
    writer.join()
    assert place.run("orders", "DELETE FROM numbers WHERE series = 'gate' RETURNING last") == [(1,)]
    engine.dispose()


def test_what_follows_is_never_saved_without_what_it_follows_from(place: Place) -> None:
    """Facts go round three databases, written by several threads without a pause; ten snapshots are taken meanwhile."""
    names = ("orders", "inventory", "finance")
    engines = [make_engine(place.databases[name].app_url, size=4) for name in names]
    stop = threading.Event()

    def chain(thread: int) -> None:
        step = 0
        while not stop.is_set():
            with UnitOfWork(engines[step % 3], Principal.system("test")) as uow:
                series = {"series": f"chain{thread}", "last": step}
                uow.execute(sa.text("INSERT INTO numbers (series, last) VALUES (:series, :last) "
                                    "ON CONFLICT (series) DO UPDATE SET last = excluded.last"), series)
            step += 1

    threads = [threading.Thread(target=chain, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    seen = []
    try:
        for _ in range(10):
            time.sleep(0.05)
            with cuts.cut({name: place.databases[name] for name in names}) as cut:
                assert cut.paused < cuts.PATIENCE
                seen.append([_chains(connection) for connection in cut.connections.values()])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for name, engine in zip(names, engines, strict=True):
            engine.dispose()
            place.run(name, "DELETE FROM numbers WHERE series LIKE 'chain%%'")
    for snapshot in seen:
        for series in snapshot[0]:
            steps = [database.get(series, index - 3) for index, database in enumerate(snapshot)]
            assert max(steps) - min(steps) <= 2, f"{series}: a later step is there, an earlier one is not: {steps}"
    assert seen[-1][0]["chain0"] > seen[0][0]["chain0"], "work went on between the snapshots"


def _chains(connection: Any) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT series, last FROM numbers WHERE series LIKE 'chain%'")
        return dict(cursor.fetchall())


def test_a_commit_that_hangs_makes_the_backup_give_up_and_not_everybody_wait(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "PATIENCE", 0.3)
    monkeypatch.setattr(cuts, "TRIES", 2)
    monkeypatch.setattr(cuts, "REST", 0.0)
    with closing(psycopg2.connect(place.databases["finance"].owner_url)) as hanging:
        hanging.cursor().execute(f"SELECT pg_advisory_xact_lock_shared({GATE})")
        with pytest.raises(cuts.NoPause):
            write(place, tmp_path / "x.backup")
        for name in NAMES:  # nothing is held any more: whoever commits gets through at once
            place.run(name, f"SET LOCAL lock_timeout = '1s'; SELECT pg_advisory_xact_lock_shared({GATE})")
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_falls_silent_does_not_hold_the_suite(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "PAUSE", "-c idle_in_transaction_session_timeout=500")

    class Frozen:
        def cursor(self) -> None:
            time.sleep(1.5)
            place.run("orders", f"SET LOCAL lock_timeout = '1s'; SELECT pg_advisory_xact_lock_shared({GATE})")
            raise AssertionError("let through, as it should be")

    with pytest.raises(AssertionError, match="let through"):
        cuts._between_commits(place.databases, {"orders": Frozen()})

    class Slow:
        def cursor(self) -> Any:
            time.sleep(1.5)
            return self

        def execute(self, _statement: str) -> None:
            pass

    with pytest.raises(psycopg2.OperationalError):  # what was read then is not taken for one instant
        cuts._between_commits(place.databases, {"orders": Slow()})


# ---------------------------------------------------------------- the file


def test_a_restored_database_is_the_saved_one(filled: Place, database_server: str, tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    manifest = write(filled, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["one.backup"]
    assert manifest.rows > 20 and manifest.paused < 10
    other = f"o{uuid.uuid4().hex[:8]}_"
    try:
        made = ensure_databases(database_server, other, filled.secret)
        with closing(Archive(path)) as opened:
            restore.fill(opened, made, lambda name: None)
        for name in NAMES:
            then, now = shape(filled.databases[name], filled.prefix), shape(made[name], other)
            assert now == then
        assert run(made["orders"].app_url, "SELECT nextval('technician_serials')") == [(8,)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            run(made["finance"].app_url, "UPDATE ledger_entries SET amount = 0")
        with pytest.raises(psycopg2.errors.CheckViolation):  # its triggers are awake again
            run(made["finance"].app_url, "INSERT INTO ledger_entries (id, posting_id, position, account, amount, org_path) "
                "SELECT gen_random_uuid(), id, 9, 'cash', 1, org_path FROM ledger_postings")
    finally:
        drop_databases(database_server, other)


def shape(database: Database, prefix: str) -> dict[str, Any]:
    """All rows, rights, policies and triggers, without the names that differ from place to place."""
    url = database.owner_url
    names = [name for (name,) in run(url, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                                          "'public'::regnamespace ORDER BY 1")]
    rows = {name: sorted(row[0] for row in run(url, f"SELECT t::text FROM {name} t")) for name in names}
    rights = run(url, """SELECT relname, replace(a.grantee::regrole::text, %s, ''), privilege_type FROM pg_class,
        aclexplode(relacl) a WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2, 3""", prefix)
    guards = run(url, "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relkind = 'r' AND "
                      "relnamespace = 'public'::regnamespace ORDER BY 1")
    policies = run(url, "SELECT tablename, policyname, qual, with_check FROM pg_policies ORDER BY 1, 2")
    triggers = run(url, "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2")
    return {"rows": rows, "rights": rights, "guards": guards, "policies": policies, "triggers": triggers}


def spoiled(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif how == "a flipped bit":
        at = content.find(b"finance/ledger_entries.copy") + 70  # name, extra field, then the rows
        content[at] ^= 4
        path.write_bytes(content)
    elif how == "no backup":
        path.write_text("hello")
    else:
        import zipfile

        old, new = {"another format": (b'"format": 1', b'"format": 9'), "rows missing": (b'"rows": 4', b'"rows": 5'),
                    "another release": (b'"revision": "', b'"revision": "x')}[how]
        with zipfile.ZipFile(path) as source:
            entries = {name: source.read(name) for name in source.namelist()}
        assert old in entries["manifest.json"]
        entries["manifest.json"] = entries["manifest.json"].replace(old, new)
        with zipfile.ZipFile(path, "w") as target:
            for name, body in entries.items():
                target.writestr(name, body)


@pytest.mark.parametrize("how", ["no backup", "cut off", "a flipped bit", "another format", "rows missing", "another release"])
def test_a_damaged_or_foreign_backup_is_refused(filled: Place, database_server: str, tmp_path: Path, how: str) -> None:
    path = tmp_path / "one.backup"
    write(filled, path)
    spoiled(path, how)
    with replacing.aside(database_server, filled.prefix, "_try", filled.secret) as databases, pytest.raises(Unusable):
        with closing(Archive(path)) as opened:
            restore.fill(opened, databases, lambda name: None)
    assert run(f"{database_server}", "SELECT count(*) FROM pg_database WHERE datname LIKE %s", f"{filled.prefix}%_try") == [(0,)]


def test_a_disk_that_is_full_leaves_nothing(filled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables, "save", full)
    with pytest.raises(OSError, match="No space"):
        write(filled, tmp_path / "x.backup")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- what a restore does


def test_what_somebody_has_not_handled_is_sent_again(filled: Place) -> None:
    """`ready` is heard by finance and gateway: taken back when either lacks it, left when both have it or nobody listens."""
    type_ = "aftersales.orders.work_order.ready.v1"
    cases = {"both": ("finance", "gateway"), "one": ("finance",), "none": (), "waits": ()}
    ids = {case: new_id() for case in cases}
    row = ("INSERT INTO outbox (id, type, subject, sequence, org_path, envelope, created_at, sent_at) "
           "VALUES (%s, %s, %s, 1, '/HQ/', '{}', now(), %s)")
    known = ("INSERT INTO inbox (event_id, type, source, subject, sequence, state, received_at) "
             "VALUES (%s, %s, '/orders', 'x', 1, %s, now())")
    for case, handlers in cases.items():
        filled.run("orders", row, str(ids[case]), type_, str(new_id()), None if case == "waits" else "2026-01-01")
        for handler in handlers:
            filled.run(handler, known, str(ids[case]), type_, "parked" if handler == "gateway" else "done")
    quiet = new_id()
    filled.run("orders", row, str(quiet), "aftersales.orders.device.created.v1", str(new_id()), "2026-01-01")
    assert restore.send_again(filled.databases) == 2
    waiting = {row[0] for row in filled.run("orders", "SELECT id::text FROM outbox WHERE sent_at IS NULL")}
    assert waiting == {str(ids["one"]), str(ids["none"]), str(ids["waits"])}
    assert restore.send_again(filled.databases) == 0
    for name in ("orders", "finance", "gateway"):
        filled.run(name, f"DELETE FROM {'outbox' if name == 'orders' else 'inbox'} WHERE "
                   f"{'id' if name == 'orders' else 'event_id'} = ANY(%s::uuid[])", [*map(str, ids.values()), str(quiet)])


def test_databases_are_replaced_all_or_none(database_server: str) -> None:
    prefix, names = f"r{uuid.uuid4().hex[:8]}_", ("orders", "finance")
    passwords: dict[str, str] = {}

    def secret(role: str) -> str:
        return passwords.setdefault(role, uuid.uuid4().hex)

    def holds_old() -> list[bool]:
        return [bool(run(old[name].owner_url, "SELECT to_regclass('old_one')::text")[0][0]) for name in names]

    try:
        old = ensure_databases(database_server, prefix, secret, names)
        for name in names:
            run(old[name].owner_url, "CREATE TABLE old_one (id int)")
        with replacing.aside(database_server, prefix, "_new", secret, names):
            with closing(psycopg2.connect(old["finance"].app_url)), pytest.raises(psycopg2.errors.ObjectInUse):
                replace_databases(database_server, prefix, "_new", names)
            assert holds_old() == [True, True]
            replace_databases(database_server, prefix, "_new", names)
        assert holds_old() == [False, False]
        assert existing_databases(database_server, prefix) == ["orders", "finance"]
        left = run(database_server, "SELECT count(*) FROM pg_database WHERE starts_with(datname, %s)", prefix)
        assert left == [(2,)], "nothing is left aside"
    finally:
        drop_databases(database_server, prefix, names)
