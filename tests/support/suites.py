"""Starting suites the way an operator does: ``./aftersales up`` on a folder and a port of their own."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import ClassVar

import psutil

from chassis import crypto
from deploy.local import cli
from deploy.local.folder import DataFolder
from tests.support import prepared
from tests.support.client import Client
from tests.support.servers import Servers

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / "aftersales"
ADMIN_PASSWORD = "administrator-of-tests"
AT_ONCE = 2
"""Suites on one server: a third finds no connections left (`_on_servers`), which shows only as errors far from their cause."""
SERVER_VARIABLES = ("AFTERSALES_DATABASE_URL", "AFTERSALES_AMQP_URL", "AFTERSALES_DATABASE_PREFIX")


def free_port() -> int:
    """Below the ports that outgoing connections are given, so that none of them takes it before it is listened on."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("0.0.0.0", port))
            return port


def aftersales(*args: str, env: Mapping[str, str] | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """One command of the suite, run to its end."""
    return subprocess.run(
        [str(COMMAND), *args], env=environment(env or {}), cwd=ROOT, text=True, timeout=timeout,
        capture_output=True,
    )


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without servers it may name, plus ``extra``."""
    kept = {name: value for name, value in os.environ.items() if name not in SERVER_VARIABLES}
    return {**kept, "AFTERSALES_ADMIN_PASSWORD": ADMIN_PASSWORD, **extra}


class RunningSuite:
    """One suite, from ``up`` to its clean stop. ``servers`` None: the embedded default, in a folder that is prepared already unless the
    ``first_start`` is what is looked at."""

    command: ClassVar[list[str]] = [str(COMMAND)]
    on_servers: ClassVar[set[RunningSuite]] = set()

    def __init__(
        self, servers: Servers | None = None, *, folder: Path | None = None, extra: Mapping[str, str] | None = None,
        workers: int = 1, first_start: bool = False,
    ) -> None:
        self.servers = servers
        self.mode = "servers" if servers else "embedded"
        self.root = Path(tempfile.mkdtemp(prefix="aftersales-test-")) if folder is None else None
        self.data = folder or Path(str(self.root)) / "数据 of a suite"
        self.first_start = first_start
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.prefix = f"t{uuid.uuid4().hex[:8]}_"
        self.extra = dict(extra or {})
        self.workers = workers
        self.options = ["--workers", str(workers)] if servers else []
        self.process: subprocess.Popen[str] | None = None
        self.password = ADMIN_PASSWORD
        self.output: list[str] = []
        self.ready_after = 0.0

    @classmethod
    def attached(cls, folder: Path) -> RunningSuite:
        """A suite that somebody else runs: used, never stopped. Its administrator's password must be known here, from
        AFTERSALES_ADMIN_PASSWORD or the folder."""
        running = cls(folder=folder)
        running.data, running.base = folder, str(DataFolder(folder).state["url"])
        kept = DataFolder(folder).admin_password
        running.password = kept.read_text().strip() if kept.exists() else os.environ["AFTERSALES_ADMIN_PASSWORD"]
        return running

    @property
    def env(self) -> dict[str, str]:
        return environment({**(self._on_servers(self.servers) if self.servers else {}), **self.extra})

    def _on_servers(self, servers: Servers) -> dict[str, str]:
        """Two suites at once, and tests that ask the databases themselves, share the 97 connections that an ordinary server gives
        to roles like ours. Each service takes 2 for HTTP, 2 for relay and clock, and of each of its workers one for retries beside
        those that handle: one worker 7, two 8; with the gateway's own a suite comes to 40 or 45."""
        handling = 2 if self.workers == 1 else 1
        pools = {"AFTERSALES_POOL_SIZE": "2", "AFTERSALES_MAX_WORKERS": str(handling)}
        return {**servers.environment(self.prefix), **pools}

    def start(self, within: float = 90.0) -> RunningSuite:
        began = time.monotonic()
        if self.servers:
            beside = [other.data for other in self.on_servers - {self} if other.servers == self.servers]
            assert len(beside) < AT_ONCE, f"no connections left beside {beside}"
            self.on_servers.add(self)
        elif self.root and not self.first_start and not self.data.exists():
            prepared.lay(self.data, environment({}))
        self.process = subprocess.Popen(
            [*self.command, "up", "--data", str(self.data), "--port", str(self.port), *self.options],
            env=self.env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process, ready), daemon=True).start()
        while not ready.wait(0.1):
            late = time.monotonic() - began > within
            if self.process.poll() is not None or late:
                self.stop()
                raise AssertionError(f"up ({self.mode}) {'not ready' if late else 'ended'}:\n{self.tail()}")
        self.ready_after = time.monotonic() - began
        return self

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)
            if line.startswith(f"ready {self.base}"):
                ready.set()

    def tail(self, lines: int = 60) -> str:
        return "".join(self.output[-lines:])

    def stop(self) -> int | None:
        """Ctrl-C, and the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.on_servers.discard(self)
        return self.process.returncode

    def dispose(self) -> None:
        """Stop, and leave nothing: folder, databases, virtual host."""
        try:
            self.stop()
        finally:
            if self.servers is not None:
                self.servers.drop(self.prefix)
            if self.root is not None and not os.environ.get("AFTERSALES_KEEP"):  # set to look into the logs afterwards
                shutil.rmtree(self.root, ignore_errors=True)

    def client(self, **options: object) -> Client:
        return Client(self.base, "admin", self.password, **options)

    def run(self, *args: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """A command on this suite's folder: ``run("reconcile", "--json")``."""
        return subprocess.run(
            [str(COMMAND), *args, "--data", str(self.data)], env=self.env, cwd=ROOT, text=True,
            timeout=timeout, capture_output=True,
        )

    def here(self, *args: str) -> subprocess.CompletedProcess[str]:
        """The same command in this process, while the suite is up: without starting an interpreter, so ten times as quick, for what is
        asked again and again. That the program itself does so, one ``run`` each shows."""
        out, err = io.StringIO(), io.StringIO()
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = cli.main([*args, "--data", str(self.data)])
        finally:
            crypto.use(None)
        return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())

    def processes(self) -> dict[str, int]:
        """Name and pid of every process, as ``status`` tells."""
        shown = self.run("status")
        assert shown.returncode == 0, shown.stdout + shown.stderr
        rows = [line.split() for line in shown.stdout.splitlines()]
        return {row[0]: int(row[1]) for row in rows if len(row) >= 3 and row[1].isdigit() and row[2] == "running"}

    def pids(self) -> dict[str, int]:
        """The same from the folder itself: quick, for whoever asks often."""
        entries = DataFolder(self.data).state.get("processes", {})
        return {name: entry["pid"] for name, entry in entries.items() if psutil.pid_exists(entry["pid"])}

    def is_whole(self) -> bool:
        """No process is down, waiting to be started again."""
        return not DataFolder(self.data).state.get("down")

    def memory(self) -> int:
        """Bytes of the whole suite at rest: proportional set sizes of the supervisor and everything below it."""
        assert self.process is not None
        whole = [psutil.Process(self.process.pid)]
        whole += whole[0].children(recursive=True)
        return sum(process.memory_full_info().pss for process in whole)

