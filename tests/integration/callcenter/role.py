"""The database of customers as the service's own role has it, and as its owner."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg2
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from tests.support.database import ServiceDatabase

HQ, BRANCH, SITE, BESIDE, ELSEWHERE = "/HQ/", "/HQ/B1/", "/HQ/B1/S1/", "/HQ/B1/S2/", "/HQ/B2/S3/"
START = datetime(2026, 1, 1, tzinfo=UTC)
NEW = """INSERT INTO customers (id, name, phones, version, created_at, created_by, updated_at, updated_by)
    VALUES (%s, '', '', 1, %s, 'x', %s, 'x')"""


class Role:
    """The service's own role, one transaction under a scope for each statement."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))

    def run(self, scope: str, statement: str, *values: Any, named: str = "", party: str = "") -> list[tuple[Any, ...]]:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.scope', %s, true), set_config('app.named', %s, true)", (scope, named))
            if party:
                cursor.execute("SELECT set_config('app.party', %s, true), set_config('role', regexp_replace(current_user, '_app$', '') || '_outside', true)", (party,))
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]

    def seen(self, scope: str, **how: str) -> set[str]:
        return {str(id) for (id,) in self.run(scope, "SELECT id FROM customers", **how)}

    def new(self, scope: str, at: datetime = START) -> str:
        id = str(uuid.uuid4())
        self.run(scope, NEW, id, at, at)
        return id

    def page(self, scope: str, marks: Sequence[int] = (), after: Any = (None, None), n: int = 50, upward: bool = False) -> list[str]:
        asked = "SELECT id FROM customer_page(%s::bigint[], %s, %s::uuid, %s, %s)"
        return [str(id) for (id,) in self.run(scope, asked, list(marks), *after, n, upward)]


def as_owner(database: ServiceDatabase, *statements: str) -> None:
    with database.owner.begin() as owner:
        for statement in ("SELECT set_config('app.scope', '/', true)", *statements):
            owner.execute(sa.text(statement))
