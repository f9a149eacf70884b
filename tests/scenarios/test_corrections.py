"""An order taken in for the wrong customer and the wrong device is put right (O-85), and everybody else follows."""

from __future__ import annotations

from typing import Any

from tests.support.case import Case
from tests.support.client import eventually
from tests.support.company import Company


def test_the_bill_goes_to_whom_the_order_was_corrected_to(company: Company):
    wrong = Case(company).register()
    case = Case(company, wrong.site).to_quoted().approve()
    case.wait_for("in_repair", None)
    agent, manager = case.site.as_("agent"), case.site.as_("manager")
    device = agent.created("/devices", {"customer_id": wrong.customer["id"], "product_id": company.product["id"],
                                        "purchased_on": company.in_warranty_since.isoformat()})
    body = {"customer_id": wrong.customer["id"], "device_id": device["id"], "channel": "phone"}
    assert case.site.as_("technician").call("PATCH", f"/work-orders/{case.id}", body).code == "forbidden"
    rehearsed = agent.call("PATCH", f"/work-orders/{case.id}", body, headers={"Dry-Run": "true"}).json
    assert rehearsed["coverage"] == "in_warranty" and case.reload()["coverage"] == "out_of_warranty"

    def patch() -> dict[str, Any]:
        done: dict[str, Any] = agent.call("PATCH", f"/work-orders/{case.id}", body, key=f"{case.key}-correct").json
        return done

    after = patch()
    assert (after["customer_id"], after["coverage"], after["quote"]["state"], after["approved_version"]) == (
        wrong.customer["id"], "in_warranty", "void", None)
    assert patch()["version"] == after["version"], "the same key, once"
    [item] = [entry for entry in agent.get(f"/work-orders/{case.id}/timeline", limit=200)["items"] if entry["type"] == "work_order.correct"]
    changes = {change["field"]: change["from"] for change in item["data"]["changes"]}
    assert changes == {"customer_id": case.customer["id"], "device_id": case.device["id"], "channel": "counter", "coverage": "out_of_warranty"}

    def freed() -> bool:
        [sheet] = manager.get("/requisitions", work_order_id=case.id)["items"]
        return all(line["reserved"] == 0 for line in sheet["lines"])

    eventually(freed, "parts of the void quote are free")
    case.quote()
    case.wait_for("in_repair", None)
    bill = case.complete().check().billed()
    assert (bill["customer_id"], bill["customer_total"], bill["maker_total"]) == (wrong.customer["id"], "0.00", "214.81")
    assert case.hand_over().revisit().audit().order["state"] == "audited"
    [revisit] = manager.get("/revisits", work_order_id=case.id)["items"]
    assert revisit["customer_id"] == wrong.customer["id"]
    late = agent.call("PATCH", f"/work-orders/{case.id}", {"customer_id": case.customer["id"]})
    assert (late.status, late.code) == (409, "bill_exists")


def test_a_registered_order_goes_to_another_site_by_who_sees_both(company: Company):
    here, there = company.sites[:2]
    case = Case(company, here).register().assign()
    body = {"site_id": there.id}
    refused = here.as_("agent").call("PATCH", f"/work-orders/{case.id}", body)
    assert (refused.status, refused.code) == (422, "unknown_reference")
    assert there.as_("agent").call("PATCH", f"/work-orders/{case.id}", body).status == 404
    after = company.admin.call("PATCH", f"/work-orders/{case.id}", body).json
    assert (after["site_id"], after["technician_id"], after["version"]) == (there.id, None, case.order["version"] + 1)
    assert here.as_("agent").call("GET", f"/work-orders/{case.id}").status == 404
    case.site = there
    bill = case.assign().start().diagnose().quote().approve().complete().check().billed()
    assert bill["site_id"] == there.id and case.pay().hand_over().revisit().audit().order["state"] == "audited"


def test_the_customers_own_account_sees_it_once_it_is_his(company: Company):
    case = Case(company).register()
    right = company.customer()
    mine, his = (company.outsider(company.party("customer", customer_id=one)) for one in (case.customer["id"], right["id"]))
    seen = [one.call("GET", f"/work-orders/{case.id}").status for one in (mine, his)]
    case.site.as_("agent").call("PATCH", f"/work-orders/{case.id}", {"customer_id": right["id"]})
    assert (seen, [one.call("GET", f"/work-orders/{case.id}").status for one in (mine, his)]) == ([200, 404], [404, 200])
    told = his.get(f"/work-orders/{case.id}/timeline")["items"]
    assert "work_order.correct" in [item["type"] for item in told] and case.customer["id"] not in str(told)
    assert his.call("PATCH", f"/work-orders/{case.id}", {"problem": "x"}).status in (403, 404)
