"""Verifies the gateway's tokens: EdDSA JWT against its published keys (JWKS). Every service does this itself."""

from __future__ import annotations

import logging
import threading
import time
import urllib.request
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jwt
import orjson

from chassis.domain.errors import Unauthenticated, Unavailable
from chassis.domain.principal import Principal
from chassis.http import revoked

log = logging.getLogger(__name__)
ISSUER = AUDIENCE = "aftersales"
CACHE = 10_000
REFETCH_SECONDS = 10
SKEW = 30
"""Seconds by which the clocks of two machines may differ when a list is judged that says how old it is."""


class Verifier:
    """``source``: path or http URL of a JWKS document. Verified tokens are kept; their expiry is checked every time, and whether
    the list at ``revoked`` has them, where one is named."""

    def __init__(self, source: str, revoked_at: str = "") -> None:
        self._source = source
        self.revoked = revoked.Revoked(revoked_at, self._listed) if revoked_at else None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = 0.0
        self._seen: OrderedDict[str, tuple[float, dict[str, Any], Principal]] = OrderedDict()
        self._lock, self._fetching = threading.Lock(), threading.Lock()

    def principal(self, authorization: str | None) -> Principal:
        """The caller named by an Authorization header. Missing, expired, forged or foreign: Unauthenticated."""
        return self.verify(authorization)[1]

    def verify(self, authorization: str | None) -> tuple[dict[str, Any], Principal]:
        """Claims and principal of a bearer token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated()
        with self._lock:
            known = self._seen.get(token)
            if known is not None:
                self._seen.move_to_end(token)
        if known is None:
            claims = self._decode(token)
            known = (float(claims["exp"]), claims, principal_of(claims))
            with self._lock:
                self._seen[token] = known
                while len(self._seen) > CACHE:
                    self._seen.popitem(last=False)
        if known[0] <= time.time():
            raise Unauthenticated()
        if self.revoked is not None:
            self.revoked.check(known[1])
        return known[1], known[2]

    def _listed(self, text: str) -> dict[str, Any]:
        return self._decode(text, revoked.AUDIENCE, ("exp", "aud", "iss", "iat"), leeway=SKEW)

    def _decode(
        self, token: str, audience: str = AUDIENCE, required: Sequence[str] = ("exp", "aud", "iss", "sub"), leeway: float = 0
    ) -> dict[str, Any]:
        try:
            key = self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            return jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=audience,
                issuer=ISSUER,
                leeway=leeway,
                options={"require": list(required)},
            )
        except (jwt.PyJWTError, KeyError, ValueError):
            raise Unauthenticated() from None

    def _key(self, kid: str) -> Any:
        """Raises Unavailable while no key could be read: a good token must not be called a bad one then."""
        with self._fetching:
            pause = REFETCH_SECONDS if self._keys else 0.2
            if kid not in self._keys and time.monotonic() - self._fetched > pause:
                self._fetched = time.monotonic()
                try:
                    self._keys = {k.key_id or "": k for k in jwt.PyJWKSet.from_dict(self._load()).keys}
                except OSError as error:
                    log.warning("signing keys cannot be read: %s", error)
            if not self._keys:
                raise Unavailable()
            return self._keys[kid].key

    def _load(self) -> dict[str, Any]:
        if self._source.startswith(("http://", "https://")):
            with urllib.request.urlopen(self._source, timeout=5) as answer:
                raw = answer.read()
        else:
            raw = Path(self._source).read_bytes()
        keys: dict[str, Any] = orjson.loads(raw)
        return keys


def principal_of(claims: dict[str, Any]) -> Principal:
    party = claims.get("party") or {"id": "", "kind": "", "scope": claims["org_path"]}
    return Principal(
        username=claims["username"],
        scope=party["scope"],
        patterns=frozenset(claims.get("perms", ())),
        user_id=claims["sub"],
        roles=tuple(claims.get("roles", ())),
        session=claims.get("sid", ""),
        language=claims.get("lang", "zh-CN"),
        party=party["id"],
        party_kind=party["kind"],
    )
