"""From the outside, at the same moment: limits, payments, tokens; and callers who take their time."""

from __future__ import annotations

import socket
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.security.matrix.world import World
from tests.support.case import Case
from tests.support.client import Answer, Client
from tests.support.company import PASSWORD

pytestmark = pytest.mark.slow


def at_once(count: int, call: Any) -> list[Answer]:
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(count)]]


def somebody(world: World, roles: tuple[str, ...] = ("agent",)) -> str:
    username = f"u-{uuid.uuid4().hex[:10]}"
    world.company.user(username, "HQ", list(roles))
    return username


def sign_in(world: World, username: str, password: str) -> Answer:
    return Client(world.suite.base).call("POST", "/auth/token", {"grant_type": "password", "username": username, "password": password})


def test_twenty_guesses_at_once_are_five(world: World):
    username = somebody(world)
    answers = at_once(20, lambda: sign_in(world, username, "wrong"))
    codes = Counter(answer.code for answer in answers)
    assert codes == {"unauthenticated": 4, "account_locked": 16}, codes
    assert sorted(a.json["failures"] for a in answers if a.code == "unauthenticated") == [1, 2, 3, 4]
    assert sign_in(world, username, PASSWORD).code == "account_locked"


def test_a_refresh_token_is_spent_once(world: World):
    signed = sign_in(world, somebody(world), PASSWORD).json
    body = {"grant_type": "refresh_token", "refresh_token": signed["refresh_token"]}
    answers = at_once(8, lambda: Client(world.suite.base).call("POST", "/auth/token", body))
    assert sum(answer.ok for answer in answers) <= 1
    assert all(answer.ok or answer.code == "unauthenticated" for answer in answers)
    won = [answer.json["access_token"] for answer in answers if answer.ok]
    for token in (signed["access_token"], *won):
        assert Client(world.suite.base, token=token).call("GET", "/me").status == 401, "a token that came twice ends the session"


def test_a_bill_is_paid_once(world: World):
    """Eight cashiers take the whole amount at the same moment: one payment, the others are told."""
    case = Case(world.company, world.company.sites[0], patience=20, hours=1.0, quantities=[]).to_ready()
    bill = case.billed()
    cashier = world.company.sites[0].as_("cashier")
    cashier.get("/me")
    body = {"method": "cash", "amount": bill["open_amount"]}
    answers = at_once(8, lambda: cashier.call("POST", f"/bills/{bill['id']}/payments", body))
    assert Counter((answer.status, answer.code) for answer in answers) == {(201, None): 1, (422, "over_allocated"): 7}
    after = cashier.get(f"/bills/{bill['id']}")
    assert (after["open_amount"], after["state"]) == ("0.00", "settled")
    assert len(cashier.get("/payments", bill_id=bill["id"])["items"]) == 1


def test_a_key_at_the_same_moment_is_one_effect(world: World):
    key, body = uuid.uuid4().hex, {"name": f"race {uuid.uuid4().hex}"}
    answers = at_once(8, lambda: world.admin.call("POST", "/customers", body, key=key))
    assert {answer.status for answer in answers} == {201} and len({answer.json["id"] for answer in answers}) == 1


def test_a_move_is_made_once(world: World):
    """The same action by eight hands: one does it, seven are told the state."""
    case = Case(world.company, world.company.sites[0], patience=20).register()
    technician = world.company.sites[0].as_("technician")
    technician.get("/me")
    answers = at_once(8, lambda: technician.call("POST", f"/work-orders/{case.id}/start", {}))
    assert Counter((answer.status, answer.code) for answer in answers) == {(200, None): 1, (409, "bad_transition"): 7}


def test_logging_out_wins(world: World):
    """Requests in flight while the session ends: none that is sent after the answer is let in."""
    signed = sign_in(world, somebody(world, ("admin",)), PASSWORD).json
    client = Client(world.suite.base, token=signed["access_token"])
    with ThreadPoolExecutor(4) as pool:
        busy = [pool.submit(lambda: client.call("GET", "/customers").status) for _ in range(40)]
        assert client.call("POST", "/auth/logout", {}).status == 200
        after = [client.call("GET", "/customers").status for _ in range(5)]
        assert {future.result() for future in busy} <= {200, 401}
    assert set(after) == {401}


def test_slow_callers_hold_up_nobody(world: World):
    """150 connections that send a byte now and then, some with half a head, some with half a body."""
    wires = []
    try:
        for number in range(150):
            wire = socket.create_connection(("127.0.0.1", world.suite.port), timeout=5)
            head = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\n"
            wire.sendall(head if number % 2 else head + b"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
            wires.append(wire)
        began = time.monotonic()
        assert [world.admin.call("GET", "/work-orders").status for _ in range(20)] == [200] * 20
        assert time.monotonic() - began < 10
    finally:
        for wire in wires:
            wire.close()


def test_what_is_too_large_is_refused_before_it_is_read(world: World):
    headers = {"Authorization": f"Bearer {world.admin._bearer()}", "Content-Type": "application/json"}
    large = b'{"name":"' + b"x" * 1_200_000 + b'"}'
    answer = world.admin.call("POST", "/customers", raw=large)
    assert (answer.status, answer.code) == (413, "payload_too_large")
    with socket.create_connection(("127.0.0.1", world.suite.port), timeout=10) as wire:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        wire.sendall(f"POST /api/v1/customers HTTP/1.1\r\nHost: x\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(40):
                wire.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except OSError:
            pass  # cut off: as good as told
        answered = wire.recv(4096)
    assert b" 413 " in answered.splitlines()[0] if answered else True


def test_a_packed_body_is_not_unpacked(world: World):
    """A bomb of zeros behind Content-Encoding is so many bytes of no JSON."""
    import gzip

    answer = world.admin.call("POST", "/customers", raw=gzip.compress(b"0" * 10_000_000), headers={"Content-Encoding": "gzip"})
    assert answer.status in (400, 415)
