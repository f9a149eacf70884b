"""Unit of work: one transaction under the caller's data scope. Effects, journal, outbox and idempotency answer are saved
together in one call, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Self, cast
from uuid import UUID

from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INERROR
from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from chassis.db import statements
from chassis.db.batch import Batch
from chassis.db.engine import COMMIT_GATE
from chassis.db.reading import Reading, Transient, as_uuid
from chassis.db.rows import mapping
from chassis.db.statements import Cache, ServerSession
from chassis.db.tables import journal_row
from chassis.domain.aggregate import Aggregate, Recorded, new_id
from chassis.domain.principal import Principal
from chassis.events import outgoing
from chassis.ops import failpoints

__all__ = ["Transient", "UnitOfWork"]


class UnitOfWork(Reading):
    """Use as a context manager: commits at normal exit, rolls back on an exception. See chassis/README.md for the calls."""

    def __init__(
        self, engine: Engine, principal: Principal, *, read_only: bool = False, dry_run: bool = False
    ) -> None:
        super().__init__(principal)
        self.engine = engine
        self.read_only = read_only
        self.dry_run = dry_run
        self.traceparent: str | None = None
        self.sent_events = 0
        self._connection: Connection | None = None
        self._pending: list[tuple[str, Any]] = []
        self._after: list[tuple[str, dict[str, Any]]] = []  # plain rows of chassis tables, by column
        self._moved: list[Any] = []  # documents whose thing goes to another site
        self._behind: list[tuple[str, Sequence[Any]]] = []
        self._batch = Batch()

    # ------------------------------------------------------------------ transaction
    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()
            if isinstance(error, DBAPIError):
                self._raise(error.orig, error)

    @property
    def connection(self) -> Connection:
        """The connection, with the transaction opened in front of its first statement."""
        if self._connection is None:
            self._connection = self.engine.connect()
            self._session.begin(self.principal, read_only=self.read_only)
        return self._connection

    def first(self, sql: str, values: Sequence[Any] = ()) -> None:
        """A statement to go in front of what is sent next, in one call with it; where it fails, that call does."""
        self._session.lead(self._session.prepared(sql), values)

    def lock(self, cls: type[Any], id: UUID) -> None:
        """The row of this id is locked in front of what is sent next, in one call with it; so that sees what is committed by then."""
        self.locking = True
        self.first(f"SELECT 1 FROM {mapping(cls).name} WHERE id = %s FOR UPDATE", (id,))

    def clear(self) -> None:
        """Another's turn in the same transaction: what was written goes in front of what comes next, which sees it; nothing
        that was read is remembered."""
        self._collect()
        self._move_custody()
        if self._batch:
            self._session.lead(*self._batch.take(self._session))
        self._identities.clear()
        self._tracked.clear()
        self.now, self.locking = datetime.now(UTC), False

    @property
    def _session(self) -> ServerSession:
        return cast(ServerSession, self.connection.connection.dbapi_connection)

    def commit(self) -> None:
        """Send what is pending together with COMMIT, then give the connection back. A dry run sends everything too, so
        that every constraint is asked, and ends in ROLLBACK."""
        lasting = not (self.read_only or self.dry_run)
        try:
            self._collect()
            self._move_custody()
            if self._connection is None and not self._batch:
                return
            self._refuse_if_failed()
            if lasting:
                self._batch.statement(COMMIT_GATE)
            if self.dry_run:
                self._batch.statement("SET CONSTRAINTS ALL IMMEDIATE", cache=Cache.NONE)  # what COMMIT would have checked
            sql, values = self._batch.take(self._session, final="ROLLBACK" if self.dry_run else "COMMIT")
            if lasting:
                failpoints.hit("uow.commit", self.engine.url.database, self.actor)
            self._driver(sql, values)
            if lasting:
                failpoints.hit("uow.committed", self.engine.url.database, self.actor)
        except BaseException:
            self.rollback()
            raise
        self._close()

    def _refuse_if_failed(self) -> None:
        """PostgreSQL answers COMMIT after a failed statement with a silent ROLLBACK: who swallowed that error must not
        be told that all is saved."""
        if self._connection is not None:
            if self._session.info.transaction_status == TRANSACTION_STATUS_INERROR:
                raise RuntimeError("a statement of this transaction failed: nothing can be committed")

    def rollback(self) -> None:
        if self._connection is None:
            return
        if not self._connection.invalidated:
            self._session.failed()
        try:
            self._session.drop_leading()
            if self._session.info.transaction_status != TRANSACTION_STATUS_IDLE:
                statements.run(self._connection, "ROLLBACK")
        except Exception:  # whatever failed, a connection that may still hold a transaction must not be used again
            with suppress(Exception):
                self._connection.invalidate()
        finally:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # ------------------------------------------------------------------ writing
    def execute(self, statement: Any, parameters: Any = None) -> int:
        """Run a writing statement now; the number of rows it touched."""
        self.locking = True
        self.flush()
        try:
            return self.connection.execute(statement, parameters or {}).rowcount
        except DBAPIError as error:
            self._raise(error.orig, error)

    def add(self, instance: Any, *, silent: bool = False) -> None:
        """Insert at commit. An aggregate gets id, version and author here; ``silent``: it is not announced."""
        mapping(type(instance)).fill_defaults(instance)
        if isinstance(instance, Aggregate):
            if instance.__dict__.get("id") is None:
                instance.id = new_id()
            instance.version = instance.first_version
            instance.created_at = instance.updated_at = self.now
            instance.created_by = instance.updated_by = self.actor
            instance.announce_creation(not silent)
        instance.__dict__["_locked"] = True
        if isinstance(instance.__dict__.get("id"), UUID):
            self._identities[(type(instance), instance.id)] = instance
        self._pending.append(("insert", instance))
        self._tracked.append((instance, True))

    def add_all(self, instances: Sequence[Any], *, silent: bool = False) -> None:
        for instance in instances:
            self.add(instance, silent=silent)

    def delete(self, instance: Any) -> None:
        self._pending.append(("delete", instance))

    def later(self, sql: str, values: Sequence[Any] = ()) -> None:
        """A statement (psycopg2's positional style) whose result nobody needs: it goes with the writes, before COMMIT."""
        self._batch.statement(sql, values)

    def afterwards(self, sql: str, values: Sequence[Any] = ()) -> None:
        """The same, behind the rows that are written."""
        self._behind.append((sql, values))

    def notify(self, channel: str) -> None:
        """Wakes who listens on the channel, when the transaction is committed."""
        self._batch.statement(f"NOTIFY {channel}", cache=Cache.NONE)

    def insert_row(self, table: str, row: dict[str, Any]) -> None:
        """Insert a plain row of a chassis table at commit."""
        self._after.append((table, row))

    def copy(self, cls: type[Any], event: Any, **values: Any) -> None:
        """Keep a read copy at commit: upsert unless what is stored is newer."""
        known = mapping(cls)
        row = known.sealed(known.complete({"id": as_uuid(event.subject), "sequence": event.sequence, **values}))
        self._batch.statement(known.copied(tuple(row)), [known.sent(key, value) for key, value in row.items()])

    def copied(self, cls: type[Any], event: Any, **values: Any) -> bool:
        """Keep a read copy now. True when the event was news."""
        self._collect()
        self.copy(cls, event, **values)
        return int(self._driver(*self._batch.take(self._session)).rowcount) > 0

    def number(self, kind: str, day: date) -> str:
        """The next number of a kind of document (R-01). Locks the counter until commit: call it last."""
        return self.numbers(kind, day, 1)[0]

    def numbers(self, kind: str, day: date, count: int) -> list[str]:
        """``count`` numbers for bulk work, in a row where nothing lies between."""
        self.locking = True
        cursor = self._driver("SELECT draw_numbers(%s, %s, %s)", (kind, f"{day:%y%m}", count), Cache.PARSED)
        drawn: list[str] = cursor.fetchone()[0]
        return drawn

    def _driver(self, sql: str, values: Sequence[Any], cache: Cache = Cache.NONE) -> Any:
        try:
            return statements.run(self.connection, sql, tuple(values), cache)
        except DBAPIError as error:
            self._raise(error.orig, error)

    def flush(self) -> None:
        """Send pending writes now, so that a query of this transaction sees them."""
        self._collect()
        if self._batch:
            self._driver(*self._batch.take(self._session))

    def _collect(self) -> None:
        done = set()
        for kind, instance in self._pending:
            known = mapping(type(instance))
            if kind == "insert":
                self._batch.insert_instance(known, instance)
                known.forget_changes(instance)
                done.add(id(instance))
            else:
                self._batch.delete_instance(known, instance)
        self._pending.clear()
        for instance, locked in self._tracked:
            # First what is announced: two events of one aggregate raise its version once more.
            events = instance.take_events() if isinstance(instance, Aggregate) else []
            if id(instance) not in done:
                self._collect_changes(instance, locked)
            if isinstance(instance, Aggregate):
                self._collect_facts(instance, events)
        for table, row in self._after:
            self._batch.row(table, row)
        self._after.clear()
        for sql, values in self._behind:
            self._batch.statement(sql, values)
        self._behind.clear()

    def _move_custody(self) -> None:
        """Last of all: whoever gives a thing out of his hands may see nothing of it afterwards."""
        for one in self._moved:
            name = mapping(type(one)).table.name
            self._batch.statement("SELECT move_custody(%s, %s, %s, %s, %s)", (name, one.id, one.version, one.held_site_id, one.bound_site_id))
        self._moved.clear()

    def _collect_changes(self, instance: Any, locked: bool) -> None:
        known = mapping(type(instance))
        changed, moved = known.changed(instance), known.custody_changed(instance)
        if moved and instance not in self._moved:
            self._moved.append(instance)
        if not changed:
            return
        if not locked and isinstance(instance, Aggregate):
            raise RuntimeError(f"{type(instance).__name__} was changed without being locked: use get or lock=True")
        self._batch.update_instance(known, instance, changed)
        known.forget_changes(instance)

    def _collect_facts(self, instance: Aggregate, events: Sequence[tuple[int, Recorded]]) -> None:
        for entry in instance.__dict__.pop("_journal", ()):
            self._batch.row("journal", journal_row(entry, instance, self.now))
        for sequence, recorded in events:
            self._batch.row("outbox", outgoing.row(instance, recorded, sequence, self.actor, self.traceparent, self.now))
            self.sent_events += 1
        if events:
            self.notify(outgoing.CHANNEL)
