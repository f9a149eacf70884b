"""Who is calling: tokens are verified here, and void ones refused at once (architecture section 7).

Ended or locked sessions and raised epochs of the last half hour (the life of an access token) are in memory, fed by the database's
notifications; older ones need not be known, since their tokens have expired.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chassis.domain.errors import Unauthenticated, Unavailable
from chassis.domain.principal import Principal
from chassis.http import revoked
from chassis.http.auth import Verifier
from chassis.http.revoked import DEAF_LIMIT
from gateway.identity.announce import CHANNEL
from gateway.tokens import ACCESS_SECONDS, signer

COOKIES = ("aftersales_token", "aftersales_token_2")
"""A browser's cookie holds 4 KB: the console puts the rest of a long token into a second one."""
SAFE = ("GET", "HEAD")
LIFETIME = ACCESS_SECONDS + 60
HEARD = "heard"
LISTED_SECONDS = 0.5
ROUND_LIMIT = 5.0
"""Longer than a busy machine lets a process wait for its turn: whoever is told that it is done relies on it."""
_SINCE = "> now() - make_interval(secs => %s)"
# Of users, and of partners, whose tokens carry the key's id as their session.
_ENDED = (
    f"SELECT id FROM sessions WHERE ended_at {_SINCE}"
    f" UNION ALL SELECT id FROM partner_keys WHERE revoked_at {_SINCE} OR (ends_at {_SINCE} AND ends_at <= now())"
)
_EPOCHS = f"SELECT id, epoch FROM credentials WHERE epoch_at {_SINCE} UNION ALL SELECT id, epoch FROM partners WHERE epoch_at {_SINCE}"
# The newest token of a locked session was made when it was last used.
_LOCKED = f"SELECT id FROM sessions WHERE locked_at IS NOT NULL AND used_at {_SINCE} AND ended_at IS NULL"

Void = Callable[[str, str, int], None]


class Access:
    """Subscriber of the channel of void tokens. ``deaf``: seconds the listener has heard nothing."""

    channel = CHANNEL

    def __init__(self, verifier: Verifier, deaf: Callable[[], float]) -> None:
        self._verifier, self._deaf = verifier, deaf
        self._ended: dict[str, float] = {}
        self._locked: dict[str, float] = {}
        self._epochs: dict[str, tuple[int, float]] = {}
        self._acknowledged: OrderedDict[str, int] = OrderedDict()
        self._waiting: dict[str, tuple[int, asyncio.Future[None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._void: Void = lambda session, user, epoch: None
        self._swept = time.monotonic()
        self._listed = (0.0, "")

    def attach(self, loop: asyncio.AbstractEventLoop, void: Void) -> None:
        """``void(session, user, epoch)`` is called in the loop for what became void: a session, or a user below an epoch."""
        self._loop, self._void = loop, void

    # ------------------------------------------------------------------ asking
    def check(self, headers: Mapping[str, str], method: str) -> tuple[str, dict[str, Any], Principal]:
        """Authorization header, claims and principal of the caller. The console's cookie is good for reading only, so
        that no other site can make a browser write. Missing, expired, forged or void: Unauthenticated."""
        authorization = headers.get("authorization")
        if not authorization and method in SAFE and (token := "".join(cookie(headers.get("cookie", ""), name) for name in COOKIES)):
            authorization = f"Bearer {token}"
        claims, principal = self._verifier.verify(authorization)
        if self.is_void(claims):
            raise Unauthenticated()
        if self._deaf() > DEAF_LIMIT:
            raise Unavailable("sign-in cannot be checked")
        return authorization or "", claims, principal

    def is_void(self, claims: Mapping[str, Any]) -> bool:
        raised = self._epochs.get(claims["sub"])
        return claims.get("sid") in self._ended or (raised is not None and claims.get("epoch", 0) < raised[0])

    def is_locked(self, claims: Mapping[str, Any]) -> bool:
        """Whether its screen is (G-03): the token is good for unlocking it. Services are not told: they hear seconds late, and would
        refuse for seconds what was unlocked."""
        return claims.get("sid") in self._locked

    def revoked(self) -> str:
        """The signed list of what is void, for the services (chassis/http/revoked.py); made anew twice a second at most."""
        if self._deaf() > DEAF_LIMIT:
            raise Unavailable("sign-in cannot be checked")
        made, text = self._listed
        if not text or time.monotonic() - made > LISTED_SECONDS:
            epochs = {user: epoch for user, (epoch, _) in list(self._epochs.items())}
            said = revoked.listing(list(self._ended), epochs) | {"aud": revoked.AUDIENCE}
            text = signer().sign(said, datetime.now(UTC), revoked.VALID_SECONDS)
            self._listed = time.monotonic(), text
        return text

    async def gone_round(self, marks: Mapping[str, int], timeout: float = ROUND_LIMIT) -> None:
        """Waits until as many processes as listen have heard what was announced under these marks. One that died without
        telling the database is waited for no longer than ``timeout`` seconds; one whose connection is cut is not counted: it makes
        up for what it missed when it listens again, and lets nobody in after ``DEAF_LIMIT`` seconds."""
        waiting = []
        for mark, listeners in marks.items():
            if self._acknowledged.get(mark, 0) < listeners:
                self._waiting[mark] = listeners, asyncio.get_running_loop().create_future()
                waiting.append(self._waiting[mark][1])
        if waiting:
            await asyncio.wait(waiting, timeout=timeout)
        for mark in marks:
            self._waiting.pop(mark, None)

    # ------------------------------------------------------------------ hearing (listener's thread)
    def connected(self, cursor: Any) -> None:
        cursor.execute(_ENDED, (LIFETIME,) * 3)
        for (session_id,) in cursor.fetchall():
            self._end(_uuid_hex(session_id))
        cursor.execute(_EPOCHS, (LIFETIME,) * 2)
        for user_id, epoch in cursor.fetchall():
            self._raise(str(user_id), epoch)
        cursor.execute(_LOCKED, (LIFETIME,))
        self._locked = {_uuid_hex(session_id): time.monotonic() + LIFETIME for (session_id,) in cursor.fetchall()}  # others were unlocked
        for session in self._locked:
            self._in_loop(self._void, session, "", 0)

    def heard(self, news: Sequence[str], cursor: Any) -> None:
        """All of it holds before the first word of it is acknowledged: each word waits for the database's disk."""
        marks = []
        for one in news:
            mark, what, *rest = one.split()
            if what == "session":
                self._end(rest[0])
            elif what == "locked":
                self._lock(rest[0])
            elif what == "unlocked":
                self._locked.pop(rest[0], None)
            elif what in ("user", "users"):
                for user, epoch in zip(rest[::2], rest[1::2], strict=True):
                    self._raise(user, int(epoch))
            if what == HEARD:
                self._in_loop(self._acknowledge, mark)
            else:
                marks.append(mark)
        for mark in marks:
            cursor.execute("SELECT pg_notify(%s, %s)", (self.channel, f"{mark} {HEARD}"))
        self._sweep()

    def _end(self, session: str) -> None:
        self._ended[session] = time.monotonic() + LIFETIME
        self._in_loop(self._void, session, "", 0)

    def _lock(self, session: str) -> None:
        self._locked[session] = time.monotonic() + LIFETIME
        self._in_loop(self._void, session, "", 0)  # its streams end: the screen shows nothing new

    def _raise(self, user: str, epoch: int) -> None:
        known = self._epochs.get(user, (0, 0.0))[0]
        self._epochs[user] = (max(known, epoch), time.monotonic() + LIFETIME)
        self._in_loop(self._void, "", user, epoch)

    def _in_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _acknowledge(self, mark: str) -> None:
        self._acknowledged[mark] = self._acknowledged.get(mark, 0) + 1
        while len(self._acknowledged) > 1000:
            self._acknowledged.popitem(last=False)
        listeners, future = self._waiting.get(mark, (0, None))
        if future is not None and self._acknowledged[mark] >= listeners and not future.done():
            future.set_result(None)

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept > 60:
            self._swept = now
            self._ended = {session: until for session, until in self._ended.items() if until > now}
            self._locked = {session: until for session, until in self._locked.items() if until > now}
            self._epochs = {user: held for user, held in self._epochs.items() if held[1] > now}


def cookie(header: str, name: str) -> str:
    """Value of one cookie of a Cookie header, empty when it is not there."""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def _uuid_hex(value: Any) -> str:
    return str(value).replace("-", "")
