"""Departments and teams, who leads them, what they give, deletion and cycles (G-09, G-11); the last administrator stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.gateway.conftest import ADMIN_PASSWORD, PASSWORD, Branch, Caller, Gateway, mark
from tests.integration.gateway.test_sign_in import refused


def unit(admin: Caller, kind: str, parent: str, **members: Any) -> dict[str, Any]:
    made = admin.call("POST", "/org-units", {"code": f"D{mark()}", "name": "维修部", "kind": kind, "parent_code": parent, **members})
    assert made.status_code == 201, made.text
    document: dict[str, Any] = made.json()
    return document


def change(admin: Caller, document: dict[str, Any], **members: Any) -> Any:
    return admin.call("PATCH", f"/org-units/{document['id']}", members)


def move(admin: Caller, document: dict[str, Any], parent: str) -> Any:
    return admin.call("POST", f"/org-units/{document['id']}/move", {"parent_code": parent})


def test_people_of_a_department_see_what_their_office_sees(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    leader = branch.user(["manager"])
    department = unit(admin, "department", branch.site, leader_id=leader["id"], duties="家电维修")
    team = unit(admin, "team", department["code"])
    assert (department["leader_id"], department["deputy_id"], department["duties"]) == (leader["id"], None, "家电维修")
    assert team["path"] == f"{branch.site_path}{department['code']}/{team['code']}/"
    assert gateway.events(department["id"]) == [], "the other services never hear of it"
    worker = branch.user(["technician"], unit=team["code"])
    assert (worker["org_unit_id"], worker["org_path"]) == (team["id"], branch.site_path)
    assert gateway.as_(worker["username"]).call("GET", "/me").json()["org_path"] == branch.site_path
    manager = gateway.as_(leader["username"])
    assert {department["id"], team["id"]} <= {item["id"] for item in manager.call("GET", "/org-units").json()["items"]}
    named = admin.call("POST", "/auth/token", {"grant_type": "password", "username": worker["username"], "password": PASSWORD,
                                               "org_unit_code": branch.site})
    assert named.status_code == 200, "staff name their site, not their team"


def test_who_leads_must_be_there(admin: Caller, branch: Branch) -> None:
    department = unit(admin, "department", branch.site)
    gone = branch.user(["agent"])
    admin.call("POST", f"/users/{gone['id']}/delete", {})
    for someone in (gone["id"], "0199e3a0-0000-7000-8000-000000000000"):
        assert refused(change(admin, department, leader_id=someone), 422, "unknown_reference")["field"] == "leader_id"
    deputy = branch.user(["agent"])
    assert change(admin, department, deputy_id=deputy["id"], duties="x").json()["deputy_id"] == deputy["id"]
    assert change(admin, department, deputy_id=None, duties=None).json()["duties"] is None


@pytest.mark.parametrize(("kind", "below"), [("team", "team"), ("department", "team"), ("site", "department"), ("branch", "department")])
def test_what_may_not_stand_below(admin: Caller, branch: Branch, kind: str, below: str) -> None:
    parent = unit(admin, below, branch.site)
    body = {"code": f"X{mark()}", "name": "x", "kind": kind, "parent_code": parent["code"]}
    problem = refused(admin.call("POST", "/org-units", body), 400, "validation_failed")
    assert problem["errors"] == [{"field": "parent_code", "code": "wrong_kind"}]


def test_a_department_moves_with_its_people(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    outer = unit(admin, "department", branch.site)
    inner = unit(admin, "department", outer["code"])
    worker = branch.user(["technician"], unit=inner["code"])
    caller = gateway.as_(worker["username"])
    for below in (outer["code"], inner["code"]):
        problem = refused(move(admin, outer, below), 400, "validation_failed")
        assert problem["errors"] == [{"field": "parent_code", "code": "below_itself"}]
    moved = move(admin, outer, branch.code)
    assert moved.status_code == 200 and moved.json()["path"] == f"{branch.path}{outer['code']}/"
    assert admin.call("GET", f"/org-units/{inner['id']}").json()["path"] == f"{branch.path}{outer['code']}/{inner['code']}/"
    refused(caller.call("GET", "/me"), 401, "unauthenticated")
    renewed = Caller(gateway.bases[0], caller.refresh().json()["access_token"])
    assert renewed.call("GET", "/me").json()["org_path"] == branch.path, "the branch is their office now"
    [row] = gateway.rows("SELECT u.org_path AS u, c.org_path AS c FROM users u JOIN credentials c USING (id) WHERE id = :id",
                         id=worker["id"])
    assert (row.u, row.c) == (branch.path, branch.path)
    assert gateway.events(worker["id"])[-1][1]["org_path"] == branch.path


def test_two_that_move_below_each_other(admin: Caller, branch: Branch) -> None:
    for _ in range(5):
        one, two = unit(admin, "department", branch.site), unit(admin, "department", branch.site)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda pair: move(admin, pair[0], pair[1]["code"]), [(one, two), (two, one)]))
        assert sorted(answer.status_code for answer in answers) == [200, 400], [answer.text for answer in answers]


def test_delete_and_restore(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    site = admin.call("GET", "/org-units", params={"code": branch.site}).json()["items"][0]
    department = unit(admin, "department", branch.site)
    worker = branch.user(["agent"], unit=department["code"])
    delete = lambda document: admin.call("POST", f"/org-units/{document['id']}/delete", {})  # noqa: E731
    assert refused(delete(site), 409, "has_children")["units"] == [department["code"]]
    assert refused(delete(department), 409, "has_children")["users"] == [worker["username"]]
    headquarters = admin.call("GET", "/org-units", params={"code": "HQ"}).json()["items"][0]
    refused(delete(headquarters), 409, "has_children")
    admin.call("POST", f"/users/{worker['id']}/delete", {})
    assert delete(department).json()["deleted"] is True
    assert delete(site).json()["deleted"] is True
    assert [name for name, _ in gateway.events(site["id"])] == ["org_unit.created.v1", "org_unit.deleted.v1"]
    assert admin.call("GET", "/org-units", params={"code": branch.site}).json()["items"] == []
    assert [found["id"] for found in admin.call("GET", "/org-units", params={"code": branch.site, "deleted": "true"}).json()["items"]] == [
        site["id"]]
    body = {"username": f"u{mark()}", "name": "x", "org_unit_code": branch.site, "roles": []}
    assert refused(admin.call("POST", "/users", body), 422, "unknown_reference")["field"] == "org_unit_code"
    refused(admin.call("POST", "/auth/act-for", {"org_unit_code": branch.site, "reason": "x"}), 422, "unknown_reference")
    refused(change(admin, site, name="x"), 404, "not_found")
    refused(move(admin, site, "HQ"), 404, "not_found")
    restore = lambda document: admin.call("POST", f"/org-units/{document['id']}/restore", {})  # noqa: E731
    refused(restore(department), 422, "unknown_reference")
    refused(admin.call("POST", f"/users/{worker['id']}/restore", {}), 422, "unknown_reference")
    assert restore(site).json()["deleted"] is False
    assert restore(department).json()["deleted"] is False
    assert admin.call("POST", f"/users/{worker['id']}/restore", {}).json()["active"] is True
    assert gateway.events(site["id"])[-1][0] == "org_unit.restored.v1"


def test_nobody_is_put_into_a_unit_that_goes(admin: Caller, branch: Branch) -> None:
    """At the same moment: either somebody is in it and it stays, or it is gone and nobody is."""
    for _ in range(5):
        team = unit(admin, "team", branch.site)
        body = {"username": f"u{mark()}", "name": "x", "org_unit_code": team["code"], "roles": [], "password": PASSWORD}
        calls = [("/users", body), (f"/org-units/{team['id']}/delete", {})]
        with ThreadPoolExecutor(2) as pool:
            made, deleted = pool.map(lambda call: admin.call("POST", *call), calls)
        assert (made.status_code, deleted.status_code) in ((201, 409), (422, 200)), (made.text, deleted.text)


def test_roles_of_a_unit_are_its_peoples(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    department = unit(admin, "department", branch.site)
    worker = branch.user([], unit=department["code"])
    beside, above = branch.user([]), branch.user([], unit=branch.code)
    caller = gateway.as_(worker["username"])
    refused(caller.call("GET", "/users"), 403, "forbidden")
    assert change(admin, department, roles=["manager"]).json()["roles"] == ["manager"]
    refused(caller.call("GET", "/me"), 401, "unauthenticated"), "at once"
    caller = gateway.as_(worker["username"])
    assert caller.call("GET", "/users").status_code == 200
    assert caller.call("GET", "/me").json()["roles"] == ["manager"]
    refused(gateway.as_(beside["username"]).call("GET", "/users"), 403, "forbidden")

    site = admin.call("GET", "/org-units", params={"code": branch.site}).json()["items"][0]
    assert change(admin, site, roles=["cashier"]).status_code == 200
    assert gateway.as_(worker["username"]).call("GET", "/me").json()["roles"] == ["cashier", "manager"]
    assert gateway.as_(beside["username"]).call("GET", "/me").json()["roles"] == ["cashier"]
    assert gateway.as_(above["username"]).call("GET", "/me").json()["roles"] == [], "not upwards"
    here = change(admin, admin.call("GET", "/org-units", params={"code": branch.code}).json()["items"][0], roles=["agent"])
    assert here.status_code == 200
    assert "agent" not in gateway.as_(beside["username"]).call("GET", "/me").json()["roles"], "nor from a branch to its sites"
    caller = gateway.as_(worker["username"])
    assert change(admin, department, roles=[]).json()["roles"] == []
    refused(caller.call("GET", "/users"), 401, "unauthenticated")


def test_what_a_unit_cannot_be_given(gateway: Gateway, admin: Caller, branch: Branch) -> None:
    department = unit(admin, "department", branch.site)
    refused(change(admin, department, roles=["admin"]), 400, "validation_failed")
    assert refused(change(admin, department, roles=["nobody"]), 422, "unknown_reference")["field"] == "roles.0"
    code = f"r{mark()}"
    rights = ["gateway.user.update", "gateway.org_unit.update", "gateway.org_unit.read"]
    made = admin.call("POST", "/roles", {"code": code, "name_zh": "x", "name_en": "x", "permissions": rights})
    assert made.status_code == 201, made.text
    clerk = gateway.as_(branch.user([code])["username"])
    refused(change(clerk, department, roles=["manager"]), 403, "forbidden")
    boss = branch.user([], unit=department["code"])
    assert change(admin, department, roles=["manager"]).status_code == 200
    refused(clerk.call("PATCH", f"/users/{boss['id']}", {"active": False}), 403, "forbidden"), "he may more, by his unit"
    refused(change(clerk, department, roles=[]), 403, "forbidden")


def test_users_are_found_by_any_part_of_their_names(admin: Caller, branch: Branch) -> None:
    user = branch.user(["agent"], name="欧阳修")
    for part in (user["username"][3:9].upper(), "阳修"):
        found = admin.call("GET", "/users", params={"q": part, "limit": 200}).json()["items"]
        assert user["id"] in {one["id"] for one in found}, part


@pytest.fixture
def two(gateway: Gateway, admin: Caller, branch: Branch) -> Any:
    """The only two administrators of headquarters, and the first one back afterwards."""
    names = [branch.user(["admin"], unit="HQ") for _ in range(2)]
    callers = [gateway.as_(name["username"], process=number) for number, name in enumerate(names)]
    others = [user for user in admin.call("GET", "/users", params={"limit": 200, "active": "true"}).json()["items"]
              if "admin" in user["roles"] and user["org_path"] == "/HQ/" and user["id"] not in {name["id"] for name in names}]
    for other in others:
        assert callers[0].call("PATCH", f"/users/{other['id']}", {"active": False}).status_code == 200
    yield names, callers
    gateway.write("UPDATE users SET active = true, deleted_at = NULL, roles = '[\"admin\"]', org_path = '/HQ/' WHERE username = 'admin'")
    boss = gateway.as_("admin", ADMIN_PASSWORD)
    for name in names:
        assert boss.call("POST", f"/users/{name['id']}/delete", {}).status_code == 200


@pytest.mark.parametrize("how", ["disable", "delete", "demote", "move"])
def test_the_last_administrator_stays(two: Any, branch: Branch, how: str) -> None:
    """Two do it to each other at the same moment, at two processes: one of them is left."""
    names, callers = two

    def away(caller: Caller, target: dict[str, Any]) -> Any:
        match how:
            case "delete":
                return caller.call("POST", f"/users/{target['id']}/delete", {})
            case "disable":
                return caller.call("PATCH", f"/users/{target['id']}", {"active": False})
            case "demote":
                return caller.call("PATCH", f"/users/{target['id']}", {"roles": ["agent"]})
        return caller.call("PATCH", f"/users/{target['id']}", {"org_unit_code": branch.code})

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(away, callers, reversed(names)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes in ([200, 401], [200, 409]), [answer.text for answer in answers]
    left = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    survivor = callers[left]
    if how == "move":  # nobody else is needed for this one
        refused(away(survivor, names[left]), 409, "last_administrator")
    assert survivor.call("GET", "/users").status_code == 200
