"""Who is signed in: tokens in HttpOnly cookies, quiet refresh, rights of the user, and the CSRF token of
every form.

CSRF: a random secret in an HttpOnly cookie; a form carries ``nonce.HMAC(secret, nonce)``. Only a page made by
this
console can hold a pair that fits, and the nonce makes each page's token different. The browser's own word on
where the
request comes from (Sec-Fetch-Site, Origin) is checked besides.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Request, Response, g, request
from werkzeug.wrappers import Response as AnyResponse

from console.contracts import may
from console.gateway import Caller, Gateway, Problem

ACCESS, REFRESH, CSRF = "aftersales_token", "aftersales_refresh", "aftersales_csrf"
OWN, LOCKED, DEVICE = "aftersales_own", "aftersales_locked", "aftersales_device"
MORE, PART = f"{ACCESS}_2", 3500
"""The rest of a token, and how much goes before it: a browser silently drops a cookie above 4 KB, and a manager's token is longer."""
LANGUAGE, THEME, DONE = "aftersales_lang", "aftersales_theme", "aftersales_done"
THEMES = ("auto", "light", "dark")
REFRESH_DAYS = 30
YEAR = 365 * 86400
V = TypeVar("V")


class SignedOut(Exception):
    """No token, or none that can be made fresh: the page must ask to sign in."""


class TimedCache:
    """A small cache with a limit of age and size, shared by the threads of a process."""

    def __init__(self, seconds: float, size: int = 2000) -> None:
        self.seconds, self.size = seconds, size
        self._rows: OrderedDict[Any, tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> Any:
        with self._lock:
            at, value = self._rows.get(key, (0.0, None))
            return value if monotonic() - at < self.seconds else None

    def put(self, key: Any, value: V) -> V:
        with self._lock:
            self._rows[key] = (monotonic(), value)
            self._rows.move_to_end(key)
            while len(self._rows) > self.size:
                self._rows.popitem(last=False)
        return value

    def drop(self, key: Any) -> None:
        with self._lock:
            self._rows.pop(key, None)


_users = TimedCache(seconds=30)
_refreshed = TimedCache(seconds=30)
_refreshing = threading.Lock()


@dataclass
class Session:
    """The session of one request. Cookies to set are collected and written when the answer goes out."""

    gateway: Gateway
    caller: Caller
    refresh_token: str = ""
    own_token: str = ""
    """Refresh token of the own session while acting for a unit (G-21): the way back."""
    cookies: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def signed_in(self) -> bool:
        return bool(self.caller.token or self.refresh_token)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """A call with the user's token; an expired one is renewed once, without the user noticing."""
        if not self.caller.token:
            self.renew()
        try:
            return self.gateway.call(method, path, self.caller, **options)
        except Problem as problem:
            # With a count it is a wrong password (G-03), not a token that is over.
            if problem.status != 401 or "failures" in problem.document:
                raise
            self.renew()
        try:
            return self.gateway.call(method, path, self.caller, **options)
        except Problem as problem:
            if problem.status == 401 and "failures" not in problem.document:
                raise SignedOut from problem
            raise

    def sign_in(self, username: str, password: str, **more: str) -> bool:
        """Raises Problem when refused. True: the password must be changed before anything else. ``more``: the site's
        number (G-01), this device's key and label (G-22)."""
        body = {"grant_type": "password", "username": username, "password": password, **more}
        tokens = self.gateway.call("POST", "/auth/token", self.caller, body=body)
        self._store(tokens)
        return bool(tokens.get("must_change_password"))

    def act_for(self, body: dict[str, Any]) -> None:
        """G-21: from now on the tokens are those of a session in another unit's scope; the own ones wait."""
        tokens = self.call("POST", "/auth/act-for", body=body)
        self.forget_user()
        self.own_token = self.refresh_token
        self.cookies[OWN] = (self.own_token, REFRESH_DAYS * 86400)
        self._store(tokens)

    def act_as_oneself(self) -> None:
        """Ends the session in the other unit's scope and goes on with the own one."""
        try:
            self.call("POST", "/auth/logout", body={})
        except (Problem, SignedOut):
            pass
        own = self.own_token
        self.forget()
        self.refresh_token = own
        self.renew()

    def change_password(self, body: dict[str, str]) -> None:
        """Other sessions end; this one goes on with new tokens."""
        self._store(self.call("POST", "/auth/password", body=body))

    def renew(self) -> None:
        """Refresh tokens rotate and work once: pages loading at the same moment share one renewal."""
        if not self.refresh_token:
            raise SignedOut
        key = _digest(self.refresh_token)
        with _refreshing:
            tokens = _refreshed.get(key)
            if tokens is None:
                body = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
                try:
                    tokens = self.gateway.call("POST", "/auth/token", self.caller, body=body)
                except Problem as problem:
                    if problem.status in (400, 401, 403, 423):
                        raise SignedOut from problem
                    raise
                _refreshed.put(key, tokens)
        self._store(tokens)

    def _store(self, tokens: dict[str, Any]) -> None:
        self.caller = replace(self.caller, token=tokens["access_token"])
        self.refresh_token = tokens.get("refresh_token") or self.refresh_token
        token, seconds = tokens["access_token"], int(tokens.get("expires_in") or 600)
        self.cookies |= {ACCESS: (token[:PART], seconds), MORE: (token[PART:], seconds)}
        self.cookies[REFRESH] = (self.refresh_token, REFRESH_DAYS * 86400)

    def forget(self) -> None:
        """Removes the tokens from the browser; the caller has ended the session at the gateway before."""
        self._drop()
        self.cookies |= dict.fromkeys((ACCESS, MORE, REFRESH, OWN, LOCKED), ("", 0))

    def lost(self) -> None:
        """The tokens this request came with work no more. The page that goes to sign in removes them; what a script asked
        leaves the browser's as they are: they may be another session's by now (back from acting for a unit, G-21)."""
        if request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":  # left out by browsers that talk without TLS
            self.forget()
        self._drop()

    def _drop(self) -> None:
        _users.drop(_digest(self.caller.token))
        self.caller = replace(self.caller, token="")
        self.refresh_token = self.own_token = ""

    def forget_user(self) -> None:
        _users.drop(_digest(self.caller.token))

    @property
    def user(self) -> dict[str, Any]:
        """``GET /me``, remembered for half a minute."""
        if not self.caller.token:
            self.renew()
        key = _digest(self.caller.token)
        found: dict[str, Any] | None = _users.get(key)
        if found is None:
            found = self.call("GET", "/me")
            _users.put(_digest(self.caller.token), found)
        return found

    @property
    def patterns(self) -> frozenset[str]:
        return frozenset(self.user.get("permissions", ()))

    def may(self, permission: str | None) -> bool:
        return may(self.patterns, permission)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def session() -> Session:
    """The session of the request being answered."""
    found: Session = g.session
    return found


def csrf_token() -> str:
    """A token for one form; sets the secret's cookie at first use."""
    secret = request.cookies.get(CSRF) or g.get("csrf_secret")
    if not secret or len(secret) < 32:
        secret = g.csrf_secret = secrets.token_urlsafe(32)
    nonce = secrets.token_urlsafe(12)
    return f"{nonce}.{_sign(secret, nonce)}"


def csrf_valid(req: Request) -> bool:
    """Whether an unsafe request was made by a page of this console."""
    secret = req.cookies.get(CSRF, "")
    nonce, _, signature = (req.form.get("csrf_token") or req.headers.get("X-CSRF-Token") or "").partition(".")
    if len(secret) < 32 or not hmac.compare_digest(signature.encode(), _sign(secret, nonce).encode()):
        return False
    if req.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = req.headers.get("Origin")
    return origin in (None, "null") or urlsplit(origin).netloc == req.host


def _sign(secret: str, nonce: str) -> str:
    return hmac.new(secret.encode(), nonce.encode(), "sha256").hexdigest()


def write_cookies(response: Response) -> None:
    """Puts what the request changed into the browser. ``Secure`` follows the scheme the browser used."""
    for name, (value, seconds) in g.session.cookies.items():
        set_cookie(response, name, value, seconds)
    if g.get("csrf_secret"):
        set_cookie(response, CSRF, g.csrf_secret, YEAR)


def set_cookie(response: AnyResponse, name: str, value: str, seconds: int) -> None:
    if value:
        response.set_cookie(
            name, value, max_age=seconds, secure=request.is_secure, httponly=True, samesite="Lax"
        )
    else:
        response.delete_cookie(name, secure=request.is_secure, httponly=True, samesite="Lax")
