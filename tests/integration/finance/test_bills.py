"""Bills come from facts of orders: once, exactly, in any order of delivery, seen in scope only (F-06, R-06, R-08)."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome, retry_due
from services.finance.app import SERVICE
from tests.integration.finance.conftest import Finance, Site
from tests.support.orders_events import WORKED, billing
from tests.support.serving import Served, envelope

READY = "aftersales.orders.work_order.ready.v1"


def test_worked_example(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED), ready_at="2026-11-30T16:30:00Z")
    assert bill["number"].startswith("BL2612"), "the month is the site's: 00:30 on 1 December in Shanghai"
    assert bill["issued_on"] == "2026-12-01"
    assert (bill["state"], bill["currency"], bill["round"]) == ("open", "CNY", 1)
    assert (bill["net_total"], bill["tax_total"], bill["total"]) == ("190.10", "24.71", "214.81")
    assert (bill["customer_total"], bill["maker_total"], bill["open_amount"]) == ("214.81", "0.00", "214.81")
    assert [(line["kind"], line["quantity"], line["net"], line["tax"], line["total"]) for line in bill["lines"]] == [
        ("labour", 1.5, "150.00", "19.50", "169.50"),
        ("part", 1, "25.00", "3.25", "28.25"),
        ("part", 2, "15.10", "1.96", "17.06"),
    ]
    assert api.call("GET", f"/bills/{bill['id']}").json() == bill, "the item of a list is the whole bill"
    [(type_, sequence, data)] = api.events(bill["id"])
    assert (type_, sequence) == ("bill.issued.v1", 1)
    assert data == {name: bill[name] for name in data}


def test_all_to_the_maker_is_settled_at_once(site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED, maker=True))
    assert (bill["state"], bill["customer_total"], bill["maker_total"], bill["open_amount"]) == ("settled", "0.00", "214.81", "0.00")
    assert bill["allowed_actions"] == []


def test_lines_taxed_one_by_one(site: Site) -> None:
    bill = site.bill(billing=billing(("part", "1", "3.33"), ("part", "1", "3.33"), ("part", "1", "3.34")))
    assert ([line["tax"] for line in bill["lines"]], bill["total"]) == (["0.43"] * 3, "11.29")


def test_a_bill_of_nothing_is_settled_and_posts_nothing(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing())
    assert (bill["state"], bill["total"], bill["lines"]) == ("settled", "0.00", [])
    assert api.rows("SELECT 1 FROM ledger_postings WHERE bill_id = :id", id=bill["id"]) == []


def test_once_under_duplicates_and_in_any_order(finance: Finance, api: Served) -> None:
    """Three orders of a site that is told last, each event thrice (twice with the same id): three bills, no hole."""
    path = f"/HQ/N/L{new_id().hex[-6:]}/"
    late = Site(finance, new_id(), path)
    orders = [late.ready(billing=billing(*WORKED), ready_at="2031-05-05T01:00:00Z") for _ in range(3)]
    told = [envelope(READY, data, subject=data["id"], sequence=8, org_path=path) for data in orders]
    told += told + [envelope(READY, data, subject=data["id"], sequence=8, org_path=path) for data in orders]
    random.Random(7).shuffle(told)
    assert {api.receive(each) for each in told} <= {Outcome.RETRY, Outcome.DUPLICATE}
    code = path.split("/")[-2]
    site = {"code": code, "name": code, "org_path": path, "time_zone": "Asia/Shanghai"}
    assert api.tell("aftersales.orders.site.created.v1", site, subject=late.id, org_path=path) is Outcome.DONE
    api.rows("UPDATE inbox SET next_at = now() WHERE state = 'retry' RETURNING 1")
    assert retry_due(SERVICE, api.database.engine) == 6
    bills = api.call("GET", "/bills", scope=path, total="true", sort="number").json()
    assert bills["total"] == 3
    assert {bill["work_order_id"] for bill in bills["items"]} == {data["id"] for data in orders}
    assert [bill["number"] for bill in bills["items"]] == [f"BL3105000{n}" for n in (1, 2, 3)]
    assert len(api.rows("SELECT 1 FROM ledger_postings WHERE org_path = :path", path=path)) == 3
    assert api.rows("SELECT reason FROM inbox WHERE state <> 'done' AND type = :type", type=READY) == []


@pytest.mark.parametrize("change", [
    lambda b: b.update(customer_total="214.80"),
    lambda b: b["lines"][1].update(tax="3.24"),
    lambda b: b["lines"][0].update(customer_amount="169.49"),
])
def test_sums_that_do_not_hold_are_not_billed(api: Served, site: Site, change: Any) -> None:
    content = billing(*WORKED)
    change(content)
    data = site.ready(billing=content)
    told = envelope(READY, data, subject=data["id"], sequence=8, org_path=site.path)
    assert api.receive(told) is Outcome.RETRY
    [kept] = api.rows("SELECT state, reason FROM inbox WHERE event_id = :id", id=told["id"])
    assert kept.reason
    assert "Mismatch" in kept.reason
    assert api.call("GET", "/bills", work_order_id=data["id"]).json()["items"] == []
    assert api.rows("SELECT 1 FROM journal WHERE org_path = :path", path=site.path) == []
    with api.database.owner.begin() as connection:  # the application itself cannot forget it
        connection.execute(sa.text("DELETE FROM inbox WHERE event_id = :id"), {"id": told["id"]})


def test_filters_and_pages(api: Served, site: Site) -> None:
    customer = str(new_id())
    bills = [site.bill(billing=billing(("part", "1", price)), customer_id=customer) for price in ("1.00", "2.00", "3.00")]
    nobody = site.bill(billing=billing(*WORKED, maker=True), customer_id=None)

    def numbers(**query: Any) -> list[str]:
        return [bill["number"] for bill in api.call("GET", "/bills", **query).json()["items"]]

    made = [bill["number"] for bill in bills]
    assert numbers(customer_id=customer, sort="number") == made
    assert numbers(customer_id=customer, sort="-customer_total") == made[::-1]
    assert numbers(site_id=str(site.id), state="settled") == [nobody["number"]]
    assert numbers(number=made[1]) == [made[1]]
    first = api.call("GET", "/bills", customer_id=customer, sort="number", limit=2, total="true").json()
    rest = api.call("GET", "/bills", customer_id=customer, sort="number", limit=2, cursor=first["next_cursor"]).json()
    assert first["total"] == 3
    assert first["items"] + rest["items"] == bills
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(("query", "code"), [
    ({"sort": "colour"}, "bad_sort"), ({"limit": 0}, "bad_limit"), ({"limit": 201}, "bad_limit"),
    ({"state": "paid"}, "validation_failed"), ({"work_order_id": "7"}, "validation_failed"), ({"colour": "red"}, "validation_failed"),
])
def test_bad_questions(api: Served, query: dict[str, Any], code: str) -> None:
    answer = api.call("GET", "/bills", **query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_another_sites_bill_is_nowhere(finance: Finance, api: Served) -> None:
    """By id, list, filter, count, export, payments, ledger and balances; the branch above sees both, another none."""
    mine, theirs = finance.site("/HQ/W/A1/"), finance.site("/HQ/W/A2/")
    seen, hidden = mine.bill(billing=billing(*WORKED)), theirs.bill(billing=billing(*WORKED))
    paid = api.call("POST", f"/bills/{hidden['id']}/payments", {"method": "cash", "amount": "1.00"}).json()
    posted = api.call("GET", "/ledger-entries", source_id=paid["id"], account="cash")
    assert posted.status_code == 200, posted.text
    [entry] = posted.json()["items"]

    for path in (f"/bills/{hidden['id']}", f"/bills/{hidden['id']}/payments", f"/payments/{paid['id']}",
                 f"/ledger-entries/{entry['id']}"):
        answer = api.call("GET", path, scope=mine.path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    refused = api.call("POST", f"/bills/{hidden['id']}/payments", {"method": "cash", "amount": "1.00"}, scope=mine.path)
    assert refused.status_code == 404

    assert [b["id"] for b in api.call("GET", "/bills", scope=mine.path).json()["items"]] == [seen["id"]]
    for query in ({"number": hidden["number"]}, {"work_order_id": hidden["work_order_id"]}, {"site_id": str(theirs.id)}):
        assert api.call("GET", "/bills", scope=mine.path, total="true", **query).json() == {
            "items": [], "next_cursor": None, "total": 0}
    assert api.call("GET", "/payments", scope=mine.path, total="true").json()["total"] == 0
    assert {e["bill_id"] for e in api.call("GET", "/ledger-entries", scope=mine.path).json()["items"]} == {seen["id"]}
    balances = {a["code"]: a["balance"] for a in api.call("GET", "/accounts", scope=mine.path).json()["items"]}
    assert (balances["receivable_customers"], balances["cash"]) == ("214.81", "0.00")

    text = api.call("GET", "/bills", scope=mine.path, format="csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["number"] for row in rows] == [seen["number"]]
    assert hidden["number"] not in text
    book = openpyxl.load_workbook(io.BytesIO(api.call("GET", "/bills", scope=mine.path, format="xlsx").content))
    assert book.active.max_row == 2

    assert api.call("GET", "/bills", scope="/HQ/W/", total="true").json()["total"] == 2
    assert api.call("GET", "/bills", scope="/HQ/E/", total="true").json()["total"] == 0


def test_rights(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    reader = ("finance.bill.read",)
    assert api.call("GET", f"/bills/{bill['id']}", permissions=reader).json()["allowed_actions"] == []
    refused = api.call("POST", f"/bills/{bill['id']}/payments", {"method": "cash", "amount": "1.00"}, permissions=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert api.call("GET", "/ledger-entries", permissions=reader).status_code == 403
