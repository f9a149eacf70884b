"""Who moves a unit has rights over everybody in it, where they are and where they come (G-11); the last administrator stays."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.identity import administrators
from tests.integration.gateway.conftest import Branch, Caller, Gateway, mark
from tests.integration.gateway.test_sign_in import refused
from tests.integration.gateway.test_takeover import somebody, unit_with_roles
from tests.integration.gateway.test_tree import move, two, unit

__all__ = ["two"]


@pytest.fixture
def clerk(gateway: Gateway, branch: Branch) -> Caller:
    """May move units of the branch, and little else."""
    return somebody(gateway, branch, "gateway.org_unit.move", "gateway.org_unit.read")


def office(branch: Branch) -> dict[str, Any]:
    found: dict[str, Any] = branch.admin.call("GET", "/org-units", params={"code": branch.site}).json()["items"][0]
    return found


def customer_of(branch: Branch) -> None:
    made = branch.admin.call("POST", "/parties", {
        "kind": "customer", "name": "李雷", "org_unit_code": branch.site, "contract_ends_on": "2099-12-31", "customer_id": str(uuid.uuid4())})
    assert made.status_code == 201, made.text
    branch.user(["customer"], party_id=made.json()["id"])


# where the unit stands → who is in it → whether the clerk may move it
@pytest.mark.parametrize("who", ["a boss", "in a team below", "by the unit", "by what it stands in", "disabled"])
def test_nobody_moves_who_may_more(branch: Branch, clerk: Caller, who: str) -> None:
    outer = unit_with_roles(branch, *(["manager"] if who == "by what it stands in" else []))
    moved = unit_with_roles(branch, *(["manager"] if who == "by the unit" else []), parent=outer["code"])
    place = unit(branch.admin, "team", moved["code"]) if who == "in a team below" else moved
    boss = branch.user([] if who.startswith("by") else ["manager"], unit=place["code"])
    if who == "disabled":
        assert branch.admin.call("PATCH", f"/users/{boss['id']}", {"active": False}).status_code == 200
    problem = refused(move(clerk, moved, branch.code), 403, "forbidden")
    assert problem["users"] == ([] if who.startswith("by") else [boss["username"]])
    assert problem["units"] == {"by the unit": [moved["code"]], "by what it stands in": [outer["code"]]}.get(who, [])
    assert branch.admin.call("GET", f"/org-units/{moved['id']}").json()["path"] == moved["path"]
    assert move(branch.admin, moved, branch.code).status_code == 200


def test_a_site_with_its_people(branch: Branch, gateway: Gateway) -> None:
    """Also those of its departments; people who may no more than the mover go with it, and one who was deleted does not hold it."""
    above = Branch(branch.admin, gateway)
    local = somebody(gateway, branch, "gateway.org_unit.*", unit="HQ")
    weak = branch.user([])
    assert move(local, office(branch), above.code).status_code == 200
    gone = branch.user(["manager"], unit=unit(branch.admin, "department", branch.site)["code"])
    assert refused(move(local, office(branch), branch.code), 403, "forbidden")["users"] == [gone["username"]]
    assert branch.admin.call("POST", f"/users/{gone['id']}/delete", {}).status_code == 200
    assert move(local, office(branch), branch.code).status_code == 200
    assert branch.admin.call("GET", f"/users/{weak['id']}").json()["org_path"] == branch.site_path


def test_accounts_of_customers_are_headquarters_business(branch: Branch, gateway: Gateway) -> None:
    local = gateway.as_(branch.user(["admin"], unit=branch.code)["username"])
    inner = unit(branch.admin, "department", branch.code)
    assert move(local, unit(branch.admin, "team", branch.site), inner["code"]).status_code == 200
    assert move(local, office(branch), branch.code).status_code == 200, "where it is"
    customer_of(branch)
    refused(move(local, office(branch), branch.code), 403, "forbidden")
    assert move(branch.admin, office(branch), "HQ").status_code == 200


def test_a_right_that_is_given_meanwhile_counts(branch: Branch, clerk: Caller, gateway: Gateway) -> None:
    """Whoever changes a person and whoever moves his unit take turns."""
    moved, place = unit_with_roles(branch), unit_with_roles(branch)
    worker = branch.user([], unit=moved["code"])
    with ThreadPoolExecutor(1) as pool:
        with gateway.database.uow() as uow:
            administrators.one_at_a_time(uow)
            uow.execute(administrators.text("UPDATE users SET roles = '[\"manager\"]' WHERE id = :id"), {"id": worker["id"]})
            answer = pool.submit(move, clerk, moved, place["code"])
            with pytest.raises(TimeoutError):
                answer.result(1)
        assert refused(answer.result(20), 403, "forbidden")["users"] == [worker["username"]]


def test_nobody_is_made_in_a_unit_on_its_way(branch: Branch, gateway: Gateway) -> None:
    """At the same moment: whoever is made there stands where the unit stands afterwards."""
    for _ in range(3):
        moved = unit(branch.admin, "department", branch.site)
        body = {"username": f"u{mark()}", "name": "x", "org_unit_code": moved["code"], "roles": []}
        with ThreadPoolExecutor(2) as pool:
            made, gone = pool.submit(branch.admin.call, "POST", "/users", body), pool.submit(move, branch.admin, moved, branch.code)
        assert (made.result().status_code, gone.result().status_code) == (201, 200), (made.result().text, gone.result().text)
        assert branch.admin.call("GET", f"/users/{made.result().json()['id']}").json()["org_path"] == branch.path


# ---------------------------------------------------------------- the last administrator of headquarters
def test_the_last_administrators_do_not_move_away_with_their_department(two: Any, branch: Branch, gateway: Gateway) -> None:
    names, (one, _) = two
    both = unit(one, "department", "HQ")
    for name in names:
        gateway.write("UPDATE users SET org_unit_id = :unit WHERE id = :id", unit=both["id"], id=name["id"])
    refused(move(one, both, branch.code), 409, "last_administrator")
    assert one.call("GET", f"/users/{names[0]['id']}").json()["org_path"] == "/HQ/", "nothing of it was kept"


def test_two_who_move_each_other_away(two: Any, branch: Branch, gateway: Gateway) -> None:
    names, callers = two
    homes = [unit(callers[0], "department", "HQ") for _ in names]
    for name, home in zip(names, homes, strict=True):
        gateway.write("UPDATE users SET org_unit_id = :unit WHERE id = :id", unit=home["id"], id=name["id"])
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: move(pair[0], pair[1], branch.code), zip(callers, reversed(homes), strict=True)))
    assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 409]), [answer.text for answer in answers]


@pytest.mark.parametrize("how", ["disable", "delete", "demote", "place"])
def test_one_who_is_locked_is_none_that_is_left(two: Any, branch: Branch, gateway: Gateway, how: str) -> None:
    names, (locked, _) = two
    for _ in range(5):
        gateway.anybody().sign_in(names[0]["username"], "wrong")
    path = f"/users/{names[1]['id']}"
    body = {"disable": {"active": False}, "demote": {"roles": []}, "place": {"org_unit_code": branch.code}}.get(how)
    answer = locked.call("POST", f"{path}/delete", {}) if body is None else locked.call("PATCH", path, body)
    refused(answer, 409, "last_administrator")
