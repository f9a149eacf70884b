"""Ends without repair (O-85) and quick jobs (O-97) through the gateway: what the store, the till and customer service make of them."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.scenarios.test_load import assert_sound
from tests.support.case import Case
from tests.support.client import Answer, eventually
from tests.support.company import Company, Site
from tests.support.suites import RunningSuite

pytestmark = pytest.mark.modes("servers")


def quick_job(company: Company, site: Site, role: str = "manager", key: str | None = None, **more: Any) -> Answer:
    body = {
        "site_id": site.id, "technician_id": site.technician["id"], "problem": "flat tyre", "work_done": "tyre changed",
        "labour": [{"rate_code": company.rate["code"], "hours": 1.5}],
        "parts": [{"part_id": part["id"], "quantity": q} for part, q in zip(company.parts, (1, 2), strict=True)], **more,
    }  # fmt: skip
    return site.as_(role).call("POST", "/quick-jobs", body, key=key)


def stock(company: Company, site: Site) -> list[tuple[float, float, float]]:
    return [company.stock(part["id"], site.good["id"]) for part in company.parts]


def test_a_cancel_is_over_when_it_is_answered(company: Company):
    site = company.sites[1]
    before = stock(company, site)
    case = Case(company, site).to_quoted().approve()
    case.wait_for("in_repair", None)
    order = case.act("agent", "cancel", {"reason": "sold"})
    assert (order["state"], order["cancel_reason"]) == ("cancelled", "sold")
    assert stock(company, site) == before, "free at once"
    [requisition] = site.as_("storekeeper").get("/requisitions", work_order_id=case.id)["items"]
    assert requisition["state"] == "done" and site.as_("storekeeper").call("POST", f"/requisitions/{requisition['id']}/issue", {}).ok
    assert stock(company, site) == before, "and nothing leaves any more"


def test_an_issue_and_a_cancel_in_the_same_moment(suite: RunningSuite, company: Company):
    """Whoever comes first: either it is cancelled with all parts in store, or they are out and it is not."""
    site = company.sites[1]
    before = stock(company, site)
    storekeeper, agent = site.as_("storekeeper"), site.as_("agent")
    cases = [Case(company, site).to_quoted().approve() for _ in range(6)]
    requisitions = []
    for case in cases:
        case.wait_for("in_repair", None)
        requisitions.append(storekeeper.get("/requisitions", work_order_id=case.id)["items"][0]["id"])
    with ThreadPoolExecutor(12) as pool:
        issues = [pool.submit(storekeeper.call, "POST", f"/requisitions/{id}/issue", {}) for id in requisitions]
        cancels = [pool.submit(agent.call, "POST", f"/work-orders/{case.id}/cancel", {"reason": "sold"}) for case in cases]
        ended = [cancel.result() for cancel in cancels]
        assert all(issue.result().ok for issue in issues)
    kept = 0
    for case, answer in zip(cases, ended, strict=True):
        if answer.ok:
            assert answer.json["state"] == "cancelled"
            continue
        assert answer.code == "parts_not_returned" and len(answer.json["parts"]) == 2
        kept += 1
        case.wait_for("in_repair", None)
    assert [row[0] for row in stock(company, site)] == [before[0][0] - kept, before[1][0] - 2 * kept]
    for case, answer in zip(cases, ended, strict=True):
        if not answer.ok:
            lines = [{"part_id": part["id"], "quantity": q, "quality": "good"} for part, q in zip(company.parts, (1, 2), strict=True)]
            case.act("storekeeper", "return-parts", {"lines": lines})
            assert case.act("agent", "cancel", {"reason": "sold"})["state"] == "cancelled"
    eventually(lambda: stock(company, site) == before, "all is back")
    assert_sound(suite)


@pytest.mark.parametrize("hours", [0, 0.5])
def test_a_refused_quote_goes_back_unrepaired(company: Company, hours: float):
    case = Case(company, company.sites[2]).to_quoted()
    case.act("agent", "reject", {"reason": "too dear"})
    fee = [{"rate_code": company.rate["code"], "hours": hours}] if hours else []
    order = case.act("technician", "return-unrepaired", {"fee": fee})
    assert (order["state"], order["unrepaired"]) == ("ready", True)
    bill = case.billed()
    assert (bill["customer_total"], bill["state"], len(bill["lines"])) == (("56.50", "open", 1) if hours else ("0.00", "settled", 0))
    case.pay().hand_over().revisit().audit()
    assert not any(line["kind"] == "part" for line in bill["lines"]) and case.order["state"] == "audited"


def test_nobody_collects_it(suite: RunningSuite, company: Company):
    case = Case(company, company.sites[2]).to_ready()
    case.billed()
    manager = case.site.as_("manager")
    refused = case.attempt("manager", "close-uncollected", {"reason": "moved away"})
    assert (refused.status, refused.code) == (409, "not_overdue") and refused.json["overdue_at"] > case.order["ready_at"]
    assert case.attempt("cashier", "close-uncollected", {"reason": "x"}).code == "forbidden"
    try:
        assert company.admin.call("PUT", "/parameters/work_order.uncollected_days", {"value": 0}).ok
        eventually(lambda: manager.get("/work-orders", uncollected="true", site_id=case.site.id)["items"], "listed")
        case.act("manager", "close-uncollected", {"reason": "moved away"})
    finally:
        assert company.admin.call("PUT", "/parameters/work_order.uncollected_days", {"value": 30}).ok
    assert (case.order["state"], case.order["uncollected_reason"]) == ("revisited", "moved away")
    case.audit()
    assert case.billed()["open_amount"] == "214.81", "what he owes stays open"
    assert_sound(suite)
    assert manager.get("/revisits", work_order_id=case.id)["items"] == []


def test_quick_jobs_take_what_there_is_and_no_more(suite: RunningSuite, company: Company):
    """Eight at once for parts of five."""
    site = Company(company.admin, sites=1).sites[0]
    own = site.company
    own.receive(site, [(own.parts[0]["id"], 5), (own.parts[1]["id"], 100)])
    site.as_("manager")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: quick_job(own, site, key=uuid.uuid4().hex), range(8)))
    done = [answer.json for answer in answers if answer.status == 201]
    short = [answer for answer in answers if answer.status != 201]
    assert {answer.code for answer in short} == {"insufficient_stock"} and len(done) <= 5
    assert all(answer.json["parts"][0]["part_id"] == own.parts[0]["id"] for answer in short)
    for order in done:
        assert (order["state"], order["kind"]) == ("ready", "quick_job")
        [bill] = site.as_("cashier").get("/bills", work_order_id=order["id"])["items"]
        assert (bill["customer_total"], bill["state"]) == ("214.81", "open"), "billed when it is answered"
    while len(done) < 5:  # two that were short of each other's parts leave some
        answer = quick_job(own, site)
        assert answer.status == 201, answer.raw
        done.append(answer.json)
    assert quick_job(own, site).code == "insufficient_stock"
    eventually(lambda: stock(own, site) == [(0, 0, 0), (90, 0, 90)], "issued, and nothing held")
    order = done[0]
    bill = site.as_("cashier").get("/bills", work_order_id=order["id"])["items"][0]
    assert site.as_("cashier").call("POST", f"/bills/{bill['id']}/payments", {"method": "cash", "amount": "214.81"}).ok
    assert site.as_("cashier").call("POST", f"/work-orders/{order['id']}/hand-over", {"received_by": "王芳"}).ok
    assert quick_job(own, site, role="cashier").code == "forbidden"
    assert_sound(suite)
