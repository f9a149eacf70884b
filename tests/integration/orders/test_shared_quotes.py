"""Discounts, tax rates and payers of a quote over HTTP (F-03, F-05, F-06): who may set them, what is refused, what is billed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.orders.conftest import UNKNOWN, Job, Shop
from tests.support.orders_events import example

QUOTE = "orders.work_order.quote"
DISCOUNT, SHARE = "orders.quote.discount", "orders.quote.share"
OFF: dict[str, Any] = {"percent": 10, "reason": "老客户"}


def counterparty(shop: Shop, kind: str = "insurer", **changed: Any) -> str:
    return shop.tell("finance.counterparty.created", {**example("aftersales.finance.counterparty.created.v1"), "kind": kind, **changed})


def taxed(shop: Shop, price: str, rate: float) -> str:
    return shop.tell("inventory.part.created", {"number": f"T{price}", "name": "x", "unit": "个", "price": price, "tax_rate": rate})


@pytest.fixture
def job(shop: Shop) -> Job:
    return shop.order().start().diagnose()


def body(shop: Shop, **more: Any) -> dict[str, Any]:
    return {"labour": [{"rate_code": shop.rate, "hours": 1.5}], "parts": [{"part_id": shop.parts[0], "quantity": 1}], **more}


def test_the_bill_worked_by_hand(shop: Shop, job: Job) -> None:
    """As tests/unit/orders/test_shares.py: 42.29 to the customer, 92.33 to the maker, 50.00 to the insurer."""
    insurer, maker = counterparty(shop), counterparty(shop, "maker")
    job.do("quote", {
        "labour": [{"rate_code": shop.rate, "hours": 1.5, "discount": OFF}],
        "parts": [{"part_id": taxed(shop, "25.00", 0.09), "quantity": 1}, {"part_id": taxed(shop, "7.55", 0.06), "quantity": 2}],
        "discount": {"amount": "10.00", "reason": "周年庆"},
        "shares": [{"payer": "insurer", "party_id": insurer, "amount": "50"}, {"payer": "maker", "party_id": maker, "percent": 50}],
    })  # fmt: skip
    quote = job.document["quote"]
    assert (quote["customer_total"], quote["maker_total"], quote["state"]) == ("42.29", "92.33", "waiting")
    assert [(line["net"], line["tax_rate"], line["tax"]) for line in quote["lines"]] == [("127.29", 0.13, "16.55"), ("23.57", 0.09, "2.12"), ("14.24", 0.06, "0.85")]
    assert [step.get("reason") for step in quote["lines"][0]["steps"]] == [None, "老客户", "周年庆"]
    assert {(share["payer"], share["party_id"]) for line in quote["lines"] for share in line["shares"]} == {
        ("insurer", insurer), ("maker", maker), ("customer", None)}  # fmt: skip
    job.do("approve", {"approved_by": "王芳"}).reserved().do("complete", {"work_done": "x"}).issued().do("check", {"passed": True})
    billing = job.document["billing"]
    assert (billing["customer_total"], billing["maker_total"]) == ("42.29", "92.33")
    shown = [{name: value for name, value in line.items() if name != "id"} for line in quote["lines"]]
    assert billing["lines"] == shown, "exactly what was approved is billed"


def test_who_owes_nothing_is_not_asked(shop: Shop, job: Job) -> None:
    job.do("quote", body(shop, shares=[{"payer": "goodwill", "percent": 100}]))
    assert (job.document["quote"]["state"], job.document["quote"]["customer_total"]) == ("approved", "0.00")
    assert job.document["waiting_for"] == "parts"


@pytest.mark.parametrize(("more", "rights", "field"), [
    ({"discount": OFF}, (QUOTE, SHARE), "discount"), ({"shares": [{"payer": "goodwill", "percent": 1}]}, (QUOTE, DISCOUNT), "shares"),
    ({"parts": [{"part_id": UNKNOWN, "quantity": 1, "discount": OFF}]}, (QUOTE,), "parts.0.discount"),
])  # fmt: skip
def test_discounts_and_shares_ask_for_rights_of_their_own(shop: Shop, job: Job, more: dict[str, Any], rights: tuple[str, ...], field: str) -> None:
    answer = job.attempt("quote", body(shop, **more), permissions=(*rights, "orders.work_order.read"))
    shop.refused(answer, 403, "forbidden", field=field)
    assert job.reload()["quote"] is None
    plain = job.attempt("quote", body(shop), permissions=(QUOTE, "orders.work_order.read"))
    assert plain.status_code == 200, "who does not use them does not need them"


@pytest.mark.parametrize(("more", "field", "code"), [
    ({"discount": {"percent": 10}}, "discount.reason", "missing"), ({"discount": {"reason": "x"}}, "discount.amount", "missing"),
    ({"discount": {"reason": "x", "percent": 1, "amount": "1"}}, "discount.amount", "percent_or_amount"),
    ({"discount": {"reason": "x", "percent": 100.01}}, "discount.percent", "out_of_range"),
    ({"discount": {"reason": "x", "percent": 1.005}}, "discount.percent", "too_many_decimals"),
    ({"discount": {"reason": "x", "amount": "0"}}, "discount.amount", "bad_format"),
    ({"discount": {"reason": "x", "amount": "175.01"}}, "discount.amount", "out_of_range"),
    ({"shares": [{"payer": "insurer", "percent": 10}]}, "shares.0.party_id", "missing"),
    ({"shares": [{"payer": "goodwill", "party_id": UNKNOWN, "percent": 10}]}, "shares.0.party_id", "unknown"),
    ({"shares": [{"payer": "goodwill"}]}, "shares.0.amount", "missing"), ({"shares": [{"payer": "nobody", "percent": 1}]}, "shares.0.payer", "not_allowed"),
    ({"shares": [{"payer": "customer", "percent": 10}]}, "shares.0.payer", "pays_the_rest"),
    ({"shares": [{"payer": "goodwill", "percent": 60}, {"payer": "site", "percent": 40.01}]}, "shares.1.percent", "out_of_range"),
])  # fmt: skip
def test_what_is_refused_at_the_quote(shop: Shop, job: Job, more: dict[str, Any], field: str, code: str) -> None:
    errors = shop.refused(job.attempt("quote", body(shop, **more)), 400, "validation_failed")["errors"]
    assert {"field": field, "code": code} in errors, errors
    assert job.reload()["quote"] is None


def test_who_is_no_party_or_another_kind_or_charged_no_longer(shop: Shop, job: Job) -> None:
    for party in (UNKNOWN, counterparty(shop, "company"), counterparty(shop, active=False)):
        answer = job.attempt("quote", body(shop, shares=[{"payer": "insurer", "party_id": party, "percent": 1}]), headers={"Prefer": "wait=0"})
        shop.refused(answer, 422, "unknown_reference", field="shares.0.party_id")
    good = {"payer": "insurer", "party_id": counterparty(shop), "percent": 1}
    shop.refused(job.attempt("quote", body(shop, shares=[good, good])), 422, "duplicate_line", field="shares.1.payer")


def test_in_warranty_the_customer_may_bear_a_part(shop: Shop) -> None:
    job = shop.order(device_id=shop.device("2026-11-01")["id"]).start().diagnose()
    job.do("quote", body(shop, shares=[{"payer": "customer", "percent": 20}]))
    quote = job.document["quote"]
    assert quote["coverage"] == "in_warranty"
    assert (quote["customer_total"], quote["maker_total"]) == ("39.55", "158.20")
    answer = job.attempt("quote", body(shop, shares=[{"payer": "maker", "percent": 20}]))
    assert shop.refused(answer, 400, "validation_failed")["errors"] == [{"field": "shares.0.payer", "code": "pays_the_rest"}]
