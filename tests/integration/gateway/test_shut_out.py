"""Nothing that can be switched on shuts all of headquarters out, and the machine's own command line lets one in (G-02, G-16, G-22)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.domain.errors import Forbidden, NotFound
from gateway import settings
from gateway.identity import letting_in
from tests.integration.gateway.conftest import ADMIN_PASSWORD, PASSWORD, Branch, Caller, Gateway, mark
from tests.integration.gateway.test_parties import party, person
from tests.integration.gateway.test_sign_in import refused
from tests.support.client import eventually


def extremes(schema: dict[str, Any], present: Any) -> list[Any]:
    """What a parameter may be at least and at most; of one with several members the numbers. Untyped, since a JSON Schema is, and
    what it describes may be of any kind."""
    if schema["type"] == "object":
        bounds = {name: extremes(member, present[name]) for name, member in schema["properties"].items() if member["type"] == "integer"}
        return [{**present, **{name: both[end] for name, both in bounds.items()}} for end in (0, -1)]
    if "pattern" in schema:
        return ["DE"]
    if "enum" in schema:
        return [schema["enum"][0], schema["enum"][-1]]
    if schema["type"] == "string":
        return ["x" * schema["minLength"], "x" * schema["maxLength"]]
    if schema["type"] == "boolean":
        return [False, True]
    return [schema["minimum"], schema["maximum"]]


@pytest.mark.parametrize("end", [0, -1], ids=["least", "most"])
def test_no_parameter_shuts_headquarters_out(gateway: Gateway, admin: Caller, branch: Branch, end: int) -> None:
    """All of them at their least or most: an administrator comes in as before, one with a new password comes in and chooses his own."""
    before = {key: admin.call("GET", f"/parameters/{key}").json()["value"] for key in settings.catalogue()}
    wanted = {key: extremes(definition.schema, before[key])[end] for key, definition in settings.catalogue().items()}
    try:
        for key, value in wanted.items():
            assert admin.call("PUT", f"/parameters/{key}", {"value": value}).json()["value"] == value
        again = gateway.as_("admin", ADMIN_PASSWORD)
        fresh = branch.user(["admin"], unit="HQ", password=None)
        caller = gateway.as_(fresh["username"], fresh["password"])
        chosen = "a-story-long-enough-for-whatever-is-asked-of-it-and-then-some-more"
        body = {"old_password": fresh["password"], "new_password": chosen, "confirm": chosen}
        assert caller.call("POST", "/auth/password", body).status_code == 200
        assert gateway.as_(fresh["username"], chosen).call("GET", "/users").status_code == 200
        assert again.call("POST", f"/users/{fresh['id']}/delete", {}).status_code == 200
    finally:
        boss = gateway.as_("admin", ADMIN_PASSWORD)
        for key, value in before.items():
            assert boss.call("PUT", f"/parameters/{key}", {"value": value}).status_code == 200


# ---------------------------------------------------------------- devices (G-22)
@pytest.fixture
def checked(gateway: Gateway, admin: Caller) -> Iterator[Callable[..., Any]]:
    """Headquarters let in known devices only; somebody signs in with a device's key or without."""
    unit = admin.call("GET", "/org-units", params={"code": "HQ"}).json()["items"][0]["id"]
    assert admin.call("PATCH", f"/org-units/{unit}", {"devices_checked": True}).status_code == 200

    def sign_in(username: str, key: str | None = None, password: str = PASSWORD, **more: Any) -> Any:
        device = {} if key is None else {"device_key": key, "device_label": "x"}
        return gateway.anybody().call("POST", "/auth/token", {"grant_type": "password", "username": username, "password": password, **device, **more})

    yield sign_in
    boss = gateway.as_("admin", ADMIN_PASSWORD)
    assert boss.call("PATCH", f"/org-units/{unit}", {"devices_checked": False}).status_code == 200


def test_the_device_check_of_headquarters_holds_for_others(gateway: Gateway, admin: Caller, branch: Branch, checked: Any) -> None:
    assert admin.call("GET", "/users").status_code == 200, "who switched it on goes on"
    clerk = branch.user(["manager"], unit="HQ")
    key = secrets.token_hex(16)
    assert refused(checked(clerk["username"]), 403, "device_not_allowed")["device"] == "unknown"
    assert refused(checked(clerk["username"], key), 403, "device_not_allowed")["device"] == "pending"
    for more in ({}, {"org_unit_code": "HQ"}):
        assert checked("admin", None, ADMIN_PASSWORD, **more).status_code == 200
        assert checked("admin", key, ADMIN_PASSWORD, **more).status_code == 200
    refused(checked("admin", key, "wrong"), 401, "unauthenticated")
    [waiting] = [one for one in admin.call("GET", "/sign-in-devices", params={"limit": 200}).json()["items"] if one["first_username"] == clerk["username"]]
    assert admin.call("POST", f"/sign-in-devices/{waiting['id']}/approve", {}).status_code == 200
    assert checked(clerk["username"], key).status_code == 200


def test_an_administrators_own_device_waits_and_can_be_revoked(gateway: Gateway, admin: Caller, branch: Branch, checked: Any) -> None:
    boss, key = branch.user(["admin"], unit="HQ"), secrets.token_hex(16)
    caller = Caller(gateway.bases[0], checked(boss["username"], key).json()["access_token"])
    [waiting] = [one for one in admin.call("GET", "/sign-in-devices", params={"limit": 200}).json()["items"] if one["first_username"] == boss["username"]]
    assert waiting["state"] == "pending"
    assert admin.call("POST", f"/sign-in-devices/{waiting['id']}/revoke", {}).status_code == 200
    refused(caller.call("GET", "/me"), 401, "unauthenticated")
    assert refused(checked(boss["username"], key), 403, "device_not_allowed")["device"] == "revoked", "a lost one lets nobody in"
    assert checked(boss["username"]).status_code == 200
    assert admin.call("POST", f"/users/{boss['id']}/delete", {}).status_code == 200


def test_an_administrator_of_a_branch_waits_like_everybody(admin: Caller, branch: Branch, checked: Any) -> None:
    unit = admin.call("GET", "/org-units", params={"code": branch.code}).json()["items"][0]["id"]
    local = branch.user(["admin"], unit=branch.code)
    assert admin.call("PATCH", f"/org-units/{unit}", {"devices_checked": True}).status_code == 200
    refused(checked(local["username"]), 403, "device_not_allowed")


# ---------------------------------------------------------------- ./aftersales let-in
def locked(gateway: Gateway, user: dict[str, Any]) -> None:
    for _ in range(5):
        gateway.anybody().sign_in(user["username"], "wrong")


SHUT_OUT: dict[str, Callable[[Gateway, Caller, dict[str, Any]], Any]] = {
    "nothing": lambda gateway, admin, user: None,
    "locked": lambda gateway, admin, user: locked(gateway, user),
    "disabled": lambda gateway, admin, user: admin.call("PATCH", f"/users/{user['id']}", {"active": False}),
    "deleted": lambda gateway, admin, user: admin.call("POST", f"/users/{user['id']}/delete", {}),
    "no rights": lambda gateway, admin, user: admin.call("PATCH", f"/users/{user['id']}", {"roles": []}),
    "at a unit that was deleted": lambda gateway, admin, user: gateway.write(
        "UPDATE users SET org_path = '/HQ/nowhere/', org_unit_id = gen_random_uuid() WHERE id = :id", id=user["id"]),
}


@pytest.mark.parametrize("how", SHUT_OUT)
@pytest.mark.parametrize("unit", ["HQ", None])
def test_the_command_line_lets_one_in(gateway: Gateway, admin: Caller, branch: Branch, how: str, unit: str | None) -> None:
    user = branch.user(["admin"], unit=unit)
    caller = gateway.as_(user["username"])
    SHUT_OUT[how](gateway, admin, user)
    password = letting_in.let_in(gateway.database.app_url, user["username"].upper())
    stale = [Caller(base, caller.token) for base in gateway.bases]
    eventually(lambda: all(each.call("GET", "/me").status_code == 401 for each in stale), "his tokens are void", 5)
    refused(caller.refresh(), 401, "unauthenticated")
    back = gateway.anybody()
    assert back.sign_in(user["username"], password).json()["must_change_password"] is True
    body = {"old_password": password, "new_password": "my-own-story-now", "confirm": "my-own-story-now"}
    back.token = back.call("POST", "/auth/password", body).json()["access_token"]
    assert back.call("GET", "/me").json()["org_path"] == "/HQ/"
    assert back.call("POST", f"/users/{user['id']}/force-off", {}).status_code == 200, "may whatever an administrator may"
    [entry] = [one for one in admin.call("GET", "/audit-log", params={"username": "cli", "limit": 200}).json()["items"]
               if one["content"] == {"username": user["username"]}]
    assert (entry["address"], entry["operation"], entry["status"]) == ("command line", "gateway.let-in", 200)
    assert password not in str(entry)
    assert admin.call("POST", f"/users/{user['id']}/delete", {}).status_code == 200


def test_the_command_line_makes_no_administrators_of_others(gateway: Gateway, admin: Caller) -> None:
    outside = person(admin, party(admin))
    with pytest.raises(Forbidden, match="outsiders"):
        letting_in.let_in(gateway.database.app_url, outside["username"])
    with pytest.raises(NotFound, match="no user"):
        letting_in.let_in(gateway.database.app_url, f"nobody-{mark()}")
