"""What is refused before it is routed, and whose address is believed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, strategies as st

from chassis.domain.errors import BadHost, DomainError, NotFound
from chassis.http.edge import TARGET, Edge, check, is_plain
from chassis.ops.addresses import UNREADABLE, Addresses, readable


def asked(path: str = "/api/v1/me", hosts: tuple[str, ...] = ("suite.example:8080",), target: str = "") -> dict[str, Any]:
    headers = [(b"host", host.encode("latin-1")) for host in hosts]
    return {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": headers,
            "client": ("203.0.113.1", 1), TARGET: (target or path).encode()}  # fmt: skip


def refusal(scope: dict[str, Any]) -> str:
    try:
        check(scope)
    except DomainError as error:
        return error.code
    return ""


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/work-orders/7", "/api/v1/parts/A%2Eb", "/a..b", "/...", "/%E4%BD%A0", "/a;b=c", "/a%252fb"])
def test_plain_paths(path: str):
    assert is_plain(path.encode()) and refusal(asked(path)) == ""


@pytest.mark.parametrize("path", [
    "", "*", "x", "//", "///", "//metrics", "/metrics/", "/metrics//", "//api/v1/me", "/api//v1/me", "/api/v1//me", "/api/v1/me/", "/.", "/..",
    "/./metrics", "/x/../metrics", "/api/v1/./me", "/%2e/metrics", "/x/%2e%2e/metrics", "/x/.%2E/metrics", "/%2fmetrics", "/metrics%2f",
    "/api%2Fv1/me", "/\\metrics", "/%5cmetrics", "/metrics%00", "/metrics%0a", "/metrics%7f",
])  # fmt: skip
def test_paths_that_two_readers_may_read_differently(path: str):
    assert refusal(asked(path)) == "not_found"


@given(st.lists(st.sampled_from(["a", "", ".", "..", "%2e", "%2E.", "%2f", "%5C", "b"]), min_size=1, max_size=5))
def test_every_segment_counts(segments: list[str]):
    plain = all(segment in ("a", "b") for segment in segments) or segments == [""]
    assert is_plain(("/" + "/".join(segments)).encode()) == plain


@pytest.mark.parametrize("hosts", [
    (), ("",), (" ",), ("a", "a"), ("a", "b"), ("a,b",), ("a b",), ("a/b",), ("user@a",), ("a:b",), ("a:123456",), ("a\\b",), ("[::1",), ("::1",), ("a\x00",), ("é",),
    ("http://a",), ("a?",), ("a#",),
])  # fmt: skip
def test_hosts_that_are_none(hosts: tuple[str, ...]):
    assert refusal(asked(hosts=hosts)) == "bad_host"


@pytest.mark.parametrize("host", ["a", "a.example", "a_b", "127.0.0.1:8080", "[::1]:8080", "[2001:db8::1]", "xn--fiq.cn:80"])
def test_hosts(host: str):
    assert refusal(asked(hosts=(host,))) == ""


@pytest.mark.parametrize(("target", "code"), [
    ("http://suite.example:8080/api/v1/me", ""), ("HTTP://SUITE.example:8080/api/v1/me?a=http://b", ""), ("/api/v1/me?next=http://evil/", ""),
    ("http://evil/api/v1/me", "bad_host"), ("http://suite.example/api/v1/me", "bad_host"), ("http://x@suite.example:8080/api/v1/me", "bad_host"),
    ("http://evil?/", "bad_host"),
])  # fmt: skip
def test_a_target_that_names_another_host(target: str, code: str):
    assert refusal(asked(target=target)) == code


OURS = Addresses(["127.0.0.0/8", "::1/128", "10.0.0.0/8"])


@pytest.mark.parametrize(("peer", "named", "address"), [
    ("127.0.0.1", None, "127.0.0.1"), ("::ffff:127.0.0.1", None, "127.0.0.1"), ("203.0.113.1", "127.0.0.1", "203.0.113.1"),
    ("127.0.0.1", "203.0.113.9", "203.0.113.9"), ("127.0.0.1", "198.51.100.2, 10.1.1.1", "198.51.100.2"), ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
    ("::1", "[2001:db8::1]:443", "2001:db8::1"), ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
    ("127.0.0.1", "10.1.1.1", "10.1.1.1"), ("", None, UNREADABLE), ("", "127.0.0.1", UNREADABLE), ("unix:", "127.0.0.1", UNREADABLE),
])  # fmt: skip
def test_whose_address_it_is(peer: str, named: str | None, address: str):
    headers = {} if named is None else {"x-forwarded-for": named}
    assert OURS.of({"client": (peer, 1)}, headers) == address


GARBAGE = ["", " ", ",", "x", "unknown", "127.0.0.1, x", "localhost", "127.1", "2130706433", "0x7f.1", "127.0.0.1.", "_hidden", "unix:", "127.0.0.1;", "[::1", "'"]


@pytest.mark.parametrize("named", GARBAGE)
def test_an_address_that_cannot_be_read_is_not_ours(named: str):
    scope = {"client": ("127.0.0.1", 1)}
    assert OURS.of(scope, {"x-forwarded-for": named}) == UNREADABLE
    assert not OURS.are_operators(scope, {"x-forwarded-for": named})


@pytest.mark.parametrize("client", [None, (), ("", 0), ("garbage", 1)])
def test_a_peer_without_address_is_not_ours(client: Any):
    assert not OURS.are_operators({"client": client}, {}) and not OURS.trusts("")


@given(st.text(max_size=20))
def test_whatever_is_named_becomes_an_address(text: str):
    assert readable(readable(text)) == readable(text)


def answered(scope: dict[str, Any]) -> tuple[int, bytes]:
    """Of an application that would show everything to everybody."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"figures"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Edge(app)(scope, None, send))
    return sent[0]["status"], sent[1]["body"]


def test_an_application_that_is_not_ours_is_behind_the_same_edge():
    assert answered(asked("/x")) == (200, b"figures")
    for scope in (asked("/metrics"), asked("//metrics")):
        status, body = answered(scope)
        assert status == 404 and b'"not_found"' in body
    assert answered(asked("/x", hosts=()))[0] == 400
    assert answered({**asked("/metrics"), "client": ("127.0.0.1", 1)}) == (200, b"figures")


def test_errors_are_of_the_catalogue():
    assert BadHost().code == "bad_host" and NotFound().code == "not_found"
