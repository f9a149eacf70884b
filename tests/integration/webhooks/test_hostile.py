"""Receivers that misbehave, and addresses that nobody may make us call."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.webhooks.addresses import Policy
from gateway.webhooks.client import Answer, Client, Guard
from tests.integration.webhooks.conftest import HERE, Webhooks
from tests.support.client import eventually
from tests.support.receiver import Receiver, answer, certificate, verified

NAME = "partner.test"


def post(url: str, networks: str = HERE, total: float = 3.0, body: bytes = b"{}", **options: Any) -> Answer:
    async def run() -> Answer:
        timeout = aiohttp.ClientTimeout(total=total, sock_connect=1.0)
        client = Client(Policy.of(networks), timeout=timeout, **options)
        try:
            return await client.post(url, {"webhook-id": "1"}, body)
        finally:
            await client.close()

    return asyncio.run(run())


def names(*answers: list[str]) -> Any:
    """A resolver that answers these one after another, the last for ever; ``asked`` counts."""

    async def resolve(host: str, port: int) -> list[str]:
        resolve.asked += 1  # type: ignore[attr-defined]
        return answers[min(resolve.asked, len(answers)) - 1]  # type: ignore[attr-defined]

    resolve.asked = 0  # type: ignore[attr-defined]
    return resolve


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Receiver, Any]]:
    server, trust = certificate(tmp_path, NAME)
    found = Receiver(server)
    yield found, trust
    found.close()


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_this_machine_is_not_called(host: str, receiver: Receiver):
    assert post(f"https://{host}:{receiver.port}/", networks="").error == "address_refused"
    assert receiver.received == []


@pytest.mark.parametrize("addresses", [
    ["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["fe80::1%lo"],
    ["169.254.169.254"], ["not an address"],
])  # fmt: skip
def test_a_name_with_one_closed_address_is_closed(addresses: list[str], secure: tuple[Receiver, Any]):
    receiver, trust = secure
    url = f"https://{NAME}:{receiver.port}/"
    assert post(url, networks="", resolve=names(addresses), trust=trust).error == "address_refused"
    assert receiver.received == []


def test_the_address_that_was_judged_is_the_one_called(secure: tuple[Receiver, Any]):
    """The name's answer changes between the look and the call: there is no second look."""
    receiver, trust = secure
    url = f"https://{NAME}:{receiver.port}/x"
    resolve = names(["127.0.0.1"], ["127.0.0.2"])
    assert post(url, resolve=resolve, trust=trust).status == 204 and resolve.asked == 1
    assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}" and receiver.received[0].path == "/x"


def test_a_name_that_turns_to_a_closed_address_is_refused_from_then_on(webhooks: Webhooks, secure: tuple[Receiver, Any]):
    """Rebinding: fine when it was written down and at the first delivery, a private address at the next."""
    receiver, trust = secure
    webhook = webhooks.create(f"https://{NAME}:{receiver.port}/hook")
    resolve = names(["127.0.0.1"], ["10.0.0.5"])
    with webhooks.sending(resolve=resolve, trust=trust):
        webhooks.order()
        webhooks.becomes(webhook, "delivered")
        webhooks.order()
        eventually(lambda: webhooks.deliveries(webhook)[1]["error"] == "address_refused", "the second")
    assert len(receiver.received) == 1 and verified(webhook["secret"], receiver.received[0].headers, receiver.received[0].body)


@pytest.mark.parametrize("careless", [False, True], ids=["judged by the resolver", "judged at the connection"])
def test_plain_http_leads_into_the_allowed_networks_only(
    careless: bool, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, secure: tuple[Receiver, Any]
):
    """A name of the premises that means a public address (here: this machine) by now: encrypted it may be called, in clear not."""
    monkeypatch.setattr("gateway.webhooks.addresses.is_public", lambda address: True)
    if careless:
        monkeypatch.setattr(Guard, "_admits", lambda self, addresses: True)
    other, trust = secure
    resolve = names(["127.0.0.1"])
    assert post(f"http://{NAME}:{receiver.port}/", networks="10.0.0.0/8", resolve=resolve).error == "address_refused"
    assert post(f"https://{NAME}:{other.port}/", networks="10.0.0.0/8", resolve=resolve, trust=trust).status == 204
    assert receiver.received == [] and len(other.received) == 1


def test_the_last_gate_stands_behind_the_resolver(monkeypatch: pytest.MonkeyPatch, receiver: Receiver):
    """Even were names judged wrongly, no socket is opened to a closed address."""
    async def careless(self: Guard, host: str, port: int = 0, family: int = 0) -> list[Any]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    monkeypatch.setattr(Guard, "resolve", careless)
    assert post(f"https://{NAME}:{receiver.port}/", networks="").error == "address_refused"
    assert receiver.received == []


def test_an_unknown_name_and_a_closed_port(receiver: Receiver):
    async def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "unknown")

    assert post(f"https://{NAME}/", resolve=nobody).error == "name"
    receiver.close()
    assert post(receiver.url).error == "connection"


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch, receiver: Receiver):
    other = Receiver()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{other.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert post(receiver.url).status == 204 and other.received == []
    other.close()


# ---------------------------------------------------------------- TLS


def test_a_certificate_nobody_vouches_for_is_refused(secure: tuple[Receiver, Any]):
    receiver, _ = secure
    assert post(f"https://{NAME}:{receiver.port}/", resolve=names(["127.0.0.1"])).error == "tls"
    assert receiver.received == []


def test_a_certificate_of_another_name_is_refused(secure: tuple[Receiver, Any]):
    receiver, trust = secure
    assert post(f"https://other.test:{receiver.port}/", resolve=names(["127.0.0.1"]), trust=trust).error == "tls"
    assert receiver.received == []


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_failures_and_not_followed(status: int, receiver: Receiver):
    other = Receiver()
    receiver.behave = answer(status, Location=f"http://127.0.0.1:{other.port}/elsewhere")
    found = post(receiver.url)
    assert (found.status, found.error, found.received) == (status, "redirect", False)
    assert other.received == [] and len(receiver.received) == 1
    other.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_one(status: int, receiver: Receiver):
    receiver.behave = answer(status, b"" if status == 204 else b"thanks")
    assert post(receiver.url) .received


def test_a_huge_answer_is_not_read(receiver: Receiver):
    sent = []

    def flood(handler: Any, _: Any) -> None:
        handler.send_response(500)
        handler.send_header("Content-Length", str(10**10))
        handler.end_headers()
        for _i in range(2000):  # up to 200 MB
            handler.wfile.write(b"x" * 100_000)
            sent.append(1)

    receiver.behave = flood
    began = time.monotonic()
    found = post(receiver.url)
    assert (found.status, found.error) == (500, "status") and found.excerpt == "x" * 500
    time.sleep(0.5)
    assert time.monotonic() - began < 10 and len(sent) < 200


def test_a_packed_answer_is_not_unpacked(receiver: Receiver):
    import gzip

    receiver.behave = answer(500, gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip")
    found = post(receiver.url)
    assert found.status == 500 and len(found.excerpt or "") <= 500 and "000000" not in (found.excerpt or "")


def test_heads_without_end_are_cut_off(receiver: Receiver):
    def headers(handler: Any, _: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for index in range(100_000):
            handler.wfile.write(b"x-%d: %s\r\n" % (index, b"y" * 5000))

    receiver.behave = headers
    found = post(receiver.url)
    assert found.status is None and found.error == "connection"


def test_rubbish_is_no_answer(receiver: Receiver):
    receiver.behave = lambda handler, _: handler.wfile.write(b"\x00\xff\x16\x03 whatever\r\n\r\n")
    assert post(receiver.url).error == "connection"


def test_no_answer_in_time(receiver: Receiver):
    receiver.behave = lambda handler, _: time.sleep(5)
    began = time.monotonic()
    assert post(receiver.url, total=0.7).error == "timeout" and time.monotonic() - began < 4.5


def test_an_answer_drop_by_drop_is_cut_off(receiver: Receiver):
    def drip(handler: Any, _: Any) -> None:
        for sign in b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n":
            handler.wfile.write(bytes([sign]))
            handler.wfile.flush()
            time.sleep(0.2)

    receiver.behave = drip
    began = time.monotonic()
    assert post(receiver.url, total=1.0).error == "timeout" and time.monotonic() - began < 6


def test_the_status_counts_though_the_body_never_ends(receiver: Receiver):
    def half(handler: Any, _: Any) -> None:
        handler.send_response(503)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.flush()
        time.sleep(4)

    receiver.behave = half
    found = post(receiver.url, total=10)
    assert (found.status, found.error) == (503, "status") and found.milliseconds < 3900


def test_a_connection_never_accepted(receiver: Receiver):
    """Nobody answers the first packet: a full queue of a socket that listens and takes nothing."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        assert post(f"http://127.0.0.1:{port}/", total=2.0).error == "timeout" and time.monotonic() - began < 10
        for one in fill:
            one.close()
