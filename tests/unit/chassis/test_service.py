"""Which services there are, and which is meant."""

from __future__ import annotations

import pytest

from chassis.service import find_service, suite
from tests.support.world import NAMES


def test_every_service_of_the_repository_is_found() -> None:
    assert {service.name for service in suite()} == set(NAMES)
    assert len(suite()) == len(NAMES)


def test_services_are_found_by_name() -> None:
    assert find_service("orders").package == "services.orders"
    assert find_service("gateway").package == "gateway"
    with pytest.raises(LookupError):
        find_service("nonsense")
