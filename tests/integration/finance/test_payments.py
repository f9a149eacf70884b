"""Payments never exceed the bill, whoever pays when (F-22, F-23)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chassis.db.uow import UnitOfWork
from chassis.domain.principal import Principal
from services.finance.ledger import OverAllocated
from services.finance.receivables import usecases
from tests.integration.finance.conftest import Site
from tests.support.orders_events import WORKED, billing
from tests.support.serving import Served


def pay(api: Served, bill: dict[str, Any], amount: Any, method: Any = "cash", **options: Any) -> Any:
    return api.call("POST", f"/bills/{bill['id']}/payments", {"method": method, "amount": amount}, **options)


def test_paid_in_parts(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    first = pay(api, bill, "100")
    assert first.status_code == 201
    paid = first.json()
    assert paid["number"].startswith("PY")
    assert len(paid["number"]) == 10
    assert (paid["amount"], paid["method"], paid["currency"], paid["version"]) == ("100.00", "cash", "CNY", 1)
    assert paid["bill"] == {"id": bill["id"], "number": bill["number"], "state": "open", "open_amount": "114.81"}
    assert api.call("GET", f"/payments/{paid['id']}").json() == paid

    too_much = pay(api, bill, "114.82")
    assert (too_much.status_code, too_much.json()["code"]) == (422, "over_allocated")
    assert (too_much.json()["field"], too_much.json()["open_amount"]) == ("amount", "114.81")

    last = pay(api, bill, "114.81", "bank").json()
    assert last["bill"]["state"] == "settled"
    assert last["bill"]["open_amount"] == "0.00"
    after = pay(api, bill, "0.01")
    assert (after.status_code, after.json()["code"]) == (422, "over_allocated")

    now = api.call("GET", f"/bills/{bill['id']}").json()
    assert (now["state"], now["open_amount"], now["version"], now["allowed_actions"]) == ("settled", "0.00", 3, [])
    listed = api.call("GET", f"/bills/{bill['id']}/payments", sort="number").json()["items"]
    assert [(p["id"], p["amount"], p["bill"]["open_amount"]) for p in listed] == [
        (paid["id"], "100.00", "0.00"), (last["id"], "114.81", "0.00")]
    assert [p["id"] for p in api.call("GET", "/payments", work_order_id=bill["work_order_id"], method="bank").json()["items"]] == [last["id"]]

    assert [(type_, sequence, data["open_amount"], data["state"]) for type_, sequence, data in api.events(bill["id"])] == [
        ("bill.issued.v1", 1, "214.81", "open"), ("bill.changed.v1", 2, "114.81", "open"), ("bill.changed.v1", 3, "0.00", "settled")]
    [(type_, sequence, data)] = api.events(paid["id"])
    assert (type_, sequence) == ("payment.received.v1", 1)
    assert data == {"bill_id": bill["id"], "work_order_id": bill["work_order_id"], "number": paid["number"],
                    "amount": "100.00", "method": "cash", "open_amount": "114.81"}


@pytest.mark.parametrize(("amount", "method"), [
    ("0", "cash"), ("0.00", "cash"), ("-1.00", "cash"), ("1.001", "cash"), ("1,00", "cash"), ("", "cash"), ("abc", "cash"),
    ("1e3", "cash"), ("NaN", "cash"), (" 1.00", "cash"), ("99999999999.00", "cash"), (100, "cash"), (None, "cash"), (True, "cash"),
    ("1.00", "gold"), ("1.00", None), ("１.00", "cash"), ("1.00\n", "cash"),
])
def test_bad_bodies_change_nothing(api: Served, site: Site, amount: Any, method: Any) -> None:
    bill = site.bill(billing=billing(*WORKED))
    answer = pay(api, bill, amount, method)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    assert next(error["field"] for error in answer.json()["errors"]) == ("amount" if method == "cash" else "method")
    assert api.call("GET", f"/bills/{bill['id']}").json() == bill


def test_everything_wrong_is_named_at_once(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    answer = api.call("POST", f"/bills/{bill['id']}/payments", {"amount": "-1", "tip": "1.00"})
    assert {error["field"] for error in answer.json()["errors"]} == {"method", "amount", "tip"}


def test_unknown_bill(api: Served) -> None:
    for id in ("0199e3a1-6f00-7c3e-9a51-2f3b8d0c4e11", "nonsense"):
        answer = pay(api, {"id": id}, "1.00")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_same_key_pays_once(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    key = {"Idempotency-Key": bill["id"]}
    first, again = pay(api, bill, "10.00", headers=key), pay(api, bill, "10.00", headers=key)
    assert first.json() == again.json()
    other = pay(api, bill, "11.00", headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert api.call("GET", f"/bills/{bill['id']}").json()["open_amount"] == "204.81"


def test_a_stale_version_of_the_bill_is_refused(api: Served, site: Site) -> None:
    bill = site.bill(billing=billing(*WORKED))
    assert pay(api, bill, "10.00", headers={"If-Match": '"1"'}).status_code == 201
    stale = pay(api, bill, "10.00", headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")


def test_payments_at_the_same_moment_over_http(api: Served, site: Site) -> None:
    """Twelve cashiers take 30.00 each of 214.81: seven succeed, five are refused, numbers have no hole."""
    bill = site.bill(billing=billing(*WORKED))
    body = {"method": "cash", "amount": "30.00"}
    answers = api.together([("POST", f"/bills/{bill['id']}/payments", body)] * 12)
    made = [answer.json() for answer in answers if answer.status_code == 201]
    assert len(made) == 7
    assert {answer.json()["code"] for answer in answers if answer.status_code != 201} == {"over_allocated"}
    assert sorted(p["bill"]["open_amount"] for p in made) == sorted(f"{Decimal('214.81') - 30 * n:.2f}" for n in range(1, 8))
    numbers = sorted(int(p["number"][2:]) for p in made)
    assert numbers == list(range(numbers[0], numbers[0] + 7))


def test_payments_at_the_same_moment_in_threads(api: Served, site: Site) -> None:
    """The use case itself, each thread with a transaction of its own and a different amount."""
    bill = site.bill(billing=billing(("part", "1", "100.00"), rate="0"))

    def attempt(cents: int) -> Decimal:
        amount = Decimal(cents) / 100
        try:
            with UnitOfWork(api.database.engine, Principal.of("ann", site.path, ["*"])) as uow:
                usecases.pay(uow, bill["id"], "card", str(amount))
        except OverAllocated:
            return Decimal(0)
        return amount

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(attempt, [1700 + n for n in range(16)]))
    now = api.call("GET", f"/bills/{bill['id']}").json()
    assert Decimal(now["open_amount"]) == 100 - taken >= 0
    [row] = api.rows("SELECT sum(amount) AS paid FROM payments WHERE bill_id = :id", id=bill["id"])
    assert row.paid == taken > 80


class Till(RuleBasedStateMachine):
    """Any sequence of payments, against the simplest model: what is open, and what each account holds."""

    api: Served
    site: Site

    @initialize(price=st.integers(1, 30_000))
    def bill(self, price: int) -> None:
        self.made = self.site.bill(billing=billing(("part", "1", f"{price / 100:.2f}"), rate="0"))
        self.open, self.held = Decimal(price) / 100, dict.fromkeys(("cash", "bank", "card", "online"), Decimal(0))
        self.events = 1

    @rule(method=st.sampled_from(["cash", "bank", "card", "online"]), cents=st.integers(1, 12_000))
    def pay(self, method: str, cents: int) -> None:
        amount = Decimal(cents) / 100
        answer = pay(self.api, self.made, f"{amount:.2f}", method)
        assert answer.status_code == (201 if amount <= self.open else 422)
        if answer.status_code == 201:
            self.open, self.events = self.open - amount, self.events + 1
            self.held[method] += amount

    @rule(method=st.sampled_from(["cash", "bank"]))
    def pay_all(self, method: str) -> None:
        if self.open:
            assert pay(self.api, self.made, f"{self.open:.2f}", method).json()["bill"]["state"] == "settled"
            self.held[method] += self.open
            self.open, self.events = Decimal(0), self.events + 1

    @invariant()
    def agrees(self) -> None:
        bill = self.api.call("GET", f"/bills/{self.made['id']}").json()
        assert (Decimal(bill["open_amount"]), bill["state"]) == (self.open, "open" if self.open else "settled")
        assert [sequence for _, sequence, _ in self.api.events(self.made["id"])] == list(range(1, self.events + 1))
        entries = self.api.call("GET", "/ledger-entries", bill_id=self.made["id"], limit=200).json()["items"]
        assert sum(Decimal(entry["amount"]) for entry in entries) == 0
        balances: dict[str, Decimal] = {}
        for entry in entries:
            balances[entry["account"]] = balances.get(entry["account"], Decimal(0)) + Decimal(entry["amount"])
        assert balances["receivable_customers"] == self.open
        accounts = {"cash": "cash", "bank": "bank", "card": "card_clearing", "online": "online_clearing"}
        assert {m: balances.get(a, Decimal(0)) for m, a in accounts.items()} == self.held


def test_any_sequence_of_payments_agrees_with_the_model(api: Served, site: Site) -> None:
    class Here(Till):
        pass

    Here.api, Here.site = api, site
    quick = settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    run_state_machine_as_test(Here, settings=quick)
