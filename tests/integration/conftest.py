"""Fixtures of tests against a real PostgreSQL. A service's tests make their database module-wide:

    @pytest.fixture(scope="module")
    def database(database_server):
        with service_database(database_server, SERVICE) as found:
            yield found
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.database import server


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    with server() as url:
        yield url
