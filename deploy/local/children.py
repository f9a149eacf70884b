"""One child of the supervisor: forked with its environment and log, started again with growing delay when it dies."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import psutil

from chassis.ops import metrics
from deploy.local.processes import Process

FIRST_DELAY, LONGEST_DELAY = 0.1, 15.0
STEADY = 20.0
"""Seconds after which a process counts as well again: its next death is answered at once."""
_DEATH_SIGNAL, _NAME = 1, 15  # prctl


class Child:
    """``pid`` is None while it is down; ``due`` is when it may be started (again)."""

    def __init__(self, process: Process, log: Path) -> None:
        self.process, self.log = process, log
        self.pid: int | None = None
        self.started = self.due = 0.0
        self.deaths = 0
        self.ready = False

    @property
    def name(self) -> str:
        return self.process.name

    def fork(self, close: Iterable[int]) -> None:
        """Starts it; ``close`` are descriptors of the supervisor that it must not hold."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.started, self.ready = time.monotonic(), self.process.ready is None
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(parent, close)
        self.pid = pid

    def reap(self) -> int | None:
        """Its exit status (negative: signal) when it has ended since; plans the next start."""
        if self.pid is None:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        now = time.monotonic()
        self.deaths = 1 if now - self.started > STEADY else self.deaths + 1
        self.due = now + (0.0 if self.deaths == 1 else min(LONGEST_DELAY, FIRST_DELAY * 2.0**self.deaths))
        metrics.gone(self.pid)
        self.pid, self.ready = None, False
        return os.waitstatus_to_exitcode(status)

    def signal(self, number: int) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _become(self, parent: int, close: Iterable[int]) -> NoReturn:
        """In the child: from here on nothing of the supervisor's life goes on but its memory."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            die_with_parent(parent, self.name)
            os.setsid()  # Ctrl-C in a terminal reaches the supervisor only: it stops the others in order
            for descriptor in close:
                os.close(descriptor)
            redirect(self.log)
            os.environ.clear()
            os.environ.update(self.process.environment)
            settings_of_this_process()
            self.process.run()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)


def die_with_parent(parent: int, name: str) -> None:
    """Asks Linux to kill us when the supervisor dies; what slips through is cleared at the next start."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_DEATH_SIGNAL, int(signal.SIGKILL))
        libc.prctl(_NAME, name[:15].encode())
    if os.getppid() != parent:
        os._exit(0)


def redirect(log: Path) -> None:
    """Standard output and error go to the log, standard input to nowhere."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    os.close(nothing)


def settings_of_this_process() -> None:
    from chassis.ops.settings import settings

    settings.cache_clear()


def identity(pid: int) -> dict[str, float]:
    """A process as it is noted in the data folder: pids are used again, pid and start time together are not."""
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {"pid": pid, "started": 0.0}


def kill_noted(noted: Iterable[dict[str, float]]) -> list[int]:
    """Kills processes noted by an earlier supervisor that still run, and waits until they are gone."""
    left = []
    for entry in noted:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(int(entry["pid"]))
            same = abs(process.create_time() - entry["started"]) < 0.1
            if same and process.status() != psutil.STATUS_ZOMBIE:
                process.kill()
                left.append(process)
    psutil.wait_procs(left, timeout=5)
    return [process.pid for process in left]
