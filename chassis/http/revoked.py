"""Access tokens that became void before they expired, as a list that the gateway signs and every process of a service reads (decision 0011).

Sessions and users stand in it as digests, so whoever reads it learns how many there are and not whose."""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chassis.domain.errors import Unauthenticated, Unavailable

log = logging.getLogger("aftersales.revoked")
AUDIENCE = "aftersales.revoked"
"""Not the one of access tokens: neither can be used in place of the other."""
PATH = "/.well-known/revoked-tokens"
PAUSE = 2.0
"""Seconds between two readings: how long a service may take to hear."""
VALID_SECONDS = 60
"""How long one copy of the list may be read: an older one may lack what was revoked since."""
DEAF_LIMIT = 10.0
"""Seconds without news after which nobody is let in: a token might be void and we would not know."""
_TIMEOUT, _FIRST = 5.0, 1.0

Claims = dict[str, Any]


def listing(sessions: Iterable[str], epochs: Mapping[str, int]) -> Claims:
    """What the list says: ended sessions, and of users (and partners) the epoch below which their tokens are void."""
    return {"sessions": sorted(map(digest, sessions)), "epochs": {digest(user): epoch for user, epoch in sorted(epochs.items())}}


def digest(id: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(id.encode()).digest()[:15]).decode()


class Revoked:
    """The list as this process knows it. ``verified`` makes claims of a signed list, or raises DomainError."""

    def __init__(self, source: str, verified: Callable[[str], Claims]) -> None:
        self._source, self._verified = source, verified
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._sessions: frozenset[str] = frozenset()
        self._epochs: dict[str, int] = {}
        self._heard = float("-inf")
        self._tried, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """In the process that serves: reads on in a thread of its own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="revoked", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def check(self, claims: Mapping[str, Any]) -> None:
        """Unauthenticated for a token of the list, Unavailable while the list is not known."""
        if not self._tried.is_set():  # the first reading is on its way
            self.start()
            self._tried.wait(_FIRST)
        if time.monotonic() - self._heard > DEAF_LIMIT:
            raise Unavailable("sign-in cannot be checked")
        if digest(str(claims.get("sid"))) in self._sessions or claims.get("epoch", 0) < self._epochs.get(digest(claims["sub"]), 0):
            raise Unauthenticated()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.read()
            except Exception as error:  # whatever it is: who stops reading lets nobody in for ever
                log.warning("the list of revoked tokens cannot be read: %r", error)
            self._tried.set()
            self._stopped.wait(PAUSE)

    def read(self) -> None:
        """Once. Raises what keeps it from being read."""
        began = time.monotonic()
        with self._opener.open(self._source, timeout=_TIMEOUT) as answer:
            said = self._verified(answer.read().decode())
        self._sessions, self._epochs = frozenset(said["sessions"]), dict(said["epochs"])
        self._heard = began
