"""The sender: a process that brings deliveries to their receivers. Several may run at once, each takes what no other has.

A process of its own, so that slow receivers hold up neither callers nor the consumption of events, and so that an operator can
let this one alone out into the Internet.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Engine

from chassis.db.engine import make_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from chassis.ops import failpoints
from chassis.ops.health import Health
from chassis.ops.logging import configure
from chassis.ops.settings import settings
from chassis.service import Service
from gateway.webhooks import outgoing, signing
from gateway.webhooks.addresses import policy
from gateway.webhooks.client import Answer, Client
from gateway.webhooks.outgoing import Parcel

log = logging.getLogger("aftersales.gateway.sender")
T = TypeVar("T")

POLL = 0.4  # seconds between looks for what is due
ABREAST = 32  # calls at the same time
EACH = 4  # of them to one webhook: a slow receiver holds up itself
CONNECTIONS = 2
GRACE = 5.0  # seconds that calls in hand may take to end when asked to stop


class Sender:
    """Runs in one event loop; ``client`` makes the calls."""

    def __init__(self, engine: Engine, client: Client, health: Health | None = None) -> None:
        self._engine, self._client, self._health = engine, client, health
        self._threads = ThreadPoolExecutor(CONNECTIONS, "sender")
        self._calls: dict[asyncio.Task[None], Parcel] = {}
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Until stopped; then waits a moment for the calls in hand and gives back the rest."""
        while not self._stop.is_set():
            if self._health:
                self._health.beat("sender")
            try:
                taken = await self._take()
            except Exception as error:
                log.warning("looking for deliveries again: %s", repr(error))
                taken = 0
            if not taken:
                await self._rest()
        await self._end()

    async def _take(self) -> int:
        """Begins calls for what is due, as far as there is room; how many."""
        room = ABREAST - len(self._calls)
        if room <= 0:
            return 0
        busy = [parcel.webhook_id for parcel in self._calls.values()]
        parcels = await self._in_thread(lambda uow: outgoing.claim(uow, room, EACH, busy))
        for parcel in parcels:
            task = asyncio.create_task(self._bring(parcel))
            self._calls[task] = parcel
            task.add_done_callback(lambda done: self._calls.pop(done, None))
        return len(parcels)

    async def _rest(self) -> None:
        """Until something may be due, a call has ended and left room for more of its webhook, or it is time to stop."""
        waits: set[asyncio.Task[object]] = {asyncio.create_task(self._stop.wait())}
        stop = next(iter(waits))
        await asyncio.wait({*waits, *self._calls}, timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()

    async def _bring(self, parcel: Parcel) -> None:
        answer = await self._call(parcel)
        failpoints.hit("webhook.answered", parcel.id)
        try:
            await self._in_thread(lambda uow: outgoing.record(uow, parcel, answer))
        except Exception as error:  # the claim runs out, and the receiver will know the id
            log.warning("delivery %s is not written down: %s", parcel.id, repr(error))

    async def _call(self, parcel: Parcel) -> Answer:
        if not parcel.keys:
            return Answer(error="secret")
        id, now = str(parcel.id), int(time.time())
        return await self._client.post(parcel.url, signing.headers(parcel.keys, id, now, parcel.body), parcel.body)

    async def _in_thread(self, work: Callable[[UnitOfWork], T]) -> T:
        def run() -> T:
            with UnitOfWork(self._engine, Principal.system("gateway.sender")) as uow:
                return work(uow)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def _end(self) -> None:
        if self._calls:
            await asyncio.wait(list(self._calls), timeout=GRACE)
        given_up = list(self._calls.items())
        for task, _ in given_up:
            task.cancel()
        if given_up:
            with suppress(Exception):  # then the claims run out by themselves
                await self._in_thread(lambda uow: outgoing.release(uow, [parcel.claim for _, parcel in given_up]))
        await self._client.close()
        self._threads.shutdown(wait=True)


def run_sender(service: Service) -> None:
    """The sender's process: returns after SIGTERM."""
    configure(service.name, "sender", settings().log_level)
    health = Health()
    health.serve(settings().health_host, settings().health_port)
    engine = make_engine(settings().database_url(service.name), size=CONNECTIONS, application=f"{service.name}.sender")

    async def run() -> None:
        sender = Sender(engine, Client(policy()), health)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, sender.stop)
        await sender.run()

    asyncio.run(run())
    engine.dispose()
