"""The one application at the public port (architecture section 1).

    /api/v1/streams/me                server-sent events, from this process
    /api/v1/… of contracts/gateway    this process's own operations
    /api/v1/… of the other contracts  token, right and limits are checked, then one hop to the service
    /api/docs…                        merged documentation
    /.well-known/jwks.json            keys that verify our tokens
    /.well-known/revoked-tokens       which of them became void before they expired, for the services
    /healthz /readyz /metrics         for operators
    everything else                   the console
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

import orjson

from chassis.domain.errors import DomainError, Forbidden, MethodNotAllowed, NotFound, Unavailable
from chassis.domain.principal import PARTNER, Principal
from chassis.http import dry_run, edge, problems, revoked
from chassis.http.app import Application, build_app
from chassis.ops import metrics
from chassis.ops.addresses import Addresses, readable
from chassis.ops.settings import settings
from chassis.ops.span import Span
from chassis.ops.trace import span
from chassis.service import Service
from gateway import collecting, docs, limits, partners, tokens, vouching
from gateway.access import SAFE, Access
from gateway.audit import Recorder, Trail
from gateway.identity.announce import announced
from gateway.identity.errors import PasswordChangeRequired, ScreenLocked
from gateway.listener import Listener
from gateway.proxy import Gone, Proxy, passed_on
from gateway.routing import AUTHENTICATED, MAX_BODY, PUBLIC, Route, Table
from gateway.streams.feed import Hub
from gateway.vouching import Vouching

log = logging.getLogger("aftersales.gateway")
CLIENT_TOKEN = "/api/v1/auth/client-token"
API, JWKS = "/api/v1/", "/.well-known/jwks.json"
OPERATORS = ("/healthz", "/readyz", "/metrics")
WHILE_LOCKED = {"identity.lock_screen", "identity.unlock_screen", "identity.me", "identity.logout"}
WITH_OLD_PASSWORD = {"identity.change_password", *WHILE_LOCKED}
GUESSES = {"identity.token", "partners.token", "identity.change_password", "identity.reset_password", "identity.unlock_screen"}
REFUSED = {401, 403, 422, 423}
_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cache-control": "no-cache",
}
Message = dict[str, Any]


class Exchange:
    """One request on its way: lower-case headers, the caller's address, and whether an answer has begun."""

    def __init__(self, scope: Message, receive: Any, send: Any, current: Span, addresses: Addresses, vouched: Vouching) -> None:
        self.scope, self.receive, self._send = scope, receive, send
        self.method, self.path = scope["method"], scope["path"]
        raw = scope.get("raw_path") or self.path.encode()
        self.raw_path = raw.decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        self.target = f"{self.raw_path}?{query}" if query else self.raw_path
        self.headers = _headers(scope)
        self.address = vouched.address(self.headers) or addresses.of(scope, self.headers)
        proto = self.headers.get("x-forwarded-proto", "")
        trusted = addresses.trusts(readable(str((scope.get("client") or ("",))[0])))
        self.proto = proto if trusted and proto in ("http", "https") else scope.get("scheme", "http")
        self.span, self.traceparent, self.trace_id = current, current.traceparent, current.trace_id
        given = self.headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else current.trace_id
        self.status = 0
        self.dry_run = False
        self.trail: Trail | None = None
        self.call: partners.CallTrail | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.trail is not None:
                if (b"dry-run", b"true") in message["headers"]:  # whoever did it says so: nothing was written
                    self.trail.drop()
                await self.trail.end(self.status)  # told only when it is written down
            if self.call is not None:
                await self.call.end(self.status)
            extra = [(b"x-request-id", self.request_id.encode()), (b"x-content-type-options", b"nosniff")]
            if self.path.startswith(API) and all(name != b"cache-control" for name, _ in message["headers"]):
                extra.append((b"cache-control", b"no-store"))  # somebody's data: for no cache on the way
            message = {**message, "headers": [*message["headers"], *extra]}
        await self._send(message)

    async def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        listed = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        listed.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": listed})
        await self.send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def problem(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        said = {dry_run.HEADER: "true"} if self.dry_run else {}
        await self.answer(status, {**headers, "x-trace-id": self.trace_id, **said}, body)

    def claimed(self, content: Mapping[str, Any]) -> str:
        """Who says to be signing in, for the audit log: a user by name, a partner's system by its client id."""
        if self.path == CLIENT_TOKEN:
            client = partners.claimed(self.headers.get("authorization"), content)
            return f"{PARTNER}{client}" if client else ""
        given = content.get("username", "")
        return given if isinstance(given, str) else ""

    def forwarded(self, authorization: str | None, proof: str = "") -> dict[str, str]:
        """Headers for the next hop: who asked, for which address, within which trace."""
        headers = {**self.headers, "x-forwarded-for": self.address, "x-forwarded-proto": self.proto}
        headers |= {"traceparent": self.traceparent, "x-request-id": self.request_id}
        headers[vouching.HEADER] = proof
        headers["x-forwarded-host"] = self.headers.get("host", "")
        if authorization is not None:
            headers["authorization"] = authorization
            headers.pop("cookie", None)  # the services want tokens, not cookies
        return headers


class Front:
    """ASGI application. Opens nothing before its lifespan begins: safe before a fork."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.own: Application = build_app(service)
        self.table = Table.of_contracts()

    # ------------------------------------------------------------------ life
    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            headers = _headers(scope)
            with span(headers.get("traceparent"), service=self.service.name, kind="server") as current:
                exchange = Exchange(scope, receive, send, current, self.addresses, self.vouching)
                await self._http(exchange)
                current.answered(exchange.status)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            log.exception("the gateway cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """In the process and event loop that serve: listener and pool of upstream connections. Void tokens are known when
        it returns; without a database nobody is let in until they are (access.py)."""
        loop = asyncio.get_running_loop()
        environment = os.environ
        self.addresses = Addresses.of_environment(environment)
        self.guesses = limits.Buckets(*_rate(environment.get("AFTERSALES_FAILED_SIGN_INS", "0.5/30")))
        self.requests = limits.Buckets(*_rate(environment.get("AFTERSALES_REQUESTS_PER_CALLER", "500/2000")))
        self.room = limits.Room()
        self.vouching = Vouching(tokens.signer().derived("addresses of the console's callers"))
        verifier = tokens.OwnVerifier(tokens.signer())
        self.own.runtime.__dict__["verifier"] = verifier  # the own operations check with our own key, not by address
        self.hub = Hub(self.own.runtime)
        self.access = Access(verifier, lambda: self.listener.deaf_seconds)
        self.access.attach(loop, self.hub.void)
        self.hub.attach(loop)
        self.listener = Listener(settings().database_url(self.service.name), (self.access, self.hub))
        self.proxy = Proxy()
        self.recorder = Recorder(settings().database_url(self.service.name))
        self.listener.start()
        await asyncio.to_thread(self.listener.wait, 5.0)

    async def stop(self) -> None:
        self.hub.end_all()
        await asyncio.to_thread(self.listener.stop)
        await self.proxy.close()
        await asyncio.to_thread(self.recorder.stop)
        self.own.runtime.close()

    # ------------------------------------------------------------------ one request
    async def _http(self, exchange: Exchange) -> None:
        language = problems.language_of(exchange.headers.get("accept-language"))
        try:
            await self._route(exchange)
        except Gone:
            raise
        except DomainError as error:
            if exchange.status:
                raise
            status, headers, body = problems.of_error(error, language, exchange.trace_id)
            if isinstance(error, MethodNotAllowed):
                headers["allow"] = ", ".join(error.members.get("allow", ()))
            await exchange.problem(status, headers, body)
        except Exception as error:
            if exchange.status:
                raise
            log.exception("unforeseen error", exc_info=error)
            await exchange.problem(*problems.internal(language, exchange.trace_id))
        finally:
            for trail in (exchange.trail, exchange.call):
                if trail is not None:
                    await trail.end(0)

    async def _route(self, exchange: Exchange) -> None:
        edge.check(exchange.scope)
        path = exchange.path
        if path.startswith(API):
            await self._api(exchange)
        elif path in OPERATORS:
            await self._operators(exchange)
        elif path == JWKS:
            headers = {"content-type": "application/json", "cache-control": "max-age=300"}
            await exchange.answer(200, headers, orjson.dumps(tokens.signer().jwks))
        elif path == revoked.PATH:
            await exchange.answer(200, {"content-type": "application/jwt", "cache-control": "no-store"}, self.access.revoked().encode())
        elif path == "/api" or path.startswith("/api/"):
            found = docs.answer(path, exchange.headers.get("accept", ""))
            if found is None:
                raise NotFound()
            await exchange.answer(200, {"content-type": found[0], **_PAGE_HEADERS}, found[1])
        else:
            exchange.span.name = f"{exchange.method} console"
            await self._console(exchange)

    async def _operators(self, exchange: Exchange) -> None:
        if exchange.path == "/readyz" and self.listener.deaf_seconds > 0:
            raise Unavailable("not listening to the database")
        await self.own(exchange.scope, exchange.receive, exchange.send)

    async def _api(self, exchange: Exchange) -> None:
        route = self.table.match(exchange.method, exchange.raw_path)
        unsafe = exchange.method not in SAFE
        exchange.dry_run = unsafe and route.repeatable and dry_run.asked(exchange.headers)
        exchange.span.name = f"{exchange.method} {route.service}.{route.operation_id}"
        authorization, claims, principal = self._admit(exchange, route)
        if unsafe:
            exchange.trail = Trail(self.recorder, exchange, route, principal)
            exchange.receive = exchange.trail.receive
        self._check_right(route, claims, principal)
        if exchange.call is not None and unsafe and not exchange.dry_run:
            await exchange.call.begin()
        if route.service == self.service.name:
            if route.operation_id == "streams.me":
                assert principal is not None
                exchange.span.name = ""  # it lasts as long as somebody looks
                await self.hub.serve(exchange.headers, exchange.receive, exchange.send, claims, principal)
                return
            await self._own(exchange, route, exchange.forwarded(authorization))
            return
        labels = {"service": self.service.name, "operation": f"{route.service}.{route.operation_id}", "status": "503"}
        with metrics.timed(metrics.answered, labels):
            caller = principal.user_id if principal else exchange.address
            if route.collects:
                await self._collect(exchange, route, exchange.forwarded(authorization), principal)
            else:
                await self._forward(exchange, route.service, exchange.forwarded(authorization), route.max_body, caller)
            labels["status"] = str(exchange.status)

    def _admit(self, exchange: Exchange, route: Route) -> tuple[str, dict[str, Any], Principal | None]:
        """Token and limit; the services check the token again, and the right."""
        if route.operation_id in GUESSES and route.service == self.service.name:
            self.guesses.check(limits.line(exchange.address))
        if route.permission == PUBLIC:
            return exchange.headers.get("authorization", ""), {}, None
        authorization, claims, principal = self.access.check(exchange.headers, exchange.method)
        if principal.is_partner:
            operation = f"{route.service}.{route.operation_id}"
            exchange.call = partners.CallTrail(self.recorder, exchange, operation, claims, principal, exchange.dry_run)
            partners.check_address(claims, exchange.address)
        self.requests.spend(principal.user_id, claims.get("rate"))
        return authorization, claims, principal

    def _check_right(self, route: Route, claims: Mapping[str, Any], principal: Principal | None) -> None:
        if principal is None:
            return
        own = route.operation_id if route.service == self.service.name else ""
        if self.access.is_locked(claims) and own not in WHILE_LOCKED:
            raise ScreenLocked()
        if claims.get("must_change") and own not in WITH_OLD_PASSWORD:
            raise PasswordChangeRequired()
        if principal.is_outside and not route.outside:
            raise Forbidden("not for outside accounts")
        if route.permission != AUTHENTICATED:
            principal.require(route.permission)
        elif principal.is_partner and route.operation_id != "identity.me":
            raise Forbidden("for people only")  # sessions, passwords, live streams

    async def _own(self, exchange: Exchange, route: Route, headers: dict[str, str]) -> None:
        """An operation of the gateway itself. The answer to what made tokens void leaves when all have heard of it."""
        marks: dict[str, int] = {}

        async def send(message: Message) -> None:
            if marks and not exchange.dry_run and message["type"] == "http.response.start":
                await self.access.gone_round(marks)
            await exchange.send(message)

        listed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        receive = exchange.receive
        if exchange.method not in SAFE:  # as slowly as others' bodies and no more slowly
            receive = _given(await limits.body(exchange.headers, exchange.receive, route.max_body), exchange.receive)
        before = announced.set(marks)
        try:
            await self.own({**exchange.scope, "headers": listed}, receive, send)
        finally:
            announced.reset(before)
        if route.operation_id in GUESSES and exchange.status in REFUSED:
            self.guesses.take(limits.line(exchange.address))

    async def _console(self, exchange: Exchange) -> None:
        """A page that takes a file may be sent as much as the operation of the same path, by somebody who is signed in."""
        allowed, caller = MAX_BODY, ""
        if exchange.method == "POST":
            with suppress(DomainError):
                allowed = self.table.match("POST", f"{API[:-1]}{exchange.raw_path}").max_body
        if allowed > MAX_BODY:
            try:
                caller = self.access.check(exchange.headers, "GET")[2].user_id
            except DomainError:
                allowed = MAX_BODY
        headers = exchange.forwarded(None, self.vouching.proof(exchange.address))
        await self._forward(exchange, "console", headers, allowed, caller)

    async def _forward(
        self, exchange: Exchange, upstream: str, headers: dict[str, str], max_body: int, caller: str = ""
    ) -> None:
        with ExitStack() as held:
            place = held.enter_context(self.room.place(caller)) if max_body > MAX_BODY and exchange.method not in SAFE else None
            body = await limits.body(exchange.headers, exchange.receive, max_body, place)
            await self.proxy.forward(
                settings().upstream(upstream), exchange.method, exchange.target, _sent(headers), body, exchange.receive, exchange.send
            )

    async def _collect(self, exchange: Exchange, route: Route, headers: dict[str, str], principal: Principal | None) -> None:
        """A file made of the operation's answer and of lists of several services; who may not read one gets none."""
        assert principal is not None
        lists = collecting.parts(self.table, route, exchange.raw_path, principal)
        body = await limits.body(exchange.headers, exchange.receive, route.max_body)
        await collecting.serve(exchange, route, lists, self.proxy, _sent(headers), body)


def _sent(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What goes on to the upstream: the caller's headers, and those that were made for this hop."""
    return passed_on(headers) + [(name, headers[name]) for name in _MADE if headers.get(name)]


_MADE = ("dry-run", "traceparent", "x-forwarded-for", "x-forwarded-host", vouching.HEADER, "x-forwarded-proto", "x-request-id")


def _headers(scope: Message) -> dict[str, str]:
    """Lower-case names; a repeated header's values are joined as RFC 9110 5.3 (cookies: RFC 9113 8.2.3) says."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        joint = "; " if name == "cookie" else ", "
        found[name] = f"{found[name]}{joint}{text}" if name in found else text
    return found


def _given(body: bytes, receive: Any) -> Any:
    """``receive`` of an application whose request's body is here already."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def answer() -> Message:
        return waiting.pop() if waiting else await receive()

    return answer


def _rate(text: str) -> tuple[float, float]:
    """``0.5/30``: half a token per second, 30 at once."""
    per_second, _, burst = text.partition("/")
    return float(per_second), float(burst or per_second)
