"""Zones that documents may carry are places: what a name says must not depend on the machine that reads it."""

import pytest

from chassis.domain.moments import is_zone


@pytest.mark.parametrize("name", ["Asia/Shanghai", "Europe/London", "UTC", "Etc/GMT-14"])
def test_places(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "", "asia/shanghai", "../etc/passwd", "UTC+8", "Asia/Shanghai\n"])
def test_no_places(name: str) -> None:
    assert not is_zone(name)
