"""Payments that settle several open items of one payer, and payments taken back (F-23, R-10)."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest

from chassis.messaging.inbox import Outcome
from tests.integration.finance.conftest import Site
from tests.integration.finance.shared import Document, items, party, shared
from tests.integration.finance.test_payments import pay
from tests.integration.finance.test_reversals import Story
from tests.support.orders_events import WORKED, billing, order
from tests.support.serving import Served


def test_a_maker_pays_for_several_repairs_at_once(api: Served, site: Site) -> None:
    maker = party(api, "maker")["id"]
    bills = [site.bill(billing=shared(party(api)["id"], maker)) for _ in range(3)]
    owed = [items(api, bill)["maker"] for bill in bills]
    body = {"method": "bank", "allocations": [{"open_item_id": item["id"], "amount": amount} for item, amount in zip(owed, ("92.33", "92.33", "10.00"), strict=True)]}
    made = api.call("POST", "/payments", body)
    assert made.status_code == 201, made.text
    paid = made.json()
    assert (paid["amount"], paid["payer"], paid["party_id"], paid["bill_id"], paid["bill"]) == ("194.66", "maker", maker, None, None)
    assert [one["open_amount"] for one in (items(api, bill)["maker"] for bill in bills)] == ["0.00", "0.00", "82.33"]
    assert api.call("GET", f"/bills/{bills[0]['id']}").json()["open_amount"] == "42.29", "the customer owes what he owed"
    assert api.call("GET", f"/counterparties/{maker}").json()["balances"] == [{"account": "receivable_makers", "balance": "82.33"}]
    whole = api.call("GET", f"/open-items/{owed[2]['id']}").json()
    assert [(one["document_id"], one["amount"]) for one in whole["allocations"]] == [(paid["id"], "10.00")]
    assert [one["id"] for one in api.call("GET", "/payments", party_id=maker).json()["items"]] == [paid["id"]]
    assert api.events(paid["id"]) == [], "no bill of its own, so no order hears of it"

    again = api.call("POST", "/payments", body)
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (422, "over_allocated", "allocations.0.amount")
    back = api.call("POST", f"/payments/{paid['id']}/reverse", {"reason": "returned by the bank"})
    assert back.status_code == 200, back.text
    assert [items(api, bill)["maker"]["open_amount"] for bill in bills] == ["92.33"] * 3


def test_a_customer_pays_two_bills_at_once(api: Served, site: Site) -> None:
    customer = str(uuid.uuid4())
    bills = [site.bill(billing=billing(*WORKED), customer_id=customer) for _ in range(2)]
    body = {"method": "card", "allocations": [{"open_item_id": items(api, bill)["customer"]["id"], "amount": amount} for bill, amount in zip(bills, ("214.81", "4.81"), strict=True)]}
    assert api.call("POST", "/payments", body).status_code == 201
    now = [api.call("GET", f"/bills/{bill['id']}").json() for bill in bills]
    assert [(bill["state"], bill["open_amount"]) for bill in now] == [("settled", "0.00"), ("open", "210.00")]


@pytest.mark.parametrize("what", ["twice", "another party", "another site", "a credit", "unknown", "too much", "tomorrow"])
def test_what_a_payment_cannot_settle(api: Served, site: Site, what: str) -> None:
    story = Story(api, site)
    maker = party(api, "maker")["id"]
    bills = [site.bill(billing=shared(party(api)["id"], maker)) for _ in range(2)]
    first = items(api, bills[0])["maker"]["id"]
    assert api.receive(story.unaudited()) is Outcome.DONE
    other = {
        "twice": lambda: first, "another party": lambda: items(api, bills[1])["insurer"]["id"], "unknown": lambda: str(uuid.uuid4()),
        "another site": lambda: items(api, site.finance.site().bill(billing=shared(party(api)["id"], maker)))["maker"]["id"],
        "a credit": lambda: story.list("/credits")[0]["id"],
    }.get(what, lambda: items(api, bills[1])["maker"]["id"])()  # fmt: skip
    amount = "92.34" if what == "too much" else "1.00"
    body: Document = {"method": "bank", "allocations": [{"open_item_id": first, "amount": "1.00"}, {"open_item_id": other, "amount": amount}]}
    if what == "tomorrow":
        body["received_on"] = "2999-01-01"
    answer = api.call("POST", "/payments", body)
    code, field = {
        "twice": ("duplicate_line", "allocations.1.open_item_id"), "another party": ("several_payers", "allocations.1.open_item_id"),
        "another site": ("several_payers", "allocations.1.open_item_id"), "a credit": ("unknown_reference", "allocations.1.open_item_id"),
        "unknown": ("unknown_reference", "allocations.1.open_item_id"), "too much": ("over_allocated", "allocations.1.amount"),
        "tomorrow": ("validation_failed", "received_on"),
    }[what]  # fmt: skip
    found = answer.json()
    assert (found["code"], found.get("field") or found["errors"][0]["field"]) == (code, field)
    assert items(api, bills[0])["maker"]["open_amount"] == "92.33", "nothing is half received"


def test_a_payment_is_taken_back_once(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    paid = pay(api, bill, "214.81", "card").json()
    assert paid["allowed_actions"] == ["reverse"]
    for wrong in ({}, {"reason": " "}):
        assert api.call("POST", f"/payments/{paid['id']}/reverse", wrong).json()["code"] == "validation_failed"
    answer = api.call("POST", f"/payments/{paid['id']}/reverse", {"reason": "wrong card"})
    back = answer.json()
    assert (answer.status_code, back["bill"]["state"], back["bill"]["open_amount"], back["allowed_actions"]) == (200, "open", "214.81", [])
    counter = api.call("GET", f"/payments/{back['reversed_by_id']}").json()
    assert (counter["amount"], counter["reverses_id"], counter["reason"], counter["account_code"]) == ("-214.81", paid["id"], "wrong card", "card_clearing")
    assert api.call("GET", f"/payments/{paid['id']}").json() == back
    for one in (paid, counter):
        again = api.call("POST", f"/payments/{one['id']}/reverse", {"reason": "again"})
        assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    [(_, _, received), (type_, _, told)] = api.events(paid["id"])
    assert (type_, told["open_amount"], told["reversal_number"]) == ("payment.reversed.v1", "214.81", counter["number"])
    assert received["open_amount"] == "0.00"
    assert pay(api, bill, "214.81", "cash").json()["bill"]["state"] == "settled"
    whole = api.call("GET", f"/open-items/{items(api, bill)['customer']['id']}").json()
    assert [one["amount"] for one in whole["allocations"]] == ["214.81", "-214.81", "214.81"]
    assert whole["allocations"][1]["reverses_id"] == whole["allocations"][0]["id"]


def test_not_once_its_order_is_audited_nor_of_a_bill_taken_back(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    paid = pay(api, bill, "214.81").json()
    told = order("audited", site_id=str(site.id), billing=billing(*WORKED)) | {"id": bill["work_order_id"]}
    assert api.tell("aftersales.orders.work_order.audited.v1", told, subject=told["id"], sequence=12, org_path=site.path) is Outcome.DONE
    assert api.call("GET", f"/bills/{bill['id']}").json()["audited"] is True
    answer = api.call("POST", f"/payments/{paid['id']}/reverse", {"reason": "x"})
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "bad_transition", "audited")
    story = Story(api, site)
    assert api.receive(story.unaudited()) is Outcome.DONE
    [first, _] = story.list("/payments")
    answer = api.call("POST", f"/payments/{first['id']}/reverse", {"reason": "x"})
    assert (answer.status_code, answer.json()["state"]) == (409, "reversed")


def test_a_bill_taken_back_credits_everybody_who_had_paid(api: Served, site: Site) -> None:
    insurer, maker = party(api)["id"], party(api, "maker")["id"]
    bill = site.bill(billing=shared(insurer, maker))
    pay(api, bill, "42.29")
    owed = items(api, bill)
    body = {"method": "bank", "allocations": [{"open_item_id": owed["maker"]["id"], "amount": "90.00"}]}
    assert api.call("POST", "/payments", body).status_code == 201
    told = order("unaudited", site_id=str(site.id), billing={**shared(insurer, maker), "round": 1}, reason="x") | {"id": bill["work_order_id"]}
    assert api.tell("aftersales.orders.work_order.unaudited.v1", told, subject=told["id"], sequence=20, org_path=site.path) is Outcome.DONE
    credits = api.call("GET", "/credits", work_order_id=bill["work_order_id"]).json()["items"]
    assert {(one["payer"], one["party_id"], one["balance"]) for one in credits} == {("customer", bill["customer_id"], "42.29"), ("maker", maker, "90.00")}
    assert {payer: item["open_amount"] for payer, item in items(api, bill).items()} == dict.fromkeys(owed, "0.00"), "what was not paid is owed no longer"
    entries = api.call("GET", "/ledger-entries", work_order_id=bill["work_order_id"], limit=200).json()["items"]
    left: dict[str, Decimal] = {}
    for entry in entries:
        left[entry["account"]] = left.get(entry["account"], Decimal(0)) + Decimal(entry["amount"])
    assert {account: str(amount) for account, amount in left.items() if amount} == {
        "cash": "42.29", "bank": "90.00", "customer_credits": "-42.29", "party_credits": "-90.00"}  # fmt: skip


def test_two_payments_of_four_fifths(api: Served, site: Site) -> None:
    """Of one item, at once: one is refused."""
    for _ in range(5):
        bill = site.bill(billing=billing(("part", "1", "100.00"), rate="0"))
        item = items(api, bill)["customer"]["id"]
        several = {"method": "bank", "allocations": [{"open_item_id": item, "amount": "80.00"}]}
        one = {"method": "cash", "amount": "80.00"}
        answers = api.together([("POST", "/payments", several), ("POST", f"/bills/{bill['id']}/payments", one)])
        assert sorted(answer.status_code for answer in answers) == [201, 422]
        assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"over_allocated"}
        assert items(api, bill)["customer"]["open_amount"] == "20.00"


def test_taken_back_by_eight_at_once(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    paid = pay(api, bill, "100.00").json()
    answers = api.together([("POST", f"/payments/{paid['id']}/reverse", {"reason": "x"})] * 8)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert items(api, bill)["customer"]["open_amount"] == "214.81"
