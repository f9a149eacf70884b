"""Un-audit through the API (G-21): an administrator acting for the site, reversing documents, a new bill, and no step lost
when the process that makes it is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.ops import failpoints
from tests.scenarios.test_load import assert_sound
from tests.support import contracts
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import Company
from tests.support.suites import ADMIN_PASSWORD, RunningSuite


def acting(suite: RunningSuite, case: Case) -> Client:
    """The administrator in the site's scope."""
    boss = suite.client(check=contracts.check)
    tokens = boss.call("POST", "/auth/act-for", {"org_unit_code": case.site.code, "reason": "wrong payer"})
    assert tokens.ok, tokens.raw
    acting = Client(suite.base, "admin", ADMIN_PASSWORD, check=contracts.check)
    acting.token = tokens.json["access_token"]
    return acting


def settled_again(case: Case, by: Client) -> None:
    eventually(lambda: by.get(f"/work-orders/{case.id}")["state"] == "revisited", "the new bill is settled", 30)


def test_the_maker_pays_after_all(suite: RunningSuite, company: Company):
    case = Case(company).walk("100.00", "114.81")
    manager, agent = case.site.as_("manager"), case.site.as_("agent")
    assert manager.get(f"/work-orders/{case.id}")["allowed_actions"] == []
    refused = case.attempt("manager", "unaudit", {"reason": "x"})
    assert (refused.status, refused.code) == (403, "forbidden"), "its own right, which a manager has not"

    boss = acting(suite, case)
    assert boss.get(f"/work-orders/{case.id}")["allowed_actions"] == ["unaudit"]
    assert boss.call("POST", f"/work-orders/{case.id}/unaudit", {}).code == "validation_failed", "not without a reason"
    opened = boss.call("POST", f"/work-orders/{case.id}/unaudit", {"reason": "the maker's fault"}, key=f"{case.key}-u").json
    assert (opened["state"], opened["reopened"]) == ("completed", True)
    again = boss.call("POST", f"/work-orders/{case.id}/unaudit", {"reason": "the maker's fault"}, key=f"{case.key}-u").json
    assert again["version"] == opened["version"], "the same key, once"
    assert case.attempt("manager", "audit").code == "bad_transition"

    [reversal] = eventually(lambda: manager.get("/reversals", work_order_id=case.id)["items"], "reversal")
    assert (reversal["credited"], reversal["reason"]) == ("214.81", "the maker's fault")
    assert "admin" in reversal["requested_by"] and case.site.code in reversal["requested_by"], "both names"

    case.act("manager", "rebill", {"charged_to": "maker"})
    settled_again(case, manager)
    assert case.audit().order["state"] == "audited"
    bills = manager.get("/bills", work_order_id=case.id, sort="created_at")["items"]
    assert [(bill["round"], bill["state"], bill["customer_total"], bill["maker_total"]) for bill in bills] == [
        (1, "reversed", "214.81", "0.00"), (2, "settled", "0.00", "214.81")]

    [credit] = case.site.as_("cashier").get("/credits", work_order_id=case.id)["items"]
    paid = case.send(case.site.as_("cashier"), f"/credits/{credit['id']}/refunds", {"method": "cash", "amount": "214.81"}, 201)
    assert paid["amount"] == "214.81"
    assert agent.get("/revisits", work_order_id=case.id, total="true")["total"] == 1, "asked once for ever"
    told = manager.get(f"/work-orders/{case.id}/timeline", limit=200)["items"]
    types = [item["type"] for item in told]
    assert {"work_order.unaudit", "bill.reversed", "work_order.rebill", "work_order.settle"} <= set(types)
    entry = next(item for item in told if item["type"] == "work_order.unaudit")
    assert "admin" in entry["actor"] and case.site.code in entry["actor"]
    assert_sound(suite)


def test_more_work_and_the_customer_pays_the_difference(suite: RunningSuite, company: Company):
    case = Case(company).walk()
    boss = suite.client(check=contracts.check)
    assert boss.call("POST", f"/work-orders/{case.id}/unaudit", {"reason": "hours"}).ok
    case.act("manager", "rebill", {"charged_to": "customer", "labour": [{"rate_code": company.rate["code"], "hours": 2.5}]})
    manager = case.site.as_("manager")
    second = eventually(
        lambda: next((bill for bill in manager.get("/bills", work_order_id=case.id)["items"] if bill["round"] == 2), None), "bill"
    )
    assert (second["customer_total"], second["open_amount"], second["state"]) == ("327.81", "113.00", "open")
    assert manager.get(f"/work-orders/{case.id}")["state"] == "completed", "not audited again before it is paid"
    case.send(case.site.as_("cashier"), f"/bills/{second['id']}/payments", {"method": "card", "amount": "113.00"}, 201)
    settled_again(case, manager)
    assert case.audit().order["state"] == "audited"
    assert_sound(suite)


@pytest.mark.slow
@pytest.mark.modes("servers")
def test_killed_at_every_step(own: RunningSuite, points: Path):
    """Whoever handles un-audit, reversal, new bill and settlement is killed once before and once after its commit."""
    company = Company(own.client(patience=60.0), sites=1)
    company.receive(company.sites[0], [(part["id"], 50) for part in company.parts])
    steps = [("finance", "unaudited"), ("orders", "bill.reversed"), ("finance", "rebilled"), ("orders", "bill.issued")]
    for point in ("inbox.handling", "inbox.handled"):
        for service, verb in steps:
            case = Case(company, patience=60.0).walk()
            boss = own.client(patience=60.0)
            kind = verb if service == "orders" else f"work_order.{verb}"
            publisher = "finance" if service == "orders" else "orders"
            killed = lambda: failpoints.taken(points, point) is not None  # noqa: B023, E731
            if verb in ("unaudited", "bill.reversed"):
                failpoints.arm(points, point, "kill", f"{service} aftersales.{publisher}.{kind}")
            assert boss.call("POST", f"/work-orders/{case.id}/unaudit", {"reason": "x"}, key=f"{case.key}-u").ok
            eventually(lambda: boss.get("/reversals", work_order_id=case.id)["items"], "reversal", 60)  # noqa: B023
            if verb in ("unaudited", "bill.reversed"):
                eventually(killed, f"{service} was killed at {point} of {kind}", 30)
            else:
                failpoints.arm(points, point, "kill", f"{service} aftersales.{publisher}.{kind}")
            case.act("manager", "rebill", {"charged_to": "customer"})
            settled_again(case, boss)
            eventually(killed, f"{service} was killed at {point} of {kind}", 30)
            case.audit()
            bills = boss.get("/bills", work_order_id=case.id, sort="created_at")["items"]
            assert [bill["state"] for bill in bills] == ["reversed", "settled"]
            assert len(boss.get("/reversals", work_order_id=case.id)["items"]) == 1
    assert_sound(own, wait=60)
