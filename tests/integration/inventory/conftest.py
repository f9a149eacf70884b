"""The inventory service on a real database, and a store room to tell stories in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.inventory.app import SERVICE
from tests.integration.inventory.store_room import StoreRoom
from tests.support.serving import Served, served


@pytest.fixture(scope="package")
def inventory(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(SERVICE, database_server, tmp_path_factory.mktemp("keys")) as running:
        yield running


@pytest.fixture
def room(inventory: Served) -> StoreRoom:
    """A site of its own with one good warehouse."""
    return StoreRoom(inventory)
