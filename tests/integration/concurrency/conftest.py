"""Many clients at once on the services' own applications and real databases, held against models a reader can check."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from chassis.http import runtime
from services.callcenter.app import SERVICE as CALLCENTER
from services.finance.app import SERVICE as FINANCE
from services.orders.app import SERVICE as ORDERS
from tests.support.serving import Served, served

PROGRAMS = settings(
    max_examples=6, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates that wait for other services' facts give up at once: here those facts come when they come."""
    monkeypatch.setattr(runtime, "WAIT_SECONDS", 0.05)


@pytest.fixture(scope="module")
def orders(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(ORDERS, database_server, tmp_path_factory.mktemp("orders")) as running:
        yield running


@pytest.fixture(scope="module")
def finance(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(FINANCE, database_server, tmp_path_factory.mktemp("finance")) as running:
        yield running


@pytest.fixture(scope="module")
def callcenter(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(CALLCENTER, database_server, tmp_path_factory.mktemp("callcenter")) as running:
        yield running


def at_once(programs: Iterable[Callable[[], None]]) -> None:
    """Runs programs in threads that begin together; the first failure is raised when all have ended."""
    programs = list(programs)
    gate, failures = threading.Barrier(len(programs)), list[BaseException]()

    def run(program: Callable[[], None]) -> None:
        try:
            gate.wait()
            program()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(program,)) for program in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
