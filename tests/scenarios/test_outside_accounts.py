"""G-10: people of a customer and of a dealer see their own party's documents, and of these what is theirs to know."""

import csv
import io
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.scenarios.test_streams import Stream
from tests.support.case import Case
from tests.support.client import AT_ONCE, Client, eventually
from tests.support.company import Company

INTERNAL = ("technician", "maker", "created_by", "updated_by", "diagnosis", "unit_price", "net_total", "actor", "org_path")


@dataclass
class Story:
    """Two customers' billed cases at site A, and an account of everybody."""

    company: Company
    own: Case
    other: Case
    customer: Client
    stranger: Client
    dealer: Client
    supplier: Client
    parties: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def story(company: Company) -> Story:
    own, other = (Case(company, patience=20).to_ready().pay("1.00") for _ in range(2))
    parties = {
        "own": company.party("customer", customer_id=own.customer["id"]),
        "other": company.party("customer", customer_id=other.customer["id"]),
        "dealer": company.party("dealer"), "rival": company.party("dealer"), "supplier": company.party("supplier"),
    }
    customer, stranger, dealer, supplier = (company.outsider(parties[name]) for name in ("own", "other", "dealer", "supplier"))
    return Story(company, own, other, customer, stranger, dealer, supplier, parties)


def names_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in names_in(inner)}
    return {name for inner in value for name in names_in(inner)} if isinstance(value, list) else set()


def test_a_customer_sees_the_own_order_and_nobody_elses(story: Story):
    own, other, customer = story.own, story.other, story.customer
    assert [item["id"] for item in customer.get("/work-orders", limit=200)["items"]] == [own.id]
    assert customer.get("/work-orders", total="true", limit=1)["total"] == 1
    assert customer.get("/work-orders", q=own.order["number"])["items"]
    assert not customer.get("/work-orders", q=other.order["number"])["items"]
    assert not customer.get("/work-orders", q=other.customer["phone"])["items"]
    assert not customer.get("/work-orders", customer_id=other.customer["id"])["items"]
    for path in ("", "/timeline", "/quotes"):
        assert customer.call("GET", f"/work-orders/{own.id}{path}").status == 200
        customer.refused("GET", f"/work-orders/{other.id}{path}", status=404, code="not_found")
    for action, body in (("approve", {"approved_by": "x"}), ("reject", {"reason": "x"})):
        customer.refused("POST", f"/work-orders/{other.id}/{action}", body, status=404, code="not_found")


def test_bills_and_devices_are_the_partys(story: Story):
    own, other, customer = story.own, story.other, story.customer
    [bill] = customer.get("/bills", limit=200)["items"]
    assert (bill["work_order_id"], bill["customer_total"]) == (own.id, own.bill["customer_total"])
    [theirs] = story.company.admin.get("/bills", work_order_id=other.id)["items"]
    customer.refused("GET", f"/bills/{theirs['id']}", status=404, code="not_found")
    assert [item["id"] for item in customer.get("/devices")["items"]] == [own.device["id"]]
    customer.refused("GET", f"/devices/{other.device['id']}", status=404, code="not_found")


def test_what_is_internal_is_not_in_any_answer(story: Story):
    """Also held against the contract's own list by the client of the story."""
    order, customer = story.own, story.customer
    for path in (f"/work-orders/{order.id}", f"/work-orders/{order.id}/timeline", f"/work-orders/{order.id}/quotes", "/bills",
                 "/work-orders", "/devices", "/sites", "/me"):
        told = [name for name in names_in(customer.get(path)) if name.startswith(INTERNAL)]
        assert not told, f"{path} tells {told}"
        raw = customer.call("GET", path).raw.decode()
        assert order.site.technician["name"] not in raw and f"technician-{order.site.code}".lower() not in raw, path
    types = {item["type"] for item in customer.get(f"/work-orders/{order.id}/timeline", limit=200)["items"]}
    assert {"work_order.register", "work_order.quote", "work_order.check", "bill.issued"} <= types
    assert not {"work_order.diagnose", "requisition.changed", "revisit.created"} & types


def test_nor_by_sorting_filtering_or_as_a_file(story: Story):
    customer = story.customer
    customer.refused("GET", "/bills?sort=maker_total", status=400, code="bad_sort")
    customer.invalid("GET", f"/work-orders?technician_id={story.own.site.technician['id']}", None, ["technician_id"])
    [row] = csv.DictReader(io.StringIO(customer.call("GET", "/work-orders", query={"format": "csv"}).raw.decode("utf-8-sig")))
    assert row["id"] == story.own.id and "technician_name" not in row and "diagnosis" not in row
    assert customer.call("GET", "/bills", query={"format": "xlsx"}).status == 200


def test_a_customer_opens_an_order_and_answers_its_quote(story: Story):
    customer, site = story.customer, story.own.site
    [shown] = customer.get("/sites", code=site.code)["items"]
    body = {"kind": "repair", "channel": "web", "site_id": shown["id"], "problem": "又坏了", "device_id": story.own.device["id"]}
    for field, value in (("customer_id", story.other.customer["id"]), ("dealer_id", story.parties["dealer"]["id"]),
                         ("device_id", story.other.device["id"])):
        customer.refused("POST", "/work-orders", {**body, field: value}, status=422, code="unknown_reference", members={"field": field})
    order = customer.created("/work-orders", body, key="once")
    assert customer.created("/work-orders", body, key="once")["id"] == order["id"]
    assert order["customer_id"] == story.own.customer["id"] and order["allowed_actions"] == []
    story.stranger.refused("GET", f"/work-orders/{order['id']}", status=404, code="not_found")
    case = Case(story.company, site, patience=20)
    case.order = site.as_("manager").get(f"/work-orders/{order['id']}")
    case.act("technician", "start")
    case.act("technician", "diagnose", {"symptom": "x", "cause": "x", "finding": "x", "quality_defect": False})
    case.act("technician", "quote", {"labour": [{"rate_code": story.company.rate["code"], "hours": 1}], "parts": []})
    waiting = customer.get(f"/work-orders/{order['id']}")
    assert set(waiting["allowed_actions"]) == {"approve", "reject"} and waiting["quote"]["customer_total"] == "113.00"
    refused = customer.call("POST", f"/work-orders/{order['id']}/reject", {"reason": "太贵"})
    assert refused.status == 200 and refused.json["waiting_for"] == "customer"
    case.act("technician", "quote", {"labour": [{"rate_code": story.company.rate["code"], "hours": 0.5}], "parts": []})
    path, body = f"/work-orders/{order['id']}/approve", {"approved_by": "本人"}
    customer.invalid("POST", path, body, ["If-Match"])
    customer.refused("POST", path, body, status=409, code="stale_version", headers={"If-Match": f'"{waiting["version"]}"'})
    shown = customer.get(f"/work-orders/{order['id']}")
    assert shown["quote"]["customer_total"] == "56.50"
    agreed = customer.call("POST", path, body, headers={"If-Match": f'"{shown["version"]}"'})
    assert agreed.status == 200 and agreed.json["approved_version"] == 2


def test_a_dealer_opens_orders_that_carry_it(story: Story):
    dealer, site = story.dealer, story.own.site
    body = {"kind": "repair", "channel": "web", "site_id": site.id, "problem": "经销商报修", "external_id": "D-1"}
    order = dealer.created("/work-orders", body)
    assert story.company.admin.get(f"/work-orders/{order['id']}")["dealer_id"] == story.parties["dealer"]["id"]
    dealer.refused("POST", "/work-orders", {**body, "dealer_id": story.parties["rival"]["id"]}, status=422, code="unknown_reference")
    dealer.refused("POST", "/work-orders", {**body, "customer_id": story.own.customer["id"]}, status=422, code="unknown_reference", headers=AT_ONCE)
    assert [item["id"] for item in dealer.get("/work-orders")["items"]] == [order["id"]]
    assert not dealer.get("/devices")["items"]
    dealer.refused("GET", "/bills", status=403, code="forbidden")
    dealer.refused("GET", f"/work-orders/{story.own.id}", status=404, code="not_found")
    dealer.refused("POST", f"/work-orders/{order['id']}/approve", {"approved_by": "x"}, status=403, code="forbidden")
    # Staff name it too: customer and device are then the dealer's to see.
    manager = site.as_("manager")
    named = {**body, "device_id": story.own.device["id"], "dealer_id": story.parties["dealer"]["id"]}
    through = manager.created("/work-orders", named)
    seen = dealer.get(f"/work-orders/{through['id']}")
    assert (seen["customer_name"], seen["serial_number"]) == (story.own.customer["name"], story.own.device["serial_number"])
    assert [item["id"] for item in dealer.get("/devices")["items"]] == [story.own.device["id"]]
    assert dealer.created("/work-orders", {**body, "customer_id": story.own.customer["id"]})["customer_name"]
    manager.refused("POST", "/work-orders", {**named, "dealer_id": story.parties["own"]["id"]}, status=422, code="unknown_reference")
    assert story.customer.call("GET", f"/work-orders/{through['id']}").status == 200, "it is the customer's, too"


def test_a_supplier_signs_in_and_there_is_nothing(story: Story):
    assert story.supplier.get("/me")["permissions"] == []
    for path in ("/work-orders", "/bills", "/parts", "/stock"):
        story.supplier.refused("GET", path, status=403, code="forbidden")


def test_the_scope_holds_as_well(story: Story):
    """A party that the south looks after sees nothing of the north, be it its own."""
    party = story.company.party("dealer", unit=story.company.south.code)
    south = story.company.outsider(party, unit=story.company.south.code)
    body = {"kind": "repair", "channel": "web", "site_id": story.own.site.id, "problem": "x"}
    south.refused("POST", "/work-orders", body, status=422, code="unknown_reference", members={"field": "site_id"})
    story.company.admin.refused("POST", "/work-orders", {**body, "dealer_id": party["id"]}, status=422, code="unknown_reference")
    south.refused("GET", f"/work-orders/{story.own.id}", status=404, code="not_found")
    assert not south.get("/work-orders")["items"]


def test_a_customer_sees_his_documents_at_every_site(story: Story):
    """In two branches, whichever unit looks after his account; still nobody else's, in lists, by id, and live."""
    company = story.company
    north, south = (Case(company, company.sites[place], quantities=(), patience=20) for place in (0, 2))
    north.to_ready().billed()
    south.register(customer_id=north.customer["id"], device_id=north.device["id"]).assign().start().diagnose().quote()
    south.approve().complete().check().billed()
    stranger = Case(company, company.sites[2], quantities=(), patience=20).to_ready()
    party = company.party("customer", unit=company.south.code, customer_id=north.customer["id"])
    customer = company.outsider(party, unit=company.south.code)
    with closing(Stream(customer)) as stream:
        assert {item["id"] for item in customer.get("/work-orders")["items"]} == {north.id, south.id}
        assert {item["work_order_id"] for item in customer.get("/bills")["items"]} == {north.id, south.id}
        for case in (north, south):
            assert customer.get(f"/work-orders/{case.id}/timeline")["items"] and customer.get(f"/bills/{case.bill['id']}")
        for path in (f"/work-orders/{stranger.id}", f"/work-orders/{stranger.id}/timeline"):
            customer.refused("GET", path, status=404, code="not_found")
        body = {"kind": "repair", "channel": "web", "problem": "x"}
        made = [customer.created("/work-orders", {**body, "site_id": site.id}) for site in company.sites]
        told: set[str] = set()
        for _, _, data in stream.messages():
            told |= {order["id"] for order in made if order["id"] in data}
            assert stranger.id not in data
            if len(told) == len(made):
                break


def test_the_stream_tells_of_own_orders_only(story: Story):
    with closing(Stream(story.customer)) as stream:
        foreign = story.company.admin.created("/work-orders", {
            "kind": "repair", "channel": "phone", "site_id": story.own.site.id, "problem": "x", "customer_id": story.other.customer["id"]})
        own = story.company.admin.created("/work-orders", {
            "kind": "repair", "channel": "phone", "site_id": story.own.site.id, "problem": "x", "customer_id": story.own.customer["id"]})
        seen = set()
        for id_, _, data in stream.messages():
            seen.add(data)
            if own["id"] in data:
                last = id_
                break
    assert not [data for data in seen if foreign["id"] in data]
    later = story.company.admin.call("POST", f"/work-orders/{own['id']}/cancel", {"reason": "x"})
    assert later.status == 200
    story.company.admin.call("POST", f"/work-orders/{foreign['id']}/cancel", {"reason": "x"})
    eventually(lambda: story.company.admin.get(f"/work-orders/{foreign['id']}")["state"] == "cancelled", "cancelled")
    with closing(Stream(story.customer, last)) as resumed:
        told = resumed.until(own["id"], "cancelled")
    assert told


def test_a_dealers_stream_tells_of_orders_that_came_through_it(story: Story):
    """And of nobody else's: not a rival's, not one of the same customer that came without it; by who opened it as by staff."""
    dealer, rival = story.dealer, story.company.outsider(story.parties["rival"])
    body = {"kind": "repair", "channel": "web", "site_id": story.own.site.id, "problem": "x"}
    with closing(Stream(dealer)) as stream:
        foreign = [rival.created("/work-orders", body), story.customer.created("/work-orders", body),
                   story.company.admin.created("/work-orders", {**body, "dealer_id": story.parties["rival"]["id"]})]
        opened = dealer.created("/work-orders", body)
        named = story.company.admin.created("/work-orders", {**body, "dealer_id": story.parties["dealer"]["id"]})
        last, told = stream.until(named["id"], "registered")[-1]
    assert set(told) == {"id", "number", "state", "version"}
    for order in (*foreign, opened):
        assert story.company.admin.call("POST", f"/work-orders/{order['id']}/cancel", {"reason": "x"}).status == 200
    with closing(Stream(dealer, last)) as resumed:
        story.company.admin.call("POST", f"/work-orders/{named['id']}/cancel", {"reason": "x"})
        seen = []
        for _, event, data in resumed.messages():
            if event == "work_order.changed":
                seen.append(data)
                if named["id"] in data:
                    break
    assert [one for one in seen if opened["id"] in one], "what happened meanwhile is told, too"
    assert not [one for one in seen if any(order["id"] in one for order in foreign)]


def test_the_end_of_the_contract_is_at_once(story: Story):
    company = story.company
    party = company.party("customer", customer_id=company.customer()["id"])
    somebody = company.outsider(party)
    assert somebody.get("/work-orders")["items"] == []
    with closing(Stream(somebody)) as stream:
        company.admin.call("PATCH", f"/parties/{party['id']}", {"contract_ends_on": "2020-01-01"})
        assert list(stream.messages()) == [], "the stream ends with the contract"
    again = Client(company.admin.base)
    assert again.call("GET", "/work-orders", headers={"Authorization": f"Bearer {somebody.token}"}).status == 401
    body = {"grant_type": "password", "username": somebody.username, "password": somebody.password}
    again.refused("POST", "/auth/token", body, status=403, code="contract_ended", members={"ended_on": "2020-01-01"})
    company.admin.call("PATCH", f"/parties/{party['id']}", {"contract_ends_on": "2099-01-01"})
    assert again.call("POST", "/auth/token", body).status == 200
