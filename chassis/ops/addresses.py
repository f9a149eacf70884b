"""Who is calling, by network address: whose word on it is believed, and who is told what is for operators."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

UNREADABLE = "::"
"""The address of who cannot be told: nobody's, in no network."""
_WITH_PORT = re.compile(r"(?:\[([^]]+)\]|([0-9.]+))(?::[0-9]{1,5})?")


class Addresses:
    """Whose word on the caller's address is believed: peers in these networks may name it in X-Forwarded-For. They are the
    operator's own, so what is for operators is told to them."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = [ipaddress.ip_network(network.strip(), strict=False) for network in trusted if network.strip()]

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Addresses:
        return cls(environment.get("AFTERSALES_TRUSTED_PROXIES", "127.0.0.0/8,::1/128").split(","))

    def of(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """The address nearest to us that is not a trusted proxy's; UNREADABLE where it should stand and does not."""
        address = readable(str((scope.get("client") or ("",))[0]))
        named = headers["x-forwarded-for"].split(",") if "x-forwarded-for" in headers else []
        while named and self.trusts(address):
            address = readable(named.pop())
        return address

    def trusts(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)

    def are_operators(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
        return self.trusts(self.of(scope, headers))


def readable(text: str) -> str:
    """An address as it is written down: without port and link, of version 4 also where a socket of version 6 tells it."""
    with_port = _WITH_PORT.fullmatch(text.strip())
    try:
        found = ipaddress.ip_address((with_port[1] or with_port[2] if with_port else text.strip()).partition("%")[0])
    except ValueError:
        return UNREADABLE
    return str(found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else str(found)


@cache
def addresses() -> Addresses:
    """The operator's, read once."""
    return Addresses.of_environment(os.environ)
