"""Bills and payments under many hands: orders told twice and at once, cashiers who pay more than is open, calls repeated
under one key. In the end the books say what the accepted answers say."""

from __future__ import annotations

import random
import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from hypothesis import given, strategies as st

from chassis.messaging.inbox import Outcome, retry_due
from tests.integration.concurrency.conftest import PROGRAMS, at_once
from tests.integration.finance.conftest import Finance
from tests.support.orders_events import billing
from tests.support.serving import Served, envelope

READY = "aftersales.orders.work_order.ready.v1"
METHODS = {"cash": "cash", "bank": "bank", "card": "card_clearing", "online": "online_clearing"}


@PROGRAMS
@given(luck=st.randoms(use_true_random=False))
def test_the_books_say_what_the_cashiers_were_told(finance: Served, luck: random.Random) -> None:
    site = Finance(finance).site()
    orders = [site.ready(billing=billing(("part", "1", f"{luck.randint(1, 30_000) / 100:.2f}"), rate="0")) for _ in range(3)]
    received: list[tuple[str, str, Decimal, dict[str, Any]]] = []

    def teller(order: dict[str, Any]) -> Any:
        """Two events of one fact (its sender died before it marked the first as sent) and each of them twice."""
        told = [envelope(READY, order, subject=order["id"], sequence=8, org_path=site.path) for _ in range(2)]

        def run() -> None:
            outcomes: list[Outcome] = []
            at_once([lambda made=made: outcomes.append(finance.receive(made)) for made in told * 2])  # type: ignore[misc]
            assert set(outcomes) <= {Outcome.DONE, Outcome.DUPLICATE, Outcome.RETRY}, outcomes

        return run

    def cashier(seed: int) -> Any:
        own = random.Random(seed)

        def run() -> None:
            for _ in range(10):
                order = own.choice(orders)
                listed = finance.call("GET", "/bills", work_order_id=order["id"])
                assert listed.status_code == 200, listed.text
                found = listed.json()["items"]
                if not found:
                    continue
                assert len(found) == 1, "one bill per order"
                [bill] = found
                amount, method = Decimal(own.randint(1, 12_000)) / 100, own.choice(list(METHODS))
                if own.random() < 0.4 and bill["open_amount"] != "0.00":
                    amount = Decimal(bill["open_amount"])
                body, key = {"method": method, "amount": f"{amount:.2f}"}, {"Idempotency-Key": uuid.uuid4().hex}
                answers: list[Any] = []
                calls = [lambda: answers.append(finance.call("POST", f"/bills/{bill['id']}/payments", body, headers=key))]  # noqa: B023
                at_once(calls * own.randint(1, 2))
                good = [answer.json() for answer in answers if answer.status_code == 201]
                assert all(answer.status_code == 201 or answer.json()["code"] == "over_allocated" for answer in answers)
                if good:
                    assert all(document == good[0] for document in good), "one key, one payment"
                    received.append((bill["id"], method, amount, good[0]))

        return run

    at_once([*(teller(order) for order in orders), *(cashier(luck.getrandbits(32)) for _ in range(4))])
    _retried(finance)
    for order in orders:
        [bill] = finance.call("GET", "/bills", work_order_id=order["id"]).json()["items"]
        mine = [(method, amount, document) for id_, method, amount, document in received if id_ == bill["id"]]
        paid = sum((amount for _, amount, _ in mine), Decimal(0))
        assert Decimal(bill["open_amount"]) == Decimal(bill["customer_total"]) - paid >= 0
        assert bill["version"] == 1 + len(mine)
        kept = finance.call("GET", "/payments", work_order_id=order["id"], limit=200).json()["items"]
        assert {payment["id"] for payment in kept} == {document["id"] for _, _, document in mine}
        left = sorted((Decimal(document["bill"]["open_amount"]) for _, _, document in mine), reverse=True)
        assert len(set(left)) == len(left), "every payment left less open than the one before"
        entries = finance.call("GET", "/ledger-entries", bill_id=bill["id"], limit=200).json()["items"]
        balances = {account: Decimal(0) for account in (*METHODS.values(), "receivable_customers")}
        for entry in entries:
            balances[entry["account"]] = balances.get(entry["account"], Decimal(0)) + Decimal(entry["amount"])
        assert sum(balances.values()) == 0
        assert balances["receivable_customers"] == Decimal(bill["open_amount"])
        for method, account in METHODS.items():
            assert balances[account] == sum((amount for used, amount, _ in mine if used == method), Decimal(0))
        assert [sequence for _, sequence, _ in finance.events(bill["id"])] == list(range(1, bill["version"] + 1))


def _retried(finance: Served) -> None:
    """What lost a race was kept for another try; it finds its work done."""
    with finance.database.uow() as uow:
        uow.execute(sa.text("UPDATE inbox SET next_at = now() WHERE state = 'retry'"))
    retry_due(finance.service, finance.database.engine)
    assert finance.rows("SELECT 1 FROM inbox WHERE state <> 'done'") == []
