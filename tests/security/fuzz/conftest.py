"""One world for both fuzzers, on a suite of its own: what is accepted changes things at random."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.conftest import WIDE
from tests.security.matrix.world import World
from tests.support.suites import RunningSuite


@pytest.fixture(scope="package")
def battered() -> Iterator[World]:
    running = RunningSuite(None, extra=WIDE)
    try:
        yield World(running.start())
    finally:
        running.dispose()
