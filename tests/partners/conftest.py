"""The suite that the dealer's programs work with; it is killed and restarted in their stories, and may call this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import servers_for
from tests.support.suites import RunningSuite


@pytest.fixture(scope="package")
def own(mode: str) -> Iterator[RunningSuite]:
    running = RunningSuite(servers_for(mode), workers=2, extra={"AFTERSALES_WEBHOOK_NETWORKS": "127.0.0.1/32"})
    try:
        yield running.start()
    finally:
        running.dispose()
