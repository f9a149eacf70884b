"""G-19: every write on every side, with who, from where and how it ended; nothing secret; nothing to be changed."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from tests.security.matrix.world import World
from tests.support.client import Client
from tests.support.company import PASSWORD, new_phone
from tests.support.databases import databases

pytestmark = pytest.mark.slow


def entries(world: World, **filters: Any) -> list[dict[str, Any]]:
    """All that match, page after page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while cursor or not found:
        answer = world.admin.call("GET", "/audit-log", query={**filters, "limit": 200, "cursor": cursor})
        assert answer.status == 200, answer.raw
        found += answer.json["items"]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            break
    return found


def somebody(world: World, unit: str, roles: list[str]) -> Client:
    username = f"u-{uuid.uuid4().hex[:10]}"
    world.company.user(username, unit, roles)
    return world.company.client(username)


def test_each_write_once_on_every_side(world: World):
    """Writes at all five services, good and refused, by one user: exactly these and no reading."""
    site = world.company.sites[0]
    caller = somebody(world, site.code, ["manager"])
    asked = [
        ("POST", "/customers", {"name": "李明", "phone": new_phone()}),
        ("POST", "/work-orders", {"kind": "repair", "channel": "phone", "site_id": site.id, "problem": "x"}),
        ("POST", "/parts", {"number": f"N{uuid.uuid4().hex}", "name": "x", "unit": "pcs", "price": "1.00"}),
        ("POST", f"/bills/{uuid.uuid4()}/payments", {"method": "cash", "amount": "1.00"}),
        ("POST", "/labour-rates", {"code": "x"}),
        ("PUT", "/parameters/tax.rate", {"value": 0.1}),
        ("POST", "/customers", {"name": 5}),
    ]
    answers = [caller.call(method, path, body) for method, path, body in asked]
    for path in ("/customers", "/work-orders", "/me"):
        caller.get(path)
    assert [answer.status for answer in answers] == [201, 201, 201, 404, 403, 403, 400]
    found = entries(world, username=caller.username, sort="at")
    sign_in, *writes = found
    assert sign_in["operation"] == "gateway.identity.token" and sign_in["status"] == 200
    told = [(entry["method"], entry["path"], entry["status"], entry["trace_id"]) for entry in writes]
    assert told == [(method, f"/api/v1{path}", answer.status, answer.headers["x-trace-id"])
                    for (method, path, _), answer in zip(asked, answers, strict=True)]
    assert all(entry["address"] == "127.0.0.1" and entry["org_path"] == site.path for entry in writes)
    assert writes[0]["content"] == {"name": "***", "phone": "***"}
    assert writes[1]["operation"] == "orders.repairs.create"


def test_no_secret_is_told(world: World):
    name, secret = f"u-{uuid.uuid4().hex[:10]}", f"sesame-{uuid.uuid4().hex}"
    made = world.admin.created("/users", {"username": name, "name": "x", "org_unit_code": "HQ", "roles": ["agent"], "password": secret})
    caller = Client(world.suite.base, name, secret)
    signed = caller.sign_in()
    headers = {"Authorization": f"Bearer {signed['access_token']}"}
    new = f"other-{uuid.uuid4().hex}"
    body = {"old_password": secret, "new_password": new, "confirm": new}
    assert caller.call("POST", "/auth/password", body, headers=headers).status == 200
    Client(world.suite.base).call("POST", "/auth/token", {"grant_type": "refresh_token", "refresh_token": signed["refresh_token"]})
    Client(world.suite.base).call("POST", "/auth/token", {"grant_type": "password", "username": name, "password": secret + "x",
                                                          "device_key": "k" * 20})
    world.admin.call("POST", f"/users/{made['id']}/reset-password", {"admin_password": world.suite.password})
    with closing(connection(world)) as probe, probe.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', true); SELECT string_agg(audit_entries::text, ' ') FROM audit_entries")
        [(everything,)] = cursor.fetchall()
    for hidden in (secret, new, signed["refresh_token"], signed["access_token"], world.suite.password, PASSWORD, "k" * 20):
        assert hidden not in everything
    assert name in everything


def test_failed_sign_ins_are_there_and_strangers_cannot_fill_the_log(world: World):
    name = f"nobody-{uuid.uuid4().hex[:8]}"
    anonymous = Client(world.suite.base)
    for _ in range(2):
        anonymous.call("POST", "/auth/token", {"grant_type": "password", "username": name, "password": "x"})
    assert [entry["status"] for entry in entries(world, username=name)] == [401, 401]
    marked = f"X{uuid.uuid4().hex}"
    answer = anonymous.call("POST", "/customers", {"name": marked})
    assert answer.status == 401
    assert entries(world, trace_id=answer.headers["x-trace-id"]) == []


def connection(world: World) -> Any:
    url = make_url(databases(world.suite)["gateway"].app_url).set(drivername="postgresql")
    return psycopg2.connect(url.render_as_string(hide_password=False))


@pytest.mark.parametrize("statement", [
    "UPDATE audit_entries SET username = 'somebody else'", "DELETE FROM audit_entries", "TRUNCATE audit_entries",
    "ALTER TABLE audit_entries ADD COLUMN x int", "DROP TABLE audit_entries",
])
def test_the_application_cannot_change_it(world: World, statement: str):
    with closing(connection(world)) as probe, probe.cursor() as cursor:
        cursor.execute("SELECT set_config('app.scope', '/', true)")
        with pytest.raises(psycopg2.Error) as refused:
            cursor.execute(statement)
        assert refused.value.pgcode == "42501"


def test_the_api_cannot_change_it(world: World):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert world.admin.call(method, "/audit-log", {}).status == 405


def test_administrators_see_their_own_unit(world: World):
    local = somebody(world, world.company.north.code, ["admin"])
    local.call("POST", "/customers", {"name": f"by {local.username}"})
    seen = list(local.pages("/audit-log"))
    assert seen and all(entry["org_path"].startswith(world.company.north.path) for entry in seen)


def test_search(world: World):
    some = entries(world, method="POST", path="/api/v1/work-orders", status=200)
    assert some and all(entry["path"].startswith("/api/v1/work-orders") and entry["status"] == 200 for entry in some)
    at = some[len(some) // 2]["at"]
    later = entries(world, method="POST", path="/api/v1/work-orders", status=200, since=at)
    earlier = entries(world, method="POST", path="/api/v1/work-orders", status=200, until=at)
    assert len(later) + len(earlier) == len(some) and later and earlier
    assert entries(world, operation="orders.repairs.start", address="127.0.0.1")
    assert world.admin.call("GET", "/audit-log", query={"format": "csv"}).status == 200
