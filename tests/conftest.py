"""Which suites the tests run on. ``--fast``: the embedded one and no long stories; ``--long`` (or AFTERSALES_LONG=1): the
sizes of the promises, 200 cases, every kill, the whole file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis import crypto
from chassis.crypto import Ring
from deploy.local.files import write_private
from tests.support import contracts, lanes, prepared, servers
from tests.support.client import Client
from tests.support.company import Company
from tests.support.suites import RunningSuite

# Left out of the fast run besides what is marked slow: whole campaigns, browsers, the suite's own machinery.
SLOW = (
    "tests/browser/",
    "tests/security/",
    "tests/integration/bench/",
    "tests/integration/deploy/",
    "tests/operation/",
    "tests/scenarios/test_kill.py",
    "tests/unit/deploy/test_bootstrap.py",
)
MODES = ("embedded", "servers")
LABELS = {"embedded": "embedded suite", "servers": "real PostgreSQL and RabbitMQ"}
TELLINGS = lanes.Tellings()
found: dict[str, tuple[servers.Servers | None, str]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("aftersales")
    group.addoption("--fast", action="store_true", help="embedded suite only, no long stories")
    group.addoption("--long", action="store_true", help="the sizes of the promises instead of a tenth")


def is_long(config: pytest.Config) -> bool:
    return bool(config.getoption("--long")) or os.environ.get("AFTERSALES_LONG") == "1"


def pytest_configure(config: pytest.Config) -> None:
    """Services under test seal with a ring of this run; suites have their own in their folders."""
    folder = tempfile.TemporaryDirectory(prefix="aftersales-ring-")
    config.add_cleanup(folder.cleanup)
    config.pluginmanager.register(TELLINGS)
    if not hasattr(config, "workerinput"):
        config.add_cleanup(prepared.share())
    ring = Path(folder.name) / "keyring.json"
    write_private(ring, Ring.new().text())
    os.environ["AFTERSALES_KEYRING"] = str(ring)


@pytest.fixture(autouse=True)
def ring_of_this_run() -> Iterator[None]:
    """Commands that a test runs in this process name the ring of a suite that is gone after it."""
    yield
    crypto.use(None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mode" in metafunc.fixturenames:
        metafunc.parametrize("mode", modes_of(metafunc.definition, metafunc.config), scope="session")


def modes_of(item: pytest.Item, config: pytest.Config) -> tuple[str, ...]:
    """Where a story is told: embedded, or as its marker says; on both in the long run, since one of them may hide a defect."""
    if config.getoption("--fast"):
        return MODES[:1]
    marker = item.get_closest_marker("modes")
    return MODES if is_long(config) else marker.args if marker else MODES[:1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what the run's length does not ask for."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")
    unwanted = {name for name, out in (("slow", config.getoption("--fast")), ("long", not is_long(config))) if out}
    out = [item for item in items if any(item.get_closest_marker(name) for name in unwanted)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in set(out)]


def real_servers() -> tuple[servers.Servers | None, str]:
    if "servers" not in found:
        found["servers"] = servers.find()
    return found["servers"]


def servers_for(mode: str) -> servers.Servers | None:
    """None for the embedded suite; skips where a test wants real servers and there are none."""
    if mode == "embedded":
        TELLINGS.add("suites", f"{LABELS[mode]}: run")
        return None
    servers_, how = real_servers()
    TELLINGS.add("suites", f"{LABELS[mode]}: {f'run ({how})' if servers_ else f'skipped: {how}'}")
    if servers_ is None:
        pytest.skip(f"real servers: {how}")
    return servers_


@pytest.fixture(scope="session")
def suite(mode: str) -> Iterator[RunningSuite]:
    """A running suite per mode; tests share it and tell their stories in companies of their own. Partners may listen on this machine."""
    running = RunningSuite(servers_for(mode), workers=2, extra={"AFTERSALES_WEBHOOK_NETWORKS": "127.0.0.1/32"})
    try:
        yield running.start()
    finally:
        running.dispose()


@pytest.fixture(scope="session")
def admin(suite: RunningSuite) -> Client:
    return suite.client(check=contracts.check)


@pytest.fixture(scope="session")
def company(admin: Client) -> Company:
    """Three sites with plenty of the worked example's parts."""
    company = Company(admin)
    for site in company.sites:
        company.receive(site, [(part["id"], 500) for part in company.parts])
    return company


@pytest.fixture(scope="session")
def many(pytestconfig: pytest.Config) -> bool:
    """Whether to run the full sizes."""
    return is_long(pytestconfig)


def pytest_sessionfinish() -> None:
    servers_ = found.get("servers", (None, ""))[0]
    if servers_ is not None:
        servers_.close()


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(config: pytest.Config) -> None:
    missing = "skipped: --fast" if config.getoption("--fast") else "not asked for by these tests"
    for label in LABELS.values():
        if not any(line.startswith(label) for line in TELLINGS.sections["suites"]):
            TELLINGS.add("suites", f"{label}: {missing}")
