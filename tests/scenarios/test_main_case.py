"""One case from the counter to the audit, with every answer on the way, in the words and to the cent of the interface."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support.case import Case
from tests.support.client import AT_ONCE, eventually
from tests.support.company import Company


def test_the_worked_example_is_214_81():
    """The tests' own arithmetic, before it judges the suite's."""
    assert Decimal("150.00") + Decimal("19.50") + 25 + Decimal("3.25") + Decimal("15.10") + Decimal("1.96") == Decimal("214.81")


@pytest.mark.modes("embedded", "servers")
def test_main_case(company: Company):
    site, month = company.sites[0], f"{datetime.now().astimezone():%y%m}"
    good = [company.stock(part["id"], site.good["id"]) for part in company.parts]
    case = Case(company).register()
    assert case.total == Decimal("214.81")

    order = case.order
    assert re.fullmatch(rf"RE{month}\d{{4,}}", order["number"])
    assert (order["state"], order["waiting_for"], order["version"]) == ("registered", None, 1)
    assert order["coverage"] == "out_of_warranty"
    assert order["coverage_reason"]
    assert order["origin"] == "live"
    assert order["allowed_actions"] == ["cancel"], "an agent may only cancel here"
    as_manager = site.as_("manager").get(f"/work-orders/{case.id}")
    assert set(as_manager["allowed_actions"]) == {"assign", "start", "cancel"}

    assert case.assign().order["state"] == "registered"
    assert case.order["technician_id"] == site.technician["id"]
    assert case.start().order["state"] == "in_repair"
    assert case.diagnose().order["coverage"] == "out_of_warranty"

    case.quote()
    assert (case.order["state"], case.order["waiting_for"]) == ("in_repair", "approval")
    assert {"approve", "reject"} <= set(site.as_("manager").get(f"/work-orders/{case.id}")["allowed_actions"])
    case.approve()
    assert case.order["waiting_for"] in ("parts", None)
    case.wait_for("in_repair", None)
    for part, (_, quantity), before in zip(company.parts, case.quantities, good, strict=True):
        assert company.stock(part["id"], site.good["id"]) == (before[0], before[1] + quantity, before[2] - quantity)

    assert case.complete().order["state"] == "in_check"
    assert case.check().order["state"] == "ready"
    bill = case.billed()
    assert re.fullmatch(rf"BL{month}\d{{4,}}", bill["number"])
    shown = [{name: line[name] for name in ("kind", "quantity", "net", "tax", "total", "customer_amount", "maker_amount")}
             for line in bill["lines"]]
    assert shown == [
        {"kind": "labour", "quantity": 1.5, "net": "150.00", "tax": "19.50", "total": "169.50",
         "customer_amount": "169.50", "maker_amount": "0.00"},
        {"kind": "part", "quantity": 1, "net": "25.00", "tax": "3.25", "total": "28.25",
         "customer_amount": "28.25", "maker_amount": "0.00"},
        {"kind": "part", "quantity": 2, "net": "15.10", "tax": "1.96", "total": "17.06",
         "customer_amount": "17.06", "maker_amount": "0.00"},
    ]
    assert (bill["customer_total"], bill["maker_total"]) == ("214.81", "0.00")
    assert (bill["open_amount"], bill["state"], bill["currency"]) == ("214.81", "open", "CNY")
    assert bill == site.as_("cashier").get(f"/bills/{bill['id']}"), "the item of a list is the whole bill"
    for part, (_, quantity), before in zip(company.parts, case.quantities, good, strict=True):
        assert company.stock(part["id"], site.good["id"]) == (before[0] - quantity, before[1], before[2] - quantity)

    case.pay()
    assert (case.bill["state"], case.bill["open_amount"]) == ("settled", "0.00")
    assert case.hand_over().order["state"] == "completed"
    assert case.revisit().audit().order["state"] == "audited"
    assert case.order["allowed_actions"] == []
    assert site.as_("agent").get("/revisits", work_order_id=case.id, total="true")["total"] == 1


def test_timeline_tells_the_case_from_all_services(company: Company):
    case = Case(company).walk()
    path = f"/work-orders/{case.id}/timeline"

    def items():
        found = case.site.as_("manager").get(path, limit=200)["items"]
        return found if {"orders", "inventory", "finance", "callcenter"} <= {item["source"].strip("/") for item in found} else None

    told = eventually(items, "timeline with rows of all services")
    assert [item["at"] for item in told] == sorted(item["at"] for item in told), "oldest first"
    assert all({"at", "type", "source", "actor", "summary", "data"} <= set(item) for item in told)
    assert all(item["summary"] and item["actor"] for item in told)
    actors = {item["actor"] for item in told if item["source"].strip("/") == "orders"}
    assert {f"{role}-{case.site.code}".lower() for role in ("agent", "technician", "manager", "cashier")} <= actors


def test_all_to_the_maker_in_warranty(company: Company):
    case = Case(company, in_warranty=True).register().assign().start().diagnose()
    assert case.order["coverage"] == "in_warranty"
    case.quote()
    assert case.order["waiting_for"] in ("parts", None), "nobody has to approve what the maker pays"
    case.complete().check()
    bill = case.billed()
    assert (bill["customer_total"], bill["maker_total"]) == ("0.00", "214.81")
    assert (bill["state"], bill["open_amount"]) == ("settled", "0.00")
    assert all(line["customer_amount"] == "0.00" and line["maker_amount"] == line["total"] for line in bill["lines"])
    assert case.hand_over().revisit().audit().order["state"] == "audited"


def test_tax_is_per_line_half_up(company: Company):
    """Section 9, Bill: 3.33, 3.33, 3.34 with 13 % → 0.43 each, 11.29 in all."""
    parts = [company.part(price) for price in ("3.33", "3.33", "3.34")]
    company.receive(company.sites[0], [(part["id"], 1) for part in parts])
    case = Case(company, hours=0, quantities=[(part, 1) for part in parts]).to_ready()
    bill = case.billed()
    assert [line["tax"] for line in bill["lines"]] == ["0.43", "0.43", "0.43"]
    assert bill["customer_total"] == "11.29" == str(case.total)


def test_partial_payments(company: Company):
    case = Case(company).to_ready()
    bill = case.billed()
    cashier = case.site.as_("cashier")
    paid = cashier.created(f"/bills/{bill['id']}/payments", {"method": "cash", "amount": "100.00"})
    assert (paid["amount"], paid["method"]) == ("100.00", "cash")
    assert (paid["bill"]["id"], paid["bill"]["state"], paid["bill"]["open_amount"]) == (bill["id"], "open", "114.81")

    def named_in_the_way() -> bool:
        told = cashier.refused("POST", f"/work-orders/{case.id}/hand-over", {"received_by": "李明"}, status=409, code="bill_open", headers=AT_ONCE)
        return bill["id"] in str(told) or bill["number"] in str(told)

    eventually(named_in_the_way, "the bill in the way is named")
    cashier.refused(
        "POST", f"/bills/{bill['id']}/payments", {"method": "card", "amount": "114.82"}, status=422, code="over_allocated"
    )
    paid = cashier.created(f"/bills/{bill['id']}/payments", {"method": "bank", "amount": "114.81"})
    assert (paid["bill"]["state"], paid["bill"]["open_amount"]) == ("settled", "0.00")
    assert cashier.get(f"/payments/{paid['id']}")["amount"] == "114.81"
    assert case.hand_over().order["state"] == "completed"


def test_nothing_to_do_nothing_to_pay(company: Company):
    """Both lists of a quote may be empty: the bill exists and is settled at once."""
    case = Case(company, hours=0, quantities=[]).to_ready()
    bill = case.billed()
    assert (bill["customer_total"], bill["state"], bill["lines"]) == ("0.00", "settled", [])
    assert case.hand_over().order["state"] == "completed"


def test_a_rejected_quote_waits_for_the_customer_and_is_quoted_again(company: Company):
    case = Case(company).to_quoted()
    case.act("agent", "reject", {"reason": "too dear"})
    assert (case.order["state"], case.order["waiting_for"]) == ("in_repair", "customer")
    assert case.attempt("agent", "approve", {"approved_by": "李明"}).code == "bad_transition"
    site = case.site
    site.as_("technician").refused(
        "POST", f"/work-orders/{case.id}/complete", {"work_done": "?"}, status=409, code="quote_missing"
    )
    case.hours = 0.5
    case.quote()
    assert case.order["waiting_for"] == "approval"
    case.approve().complete().check()
    assert case.billed()["customer_total"] == str(case.total)


def test_a_new_quote_frees_the_old_reservations(company: Company):
    part, site = company.part("10.00"), company.sites[0]
    company.receive(site, [(part["id"], 5)])
    case = Case(company, hours=0, quantities=[(part, 5)]).to_quoted().approve()
    case.wait_for("in_repair", None)
    assert company.stock(part["id"], site.good["id"]) == (5, 5, 0)
    case.quantities = [(part, 2)]
    case.quote()
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (5, 0, 5), "reservations of the old version freed")
    case.approve().wait_for("in_repair", None)
    assert company.stock(part["id"], site.good["id"]) == (5, 2, 3)


def test_a_failed_check_goes_back_and_only_the_difference_is_issued(company: Company):
    part, site = company.part("10.00"), company.sites[0]
    company.receive(site, [(part["id"], 10)])
    case = Case(company, hours=0, quantities=[(part, 1)]).to_quoted().approve().complete()
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (9, 0, 9), "issued by completing")
    case.check(False, reason="still noisy")
    assert case.order["state"] == "in_repair"
    case.quantities = [(part, 3)]
    case.quote().approve().complete()
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (7, 0, 7), "two more issued")
    case.check()
    assert case.billed()["lines"][0]["quantity"] == 3


def test_parts_returned_before_billing_are_not_billed(company: Company):
    part, site = company.part("10.00"), company.sites[0]
    company.receive(site, [(part["id"], 10)])
    case = Case(company, hours=0, quantities=[(part, 4)]).to_quoted().approve().complete()
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (6, 0, 6), "issued")
    case.act("storekeeper", "return-parts", {"lines": [{"part_id": part["id"], "quantity": 1, "quality": "good"}]})
    case.act("storekeeper", "return-parts", {"lines": [{"part_id": part["id"], "quantity": 1, "quality": "bad"}]})
    eventually(lambda: company.stock(part["id"], site.good["id"])[0] == 7, "the good one is back on hand")
    eventually(lambda: company.stock(part["id"], site.bad["id"])[0] == 1, "the bad one is in the bad warehouse")
    case.check()
    bill = case.billed()
    assert [(line["quantity"], line["total"]) for line in bill["lines"]] == [(2, "22.60")]
    late = case.attempt("storekeeper", "return-parts", {"lines": [{"part_id": part["id"], "quantity": 1, "quality": "good"}]})
    assert late.status == 409, "return before billing only"


def test_early_issue_by_the_storekeeper(company: Company):
    part, site = company.part("10.00"), company.sites[0]
    company.receive(site, [(part["id"], 2)])
    case = Case(company, hours=0, quantities=[(part, 2)]).to_quoted().approve()
    case.wait_for("in_repair", None)
    storekeeper = site.as_("storekeeper")
    requisition = storekeeper.get("/requisitions", work_order_id=case.id)["items"][0]
    storekeeper.post(f"/requisitions/{requisition['id']}/issue")
    assert company.stock(part["id"], site.good["id"]) == (0, 0, 0)
    answer = case.attempt("agent", "cancel", {"reason": "gone"})
    assert (answer.status, answer.code) == (409, "parts_not_returned"), answer.raw
    case.complete().check()
    assert case.billed()["customer_total"] == "22.60"


def test_a_larger_quote_after_a_failed_check_issues_the_difference(company: Company):
    part, site = company.part("10.00"), company.sites[0]
    company.receive(site, [(part["id"], 5)])
    case = Case(company, hours=0, quantities=[(part, 1)]).to_quoted().approve()
    case.wait_for("in_repair", None)
    case.complete()
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (4, 0, 4), "one is issued")
    case.act("manager", "check", {"passed": False, "reason": "still drips"})
    case.act("technician", "quote", {"labour": [], "parts": [{"part_id": part["id"], "quantity": 3}]})
    case.act("agent", "approve", {"approved_by": "x"})
    case.wait_for("in_repair", None)
    assert company.stock(part["id"], site.good["id"]) == (4, 2, 2), "what is built in stays out"
    case.complete().check()
    assert company.stock(part["id"], site.good["id"]) == (2, 0, 2)
    assert case.billed()["customer_total"] == "33.90"


def test_cancel_frees_what_was_reserved(company: Company):
    part, site = company.part("10.00"), company.sites[0]
    company.receive(site, [(part["id"], 3)])
    case = Case(company, hours=0, quantities=[(part, 3)]).to_quoted().approve()
    case.wait_for("in_repair", None)
    case.act("agent", "cancel", {"reason": "sold it"})
    assert (case.order["state"], case.order["allowed_actions"]) == ("cancelled", [])
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (3, 0, 3), "reservations freed")


def test_no_cancel_once_billed(company: Company):
    case = Case(company).to_ready()
    answer = case.attempt("agent", "cancel", {"reason": "too late"})
    assert (answer.status, answer.code) == (409, "bill_exists"), answer.raw


def test_appointments_do_not_overlap(company: Company):
    tomorrow = date.today() + timedelta(days=1)
    slot = {"technician_id": company.sites[0].technician["id"],
            "appointment_start": f"{tomorrow}T01:00:00Z", "appointment_end": f"{tomorrow}T02:00:00Z"}
    first, second = Case(company).register(), Case(company).register()
    first.act("dispatcher", "assign", slot)
    answer = second.attempt("dispatcher", "assign", {**slot, "appointment_start": f"{tomorrow}T01:30:00Z",
                                                     "appointment_end": f"{tomorrow}T02:30:00Z"})
    assert (answer.status, answer.code) == (409, "slot_taken"), answer.raw
    second.act("dispatcher", "assign", {**slot, "appointment_start": f"{tomorrow}T02:00:00Z",
                                        "appointment_end": f"{tomorrow}T03:00:00Z"})
    first.act("agent", "cancel", {"reason": "frees the slot"})
    third = Case(company).register()
    third.act("dispatcher", "assign", slot)


def test_a_technician_of_another_site_is_unknown(company: Company):
    case = Case(company).register()
    answer = case.attempt("dispatcher", "assign", {"technician_id": company.sites[1].technician["id"]})
    assert (answer.status, answer.code, answer.json["field"]) == (422, "unknown_reference", "technician_id"), answer.raw


@pytest.mark.parametrize("solved", [True, False])
def test_not_solved_is_followed_up_until_it_is_or_the_manager_closes(company: Company, solved: bool):
    case = Case(company, quantities=()).to_ready().pay().hand_over().revisit(solved=False)
    agent, manager = case.site.as_("agent"), case.site.as_("manager")
    [task] = eventually(lambda: agent.get("/follow-ups", work_order_id=case.id)["items"], "a follow-up")
    assert (task["state"], task["work_order_number"]) == ("open", case.order["number"])
    manager.refused("POST", f"/work-orders/{case.id}/audit", {}, status=409, code="bad_transition", headers={"Prefer": "wait=0"})
    assert len(agent.get("/revisits", work_order_id=case.id)["items"]) == 1, "no second revisit"
    if solved:
        case.send(agent, f"/follow-ups/{task['id']}/solve", {})
    else:
        agent.refused("POST", f"/follow-ups/{task['id']}/close", {"reason": "x"}, status=403, code="forbidden")
        case.send(manager, f"/follow-ups/{task['id']}/close", {"reason": "客户已另购新机"})
    case.wait_for("revisited", None)
    assert case.audit().order["state"] == "audited"
