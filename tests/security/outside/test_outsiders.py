"""From the outside, with the accounts of outsiders (G-10): the third evening, kept."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.scenarios.test_streams import Stream
from tests.security.matrix.world import UNKNOWN, World
from tests.support.case import Case
from tests.support.client import Answer, Client
from tests.support.company import PASSWORD, Company, Site

pytestmark = pytest.mark.slow


@dataclass
class Outsiders:
    """Two customers with a case each, a dealer and its rival; headquarters looks after all of them."""

    company: Company
    site: Site
    own: Case
    other: Case
    parties: dict[str, dict[str, Any]]
    customer: Client
    stranger: Client
    dealer: Client
    rival: Client

    @property
    def body(self) -> dict[str, Any]:
        return {"kind": "repair", "channel": "web", "site_id": self.site.id, "problem": "x"}

    def waiting(self, hours: float = 1.0, **more: Any) -> Case:
        """An order whose quote waits for the customer."""
        case = Case(self.company, self.site, patience=20)
        case.order = self.site.as_("manager").created("/work-orders", {**self.body, **more})
        case.act("technician", "start")
        case.act("technician", "diagnose", {"symptom": "x", "cause": "x", "finding": "x", "quality_defect": False})
        return self.offer(case, hours)

    def offer(self, case: Case, hours: float) -> Case:
        case.act("technician", "quote", {"labour": [{"rate_code": self.company.rate["code"], "hours": hours}], "parts": []})
        return case


@pytest.fixture(scope="module")
def outsiders(world: World) -> Outsiders:
    company, site = world.company, world.company.sites[0]
    own, other = Case(company, site, patience=20).register(), Case(company, site, patience=20).register()
    parties = {
        "customer": company.party("customer", customer_id=own.customer["id"]),
        "stranger": company.party("customer", customer_id=other.customer["id"]),
        "dealer": company.party("dealer"), "rival": company.party("dealer"),
    }
    return Outsiders(company, site, own, other, parties, **{name: company.outsider(party) for name, party in parties.items()})


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_what_is_others_looks_like_what_is_not(outsiders: Outsiders):
    """Status, text and names of headers; and the time that a body with a foreign id takes."""
    other = outsiders.other
    for client in (outsiders.customer, outsiders.dealer):
        for path, foreign in (("/work-orders/{}", other.id), ("/work-orders/{}/timeline", other.id), ("/work-orders/{}/quotes", other.id),
                              ("/devices/{}", other.device["id"])):
            answers = [client.call("GET", path.format(id)) for id in (foreign, UNKNOWN)]
            told = [({k: v for k, v in a.json.items() if k != "trace_id"}, a.headers.keys()) for a in answers]
            assert answers[0].status == 404 and told[0] == told[1], path
    for client, field, foreign in ((outsiders.customer, "device_id", other.device["id"]), (outsiders.dealer, "device_id", other.device["id"]),
                                   (outsiders.dealer, "customer_id", other.customer["id"]),
                                   (outsiders.customer, "customer_id", other.customer["id"]),
                                   (outsiders.dealer, "dealer_id", outsiders.parties["rival"]["id"])):
        seconds = []
        for id in (foreign, UNKNOWN):
            began = time.monotonic()
            client.refused("POST", "/work-orders", {**outsiders.body, field: id}, status=422, code="unknown_reference")
            seconds.append(time.monotonic() - began > 2.0)
        assert seconds[0] == seconds[1], f"{field} tells by its time what exists"


def test_what_is_not_shown_finds_nothing(outsiders: Outsiders):
    """A dealer is not told the numbers of its customers' phones; it could ask whether a number is one."""
    site, own = outsiders.site, outsiders.own
    site.as_("manager").created("/work-orders", {**outsiders.body, "customer_id": own.customer["id"],
                                                  "dealer_id": outsiders.parties["dealer"]["id"]})
    for client in (outsiders.dealer, outsiders.customer):
        assert client.get("/work-orders")["items"]
        for number in (own.customer["phone"], own.customer["phone"].removeprefix("+86"), outsiders.other.customer["phone"]):
            assert client.get("/work-orders", q=number)["items"] == []
    assert site.as_("agent").get("/work-orders", q=own.customer["phone"])["items"], "staff find it"
    cursor = outsiders.company.admin.get("/work-orders", limit=1)["next_cursor"]
    page = outsiders.customer.get("/work-orders", cursor=cursor)["items"]
    assert {item["customer_id"] for item in page} <= {own.customer["id"]}


def test_nobody_agrees_to_a_quote_he_did_not_see(outsiders: Outsiders):
    """He looked at 113.00, a new quote of 5,650.00 came, and his click took that."""
    case = outsiders.waiting(customer_id=outsiders.own.customer["id"])
    path = f"/work-orders/{case.id}"
    seen = outsiders.customer.get(path)
    outsiders.offer(case, 50)
    match = {"If-Match": f'"{seen["version"]}"'}
    for action, body in (("approve", {"approved_by": "x"}), ("reject", {"reason": "x"})):
        outsiders.customer.invalid("POST", f"{path}/{action}", body, ["If-Match"])
        outsiders.customer.invalid("POST", f"{path}/{action}", body, ["If-Match"], headers={"If-Match": "*"})
        outsiders.customer.refused("POST", f"{path}/{action}", body, status=409, code="stale_version", headers=match)
    assert outsiders.customer.get(path)["waiting_for"] == "approval"


def test_a_quote_is_answered_once_and_by_whose_it_is(outsiders: Outsiders):
    case = outsiders.waiting(customer_id=outsiders.own.customer["id"])
    path = f"/work-orders/{case.id}"
    outsiders.stranger.refused("POST", f"{path}/approve", {"approved_by": "x"}, status=404, code="not_found")
    outsiders.dealer.refused("POST", f"{path}/approve", {"approved_by": "x"}, status=403, code="forbidden")
    answers = at_once(*[lambda: outsiders.customer.call("POST", f"{path}/approve", {"approved_by": "x"})] * 4,
                      *[lambda: outsiders.customer.call("POST", f"{path}/reject", {"reason": "x"})] * 4)
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 7}


def test_what_a_body_may_not_say(outsiders: Outsiders):
    for more in ({"party_id": outsiders.parties["stranger"]["id"]}, {"org_path": "/"}, {"state": "ready"}, {"created_by": "admin"},
                 {"coverage": "in_warranty"}, {"origin": "history"}, {"id": UNKNOWN}, {"quote": {}}, {"dealer_id": None}):
        outsiders.customer.invalid("POST", "/work-orders", {**outsiders.body, **more}, list(more))
    [person] = outsiders.company.admin.get("/users", party_id=outsiders.parties["customer"]["id"])["items"]
    for path, body in ((f"/users/{person['id']}", {"party_id": outsiders.parties["stranger"]["id"]}),
                       (f"/parties/{outsiders.parties['customer']['id']}", {"customer_id": outsiders.other.customer["id"]}),
                       (f"/parties/{outsiders.parties['customer']['id']}", {"kind": "dealer"})):
        outsiders.company.admin.invalid("PATCH", path, body, list(body))


def test_inside_and_outside_are_not_mixed(outsiders: Outsiders):
    """Two tokens in one request: the header's decides, whole. A cookie writes nothing."""
    base = outsiders.company.admin.base
    outsiders.customer.get("/me")
    staff = outsiders.site.as_("manager")
    staff.get("/me")
    mixed = {"Authorization": f"Bearer {outsiders.customer.token}", "Cookie": f"aftersales_token={staff.token}"}
    Client(base).refused("GET", "/users", status=403, code="forbidden", headers=mixed)
    cookie = {"Cookie": f"aftersales_token={outsiders.customer.token}"}
    Client(base).refused("POST", "/work-orders", outsiders.body, status=401, code="unauthenticated", headers=cookie)
    outsiders.customer.refused("POST", "/auth/act-for", {"org_unit_code": outsiders.site.code, "reason": "x"}, status=403, code="forbidden")
    form = {"grant_type": "client_credentials", "client_id": outsiders.customer.username, "client_secret": PASSWORD}
    assert Client(base).call("POST", "/auth/client-token", form).status == 401


def test_a_key_is_its_persons(outsiders: Outsiders):
    """Of one party as of two: each has an order of its own under the same key."""
    colleague = outsiders.company.outsider(outsiders.parties["customer"])
    key = uuid.uuid4().hex
    made = [client.created("/work-orders", outsiders.body, key=key)["id"] for client in (outsiders.customer, colleague, outsiders.stranger)]
    assert len(set(made)) == 3


def test_streams_from_the_beginning_tell_own_orders(outsiders: Outsiders):
    case = outsiders.waiting(customer_id=outsiders.own.customer["id"], dealer_id=outsiders.parties["dealer"]["id"])
    for client in (outsiders.customer, outsiders.dealer, outsiders.rival, outsiders.stranger):
        mine = client.created("/work-orders", outsiders.body)["id"]
        seen = set()
        with closing(Stream(client, "1")) as stream:
            for _, event, data in stream.messages():
                assert event == "work_order.changed"
                seen.add(json.loads(data)["id"])
                if mine in data:
                    break
        assert seen <= {item["id"] for item in client.get("/work-orders", limit=200)["items"]}
        assert (case.id in seen) is (client in (outsiders.customer, outsiders.dealer))


def test_a_device_that_was_sold_is_the_new_owners(outsiders: Outsiders):
    """Whoever had it sees it no more, and a dealer through whom it once came is not told who has it now."""
    admin, body = outsiders.company.admin, {"product_id": outsiders.company.product["id"], "customer_id": outsiders.own.customer["id"]}
    device = admin.created("/devices", {**body, "serial_number": f"S{uuid.uuid4().hex[:10]}"})
    order = {**outsiders.body, "device_id": device["id"]}
    outsiders.site.as_("manager").created("/work-orders", {**order, "dealer_id": outsiders.parties["dealer"]["id"]})
    before = outsiders.customer.created("/work-orders", order)
    admin.call("PATCH", f"/devices/{device['id']}", {"customer_id": outsiders.other.customer["id"]})
    outsiders.customer.refused("GET", f"/devices/{device['id']}", status=404, code="not_found")
    outsiders.stranger.refused("GET", f"/work-orders/{before['id']}", status=404, code="not_found")
    outsiders.dealer.refused("POST", "/work-orders", order, status=422, code="unknown_reference")
