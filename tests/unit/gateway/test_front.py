"""Routing by contract, limits and small parts of the front, without a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from chassis import contracts
from chassis.contracts import Operation
from chassis.domain.errors import (
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    RequestTimeout,
    Unauthenticated,
    Unavailable,
)
from gateway import limits
from gateway.access import Access, cookie
from gateway.limits import Addresses, Buckets, Room, body
from gateway.proxy import passed_on
from gateway.routing import Table
from gateway.tokens import OwnVerifier, Signer, new_key


def operation(method: str, path: str, id: str, **spec: Any) -> Operation:
    whole = {"operationId": id, "x-permission": "a.b.read", "parameters": [], "responses": {}, **spec}
    return Operation("svc", "ctx", method, "/api/v1" + path, whole)


# ---------------------------------------------------------------- routing
def test_every_operation_of_every_contract_is_found() -> None:
    table = Table.of_contracts()
    for service in contracts.services():
        for known in contracts.operations(service):
            path = "/".join("x" if part.startswith("{") else part for part in known.path.split("/"))
            route = table.match(known.method.upper(), path)
            assert (route.service, route.operation_id, route.permission) == (service, known.operation_id, known.permission)


def test_fixed_parts_come_before_parameters() -> None:
    table = Table([
        operation("get", "/orders/{id}", "one"), operation("get", "/orders/history", "history"),
        operation("post", "/orders/{id}/start", "start"), operation("get", "/{any}/history/x", "far"),
    ])
    assert table.match("GET", "/api/v1/orders/history").operation_id == "history"
    assert table.match("GET", "/api/v1/orders/7").operation_id == "one"
    assert table.match("POST", "/api/v1/orders/history/start").operation_id == "start", "falls back to the parameter"
    with pytest.raises(MethodNotAllowed) as refused:
        table.match("DELETE", "/api/v1/orders/history")
    assert refused.value.members == {"allow": ["GET"]}


@pytest.mark.parametrize(
    "path",
    ["/api/v1/orders/", "/api/v1//orders", "/api/v1/orders/..", "/api/v1/orders/%2e%2e", "/api/v1/orders/a%2Fb",
     "/api/v1/Orders/7", "/api/v1/orders/7/start/now", "/api/v1", "/"],
)
def test_nothing_there(path: str) -> None:
    table = Table([operation("get", "/orders/{id}", "one"), operation("get", "/orders", "all")])
    with pytest.raises(NotFound):
        table.match("GET", path)


def test_contracts_that_clash_or_forget_the_right_are_refused() -> None:
    with pytest.raises(ValueError, match=r"both svc\.a and svc\.b"):
        Table([operation("get", "/orders/{id}", "a"), operation("get", "/orders/{other}", "b")])
    with pytest.raises(ValueError, match="x-permission"):
        Table([operation("get", "/orders", "a", **{"x-permission": None})])


# ---------------------------------------------------------------- limits
def test_buckets() -> None:
    now = [0.0]
    buckets = Buckets(0.5, 3, clock=lambda: now[0])
    for _ in range(3):
        buckets.spend("a")
    with pytest.raises(RateLimited) as limited:
        buckets.spend("a")
    assert limited.value.members == {"retry_after": 2}
    buckets.spend("b")
    now[0] = 2.0
    buckets.spend("a")
    with pytest.raises(RateLimited):
        buckets.check("a")
    now[0] = 1000.0
    for _ in range(3):
        buckets.spend("a")
    with pytest.raises(RateLimited):
        buckets.spend("a")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 127.0.0.1", "1.2.3.4"),
        ("203.0.113.1", "1.2.3.4", "203.0.113.1"),
        ("127.0.0.1", "nonsense", "::"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_addresses(peer: str, forwarded: str, expected: str) -> None:
    addresses = Addresses(["127.0.0.0/8", "::1/128"])
    assert addresses.of({"client": (peer, 1)}, {"x-forwarded-for": forwarded} if forwarded else {}) == expected


def read(headers: Mapping[str, str], parts: list[bytes], limit: int) -> bytes:
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.request", "body": b"", "more_body": False}

    return asyncio.run(body(headers, receive, limit))


def test_bodies() -> None:
    assert read({}, [b"ab", b"cd"], 4) == b"abcd"
    with pytest.raises(PayloadTooLarge):
        read({}, [b"ab", b"cd", b"e"], 4)
    with pytest.raises(PayloadTooLarge):
        read({"content-length": "5"}, [], 4)


def test_a_body_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not reset the clock; what keeps coming at an ordinary pace does arrive."""
    monkeypatch.setattr(limits, "PATIENCE", 0.2)

    def sent(parts: int, size: int) -> int:
        left = [parts]

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.05)
            left[0] -= 1
            return {"type": "http.request", "body": b"x" * size, "more_body": left[0] > 0}

        return len(asyncio.run(body({}, receive, 10**9)))

    with pytest.raises(RequestTimeout):
        sent(1000, 1)
    assert sent(10, limits.SLOWEST) == 10 * limits.SLOWEST


def test_large_bodies_share_a_room() -> None:
    room, large = Room(8 * limits.USUAL), 2 * limits.USUAL
    with room.place("ann") as first, room.place("ann") as second, room.place("ann") as third, room.place("bob") as other:
        for place in (first, second, third, other):
            place.take(limits.USUAL)
        assert room.left == 8 * limits.USUAL, "what every operation takes needs no room"
        first.take(large - limits.USUAL)
        second.take(large - limits.USUAL)
        assert room.left == 8 * limits.USUAL - 2 * large
        with pytest.raises(RateLimited):
            third.take(1)
        with pytest.raises(RateLimited):
            other.take(large + limits.USUAL + 1)
    assert room.left == 8 * limits.USUAL and not room.callers


# ---------------------------------------------------------------- headers
def test_hop_headers_stay_here() -> None:
    given = {"connection": "keep-alive, X-Own", "x-own": "1", "te": "trailers", "host": "h", "traceparent": "t",
             "x-forwarded-for": "1.2.3.4", "content-length": "7", "authorization": "Bearer x"}
    assert passed_on(given) == [("host", "h"), ("authorization", "Bearer x")]


def test_cookies() -> None:
    header = "a=1; aftersales_token=abc.def=; b=2"
    assert cookie(header, "aftersales_token") == "abc.def=" and cookie(header, "b") == "2" and cookie(header, "c") == ""
    assert cookie("", "a") == "" and cookie("xaftersales_token=1", "aftersales_token") == ""


# ---------------------------------------------------------------- void tokens
class Cursor:
    """Answers the questions a fresh connection asks, and keeps what was announced."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers, self.announced = list(answers), []

    def execute(self, sql: str, values: tuple[Any, ...]) -> None:
        if "pg_notify" in sql:
            self.announced.append(values[1])

    def fetchall(self) -> list[Any]:
        return self.answers.pop(0)


def access(deaf: float = 0.0) -> tuple[Access, Any]:
    signer = Signer(new_key())

    def bearer(**claims: Any) -> dict[str, str]:
        whole = {"sub": "u", "username": "ann", "org_path": "/HQ/", "perms": [], "epoch": 2, "sid": "s1", **claims}
        return {"authorization": f"Bearer {signer.sign(whole, datetime.now(UTC))}"}

    return Access(OwnVerifier(signer), lambda: deaf), bearer


def test_void_tokens() -> None:
    found, bearer = access()
    assert found.check(bearer(), "GET")[2].username == "ann"
    found.connected(Cursor([(UUID(int=7),)], [(UUID(int=9), 3)], []))
    cursor = Cursor()
    found.heard(["m1 session s2", "m2 user u 2", "m2 heard"], cursor)
    assert cursor.announced == ["m1 heard", "m2 heard"], "says that it has heard, once each"
    assert found.check(bearer(), "GET"), "an epoch reached is good"
    user = str(UUID(int=9))
    for void in ({"sid": UUID(int=7).hex}, {"sid": "s2"}, {"sub": user, "epoch": 2}, {"epoch": 1}):
        with pytest.raises(Unauthenticated):
            found.check(bearer(**void), "GET")
    assert found.check(bearer(sub=user, epoch=3), "GET")


def test_all_news_hold_before_any_is_acknowledged() -> None:
    """Acknowledging may take the database long, and whoever waits for it is answered after a second anyway."""
    found, bearer = access()
    claims = found.check(bearer(), "GET")[1]

    class Slow(Cursor):
        def execute(self, sql: str, values: tuple[Any, ...]) -> None:
            assert found.is_locked(claims)
            super().execute(sql, values)

    cursor = Slow()
    found.heard(["m1 session s2", "m2 locked s1"], cursor)
    assert cursor.announced == ["m1 heard", "m2 heard"]


def test_locked_sessions_are_kept_as_long_as_their_tokens_live(monkeypatch: pytest.MonkeyPatch) -> None:
    found, bearer = access()
    claims = {sid: found.check(bearer(sid=sid), "GET")[1] for sid in ("s1", "s2", UUID(int=7).hex)}

    def locked() -> set[str]:
        return {sid for sid, of in claims.items() if found.is_locked(of)}

    found.heard(["m locked s1", "m locked s2", "m unlocked s2"], Cursor())
    assert locked() == {"s1"}
    found.connected(Cursor([], [], [(UUID(int=7),)]))
    assert locked() == {UUID(int=7).hex}, "what the database says, and nothing that was unlocked unheard"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1800)
    found.heard(["m locked s1"], Cursor())
    assert locked() == {"s1", UUID(int=7).hex}
    monkeypatch.setattr(time, "monotonic", lambda: now + 1900)
    found.heard(["m heard"], Cursor())
    assert locked() == {"s1"}, "told again by a refresh"


def test_nobody_is_let_in_when_void_tokens_cannot_be_known() -> None:
    for deaf in (11.0, float("inf")):
        found, bearer = access(deaf)
        with pytest.raises(Unavailable):
            found.check(bearer(), "GET")
    found, bearer = access(3.0)
    assert found.check(bearer(), "GET"), "a short break is bridged"


def test_answers_wait_until_all_have_heard() -> None:
    async def story() -> list[bool]:
        found, _ = access()
        found.attach(asyncio.get_running_loop(), lambda session, user, epoch: None)
        waiting = asyncio.ensure_future(found.gone_round({"m": 2}, timeout=5))
        seen = []
        for _ in range(2):
            found.heard(["m heard"], Cursor())
            await asyncio.sleep(0.02)
            seen.append(waiting.done())
        await found.gone_round({"m": 2}, timeout=5)
        return seen

    assert asyncio.run(story()) == [False, True]
