"""G-01, G-03, G-08, G-20, G-21, G-22: who is in, put out, acting for a site, on a known device, back from deletion."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from tests.security.matrix.world import World
from tests.support.client import Client, eventually
from tests.support.company import PASSWORD
from tests.support.databases import owner

pytestmark = pytest.mark.slow


def somebody(world: World, unit: str = "HQ", roles: tuple[str, ...] = ("agent",)) -> tuple[dict[str, Any], Client]:
    username = f"u-{uuid.uuid4().hex[:10]}"
    user = world.company.user(username, unit, list(roles))
    return user, world.company.client(username)


def sign_in(world: World, username: str, password: str = PASSWORD, **members: Any) -> Any:
    body = {"grant_type": "password", "username": username, "password": password, **members}
    return Client(world.suite.base).call("POST", "/auth/token", body)


def status_of(world: World, user: dict[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = world.admin.get("/login-status", q=user["username"])["items"]
    assert len(found) == 1
    return found[0]


# -- login status (G-20) ---------------------------------------------------------------------------------------
def test_who_is_in_and_for_how_long(world: World):
    user, client = somebody(world)
    away = status_of(world, user)
    assert (away["online"], away["since"], away["online_seconds"]) == (False, None, 0)
    client.get("/me")
    here = status_of(world, user)
    assert here["online"] is True and here["since"] and here["address"] == "127.0.0.1"
    # Three sessions of known length: the total is their sum, to the second.
    owner(world.suite, "gateway", "UPDATE sessions SET created_at = now() - interval '1 hour', ended_at = now() - interval '50 minutes'"
          " WHERE user_id = %s", user["id"])
    for minutes in (5, 7):
        assert sign_in(world, user["username"]).status == 200
        owner(world.suite, "gateway", "UPDATE sessions SET created_at = now() - interval '2 hours', ended_at = now() - interval '2 hours'"
              " + make_interval(mins => %s) WHERE user_id = %s AND ended_at IS NULL", minutes, user["id"])
    total = status_of(world, user)
    assert total["online"] is False and total["online_seconds"] == (10 + 5 + 7) * 60
    # What is forgotten after a month still counts.
    owner(world.suite, "gateway", "UPDATE sessions SET created_at = created_at - interval '60 days', used_at = used_at - interval '60 days',"
          " ended_at = ended_at - interval '60 days', expires_at = expires_at - interval '60 days' WHERE user_id = %s", user["id"])
    from chassis.db.engine import make_engine
    from chassis.db.uow import UnitOfWork
    from chassis.domain.principal import Principal
    from gateway.identity.timers import forget
    from tests.support.databases import databases

    engine = make_engine(databases(world.suite)["gateway"].app_url, size=1)
    with UnitOfWork(engine, Principal.system("test")) as uow:
        forget(uow)
    engine.dispose()
    assert owner(world.suite, "gateway", "SELECT count(*) FROM sessions WHERE user_id = %s", user["id"]) == [(0,)]
    assert status_of(world, user)["online_seconds"] == (10 + 5 + 7) * 60


def test_force_off(world: World):
    user, client = somebody(world)
    signed = client.sign_in()
    caller = Client(client.base, token=signed["access_token"])
    assert caller.call("GET", "/me").status == 200
    assert world.admin.call("POST", f"/users/{user['id']}/force-off", {}).status == 200
    assert caller.call("GET", "/me").status == 401
    refresh = caller.call("POST", "/auth/token", {"grant_type": "refresh_token", "refresh_token": signed["refresh_token"]})
    assert refresh.status == 401
    assert status_of(world, user)["online"] is False
    assert client.sign_in()["access_token"], "he may come back"


def test_managers_see_their_own_people(world: World):
    manager = world.company.sites[0].as_("manager")
    seen = list(manager.pages("/login-status"))
    assert seen and all(item["org_path"].startswith(world.company.sites[0].path) for item in seen)


# -- the locked screen (G-03) ----------------------------------------------------------------------------------
def test_only_the_own_password_unlocks_the_screen(world: World):
    user, client = somebody(world)
    signed = client.sign_in()
    caller = Client(client.base, token=signed["access_token"])
    assert caller.call("POST", "/auth/unlock", {"password": PASSWORD}).json == {"unlocked": True}
    for count in (1, 2):
        caller.refused("POST", "/auth/unlock", {"password": "wrong"}, status=401, code="unauthenticated", members={"failures": count})
    assert caller.call("POST", "/auth/unlock", {"password": PASSWORD}).status == 200, "success begins the count anew"
    for _ in range(4):
        assert caller.call("POST", "/auth/unlock", {"password": "wrong"}).status == 401
    assert caller.call("POST", "/auth/unlock", {"password": "wrong"}).code == "account_locked"
    assert caller.call("GET", "/me").status == 401, "five wrong ones sign out"
    assert sign_in(world, user["username"]).code == "account_locked"
    assert world.admin.call("POST", f"/users/{user['id']}/unlock", {}).status == 200
    assert sign_in(world, user["username"]).status == 200


# -- staff of a site (G-01) ------------------------------------------------------------------------------------
def test_staff_name_their_site(world: World):
    a, b = world.company.sites[0].code, world.company.sites[1].code
    user, _ = somebody(world, a)
    assert sign_in(world, user["username"], org_unit_code=a).status == 200
    wrong, nobody = sign_in(world, user["username"], org_unit_code=b), sign_in(world, "nobody-at-all", org_unit_code=b)
    assert (wrong.status, wrong.code) == (nobody.status, nobody.code) == (401, "unauthenticated")


# -- deletion (G-08, R-04) -------------------------------------------------------------------------------------
def test_deleted_and_restored(world: World):
    user, client = somebody(world)
    token = client.sign_in()["access_token"]
    path = f"/users/{user['id']}"
    gone = world.admin.call("POST", f"{path}/delete", {}).json
    assert (gone["deleted"], gone["active"]) == (True, False)
    assert Client(client.base, token=token).call("GET", "/me").status == 401
    assert sign_in(world, user["username"]).code == "account_disabled"
    assert world.admin.get("/users", username=user["username"])["items"] == []
    assert len(world.admin.get("/users", username=user["username"], deleted="true")["items"]) == 1
    world.admin.refused("POST", "/users", {"username": user["username"], "name": "x", "org_unit_code": "HQ", "roles": []},
                        status=409, code="duplicate")
    back = world.admin.call("POST", f"{path}/restore", {}).json
    assert (back["deleted"], back["active"]) == (False, True)
    assert sign_in(world, user["username"]).status == 200


# -- acting for a site (G-21) ----------------------------------------------------------------------------------
def test_an_administrator_works_in_a_sites_scope(world: World):
    site, other = world.company.sites[0], world.company.sites[2]
    user, client = somebody(world, "HQ", ("admin",))
    signed = client.call("POST", "/auth/act-for", {"org_unit_code": site.code, "reason": "month end"})
    assert signed.status == 200, signed.raw
    acting = Client(client.base, token=signed.json["access_token"])
    me = acting.get("/me")
    assert (me["username"], me["acting_for"], me["org_path"]) == (user["username"], site.code, site.path)
    assert acting.call("GET", f"/sites/{other.id}").status == 404, "the scope is the site's"
    both = f"{user['username']}/{site.code}"
    customer = acting.created("/customers", {"name": "x"})
    assert customer["created_by"] == both
    entry = world.admin.get("/audit-log", username=user["username"], acting_for=site.code)["items"][0]
    assert (entry["path"], entry["org_path"]) == ("/api/v1/customers", site.path)
    begun = world.admin.get("/audit-log", username=user["username"], operation="gateway.identity.act_for")["items"][0]
    assert begun["content"] == {"org_unit_code": site.code, "reason": "month end"} and begun["acting_for"] is None
    acting.refused("POST", "/auth/act-for", {"org_unit_code": site.code, "reason": "x"}, status=403, code="forbidden")
    renewed = acting.call("POST", "/auth/token", {"grant_type": "refresh_token", "refresh_token": signed.json["refresh_token"]})
    assert Client(client.base, token=renewed.json["access_token"]).get("/me")["acting_for"] == site.code
    assert acting.call("POST", "/auth/logout", {}).status == 200
    assert acting.call("GET", "/me").status == 401
    assert client.call("GET", "/me").status == 200, "the own session goes on"


def test_acting_needs_the_right_and_the_scope(world: World):
    site = world.company.sites[2]
    body = {"org_unit_code": site.code, "reason": "x"}
    world.company.sites[2].as_("manager").refused("POST", "/auth/act-for", body, status=403, code="forbidden")
    _, local = somebody(world, world.company.north.code, ("admin",))
    local.refused("POST", "/auth/act-for", body, status=422, code="unknown_reference")
    world.admin.invalid("POST", "/auth/act-for", {**body, "reason": "  "}, ["reason"])


# -- devices (G-22) --------------------------------------------------------------------------------------------
@pytest.fixture
def checked(world: World) -> dict[str, Any]:
    """A site unit of its own that lets in approved devices only."""
    code = f"DV-{uuid.uuid4().hex[:8]}"
    unit = world.admin.created("/org-units", {"code": code, "name": code, "kind": "site", "parent_code": world.company.north.code})
    changed = world.admin.call("PATCH", f"/org-units/{unit['id']}", {"devices_checked": True})
    assert changed.status == 200 and changed.json["devices_checked"] is True
    return unit


def test_unknown_devices_wait_for_the_manager(world: World, checked: dict[str, Any]):
    user, _ = somebody(world, checked["code"])
    key = uuid.uuid4().hex
    without = sign_in(world, user["username"])
    assert (without.status, without.code, without.json["device"]) == (403, "device_not_allowed", "unknown")
    first = sign_in(world, user["username"], device_key=key, device_label="front desk")
    assert first.json["device"] == "pending"
    assert sign_in(world, user["username"], "wrong", device_key="z" * 20).status == 401
    devices = [d for d in world.company.north.as_("manager").get("/sign-in-devices")["items"] if d["org_path"] == checked["path"]]
    assert [(d["label"], d["state"], d["first_username"]) for d in devices] == [("front desk", "pending", user["username"])]
    assert key not in str(devices), "the key stays the device's secret; a wrong password leaves no device"
    device = f"/sign-in-devices/{devices[0]['id']}"
    world.company.south.as_("manager").refused("POST", f"{device}/approve", {}, status=404, code="not_found")
    assert world.company.north.as_("manager").call("POST", f"{device}/approve", {}).json["state"] == "approved"
    signed = sign_in(world, user["username"], device_key=key)
    assert signed.status == 200
    assert sign_in(world, user["username"], device_key=uuid.uuid4().hex).code == "device_not_allowed"
    inside = Client(world.suite.base, token=signed.json["access_token"])
    assert inside.call("GET", "/me").status == 200
    assert world.admin.call("POST", f"{device}/revoke", {}).json["state"] == "revoked"
    assert inside.call("GET", "/me").status == 401, "revoking ends what was begun on it"
    assert sign_in(world, user["username"], device_key=key).json["device"] == "revoked"


def test_switching_the_check_on_ends_sessions_begun_elsewhere(world: World):
    code = f"DV-{uuid.uuid4().hex[:8]}"
    unit = world.admin.created("/org-units", {"code": code, "name": code, "kind": "site", "parent_code": "HQ"})
    _, client = somebody(world, code)
    inside = Client(client.base, token=client.sign_in()["access_token"])
    assert inside.call("GET", "/me").status == 200
    assert world.admin.call("PATCH", f"/org-units/{unit['id']}", {"devices_checked": True}).status == 200
    assert inside.call("GET", "/me").status == 401


# -- a token is never older than the rights it carries ------------------------------------------------------------
def test_signing_in_while_rights_change(world: World):
    """Whoever signs in while his rights are being taken gets a token with the new ones, or a void one: never the old."""
    from concurrent.futures import ThreadPoolExecutor

    user, _ = somebody(world, "HQ", ("admin",))
    for round_ in range(6):
        roles = ["agent"] if round_ % 2 == 0 else ["admin"]
        with ThreadPoolExecutor(4) as pool:
            changing = pool.submit(lambda r=roles: world.admin.call("PATCH", f"/users/{user['id']}", {"roles": r}))
            time.sleep(0.005 * round_)
            tokens = [future.result() for future in [pool.submit(sign_in, world, user["username"]) for _ in range(3)]]
            assert changing.result().status == 200
        for signed in tokens:
            me = Client(world.suite.base, token=signed.json["access_token"]).call("GET", "/me")
            assert me.status == 401 or me.json["roles"] == roles, f"a token with rights of before: {me.raw!r}"


def test_a_held_credential_holds_the_sign_in(world: World):
    """The same, with the change stopped right before its commit."""
    import threading

    import psycopg2
    from sqlalchemy.engine import make_url

    from tests.support.databases import databases

    user, _ = somebody(world, "HQ", ("admin",))
    url = make_url(databases(world.suite)["gateway"].owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
    change = psycopg2.connect(url)
    signed: list[Any] = []
    try:
        with change.cursor() as cursor:
            cursor.execute("SELECT set_config('app.scope', '/', true)")
            cursor.execute("UPDATE users SET roles = '[\"agent\"]' WHERE id = %s", (user["id"],))
            cursor.execute("UPDATE credentials SET epoch = epoch + 1 WHERE id = %s", (user["id"],))
            waiting = threading.Thread(target=lambda: signed.append(sign_in(world, user["username"])))
            waiting.start()
            time.sleep(0.5)
            assert not signed
        change.commit()
        waiting.join(20)
    finally:
        change.close()
    me = eventually(lambda: Client(world.suite.base, token=signed[0].json["access_token"]).call("GET", "/me"), "answer")
    assert me.json["roles"] == ["agent"], "the token was made from rights of before the change"
