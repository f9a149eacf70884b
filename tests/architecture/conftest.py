"""A PostgreSQL for what can only be seen in a database."""

from collections.abc import Iterator

import pytest

from tests.support.database import server


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    with server() as url:
        yield url
