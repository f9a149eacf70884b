"""What somebody with few rights could make of what others have set up: units that give roles, webhooks, sessions in another
unit's scope, partners of units that are gone. Found from outside, on the red-team evening."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from chassis import contracts
from tests.integration.gateway.conftest import ADMIN_PASSWORD, PASSWORD, Branch, Caller, Gateway, mark
from tests.integration.gateway.test_partners import Partner
from tests.integration.gateway.test_sign_in import refused


def role(admin: Caller, *permissions: str) -> str:
    body = {"code": f"r{mark()}", "name_zh": "角色", "name_en": "role", "permissions": list(permissions)}
    made = admin.call("POST", "/roles", body)
    assert made.status_code == 201, made.text
    return str(made.json()["code"])


def somebody(gateway: Gateway, branch: Branch, *permissions: str, unit: str | None = None) -> Caller:
    user = branch.user([role(branch.admin, *permissions)], unit=unit or branch.code)
    caller = gateway.as_(user["username"])
    caller.user = user  # type: ignore[attr-defined]
    return caller


def unit_with_roles(branch: Branch, *roles: str, parent: str | None = None) -> dict[str, Any]:
    body = {"code": f"D{mark()}", "name": "部门", "kind": "department", "parent_code": parent or branch.code, "roles": list(roles)}
    made = branch.admin.call("POST", "/org-units", body)
    assert made.status_code == 201, made.text
    document: dict[str, Any] = made.json()
    return document


# ---------------------------------------------------------------- units that give their people roles (G-09)
def test_nobody_puts_a_new_user_where_he_gets_more_than_the_maker_has(gateway: Gateway, branch: Branch) -> None:
    strong, weak = unit_with_roles(branch, "manager"), unit_with_roles(branch)
    maker = somebody(gateway, branch, "gateway.user.create", "gateway.user.read")
    body = {"username": f"u-{mark()}", "name": "x", "org_unit_code": strong["code"], "roles": [], "password": PASSWORD}
    refused(maker.call("POST", "/users", body), 403, "forbidden")
    assert maker.call("POST", "/users", {**body, "org_unit_code": weak["code"]}).status_code == 201


def test_nobody_moves_anybody_there_himself_neither(gateway: Gateway, branch: Branch) -> None:
    strong = unit_with_roles(branch, "manager")
    mover = somebody(gateway, branch, "gateway.user.update", "gateway.user.read")
    accomplice = branch.user([], unit=branch.code)
    for victim in (mover.user["id"], accomplice["id"]):  # type: ignore[attr-defined]
        refused(mover.call("PATCH", f"/users/{victim}", {"org_unit_code": strong["code"]}), 403, "forbidden")
    assert branch.admin.call("GET", f"/users/{accomplice['id']}").json()["org_unit_id"] != strong["id"]


def test_nobody_hangs_a_team_where_it_gets_more(gateway: Gateway, branch: Branch) -> None:
    strong, own = unit_with_roles(branch, "manager"), unit_with_roles(branch)
    mover = somebody(gateway, branch, "gateway.org_unit.move", "gateway.org_unit.read")
    refused(mover.call("POST", f"/org-units/{own['id']}/move", {"parent_code": strong["code"]}), 403, "forbidden")
    assert branch.admin.call("POST", f"/org-units/{own['id']}/move", {"parent_code": strong["code"]}).status_code == 200


# ---------------------------------------------------------------- acting for a unit (G-21)
@pytest.mark.parametrize("how", ["right taken", "moved elsewhere"])
def test_acting_is_not_renewed_by_who_may_no_more(gateway: Gateway, branch: Branch, how: str) -> None:
    actor = somebody(gateway, branch, "gateway.session.act_for", "gateway.user.read")
    signed = actor.call("POST", "/auth/act-for", {"org_unit_code": branch.site, "reason": "x"})
    assert signed.status_code == 200, signed.text
    acting = Caller(actor.base, signed.json()["access_token"], signed.json()["refresh_token"])
    renewed = acting.refresh()
    assert renewed.status_code == 200
    elsewhere = Branch(branch.admin, gateway)
    change: dict[str, Any] = {"roles": []} if how == "right taken" else {"org_unit_code": elsewhere.code}
    assert branch.admin.call("PATCH", f"/users/{actor.user['id']}", change).status_code == 200  # type: ignore[attr-defined]
    for _ in range(2):
        refused(acting.refresh(renewed.json()["refresh_token"]), 401, "unauthenticated")
    assert actor.refresh().status_code == 200, "the own session goes on with what is left"


# ---------------------------------------------------------------- webhooks (G-26)
@pytest.fixture
def webhook(branch: Branch) -> dict[str, Any]:
    body = {"name": "x", "url": "https://partner.invalid/", "events": ["aftersales.orders.work_order.*"], "org_unit_code": branch.code}
    made = branch.admin.call("POST", "/webhooks", body)
    assert made.status_code == 201, made.text
    document: dict[str, Any] = made.json()
    return document


def test_nobody_turns_a_webhook_to_himself_that_tells_more_than_he_reads(gateway: Gateway, branch: Branch, webhook: dict[str, Any]) -> None:
    rights = [f"gateway.webhook.{verb}" for verb in ("read", "update", "enable", "disable", "rotate_secret")]
    clerk, reader = somebody(gateway, branch, *rights), somebody(gateway, branch, *rights, "orders.work_order.read")
    path = f"/webhooks/{webhook['id']}"
    steps = (("PATCH", path, {"url": "https://mine.invalid/"}), ("PATCH", path, {"name": "y"}), ("POST", f"{path}/rotate-secret", {}))
    for method, where, body in steps:
        assert refused(clerk.call(method, where, body), 403, "forbidden")["permission"] == "orders.work_order.read"
        assert reader.call(method, where, body).status_code == 200
    assert clerk.call("POST", f"{path}/disable", {}).status_code == 200, "to stop it needs no reading"
    refused(clerk.call("POST", f"{path}/enable", {}), 403, "forbidden")


def test_what_a_delivery_told_is_for_readers(gateway: Gateway, branch: Branch, webhook: dict[str, Any]) -> None:
    gateway.order_changed("registered", 1, branch.site_path, uuid.uuid4())
    clerk = somebody(gateway, branch, "gateway.webhook.read")
    reader = somebody(gateway, branch, "gateway.webhook.read", "orders.work_order.read")
    [delivery] = clerk.call("GET", f"/webhook-deliveries?webhook_id={webhook['id']}").json()["items"]
    assert "body" not in delivery
    refused(clerk.call("GET", f"/webhook-deliveries/{delivery['id']}"), 403, "forbidden")
    assert "registered" in reader.call("GET", f"/webhook-deliveries/{delivery['id']}").json()["body"]


# ---------------------------------------------------------------- units that are gone
def test_a_deleted_units_partners_and_webhooks_are_out(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    partner = Partner(gateway, admin, branch.site)
    body = {"name": "x", "url": "https://partner.invalid/", "events": ["aftersales.orders.work_order.*"], "org_unit_code": branch.site}
    hook = admin.call("POST", "/webhooks", body).json()
    caller = partner.token()
    unit = admin.call("GET", f"/org-units?code={branch.site}").json()["items"][0]["id"]
    assert admin.call("POST", f"/org-units/{unit}/delete", {}).status_code == 200
    refused(caller.call("GET", "/work-orders"), 401, "unauthenticated")
    refused(partner.ask(1), 403, "account_disabled")
    gateway.order_changed("registered", 1, branch.site_path, uuid.uuid4())
    assert admin.call("GET", f"/webhook-deliveries?webhook_id={hook['id']}").json()["items"] == []
    for path, more in (("/webhooks", body), ("/partners", {"name": "x", "org_unit_code": branch.site, "scopes": ["orders.site.read"], "expires_at": "2099-01-01T00:00:00Z"})):
        refused(admin.call("POST", path, more), 422, "unknown_reference")
    assert admin.call("POST", f"/org-units/{unit}/restore", {}).status_code == 200
    assert partner.token().call("GET", "/work-orders").status_code == 200


# ---------------------------------------------------------------- the first password of everybody new (G-16)
@pytest.fixture
def initial(admin: Caller) -> Iterator[str]:
    secret = f"welcome-{mark()}"
    assert admin.call("PUT", "/parameters/password.initial", {"value": secret}).json()["value"] == secret
    yield secret
    assert admin.call("PUT", "/parameters/password.initial", {"value": "random"}).status_code == 200


def test_a_first_password_for_all_is_told_to_nobody_else(gateway: Gateway, branch: Branch, initial: str) -> None:
    """Whoever reads it could be in before its owner."""
    manager = gateway.as_(branch.user(["manager"])["username"])
    shown = manager.call("GET", "/parameters/password.initial").json()
    assert shown["value"] == "***"
    for caller, path in ((manager, "/parameters"), (manager, "/parameters/password.initial/history"),
                         (branch.admin, "/parameters/password.initial/history"), (branch.admin, "/audit-log?path=/api/v1/parameters")):
        answer = caller.call("GET", path)
        assert answer.status_code == 200 and initial not in answer.text, path
    assert gateway.rows("SELECT count(*) FROM outbox WHERE position(:secret in envelope::text) > 0", secret=initial)[0][0] == 0


@pytest.mark.parametrize("key", ["password.initial", "password.min_length", "login.max_failures"])
def test_how_people_sign_in_is_headquarters_business(gateway: Gateway, branch: Branch, initial: str, key: str) -> None:
    """A branch's administrator would let himself in as whoever is new at headquarters."""
    local = gateway.as_(branch.user(["admin"], unit=branch.code)["username"])
    value = "of-the-branch" if key == "password.initial" else 9
    refused(local.call("PUT", f"/parameters/{key}", {"value": value}), 403, "forbidden")
    assert initial not in local.call("GET", "/parameters").text
    assert local.call("PUT", "/parameters/tax.rate", {"value": 0.13}).status_code == 200


# ---------------------------------------------------------------- the audit log (G-19)
def test_who_guesses_acts_for_nobody(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    name = f"u-{mark()}/{branch.site}"
    refused(gateway.anybody().sign_in(name, "wrong"), 401, "unauthenticated")
    [entry] = admin.call("GET", "/audit-log", params={"username": name}).json()["items"]
    assert entry["acting_for"] is None


# ---------------------------------------------------------------- who may act on whom (G-02, G-06, G-08)
ACTS = [
    ("POST", "/unlock", {}), ("POST", "/reset-password", {"admin_password": PASSWORD}), ("POST", "/force-off", {}), ("POST", "/delete", {}),
    ("POST", "/restore", {}), ("PATCH", "", {"active": False}), ("PATCH", "", {"name": "x"}),
]  # fmt: skip


def test_every_act_on_a_person_is_asked_below() -> None:
    of_a_person = [operation for operation in contracts.operations("gateway") if operation.path.startswith("/api/v1/users/{user_id}")]
    unsafe = {(o.method.upper(), o.path.removeprefix("/api/v1/users/{user_id}")) for o in of_a_person if o.method.upper() != "GET"}
    assert unsafe == {(method, path) for method, path, _ in ACTS}


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
def test_nobody_acts_on_who_may_more(gateway: Gateway, branch: Branch, method: str, path: str, body: dict[str, object]) -> None:
    """A clerk with the right itself, of the same unit: the person's rights must be among the clerk's own."""
    role = {"code": f"r{mark()}".lower(), "name_zh": "x", "name_en": "x", "permissions": ["gateway.user.*"]}
    assert branch.admin.call("POST", "/roles", role).status_code in (201, 403)
    clerk = gateway.as_(branch.user([role["code"]])["username"])
    boss = branch.user(["admin"])
    if path == "/restore":
        assert branch.admin.call("POST", f"/users/{boss['id']}/delete", {}).status_code == 200
    refused(clerk.call(method, f"/users/{boss['id']}{path}", body), 403, "forbidden")


# ---------------------------------------------------------------- the deleted (G-08, R-04)
def test_a_deleted_user_is_not_switched_on_by_the_way(gateway: Gateway, branch: Branch) -> None:
    """Lists hide him, so nobody would see that he signs in. Bringing him back has its own right."""
    user = branch.user(["agent"])
    path = f"/users/{user['id']}"
    assert branch.admin.call("POST", f"{path}/delete", {}).status_code == 200
    for body in ({"active": True}, {"name": "x"}, {"roles": ["manager"]}):
        refused(branch.admin.call("PATCH", path, body), 404, "not_found")
    own = {"admin_password": ADMIN_PASSWORD}
    refused(branch.admin.call("POST", f"{path}/reset-password", own), 404, "not_found")
    refused(gateway.anybody().sign_in(user["username"], PASSWORD), 403, "account_disabled")
    assert branch.admin.call("POST", f"{path}/restore", {}).status_code == 200
    assert gateway.anybody().sign_in(user["username"], PASSWORD).status_code == 200
