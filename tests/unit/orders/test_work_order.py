"""The repair order's rules, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chassis.domain.errors import BadTransition
from chassis.events import schemas
from services.orders.devices import Coverage, Decision
from services.orders.repairs import ending
from services.orders.repairs.errors import (
    BillExists,
    BillOpen,
    OverReturn,
    PartsNotIssued,
    PartsNotReturned,
    QuoteMissing,
)
from services.orders.repairs.states import Origin, State, Wait
from tests.support.announced import loaded
from tests.unit.orders.builders import (
    FINDINGS,
    IN,
    NOW,
    P1,
    announced,
    approved,
    bill,
    give_back,
    in_check,
    in_repair,
    parts,
    positions,
    ready,
    registered,
)


def test_registered_tells_everything():
    event = announced(registered())
    assert event["type"] == "aftersales.orders.work_order.registered.v1" and event["orgpath"] == "/HQ/N/S1/"
    assert (event["data"]["state"], event["data"]["needed"], event["data"]["billing"]) == (
        "registered",
        [],
        None,
    )


def test_each_event_of_the_case_keeps_its_contract():
    order = ready()
    told = []
    order.hand_over("李明", bill(order, "0.00"), NOW, "ann")
    told.append(announced(order))
    order.revisit("ann")
    told.append(announced(order))
    order.audit("ann")
    told.append(announced(order))
    assert [event["data"]["state"] for event in told] == ["completed", "revisited", "audited"]
    assert told[0]["data"]["billing"]["customer_total"] == "135.60"


def test_a_wrong_event_does_not_leave():
    order = registered()
    loaded(order).channel = "pigeon"
    order.start("ann")
    with pytest.raises(schemas.SchemaViolation):
        announced(order)


def test_start_takes_an_open_order_of_the_old_system_over():
    order = registered()
    announced(order)
    order.origin = Origin.HISTORY
    order.start("ann")
    assert order.origin is Origin.LIVE


def test_a_chargeable_quote_waits_for_approval_and_needs_nothing_before():
    order = in_repair()
    order.offer(positions(), Decimal("0.13"), NOW, "ann")
    data = announced(order)["data"]
    assert (data["waiting_for"], data["quote_version"], data["approved_version"], data["needed"]) == (
        "approval",
        1,
        None,
        [],
    )
    order.approve("李明", NOW, "ann")
    data = announced(order)["data"]
    assert (data["waiting_for"], data["approved_version"]) == ("parts", 1)
    assert data["needed"] == [{"part_id": P1, "quantity": 2}]
    assert data["promised_at"] == "2026-11-22T08:00:00Z"


def test_what_the_maker_pays_is_approved_at_once():
    order = in_repair(IN)
    order.offer(positions(), Decimal("0.13"), NOW, "ann")
    data = announced(order)["data"]
    assert (data["waiting_for"], data["approved_version"]) == ("parts", 1)
    assert order.quote and order.quote.state == "approved"


def test_without_parts_nobody_is_waited_for():
    order = in_repair(IN)
    order.offer(positions()[:1], Decimal("0.13"), NOW, "ann")
    assert (order.waiting_for, order.approved_version, order.promised_at) == (None, 1, None)
    announced(order)
    order.complete("x", None, "ann")
    announced(order)
    order.check(True, None, None, NOW, "ann")
    assert order.state is State.READY


def test_a_rejected_quote_waits_for_the_customer():
    order = in_repair()
    order.offer(positions(), Decimal("0.13"), NOW, "ann")
    announced(order)
    order.reject("too dear", "ann")
    assert announced(order)["data"]["waiting_for"] == "customer"
    with pytest.raises(QuoteMissing) as refused:
        order.complete("x", None, "ann")
    assert (
        refused.value.members["quotes"] == [{"version": 1, "state": "rejected"}] and not refused.value.waits
    )


def test_a_new_version_needs_a_new_approval_and_keeps_the_promise():
    order = approved()
    order.note_parts(parts(order), "system:orders.worker")
    assert announced(order)["type"].endswith("parts_reserved.v1") and order.waiting_for is None
    order.offer(positions(3), Decimal("0.13"), datetime(2026, 12, 1, tzinfo=UTC), "ann")
    data = announced(order)["data"]
    assert (data["quote_version"], data["approved_version"], data["needed"], data["waiting_for"]) == (
        2,
        None,
        [],
        "approval",
    )
    order.approve("x", datetime(2026, 12, 1, tzinfo=UTC), "ann")
    assert order.promised_at == NOW


@pytest.mark.parametrize("stale", [{"reserved": False}, {"version": 7}])
def test_only_the_approved_versions_reservation_counts(stale: dict[str, Any]):
    order = approved()
    told = parts(order, **stale)
    order.note_parts(told, "system")
    assert order.waiting_for is Wait.PARTS and order.take_events() == []
    with pytest.raises(PartsNotIssued) as refused:
        order.complete("x", told, "ann")
    assert refused.value.waits and refused.value.members["parts"][0]["part_id"] == P1
    with pytest.raises(PartsNotIssued):
        order.complete("x", None, "ann")


def test_completing_has_inventory_issue_and_the_check_waits_for_it():
    order = approved()
    order.complete("done", parts(order), "ann")
    data = announced(order)["data"]
    assert (data["state"], data["repaired"], data["waiting_for"]) == ("in_check", True, None)
    with pytest.raises(PartsNotIssued) as refused:
        order.check(True, None, parts(order, issued=1), NOW, "ann")
    assert refused.value.waits
    order.check(True, None, parts(order, issued=2), NOW, "ann")
    data = announced(order)["data"]
    assert (data["state"], data["ready_at"], data["billing"]["round"]) == ("ready", "2026-11-22T08:00:00Z", 1)


def test_a_failed_check_goes_back_without_waiting():
    order = in_check()
    order.check(False, "still noisy", None, NOW, "ann")
    data = announced(order)["data"]
    assert (data["state"], data["repaired"], data["approved_version"]) == ("in_repair", False, 1)
    order.complete("again", parts(order, issued=2), "ann")
    assert order.state is State.IN_CHECK


def test_when_the_other_side_pays_the_quote_is_void():
    order = approved(IN)
    order.diagnose(FINDINGS, Decision(Coverage.OUT_OF_WARRANTY, [{"code": "no_quality_defect"}]), "ann")
    data = announced(order)["data"]
    assert (data["coverage"], data["approved_version"], data["needed"], data["waiting_for"]) == (
        "out_of_warranty",
        None,
        [],
        None,
    )
    assert order.quote and order.quote.state == "void"
    with pytest.raises(QuoteMissing):
        order.complete("x", None, "ann")


def test_the_same_payer_keeps_the_quote():
    order = approved()
    order.diagnose(FINDINGS, Decision(Coverage.TO_CHECK, []), "ann")
    assert (order.approved_version, order.waiting_for) == (1, Wait.PARTS)


def test_returned_parts_are_not_billed():
    order = in_check()
    order.return_parts(give_back(1), parts(order, issued=2), "ann")
    data = announced(order)["data"]
    assert data["needed"] == [{"part_id": P1, "quantity": 1}]
    assert [(item["part_id"], item["quantity"], item["quality"]) for item in data["returns"]] == [
        (P1, 1, "good")
    ]
    order.check(True, None, parts(order, issued=2), NOW, "ann")
    assert [(line["kind"], line["quantity"]) for line in announced(order)["data"]["billing"]["lines"]] == [
        ("labour", 1),
        ("part", 1),
    ]


def test_only_what_is_out_comes_back():
    order = in_check()
    with pytest.raises(OverReturn) as refused:
        order.return_parts(give_back(1), parts(order, issued=0), "ann")
    assert refused.value.waits
    order.return_parts(give_back(2), parts(order, issued=2), "ann")
    announced(order)
    with pytest.raises(OverReturn):
        order.return_parts(give_back(1), parts(order, issued=2), "ann")


def test_cancel_needs_all_parts_back():
    order = in_check()
    with pytest.raises(PartsNotReturned) as refused:
        ending.cancel(order, "x", parts(order, issued=0), None, "ann")
    assert refused.value.members["parts"] == [{"part_id": P1, "quantity": 2}] and refused.value.waits
    order.return_parts(give_back(2), parts(order, issued=2), "ann")
    announced(order)
    ending.cancel(order, "x", parts(order, issued=2), None, "ann")
    data = announced(order)["data"]
    assert (data["state"], data["needed"], data["repaired"], data["waiting_for"]) == (
        "cancelled",
        [],
        False,
        None,
    )


def test_cancel_frees_reservations():
    order = approved()
    ending.cancel(order, "sold", parts(order), None, "ann")
    assert announced(order)["data"]["needed"] == []


def test_once_billed_there_is_no_cancel():
    order = ready()
    with pytest.raises(BillExists) as refused:
        ending.cancel(order, "x", None, bill(order, "1.00"), "ann")
    assert refused.value.members["bills"][0]["number"] == "BL1"


@pytest.mark.parametrize("open_amount", [None, "0.01"])
def test_hand_over_waits_for_bill_and_money(open_amount: str | None):
    order = ready()
    with pytest.raises(BillOpen) as refused:
        order.hand_over("x", bill(order, open_amount) if open_amount else None, NOW, "ann")
    assert refused.value.waits and order.state is State.READY


def test_audit_of_a_completed_order_waits_for_its_revisit():
    order = ready()
    order.hand_over("x", bill(order, "0.00"), NOW, "ann")
    announced(order)
    with pytest.raises(BadTransition) as refused:
        order.audit("ann")
    assert refused.value.waits and refused.value.members["state"] == "completed"


def test_journal_of_a_move():
    order = registered()
    announced(order)
    ending.cancel(order, "sold", None, None, "ann")
    [entry] = order.__dict__["_journal"]
    assert (entry.action, entry.by, entry.before, entry.after, entry.why) == (
        "cancel",
        "ann",
        "registered",
        "cancelled",
        "sold",
    )
