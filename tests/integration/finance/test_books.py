"""Any bills, payments and reversals against a small obvious ledger; and eight clerks at once (F-06, F-23, R-10)."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chassis.messaging.inbox import Outcome
from services.orders.repairs.pricing import Position
from tests.integration.finance.conftest import Site
from tests.integration.finance.shared import TAX, Document, items, party, price, priced, shared
from tests.integration.finance.test_payments import pay
from tests.support.orders_events import order
from tests.support.serving import Served


class Books(RuleBasedStateMachine):
    """Bills of random shares, payments for several items, reversals of payments and of bills: beside them a dictionary of what each owes."""

    api: Served
    site: Site

    @initialize(luck=st.randoms(use_true_random=False))
    def parties(self, luck: random.Random) -> None:
        self.luck = luck
        self.maker, self.insurer = party(self.api, "maker")["id"], party(self.api)["id"]
        self.owed: dict[str, Decimal] = {}
        self.payer: dict[str, str] = {}
        self.of_bill: dict[str, list[str]] = {}
        self.cash, self.credit = Decimal(0), Decimal(0)
        self.payments: dict[str, list[tuple[str, Decimal]]] = {}
        self.orders: dict[str, tuple[str, Document]] = {}

    @rule(price_=st.integers(1, 50_000), half=st.integers(0, 100), limit=st.integers(0, 40_000))
    def bill(self, price_: int, half: int, limit: int) -> None:
        terms: list[Any] = [{"payer": "maker", "party_id": self.maker, "percent": half}] if half else []
        terms += [{"payer": "insurer", "party_id": self.insurer, "amount": f"{limit / 100:.2f}"}] if limit else []
        content: Any = priced(1, price([Position("part", str(uuid.uuid4()), "x", Decimal(1), Decimal(price_) / 100)], TAX), terms, "customer")
        made = self.site.bill(billing=dict(content))
        net = Decimal(price_) / 100
        assert Decimal(made["total"]) == net + (net * TAX).quantize(Decimal("0.01"), "ROUND_HALF_UP")
        found = items(self.api, made)
        assert sum(Decimal(item["amount"]) for item in found.values()) == Decimal(made["total"])
        for payer, item in found.items():
            self.owed[item["id"]], self.payer[item["id"]] = Decimal(item["amount"]), payer
        self.of_bill[made["id"]] = [item["id"] for item in found.values()]
        self.orders[made["id"]] = (made["work_order_id"], dict(content))

    @rule(payer=st.sampled_from(["maker", "insurer", "customer"]), part=st.integers(1, 120))
    def pay(self, payer: str, part: int) -> None:
        mine = [id for id, owes in self.payer.items() if owes == payer and id in self.owed][-3:]
        mine = mine[-1:] if payer == "customer" else mine  # each order has another customer
        amounts = [(id, (self.owed[id] * part / 100).quantize(Decimal("0.01"))) for id in mine]
        amounts = [(id, amount) for id, amount in amounts if amount]
        if not amounts:
            return
        body = {"method": "cash", "allocations": [{"open_item_id": id, "amount": str(amount)} for id, amount in amounts]}
        answer = self.api.call("POST", "/payments", body)
        fits = all(amount <= self.owed[id] for id, amount in amounts)
        assert answer.status_code == (201 if fits else 422), answer.text
        if fits:
            for id, amount in amounts:
                self.owed[id] -= amount
                self.cash += amount
            self.payments[answer.json()["id"]] = amounts

    @rule()
    def take_back(self) -> None:
        if not self.payments:
            return
        id = self.luck.choice(sorted(self.payments))
        of_gone_bill = any(item not in self.owed for item, _ in self.payments[id])
        answer = self.api.call("POST", f"/payments/{id}/reverse", {"reason": "x"})
        assert answer.status_code == (409 if of_gone_bill else 200), answer.text
        if not of_gone_bill:
            for item, amount in self.payments.pop(id):
                self.owed[item] += amount
                self.cash -= amount

    @rule()
    def reverse_bill(self) -> None:
        if not self.orders:
            return
        bill = self.luck.choice(sorted(self.orders))
        work_order, content = self.orders.pop(bill)
        paid = {item: sum((amount for of in self.payments.values() for id, amount in of if id == item), Decimal(0)) for item in self.of_bill[bill]}
        told = order("unaudited", site_id=str(self.site.id), billing=content, reason="x") | {"id": work_order}
        assert self.api.tell("aftersales.orders.work_order.unaudited.v1", told, subject=work_order, sequence=30, org_path=self.site.path) is Outcome.DONE
        for item in self.of_bill[bill]:
            self.credit += paid[item]
            del self.owed[item]

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "owed"):
            return
        listed = self.api.call("GET", "/open-items", site_id=str(self.site.id), side="receivable", open="true", limit=200).json()["items"]
        assert {item["id"]: Decimal(item["open_amount"]) for item in listed} == {id: left for id, left in self.owed.items() if left}
        accounts = {one["code"]: Decimal(one["balance"]) for one in self.api.call("GET", "/accounts", scope=self.site.path, limit=200).json()["items"]}
        by_payer = {payer: sum((left for id, left in self.owed.items() if self.payer[id] == payer), Decimal(0)) for payer in ("customer", "maker", "insurer")}
        assert {payer: accounts[f"receivable_{payer}s"] for payer in by_payer} == by_payer
        assert (accounts["cash"], -accounts["customer_credits"] - accounts["party_credits"]) == (self.cash, self.credit)
        assert sum(accounts.values()) == 0


def test_any_bills_payments_and_reversals_agree_with_a_small_ledger(api: Served, site: Site) -> None:
    class Here(Books):
        pass

    Here.api, Here.site = api, site
    bounded = settings(max_examples=1, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    for _ in range(6):
        Here.site = site.finance.site()
        run_state_machine_as_test(Here, settings=bounded)


def test_the_books_of_eight_at_once(api: Served, site: Site) -> None:
    """Payments for one, for several, and taken back, in eight threads: afterwards items, balances and entries agree (the guards saw each)."""
    maker = party(api, "maker")["id"]
    bills = [site.bill(billing=shared(party(api)["id"], maker)) for _ in range(4)]
    owed = [items(api, bill) for bill in bills]

    def clerk(seed: int) -> None:
        luck = random.Random(seed)
        for _ in range(6):
            some = luck.sample(range(4), 2)
            amount = f"{luck.randint(1, 3000) / 100:.2f}"
            body = {"method": "bank", "allocations": [{"open_item_id": owed[n]["maker"]["id"], "amount": amount} for n in some]}
            answer = api.call("POST", "/payments", body)
            assert answer.status_code in (201, 422), answer.text
            if answer.status_code == 201 and luck.random() < 0.5:
                assert api.call("POST", f"/payments/{answer.json()['id']}/reverse", {"reason": "x"}).status_code == 200
            pay(api, bills[luck.randrange(4)], f"{luck.randint(1, 2000) / 100:.2f}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(clerk, range(8)))
    left = sum(Decimal(items(api, bill)["maker"]["open_amount"]) for bill in bills)
    [balance] = api.call("GET", f"/counterparties/{maker}").json()["balances"] or [{"balance": "0.00"}]
    assert Decimal(balance["balance"]) == left
