"""Section 9, Scope: another site's documents are never visible: by id, list, search, count, export, timeline. A branch sees
its sites, headquarters see all."""

import csv
import io

import pytest

from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import Company, Unit


@pytest.fixture(scope="module")
def cases(company: Company) -> list[Case]:
    """One billed case at each of three sites: A and B of the north, C of the south."""
    return [Case(company, site).to_ready().pay("1.00") for site in company.sites]


@pytest.fixture(scope="module")
def readers(company: Company) -> list[tuple[Unit, set[int]]]:
    """Who, and the numbers of the cases that they may see."""
    a, b, c = company.sites
    return [(a, {0}), (b, {1}), (c, {2}), (company.north, {0, 1}), (company.south, {2}), (company.hq, {0, 1, 2})]


def reader(unit: Unit) -> Client:
    return unit.clients.get("admin") or unit.as_("manager")


def ids(cases: list[Case], wanted: set[int]) -> set[str]:
    return {cases[index].id for index in wanted}


def test_by_id(cases: list[Case], readers: list[tuple[Unit, set[int]]]):
    for unit, visible in readers:
        client = reader(unit)
        for index, case in enumerate(cases):
            for path in (f"/work-orders/{case.id}", f"/bills/{case.bill['id']}", f"/work-orders/{case.id}/timeline",
                         f"/sites/{case.site.id}", f"/warehouses/{case.site.good['id']}",
                         f"/technicians/{case.site.technician['id']}"):
                if index in visible:
                    assert client.call("GET", path).status == 200, (unit.code, path)
                else:
                    client.refused("GET", path, status=404, code="not_found")


def test_by_action(cases: list[Case], company: Company):
    foreign, manager = cases[0], company.sites[1].as_("manager")
    for action, body in (("assign", {"technician_id": company.sites[1].technician["id"]}), ("start", {}),
                         ("check", {"passed": True}), ("audit", {}), ("cancel", {"reason": "x"})):
        manager.refused("POST", f"/work-orders/{foreign.id}/{action}", body, status=404, code="not_found")
    manager.refused("POST", f"/bills/{foreign.bill['id']}/payments", {"method": "cash", "amount": "1.00"}, status=404,
                    code="not_found")
    manager.refused("POST", "/work-orders", {"kind": "repair", "channel": "phone", "site_id": company.sites[0].id,
                    "problem": "x"}, status=422, code="unknown_reference", members={"field": "site_id"})
    assert foreign.reload()["state"] == "ready"


def test_lists_and_counts(cases: list[Case], readers: list[tuple[Unit, set[int]]]):
    everything = ids(cases, {0, 1, 2})
    for unit, visible in readers:
        client = reader(unit)
        seen = {item["id"] for item in client.pages("/work-orders", state="ready")}
        assert seen & everything == ids(cases, visible), unit.code
        total = client.get("/work-orders", state="ready", total="true", limit=1)["total"]
        assert total == len(seen), f"{unit.code}: the count is the list's"
        bills = {item["work_order_id"] for item in client.pages("/bills")}
        assert bills & everything == ids(cases, visible)
        sites = {item["id"] for item in client.pages("/sites")}
        assert sites & {case.site.id for case in cases} == {cases[index].site.id for index in visible}
        warehouses = {item["warehouse_id"] for item in client.pages("/stock")}
        assert warehouses & {case.site.good["id"] for case in cases} == {cases[i].site.good["id"] for i in visible}
        for index, case in enumerate(cases):
            filtered = client.get("/work-orders", site_id=case.site.id, total="true")
            assert bool(filtered["total"]) == bool(filtered["items"]) == (index in visible)
            assert bool(client.get("/bills", work_order_id=case.id)["items"]) == (index in visible)


def test_search(cases: list[Case], readers: list[tuple[Unit, set[int]]]):
    for unit, visible in readers:
        client = reader(unit)
        for index, case in enumerate(cases):
            for words in (case.order["number"], case.customer["phone"], case.device["serial_number"][:12]):
                found = {item["id"] for item in client.get("/work-orders", q=words)["items"]}
                assert (case.id in found) == (index in visible), (unit.code, words)


def test_exports(cases: list[Case], readers: list[tuple[Unit, set[int]]]):
    for unit, visible in readers:
        answer = reader(unit).call("GET", "/work-orders", query={"format": "csv", "state": "ready"})
        assert answer.status == 200 and answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.raw.decode("utf-8-sig"))))
        told = "\n".join(str(row) for row in rows)
        for index, case in enumerate(cases):
            assert (case.order["number"] in told) == (index in visible), unit.code


def test_payments_and_revisits(cases: list[Case], company: Company):
    done = Case(company, company.sites[0], hours=0, quantities=[]).to_ready()
    done.billed()
    done.hand_over().revisit()
    for unit, sees in ((company.sites[0], True), (company.sites[1], False), (company.north, True), (company.south, False)):
        client = unit.as_("manager")
        assert bool(client.get("/revisits", work_order_id=done.id)["items"]) == sees
        assert bool(client.get("/payments", bill_id=cases[0].bill["id"])["items"]) == sees


def test_users_of_a_unit_above_cannot_be_seen_from_below(company: Company):
    manager = company.sites[0].as_("manager")
    answer = manager.call("GET", "/users")
    if answer.status == 200:
        below = company.sites[0].path
        assert all(item["org_path"].startswith(below) for item in answer.json["items"])
    else:
        assert answer.status == 403


def test_company_wide_things_are_shared(company: Company, cases: list[Case]):
    for site in company.sites:
        manager = site.as_("manager")
        assert manager.call("GET", f"/devices/{cases[0].device['id']}").status == 200
        assert manager.call("GET", f"/parts/{company.parts[0]['id']}").status == 200


def test_customers_are_seen_by_the_units_that_serve_them(company: Company, cases: list[Case]):
    """R-06: headquarters entered him, site A's order names him; B looks his number up and takes him in."""
    customer, (a, b, c) = cases[0].customer, company.sites
    eventually(lambda: a.as_("agent").get("/customers", phone=customer["phone"])["items"], "his order has linked him")
    for unit, sees in ((a, True), (b, False), (c, False), (company.north, True), (company.south, False)):
        client = unit.as_("agent")
        assert (client.call("GET", f"/customers/{customer['id']}").status == 200) is sees
        assert bool(client.get("/customers", phone=customer["phone"])["items"]) is sees
    agent = b.as_("agent")
    [found] = agent.call("POST", "/customer-lookups", {"phone": customer["phone"]}).json["items"]
    assert (found["id"], found["name"], found["linked"]) == (customer["id"], customer["name"], False) and "*" in found["phone"]
    assert agent.call("POST", f"/customers/{customer['id']}/take-in", {}).json["phone"] == customer["phone"]
    assert agent.get(f"/customers/{customer['id']}")["id"] == customer["id"]
    [line] = company.admin.get("/disclosures", customer_id=customer["id"], kind="look_up")["items"]
    assert line["recipient"] == agent.username
