"""Shortage: what could be reserved is kept, a receipt serves the oldest promise first, and orders go on by themselves."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.case import Case
from tests.support.client import AT_ONCE, eventually
from tests.support.company import Company


def test_a_receipt_serves_the_oldest_promise_first(company: Company):
    part, site = company.part("10.00"), company.sites[0]
    company.receive(site, [(part["id"], 1)])
    first, second, third = (Case(company, hours=0, quantities=[(part, n)]) for n in (3, 1, 1))
    for case in (first, second, third):
        case.to_quoted().approve()
        assert case.order["waiting_for"] == "parts"
        if case is first:
            eventually(lambda: company.stock(part["id"], site.good["id"]) == (1, 1, 0), "what there is, is kept for the first")
        else:
            # the order of promises is the order of approvals as inventory sees them
            eventually(lambda case=case: site.as_("storekeeper").get("/requisitions", work_order_id=case.id)["items"],
                       "requisition")
    refused = first.attempt("technician", "complete", {"work_done": "?"}, headers=AT_ONCE)
    assert (refused.status, refused.code) == (409, "parts_not_issued"), refused.raw

    company.receive(site, [(part["id"], 1)])
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (2, 2, 0), "second piece reserved")
    assert [case.reload()["waiting_for"] for case in (first, second, third)] == ["parts", "parts", "parts"]

    company.receive(site, [(part["id"], 2)])
    first.wait_for("in_repair", None)
    second.wait_for("in_repair", None)
    assert third.reload()["waiting_for"] == "parts"

    first.complete().check()
    assert first.billed()["lines"][0]["quantity"] == 3
    second.act("agent", "cancel", {"reason": "no patience"})
    third.wait_for("in_repair", None)
    assert company.stock(part["id"], site.good["id"]) == (1, 1, 0), "the freed piece went to the last"


def test_five_on_hand_two_want_three(company: Company):
    """Section 9, Stock, through concurrent reservations: one gets its three, the other what is left and waits."""
    part, site = company.part("10.00"), company.sites[1]
    company.receive(site, [(part["id"], 5)])
    cases = [Case(company, site, hours=0, quantities=[(part, 3)]).to_quoted() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Case.approve, cases))
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (5, 5, 0), "all five are promised")
    eventually(lambda: sorted(str(case.reload()["waiting_for"]) for case in cases) == ["None", "parts"], "one is served")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda case: case.attempt("technician", "complete", {"work_done": "done"}, headers=AT_ONCE), cases))
    assert sorted((answer.status, answer.code) for answer in answers) == [(200, None), (409, "parts_not_issued")]
    eventually(lambda: company.stock(part["id"], site.good["id"]) == (2, 2, 0), "three issued, two kept for the other")


def test_stock_of_other_sites_is_not_taken(company: Company):
    part = company.part("10.00")
    company.receive(company.sites[1], [(part["id"], 9)])
    case = Case(company, company.sites[0], hours=0, quantities=[(part, 1)]).to_quoted().approve()
    eventually(lambda: case.reload()["waiting_for"] == "parts", "no part at this site")
    assert company.stock(part["id"], company.sites[1].good["id"]) == (9, 0, 9)
    case.act("agent", "cancel", {"reason": "end of test"})


def test_all_warehouses_of_the_site_by_code(company: Company):
    """Good warehouses are taken in the order of their codes."""
    part, site = company.part("10.00"), company.sites[2]
    later = company.admin.created("/warehouses", {"code": f"zz-{site.code}", "name": "annex", "site_id": site.id})
    assert later["quality"] == "good"
    rows = [{"part_id": part["id"], "quantity": 2, "unit_cost": "1.00"}]
    company.admin.created("/stock-receipts", {"warehouse_id": later["id"], "lines": rows})
    company.receive(site, [(part["id"], 2)])
    case = Case(company, site, hours=0, quantities=[(part, 3)]).to_quoted().approve()
    case.wait_for("in_repair", None)
    assert company.stock(part["id"], site.good["id"]) == (2, 2, 0)
    assert company.stock(part["id"], later["id"]) == (2, 1, 1)
    case.complete().check()
    eventually(lambda: company.stock(part["id"], later["id"]) == (1, 0, 1), "issued from both")
