"""Parties and the accounts of their people (G-10), over HTTP on two processes."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import jwt
import pytest

from chassis.domain.masking import ERASED
from chassis.messaging.inbox import Outcome, receive
from gateway import tokens
from gateway.app import SERVICE
from tests.integration.gateway.conftest import PASSWORD, Branch, Caller, Gateway, mark
from tests.integration.gateway.test_sign_in import refused
from tests.support.serving import envelope

ZONE = "Asia/Shanghai"


def today(zone: str = ZONE) -> datetime:
    return datetime.now(ZoneInfo(zone))


def party(admin: Caller, kind: str = "dealer", ends_on: str = "2099-12-31", **more: Any) -> dict[str, Any]:
    body = {"kind": kind, "name": f"party {mark()}", "org_unit_code": "HQ", "contract_ends_on": ends_on, **more}
    answer = admin.call("POST", "/parties", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def person(admin: Caller, of: dict[str, Any], roles: list[str] | None = None, **more: Any) -> dict[str, Any]:
    body = {"username": f"outside-{mark()}", "name": "外部", "org_unit_code": "HQ", "roles": roles or ["dealer"], "password": PASSWORD,
            "party_id": of["id"], **more}
    answer = admin.call("POST", "/users", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def claims(caller: Caller) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(caller.token or "", options={"verify_signature": False})
    return found


def test_a_party_is_made_changed_listed_and_told(gateway: Gateway, admin: Caller) -> None:
    customer = str(uuid.uuid4())
    made = party(admin, "customer", customer_id=customer)
    assert (made["ended"], made["time_zone"], made["org_path"]) == (False, ZONE, "/HQ/")
    assert admin.call("GET", f"/parties?customer_id={customer}").json()["items"][0]["name"] == made["name"]
    changed = admin.call("PATCH", f"/parties/{made['id']}", {"contract_ends_on": "2020-01-01", "name": "新名称"})
    assert (changed.json()["ended"], changed.json()["name"]) == (True, "新名称")
    told = [(kind, data["contract_ends_on"]) for kind, data in gateway.events(made["id"])]
    assert told == [("party.created.v1", "2099-12-31"), ("party.changed.v1", "2020-01-01")]
    sealed = bytes(gateway.rows("SELECT name FROM parties WHERE id = :id", id=made["id"])[0].name)
    assert "新名称".encode() not in sealed, "who a customer is does not lie in the table"


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"kind": "customer"}, 400, "validation_failed", "customer_id"),
        ({"customer_id": str(uuid.uuid4())}, 400, "validation_failed", "customer_id"),
        ({"kind": "friend"}, 400, "validation_failed", "kind"),
        ({"contract_ends_on": "2026-02-30"}, 400, "validation_failed", "contract_ends_on"),
        ({"contract_ends_on": "9999-12-31"}, 400, "validation_failed", "contract_ends_on"),
        ({"time_zone": "Mars/Base"}, 400, "validation_failed", "time_zone"),
        ({"time_zone": "localtime"}, 400, "validation_failed", "time_zone"),
        ({"name": " "}, 400, "validation_failed", "name"),
        ({"org_unit_code": "NOWHERE"}, 422, "unknown_reference", None),
    ],
)
def test_what_a_party_may_not_be(admin: Caller, change: dict[str, Any], status: int, code: str, field: str | None) -> None:
    body = {"kind": "dealer", "name": "x", "org_unit_code": "HQ", "contract_ends_on": "2099-12-31", **change}
    problem = refused(admin.call("POST", "/parties", body), status, code)
    assert field is None or field in {error["field"] for error in problem["errors"]}


def test_one_customer_is_one_party(admin: Caller) -> None:
    customer = str(uuid.uuid4())
    party(admin, "customer", customer_id=customer)
    body = {"kind": "customer", "name": "x", "org_unit_code": "HQ", "contract_ends_on": "2099-12-31", "customer_id": customer}
    assert refused(admin.call("POST", "/parties", body), 409, "duplicate")["field"] == "customer_id"


def test_only_roles_that_are_fit_for_outsiders(admin: Caller) -> None:
    dealer = party(admin)
    body = {"username": f"o-{mark()}", "name": "x", "org_unit_code": "HQ", "roles": ["dealer", "agent"], "party_id": dealer["id"]}
    problem = refused(admin.call("POST", "/users", body), 400, "validation_failed")
    assert problem["errors"] == [{"field": "roles.1", "code": "not_allowed"}]
    refused(admin.call("POST", "/users", {**body, "roles": ["admin"]}), 400, "validation_failed")
    refused(admin.call("POST", "/users", {**body, "roles": [], "party_id": str(uuid.uuid4())}), 422, "unknown_reference")
    made = person(admin, dealer)
    assert made["party_id"] == dealer["id"]
    refused(admin.call("PATCH", f"/users/{made['id']}", {"roles": ["manager"]}), 400, "validation_failed")
    assert admin.call("GET", f"/users?party_id={dealer['id']}").json()["items"][0]["id"] == made["id"]


def test_a_unit_below_the_partys_or_none(admin: Caller) -> None:
    for code in (north := f"N{mark()}", south := f"S{mark()}"):
        admin.call("POST", "/org-units", {"code": code, "name": code, "kind": "branch", "parent_code": "HQ"})
    of_north = party(admin, org_unit_code=north)
    body = {"username": f"o-{mark()}", "name": "x", "roles": ["dealer"], "party_id": of_north["id"], "org_unit_code": south}
    assert refused(admin.call("POST", "/users", body), 422, "unknown_reference")["field"] == "org_unit_code"
    made = person(admin, of_north, org_unit_code=north)
    assert refused(admin.call("PATCH", f"/users/{made['id']}", {"org_unit_code": south}), 422, "unknown_reference")


def test_the_token_says_the_party_and_only_fit_rights(gateway: Gateway, admin: Caller) -> None:
    dealer = party(admin)
    caller = gateway.as_(person(admin, dealer)["username"])
    said = claims(caller)
    assert said["party"] == {"id": dealer["id"], "kind": "dealer", "scope": "/HQ/", "until": said["party"]["until"]}
    assert said["perms"] and not [right for right in said["perms"] if not right.startswith("orders.")]
    me = caller.call("GET", "/me").json()
    assert me["party_kind"] == "dealer" and "org_path" not in me and me["permissions"] == said["perms"]
    customer = party(admin, "customer", customer_id=str(uuid.uuid4()))
    assert claims(gateway.as_(person(admin, customer, ["customer"])["username"]))["party"]["id"] == customer["customer_id"]


def test_a_role_that_grew_opens_nothing(gateway: Gateway, admin: Caller) -> None:
    """Rights that staff give to the role later do not reach the token, and a token that had them would open nothing."""
    role = {"code": f"r{mark()}", "name_zh": "x", "name_en": "x", "permissions": ["orders.work_order.read"]}
    made = admin.call("POST", "/roles", role).json()
    caller = gateway.as_(person(admin, party(admin), [role["code"]])["username"])
    grown = ["orders.work_order.read", "orders.work_order.cancel", "gateway.user.read"]
    assert admin.call("PATCH", f"/roles/{made['id']}", {"permissions": grown}).status_code == 200
    again = caller.refresh()
    caller.token = again.json()["access_token"]
    assert claims(caller)["perms"] == ["orders.work_order.read"]
    forged = Caller(gateway.bases[0], gateway.forge(perms=["*"], party={"id": str(uuid.uuid4()), "kind": "dealer", "scope": "/HQ/", "until": 0}))
    for method, path in (("GET", "/users"), ("GET", "/customers"), ("POST", "/auth/act-for"), ("GET", "/permissions")):
        assert refused(forged.call(method, path, {} if method == "POST" else None), 403, "forbidden")


def test_its_unit_moves_and_it_follows(gateway: Gateway, admin: Caller) -> None:
    for code in (north := f"N{mark()}", south := f"S{mark()}"):
        admin.call("POST", "/org-units", {"code": code, "name": code, "kind": "branch", "parent_code": "HQ"})
    site = admin.call("POST", "/org-units", {"code": f"A{mark()}", "name": "a", "kind": "site", "parent_code": north}).json()
    of_site = party(admin, org_unit_code=site["code"])
    made = person(admin, of_site, org_unit_code=site["code"])
    caller = gateway.as_(made["username"])
    assert admin.call("POST", f"/org-units/{site['id']}/move", {"parent_code": south}).status_code == 200
    refused(caller.call("GET", "/me"), 401, "unauthenticated")
    moved = f"/HQ/{south}/{site['code']}/"
    assert claims(gateway.as_(made["username"]))["party"]["scope"] == moved
    assert admin.call("GET", f"/parties/{of_site['id']}").json()["org_path"] == moved


def test_whoever_knows_no_parties_shows_it_nothing(gateway: Gateway, admin: Caller) -> None:
    """A process of the release before reads the same token without its party, and signs in by the unit of the path."""
    made = person(admin, party(admin))
    assert made["org_path"] == "/HQ/", "people see where it belongs"
    said = claims(gateway.as_(made["username"]))
    as_before = Caller(gateway.bases[0], gateway.forge(perms=["*"], org_path=said["org_path"]))
    for path in ("/users", "/org-units", "/parties", "/login-status"):
        assert [item for item in as_before.call("GET", path).json()["items"] if item.get("username") != made["username"]] == [], path
    assert not gateway.rows("SELECT id FROM org_units WHERE org_path = :path", path=said["org_path"]), "it would find no unit"
    code = f"B{mark()}"
    assert admin.call("POST", "/org-units", {"code": code, "name": code, "kind": "branch", "parent_code": "HQ"}).status_code == 201
    assert admin.call("PATCH", f"/users/{made['id']}", {"org_unit_code": code}).json()["org_path"] == f"/HQ/{code}/"
    assert claims(gateway.as_(made["username"]))["party"]["scope"] == f"/HQ/{code}/"


def test_roles_and_posts_of_the_unit_are_for_staff(gateway: Gateway, admin: Caller) -> None:
    code = f"B{mark()}"
    unit = admin.call("POST", "/org-units", {"code": code, "name": code, "kind": "branch", "parent_code": "HQ", "roles": ["manager"]}).json()
    made = person(admin, party(admin, org_unit_code=code), org_unit_code=code)
    assert claims(gateway.as_(made["username"]))["roles"] == ["dealer"]
    refused(admin.call("PATCH", f"/org-units/{unit['id']}", {"leader_id": made["id"]}), 422, "unknown_reference")
    assert admin.call("PATCH", f"/org-units/{unit['id']}", {"devices_checked": True}).status_code == 200
    assert gateway.anybody().sign_in(made["username"], PASSWORD).status_code == 200, "devices of others are not the unit's"


def test_the_last_day_counts_where_the_party_is(gateway: Gateway, admin: Caller) -> None:
    here = today().date()
    ends_today = party(admin, ends_on=here.isoformat())
    caller = gateway.as_(person(admin, ends_today)["username"])
    midnight = datetime.combine(here + timedelta(days=1), datetime.min.time(), ZoneInfo(ZONE))
    said = claims(caller)
    assert said["party"]["until"] == int(midnight.timestamp())
    assert said["exp"] <= min(said["iat"] + tokens.ACCESS_SECONDS, said["party"]["until"])
    over = party(admin, ends_on=(here - timedelta(days=1)).isoformat())
    problem = refused(gateway.anybody().sign_in(person(admin, over)["username"], PASSWORD), 403, "contract_ended")
    assert problem["ended_on"] == (here - timedelta(days=1)).isoformat()
    refused(gateway.anybody().sign_in(person(admin, over)["username"], "wrong"), 401, "unauthenticated")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_day_is_that_of_its_zone(admin: Caller, zone: str) -> None:
    there = today(zone).date()
    assert not party(admin, ends_on=there.isoformat(), time_zone=zone)["ended"]
    assert party(admin, ends_on=(there - timedelta(days=1)).isoformat(), time_zone=zone)["ended"]


def test_moved_back_it_is_over_at_once_in_every_process(gateway: Gateway, admin: Caller) -> None:
    dealer = party(admin)
    name = person(admin, dealer)["username"]
    callers = [gateway.as_(name, process=process) for process in (0, 1)]
    assert all(caller.call("GET", "/me").status_code == 200 for caller in callers)
    assert admin.call("PATCH", f"/parties/{dealer['id']}", {"contract_ends_on": "2020-01-01"}).status_code == 200
    for caller in callers:
        refused(caller.call("GET", "/me"), 401, "unauthenticated")
        refused(caller.refresh(), 401, "unauthenticated")
    assert admin.call("PATCH", f"/parties/{dealer['id']}", {"contract_ends_on": "2099-01-01"}).status_code == 200
    assert callers[0].refresh().status_code == 200, "the session waited"


def test_a_token_ends_with_the_contract_by_itself(gateway: Gateway, admin: Caller) -> None:
    """Nobody has to do anything at midnight: the day's end stands in the token."""
    dealer = party(admin)
    party_claim = {"id": dealer["id"], "kind": "dealer", "scope": "/HQ/", "until": int(time.time()) + 2}
    caller = Caller(gateway.bases[0], gateway.forge(seconds=2, party=party_claim))
    stream = caller.http.get(f"{caller.base}/api/v1/streams/me", headers={"Authorization": f"Bearer {caller.token}"}, stream=True, timeout=10)
    began = datetime.now(UTC)
    assert stream.status_code == 200
    list(stream.iter_lines())
    assert (datetime.now(UTC) - began).total_seconds() < 5, "the stream ended with it"
    refused(caller.call("GET", "/me"), 401, "unauthenticated")


def erase(gateway: Gateway, customer: str) -> None:
    """What orders tells when a customer was erased, handed to the gateway's inbox."""
    told = envelope("aftersales.orders.erasure.created.v1", {"erased_at": "2026-11-22T08:00:00Z"}, subject=customer)
    assert receive(SERVICE, gateway.database.engine, told) is Outcome.DONE


def test_an_erased_customers_account_is_closed_in_every_process(gateway: Gateway, admin: Caller) -> None:
    """C-04: tokens, sessions and open streams, with the name, and for ever. An event waits for no process to have heard, so
    each stream's end is awaited."""
    customer = str(uuid.uuid4())
    made = party(admin, "customer", customer_id=customer)
    somebody, other = person(admin, made, ["customer"], name="李明"), person(admin, party(admin))
    callers = [gateway.as_(somebody["username"], process=process) for process in (0, 1)]
    bystander = gateway.as_(other["username"])
    streams = [
        caller.http.get(f"{caller.base}/api/v1/streams/me", headers={"Authorization": f"Bearer {caller.token}"}, stream=True, timeout=10)
        for caller in callers
    ]
    assert [stream.status_code for stream in streams] == [200, 200]
    erase(gateway, customer)
    for stream in streams:
        list(stream.iter_lines())  # ends
    for caller in callers:
        refused(caller.call("GET", "/me"), 401, "unauthenticated")
        refused(caller.refresh(), 401, "unauthenticated")
    refused(gateway.anybody().sign_in(somebody["username"], PASSWORD), 401, "unauthenticated")
    assert bystander.call("GET", "/me").status_code == 200
    found = admin.call("GET", f"/parties/{made['id']}").json()
    assert (found["name"], found["ended"], found["erased_at"]) == (ERASED, True, "2026-11-22T08:00:00Z")
    user = admin.call("GET", f"/users/{somebody['id']}").json()
    assert (user["name"], user["active"], user["deleted"], user["username"]) == (ERASED, False, True, somebody["username"])
    erase(gateway, customer)
    assert admin.call("GET", f"/parties/{made['id']}").json()["version"] == found["version"], "told twice, done once"


def test_nothing_of_an_erased_customer_is_opened_again(gateway: Gateway, admin: Caller) -> None:
    customer = str(uuid.uuid4())
    made = party(admin, "customer", customer_id=customer)
    somebody = person(admin, made, ["customer"])
    erase(gateway, customer)
    for method, path, body in (
        ("PATCH", f"/parties/{made['id']}", {"contract_ends_on": "2098-01-01"}), ("PATCH", f"/parties/{made['id']}", {"name": "李明"}),
        ("POST", "/users", {"username": f"o-{mark()}", "name": "x", "org_unit_code": "HQ", "roles": ["customer"], "party_id": made["id"]}),
        ("POST", f"/users/{somebody['id']}/restore", {}),
    ):
        assert refused(admin.call(method, path, body), 409, "customer_erased")["erased_at"].startswith("2026-11-22T08:00:00"), path
    never = str(uuid.uuid4())
    erase(gateway, never)
    body = {"kind": "customer", "name": "x", "org_unit_code": "HQ", "contract_ends_on": "2099-12-31", "customer_id": never}
    refused(admin.call("POST", "/parties", body), 409, "customer_erased")


def test_the_names_of_outsiders_stand_in_no_journal(gateway: Gateway, admin: Caller) -> None:
    made = person(admin, party(admin), name="李明")
    assert admin.call("PATCH", f"/users/{made['id']}", {"name": "王芳"}).json()["name"] == "王芳"
    written = str(gateway.rows("SELECT * FROM journal WHERE entity_id = :id", id=made["id"]))
    assert "change" in written and "李明" not in written and "王芳" not in written


@pytest.mark.parametrize("act", ["party", "account", "reset", "move", "restore"])
def test_a_branch_makes_and_takes_over_no_customers_account(gateway: Gateway, admin: Caller, branch: Branch, act: str) -> None:
    """His people see his documents at every site (scope of the whole company), the branch's own do not."""
    mine = {"org_unit_code": branch.site}
    customer = party(admin, "customer", customer_id=str(uuid.uuid4()), **mine)
    account = person(admin, customer, ["customer"], **mine)
    user = f"/users/{account['id']}"
    calls = {
        "party": ("POST", "/parties", {"kind": "customer", "name": "x", "contract_ends_on": "2099-12-31", "customer_id": str(uuid.uuid4()), **mine}),
        "account": ("POST", "/users", {"username": f"u-{mark()}", "name": "x", "roles": ["customer"], "party_id": customer["id"], **mine}),
        "reset": ("POST", f"{user}/reset-password", {"admin_password": PASSWORD}),
        "move": ("PATCH", user, {"roles": []}),
        "restore": ("POST", f"{user}/delete", {}),
    }
    method, path, body = calls[act]
    local = gateway.as_(branch.user(["admin"], unit=branch.code)["username"])
    refused(local.call(method, path, body), 403, "forbidden")
    dealer = {"kind": "dealer", "name": "x", "contract_ends_on": "2099-12-31", **mine}
    assert local.call("POST", "/parties", dealer).status_code == 201
