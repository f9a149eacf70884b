"""A suite of its own for what strangers do to it: embedded, with limits wide enough for thousands of refused calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import TELLINGS
from tests.security.matrix.world import World
from tests.support.suites import RunningSuite

WIDE = {"AFTERSALES_FAILED_SIGN_INS": "1000/100000", "AFTERSALES_REQUESTS_PER_CALLER": "5000/100000"}


@pytest.fixture(scope="package")
def guarded() -> Iterator[RunningSuite]:
    running = RunningSuite(None, extra=WIDE)
    try:
        yield running.start()
    finally:
        running.dispose()


@pytest.fixture(scope="package")
def world(guarded: RunningSuite) -> World:
    """Two branches, three sites, a finished and a short case at each, one caller per role and place."""
    return World(guarded)


@pytest.fixture(scope="package")
def told() -> list[str]:
    """What the tests here want said at the end of the run: operations, cells, requests."""
    return TELLINGS.sections["security"]
