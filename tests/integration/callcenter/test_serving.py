"""Customers follow the units that serve them (R-06), over HTTP: who lists, sees and changes whom, look-ups, what orders link, moved units."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from services.callcenter.customers import looking_up
from services.callcenter.customers.timers import links_follow_units
from tests.integration.callcenter.conftest import Site
from tests.integration.callcenter.test_customers import free, make
from tests.integration.callcenter.test_privacy import consent, erase, masked
from tests.support.orders_events import order
from tests.support.serving import Served

HQ = "/HQ/"


@pytest.fixture
def units() -> tuple[str, str, str]:
    """A branch, a site of it, and a site of another."""
    branch = f"/HQ/B{uuid.uuid4().hex[:8]}/"
    return branch, f"{branch}S1/", f"/HQ/B{uuid.uuid4().hex[:8]}/S2/"


@pytest.fixture
def whole_company(api: Served) -> Iterator[None]:
    id, changed = new_id(), "aftersales.gateway.parameter.changed.v1"
    [known] = api.rows("SELECT max(sequence) AS newest FROM parameter_copies WHERE key = 'customers.scope'")
    place = api.rows("SELECT id FROM parameter_copies WHERE key = 'customers.scope'")
    id, sequence = (place[0].id if place else id), (known.newest or 0) + 1
    assert api.tell(changed, {"key": "customers.scope", "value": "company"}, subject=id, sequence=sequence) is Outcome.DONE
    yield
    api.tell(changed, {"key": "customers.scope", "value": "served"}, subject=id, sequence=sequence + 1)


def made(api: Served, scope: str, by: str = "ann", **body: Any) -> dict[str, Any]:
    answer = api.call("POST", "/customers", {"name": "王芳", **body}, scope=scope, by=by)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(api: Served, scope: str, **query: Any) -> list[str]:
    return [one["id"] for one in api.call("GET", "/customers", scope=scope, limit=200, **query).json()["items"]]


def looked_up(api: Served, scope: str, phone: str, **how: Any) -> list[dict[str, Any]]:
    answer = api.call("POST", "/customer-lookups", {"phone": phone}, scope=scope, **how)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def log(api: Served, customer: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.call("GET", "/disclosures", customer_id=customer, kind="look_up", **query).json()["items"]
    return items


def links(api: Served, customer: str) -> dict[str, bool]:
    rows = api.rows("SELECT unit_path, own FROM customer_links WHERE customer_id = :id", id=customer)
    return {row.unit_path: row.own for row in rows}


# ---------------------------------------------------------------- who sees whom


def test_a_site_and_all_above_it_have_whom_it_took_in(api: Served, units: tuple[str, str, str]) -> None:
    branch, site, other = units
    number = next(free)
    id = made(api, site, phone=number)["id"]
    assert links(api, id) == {site: True, branch: False}
    answered = api.call("POST", "/customers", {"name": "李"}, scope=other).json()
    assert answered["allowed_actions"] == [] == api.call("GET", f"/customers/{answered['id']}", scope=other).json()["allowed_actions"]
    for scope in (site, branch):
        for query in ({}, {"phone": number}, {"phone": number[-4:]}, {"q": "王"}, {"sort": "name"}, {"sort": "-updated_at"}, {"q": "王", "sort": "version"}):
            assert id in listed(api, scope, **query), (scope, query)
        assert api.call("GET", "/customers", scope=scope, total="true").json()["total"] == 1
        assert api.call("GET", f"/customers/{id}", scope=scope).json()["phone"] == number
    assert id in listed(api, HQ, phone=number)
    for query in ({}, {"phone": number}, {"q": "王"}, {"sort": "name"}, {"sort": "updated_at"}, {"created_at_from": "2026-01-01T00:00:00Z"}):
        assert id not in listed(api, other, **query), query
    assert api.call("GET", "/customers", scope=other, total="true").json()["total"] == 1
    assert api.call("GET", f"/customers/{id}", scope=other).json()["code"] == "not_found"
    assert api.call("PATCH", f"/customers/{id}", {"name": "X"}, scope=other).json()["code"] == "not_found"


def test_an_export_has_the_same_rows(api: Served, units: tuple[str, str, str]) -> None:
    _, site, other = units
    id = made(api, site)["id"]
    assert id in api.call("GET", "/customers", scope=site, format="csv").text
    assert id not in api.call("GET", "/customers", scope=other, format="csv").text


def test_whoever_has_no_unit_sees_nobody(api: Served) -> None:
    make(api)
    assert listed(api, "") == []


def test_pages_both_ways(api: Served, units: tuple[str, str, str]) -> None:
    branch, site, _ = units
    ids = [made(api, scope, name=f"李{n}")["id"] for n, scope in enumerate((site, branch, site, site, branch))]
    for sort, wanted in (("created_at", ids), ("-created_at", ids[::-1])):
        got: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.call("GET", "/customers", scope=branch, sort=sort, q="李", limit=2, total="true", **cursor).json()
            assert page["total"] == 5
            got += [one["id"] for one in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert got == wanted


def test_the_company_may_show_everybody_to_all(api: Served, units: tuple[str, str, str], whole_company: None) -> None:
    _, site, other = units
    number = next(free)
    mine = made(api, site, phone=number)["id"]
    assert listed(api, other, phone=number) == [mine]
    assert api.call("PATCH", f"/customers/{mine}", {"name": "改"}, scope=other).status_code == 200
    assert api.call("GET", "/customers", scope=other, sort="-updated_at", limit=1).json()["items"][0]["id"] == mine
    warned = made(api, other, phone=number)["warnings"]
    assert [one["id"] for one in warned[0]["matches"]] == [mine] and log(api, mine) == [], "whom everybody sees is not looked up"


# ---------------------------------------------------------------- whom headquarters entered


def test_headquarters_serves_nobody_itself(api: Served, units: tuple[str, str, str]) -> None:
    _, site, other = units
    id = made(api, HQ)["id"]
    assert links(api, id) == {} and listed(api, site) == []
    assert api.call("GET", f"/customers/{id}", scope=site).json()["allowed_actions"] == ["take-in"], "who names him sees him"
    assert links(api, id) == {}, "to look changes nothing"
    assert consent(api, id).status_code == 201
    assert api.call("GET", f"/customers/{id}", scope=site).json()["consents"] != []
    answer = api.call("POST", "/consents", {"customer_id": id, "kind": "recording", "given": True, "stated_on": "2026-03-01", "channel": "phone"}, scope=site)
    assert answer.status_code == 201 and listed(api, site) == [id], "named in a body"
    assert api.call("GET", f"/customers/{id}", scope=other).json()["code"] == "not_found", "now he is served"
    refused = api.call("POST", "/consents", {"customer_id": id, "kind": "recording", "given": True, "stated_on": "2026-03-01", "channel": "phone"}, scope=other)
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")


def test_changing_or_taking_in_links_too(api: Served, units: tuple[str, str, str]) -> None:
    _, site, other = units
    changed, taken = made(api, HQ)["id"], made(api, HQ)["id"]
    assert api.call("PATCH", f"/customers/{changed}", {"name": "新"}, scope=site).status_code == 200
    assert api.call("POST", f"/customers/{taken}/take-in", {}, scope=site).json()["id"] == taken
    assert sorted(listed(api, site)) == sorted([changed, taken])
    for id in (changed, taken, str(uuid.uuid4())):
        assert api.call("POST", f"/customers/{id}/take-in", {}, scope=other).json()["code"] == "not_found"


def test_a_rehearsal_links_nobody(api: Served, units: tuple[str, str, str]) -> None:
    _, site, _ = units
    id = made(api, HQ)["id"]
    assert api.call("PATCH", f"/customers/{id}", {"name": "新"}, scope=site, headers={"Dry-Run": "true"}).status_code == 200
    assert links(api, id) == {}


# ---------------------------------------------------------------- looking up


def test_a_whole_number_finds_anybody_in_part_and_is_written_down(api: Served, units: tuple[str, str, str]) -> None:
    _, site, other = units
    number = next(free)
    id = made(api, site, name="赵云", phone=number)["id"]
    assert looked_up(api, other, number[3:], by="bea") == [{"id": id, "name": "赵云", "phone": masked(number), "linked": False}]
    [line] = log(api, id)
    told = {"recipient": "bea", "created_by": "bea", "purpose": looking_up.SEARCH, "data": ["contact"], "basis": None}
    assert {name: line[name] for name in told} == told
    assert log(api, id, scope=other) == [], "the log of a customer is not for who does not serve him"
    assert looked_up(api, site, number)[0]["linked"] is True
    assert listed(api, other) == [] and api.call("GET", f"/customers/{id}", scope=other).status_code == 404, "to look up is not to serve"
    taken = api.call("POST", f"/customers/{id}/take-in", {}, scope=other)
    assert (taken.status_code, taken.json()["phone"]) == (200, number)
    assert api.call("POST", f"/customers/{id}/take-in", {}, scope=other).status_code == 200, "again changes nothing"
    assert listed(api, other) == [id] and listed(api, site) == [id]


def test_a_look_up_is_of_the_unit_that_looked_and_lasts_a_day(api: Served, units: tuple[str, str, str]) -> None:
    _, site, other = units
    number = next(free)
    id = made(api, site, phone=number)["id"]
    looked_up(api, other, number)
    assert api.call("POST", f"/customers/{id}/take-in", {}, scope="/HQ/Z/S9/").status_code == 404
    with api.database.owner.begin() as owner:
        owner.exec_driver_sql("SELECT set_config('app.scope', '/', true)")
        owner.exec_driver_sql("UPDATE disclosures SET created_at = created_at - interval '25 hours' WHERE customer_id = %s", (id,))
    assert api.call("POST", f"/customers/{id}/take-in", {}, scope=other).status_code == 404


def test_nothing_but_whole_numbers_is_looked_up(api: Served, units: tuple[str, str, str]) -> None:
    assert looked_up(api, units[2], next(free)) == []
    for phone in ("8000", "abc", masked(next(free))):
        assert api.call("POST", "/customer-lookups", {"phone": phone}, scope=units[2]).status_code == 400
    refused = api.call("POST", "/customer-lookups", {"phone": next(free)}, permissions=("callcenter.customer.read",))
    assert refused.status_code == 403


def test_a_known_number_warns_of_hidden_ones_too(api: Served, units: tuple[str, str, str]) -> None:
    branch, site, other = units
    number = next(free)
    hidden = made(api, site, name="甲", phone=number)["id"]
    own = made(api, other, name="乙", phone=number)["id"]
    assert [line["purpose"] for line in log(api, hidden)] == [looking_up.NEW]
    warned = made(api, other, name="丙", phone=number)["warnings"]
    assert warned == [{"code": "known_phone", "matches": [{"id": hidden, "name": "甲"}, {"id": own, "name": "乙"}]}]
    assert log(api, own) == [], "whom the unit serves it need not look up"
    rehearsed = api.call("POST", "/customers", {"name": "丁", "phone": number}, scope=branch, headers={"Dry-Run": "true"}).json()
    assert [one["id"] for one in rehearsed["warnings"][0]["matches"]] == [hidden], "a rehearsal leaves no line, so it shows nobody hidden"
    assert api.call("POST", f"/customers/{hidden}/take-in", {}, scope=other).status_code == 200


def test_who_tries_numbers_is_stopped(api: Served, units: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, site, other = units
    monkeypatch.setattr(looking_up, "AN_HOUR", 2)
    number, by = next(free), uuid.uuid4().hex
    id = made(api, site, phone=number)["id"]
    looked_up(api, other, next(free), by=by)
    looked_up(api, other, number, by=by)
    refused = api.call("POST", "/customer-lookups", {"phone": number}, scope=other, by=by)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert made(api, other, phone=number, by=by)["warnings"] == [], "a new customer is made all the same, and tells nothing more"
    assert len(log(api, id)) == 1
    assert looked_up(api, other, number, by=uuid.uuid4().hex) != []
    with api.database.uow() as uow:
        uow.execute(looking_up.text("UPDATE customer_lookups SET since = since - interval '61 minutes' WHERE username = :by"), {"by": by})
    assert looked_up(api, other, number, by=by) != []


def test_two_units_take_in_at_once(api: Served, units: tuple[str, str, str]) -> None:
    """Whom nobody serves becomes the first one's; whom both looked up becomes both's."""
    _, site, other = units
    number = next(free)

    def take_in(id: str, scope: str) -> int:
        return api.call("POST", f"/customers/{id}/take-in", {}, scope=scope).status_code

    for _ in range(5):
        fresh = made(api, HQ)["id"]
        with ThreadPoolExecutor(2) as threads:
            answers = sorted(threads.map(take_in, (fresh, fresh), (site, other)))
        assert answers == [200, 404]
        assert len([own for own in links(api, fresh).values() if own]) == 1
    both = made(api, HQ, phone=number)["id"]
    for scope in (site, other):
        looked_up(api, scope, number)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(take_in, [both] * 4, (site, other) * 2)) == {200}
    assert {path for path, own in links(api, both).items() if own} == {site, other}


# ---------------------------------------------------------------- orders, changes, erasure


@pytest.mark.parametrize("verb", ["registered", "corrected", "completed"])
def test_the_site_of_an_order_serves_its_customer(api: Served, site: Site, verb: str) -> None:
    id = made(api, "/HQ/Y/S1/")["id"]
    data = order(verb, site_id=str(site.id), customer_id=id)
    for sequence in (1, 2):
        told = api.tell(f"aftersales.orders.work_order.{verb}.v1", data, subject=data["id"], sequence=sequence, org_path=site.path)
        assert told is Outcome.DONE
    assert listed(api, site.path) == [id]
    for nobody in (None, str(uuid.uuid4())):
        data = order(verb, site_id=str(site.id), customer_id=nobody)
        assert api.tell(f"aftersales.orders.work_order.{verb}.v1", data, subject=data["id"], org_path=site.path) is Outcome.DONE
    assert listed(api, site.path) == [id]


def test_changes_by_another_unit_are_written_down_without_a_word_of_them(api: Served, units: tuple[str, str, str]) -> None:
    _, site, other = units
    number = next(free)
    id = made(api, site, phone=number)["id"]
    looked_up(api, other, number)
    api.call("POST", f"/customers/{id}/take-in", {}, scope=other)
    api.call("PATCH", f"/customers/{id}", {"name": "自己改"}, scope=site)
    api.call("PATCH", f"/customers/{id}", {"name": "别人改", "phone": number}, scope=other, by="bea")
    api.call("PATCH", f"/customers/{id}", {"name": "别人改"}, scope=other)
    [row] = api.rows("SELECT action, actor, data FROM journal WHERE entity_id = :id", id=id)
    assert (row.action, row.actor) == ("change_by_other_unit", "bea")
    assert row.data == {"fields": ["name"], "unit": other, "home": site}


def test_his_first_unit_is_told_which_members_another_changed(api: Served, units: tuple[str, str, str]) -> None:
    """Instead of the plain change, once for each; nothing where nobody took him in first."""
    _, site, other = units
    number = next(free)
    id = made(api, site, phone=number)["id"]
    looked_up(api, other, number)
    api.call("POST", f"/customers/{id}/take-in", {}, scope=other)
    changes = (({"name": "自己改"}, site), ({"name": "别人改"}, other), ({"name": "别人改"}, other), ({"name": "再改", "phone": next(free)}, HQ))
    for body, scope in changes:
        assert api.call("PATCH", f"/customers/{id}", body, scope=scope).status_code == 200
    told = [(type_.split(".")[1], {name: data[name] for name in ("home_path", "unit_path", "fields") if name in data}) for type_, _, data in api.events(id)]
    assert told == [
        ("created", {}), ("changed", {}), ("changed_elsewhere", {"home_path": site, "unit_path": other, "fields": ["name"]}),
        ("changed_elsewhere", {"home_path": site, "unit_path": HQ, "fields": ["name", "phones"]}),
    ]  # fmt: skip
    nobodys = made(api, HQ, phone=next(free))["id"]
    api.call("PATCH", f"/customers/{nobodys}", {"name": "改"}, scope=HQ)
    assert [type_.split(".")[1] for type_, *_ in api.events(nobodys)] == ["created", "changed"]


def test_an_erased_customer_has_no_marks_and_keeps_his_links(api: Served, units: tuple[str, str, str]) -> None:
    _, site, other = units
    number = next(free)
    id = made(api, site, phone=number)["id"]
    assert erase(api, id) is Outcome.DONE
    with api.database.owner.connect() as owner:
        assert owner.exec_driver_sql("SELECT count(*) FROM customer_marks WHERE customer_id = %s", (id,)).scalar() == 0
    assert listed(api, site) == [id] and looked_up(api, other, number) == []


def test_marks_follow_every_change(api: Served, units: tuple[str, str, str]) -> None:
    _, site, _ = units
    one, two = next(free), next(free)
    id = made(api, site, name="张三", phone=one)["id"]
    api.call("PATCH", f"/customers/{id}", {"name": "张飞", "phones": [two]}, scope=site)
    for query, found in (({"q": "张三"}, []), ({"q": "张飞"}, [id]), ({"q": "张"}, [id]), ({"phone": one}, []), ({"phone": two}, [id])):
        assert listed(api, site, **query) == found, query
        assert listed(api, HQ, **query, created_at_from="2026-01-01T00:00:00Z").count(id) == len(found), query


# ---------------------------------------------------------------- moved units


def test_links_follow_a_unit_that_moves(api: Served, units: tuple[str, str, str]) -> None:
    branch, site, other = units
    beside, current = f"{branch}S9/", f"{other.removesuffix('S2/')}S1/"
    new_branch = current.removesuffix("S1/")
    number = next(free)
    alone, shared, of_branch = made(api, site)["id"], made(api, site, phone=number)["id"], made(api, branch)["id"]
    looked_up(api, beside, number)
    api.call("POST", f"/customers/{shared}/take-in", {}, scope=beside)
    event = {"former_path": site, "path": current, "code": "S1", "name": "S1", "kind": "site", "parent_code": "B2", "deleted": False}
    moved = "aftersales.gateway.org_unit.moved.v1"
    assert api.tell(moved, event, subject=new_id(), sequence=2, org_path=current) is Outcome.DONE
    assert links(api, alone) == {current: True, new_branch: False}
    assert links(api, shared) == {current: True, new_branch: False, beside: True, branch: False}
    assert links(api, of_branch) == {branch: True}
    assert listed(api, site) == [] and sorted(listed(api, current)) == sorted([alone, shared])
    [row] = api.rows("SELECT home_path FROM customers WHERE id = :id", id=alone)
    assert row.home_path == current
    late = made(api, site)["id"]  # by one who has not heard of the move
    with api.database.uow() as uow:
        links_follow_units(uow)
    assert links(api, late) == {current: True, new_branch: False}
