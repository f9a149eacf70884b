"""The five databases of a running suite, as its command line finds them."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg2
from sqlalchemy.engine import make_url

from deploy.local.databases import Database
from deploy.local.suite import Suite
from tests.support.suites import RunningSuite


def databases(suite: RunningSuite) -> dict[str, Database]:
    with Suite.open(suite.data, running=True) as opened:
        return opened.databases


def owner(suite: RunningSuite, service: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """One statement as the owner of a service's database, under the system scope, committed."""
    url = make_url(databases(suite)[service].owner_url).set(drivername="postgresql")
    with closing(psycopg2.connect(url.render_as_string(hide_password=False))) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL app.scope = '/'")
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []
