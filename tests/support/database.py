"""A migrated database for one service under test: PostgreSQL as found by ``servers``, else the embedded one."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine

from chassis.db.engine import make_engine, with_driver
from chassis.db.migrate import upgrade
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from chassis.service import Service
from deploy.local.databases import drop_databases, ensure_databases
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


@contextmanager
def server() -> Iterator[str]:
    """URL of a PostgreSQL that may create databases."""
    if servers.can_query(servers.LOCAL_DATABASE):
        yield servers.LOCAL_DATABASE
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as embedded:
        yield embedded.url()


@contextmanager
def service_database(server_url: str, service: Service) -> Iterator[ServiceDatabase]:
    """A database of its own for ``service``, migrated to head, dropped at the end."""
    prefix = f"t{uuid.uuid4().hex[:10]}_"
    passwords: dict[str, str] = {}
    def secret(role: str) -> str:
        return passwords.setdefault(role, uuid.uuid4().hex)

    database = ensure_databases(server_url, prefix, secret, (service.name,))[service.name]
    try:
        upgrade(service, database.owner_url)
        engine = make_engine(database.app_url.replace("+psycopg2", ""), size=16)
        owner = create_engine(with_driver(database.owner_url))
        try:
            yield ServiceDatabase(engine, owner, database.app_url.replace("+psycopg2", ""), database.owner_url)
        finally:
            engine.dispose()
            owner.dispose()
    finally:
        drop_databases(server_url, prefix, (service.name,))


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
