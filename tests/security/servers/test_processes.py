"""Three gateway processes on one database: what one of them ends, counts or does is so in all of them with the next call."""

from __future__ import annotations

import http.client
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.security.matrix.world import World
from tests.security.servers.conftest import GUNICORN_WORKERS
from tests.support.client import Client, eventually
from tests.support.company import PASSWORD

pytestmark = pytest.mark.slow

WIRES = 10
"""Kept connections to each address; with so many every process behind it has some."""


@dataclass
class Wires:
    """Open connections to all gateway processes; ``call`` sends the same over every one at the same moment."""

    opened: list[http.client.HTTPConnection]

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> list[tuple[int, Any]]:
        sent = {"Content-Type": "application/json", **headers, **({"Authorization": f"Bearer {token}"} if token else {})}

        def one(wire: http.client.HTTPConnection) -> tuple[int, Any]:
            wire.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), sent)
            answer = wire.getresponse()
            return answer.status, json.loads(answer.read() or b"null")

        with ThreadPoolExecutor(len(self.opened)) as pool:
            return list(pool.map(one, self.opened))

    def close(self) -> None:
        for wire in self.opened:
            wire.close()

    def statuses(self, path: str, token: str) -> set[int]:
        return {status for status, _ in self.call("GET", path, token=token)}


@pytest.fixture
def wires(gateways: list[str]) -> Iterator[Wires]:
    """Opened anew until every process has some of them and knows which tokens are void (before, it answers 503)."""
    found = eventually(lambda: wires_to_all(gateways), "connections to every process", within=30)
    yield found
    found.close()


def wires_to_all(gateways: list[str]) -> Wires | None:
    found = Wires([http.client.HTTPConnection(urlsplit(base).netloc, timeout=60) for base in gateways for _ in range(WIRES)])
    statuses = {status for status, _ in found.call("GET", "/me")}
    ports = {urlsplit(base).port for base in gateways}
    holders = {one.pid for one in psutil.net_connections("tcp") if one.status == "ESTABLISHED" and one.laddr and one.laddr.port in ports}
    if statuses == {401} and len(holders) == 1 + GUNICORN_WORKERS:
        return found
    found.close()
    return None


@dataclass
class Somebody:
    """A user (or partner) with a token, and what an administrator may do to him."""

    world: World
    id: str
    username: str
    token: str

    def post(self, path: str, body: Any = None) -> None:
        answer = self.world.admin.call("POST", path, body or {})
        assert answer.ok, answer.raw

    def patch(self, **members: Any) -> None:
        answer = self.world.admin.call("PATCH", f"/users/{self.id}", members)
        assert answer.ok, answer.raw

    def logout(self) -> None:
        assert Client(self.world.suite.base, token=self.token).call("POST", "/auth/logout", {}).ok

    def new_password(self) -> None:
        """In another session, which goes on."""
        body = {"old_password": PASSWORD, "new_password": PASSWORD + "!", "confirm": PASSWORD + "!"}
        assert Client(self.world.suite.base, self.username, PASSWORD).call("POST", "/auth/password", body).ok

    def come_twice(self) -> None:
        """The same refresh token a second time."""
        caller = Client(self.world.suite.base, self.username, PASSWORD)
        signed = caller.sign_in()
        self.token = signed["access_token"]
        body = {"grant_type": "refresh_token", "refresh_token": signed["refresh_token"]}
        assert [Client(self.world.suite.base).call("POST", "/auth/token", body).status for _ in range(2)] == [200, 401]


def somebody(world: World) -> Somebody:
    username = f"u-{uuid.uuid4().hex[:10]}"
    user = world.company.user(username, "HQ", ["agent"])
    return Somebody(world, user["id"], username, str(world.fresh(username)["access_token"]))


ENDS: dict[str, Callable[[Somebody], None]] = {
    "logout": Somebody.logout,
    "password changed": Somebody.new_password,
    "put out": lambda one: one.post(f"/users/{one.id}/force-off"),
    "other roles": lambda one: one.patch(roles=["cashier"]),
    "another unit": lambda one: one.patch(org_unit_code=one.world.company.sites[0].code),
    "switched off": lambda one: one.patch(active=False),
    "deleted": lambda one: one.post(f"/users/{one.id}/delete"),
    "refresh token twice": Somebody.come_twice,
}


@pytest.mark.parametrize("how", ENDS)
def test_a_session_that_ends_is_void_in_every_process(world: World, wires: Wires, how: str):
    one = somebody(world)
    assert wires.statuses("/me", one.token) == {200}
    ENDS[how](one)
    assert wires.statuses("/me", one.token) == {401}


def test_a_role_that_changes_is_void_in_every_process(world: World, wires: Wires):
    body = {"code": f"r{uuid.uuid4().hex}", "name_zh": "角色", "name_en": "role", "permissions": ["callcenter.customer.read"]}
    role, one = world.admin.created("/roles", body), somebody(world)
    one.patch(roles=[role["code"]])
    token = str(world.fresh(one.username)["access_token"])
    assert wires.statuses("/customers", token) == {200}
    assert world.admin.call("PATCH", f"/roles/{role['id']}", {"permissions": ["orders.site.read"]}).ok
    assert wires.statuses("/customers", token) == {401}


def test_a_partner_that_is_stopped_is_out_in_every_process(world: World, wires: Wires):
    partner = world.partner(world.company.sites[0].code, ["orders.site.read"])
    assert wires.statuses("/sites", partner["token"]) == {200}
    assert world.admin.call("POST", f"/partners/{partner['id']}/disable", {}).ok
    assert wires.statuses("/sites", partner["token"]) == {401}


def test_guesses_are_counted_together(world: World, wires: Wires):
    """Twenty at once, at three processes: four wrong passwords are told, then the account is locked for all."""
    one = somebody(world)
    answers = wires.call("POST", "/auth/token", {"grant_type": "password", "username": one.username, "password": "wrong"})
    assert Counter(answer["code"] for _, answer in answers) == {"unauthenticated": 4, "account_locked": 2 * WIRES - 4}


def test_a_refresh_token_is_spent_once_everywhere(world: World, wires: Wires):
    signed = world.fresh(somebody(world).username)
    answers = wires.call("POST", "/auth/token", {"grant_type": "refresh_token", "refresh_token": signed["refresh_token"]})
    assert sum(status == 200 for status, _ in answers) <= 1
    for token in (signed["access_token"], *(answer["access_token"] for status, answer in answers if status == 200)):
        assert wires.statuses("/me", token) == {401}


def test_one_key_is_one_effect_whoever_passes_it_on(world: World, wires: Wires):
    token, key = world.admin._bearer(), uuid.uuid4().hex
    answers = wires.call("POST", "/customers", {"name": f"race {key}"}, token, **{"Idempotency-Key": key})
    assert {status for status, _ in answers} == {201} and len({answer["id"] for _, answer in answers}) == 1
