"""Which releases' processes a schema serves: between an upgrade's migration and its last process, an older one may have to
start again (deploy/decisions/0003).

A revision that takes something away has ``SERVES = "<revision>"``, the newest revision of the oldest release that can do without.
The newest such word of a chain is kept beside the database's revision, where a process that does not know that revision reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

ALL = "0001"


def note(connection: Connection, reached: Iterable[Any]) -> None:
    """``reached``: the scripts of all revisions the database has."""
    oldest = max((getattr(script.module, "SERVES", ALL) for script in reached), default=ALL)
    connection.execute(sa.text(f"COMMENT ON TABLE alembic_version IS 'serves {int(oldest):04d}'"))
    connection.commit()


def release(engine: Engine, newest: str | None) -> bool:
    """Whether the schema of a newer release says that it serves the one whose newest revision this is."""
    with engine.connect() as connection:
        said = str(connection.scalar(sa.text("SELECT obj_description('alembic_version'::regclass)")) or "")
    word, _, oldest = said.partition(" ")
    return word == "serves" and newest is not None and newest >= oldest
