"""The same world on real PostgreSQL and RabbitMQ, with the gateway several times: what holds in one process on one machine may
not hold there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from deploy import process
from deploy.local.folder import DataFolder
from tests.conftest import servers_for
from tests.security.conftest import WIDE
from tests.security.matrix.world import World
from tests.support.databases import databases
from tests.support.suites import ROOT, RunningSuite, free_port

GUNICORN_WORKERS = 2


@pytest.fixture(scope="package")
def guarded() -> Iterator[RunningSuite]:
    running = RunningSuite(servers_for("servers"), extra=WIDE, workers=2)
    try:
        yield running.start()
    finally:
        running.dispose()


@pytest.fixture(scope="package")
def world(guarded: RunningSuite) -> World:
    return World(guarded)


@pytest.fixture(scope="package")
def gateways(world: World) -> Iterator[list[str]]:
    """Addresses of the suite's own gateway and of another beside it, run as the image runs it: gunicorn, two processes."""
    suite, port = world.suite, free_port()
    folder = DataFolder(suite.data)
    environment = {
        **suite.env, **WIDE, "AFTERSALES_SERVICE": "gateway", "PORT": str(port), "WEB_CONCURRENCY": str(GUNICORN_WORKERS), "PYTHONPATH": str(ROOT),
        "AFTERSALES_DATABASE_URL_GATEWAY": databases(suite)["gateway"].app_url, "AFTERSALES_SIGNING_KEY": str(folder.signing_key),
        "AFTERSALES_KEYRING": str(folder.keyring), "AFTERSALES_URL_CONSOLE": world.upstream("console"),
        **{f"AFTERSALES_URL_{name.upper()}": world.upstream(name) for name in process.SERVICES},
    }
    with (folder.logs / "gateway-beside.log").open("wb") as log:
        beside = subprocess.Popen([sys.executable, "-m", "deploy.process", "http", "gateway"], env=environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_ready(f"http://127.0.0.1:{port}/readyz", beside)
        yield [suite.base, f"http://127.0.0.1:{port}"]
    finally:
        beside.terminate()
        beside.wait(20)


def wait_ready(url: str, beside: subprocess.Popen[bytes], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while beside.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the gateway beside the suite is not ready: {beside.poll()}, {os.fspath(ROOT)}")
