"""`bench streams`: many open event streams on one gateway process: what each costs, and how soon all have an event."""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import psutil
from rich.console import Console

from bench import meter, ratios
from chassis.db.engine import make_engine
from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.principal import Principal
from deploy.local.suite import Suite

KILOBYTES, MILLISECONDS = 50.0, 150.0
SETTLE = 2.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=2000, help="open at once (default 2000)")
    parser.add_argument("--events", type=int, default=50, help="told to all of them (default 50)")
    parser.add_argument("--pause", type=float, default=0.4, help="seconds between two events (default 0.4)")


def run(arguments: argparse.Namespace, running: Any) -> int:
    """0 when none missed an event and memory and delivery are within reach, else 1."""
    client = running.client()
    client.get("/me")
    with Suite.open(running.data, running=True) as suite:
        pid = suite.folder.state["processes"]["gateway.http"]["pid"]
        engine = make_engine(suite.databases["gateway"].app_url, size=1)
        try:
            return asyncio.run(_measure(arguments, running.base, str(client.token), pid, engine))
        finally:
            engine.dispose()


class Reader:
    """One stream; notes when each of the bench's events came."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.open = asyncio.Event()

    async def read(self, host: str, port: int, token: str) -> None:
        reader, writer = await asyncio.open_connection(host, port, limit=2**14)
        writer.write(f"GET /api/v1/streams/me HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        try:
            status = (await reader.readline()).split()[1]
            assert status == b"200", f"a stream is refused: {status.decode()}"
            while line := await reader.readline():
                if line.startswith(b"retry:"):
                    self.open.set()
                elif line.startswith(b'data: {"bench":'):
                    self.came[line.split(b'"')[3].decode()] = time.monotonic()
        finally:
            writer.close()


async def _measure(arguments: argparse.Namespace, base: str, token: str, pid: int, engine: Any) -> int:
    console, address = Console(highlight=False), urlsplit(base)
    host, port = str(address.hostname), int(address.port or 80)
    gateway = psutil.Process(pid)
    readers = [Reader() for _ in range(arguments.streams)]
    before = gateway.memory_full_info().uss
    tasks = []
    for start in range(0, len(readers), 100):  # as fast as the limit per caller lets them in
        some = readers[start:start + 100]
        tasks += [asyncio.create_task(one.read(host, port, token)) for one in some]
        await asyncio.wait_for(asyncio.gather(*(one.open.wait() for one in some)), 60)
    await asyncio.sleep(SETTLE)
    each = (gateway.memory_full_info().uss - before) / 1024 / len(readers)
    cpu, told = meter.cpu(pid, False), {}
    for _ in range(arguments.events):
        name = str(new_id())
        await asyncio.to_thread(_tell, engine, name)
        told[name] = time.monotonic()
        await asyncio.sleep(arguments.pause)
    await asyncio.sleep(SETTLE)
    spent = (meter.cpu(pid, False) - cpu) * 1e6 / (len(readers) * len(told))
    ended = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    late = sorted((one.came[name] - at) * 1000 for one in readers for name, at in told.items() if name in one.came)
    missed = len(readers) * len(told) - len(late)
    console.print(f"{len(readers)} streams, {len(told)} events to all: {missed} missed, {len(ended)} streams broke off, "
                  f"{spent:.0f} µs CPU of the gateway for one delivery")
    rows = [
        ratios.Ratio("memory of one stream, KB", each, KILOBYTES, 1.0),
        ratios.Ratio("p95 of delivery, ms", ratios.p95(late) if late else float("inf"), MILLISECONDS, 1.0),
    ]
    return 0 if ratios.show(console, "streams", "measured", "may be", rows) and not missed and not ended else 1


def _tell(engine: Any, name: str) -> None:
    from gateway.streams import stream_event

    with UnitOfWork(engine, Principal.system("bench")) as uow:
        event = stream_event.StreamEvent(
            org_path="/HQ/", kind="notice", subject=new_id(), version=1, audience=None, data={"bench": name}, at=datetime.now(UTC)
        )
        stream_event.append(uow, event)
