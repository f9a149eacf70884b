"""What a local suite consists of: every process with its environment, its socket and what it runs."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Pool, event

from chassis.http import revoked
from chassis.service import suite
from deploy import process
from deploy.local.databases import Database
from deploy.local.folder import DataFolder

# The user's settings of this prefix reach every process, but for what differs from process to process or is secret.
OWN = ("SERVICE", "DATABASE_", "AMQP_", "URL_", "GATEWAY_URL", "JWKS", "REVOKED", "SIGNING_KEY", "KEYRING", "ADMIN_PASSWORD", "HEALTH_PORT")
PREFIX = "AFTERSALES_"
POOL_SIZE = "6"
"""Connections (and threads) of each HTTP process: enough for the few cores of one machine, and each costs memory in
PostgreSQL for as long as it lives."""

REQUESTS_YIELD = 10
"""Niceness of the HTTP processes (a tenth of the others' weight): where the cores do not suffice for all, what was told is handled before more is accepted."""


@dataclass
class Process:
    """``run`` is called in the forked child and ends with it; ``ready`` is a path that answers 200 when it serves."""

    name: str
    run: Callable[[], None]
    environment: Mapping[str, str]
    listening: socket.socket | None = None
    ready: str | None = None


@dataclass
class Plan:
    """Everything needed to run a suite on its databases; the sockets are bound here, before any fork, so that a process
    that is started again keeps its address and callers wait in its queue meanwhile."""

    folder: DataFolder
    port: int
    databases: Mapping[str, Database] = field(default_factory=dict)
    amqp_url: str | None = None
    amqp_prefix: str = ""
    workers: int = 1
    sockets: dict[str, socket.socket] = field(default_factory=dict)

    def bind(self) -> None:
        for name in process.HTTP:
            self.sockets[name] = listen(self.port if name == "gateway" else 0)
        self.port = self.sockets["gateway"].getsockname()[1]

    @property
    def url(self) -> str:
        return self.url_of("gateway")

    def url_of(self, name: str) -> str:
        return f"http://127.0.0.1:{self.sockets[name].getsockname()[1]}"

    def preload(self) -> None:
        """Imports what the processes share and builds their applications, once for all forks. Opens nothing."""
        os.environ[f"{PREFIX}GATEWAY_URL"] = self.url  # the console's application is built with it
        import uvicorn.lifespan.on
        import uvicorn.loops.uvloop
        import uvicorn.protocols.http.httptools_impl  # noqa: F401

        self._applications = {name: process.application(name) for name in process.HTTP}
        import gateway.webhooks.sender  # noqa: F401
        from chassis.messaging import courier, relay  # noqa: F401  # imported once, before the fork
        from chassis.messaging.registry import subscriptions, timers

        self._services = {service.name: service for service in suite()}
        for service in self._services.values():
            subscriptions(service), timers(service)

    def consuming(self) -> bool:
        """Whether events are being handled: of the workers on a broker every service has one at its queue. The courier
        begins as soon as it is forked."""
        if not self.amqp_url:
            return True
        from chassis.messaging import topology

        return topology.consumed(self.amqp_url, [f"{self.amqp_prefix}.{name}" for name in self._services])

    def processes(self) -> list[Process]:
        """In the order of start: whoever is called first."""
        own = tuple(PREFIX + name for name in OWN)
        common = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        common.setdefault(f"{PREFIX}POOL_SIZE", POOL_SIZE)
        common[f"{PREFIX}JWKS"] = str(self.folder.public_keys)
        common[f"{PREFIX}REVOKED"] = f"{self.url}{revoked.PATH}"
        if self.amqp_url:
            common |= {f"{PREFIX}AMQP_URL": self.amqp_url, f"{PREFIX}AMQP_PREFIX": self.amqp_prefix}
        common[f"{PREFIX}KEYRING"] = str(self.folder.keyring)
        return [
            *(self._http(name, common) for name in process.HTTP),
            *(self._messengers(common) if self.amqp_url else [self._courier(common)]),
            self._sender(common),
        ]

    def _http(self, name: str, common: Mapping[str, str]) -> Process:
        environment = {**common, f"{PREFIX}SERVICE": name}
        if name == "console":
            environment[f"{PREFIX}GATEWAY_URL"] = self.url
            del environment[f"{PREFIX}KEYRING"]
        else:
            environment |= self._database(name)
        if name == "gateway":
            environment[f"{PREFIX}SIGNING_KEY"] = str(self.folder.signing_key)
            environment |= {f"{PREFIX}URL_{other.upper()}": self.url_of(other)
                            for other in process.HTTP if other != "gateway"}
        listening = self.sockets[name]
        run = partial(_serve, name, self._applications[name], listening, server_is_ours=not self.amqp_url)
        ready = "/ready" if name == "console" else "/readyz"
        return Process(f"{name}.http", run, environment, listening, ready)

    def _courier(self, common: Mapping[str, str]) -> Process:
        environment = dict(common)
        for name in process.WITH_DATABASE:
            environment |= self._database(name)
        return Process("courier", partial(_courier, list(self._services.values())), environment)

    def _messengers(self, common: Mapping[str, str]) -> list[Process]:
        found = []
        for name in process.WITH_DATABASE:
            environment = {**common, **self._database(name), f"{PREFIX}SERVICE": name}
            found.append(Process(f"{name}.relay", partial(_relay, self._services[name]), environment))
            for number in range(1, self.workers + 1):
                suffix = f"-{number}" if number > 1 else ""
                found.append(Process(f"{name}.worker{suffix}", partial(_worker, name), environment))
        return found

    def _sender(self, common: Mapping[str, str]) -> Process:
        environment = {**common, **self._database("gateway"), f"{PREFIX}SERVICE": "gateway"}
        return Process("gateway.sender", partial(_sender, self._services["gateway"]), environment)

    def _database(self, name: str) -> dict[str, str]:
        return {f"{PREFIX}DATABASE_URL_{name.upper()}": self.databases[name].app_url}


def listen(port: int) -> socket.socket:
    """A listening socket on this machine only. Raises OSError when the port is taken."""
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


def _serve(name: str, app: Any, listening: socket.socket, *, server_is_ours: bool) -> None:
    make_yield(os.getpid())
    if server_is_ours:
        event.listen(Pool, "connect", lambda driver, _record: make_yield(driver.info.backend_pid))
    process.serve(name, app, listening)


def make_yield(pid: int) -> None:
    """A process that serves requests, or a backend of our server that works for one, lets others go first. Each is a session of
    its own, and Linux weighs sessions before it weighs what is in them (sched_autogroup): so both are told. Where the
    system refuses, nobody waits for it."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, REQUESTS_YIELD)
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(REQUESTS_YIELD))


def _courier(services: list[Any]) -> None:
    from chassis.messaging.courier import run_courier

    run_courier(services)


def _relay(service: Any) -> None:
    from chassis.messaging.relay import run_relay

    run_relay(service)


def _sender(service: Any) -> None:
    from gateway.webhooks.sender import run_sender

    run_sender(service)


def _worker(name: str) -> None:
    """A program of its own: eventlet must replace what it replaces before anything else is imported."""
    os.execve(sys.executable, [sys.executable, "-P", "-m", f"{process.package(name)}.worker"], dict(os.environ))
