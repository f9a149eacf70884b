"""Under whom a transaction runs: what the database's policies compare with."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import adapt

from chassis.domain.principal import Principal

WHOLE = "/"
OUTSIDE_ROLE = "regexp_replace(current_user, '_app$', '') || '_outside'"


def under(principal: Principal) -> tuple[str, tuple[str, ...]]:
    """The statements that put a transaction under somebody's scope, and an outside account's also under its party, as the
    role that sees no more than its party's rows (``outside.py``); with its values."""
    scope = "SET LOCAL app.scope = %s"
    if not principal.is_outside:
        return scope, (principal.scope,)
    party = f"SELECT set_config('app.party', %s, true), set_config('role', {OUTSIDE_ROLE}, true)"
    return f"{scope}; {party}", (principal.scope, principal.party)


def literal(value: Any, driver: Any) -> str:
    """A value as text of a statement, quoted as the connection wants it."""
    quoted: Any = adapt(value)
    if hasattr(quoted, "prepare"):  # text, and what may hold some: it is written in the connection's encoding
        quoted.prepare(driver)
    literal: bytes = quoted.getquoted()
    return literal.decode()
