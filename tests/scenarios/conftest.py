"""The suite of stories that kill, stop and restart: one for all of them, so that others do not meet dead processes; it ends with
them, since an ordinary server has connections for two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import servers_for
from tests.support.client import eventually
from tests.support.suites import RunningSuite


@pytest.fixture(scope="package")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where instants are armed at which a process of ``own`` is killed."""
    return tmp_path_factory.mktemp("points")


@pytest.fixture(scope="package")
def killed(mode: str, points: Path) -> Iterator[RunningSuite]:
    running = RunningSuite(servers_for(mode), extra={"AFTERSALES_FAILPOINTS": str(points), "AFTERSALES_WEBHOOK_NETWORKS": "127.0.0.1/32"})
    try:
        yield running.start()
    finally:
        running.dispose()


@pytest.fixture
def own(killed: RunningSuite) -> RunningSuite:
    """With nothing down: what was killed again and again in the story before is started after 15 s at last."""
    eventually(killed.is_whole, "every process", 30)
    return killed
