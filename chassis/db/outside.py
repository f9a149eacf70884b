"""What the database shows to outside accounts (G-10), persons of a dealer, a supplier or a customer: migrations say it here, table by table,
and what is declared nowhere is refused. Their transactions run as a role of their own (``<database>_outside``), set in the statement that
sets the scope; the policies hold for that role alone, so that staff's queries, plans and costs are what they were (decision note 0008).
``rights`` is what the role may do with the rows it sees. Harmless where the role is not there: then nobody can take it either."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

from chassis.db import roles

PARTY = "nullif(current_setting('app.party', true), '')::uuid"
"""Null without a party, so that no row is anybody's then."""


def own(operations: Operations, table: str, *columns: str, rights: str = "SELECT", also: str = "") -> None:
    """Rows that name the party in one of the columns. ``also``: a further condition in SQL that lets rows be seen."""
    named = [f"{column} = {PARTY}" for column in columns]
    _guard(operations, table, " OR ".join([*named, *([also] if also else [])]), rights)


def widen(operations: Operations, table: str, *columns: str) -> None:
    """The rows of ``own`` by other columns from now on."""
    if outside_role(operations):
        named = " OR ".join(f"{column} = {PARTY}" for column in columns)
        operations.execute(f'ALTER POLICY party ON "{table}" USING ({named})')


def follows(operations: Operations, table: str, parent: str, column: str, rights: str = "SELECT") -> None:
    """Rows whose parent the party sees: ``column`` has its id; the parent's own policies decide, scope included."""
    _guard(operations, table, f'EXISTS (SELECT FROM "{parent}" parent WHERE parent.id = "{table}".{column})', rights)


def open_to_all(operations: Operations, table: str, rights: str = "SELECT") -> None:
    """All rows in scope: nothing of them is anybody's."""
    if role := outside_role(operations):
        operations.execute(f'GRANT {rights} ON "{table}" TO "{role}"')


def hidden(operations: Operations, table: str) -> None:
    """No rows; for queries that staff share."""
    _guard(operations, table, "false", "SELECT")


def answers(operations: Operations) -> None:
    """Whose answer is kept under an idempotency key: the database writes the party itself. Every service has the column."""
    operations.execute(f"ALTER TABLE idempotency ADD COLUMN IF NOT EXISTS party uuid DEFAULT {PARTY}")
    own(operations, "idempotency", "party", rights="SELECT, INSERT, DELETE")


def writing(operations: Operations) -> None:
    """What else a write needs of the chassis tables: numbers are drawn, events are added and not read."""
    open_to_all(operations, "numbers", rights="SELECT, INSERT, UPDATE (last)")
    open_to_all(operations, "outbox", rights="INSERT")


def outside_role(operations: Operations) -> str | None:
    """The role beside the owner that migrates, as ``app_role``."""
    return roles.outside_role(operations.get_bind())


def _guard(operations: Operations, table: str, condition: str, rights: str) -> None:
    role = outside_role(operations)
    if role is None:
        return
    guarded = "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(:name)"
    if not operations.get_bind().scalar(sa.text(guarded), {"name": f'public."{table}"'}):
        # For everybody else a policy that is the constant true: the planner drops it, and what it had to say of leaks with it.
        operations.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        operations.execute(f'CREATE POLICY everyone ON "{table}" USING (true)')
    operations.execute(f'CREATE POLICY party ON "{table}" AS RESTRICTIVE TO "{role}" USING ({condition})')
    operations.execute(f'GRANT {rights} ON "{table}" TO "{role}"')
