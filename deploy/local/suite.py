"""A suite seen from outside its processes: where its API is, its databases, and the right to use both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import keys
from deploy.local.databases import Database, ensure_databases
from deploy.local.folder import DataFolder, FolderInUse
from deploy.local.postgres import EmbeddedPostgres

EMBEDDED, SERVERS = "embedded", "servers"


class Refused(Exception):
    """The command cannot be carried out as asked; the text says why. Exit code 2."""


@dataclass(frozen=True)
class Servers:
    """PostgreSQL and RabbitMQ given by URL instead of what is embedded."""

    database_url: str
    amqp_url: str
    prefix: str | None

    @classmethod
    def given(cls) -> Servers | None:
        """From the environment; None when neither is set, refused when only one is."""
        database, amqp = os.environ.get("AFTERSALES_DATABASE_URL"), os.environ.get("AFTERSALES_AMQP_URL")
        if bool(database) != bool(amqp):
            there, missing = ("DATABASE", "AMQP") if database else ("AMQP", "DATABASE")
            raise Refused(
                f"AFTERSALES_{there}_URL is set but AFTERSALES_{missing}_URL is not: set both to use servers, or neither"
            )
        return cls(database, amqp, os.environ.get("AFTERSALES_DATABASE_PREFIX")) if database and amqp else None

    def prefix_for(self, folder: DataFolder) -> str:
        """Start of the names of databases, roles, exchange and queues."""
        return self.prefix if self.prefix is not None else f"aftersales_{folder.id}_"


@dataclass(frozen=True)
class Suite:
    """``base_url`` is None when only the databases are up."""

    folder: DataFolder
    mode: str
    databases: dict[str, Database]
    base_url: str | None

    @classmethod
    @contextmanager
    def open(cls, folder: DataFolder | Path, *, running: bool = False) -> Iterator[Suite]:
        """The suite of a data folder, up or down. When it is down its databases are made reachable while the block
        runs (the embedded PostgreSQL is started and stopped again); with ``running`` that is refused instead."""
        folder = folder if isinstance(folder, DataFolder) else DataFolder(folder)
        if not folder.exists:
            raise Refused(f"{folder.path} holds no suite: run `./aftersales up` first")
        with ExitStack() as stack:
            state = folder.state if folder.locked else {}
            if state.get("ready"):
                keys.ensure_keyring(folder.keyring)
                databases = {name: Database(name, *urls) for name, urls in state["databases"].items()}
                yield cls(folder, state["mode"], databases, state["url"])
                return
            if running:
                raise Refused(f"the suite of {folder.path} is not up: run `./aftersales up` first")
            try:
                stack.enter_context(folder.lock(wait=5.0))
            except FolderInUse as error:
                raise Refused(f"{error}, which is not ready yet") from None
            mode, databases = stack.enter_context(databases_of(folder))
            yield cls(folder, mode, databases, None)

    def token(self, seconds: int = 900) -> str:
        """Access token of the command line, an administrator named ``cli``: whoever reads the data folder's signing key
        (mode 600) already is the suite's owner, so there is no password to keep."""
        return keys.command_line_token(self.folder.signing_key, seconds)


@contextmanager
def databases_of(folder: DataFolder) -> Iterator[tuple[str, dict[str, Database]]]:
    """Mode and databases of a folder that the caller has locked, created when missing; reachable while the block runs."""
    with server_of(folder) as (mode, server, prefix):
        yield mode, ensure_databases(server, prefix, folder.secret)


@contextmanager
def server_of(folder: DataFolder) -> Iterator[tuple[str, str, str]]:
    """Mode, server URL and prefix of the databases of a folder that the caller has locked; the server runs while the
    block does."""
    servers = Servers.given()
    folder.prepare()
    keys.ensure_keyring(folder.keyring)
    if servers:
        yield SERVERS, servers.database_url, servers.prefix_for(folder)
    else:
        with EmbeddedPostgres(folder.postgres, log=folder.logs / "postgres.log") as postgres:
            yield EMBEDDED, postgres.url(), ""


@contextmanager
def beside(folder: DataFolder) -> Iterator[tuple[str, str]]:
    """Server URL and prefix of a suite that may be up or down, for work that does not touch its databases."""
    state = folder.state if folder.locked else {}
    if not state.get("ready"):
        folder.prepare()
        with folder.lock(wait=5.0), server_of(folder) as (_, server, prefix):
            yield server, prefix
    elif state["mode"] == EMBEDDED:
        yield EmbeddedPostgres(folder.postgres).url(), ""
    elif servers := Servers.given():
        yield servers.database_url, servers.prefix_for(folder)
    else:
        raise Refused("the suite runs on servers: set the two variables as for `up`")
