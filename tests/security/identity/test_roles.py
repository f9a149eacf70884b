"""G-09: roles built from rights by administrators; changes hold with the next call; nobody gives what he lacks."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.security.matrix.world import World
from tests.support.client import Client

pytestmark = pytest.mark.slow


def make_role(client: Client, permissions: list[str], **members: Any) -> dict[str, Any]:
    body = {"code": f"role_{uuid.uuid4().hex[:10]}", "name_zh": "回访员", "name_en": "Reviser", "permissions": permissions, **members}
    return client.created("/roles", body)


def somebody(world: World, roles: list[str], unit: str = "HQ") -> Client:
    username = f"u-{uuid.uuid4().hex[:10]}"
    world.company.user(username, unit, roles)
    return world.company.client(username)


def test_a_role_of_two_rights_opens_two_doors(world: World):
    role = make_role(world.admin, ["callcenter.customer.read", "orders.site.*"])
    caller = somebody(world, [role["code"]])
    assert set(caller.get("/me")["permissions"]) == {"callcenter.customer.read", "orders.site.create", "orders.site.read", "orders.site.update"}
    for path, status in (("/customers", 200), ("/sites", 200), ("/work-orders", 403), ("/users", 403), ("/audit-log", 403)):
        assert caller.call("GET", path).status == status, path
    assert world.admin.get(f"/roles/{role['id']}")["shipped"] is False


def test_a_change_holds_with_the_next_call(world: World):
    role = make_role(world.admin, ["callcenter.customer.read"])
    caller = somebody(world, [role["code"]])
    token = caller.sign_in()["access_token"]
    stale = Client(caller.base, token=token)
    assert stale.call("GET", "/customers").status == 200
    changed = world.admin.call("PATCH", f"/roles/{role['id']}", {"permissions": ["orders.site.read"]})
    assert changed.status == 200 and changed.json["permissions"] == ["orders.site.read"], changed.raw
    assert stale.call("GET", "/customers").status == 401, "the old rights are void, not only different"
    assert caller.call("GET", "/customers").status == 403
    assert caller.call("GET", "/sites").status == 200
    renamed = world.admin.call("PATCH", f"/roles/{role['id']}", {"name_en": "Other"})
    assert renamed.status == 200 and caller.call("GET", "/sites").status == 200, "a new name voids nothing"


def test_what_cannot_be_granted(world: World):
    admin = world.admin
    body = {"code": "x", "name_zh": "x", "name_en": "x", "permissions": ["orders.site.read"]}
    errors = admin.invalid("POST", "/roles", {**body, "permissions": ["orders.site.read", "no.such.right", "*.*"]},
                           ["permissions.1", "permissions.2"])
    assert {error["code"] for error in errors} == {"unknown"}
    role = make_role(admin, ["orders.site.read"])
    admin.refused("POST", "/roles", {**body, "code": role["code"]}, status=409, code="duplicate", members={"field": "code"})
    shipped = next(item for item in admin.get("/roles")["items"] if item["code"] == "admin")
    admin.refused("PATCH", f"/roles/{shipped['id']}", {"permissions": ["orders.site.read"]}, status=409, code="builtin_role")
    admin.refused("PATCH", f"/roles/{role['id']}", {"name_en": "x"}, status=409, code="stale_version", headers={"If-Match": '"7"'})

    # Somebody who may edit roles, but has few rights himself, cannot make himself more.
    editor_role = make_role(admin, ["gateway.role.*", "gateway.user.*", "orders.site.read"])
    editor = somebody(world, [editor_role["code"]])
    for permissions in (["*"], ["orders.*"], ["finance.payment.create"], ["gateway.*"]):
        editor.refused("POST", "/roles", {**body, "code": f"r{uuid.uuid4().hex}", "permissions": permissions}, status=403, code="forbidden")
        editor.refused("PATCH", f"/roles/{editor_role['id']}", {"permissions": permissions}, status=403, code="forbidden")
    manager = next(item for item in admin.get("/roles")["items"] if item["code"] == "manager")
    editor.refused("PATCH", f"/roles/{manager['id']}", {"permissions": ["orders.site.read"]}, status=403, code="forbidden")
    editor.refused("POST", "/users", {"username": f"u{uuid.uuid4().hex}", "name": "x", "org_unit_code": "HQ", "roles": ["admin"]},
                   status=403, code="forbidden")
    assert make_role(editor, ["orders.site.read"])["permissions"] == ["orders.site.read"]

    # An administrator of a branch is one there, not of the company's roles.
    local = somebody(world, ["admin"], world.company.north.code)
    local.refused("POST", "/roles", {**body, "code": f"r{uuid.uuid4().hex}"}, status=403, code="forbidden")
    local.refused("PATCH", f"/roles/{role['id']}", {"name_en": "x"}, status=403, code="forbidden")


def test_nobody_locks_himself_out(world: World):
    other = somebody(world, ["admin"])
    own = f"/users/{other.get('/me')['id']}"
    for method, path, body in (("PATCH", own, {"active": False}), ("PATCH", own, {"roles": []}), ("POST", f"{own}/delete", {})):
        other.refused(method, path, body, status=403, code="forbidden")
    assert other.call("PATCH", own, {"name": "New name"}).status == 200


def test_every_right_is_listed_with_what_asks_for_it(world: World):
    listed = {item["permission"]: item for item in world.admin.get("/permissions")["permissions"]}
    assert set(listed) == set(world.admin.get("/me")["permissions"])
    assert {"method": "POST", "path": "/api/v1/work-orders"} in [
        {key: op[key] for key in ("method", "path")} for op in listed["orders.work_order.create"]["operations"]]
