"""Callers who are slow or endless on purpose, at one server process of ours: cut off in time, and nobody else waits for them."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from deploy import serving
from gateway.limits import Addresses, Connections

CROWD = 200


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers at once; ``/large`` with more than the system's buffers take."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/told":  # the request's head as it is known once the whole request has come
        while (await receive()).get("more_body"):
            pass
        body = json.dumps([(name.decode(), value.decode()) for name, value in scope["headers"]]).encode() + b"\r\n"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})
        return
    body = b"x" * (64 * 1024 * 1024 if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    for start in range(0, len(body), 65536):
        await send({"type": "http.response.body", "body": body[start : start + 65536], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def served(protocol: type[serving.Guarded]) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=2 * CROWD)
    server = serving.server(app, loop="uvloop", http=protocol, log_config=None, lifespan="off", timeout_keep_alive=75)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    patch = pytest.MonkeyPatch()
    patch.setattr(serving, "HEAD_SECONDS", 1.5)
    patch.setattr(serving, "STALL_SECONDS", 1.5)
    patch.setattr(serving, "PARTING_SECONDS", 1.0)
    with served(serving.Guarded) as port:
        yield port
    patch.undo()


@pytest.fixture
def strict() -> Iterator[int]:
    """Of one address 20 connections; only 127.0.0.9 is a trusted proxy."""
    with served(serving.counted(Connections(20, Addresses(["127.0.0.9/32"])))) as port:
        yield port


def wire(port: int, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=15, source_address=(source, 0))
    opened.sendall(sent)
    return opened


def closed_after(opened: socket.socket) -> float:
    """Seconds until the other side hangs up."""
    began = time.monotonic()
    try:
        while opened.recv(65536):
            pass
    except OSError:
        pass
    return time.monotonic() - began


def answered(opened: socket.socket) -> bool:
    """Whether one whole small answer came; head and body may come apart."""
    got = b""
    while not got.endswith(b"\r\n\r\nxx") and (part := opened.recv(65536)):
        got += part
    return got.endswith(b"xx")


def latency(port: int, calls: int = 150) -> float:
    """Median of an ordinary caller's calls on one kept connection."""
    seconds = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
        for _ in range(calls):
            began = time.perf_counter()
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"xx"
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def taken(opened: socket.socket) -> bool:
    """Whether a connection was let in: it gets an answer."""
    try:
        opened.sendall(REQUEST)
        return answered(opened)
    except OSError:
        return False


def test_a_crowd_from_one_address_leaves_room_for_others(strict: int):
    crowd = [wire(strict, source="127.0.0.2") for _ in range(CROWD)]
    try:
        assert [taken(one) for one in crowd].count(True) == 20
        for source in ("127.0.0.1", "127.0.0.3"):
            with closing(wire(strict, source=source)) as other:
                assert taken(other), source
    finally:
        for one in crowd:
            one.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # what is closed counts no more
        with closing(wire(strict, source="127.0.0.2")) as back:
            if taken(back):
                return
        time.sleep(0.05)
    pytest.fail("the places of closed connections were not given back")


def test_a_trusted_proxy_brings_as_many_as_it_has(strict: int):
    crowd = [wire(strict, source="127.0.0.9") for _ in range(100)]
    assert all(taken(one) for one in crowd)
    for one in crowd:
        one.close()


def test_only_the_public_port_counts(monkeypatch: pytest.MonkeyPatch):
    assert serving.protocol("orders") is serving.Guarded
    monkeypatch.setenv("AFTERSALES_CONNECTIONS_PER_ADDRESS", "7")
    crowds = serving.protocol("gateway").crowds
    assert crowds is not None and crowds.limit == 7
    assert crowds.enter("127.0.0.1") == "", "the proxy beside us"
    assert crowds.enter("") == "::/64", "who has no address is counted with others of his kind"


@pytest.mark.parametrize("addresses", [["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::"], ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"]])
def test_what_one_subscriber_has_is_one_address(addresses: list[str]):
    crowds = Connections(2, Addresses([]))
    assert [crowds.enter(address) is None for address in addresses] == [False, False, True]
    assert crowds.enter("2001:db8:0:1::1") and crowds.enter("192.0.2.2")


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["silent", "half a line", "half a head"])
def test_who_does_not_say_what_he_wants_is_cut_off(port: int, sent: bytes):
    with closing(wire(port, sent)) as opened:
        assert 1 < closed_after(opened) < 8


def test_a_trickle_does_not_buy_time(port: int):
    with closing(wire(port, b"GET / HTTP/1.1\r\n")) as opened:
        began = time.monotonic()
        try:
            while time.monotonic() - began < 12:
                opened.sendall(b"X-A: b\r\n")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - began < 8


def test_the_next_request_of_a_kept_connection_has_a_clock_too(port: int):
    with closing(wire(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")) as opened:
        assert answered(opened)
        time.sleep(2.5)
        opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answered(opened), "an idle connection is kept"
        opened.sendall(b"GET / HTTP/1.1\r\nHo")
        assert 1 < closed_after(opened) < 8


def test_a_head_without_end_is_not_taken(port: int):
    with closing(wire(port, b"GET / HTTP/1.1\r\n")) as opened:
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                opened.sendall(b"X-A: " + b"b" * 8000 + b"\r\n")
                sent += 8007
        except OSError:
            pass
        assert sent < 16 * 1024 * 1024, "more than the system's own buffers were taken"


def test_an_answer_nobody_reads_is_given_up(port: int):
    with closing(wire(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")) as opened:
        time.sleep(5)
        took = 0
        try:
            while part := opened.recv(1 << 20):
                took += len(part)
        except OSError:
            pass
        assert took < 64 * 1024 * 1024, "the whole answer was still kept"


def test_a_slow_reader_gets_everything(port: int):
    with closing(wire(port, b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) as opened:
        took, began = 0, time.monotonic()
        while part := opened.recv(1 << 20):
            took += len(part)
            if time.monotonic() - began < 4:
                time.sleep(0.05)
        assert took > 64 * 1024 * 1024


def test_a_crowd_of_slow_callers_holds_up_nobody(port: int):
    """A ratio, not a time: with a crowd of half heads and unread answers a caller waits no more than a few times as long."""
    alone = latency(port)
    crowd = [wire(port, b"GET / HTTP/1.1\r\nX-Slow: " if n % 2 else b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n") for n in range(CROWD // 10)]
    crowd += [wire(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx") for _ in range(CROWD)]
    try:
        assert latency(port) < 10 * alone + 0.02
    finally:
        for one in crowd:
            one.close()


# ---------------------------------------------------------------- trailers


CHUNKED = b"POST /told HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
HIDDEN = [b"Authorization: Bearer x", b"Host: evil", b"X-Forwarded-For: 127.0.0.1", b"Dry-Run: true", b"Cookie: a=b", b"X-Any: y"]


@pytest.mark.parametrize("pause", [0.0, 0.2], ids=["at once", "later"])
@pytest.mark.parametrize("announced", [b"", b"Trailer: Authorization, X-Any\r\nTE: trailers\r\n"], ids=["unasked", "announced"])
def test_trailers_never_become_headers(port: int, announced: bytes, pause: float):
    with closing(wire(port, CHUNKED + announced + b"\r\n2\r\n{}\r\n0\r\n")) as opened:
        time.sleep(pause)
        opened.sendall(b"\r\n".join(HIDDEN) + b"\r\n\r\n" + CHUNKED + b"Connection: close\r\n\r\n0\r\n\r\n")
        got = b""
        while part := opened.recv(65536):
            got += part
    first, second = (dict(json.loads(line)) for line in got.split(b"\r\n") if line.startswith(b"[["))
    kept = {"host": "x", "transfer-encoding": "chunked", "trailer": "Authorization, X-Any", "te": "trailers"}
    assert first.items() <= kept.items() and first["host"] == "x"
    assert second == {"host": "x", "transfer-encoding": "chunked", "connection": "close"}, "the next request has headers again"


@pytest.mark.parametrize("piece", [b"X-A: " + b"b" * 8000 + b"\r\n", b"b" * 8000], ids=["many", "one"])
@pytest.mark.parametrize("begun", [b"0\r\nX-B: ", b"2;a="], ids=["trailers", "chunk extension"])
def test_what_is_neither_head_nor_body_has_an_end(port: int, begun: bytes, piece: bytes):
    with closing(wire(port, CHUNKED + b"\r\n" + begun)) as opened:
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                opened.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        assert sent < 16 * 1024 * 1024, "more than the system's own buffers were taken"


# ---------------------------------------------------------------- answered before it ended


def told(opened: socket.socket) -> tuple[bytes, float]:
    """All that comes until the other side hangs up, and how long that took."""
    got, began = b"", time.monotonic()
    try:
        while part := opened.recv(65536):
            got += part
    except OSError:
        pass
    return got, time.monotonic() - began


UNFINISHED = [b"Content-Length: 1000000\r\n\r\n{", b"Content-Length: 1\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"]


@pytest.mark.parametrize("rest", UNFINISHED, ids=["much", "little", "not begun", "chunked"])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_an_answer_before_the_end_of_its_request_ends_the_connection(port: int, method: bytes, rest: bytes):
    with closing(wire(port, method + b" / HTTP/1.1\r\nHost: x\r\n" + rest)) as opened:
        got, _ = told(opened)
        assert got.endswith(b"\r\n\r\nxx") and b"connection: close" in got, "said, and whole"
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 10:  # not for ever: whoever goes on sending is cut off
                opened.sendall(b"x" * 65536)
        assert time.monotonic() - began < 6


def test_the_rest_of_an_answered_request_is_no_request(port: int):
    with closing(wire(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")) as opened:
        time.sleep(0.2)
        opened.sendall(b"0123456789" + REQUEST)
        assert told(opened)[0].count(b"HTTP/1.1 200") == 1


def test_the_answer_reaches_who_is_still_sending(port: int):
    """What was sent and not read would make the system throw the answer away with the connection."""
    with closing(wire(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")) as opened:
        opened.sendall(b"x" * 200_000)
        time.sleep(0.5)
        opened.sendall(b"x" * 200_000)
        assert told(opened)[0].endswith(b"xx")


def test_a_request_that_came_whole_keeps_its_connection(port: int):
    with closing(wire(port)) as opened:
        for _ in range(3):
            opened.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            assert answered(opened)
