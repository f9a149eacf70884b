"""Un-audited orders at finance (G-21, R-10): once, in any order, by documents alone; the database holds them together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from chassis.domain.errors import Forbidden
from chassis.messaging.inbox import Outcome, retry_due
from services.finance.app import SERVICE
from tests.integration.finance.conftest import Site
from tests.integration.finance.test_payments import pay
from tests.support.orders_events import WORKED, billing, order
from tests.support.serving import Served, envelope

UNAUDITED, REBILLED = (f"aftersales.orders.work_order.{verb}.v1" for verb in ("unaudited", "rebilled"))


class Story:
    """One order's money: billed, paid, taken back, billed again."""

    def __init__(self, api: Served, site: Site, **content: Any) -> None:
        self.api, self.site = api, site
        self.bill = site.bill(billing=billing(*WORKED, **content))
        self.id = self.bill["work_order_id"]
        if Decimal(self.bill["open_amount"]):
            pay(api, self.bill, "100.00", "cash")
            pay(api, self.bill, "114.81", "bank")

    def event(self, type_: str, sequence: int, **changed: Any) -> dict[str, Any]:
        verb = type_.split(".")[3]
        data = order(verb, site_id=str(self.site.id), **changed) | {"id": self.id}
        return envelope(type_, data, subject=self.id, sequence=sequence, org_path=self.site.path)

    def unaudited(self, round_: int = 1) -> dict[str, Any]:
        return self.event(UNAUDITED, 11 + 3 * round_, billing=billing(*WORKED, round=round_), reason="保内")

    def rebilled(self, *lines: tuple[str, str, str], maker: bool = False, round_: int = 2) -> dict[str, Any]:
        content = billing(*(lines or WORKED), maker=maker, round=round_)
        return self.event(REBILLED, 9 + 3 * round_, billing=content)

    def list(self, path: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.call("GET", path, work_order_id=self.id, **query).json()["items"]
        return found

    def balances(self) -> dict[str, str]:
        rows = self.api.rows(
            "SELECT e.account, sum(e.amount) AS sum FROM ledger_entries e JOIN ledger_postings p ON p.id = e.posting_id "
            "WHERE p.work_order_id = :id GROUP BY 1 HAVING sum(e.amount) <> 0", id=self.id)  # fmt: skip
        return {row.account: str(row.sum) for row in rows}


def test_taken_back_and_billed_to_the_maker(api: Served, site: Site) -> None:
    story = Story(api, site)
    told = story.unaudited()
    assert api.receive(told) is Outcome.DONE
    assert api.receive(told) is Outcome.DUPLICATE
    [reversal] = story.list("/reversals")
    assert reversal["number"].startswith("RV")
    assert (reversal["credited"], reversal["maker_total"], reversal["reason"]) == ("214.81", "0.00", "保内")
    assert (reversal["bill_id"], reversal["requested_by"]) == (story.bill["id"], "somebody")
    assert api.call("GET", f"/reversals/{reversal['id']}").json() == reversal
    bill = api.call("GET", f"/bills/{story.bill['id']}").json()
    assert (bill["state"], bill["open_amount"], bill["customer_total"]) == ("reversed", "0.00", "214.81")
    assert (bill["lines"], bill["allowed_actions"]) == (story.bill["lines"], [])
    assert story.balances() == {"cash": "100.00", "bank": "114.81", "customer_credits": "-214.81"}
    [credit] = story.list("/credits", open="true")
    assert (credit["balance"], credit["allowed_actions"]) == ("214.81", ["refunds"])

    assert api.receive(story.rebilled(maker=True)) is Outcome.DONE
    second = next(bill for bill in story.list("/bills") if bill["round"] == 2)
    assert (second["state"], second["maker_total"], second["open_amount"]) == ("settled", "214.81", "0.00")
    assert second["number"] != story.bill["number"]

    body = {"method": "cash", "amount": "214.81"}
    refused = api.call("POST", f"/credits/{credit['id']}/refunds", {**body, "amount": "214.82"})
    assert (refused.status_code, refused.json()["code"], refused.json()["open_amount"]) == (422, "over_allocated", "214.81")
    refund = api.call("POST", f"/credits/{credit['id']}/refunds", body)
    assert (refund.status_code, refund.json()["amount"]) == (201, "214.81")
    assert refund.json()["number"].startswith("RF")
    assert api.call("GET", f"/refunds/{refund.json()['id']}").json() == refund.json() == story.list("/refunds")[0]
    assert story.list("/credits", open="true") == []
    assert story.balances() == {
        "cash": "-114.81", "bank": "114.81", "receivable_makers": "214.81", "revenue_labour": "-150.00",
        "revenue_parts": "-40.10", "output_tax": "-24.71"}  # fmt: skip


@pytest.mark.parametrize(("hours", "total", "left"), [("0.5", "101.81", "113.00"), ("2.5", "327.81", "0.00")])
def test_credit_pays_the_next_bill(api: Served, site: Site, hours: str, total: str, left: str) -> None:
    """Less work: the rest stays the customer's. More work: he pays the difference as ever."""
    story = Story(api, site)
    assert api.receive(story.unaudited()) is Outcome.DONE
    assert api.receive(story.rebilled(("labour", hours, "100.00"), *WORKED[1:])) is Outcome.DONE
    second = next(bill for bill in story.list("/bills") if bill["round"] == 2)
    open_amount = max(Decimal(total) - Decimal("214.81"), Decimal("0.00"))
    assert (second["customer_total"], second["open_amount"]) == (total, str(open_amount))
    [credit] = story.list("/credits")
    assert (credit["balance"], credit["allowed_actions"]) == (left, ["refunds"] if Decimal(left) else [])
    if open_amount:
        assert pay(api, second, str(open_amount)).json()["bill"]["state"] == "settled"
    [issued, *_rest] = api.events(second["id"])
    assert (issued[0], issued[2]["open_amount"]) == ("bill.issued.v1", str(open_amount))

    assert api.receive(story.unaudited(round_=2)) is Outcome.DONE, "and a second time"
    assert sum(Decimal(one["balance"]) for one in story.list("/credits")) == Decimal(total) + Decimal(left)
    assert {bill["state"] for bill in story.list("/bills")} == {"reversed"}


def test_what_the_maker_owed_is_gone(api: Served, site: Site) -> None:
    story = Story(api, site, maker=True)
    assert api.receive(story.unaudited()) is Outcome.DONE
    assert (story.balances(), story.list("/credits")) == ({}, [])
    assert story.list("/reversals")[0]["maker_total"] == "214.81"


def test_the_new_bill_waits_for_the_reversal(api: Served, site: Site) -> None:
    """Told in the wrong order and twice, with other ids: the same documents."""
    story = Story(api, site)
    for told in (story.rebilled(), story.rebilled()):
        assert api.receive(told) is Outcome.RETRY
    for told in (story.unaudited(), story.unaudited()):
        assert api.receive(told) is Outcome.DONE
    api.rows("UPDATE inbox SET next_at = now() WHERE state = 'retry' RETURNING 1")
    assert retry_due(SERVICE, api.database.engine) == 2
    assert sorted((bill["round"], bill["state"]) for bill in story.list("/bills")) == [(1, "reversed"), (2, "settled")]
    assert len(story.list("/reversals")) == 1
    assert story.balances()["cash"] == "100.00"


def test_refunds_at_the_same_moment(api: Served, site: Site) -> None:
    story = Story(api, site)
    assert api.receive(story.unaudited()) is Outcome.DONE
    [credit] = story.list("/credits")
    body = {"method": "cash", "amount": "50.00"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.call("POST", f"/credits/{credit['id']}/refunds", body), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [422] * 4
    assert story.list("/credits")[0]["balance"] == "14.81"


def test_not_seen_elsewhere(api: Served, site: Site) -> None:
    story = Story(api, site)
    assert api.receive(story.unaudited()) is Outcome.DONE
    for path in ("/reversals", "/credits", "/refunds"):
        assert api.call("GET", path, scope="/HQ/OTHER/", work_order_id=story.id).json()["items"] == []
    [credit] = story.list("/credits")
    body = {"method": "cash", "amount": "1.00"}
    assert api.call("POST", f"/credits/{credit['id']}/refunds", body, scope="/HQ/OTHER/").status_code == 404


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bills SET state = 'reversed' WHERE id = :bill",
        "UPDATE open_items SET open_amount = open_amount - 1 WHERE side = 'payable' AND work_order_id = :order",
        "UPDATE open_items SET amount = 1 WHERE work_order_id = :order",
        "UPDATE bill_reversals SET credited = 0 WHERE work_order_id = :order",
        "DELETE FROM open_items WHERE work_order_id = :order",
        "INSERT INTO allocations (id, open_item_id, document_type, document_id, \"on\", amount, org_path) "
        "SELECT gen_random_uuid(), id, 'refund', gen_random_uuid(), issued_on, 1, org_path FROM open_items WHERE work_order_id = :order",
    ],
)
def test_the_database_refuses_what_no_document_says(api: Served, site: Site, statement: str) -> None:
    story, other = Story(api, site), Story(api, site)
    assert api.receive(story.unaudited()) is Outcome.DONE
    with pytest.raises((DatabaseError, Forbidden)), api.database.uow() as uow:
        uow.execute(sa.text(statement).bindparams(**{
            name: value for name, value in (("bill", other.bill["id"]), ("order", story.id)) if f":{name}" in statement}))  # fmt: skip
