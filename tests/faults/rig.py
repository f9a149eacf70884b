"""What a campaign breaks: a suite of its own on a PostgreSQL and, with servers, a RabbitMQ of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import psutil
import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import make_url

from deploy.local.databases import Database
from deploy.local.folder import DataFolder
from deploy.local.postgres import EmbeddedPostgres
from tests.faults.clock import Clock
from tests.faults.disk import Disk
from tests.faults.launcher import PLANT
from tests.faults.schedule import EMBEDDED, SERVERS
from tests.support.suites import ROOT, RunningSuite

RETRY_LIMIT = 10
"""Attempts until an event is parked: about two minutes, so that what was made poison is parked when the run ends."""


class Suite(RunningSuite):
    """Started by the campaign's own launcher, with its points, plant and clock."""

    command: ClassVar[list[str]] = [sys.executable, "-P", "-m", "tests.faults.launcher"]

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "MALLOC_ARENA_MAX": "2"}


class Rig:
    """``start`` before anything else, ``dispose`` at the end whatever happened."""

    mode = EMBEDDED

    def __init__(self, plant: str = "", environment: Mapping[str, str] | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="aftersales-faults-"))
        self.points = self.root / "points"
        self.points.mkdir()
        self.disk, self.clock = Disk(self.root / "small disk"), Clock(self.root)
        self.environment = {
            "AFTERSALES_FAILPOINTS": str(self.points), "AFTERSALES_RETRY_LIMIT": str(RETRY_LIMIT), PLANT: plant,
            **(environment or {}),
        }
        self._suite: Suite | None = None

    @property
    def suite(self) -> Suite:
        assert self._suite is not None, "not started"
        return self._suite

    @property
    def offers(self) -> list[str]:
        """What of ``schedule.Kind.needs`` this machine has; known once started."""
        there = (("disk", self.disk.mounted), ("clock", self.clock.preloaded is not None))
        return [name for name, is_there in there if is_there]

    def start(self) -> None:
        self.disk.mount()
        self.environment |= self.clock.environment
        self._suite = self._make_suite()
        self.suite.start(within=180.0)

    def _make_suite(self) -> Suite:
        return Suite(folder=self.disk.folder / "数据 of a suite", extra=self.environment)

    def dispose(self) -> None:
        try:
            if self._suite is not None:
                self.resume_all()
                self.suite.stop()
        finally:
            self._stop_servers()
            if not os.environ.get("AFTERSALES_KEEP"):  # set to look into the logs afterwards
                self.disk.unmount()
                shutil.rmtree(self.root, ignore_errors=True)

    def _stop_servers(self) -> None:
        """Nothing but the suite was started here."""

    def tend(self) -> None:
        """What an operator does meanwhile: a server that gave up, for want of room on its disk say, is started again. Here the
        supervisor does."""

    def heal(self) -> None:
        """Whatever of the servers is down comes up: here the supervisor sees to it."""

    def undelivered(self) -> Iterator[str]:
        """What waits between outbox and inbox: nothing is between them here."""
        return iter(())

    def dead_letters(self) -> Iterator[tuple[str, bytes]]:
        """(service, body) of messages that were none."""
        return iter(())

    # -- processes ---------------------------------------------------------------------------------------------
    def pid(self, name: str, within: float = 20.0) -> int:
        """Of a process of the suite, waiting until it has been started again. Raises TimeoutError."""
        deadline = time.monotonic() + within
        while (pid := self.pids().get(name)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not come back within {within:g} s")
            time.sleep(0.05)
        return pid

    def pids(self) -> dict[str, int]:
        """By name, those that run; the supervisor rewrites the file while we read."""
        with suppress(json.JSONDecodeError, psutil.Error):
            return {name: pid for name, pid in self.suite.pids().items() if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE}
        return {}

    def resume_all(self) -> None:
        """SIGCONT for whoever may still be stopped."""
        for pid in [*self.pids().values(), *self._server_pids()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _server_pids(self) -> list[int]:
        with suppress(psutil.Error, OSError):
            return [process.pid for process in psutil.Process(self.postmaster()).children()]
        return []

    # -- PostgreSQL --------------------------------------------------------------------------------------------
    def postmaster(self) -> int:
        return self.pid("postgres")

    def revive_database(self) -> None:
        """After it was stopped or crashed: here the supervisor does it."""

    def databases(self) -> dict[str, Database]:
        state = DataFolder(self.suite.data).state
        return {name: Database(name, *urls) for name, urls in state["databases"].items()}

    def administrator(self) -> str:
        """libpq connection string of the superuser, past any proxy."""
        return EmbeddedPostgres(DataFolder(self.suite.data).postgres).dsn()

    def name_of(self, service: str) -> str:
        """Of its database on the server."""
        return str(make_url(self.databases()[service].owner_url).database)

    @contextmanager
    def connected(self, service: str = "") -> Iterator[Any]:
        """A cursor as superuser, in a service's database or that of administration, every statement committed."""
        dsn = psycopg2.extensions.parse_dsn(self.administrator())
        if service:
            dsn["dbname"] = self.name_of(service)
        with closing(psycopg2.connect(**{**dsn, "application_name": "campaign"})) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def rows(self, service: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.connected(service) as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def set_open(self, service: str, is_open: bool) -> None:
        """Whether a service's database lets anybody in; closing it ends who is in."""
        name = self.name_of(service)
        with self.connected() as cursor:
            cursor.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(sql.Identifier(name), sql.SQL(str(is_open))))
            if not is_open:
                cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


def patiently(work: Callable[[], None], within: float = 60.0) -> None:
    """Undoing a fault must not fail because another one is still being healed."""
    deadline = time.monotonic() + within
    while True:
        try:
            return work()
        except (psycopg2.Error, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def make(mode: str, plant: str = "", environment: Mapping[str, str] | None = None, nodes: int = 1) -> Rig:
    if mode == SERVERS:
        from tests.faults.servers import ServersRig

        return ServersRig(plant, environment, nodes=nodes)
    return Rig(plant, environment)
