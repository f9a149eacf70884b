"""The roles beside the owner that migrates a database, for the grants of migrations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def app_role(connection: Connection) -> str | None:
    """The role the service runs as: ``<database>_app`` beside the owner ``<database>_owner``; None in a scratch database."""
    return _beside(connection, "app")


def outside_role(connection: Connection) -> str | None:
    """The role that outside accounts' transactions take (outside.py)."""
    return _beside(connection, "outside")


def _beside(connection: Connection, name: str) -> str | None:
    statement = sa.text("SELECT rolname FROM pg_roles WHERE rolname = regexp_replace(current_user, '_owner$', '') || '_' || :name")
    role: str | None = connection.scalar(statement, {"name": name})
    return role
