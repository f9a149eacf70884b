"""Org units, users and their scope (G-08, G-09, G-11), parameters (G-16), over HTTP."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from gateway.identity import bootstrap
from gateway.settings import catalogue, definitions, usecases
from tests.integration.gateway.conftest import ADMIN_PASSWORD, PASSWORD, Branch, Caller, Gateway, mark
from tests.integration.gateway.test_sign_in import refused
from tests.support import writings


def test_first_start(gateway: Gateway, admin: Caller) -> None:
    units = admin.call("GET", "/org-units", params={"code": "HQ"}).json()["items"]
    assert [(unit["kind"], unit["path"], unit["parent_id"]) for unit in units] == [("hq", "/HQ/", None)]
    assert gateway.events(units[0]["id"]) == [
        ("org_unit.created.v1", {"code": "HQ", "name": "总部", "kind": "hq", "path": "/HQ/", "parent_path": None, "deleted": False})
    ]
    told = {row.envelope["data"]["key"]: row.envelope["data"]["value"] for row in gateway.rows(
        "SELECT envelope FROM outbox WHERE type = 'aftersales.gateway.parameter.changed.v1' ORDER BY position")}
    assert told["revisit.after_days"] == 3 and "tax.rate" in told, "the services know the defaults"


def test_starting_again_changes_nothing(gateway: Gateway) -> None:
    before = gateway.rows("SELECT count(*) FROM outbox")[0][0]
    assert bootstrap.ensure(gateway.database.app_url, "another-password") is False
    assert gateway.rows("SELECT count(*) FROM outbox")[0][0] == before
    gateway.as_("admin", ADMIN_PASSWORD)


def test_first_password_is_checked_only_when_used(gateway: Gateway) -> None:
    def never(password: str) -> None:
        raise AssertionError("admin exists")

    assert bootstrap.ensure(gateway.database.app_url, "x", check=never) is False


def test_units(gateway: Gateway, admin: Caller) -> None:
    code = f"东区{mark()}"
    made = admin.call("POST", "/org-units", {"code": code, "name": "华东", "kind": "branch", "parent_code": "HQ"})
    assert made.status_code == 201 and made.json()["path"] == f"/HQ/{code}/"
    site = {"code": f"S{mark()}", "name": "一店", "kind": "site", "parent_code": code}
    unit = admin.call("POST", "/org-units", site).json()
    assert unit["path"] == f"/HQ/{code}/{site['code']}/" and unit["parent_id"] == made.json()["id"]
    renamed = admin.call("PATCH", f"/org-units/{unit['id']}", {"name": "二店"}, headers={"If-Match": "1"}).json()
    assert (renamed["name"], renamed["version"]) == ("二店", 2)
    refused(admin.call("PATCH", f"/org-units/{unit['id']}", {"name": "三店"}, headers={"If-Match": "1"}), 409, "stale_version")
    facts = {"code": site["code"], "kind": "site", "path": unit["path"], "parent_path": f"/HQ/{code}/", "deleted": False}
    assert gateway.events(unit["id"]) == [
        ("org_unit.created.v1", {**facts, "name": "一店"}),
        ("org_unit.changed.v1", {**facts, "name": "二店"}),
    ]
    assert admin.call("GET", f"/org-units/{unit['id']}").json() == renamed


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"code": "HQ"}, 409, "duplicate", "code"),
        ({"code": "a/b"}, 400, "validation_failed", "code"),
        ({"code": " "}, 400, "validation_failed", "code"),
        ({"code": ""}, 400, "validation_failed", "code"),
        ({"code": "x" * 65}, 400, "validation_failed", "code"),
        ({"code": "a\u0007"}, 400, "validation_failed", "code"),
        ({"name": " "}, 400, "validation_failed", "name"),
        ({"name": "a\u0000b"}, 400, "validation_failed", "name"),
        ({"kind": "hq"}, 400, "validation_failed", "kind"),
        ({"kind": None}, 400, "validation_failed", "kind"),
        ({"parent_code": "nowhere"}, 422, "unknown_reference", "parent_code"),
        ({"leader": "x"}, 400, "validation_failed", "leader"),
    ],
)
def test_bad_units(admin: Caller, change: dict[str, Any], status: int, code: str, field: str) -> None:
    body = {"code": f"B{mark()}", "name": "x", "kind": "branch", "parent_code": "HQ", **change}
    problem = refused(admin.call("POST", "/org-units", body), status, code)
    assert field in ({problem.get("field")} | {error["field"] for error in problem.get("errors", ())})


def test_the_tree_has_three_levels(admin: Caller, branch: Branch) -> None:
    for kind, parent in (("branch", branch.code), ("site", branch.site), ("branch", branch.site)):
        body = {"code": f"X{mark()}", "name": "x", "kind": kind, "parent_code": parent}
        problem = refused(admin.call("POST", "/org-units", body), 400, "validation_failed")
        assert problem["errors"] == [{"field": "parent_code", "code": "wrong_kind"}]


def test_missing_members_are_named_at_once(admin: Caller) -> None:
    for path, fields in (("/org-units", {"code", "name", "kind", "parent_code"}),
                         ("/users", {"username", "name", "org_unit_code", "roles"})):
        problem = refused(admin.call("POST", path, {}), 400, "validation_failed")
        assert {error["field"] for error in problem["errors"]} == fields
        assert {error["code"] for error in problem["errors"]} == {"missing"}


def test_users(gateway: Gateway, branch: Branch) -> None:
    user = branch.user(["technician", "agent"])
    assert user["org_path"] == branch.site_path and user["roles"] == ["agent", "technician"] and "password" not in user
    assert gateway.events(user["id"]) == [("user.created.v1", {
        "username": user["username"], "name": "李雷", "org_path": branch.site_path, "roles": ["agent", "technician"],
        "active": True})]
    found = branch.admin.call("GET", "/users", params={"username": user["username"].upper()}).json()["items"]
    assert found == [branch.admin.call("GET", f"/users/{user['id']}").json()]


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"username": "Admin"}, 409, "duplicate", "username"),
        ({"username": "\uff41dmin"}, 409, "duplicate", "username"),
        ({"username": "a b"}, 400, "validation_failed", "username"),
        ({"username": "a\u0000"}, 400, "validation_failed", "username"),
        ({"username": 5}, 400, "validation_failed", "username"),
        ({"roles": "agent"}, 400, "validation_failed", "roles"),
        ({"roles": ["nobody"]}, 422, "unknown_reference", "roles.0"),
        ({"roles": ["agent", "agent"]}, 400, "validation_failed", "roles"),
        ({"org_unit_code": "nowhere"}, 422, "unknown_reference", "org_unit_code"),
        ({"password": "short"}, 422, "weak_password", None),
        ({"must_change_password": "yes"}, 400, "validation_failed", "must_change_password"),
        ({"epoch": 1}, 400, "validation_failed", "epoch"),
    ],
)
def test_bad_users(admin: Caller, change: dict[str, Any], status: int, code: str, field: str | None) -> None:
    body = {"username": f"u{mark()}", "name": "x", "org_unit_code": "HQ", "roles": ["agent"], "password": PASSWORD, **change}
    problem = refused(admin.call("POST", "/users", body), status, code)
    assert field is None or field in ({problem.get("field")} | {error["field"] for error in problem.get("errors", ())})


def test_must_change_password_by_wish(gateway: Gateway, branch: Branch) -> None:
    assert branch.user(["agent"])["must_change_password"] is False
    user = branch.user(["agent"], must_change_password=True)
    assert gateway.as_(user["username"]).call("GET", "/work-orders").status_code == 403


def test_same_key_gives_the_same_user(branch: Branch) -> None:
    body = {"username": f"u{mark()}", "name": "x", "org_unit_code": branch.site, "roles": ["agent"], "password": PASSWORD}
    key = {"Idempotency-Key": mark()}
    first, second = (branch.admin.call("POST", "/users", body, headers=key) for _ in range(2))
    assert first.status_code == second.status_code == 201 and first.json() == second.json()
    refused(branch.admin.call("POST", "/users", {**body, "name": "y"}, headers=key), 422, "idempotency_mismatch")


def test_scope_of_users_and_units(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """A branch's administrator sees and makes people and units of the own branch only."""
    other = Branch(admin, gateway)
    stranger = other.user(["agent"])
    boss = gateway.as_(branch.user(["admin"], unit=branch.code)["username"])
    mine = branch.user(["agent"])
    names = {item["username"] for item in boss.call("GET", "/users", params={"limit": 200}).json()["items"]}
    assert mine["username"] in names and stranger["username"] not in names and "admin" not in names
    counted = boss.call("GET", "/users", params={"total": "true"}).json()
    assert counted["total"] == len(names)
    for path in (f"/users/{stranger['id']}", f"/org-units/{_unit_id(admin, other.site)}"):
        refused(boss.call("GET", path), 404, "not_found")
        refused(boss.call("PATCH", path, {"name": "x"}), 404, "not_found")
    refused(boss.call("POST", f"/users/{stranger['id']}/unlock", {}), 404, "not_found")
    body = {"username": f"u{mark()}", "name": "x", "roles": ["agent"], "password": PASSWORD}
    for code in (other.site, "HQ"):
        problem = refused(boss.call("POST", "/users", {**body, "org_unit_code": code}), 422, "unknown_reference")
        assert problem["field"] == "org_unit_code"
    assert boss.call("POST", "/users", {**body, "org_unit_code": branch.site}).status_code == 201
    codes = {item["code"] for item in boss.call("GET", "/org-units", params={"limit": 200}).json()["items"]}
    assert codes == {branch.code, branch.site}


def test_without_scope_nothing_is_seen(gateway: Gateway) -> None:
    with gateway.database.engine.connect() as connection:
        for table in ("users", "credentials", "sessions", "org_units", "stream_events"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0, table


def test_rights(gateway: Gateway, branch: Branch) -> None:
    manager = gateway.as_(branch.user(["manager"])["username"])
    assert manager.call("GET", "/users").status_code == 200
    for method, path in (("POST", "/users"), ("POST", "/org-units"), ("PUT", "/parameters/tax.rate")):
        refused(manager.call(method, path, {}), 403, "forbidden")
    agent = gateway.as_(branch.user(["agent"])["username"])
    refused(agent.call("GET", "/users"), 403, "forbidden")
    nobody = gateway.as_(branch.user([])["username"])
    assert nobody.call("GET", "/me").json()["permissions"] == []
    refused(nobody.call("GET", "/work-orders"), 403, "forbidden")
    assert gateway.service.seen == [], "refused before the hop"


def test_nobody_gives_more_than_he_has(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    """A role of the company's own may manage users, but not make administrators or take one over."""
    gateway.write(
        "INSERT INTO roles (id, version, created_at, created_by, updated_at, updated_by, code, name_zh, name_en,"
        " permissions, shipped) VALUES (gen_random_uuid(), 1, now(), 't', now(), 't', :code, 'x', 'x', "
        " '[\"gateway.user.*\", \"gateway.org_unit.read\"]', false)",
        code=(code := f"clerk{mark()}"),
    )
    clerk = gateway.as_(branch.user([code])["username"])
    body = {"username": f"u{mark()}", "name": "x", "org_unit_code": branch.site, "password": PASSWORD}
    refused(clerk.call("POST", "/users", {**body, "roles": ["admin"]}), 403, "forbidden")
    assert clerk.call("POST", "/users", {**body, "roles": [code]}).status_code == 201
    boss = branch.user(["admin"])
    refused(clerk.call("PATCH", f"/users/{boss['id']}", {"active": False}), 403, "forbidden")
    refused(clerk.call("POST", f"/users/{boss['id']}/reset-password", {"admin_password": PASSWORD}), 403, "forbidden")
    refused(clerk.call("PATCH", f"/users/{boss['id']}", {"roles": []}), 403, "forbidden")


def test_change_of_rights_voids_tokens_at_once(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    user = branch.user(["agent"])
    caller = gateway.as_(user["username"])
    changed = admin.call("PATCH", f"/users/{user['id']}", {"roles": ["technician"], "org_unit_code": branch.code})
    assert (changed.json()["roles"], changed.json()["org_path"]) == (["technician"], branch.path)
    refused(Caller(gateway.bases[1], caller.token).call("GET", "/me"), 401, "unauthenticated")
    renewed = Caller(gateway.bases[1], caller.refresh().json()["access_token"])
    me = renewed.call("GET", "/me").json()
    assert (me["roles"], me["org_path"]) == (["technician"], branch.path), "a refresh brings the new rights"
    assert gateway.events(user["id"])[-1][1]["org_path"] == branch.path


def test_renaming_keeps_the_session(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    user = branch.user(["agent"])
    caller = gateway.as_(user["username"])
    assert admin.call("PATCH", f"/users/{user['id']}", {"name": "韩梅梅"}).json()["name"] == "韩梅梅"
    assert caller.call("GET", "/me").json()["name"] == "韩梅梅"


def test_disabled(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    user = branch.user(["agent"])
    caller = gateway.as_(user["username"], process=1)
    assert admin.call("PATCH", f"/users/{user['id']}", {"active": False}).json()["active"] is False
    refused(caller.call("GET", "/me"), 401, "unauthenticated")
    refused(caller.refresh(), 401, "unauthenticated")
    refused(gateway.anybody().sign_in(user["username"], PASSWORD), 403, "account_disabled")
    refused(gateway.anybody().sign_in(user["username"], "wrong"), 401, "unauthenticated")
    admin.call("PATCH", f"/users/{user['id']}", {"active": True})
    gateway.as_(user["username"])


def test_roles_list(admin: Caller) -> None:
    items = admin.call("GET", "/roles").json()["items"]
    shipped = {"admin", "agent", "cashier", "dispatcher", "manager", "storekeeper", "technician"}
    assert shipped <= {role["code"] for role in items}
    assert next(role for role in items if role["code"] == "admin")["permissions"] == ["*"]


def test_lists_page_and_sort(admin: Caller, branch: Branch) -> None:
    made = sorted(branch.user(["agent"])["username"] for _ in range(3))
    boss_query = {"q": "u-", "sort": "-username", "limit": 2}
    first = admin.call("GET", "/users", params=boss_query).json()
    seen = [item["username"] for item in first["items"]]
    while first["next_cursor"]:
        first = admin.call("GET", "/users", params={**boss_query, "cursor": first["next_cursor"]}).json()
        seen += [item["username"] for item in first["items"]]
    assert seen == sorted(seen, reverse=True) and set(made) <= set(seen) and len(seen) == len(set(seen))
    refused(admin.call("GET", "/users", params={"sort": "password"}), 400, "bad_sort")
    refused(admin.call("GET", "/users", params={"limit": 201}), 400, "bad_limit")
    exported = admin.call("GET", "/users", params={"format": "csv", "q": made[0]})
    assert exported.status_code == 200 and made[0] in exported.text and "argon2" not in exported.text


def test_parameters(gateway: Gateway, admin: Caller) -> None:
    shown = admin.call("GET", "/parameters/tax.rate").json()
    assert shown["default"] == 0.13 and shown["schema"]["maximum"] == 1
    answer = admin.call("PUT", "/parameters/tax.rate", {"value": 0.09})
    assert answer.status_code == 200 and answer.json()["value"] == 0.09
    assert admin.call("GET", "/parameters/tax.rate").json()["version"] == shown["version"] + 1
    assert gateway.events(shown["id"])[-1] == ("parameter.changed.v1", {"key": "tax.rate", "value": 0.09})
    count = len(gateway.events(shown["id"]))
    admin.call("PUT", "/parameters/tax.rate", {"value": 0.09})
    assert len(gateway.events(shown["id"])) == count, "the same value is no news"
    latest = admin.call("GET", "/parameters/tax.rate/history").json()["items"][0]
    assert (latest["author"], latest["before"], latest["after"]) == ("admin", 0.13, 0.09)
    stale = admin.call("PUT", "/parameters/tax.rate", {"value": 0.1}, headers={"If-Match": str(shown["version"])})
    refused(stale, 409, "stale_version")
    bootstrap.ensure(gateway.database.app_url, "x")
    assert admin.call("GET", "/parameters/tax.rate").json()["value"] == 0.09, "what was set outlives a restart"
    admin.call("PUT", "/parameters/tax.rate", {"value": 0.13})


@pytest.mark.parametrize("value", ["0.13", -0.01, 1.01, None, True, [], {}, "13%"])
def test_bad_values(admin: Caller, value: Any) -> None:
    problem = refused(admin.call("PUT", "/parameters/tax.rate", {"value": value}), 400, "validation_failed")
    assert problem["errors"][0]["field"] == "value"


def test_unknown_parameters(admin: Caller) -> None:
    for key in ("nothing.such", "tax.rate ", "tax.rate%00", "..%2F..%2Fme"):
        refused(admin.call("GET", f"/parameters/{key}"), 404, "not_found")
    refused(admin.call("PUT", "/parameters/nothing.such", {"value": 1}), 404, "not_found")


NUMBERS = {"digits": 4, "reset": "monthly"}


def test_a_prefix_of_numbers_belongs_to_one_kind_for_ever(gateway: Gateway, admin: Caller) -> None:
    """R-01. The one it has, one that it had before, and one that is kept for a kind to come."""
    def put(kind: str, prefix: str, caller: Caller = admin, **more: Any) -> Any:
        return caller.call("PUT", f"/parameters/number.{kind}", {"value": {**NUMBERS, "prefix": prefix}}, **more)

    assert put("payment", "RCPT").status_code == 200
    assert admin.call("PUT", "/parameters/number.payment", {"value": {"prefix": "PY", "digits": 1, "reset": "never"}}).status_code == 200
    for prefix in ("RCPT", "PY", "RE", "DR"):
        problem = refused(put("refund", prefix), 409, "number_conflict")
        assert problem["field"] == "value.prefix"
    assert admin.call("GET", "/parameters/number.refund").json()["value"]["prefix"] == "RF"
    assert put("refund", "TRY", headers={"Dry-Run": "true"}).status_code == 200
    assert put("reversal", "TRY").status_code == 200, "a rehearsal claims nothing"
    assert put("reversal", "RV").status_code == put("payment", "RCPT").status_code == put("payment", "PY").status_code == 200
    bootstrap.ensure(gateway.database.app_url, "x")


def test_a_prefix_is_given_once_when_two_ask_at_once(gateway: Gateway, admin: Caller) -> None:
    kinds = ("work_order", "stock_receipt", "bill", "reversal", "refund")
    before = {kind: admin.call("GET", f"/parameters/number.{kind}").json()["value"] for kind in kinds}
    gate, codes = threading.Barrier(len(kinds)), list[int]()

    def put(kind: str) -> None:
        gate.wait()
        answer = Caller(admin.base, admin.token).call("PUT", f"/parameters/number.{kind}", {"value": {**NUMBERS, "prefix": "SAME"}})
        codes.append(answer.status_code)

    threads = [threading.Thread(target=put, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 409, 409, 409, 409]
    for kind in kinds:
        assert admin.call("PUT", f"/parameters/number.{kind}", {"value": before[kind]}).status_code == 200


@pytest.mark.parametrize("wrong", [
    {"prefix": "re"}, {"prefix": "R1"}, {"prefix": ""}, {"prefix": "ABCDEFG"}, {"prefix": "R-E"}, {"prefix": "ＲＥ"}, {"prefix": "RE\n"},
    {"prefix": None}, {"digits": -1}, {"digits": 13}, {"digits": "4"}, {"digits": True}, {"digits": 1.5}, {"reset": "yearly"},
    {"reset": None}, {"more": 1},
])  # fmt: skip
def test_bad_rules_of_numbers(admin: Caller, wrong: dict[str, Any]) -> None:
    value = {"prefix": "RE", **NUMBERS, **wrong}
    problem = refused(admin.call("PUT", "/parameters/number.work_order", {"value": value}), 400, "validation_failed")
    assert problem["errors"][0]["field"] == f"value.{next(iter(wrong))}"


def test_what_ships_gives_way_to_what_a_company_claimed(gateway: Gateway) -> None:
    shipped = definitions()["number.work_order"]
    coming = replace(shipped, key="number.coming", default={**NUMBERS, "prefix": "RE"})
    with gateway.database.uow() as uow:
        assert usecases._unclaimed(uow, shipped) == shipped.default
        assert usecases._unclaimed(uow, coming) == {**NUMBERS, "prefix": "REA"}
        uow.rollback()


def test_parameters_list(admin: Caller) -> None:
    first = admin.call("GET", "/parameters", params={"limit": 10, "total": "true"}).json()
    assert len(first["items"]) == 10 and first["total"] == len(catalogue())
    lists = {item["key"]: item["value"] for item in
             admin.call("GET", "/parameters", params={"limit": 200}).json()["items"]}
    assert lists["tax.rate"] == 0.13 and lists["login.max_failures"] == 5


@pytest.mark.parametrize("key", sorted(definitions().keys() - catalogue().keys()))
def test_a_parameter_that_nothing_reads_is_neither_shown_nor_set(admin: Caller, key: str) -> None:
    refused(admin.call("GET", f"/parameters/{key}"), 404, "not_found")
    refused(admin.call("PUT", f"/parameters/{key}", {"value": definitions()[key].default}), 404, "not_found")


def _unit_id(admin: Caller, code: str) -> str:
    found: str = admin.call("GET", "/org-units", params={"code": code}).json()["items"][0]["id"]
    return found


def test_a_code_is_one_however_it_is_written(admin: Caller) -> None:
    def call(method: str, path: str, body: Any = None, **params: Any) -> Any:
        return admin.call(method, path, body, params=params)

    made = writings.one_code(call, "/org-units", "code", {"name": "Zweig-Süd", "kind": "branch", "parent_code": "HQ"}, mark())
    code, others = writings.of_code(made["code"][2:-4])
    for n, typed in enumerate(others):
        below = {"code": f"S{n}{mark()}", "name": "x", "kind": "site", "parent_code": typed}
        assert call("POST", "/org-units", below).json()["path"].startswith(f"/HQ/{code}/"), typed
    for q in ("zweigsud", "ZWEIG–süd", "eig Sü", code.replace("-", "").replace(" ", "")):
        assert made["id"] in [one["id"] for one in call("GET", "/org-units", q=q, limit=200).json()["items"]], q


def test_people_are_found_by_any_writing(admin: Caller) -> None:
    name = f"jean-luc{mark()}"
    body = {"username": name, "name": f"Hélène Mü-{name}", "org_unit_code": "ｈｑ ", "roles": ["agent"], "password": PASSWORD}
    user = admin.call("POST", "/users", body)
    assert user.status_code == 201, user.text
    for q in (name.replace("-", " "), name.replace("-", ""), f"helene mu {name}", f"LÈNEMÜ{name[:6]}"):
        for path, member in (("/users", "id"), ("/login-status", "user_id")):
            found = admin.call("GET", path, params={"q": q, "limit": 200}).json()
            assert user.json()["id"] in [one[member] for one in found["items"]], (path, q)
