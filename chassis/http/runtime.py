"""What the operations of one HTTP process share: database pool, threads, token verifier and the room for waiting requests."""

from __future__ import annotations

import asyncio
import contextvars
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Engine

from chassis.db.engine import make_engine, watched
from chassis.domain.errors import DomainError
from chassis.http.auth import Verifier
from chassis.ops.settings import settings
from chassis.service import Service

T = TypeVar("T")
WAIT_SECONDS = 3.0
WAITING_LIMIT = 64
_FIRST_DELAY, _LONGEST_DELAY = 0.01, 0.15

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=[,;]|$)", re.IGNORECASE | re.ASCII)


def patience(prefer: str | None) -> float:
    """Seconds that a caller would wait for another service's fact: ``Prefer: wait=N`` (RFC 7240) shortens the usual time."""
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), WAIT_SECONDS) if found else WAIT_SECONDS


class NotYet(Exception):
    """What is waited for has not come; never told to anybody."""

    waits = True


class Runtime:
    """Made before the fork, filled at first use in the process itself."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.waiting = 0

    @cached_property
    def engine(self) -> Engine:
        url = settings().database_url(self.service.name)
        return watched(
            self.service.name,
            make_engine(url, size=settings().pool_size, application=f"{self.service.name}.http"),
        )

    @cached_property
    def threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(settings().pool_size, thread_name_prefix=self.service.name)

    @cached_property
    def verifier(self) -> Verifier:
        return Verifier(settings().jwks, settings().revoked)

    def hear(self) -> None:
        """In the process that serves, before it does: what tokens became void."""
        if self.verifier.revoked is not None:
            self.verifier.revoked.start()

    async def in_thread(self, function: Callable[[], T]) -> T:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self.threads, lambda: context.run(function))

    async def patiently(self, function: Callable[[], T], seconds: float = WAIT_SECONDS) -> T:
        """Run in a thread; when the answer is an error that waits for another service's fact, run again until it came or
        the seconds are over. Between two tries neither thread nor connection is held; at most 64 requests wait at once."""
        loop = asyncio.get_running_loop()
        deadline, delay = 0.0, _FIRST_DELAY
        try:
            while True:
                try:
                    return await self.in_thread(function)
                except (DomainError, NotYet) as error:
                    if not error.waits or not seconds:
                        raise
                    if not deadline:
                        if self.waiting >= WAITING_LIMIT:
                            raise
                        self.waiting += 1
                        deadline = loop.time() + seconds
                    if loop.time() >= deadline:
                        raise
                await asyncio.sleep(delay)
                delay = min(delay * 1.6, _LONGEST_DELAY)
        finally:
            if deadline:
                self.waiting -= 1

    def close(self) -> None:
        if "verifier" in self.__dict__ and self.verifier.revoked is not None:
            self.verifier.revoked.stop()
        if "threads" in self.__dict__:
            self.threads.shutdown(wait=True)
        if "engine" in self.__dict__:
            self.engine.dispose()
