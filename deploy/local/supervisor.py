"""The supervisor of a local suite: loads the code once, forks every process from itself, starts again what dies.

It holds no thread, no connection and no event loop, so a fork is always clean. Whatever needs a database (roles,
migrations, first administrator) is done by a child that ends before the others begin.
"""

from __future__ import annotations

import contextlib
import gc
import http.client
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType

import uuid_utils

from chassis.crypto import RingError
from chassis.db.migrate import SchemaMismatch
from chassis.ops import metrics
from deploy import prepare
from deploy.local import demo, keys
from deploy.local.children import Child, identity, kill_noted
from deploy.local.databases import database_urls, ensure_databases
from deploy.local.folder import DataFolder
from deploy.local.logs import trim
from deploy.local.postgres import EmbeddedPostgres, PostgresError
from deploy.local.processes import Plan, Process
from deploy.local.suite import EMBEDDED, SERVERS, Refused, Servers

log = logging.getLogger("aftersales.supervisor")

START_LIMIT = 90.0
HOUSEKEEPING = 10.0
# A stop takes 20 s at most: the gateway lets its calls end, then everything else, PostgreSQL last.
GATEWAY_STOP, OTHERS_STOP = 7.0, 8.0

# Random state would be the same in every fork: ids made by two processes could be equal.
os.register_at_fork(after_in_child=uuid_utils.reseed_rng)


class StartFailed(Exception):
    """The suite did not become ready; the text holds the last words of what failed."""


@dataclass
class Supervisor:
    """Runs one suite on a folder that the caller has locked (``lock`` is the descriptor of the lock)."""

    folder: DataFolder
    lock: int
    plan: Plan
    servers: Servers | None
    admin_password: str
    announce: Callable[[str], None]
    """Tells the user one line: a generated password, or that the suite is ready."""
    demo: bool = False
    """Whether to load the demonstration data before the suite counts as ready, once in the folder's life."""

    def __post_init__(self) -> None:
        self.mode = SERVERS if self.servers else EMBEDDED
        self.postgres: EmbeddedPostgres | None = None
        self.children: list[Child] = []
        self.ready = self.stopping = False
        self._unsaid = False  # whether the state in the folder is older than we are
        self._server = self._prefix = ""
        self._loader: Child | None = None
        self._password_line = ""
        self._postgres_due = 0.0
        self._wake_read, self._wake_write = socket.socketpair()

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Everything it started is gone when it returns or raises."""
        self._take_signals()
        try:
            self._prepare()
            self._loop()
        finally:
            self._tell_password()  # a first start that did not become ready has made it all the same
            self._stop()

    # ---------------------------------------------------------------- start

    def _prepare(self) -> None:
        keys.ensure_signing_key(self.folder.signing_key, self.folder.public_keys)
        keys.ensure_keyring(self.folder.keyring)
        if self.servers:
            self._server, self._prefix = self.servers.database_url, self.servers.prefix_for(self.folder)
        else:
            self.postgres = EmbeddedPostgres(self.folder.postgres, log=self.folder.logs / "postgres.log")
        self._start_server()
        preparing = Child(Process("prepare", self._databases, dict(os.environ)), self.folder.logs / "prepare.log")
        preparing.log.unlink(missing_ok=True)
        preparing.fork(self._descriptors())
        self.children = [preparing]  # so that a stop meanwhile ends it
        self._write_state()
        self.plan.preload()
        while (code := preparing.reap()) is None and not self.stopping:
            self._wait(0.05)
        if self.stopping:
            return
        self.children = []
        words = preparing.log.read_text(errors="replace").strip()
        if code == prepare.REFUSED:
            raise Refused(words.splitlines()[-1])
        if code not in (0, prepare.ADMINISTRATOR_MADE):
            raise StartFailed(f"the databases could not be made ready:\n{words[-3000:]}")
        if code == prepare.ADMINISTRATOR_MADE:
            password = self.folder.admin_password.read_text()
            self._password_line = f"administrator admin, password {password} (kept in {self.folder.admin_password})"
            if self.postgres:  # one that has just made the schema keeps some 30 MB of it in its buffers
                self.postgres.stop()
                self._start_server()
        self.children = [
            Child(process, self.folder.logs / f"{process.name}.log") for process in self.plan.processes()
        ]
        gc.collect()
        gc.freeze()  # what is loaded now stays shared: the collector would write into its pages

    def _start_server(self) -> None:
        if self.postgres:
            self.postgres.start()
            self._server = self.postgres.url()
        self.plan.databases = database_urls(self._server, self._prefix, self.folder.secret)

    def _databases(self) -> None:
        """In a child: roles, schema, first administrator."""
        databases = ensure_databases(self._server, self._prefix, self.folder.secret)
        try:
            prepare.migrate_all(databases)
        except (SchemaMismatch, RingError) as error:
            print(error, file=sys.stderr)
            raise SystemExit(prepare.REFUSED) from None
        raise SystemExit(prepare.ensure_administrator(databases["gateway"], self.admin_password, self.folder))

    def _tell_password(self) -> None:
        line, self._password_line = self._password_line, ""
        if line:
            self.announce(line)

    # ---------------------------------------------------------------- watching

    def _loop(self) -> None:
        began, housekeeping = time.monotonic(), 0.0
        while not self.stopping:
            changed = self._reap()
            changed |= self._start_due()
            if changed or self._unsaid:
                self._write_state()
            if not self.ready and self._all_ready() and self.plan.consuming() and self._demo_loaded():
                self.ready = True
                self._write_state()
                log.info("ready after %.1f s", time.monotonic() - began)
                self._tell_password()  # last before `ready`, where it is looked for
                self.announce(f"ready {self.plan.url}")
            if not self.ready and time.monotonic() - began > START_LIMIT:
                raise StartFailed(self._what_is_missing())
            if time.monotonic() - housekeeping > HOUSEKEEPING:
                housekeeping = time.monotonic()
                with contextlib.suppress(OSError):  # no room for the older part
                    trim(self.folder.logs)
            self._wait(0.05 if not self.ready else self._pause())

    def _reap(self) -> bool:
        changed = False
        for child in self.children:
            code = child.reap()
            if code is not None:
                changed = True
                log.warning("%s ended with %d, start again in %.1f s", child.name, code,
                            max(0.0, child.due - time.monotonic()))
        return changed

    def _start_due(self) -> bool:
        changed = self._revive_postgres()
        now = time.monotonic()
        for child in self.children:
            if child.pid is None and child.due <= now:
                child.fork(self._descriptors(keep=child.process.listening))
                metrics.PROCESS_STARTS.labels(child.name).inc()
                changed = True
        return changed

    def _revive_postgres(self) -> bool:
        server = self.postgres
        if server is None or (server.process and server.process.poll() is None) or time.monotonic() < self._postgres_due:
            return False
        log.warning("PostgreSQL ended, starting it again")
        self._postgres_due = time.monotonic() + 2.0
        try:
            server.start()
        except (PostgresError, OSError):
            log.exception("PostgreSQL does not start")
        return True

    def _all_ready(self) -> bool:
        for child in self.children:
            if not child.ready and child.pid is not None and child.process.listening is not None:
                child.ready = _answers(child.process.listening.getsockname()[1], child.process.ready or "/")
        return all(child.ready for child in self.children) and _answers(self.plan.port, "/", below=500)

    def _demo_loaded(self) -> bool:
        """Whether the demonstration data is in, or not wanted. A child loads it; a failure is told and not repeated."""
        if self._loader is None:
            if not self.demo or demo.is_loaded(self.folder):
                return True
            load = partial(demo.load, self.folder, self.plan.url)
            self._loader = Child(Process("demo", load, dict(os.environ)), self.folder.logs / "demo.log")
            self._loader.fork(self._descriptors())
        code = self._loader.reap()
        if code:
            self.announce(f"the demonstration data could not be loaded, see {self._loader.log}")
        elif code == 0:
            self.announce(f"demonstration data loaded; its users are in {self.folder.path / 'demo-users'}")
        return code is not None

    def _pause(self) -> float:
        due = [child.due for child in self.children if child.pid is None]
        return min(max(0.01, min(due, default=float("inf")) - time.monotonic()), 1.0)

    def _what_is_missing(self) -> str:
        lines = [f"not ready after {START_LIMIT:g} s"]
        for child in self.children:
            if not child.ready:
                words = child.log.read_text(errors="replace")[-1500:] if child.log.exists() else ""
                lines.append(f"--- {child.name} ({child.log})\n{words}")
        return "\n".join(lines)

    # ---------------------------------------------------------------- stop

    def _stop(self) -> None:
        """The gateway first, so that calls in hand can end; then the others; PostgreSQL last. Never raises."""
        front = [child for child in self.children if child.name == "gateway.http"]
        if listening := self.plan.sockets.get("gateway"):
            listening.close()  # else callers would still be let into its queue, where nobody serves them any more
        try:
            if self._loader is not None:
                self._end([self._loader], 0.0)
            self._end(front, GATEWAY_STOP)
            self._end([child for child in self.children if child not in front], OTHERS_STOP)
        finally:
            if self.postgres is not None:
                self.postgres.stop()
            self.folder.write_state(None)
            log.info("stopped")

    def _end(self, children: list[Child], patience: float) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while any(child.pid for child in children):
            for child in children:
                child.reap()
                if time.monotonic() > deadline:
                    child.signal(signal.SIGKILL)
            time.sleep(0.02)

    # ---------------------------------------------------------------- small things

    def _take_signals(self) -> None:
        """Signals wake the loop through a socket; nothing else happens in a handler."""
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping = True

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _wait(self, seconds: float) -> None:
        select.select([self._wake_read], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while self._wake_read.recv(1024):
                pass

    def _descriptors(self, keep: socket.socket | None = None) -> list[int]:
        """What a child must not hold: the folder's lock, our wake-up, the others' sockets."""
        sockets = [listening.fileno() for listening in self.plan.sockets.values() if listening is not keep]
        return [self.lock, self._wake_read.fileno(), self._wake_write.fileno(), *sockets]

    def _write_state(self) -> None:
        for child in self.children:
            metrics.PROCESS_UP.labels(child.name).set(child.pid is not None)
        processes = {"supervisor": identity(os.getpid())}
        if self.postgres is not None and self.postgres.process is not None:
            processes["postgres"] = identity(self.postgres.process.pid)
        processes |= {child.name: identity(child.pid) for child in self.children if child.pid is not None}
        state = {
            "pid": os.getpid(), "url": self.plan.url, "mode": self.mode, "ready": self.ready, "processes": processes,
            "down": [child.name for child in self.children if child.pid is None],
            "databases": {name: [d.owner_url, d.app_url] for name, d in self.plan.databases.items()},
        }
        try:
            self.folder.write_state(state)
            self._unsaid = False
        except OSError as error:  # a full disk: what runs goes on, and is noted when there is room again
            log.warning("the state of the suite could not be written: %s", error.strerror)
            self._unsaid = True


def clear_leftovers(folder: DataFolder) -> None:
    """Ends what a killed supervisor of this folder left behind (PostgreSQL clears up after itself)."""
    noted = folder.state.get("processes", {})
    left = kill_noted(entry for name, entry in noted.items() if name not in ("supervisor", "postgres"))
    if left:
        log.warning("%d processes of a killed suite were still running", len(left))
    folder.write_state(None)


def _answers(port: int, path: str, below: int = 300) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < below
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
