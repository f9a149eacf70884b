"""A migrated database for one service under test: PostgreSQL as found by ``servers``, else the embedded one.

A service is migrated once per server and process; its tests get clones of that database, which share its roles."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg2
from psycopg2 import sql
from sqlalchemy import Engine, create_engine

from chassis.db.engine import make_engine, with_driver
from chassis.db.migrate import upgrade
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from chassis.service import Service
from deploy.local.databases import Database, drop_aside, drop_databases, ensure_databases
from deploy.local.postgres import EmbeddedPostgres
from tests.support import servers


@dataclass
class ServiceDatabase:
    """``engine`` connects as the service's own role (no superuser, row-level security holds), ``owner`` as the owner."""

    engine: Engine
    owner: Engine
    app_url: str
    owner_url: str

    def uow(self, principal: Principal | None = None) -> UnitOfWork:
        return UnitOfWork(self.engine, principal or Principal.system("test"))


class Template:
    """A migrated database that nobody works in, with roles of its own."""

    def __init__(self, server_url: str, service: Service) -> None:
        self.server, self.service, self.prefix = server_url, service, f"t{uuid.uuid4().hex[:10]}_"
        self._passwords: dict[str, str] = {}
        self._numbers = count(1)
        try:
            upgrade(service, self._ensure("").owner_url)
        except BaseException:
            self.drop()
            raise

    @contextmanager
    def clone(self) -> Iterator[Database]:
        aside = f"_{next(self._numbers)}"
        name = f"{self.prefix}{self.service.name}"
        with closing(psycopg2.connect(self.server)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT pg_advisory_lock(hashtext('aftersales.databases'))")
            # PostgreSQL clones only what nobody is connected to; a closed connection's server process may still be ending.
            cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))
            statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
            cursor.execute(statement.format(*map(sql.Identifier, (f"{name}{aside}", f"{name}_owner", name))))
        try:
            yield self._ensure(aside)  # a database's own rights and settings are not cloned
        finally:
            drop_aside(self.server, self.prefix, aside, (self.service.name,))

    def drop(self) -> None:
        drop_databases(self.server, self.prefix, (self.service.name,))

    def _ensure(self, aside: str) -> Database:
        return ensure_databases(self.server, self.prefix, self._secret, (self.service.name,), aside)[self.service.name]

    def _secret(self, role: str) -> str:
        return self._passwords.setdefault(role, uuid.uuid4().hex)


_templates: dict[str, dict[Service, Template]] = {}


@contextmanager
def templates(server_url: str) -> Iterator[dict[Service, Template]]:
    """Those of whoever uses this server already, else new ones, dropped at the end."""
    if server_url in _templates:
        yield _templates[server_url]
        return
    made = _templates[server_url] = {}
    try:
        yield made
    finally:
        del _templates[server_url]
        for template in made.values():
            template.drop()


@contextmanager
def server() -> Iterator[str]:
    """URL of a PostgreSQL that may create databases."""
    if servers.can_query(servers.LOCAL_DATABASE):
        with templates(servers.LOCAL_DATABASE):
            yield servers.LOCAL_DATABASE
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as embedded, templates(embedded.url()):
        yield embedded.url()


@contextmanager
def service_database(server_url: str, service: Service) -> Iterator[ServiceDatabase]:
    """A database of its own for ``service``, migrated to head, dropped at the end."""
    with templates(server_url) as known:
        if service not in known:
            known[service] = Template(server_url, service)
        with known[service].clone() as database:
            engine = make_engine(database.app_url.replace("+psycopg2", ""), size=16)
            owner = create_engine(with_driver(database.owner_url))
            try:
                yield ServiceDatabase(engine, owner, database.app_url.replace("+psycopg2", ""), database.owner_url)
            finally:
                engine.dispose()
                owner.dispose()


@contextmanager
def database_at(server_url: str, service: Service, revision: str) -> Iterator[Engine]:
    """A database of its own as a release of before left it, seen by its owner; dropped at the end."""
    prefix = f"t{uuid.uuid4().hex[:10]}_"
    database = ensure_databases(server_url, prefix, lambda role: "x" * 20, (service.name,))[service.name]
    engine = create_engine(with_driver(database.owner_url))
    try:
        upgrade(service, database.owner_url, revision)
        yield engine
    finally:
        engine.dispose()
        drop_databases(server_url, prefix, (service.name,))
