"""Every operation × every token that is none: missing, expired, forged, revoked, for another audience. At the gateway and,
for the services behind it, at their own door too."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from deploy.local.folder import DataFolder
from gateway import tokens
from tests.security.matrix.bodies import body
from tests.security.matrix.cells import Cell, expectations, key_of
from tests.security.matrix.run import judge, send
from tests.security.matrix.world import UNKNOWN, World
from tests.support.client import Client
from tests.support.contracts import BASE, operations

pytestmark = pytest.mark.slow

REFUSED = frozenset({(401, "unauthenticated")})


class Forge:
    """Tokens from the real key, with one thing wrong in each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pem = DataFolder(world.suite.data).signing_key.read_bytes()
        self.signer = tokens.Signer(self.pem)
        self.kid = self.signer.jwk["kid"]
        self.good = next(caller.token for caller in world.callers if (caller.role, caller.place) == ("admin", "hq"))
        self.claims: dict[str, Any] = jwt.decode(self.good, options={"verify_signature": False})

    def sign(self, without: tuple[str, ...] = (), header: dict[str, Any] | None = None, **claims: Any) -> str:
        whole = {name: value for name, value in {**self.claims, **claims}.items() if name not in without}
        key = serialization.load_pem_private_key(self.pem, password=None)
        return jwt.encode(whole, key, algorithm="EdDSA", headers={"kid": self.kid, **(header or {})})  # type: ignore[arg-type]

    def tampered(self) -> str:
        head, _, signature = self.good.split(".")
        payload = json.dumps({**self.claims, "perms": ["*"], "org_path": "/"}).encode()
        return ".".join((head, base64.urlsafe_b64encode(payload).rstrip(b"=").decode(), signature))

    def by_a_stranger(self) -> str:
        stranger = tokens.Signer(tokens.new_key())
        stranger.jwk["kid"] = self.kid  # claims to be our key
        return stranger.sign(self.claims, datetime.now(UTC))

    def unsigned(self) -> str:
        return jwt.encode(self.claims, "", algorithm="none", headers={"kid": self.kid})

    def by_the_public_key(self) -> str:
        """HS256 with what everybody can read: works where a library lets the token choose the algorithm."""
        secret = base64.urlsafe_b64decode(self.signer.jwk["x"] + "=")
        return jwt.encode(self.claims, secret, algorithm="HS256", headers={"kid": self.kid})

    def revoked(self) -> str:
        signed = self._session()
        ended = self.world.admin.send("POST", "/api/v1/auth/logout", b"", self._bearer(signed), False)
        assert ended.status == 200, ended.raw
        return signed

    def of_the_disabled(self) -> str:
        username = f"gone-{uuid.uuid4().hex[:8]}"
        user = self.world.company.user(username, "HQ", ["admin"])
        signed = str(self.world.fresh(username)["access_token"])
        answer = self.world.admin.call("PATCH", f"/users/{user['id']}", {"active": False})
        assert answer.status == 200, answer.raw
        return signed

    def refresh_token(self) -> str:
        return str(self.world.fresh(self.world.callers[0].username)["refresh_token"])

    def _session(self) -> str:
        return str(self.world.fresh(next(c.username for c in self.world.callers if c.role == "admin"))["access_token"])

    def _bearer(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def everything(self) -> dict[str, str | None]:
        """Authorization headers by what is wrong with them; None: no header at all."""
        past = int(time.time()) - 1
        bad: dict[str, str] = {
            "expired": self.sign(exp=past, iat=past - 60),
            "not a number as expiry": self.sign(exp="tomorrow"),
            "without expiry": self.sign(without=("exp",)),
            "not yet valid": self.sign(nbf=int((datetime.now(UTC) + timedelta(hours=1)).timestamp())),
            "another audience": self.sign(aud="somebody-else"),
            "without audience": self.sign(without=("aud",)),
            "another issuer": self.sign(iss="somebody-else"),
            "without subject": self.sign(without=("sub",)),
            "forged with another key": self.by_a_stranger(),
            "of an unknown key": self.sign(header={"kid": "nobody"}),
            "key by url": self.sign(header={"kid": "nobody", "jku": "http://127.0.0.1:9/jwks.json"}),
            "tampered": self.tampered(),
            "unsigned": self.unsigned(),
            "signed with the public key": self.by_the_public_key(),
            "a refresh token": self.refresh_token(),
            "half a token": self.good.rpartition(".")[0],
            "no token": "x",
        }
        headers: dict[str, str | None] = {why: f"Bearer {token}" for why, token in bad.items()}
        return {**headers, "missing": None, "empty": "Bearer ", "basic": "Basic YWRtaW46YWRtaW4="}

    def void(self) -> dict[str, str]:
        """Good signatures that the gateway alone knows to be void."""
        return {"revoked": f"Bearer {self.revoked()}", "of a disabled user": f"Bearer {self.of_the_disabled()}"}


@pytest.fixture(scope="module")
def forge(world: World) -> Forge:
    return Forge(world)


def _cells(world: World, headers: dict[str, str | None], wanted: Callable[[str], bool]) -> list[Cell]:
    found = []
    for operation in operations():
        key = key_of(operation)
        if expectations()[key].reach == "public" or not wanted(operation.service):
            continue
        method, path = operation.method.upper(), operation.path.removeprefix(BASE)
        path = path.replace("{key}", "tax.rate")
        while "{" in path:
            path = path[: path.index("{")] + UNKNOWN + path[path.index("}") + 1 :]
        content = body(key, world) if method != "GET" else None
        for why, value in headers.items():
            given = {} if value is None else {"Authorization": value}
            found.append(Cell(operation, why, method, path, REFUSED, given, body=content))
    return found


def test_no_token_is_good_at_the_gateway(world: World, forge: Forge, told: list[str]):
    cells = _cells(world, {**forge.everything(), **forge.void()}, lambda service: True)
    wrong = send(Client(world.suite.base), cells)
    told.append(f"tokens at the gateway: {len(cells)} cells")
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.parametrize("service", ["orders", "inventory", "finance", "callcenter"])
def test_no_token_is_good_at_a_service(world: World, forge: Forge, told: list[str], service: str):
    """Whoever is inside the machine and goes around the gateway is asked for the same."""
    cells = _cells(world, forge.everything(), lambda name: name == service)
    technician = next(c for c in world.callers if (c.role, c.place) == ("technician", "site"))
    for operation in operations():
        expected = expectations()[key_of(operation)]
        if operation.service == service and "technician" not in expected.roles and "{" not in operation.path:
            content = body(expected.key, world) if operation.method != "get" else None
            cells.append(Cell(operation, "without right", operation.method.upper(), operation.path.removeprefix(BASE),
                              frozenset({(403, "forbidden")}), technician.headers, body=content))
    wrong = send(Client(world.upstream(service)), cells)
    told.append(f"tokens at {service}: {len(cells)} cells")
    assert not wrong, "\n".join(wrong[:40])


def test_a_token_in_the_wrong_place_is_none(world: World, forge: Forge):
    """Not in the query, not in the body; a cookie is good for reading only."""
    client, token = Client(world.suite.base), forge.good
    for where in ({"query": {"access_token": token}}, {"headers": {"X-Authorization": f"Bearer {token}"}}):
        assert client.call("GET", "/work-orders", **where).status in (400, 401)  # type: ignore[arg-type]
    cookie = {"Cookie": f"aftersales_token={token}"}
    assert client.call("GET", "/me", headers=cookie).status == 200
    operation = next(o for o in operations() if key_of(o) == "POST /customers")
    cell = Cell(operation, "by cookie", "POST", "/customers", REFUSED, cookie, body=body("POST /customers", world))
    assert judge(cell, client.call(cell.method, cell.path, cell.body, headers=cookie)) is None


def test_a_password_that_must_be_changed_opens_one_door(world: World, told: list[str]):
    """Signed in with a password that was given: every operation but the change of password, /me, logout and the lock says so."""
    body_ = {"username": f"new-{uuid.uuid4().hex[:8]}", "name": "x", "org_unit_code": "HQ", "roles": ["admin"]}
    made = world.admin.created("/users", body_)
    signed = Client(world.suite.base, made["username"], made["password"]).sign_in()
    assert signed["must_change_password"] is True
    headers: dict[str, str | None] = {"must change": f"Bearer {signed['access_token']}"}
    cells = [replace(cell, expected=frozenset({(403, "password_change_required")})) for cell in _cells(world, headers, lambda s: True)
             if key_of(cell.operation) not in ("POST /auth/password", "POST /auth/lock", "POST /auth/unlock", "POST /auth/logout", "GET /me")]
    wrong = send(Client(world.suite.base), cells)
    told.append(f"before the first change of password: {len(cells)} cells")
    assert not wrong, "\n".join(wrong[:40])


def test_self_operations(world: World, told: list[str]):
    """What every signed-in user may do about himself: each role, at each place."""
    client = Client(world.suite.base)
    wrong, requests = [], 0
    for caller in world.callers:
        me = client.call("GET", "/me", headers=caller.headers)
        refused = client.call("POST", "/auth/password", body("POST /auth/password", world), headers=caller.headers)
        fresh = {"Authorization": f"Bearer {world.fresh(caller.username)['access_token']}"}
        ended = client.call("POST", "/auth/logout", {}, headers=fresh)
        after = client.call("GET", "/me", headers=fresh)
        got = (me.status, me.json["username"], refused.code, ended.status, after.status)
        requests += 5
        if got != (200, caller.username, "old_wrong", 200, 401):
            wrong.append(f"{caller.role}@{caller.place}: {got}")
    told.append(f"self: {requests} requests of {len(world.callers)} callers")
    assert not wrong, wrong
