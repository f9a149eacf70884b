"""Loops of a background process (relay, worker, courier): in goes a job that gives the seconds until it is to run again, and a flag
that ends it; a job that fails runs again, since what it needs may be back."""

from __future__ import annotations

import logging
import os
import random
import select
import signal
from collections.abc import Callable
from time import monotonic
from types import FrameType

from chassis.ops.health import Health

log = logging.getLogger(__name__)

MEASURE = 5.0  # seconds between measurements of what waits


class Stop:
    """A flag that every thread can wait on beside its sockets; once set it stays set."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.is_set = False

    def set(self) -> None:
        if not self.is_set:
            self.is_set = True
            os.write(self._write, b"x")  # never read: the pipe stays readable for everybody

    def wait(self, seconds: float) -> bool:
        """Sleeps up to so many seconds; whether to stop."""
        if not self.is_set:
            select.select([self._read], [], [], seconds)
        return self.is_set

    def on_signals(self) -> None:
        """Set by SIGTERM and SIGINT: finish what is in hand, then end."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def fileno(self) -> int:
        return self._read


class Every:
    """For what a loop does now and then."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, 0.0

    def due(self) -> bool:
        """Whether so many seconds have passed since it last was."""
        if monotonic() < self._next:
            return False
        self._next = monotonic() + self._seconds
        return True


def repeat(name: str, job: Callable[[], float], stop: Stop, health: Health) -> None:
    """Runs the job until ``stop``. What it raises is logged; the pause after it differs, so that many who lost the same server do not
    come back at one moment."""
    while not stop.is_set:
        health.beat(name)
        try:
            pause = job()
        except Exception as error:
            log.warning("%s begins again: %r", name, error)
            pause = random.uniform(0.5, 1.5)
        stop.wait(pause)
