"""Reading half of a unit of work: rows, instances and the identity map that lets each row be one instance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar
from uuid import UUID

import psycopg2
from sqlalchemy import ColumnElement, Row
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from chassis.db.rows import mapping
from chassis.db.statements import Fixed, cached
from chassis.db.violations import is_transient, translate
from chassis.domain.aggregate import Aggregate
from chassis.domain.errors import NotFound, StaleVersion, UnknownReference
from chassis.domain.principal import Principal

T = TypeVar("T")
Id = UUID | str
_BY_ID = (("id", False),)


class Transient(Exception):
    """The database asked to run the transaction again (deadlock, serialization)."""


def as_uuid(value: Id) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _several(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes)


class Reading(ABC):
    """See chassis/README.md for the calls."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.now = datetime.now(UTC)
        self.expected_version: tuple[UUID, int] | None = None
        self.locking = False  # whether it keeps others waiting: rows locked, a number taken, something changed at once
        self._identities: dict[tuple[type, UUID], Any] = {}
        self._tracked: list[tuple[Any, bool]] = []  # (instance, locked)

    @property
    def actor(self) -> str:
        return self.principal.username

    @property
    @abstractmethod
    def connection(self) -> Connection:
        """The connection, in a transaction."""

    def _raise(self, failure: BaseException | None, cause: BaseException) -> NoReturn:
        if isinstance(failure, psycopg2.Error):
            if is_transient(failure):
                raise Transient(str(failure)) from cause
            known = translate(failure)
            if known is not None:
                raise known from cause
        raise cause

    def rows(self, statement: Any, parameters: Any = None) -> Sequence[Row[Any]]:
        """Run a SELECT (or any statement RETURNING rows, or a Fixed) and give all its rows."""
        try:
            if isinstance(statement, Fixed):
                return statement.rows(self.connection, parameters or {})
            return self.connection.execute(statement, parameters or {}).fetchall()
        except DBAPIError as error:
            self._raise(error.orig, error)

    def scalar(self, statement: Any, parameters: Any = None) -> Any:
        found = self.rows(statement, parameters)
        return found[0][0] if found else None

    def find(
        self,
        cls: type[T],
        *where: ColumnElement[bool],
        order_by: Sequence[Any] = (),
        lock: bool = False,
        limit: int | None = None,
        **members: Any,
    ) -> list[T]:
        """Instances that fulfil all conditions. ``members`` have these values, or one of several that are given; asked for by
        them alone, in no order or that of named members, costs least. With ``lock`` rows are locked FOR UPDATE and may be changed."""
        known = mapping(cls)
        members = {name: list(value) if _several(value) else value for name, value in members.items()}
        if None in members.values():
            raise TypeError("nothing equals NULL: ask for what is_(None)")
        if members and not where and all(isinstance(name, str) for name in order_by):
            shape = tuple((name, isinstance(value, list)) for name, value in members.items())
            rows = self.rows(known.having(shape, tuple(order_by), lock, limit), members)
        else:
            conditions = [*where, *(known.equal(name, value) for name, value in members.items())]
            rows = self.rows(cached(known.query(conditions, order_by, lock, limit)))
        return [self._track(known.load(row), lock) for row in rows]

    def one(self, cls: type[T], *where: ColumnElement[bool], lock: bool = False, **members: Any) -> T | None:
        found = self.find(cls, *where, lock=lock, limit=1, **members)
        return found[0] if found else None

    def get(self, cls: type[T], id: Id) -> T:
        """Load and lock by the id in the path. Unknown or out of scope: NotFound. A stale If-Match: StaleVersion."""
        return self._by_id(cls, id, lock=True)

    def read(self, cls: type[T], id: Id) -> T:
        """Load by the id in the path without lock."""
        return self._by_id(cls, id, lock=False)

    def reference(self, cls: type[T], id: Id, field: str, *, lock: bool = False) -> T:
        """Load by an id in the body. Unknown or out of scope: UnknownReference, tried again while the copy may arrive."""
        found = self._lookup(cls, as_uuid(id), lock)
        if found is None:
            raise UnknownReference(field).waiting()
        return found

    def _by_id(self, cls: type[T], id: Id, lock: bool) -> T:
        key = as_uuid(id)
        return self._expected(key, self._lookup(cls, key, lock))

    def loaded(self, cls: type[T], id: UUID, row: Sequence[Any] | None, lock: bool) -> T:
        """The instance by the id in the path, of the row that a statement of one's own found (None: none); locked where ``lock``
        went in front of it. Raises what ``get`` and ``read`` raise."""
        return self._expected(id, None if row is None else self._track(mapping(cls).load(row), lock))

    def _expected(self, key: UUID, found: T | None) -> T:
        if found is None:
            raise NotFound()
        if self.expected_version and self.expected_version[0] == key:
            if getattr(found, "version", None) != self.expected_version[1]:
                raise StaleVersion()
            self.expected_version = None
        return found

    def has_locked(self, cls: type[Any], id: UUID) -> bool:
        """Whether the row is in this unit of work and may be changed: read with its lock, or new; ``get`` asks nothing then."""
        known = self._identities.get((cls, id))
        return known is not None and bool(known.__dict__.get("_locked"))

    def _lookup(self, cls: type[T], id: UUID, lock: bool) -> T | None:
        known = self._identities.get((cls, id))
        if known is not None and (not lock or self.has_locked(cls, id)):
            return known
        found = self.rows(mapping(cls).having(_BY_ID, (), lock, None), {"id": id})
        return self._track(mapping(cls).load(found[0]), lock) if found else None

    def _track(self, instance: Any, locked: bool) -> Any:
        self.locking = self.locking or locked
        id = instance.__dict__.get("id")
        if isinstance(id, UUID):
            key = (type(instance), id)
            known = self._identities.get(key)
            if known is not None and (known.__dict__.get("_locked") or not locked):
                return known
            self._identities[key] = instance
        instance.__dict__["_locked"] = locked
        if isinstance(instance, Aggregate):
            instance.__dict__["_stamp"] = (self.now, self.actor)
        self._tracked.append((instance, locked))
        return instance

    def changeable(self, *instances: Any) -> None:
        """What was read by a statement of its own, and is guarded by a row that is locked, is saved where it changes."""
        for instance in instances:
            self._track(instance, True)

    def instances(self, cls: type[T], rows: Sequence[Row[Any]]) -> Iterator[T]:
        """Mapped instances of rows selected with ``select(Cls)``, for views; not tracked for changes."""
        known = mapping(cls)
        return (known.load(row) for row in rows)
