"""What a partner's system shows of itself: client id and secret (RFC 6749 2.3.1), and the address it calls from."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

from chassis.domain.errors import ValidationFailed
from gateway.partners.errors import AddressNotAllowed, InvalidRequest, WrongSecret

LONGEST = 200


def presented(authorization: str | None, body: Mapping[str, Any]) -> tuple[str, str]:
    """Client id and secret, by HTTP Basic or in the body. Both at once are refused, as the RFC wants; none is WrongSecret."""
    basic = _basic(authorization)
    if basic is None:
        if "client_id" not in body:
            raise InvalidRequest("client_id", "missing")
        return str(body["client_id"]), str(body.get("client_secret", ""))
    if "client_secret" in body:
        raise InvalidRequest("client_secret", "too_many")
    if body.get("client_id", basic[0]) != basic[0]:
        raise InvalidRequest("client_id", "not_allowed")
    return basic


def claimed(authorization: str | None, body: Mapping[str, Any]) -> str:
    """Who says to be calling, for the audit log; empty when nobody can be made out."""
    try:
        return presented(authorization, body)[0]
    except (ValidationFailed, WrongSecret):
        return ""


def _basic(authorization: str | None) -> tuple[str, str] | None:
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(given.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise WrongSecret() from None
    name, colon, secret = text.partition(":")
    try:
        found = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        raise WrongSecret() from None
    # Decoding brings back what neither header nor form may hold, and no database takes NUL.
    if not colon or len(text) > 2 * LONGEST or not all(map(str.isprintable, found)):
        raise WrongSecret()
    return found


def networks(given: Sequence[str]) -> list[str]:
    """Addresses and CIDR networks (IPv4 and IPv6) in their canonical form, each once. ValidationFailed names what is none."""
    found: list[str] = []
    for index, text in enumerate(given):
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise ValidationFailed.of(f"networks.{index}", "bad_format") from None
        found.append(str(network))
    return sorted(set(found))


def allowed(address: str, within: Sequence[str]) -> bool:
    """Whether the address lies in one of the networks; anywhere is allowed when there are none."""
    if not within:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped  # a socket for both families names IPv4 callers so
    return any(found in ipaddress.ip_network(network) for network in within)


def check_address(claims: Mapping[str, Any], address: str) -> None:
    """Of a call under a partner's token, which carries its networks. AddressNotAllowed elsewhere."""
    if not allowed(address, claims.get("nets", ())):
        raise AddressNotAllowed()
