"""Turns constraint violations into errors of ours: the database is the last guard, the caller still gets a clear answer."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
from psycopg2 import errorcodes
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout

from chassis.domain.errors import Duplicate, Forbidden

_named: dict[str, Callable[[], Exception]] = {}


def on_violation(constraint: str, error: Callable[[], Exception]) -> None:
    """Say which error a named constraint stands for."""
    _named[constraint] = error


def translate(failure: psycopg2.Error) -> Exception | None:
    """The error that a violation stands for, or None when it is not the caller's doing."""
    name = failure.diag.constraint_name or ""
    if name in _named:
        return _named[name]()
    if failure.pgcode == errorcodes.UNIQUE_VIOLATION:
        return Duplicate(name.removeprefix(f"uq_{failure.diag.table_name}_").removesuffix("_key") or "id")
    if failure.pgcode == errorcodes.INSUFFICIENT_PRIVILEGE:
        return Forbidden()
    return None


def is_transient(failure: psycopg2.Error) -> bool:
    """Deadlock, serialization failure, or a kept statement that does not fit any more: the same transaction may succeed when
    run again."""
    return failure.pgcode in (errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE) or is_outdated(failure)


def is_outdated(failure: BaseException | None) -> bool:
    """Whether what the connection has prepared is gone, or a migration changed what it gives."""
    if not isinstance(failure, psycopg2.Error):
        return False
    gone = failure.pgcode == errorcodes.INVALID_SQL_STATEMENT_NAME
    return gone or (failure.pgcode == errorcodes.FEATURE_NOT_SUPPORTED and "cached plan" in str(failure))


def is_away(error: BaseException) -> bool:
    """Whether the error may mean that the database or the connection to it failed, not the statement."""
    if isinstance(error, PoolTimeout):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg2.Error):
        return False
    # A server that dies under a statement of several parts leaves psycopg2 without a better class than the common one.
    bare = type(cause) is psycopg2.DatabaseError
    if not bare and not isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError):
        return False
    # no code: the connection broke; 08 connection, 53 resources, 57P0x shutting down, 25006 became a standby
    return cause.pgcode is None or cause.pgcode.startswith(("08", "53", "57P0", "25006"))
