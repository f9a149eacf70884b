"""SIGKILL for every process of a suite once, in a random order at random moments, while others work."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

from tests.support.suites import RunningSuite

SPARED = {"supervisor"}  # its death is a story of its own: children die with it and ``up`` is called again
CONNECTIONS = "connections of RabbitMQ"


class Killer(threading.Thread):
    """``pause``: seconds between two kills, from and to. Where a broker is used its connections are cut once as well."""

    def __init__(self, suite: RunningSuite, pause: tuple[float, float], seed: int) -> None:
        super().__init__(daemon=True)
        self.suite, self.pause, self.seed = suite, pause, seed
        self.random = random.Random(seed)
        self.names = [name for name in suite.pids() if name not in SPARED]
        if suite.servers is not None:
            self.names.append(CONNECTIONS)
        self.random.shuffle(self.names)
        self.killed: list[str] = []

    def run(self) -> None:
        for name in self.names:
            time.sleep(self.random.uniform(*self.pause))
            if self._cut() if name == CONNECTIONS else self._kill(name):
                self.killed.append(name)

    def _cut(self) -> bool:
        return self.suite.servers is not None and self.suite.servers.cut_connections(self.suite.prefix)

    def _kill(self, name: str, within: float = 30.0) -> bool:
        """False when the process never came back to life to be killed."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            pid = self.suite.pids().get(name)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                return True
            time.sleep(0.2)
        return False
