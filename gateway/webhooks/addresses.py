"""Which addresses a webhook may be sent to: such as anybody on the Internet could reach, and what the operator allows.

Judged twice: the URL when it is written down, and each network address in the moment a connection is opened to it, so that a
name that means something else by then helps nobody. ``AFTERSALES_WEBHOOK_NETWORKS`` names networks, parted by commas, that may
be called all the same: partners on the premises, and tests. Plain http leads into these alone, and only by address or by a name that
the Internet does not have; a public name needs https whatever networks are allowed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from gateway.webhooks.errors import WebhookAddress

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's registries of special-purpose addresses, in full: what a library calls private differs between versions.
CLOSED_V4 = [IPv4Network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/3",
    "168.63.129.16/32",  # not special to IANA, but every machine of one cloud finds its host's service there
)]  # fmt: skip
# Of version 6 only what is handed out as global unicast, less what carries another address inside or was set aside.
OPEN_V6 = IPv6Network("2000::/3")
CLOSED_V6 = [IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")]

INTERNAL_NAMES = ("localhost", "test", "local", "home.arpa", "internal", "intranet", "private", "corp", "home", "lan")
"""Endings that no public name has (RFC 6761, 6762 with its appendix G, 8375); so has a name without a dot."""
PORTS = {"https": 443, "http": 80}
LOWEST_PORT = 1024
"""Below it only the scheme's own port: no partner listens for webhooks where mail, names or shells are."""


@dataclass(frozen=True)
class Policy:
    """``allowed``: networks of the operator's own."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: str) -> Policy:
        """Networks parted by commas. Raises ValueError."""
        return cls(tuple(ip_network(text.strip()) for text in networks.split(",") if text.strip()))

    def trusts(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.allowed)

    def admits(self, text: str, scheme: str = "https") -> bool:
        """Whether a connection to this address may be opened."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return self.trusts(address) or (scheme == "https" and is_public(address))

    def check(self, url: str) -> None:
        """Raises WebhookAddress when the URL alone shows that it may not be called."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            ascii_host = host if ":" in host else host.encode("idna").decode() if host else ""
        except ValueError:  # UnicodeError too
            raise WebhookAddress("unreadable") from None
        if not url.isprintable() or " " in url or "\\" in url:
            raise WebhookAddress("unreadable")
        if parts.scheme not in PORTS or (parts.scheme == "http" and not self.allowed):
            raise WebhookAddress("scheme")
        if parts.username is not None or parts.password is not None:
            raise WebhookAddress("user")
        if port is not None and port != PORTS[parts.scheme] and port < LOWEST_PORT:
            raise WebhookAddress("port")
        self._check_host(ascii_host, parts.scheme)

    def _check_host(self, host: str, scheme: str) -> None:
        if not host or len(host) > 253 or any(not label for label in host.rstrip(".").split(".")):
            raise WebhookAddress("host")
        try:
            literal: Address | None = ip_address(host)
        except ValueError:
            literal = None
        last = host.rstrip(".").rpartition(".")[2]
        if literal is None and (":" in host or last.isdigit() or last.lower().startswith("0x")):
            raise WebhookAddress("host")  # 2130706433, 0177.1, 0x7f.1: what some resolvers take for an address
        if literal is not None and not self.admits(host, scheme):
            raise WebhookAddress("network")
        if literal is None and scheme == "http" and not is_internal(host):
            raise WebhookAddress("scheme")


def is_internal(name: str) -> bool:
    """Whether a name means something only inside the operator's networks."""
    labels = f".{name.rstrip('.').lower()}"
    return labels.count(".") == 1 or labels.endswith(tuple(f".{ending}" for ending in INTERNAL_NAMES))


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet could reach it. Forms that carry a version 4 address inside are none."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in CLOSED_V4)
    return address in OPEN_V6 and not any(address in network for network in CLOSED_V6)


@cache
def policy() -> Policy:
    """The operator's, read once."""
    return Policy.of(os.environ.get("AFTERSALES_WEBHOOK_NETWORKS", ""))
