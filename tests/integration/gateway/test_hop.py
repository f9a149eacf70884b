"""The hop to services and console: what is passed on, limits, cookies, and an upstream that goes away."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.gateway import upstream
from tests.integration.gateway.conftest import Branch, Caller, Gateway, mark
from tests.integration.gateway.test_sign_in import refused

ORDER = {"kind": "repair", "channel": "phone", "site_id": "x", "problem": "x"}
MEGABYTE = 1_048_576


def test_what_is_passed_on(gateway: Gateway, admin: Caller) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = admin.call("POST", "/work-orders", ORDER, params={"a": "ä b"}, headers={
        "traceparent": trace, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Host": "evil", "Connection": "X-Secret",
        "X-Secret": "for this hop", "Idempotency-Key": "k1", "If-Match": "3", "TE": "trailers"})
    assert answer.status_code == 200 and answer.headers["X-Upstream"] == "yes"
    assert "X-Hop" not in answer.headers, "named by Connection: meant for one hop"
    seen = gateway.service.seen[0]
    headers = seen["headers"]
    assert seen["path"] == "/api/v1/work-orders?a=%C3%A4+b" and seen["method"] == "POST"
    assert headers["authorization"] == f"Bearer {admin.token}"
    assert headers["idempotency-key"] == "k1" and headers["if-match"] == "3" and headers["accept-language"] == "en"
    assert not {"x-secret", "te"} & set(headers)
    assert headers["x-forwarded-for"] == "198.51.100.7", "the peer is a trusted proxy"
    assert headers["x-forwarded-host"] == urlsplit(gateway.bases[0]).netloc and headers["x-forwarded-proto"] == "http"
    version, trace_id, span_id, flags = headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01")
    assert span_id != "00f067aa0ba902b7"
    assert headers["x-request-id"] == answer.headers["X-Request-Id"] == trace_id


def test_a_trace_begins_here(gateway: Gateway, admin: Caller) -> None:
    for given in ({}, {"traceparent": "nonsense", "X-Request-Id": "bad id\twith"}):
        answer = admin.call("GET", "/work-orders", headers=given)
        headers = gateway.service.seen[-1]["headers"]
        assert len(headers["traceparent"]) == 55 and headers["traceparent"].split("-")[1] == answer.headers["X-Request-Id"]
    assert admin.call("GET", "/work-orders", headers={"X-Request-Id": "mine-7"}).headers["X-Request-Id"] == "mine-7"


def test_unknown_path_and_wrong_method(gateway: Gateway, admin: Caller) -> None:
    for path in ("/nothing", "/work-orders/", "//work-orders", "/work-orders/../users", "/work-orders/%2e%2e/x", "/Users"):
        connection = _raw(gateway.bases[0], f"GET /api/v1{path} HTTP/1.1", admin.token)
        assert b" 404 " in connection.split(b"\r\n")[0] and b'"not_found"' in connection, path
    answer = admin.call("DELETE", "/work-orders")
    refused(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert gateway.service.seen == []


def test_right_is_checked_before_the_hop(gateway: Gateway, branch: Branch) -> None:
    cashier = gateway.as_(branch.user(["cashier"])["username"])
    refused(cashier.call("POST", "/work-orders", ORDER), 403, "forbidden")
    assert cashier.call("GET", "/work-orders").status_code == 200
    assert [seen["method"] for seen in gateway.service.seen] == ["GET"]


def test_large_bodies(gateway: Gateway, admin: Caller) -> None:
    def pieces(size: int) -> Any:
        for _ in range(size // 65536):
            yield b"x" * 65536

    assert admin.call("POST", "/work-orders", data=b"x" * MEGABYTE).json()["body"] == MEGABYTE
    assert admin.call("POST", "/work-orders", data=pieces(MEGABYTE)).json()["body"] == MEGABYTE
    gateway.service.clear()
    for path in ("/work-orders", "/users"):
        answer = admin.call("POST", path, data=pieces(2 * MEGABYTE), headers={"Content-Type": "application/json"})
        assert refused(answer, 413, "payload_too_large")["limit"] == MEGABYTE
        head = _raw(gateway.bases[0], f"POST /api/v1{path} HTTP/1.1", admin.token, f"Content-Length: {2 * MEGABYTE}")
        assert b" 413 " in head.split(b"\r\n")[0] and b"payload_too_large" in head
    assert gateway.service.seen == [], "nothing of it reached the service"


def test_history_import_may_be_larger(gateway: Gateway, admin: Caller) -> None:
    answer = admin.call("POST", "/work-orders/history", data=b"x" * (3 * MEGABYTE))
    assert answer.status_code == 200 and answer.json()["body"] == 3 * MEGABYTE


def test_cookie_is_for_reading(gateway: Gateway, admin: Caller) -> None:
    caller = gateway.anybody()
    cookie = {"Cookie": f"theme=dark; aftersales_token={admin.token}; x=y"}
    assert caller.call("GET", "/me", headers=cookie).json()["username"] == "admin"
    assert caller.call("GET", "/work-orders", headers=cookie).status_code == 200
    headers = gateway.service.seen[-1]["headers"]
    assert headers["authorization"] == f"Bearer {admin.token}" and "cookie" not in headers
    refused(caller.call("POST", "/work-orders", ORDER, headers=cookie), 401, "unauthenticated")
    refused(caller.call("POST", "/auth/logout", {}, headers=cookie), 401, "unauthenticated")
    refused(caller.call("GET", "/me", headers={"Cookie": "aftersales_token=nonsense"}), 401, "unauthenticated")
    token = admin.token or ""
    parts = {"Cookie": f"aftersales_token_2={token[100:]}; aftersales_token={token[:100]}"}  # a long one in two
    assert caller.call("GET", "/me", headers=parts).json()["username"] == "admin"
    refused(caller.call("GET", "/me", headers={"Cookie": f"aftersales_token={token}; aftersales_token_2=x"}), 401, "unauthenticated")


def test_answers_are_streamed(gateway: Gateway, admin: Caller) -> None:
    gateway.service.answers.append(upstream.in_pieces)
    began = time.monotonic()
    answer = admin.call("GET", "/work-orders", stream=True)
    pieces = [(piece, time.monotonic() - began) for piece in answer.iter_content(None)]
    assert b"".join(piece for piece, _ in pieces) == b"first\nsecond\n"
    assert pieces[0][0] == b"first\n" and pieces[0][1] < 0.4 < pieces[-1][1]


def test_service_away_for_a_moment(gateway: Gateway, admin: Caller) -> None:
    """A process that is being replaced: the call waits for it, also a write, since it never reached anybody."""
    gateway.service.stop()
    threading.Timer(0.7, gateway.service.start).start()
    assert admin.call("POST", "/work-orders", ORDER).status_code == 200
    assert len(gateway.service.seen) == 1


def test_service_away(gateway: Gateway, admin: Caller) -> None:
    gateway.service.stop()
    try:
        began = time.monotonic()
        problem = refused(admin.call("GET", "/work-orders"), 503, "unavailable")
        assert 2 < time.monotonic() - began < 15 and problem["title"] == "The service is not available now, try again"
        assert admin.call("GET", "/me").status_code == 200
    finally:
        gateway.service.start()
    assert admin.call("GET", "/work-orders").status_code == 200


def test_broken_connections(gateway: Gateway, admin: Caller) -> None:
    """Sent again only when twice does no harm: reading, and writes with an idempotency key."""
    broken = gateway.service.answers
    broken.append(upstream.break_off)
    assert admin.call("GET", "/work-orders").status_code == 200
    assert len(gateway.service.seen) == 2
    broken.append(upstream.break_off)
    assert admin.call("POST", "/work-orders", ORDER, headers={"Idempotency-Key": mark()}).status_code == 200
    assert len(gateway.service.seen) == 4
    broken.append(upstream.break_off)
    refused(admin.call("POST", "/work-orders", ORDER), 503, "unavailable")
    assert len(gateway.service.seen) == 5


def test_an_answer_that_breaks_is_not_ended_well(gateway: Gateway, admin: Caller) -> None:
    gateway.service.answers.append(upstream.break_in_the_middle)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        _ = admin.call("GET", "/work-orders").content
    assert admin.call("GET", "/work-orders").status_code == 200


def test_everything_else_is_the_consoles(gateway: Gateway) -> None:
    for path in ("/", "/orders?q=1", "/static/x.css", "/apis"):
        answer = requests.get(gateway.bases[0] + path, headers={"Cookie": "aftersales_token=x"}, timeout=5)
        assert answer.status_code == 200
        seen = gateway.console.seen[-1]
        assert seen["path"] == path and seen["headers"]["cookie"] == "aftersales_token=x"
        assert seen["headers"]["host"] == urlsplit(gateway.bases[0]).netloc
    for path in ("/api", "/api/", "/api/v1", "/api/v2/me"):
        refused(requests.get(gateway.bases[0] + path, headers={"Accept-Language": "en"}, timeout=5), 404, "not_found")


def test_documentation(gateway: Gateway) -> None:
    base = gateway.bases[0]
    document = requests.get(f"{base}/api/docs/openapi.json", timeout=20).json()
    assert document["openapi"] == "3.1.0" and "$ref" not in str(document)
    assert document["paths"]["/auth/token"]["post"]["security"] == []
    assert document["paths"]["/users"]["post"]["x-permission"] == "gateway.user.create"
    assert requests.get(f"{base}/api/docs", headers={"Accept": "application/json"}, timeout=20).json() == document
    page = requests.get(f"{base}/api/docs", timeout=20)
    assert page.headers["content-type"].startswith("text/html") and "/api/v1/auth/token" in page.text
    assert "src=" not in page.text and "http" not in page.text.split("</style>")[0], "needs nothing from elsewhere"


def test_for_operators(gateway: Gateway) -> None:
    base = gateway.bases[0]
    assert requests.get(f"{base}/healthz", timeout=5).json() == {"status": "ok"}
    assert requests.get(f"{base}/readyz", timeout=5).status_code == 200
    assert "aftersales_http_request_seconds" in requests.get(f"{base}/metrics", timeout=5).text


def test_problems_speak_the_callers_language(gateway: Gateway) -> None:
    for language, title in (("en", "Please sign in"), ("zh-CN,zh;q=0.9", "请先登录"), ("fr", "请先登录")):
        assert gateway.anybody().call("GET", "/me", headers={"Accept-Language": language}).json()["title"] == title


def _raw(base: str, request: str, token: str | None, *headers: str) -> bytes:
    """The answer's beginning to a request written by hand."""
    parts = urlsplit(base)
    with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=10) as connection:
        lines = [request, f"Host: {parts.netloc}", f"Authorization: Bearer {token}", "Accept-Language: en", *headers]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while b"\r\n\r\n" not in received or not received.partition(b"\r\n\r\n")[2]:
            part = connection.recv(65536)
            if not part:
                break
            received += part
        return received
