"""Names of time zones that documents may carry."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

DEFAULT_ZONE = "Asia/Shanghai"
NOWHERE = ("Factory", "localtime", "posixrules")
"""Known to the zone database and no place: what they say depends on the machine that reads them."""


def is_zone(name: str) -> bool:
    return name in _places()


@cache
def _places() -> frozenset[str]:
    return frozenset(available_timezones()).difference(NOWHERE)
