"""The gateway's word on whose page the console is making: the console calls the API for many people, and each has an address of his own.

A request for a page goes to the console with the caller's address and this proof, and comes back with the calls that the page needs. Nobody else can
make one, whatever address he calls from, so the console needs no place among the trusted proxies and no secret."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping

from chassis.ops.addresses import UNREADABLE, readable

HEADER = "x-forwarded-proof"
VALID_SECONDS = 120
"""How long a page may take to ask for what it needs."""


class Vouching:
    """``secret`` is the same in every process of the gateway and in nothing else."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret, clock

    def proof(self, address: str) -> str:
        return self._signed(address, int(self._clock()))

    def address(self, headers: Mapping[str, str]) -> str | None:
        """The address that the headers name and prove; None where they prove none."""
        given = headers.get(HEADER)
        if given is None:
            return None
        address, at = readable(headers.get("x-forwarded-for", "")), given.partition(".")[0]
        if address == UNREADABLE or not (at.isascii() and at.isdigit() and len(at) < 16):
            return None
        if abs(self._clock() - int(at)) > VALID_SECONDS:
            return None
        return address if hmac.compare_digest(given.encode(), self._signed(address, int(at)).encode()) else None

    def _signed(self, address: str, at: int) -> str:
        return f"{at}.{hmac.new(self._secret, f'{address} {at}'.encode(), 'sha256').hexdigest()}"
