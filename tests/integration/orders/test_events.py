"""Events of other services in any order, twice, late: the same end (architecture section 4)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from chassis.domain.aggregate import new_id
from chassis.messaging.inbox import Outcome
from tests.integration.orders.conftest import Job, Shop
from tests.support.serving import envelope


def facts(job: Job) -> tuple[Any, ...]:
    """Everything the events of others can change, times and ids aside."""
    rows = job.shop.served.rows
    order = job.reload()
    return (
        order["state"],
        order["waiting_for"],
        [
            tuple(r)
            for r in rows(
                "SELECT sequence, quote_version, reserved_all, issued_all, lines FROM requisition_copies WHERE work_order_id = :i",
                i=job.id,
            )
        ],
        [
            tuple(r)
            for r in rows(
                "SELECT sequence, state, open_amount FROM bill_copies WHERE work_order_id = :i", i=job.id
            )
        ],
        [
            tuple(r)
            for r in rows(
                "SELECT sequence, recorded, score FROM revisit_copies WHERE work_order_id = :i", i=job.id
            )
        ],
        sorted(r.type for r in rows("SELECT type FROM timeline_entries WHERE work_order_id = :i", i=job.id)),
        [type_ for type_, _, _ in job.shop.served.events(job.id)],
    )


@pytest.mark.parametrize("seed", range(6))
def test_requisitions_shuffled_and_repeated(shop: Shop, seed: int):
    shuffle = random.Random(seed)
    job = shop.order().start().quote().do("approve", {"approved_by": "x"})
    name = "inventory.requisition.changed"
    told = [job.event(name, job.requisition(reserved=False)), job.event(name, job.requisition(reserved=False)),
            job.event(name, job.requisition())]  # fmt: skip
    deliveries = told * 2
    shuffle.shuffle(deliveries)
    outcomes = [shop.served.receive(event) for event in deliveries]
    assert outcomes.count(Outcome.DUPLICATE) == 3 and outcomes.count(Outcome.DONE) == 3
    state, waiting, [copy], *_ = facts(job)
    assert (state, waiting, copy[:4]) == ("in_repair", None, (3, 1, True, False))
    assert len(job.shop.ok("GET", f"/work-orders/{job.id}/timeline")["items"]) == 5 + 1 + 3, (
        "parts_reserved once, each event once"
    )


@pytest.mark.parametrize("seed", range(4))
def test_bills_and_payments_shuffled(shop: Shop, seed: int):
    shuffle = random.Random(seed)
    job = shop.order().to_ready()
    total = job.document["billing"]["customer_total"]
    data = {"number": "BL1", "round": 1, "customer_total": total, "maker_total": "0.00"}
    bills = [("issued", "open", total), ("changed", "open", "100.00"), ("changed", "settled", "0.00")]
    told = [
        job.event(f"finance.bill.{verb}", {**data, "state": state, "open_amount": left})
        for verb, state, left in bills
    ]
    told += told[:1]
    shuffle.shuffle(told)
    for event in told:
        shop.served.receive(event)
    assert [(sequence, state, str(left)) for sequence, state, left in facts(job)[3]] == [
        (3, "settled", "0.00")
    ]
    assert job.do("hand-over", {"received_by": "x"}).document["state"] == "completed"


def test_revisit_recorded_before_it_was_created(shop: Shop):
    job = shop.order().to_ready().billed("0.00").do("hand-over", {"received_by": "x"})
    created = job.event("callcenter.revisit.created", {"due_on": "2026-11-25"})
    recorded = job.event("callcenter.revisit.recorded", {"solved": True, "score": 2, "comment": None})
    for event in (recorded, created, recorded):
        shop.served.receive(event)
    assert facts(job)[:2] == ("revisited", None) and facts(job)[4] == [(2, True, 2)]
    assert [type_ for type_, _, _ in shop.served.events(job.id)].count("work_order.revisited.v1") == 1
    assert shop.served.events(job.id)[-1][2]["state"] == "revisited"


@pytest.mark.parametrize("end", [{"solved": True, "reason": None}, {"solved": False, "reason": "bought a new one"}])
def test_not_solved_stays_completed_until_its_follow_up_ends(shop: Shop, end: dict[str, Any]):
    job = shop.order().to_ready().billed("0.00").do("hand-over", {"received_by": "x"})
    told = [
        job.event("callcenter.revisit.recorded", {"solved": False, "score": None, "comment": "rattles"}),
        job.event("callcenter.follow_up.opened", {"comment": "rattles"}),
    ]
    for event in (told[1], told[0], *told):
        shop.served.receive(event)
    assert facts(job)[0] == "completed"
    shop.refused(job.attempt("audit", headers={"Prefer": "wait=0"}), 409, "bad_transition", state="completed")
    ended = job.event("callcenter.follow_up.closed", end)
    for event in (ended, ended, told[0]):
        shop.served.receive(event)
    assert facts(job)[0] == "revisited"
    assert [type_ for type_, _, _ in shop.served.events(job.id)].count("work_order.revisited.v1") == 1
    items = shop.ok("GET", f"/work-orders/{job.id}/timeline", headers={"Accept-Language": "en"})["items"]
    said = [item["summary"] for item in items if item["source"] == "callcenter"]
    assert sorted(said) == sorted(["Revisit recorded", "Not solved, the customer says: followed up",
                                   "Follow-up ended, solved" if end["solved"] else "Follow-up closed, not solved: bought a new one"])


def test_a_late_reservation_of_an_old_version_moves_nothing(shop: Shop):
    job = shop.order().start().quote().do("approve", {"approved_by": "x"})
    old = job.event("inventory.requisition.changed", job.requisition())
    job.quote(hours=1).do("approve", {"approved_by": "x"})
    shop.served.receive(old)
    assert job.where == ("in_repair", "parts")
    job.reserved()
    assert job.where == ("in_repair", None)


def test_an_event_of_an_unknown_order_is_kept_and_tried_again(shop: Shop):
    told = envelope(
        "aftersales.callcenter.revisit.created.v1", {"work_order_id": str(new_id()), "due_on": "2026-11-25"}
    )
    assert shop.served.receive(told) is Outcome.RETRY


def test_master_copies_never_go_back(shop: Shop):
    part = shop.part("10.00")
    for sequence, price in ((5, "50.00"), (3, "30.00"), (4, "40.00")):
        data = {"number": "n", "name": "n", "unit": "个", "price": price}
        shop.tell("inventory.part.changed", data, subject=part, sequence=sequence)
    job = shop.order().start().do("quote", {"labour": [], "parts": [{"part_id": part, "quantity": 1}]})
    assert job.document["quote"]["lines"][0]["unit_price"] == "50.00"


def test_payments_in_the_timeline_are_for_who_may_read_payments(shop: Shop):
    job = shop.order().to_ready().billed("50.00")
    job.tell("finance.payment.received", {"number": "PY26110001", "amount": "12.34", "method": "cash", "bill_id": str(new_id()), "open_amount": "37.66"})
    read = "orders.work_order.read"

    def told(*rights: str, **more: Any) -> set[str]:
        items = shop.ok("GET", f"/work-orders/{job.id}/timeline", permissions=(read, *rights), **more)["items"]
        return {item["type"] for item in items} & {"payment.received", "bill.issued", "bill.changed"}

    assert "payment.received" not in told() | told("finance.bill.read")
    assert "payment.received" in told("finance.payment.read")
    csv = shop.served.call("GET", f"/work-orders/{job.id}/timeline", format="csv", permissions=(read,)).text
    assert "12.34" not in csv and "payment.received" not in csv
    total = shop.ok("GET", f"/work-orders/{job.id}/timeline", total="true", permissions=(read,))
    assert total["total"] == len(total["items"])
