"""Limits kept in the memory of each process: connections and failed sign-ins per address, requests per caller, size of bodies."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chassis.domain.errors import MalformedJson, PayloadTooLarge, RateLimited, RequestTimeout
from chassis.ops.addresses import Addresses, readable

log = logging.getLogger("aftersales.gateway")
KEYS = 50_000
"""How many addresses or callers are remembered; the longest unseen is forgotten first."""


class Buckets:
    """Token buckets: ``burst`` at once, ``per_second`` in the long run, for each key."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self.burst = per_second, burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, key: str, cost: float = 1) -> None:
        """RateLimited when the bucket is empty; takes nothing."""
        left = self._left(key)
        if left < cost:
            raise RateLimited(max(1, math.ceil((cost - left) / self.per_second)))

    def take(self, key: str, cost: float = 1) -> None:
        """Takes one, whether it is there or not."""
        self._buckets[key] = (max(self._left(key) - cost, 0.0), self._clock())
        self._buckets.move_to_end(key)
        while len(self._buckets) > KEYS:
            self._buckets.popitem(last=False)

    def spend(self, key: str, rate: float | None = None) -> None:
        """Takes one; RateLimited when there is none. A ``rate`` below the common one makes each dearer, so that the same
        bucket gives ``rate`` per second, and as many seconds' worth at once as everybody has."""
        cost = max(1.0, self.per_second / rate) if rate else 1.0
        self.check(key, cost)
        self.take(key, cost)

    def _left(self, key: str) -> float:
        left, at = self._buckets.get(key, (self.burst, 0.0))
        return min(self.burst, left + (self._clock() - at) * self.per_second)


class Connections:
    """Open connections by the address of the peer. Trusted proxies may have any number, since behind them are many."""

    def __init__(self, limit: int, trusted: Addresses) -> None:
        self.limit, self._trusted = limit, trusted
        self._open: Counter[str] = Counter()
        self._warned: set[str] = set()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Connections:
        return cls(int(environment.get("AFTERSALES_CONNECTIONS_PER_ADDRESS", "256")), Addresses.of_environment(environment))

    def enter(self, address: str) -> str | None:
        """Whom to ``leave`` under ("" for who is not counted), or None: not another one. Said once in the log for each crowd."""
        if self._trusted.trusts(readable(address)):
            return ""
        whose = line(readable(address))
        if self._open[whose] >= self.limit:
            if whose not in self._warned:
                self._warned.add(whose)
                log.warning("%s has %d connections, more are refused", whose, self.limit)
            return None
        self._open[whose] += 1
        return whose

    def leave(self, whose: str) -> None:
        if whose:
            self._open[whose] -= 1
            if not self._open[whose]:
                del self._open[whose]
                self._warned.discard(whose)


def line(address: str) -> str:
    """What one subscriber has: an address of version 4, a /64 of version 6."""
    found = ipaddress.ip_address(address)
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


ROOM = 64 * 1024 * 1024
"""Bytes that bodies beyond the usual size may take in one process, all together."""
USUAL = 1024 * 1024
"""Bytes of a body that take no room: what every operation allows."""
ABREAST = 2
"""Larger bodies one caller may be sending at a time, so that nobody fills the room alone."""
PATIENCE, SLOWEST = 20.0, 32_768
"""Seconds a body may take to arrive, and bytes per second that lengthen it: a 10 MB file has five and a half minutes."""


class Room:
    """Memory for large bodies while they are read and sent on. What has arrived is counted, not what was announced: who
    announces much and sends nothing takes nothing."""

    def __init__(self, size: int = ROOM) -> None:
        self.left = size
        self.callers: Counter[str] = Counter()

    @contextmanager
    def place(self, caller: str) -> Iterator[Place]:
        """A place for one body of this caller."""
        place = Place(self, caller)
        try:
            yield place
        finally:
            place.leave()


class Place:
    """What one body takes of the room: nothing up to the usual size, then the whole of it."""

    def __init__(self, room: Room, caller: str) -> None:
        self._room, self._caller = room, caller
        self._arrived = self._taken = 0

    def take(self, size: int) -> None:
        """Another ``size`` bytes have arrived. RateLimited when there is no room for them, or the caller holds as many large
        bodies as he may."""
        self._arrived += size
        if self._arrived <= USUAL:
            return
        if not self._taken and self._room.callers[self._caller] >= ABREAST:
            raise RateLimited(2)
        wanted = self._arrived - self._taken
        if wanted > self._room.left:
            raise RateLimited(2)
        self._room.callers[self._caller] += not self._taken
        self._room.left -= wanted
        self._taken += wanted

    def leave(self) -> None:
        self._room.left += self._taken
        if self._taken:
            self._room.callers[self._caller] -= 1
            self._room.callers += Counter()  # drops who is at zero
        self._taken = 0


async def body(headers: Mapping[str, str], receive: Any, limit: int, place: Place | None = None) -> bytes:
    """The whole body, PayloadTooLarge as soon as it is known to exceed ``limit``: by its declared length before a byte
    is read, else (chunked) while reading. RequestTimeout when it arrives more slowly than anybody's line is."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise PayloadTooLarge(limit=limit)
    chunks: list[bytes] = []
    size, more, began = 0, True, time.monotonic()
    while more:
        try:
            async with asyncio.timeout(began + PATIENCE + size / SLOWEST - time.monotonic()):
                message = await receive()
        except TimeoutError:
            raise RequestTimeout() from None
        if message["type"] == "http.disconnect":
            raise MalformedJson("the body ended early")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise PayloadTooLarge(limit=limit)
        if place is not None:
            place.take(len(chunks[-1]))
        more = message.get("more_body", False)
    return b"".join(chunks)
